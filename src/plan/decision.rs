//! Everything that a pass over a channel can do and say.

use std::time::Duration;

use super::{Intent, Memory};
use crate::model::{ChannelId, Phone};

/// What to do now. The order of carrying out is fixed: sink, note, memory (before a call), call; then the answer is
/// settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// A change of the object's metadata, written only if the object is still as it was seen.
    pub note: Option<Note>,
    /// What the status must remember; with a call, written before it and only if the object is still as it was seen.
    pub memory: Memory,
    /// The one remote change, always last.
    pub call: Option<Call>,
    /// What becomes of the sink.
    pub sink: SinkOrder,
    /// What people are told.
    pub verdict: Verdict,
    /// When to look again.
    pub wake: Wake,
}

/// A change of the object's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Finalizer and create intent in one write.
    OpenIntent(Intent),
    /// The intent goes: nothing was made.
    ClearIntent,
    /// Finalizer and id annotation, the intent cleared.
    RecordId(ChannelId),
    /// The id annotation goes: that channel is no more.
    ForgetId,
    /// The object may go.
    RemoveFinalizer,
}

/// A change at Wazzup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `POST /v2/channels`; `alone` for creates that carry credentials: one at a time for an account and transport.
    Create {
        /// Whether no other create of that transport may be in flight.
        alone: bool,
    },
    /// `POST /v2/channels/{id}/reinit` with the credentials seen.
    Reinit(ChannelId),
    /// `POST /v2/channels/{id}/auth/2fa` with the password seen.
    SubmitTwoFactor(ChannelId),
    /// `POST /v2/channels/{id}/pairing-code`
    RequestPairingCode(ChannelId, Phone),
    /// `POST /v2/iframe-links/channels`; with an id to reconnect that channel.
    OpenLink(Option<ChannelId>),
    /// `DELETE /v2/channels/{id}`
    Delete {
        /// The channel.
        id: ChannelId,
        /// `delete_chats`
        with_chats: bool,
    },
}

/// What becomes of the QR sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkOrder {
    /// As it is.
    Keep,
    /// It has served, or what it shows is dead.
    Withdraw,
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Too early to say anything: what was said stands.
    Unsettled,
    /// The channel works.
    Connected,
    /// It goes on by itself.
    Waiting(Progress, String),
    /// A person must act; the message holds the exact command.
    Person(Need, String),
    /// The manifest must change.
    Stalled(Stall, String),
    /// The service refused the credentials: the manifest's Secret must change.
    RefusedCredentials(String),
    /// Wazzup could not be looked at.
    CannotLook {
        /// Why, without any secret.
        why: String,
        /// Whether it has failed long enough to be said.
        say: bool,
    },
    /// Wazzup said something that this operator does not know.
    Unrecognized(String),
    /// Mirrored only.
    Idle(Idle, String),
    /// The object goes.
    Gone(String),
}

/// Why a channel that is not connected is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// `suspend`
    Suspended,
    /// `managementPolicy: Observe`
    Observed,
}

/// Reasons of `Reconciling`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// A create was decided or its answer is unknown.
    Creating,
    /// The channel is starting up.
    Connecting,
    /// The service is catching up after a login.
    Syncing,
    /// A reinit was made.
    Reinitializing,
    /// A pause before the next try.
    BackingOff,
    /// There is no account of that name.
    AccountNotFound,
    /// The account does not grant this namespace.
    AccountNotAllowed,
    /// The account has no valid token.
    AccountNotAuthenticated,
    /// The account's webhooks are being subscribed.
    SubscribingWebhooks,
    /// A channel that was there is not; looked at twice before it is believed.
    CheckingLoss,
    /// Deletion is under way.
    Deleting,
}

/// Reasons of `ActionRequired`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Scan the QR in the sink.
    ScanQr,
    /// Give the two-factor password.
    EnterPassword,
    /// A code that no documented endpoint takes.
    EnterCode,
    /// Follow the link.
    FollowLink,
    /// Pay.
    PayForChannel,
    /// Scanned with another phone.
    WrongPhone,
    /// Authorized in another Wazzup account.
    OpenedElsewhere,
    /// The QR ran out; ask for a new one.
    RequestNewQr,
    /// Removed from the subscription, or deleted while keeping messages.
    RemovedOrUnsubscribed,
    /// Deleted at Wazzup.
    ChannelGone,
    /// An earlier create may have made one of several channels.
    ChooseChannel,
    /// The credentials are missing or no longer serve.
    FixCredentials,
    /// A QR could not reach us.
    EnableWebhooks,
    /// Only the service's support can help.
    ContactSupport,
}

/// Reasons of `Stalled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stall {
    /// The spec is wrong.
    InvalidSpec,
    /// A foreign object has the sink's name.
    QrSinkNameTaken,
    /// The service refused the request.
    Rejected,
    /// Another object holds the channel.
    ChannelClaimed,
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// When something changes: the account's regular list tells.
    OnChange,
    /// After a pause, with what is known then.
    After(Duration),
    /// After a pause, with a look of its own.
    LookAfter(Duration),
}

impl Progress {
    /// Every value.
    pub const ALL: [Self; 11] = [
        Self::Creating,
        Self::Connecting,
        Self::Syncing,
        Self::Reinitializing,
        Self::BackingOff,
        Self::AccountNotFound,
        Self::AccountNotAllowed,
        Self::AccountNotAuthenticated,
        Self::SubscribingWebhooks,
        Self::CheckingLoss,
        Self::Deleting,
    ];

    /// The condition's reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Connecting => "Connecting",
            Self::Syncing => "Syncing",
            Self::Reinitializing => "Reinitializing",
            Self::BackingOff => "BackingOff",
            Self::AccountNotFound => "AccountNotFound",
            Self::AccountNotAllowed => "AccountNotAllowed",
            Self::AccountNotAuthenticated => "AccountNotAuthenticated",
            Self::SubscribingWebhooks => "SubscribingWebhooks",
            Self::CheckingLoss => "CheckingLoss",
            Self::Deleting => "Deleting",
        }
    }
}

impl Need {
    /// Every value.
    pub const ALL: [Self; 14] = [
        Self::ScanQr,
        Self::EnterPassword,
        Self::EnterCode,
        Self::FollowLink,
        Self::PayForChannel,
        Self::WrongPhone,
        Self::OpenedElsewhere,
        Self::RequestNewQr,
        Self::RemovedOrUnsubscribed,
        Self::ChannelGone,
        Self::ChooseChannel,
        Self::FixCredentials,
        Self::EnableWebhooks,
        Self::ContactSupport,
    ];

    /// The condition's reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ScanQr => "ScanQr",
            Self::EnterPassword => "EnterPassword",
            Self::EnterCode => "EnterCode",
            Self::FollowLink => "FollowLink",
            Self::PayForChannel => "PayForChannel",
            Self::WrongPhone => "WrongPhone",
            Self::OpenedElsewhere => "OpenedElsewhere",
            Self::RequestNewQr => "RequestNewQr",
            Self::RemovedOrUnsubscribed => "RemovedOrUnsubscribed",
            Self::ChannelGone => "ChannelGone",
            Self::ChooseChannel => "ChooseChannel",
            Self::FixCredentials => "FixCredentials",
            Self::EnableWebhooks => "EnableWebhooks",
            Self::ContactSupport => "ContactSupport",
        }
    }
}

impl Stall {
    /// Every value.
    pub const ALL: [Self; 4] = [
        Self::InvalidSpec,
        Self::QrSinkNameTaken,
        Self::Rejected,
        Self::ChannelClaimed,
    ];

    /// The condition's reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSpec => "InvalidSpec",
            Self::QrSinkNameTaken => "QrSinkNameTaken",
            Self::Rejected => "Rejected",
            Self::ChannelClaimed => "ChannelClaimed",
        }
    }
}

impl Plan {
    /// Say something and change nothing.
    pub const fn say(memory: Memory, verdict: Verdict, wake: Wake) -> Self {
        Self {
            note: None,
            memory,
            call: None,
            sink: SinkOrder::Keep,
            verdict,
            wake,
        }
    }
}
