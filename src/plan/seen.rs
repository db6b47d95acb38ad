//! Everything that a pass over a channel can know, not knowing included.

use std::time::Duration;

use jiff::Timestamp;

use super::{Memory, Timing};
use crate::model::{ChannelId, Fault, Phone, RemoteChannel, Transport};

/// All that was seen in one pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The time of the pass.
    pub now: Timestamp,
    /// A random word for a new create intent.
    pub nonce: String,
    /// How long this process has known of the open create intent, by a clock that nobody sets; zero without one.
    pub intent_watched: Duration,
    /// The pauses and limits in force.
    pub timing: Timing,
    /// The object's metadata.
    pub object: Object,
    /// The parsed spec, or what is wrong with it, in words that say how to mend it.
    pub wish: Result<Wish, String>,
    /// What the status remembers.
    pub memory: Memory,
    /// The account that the channel names.
    pub account: Account,
    /// What Wazzup shows.
    pub remote: Remote,
    /// Who else claims the channel's id.
    pub claim: Claim,
    /// The credentials Secret.
    pub credentials: Supply,
    /// The two-factor Secret.
    pub two_factor: Supply,
    /// The QR sink.
    pub sink: Sink,
}

/// What the object's metadata says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Namespace, for messages that hold a command.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// `status.observedGeneration`.
    pub observed_generation: i64,
    /// Whether deletion was asked for.
    pub deleting: bool,
    /// Whether our finalizer is there.
    pub finalizer: bool,
    /// Whether the namespace is going too, so that no Secret can be made in it.
    pub namespace_terminating: bool,
    /// What is known of our own CRD: while it is going, the operator is being uninstalled.
    pub kind: Kind,
    /// `wazzup24.com/abandon: "true"`.
    pub abandon: bool,
    /// Request annotations as they stand.
    pub requests: Requests,
    /// The create intent, when it bears this object's uid.
    pub intent: Option<Intent>,
    /// `wazzup24.com/channel-id`.
    pub channel_id: Option<ChannelId>,
}

/// What is known of our own CRD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It stays, or nobody let us look (namespaced mode).
    Stays,
    /// It is being removed.
    Going,
    /// Could not look.
    Hidden(String),
}

/// Values of the request annotations, or the last ones handled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Requests {
    /// `reinit-requested-at`
    pub reinit: Option<String>,
    /// `sync-requested-at`
    pub sync: Option<String>,
    /// `pairing-requested-at`
    pub pairing: Option<String>,
    /// `recreate-requested-at`
    pub recreate: Option<String>,
    /// `resolve-create`: a channel id or `create`
    pub resolve_create: Option<String>,
}

/// What was written before a create, so that no crash can hide that one may have happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Intent {
    /// When.
    pub at: Timestamp,
    /// Tells this attempt from any other.
    pub nonce: String,
    /// The account's channels of that transport at the time, claimed or not.
    pub baseline: Vec<ChannelId>,
    /// Whether there were more of them than an intent holds.
    pub baseline_cut: bool,
}

/// The parsed spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// `spec.transport`
    pub transport: Transport,
    /// `spec.channelId`
    pub adopt: Option<ChannelId>,
    /// `spec.managementPolicy`
    pub management: Management,
    /// `spec.deletionPolicy`
    pub deletion: Option<DeletionPolicy>,
    /// `spec.externalDeletionPolicy`
    pub external_deletion: Option<ExternalDeletionPolicy>,
    /// `spec.reinitPolicy`
    pub reinit: ReinitPolicy,
    /// `spec.pairing.phone`
    pub pairing_phone: Option<Phone>,
    /// `spec.readyWhen`
    pub ready_when: ReadyWhen,
    /// `spec.suspend`, or the account's.
    pub suspend: bool,
    /// Name of the credentials Secret, for messages.
    pub credentials_secret: Option<String>,
    /// Name and key of the two-factor Secret, for messages.
    pub two_factor_secret: (String, String),
    /// Kind (`configmap` or `secret`, as kubectl takes it) and name of the sink, for messages.
    pub sink: (&'static str, String),
}

/// `spec.managementPolicy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Management {
    /// Create, keep, delete.
    Full,
    /// Mirror only.
    Observe,
}

/// `spec.deletionPolicy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// Delete the channel, keep its chats.
    Delete,
    /// Delete the channel and its chats.
    DeleteWithChats,
    /// Leave the channel.
    Retain,
}

/// `spec.externalDeletionPolicy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalDeletionPolicy {
    /// Make it again.
    Recreate,
    /// Ask a person.
    Stop,
}

/// `spec.reinitPolicy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReinitPolicy {
    /// Reinitialize within budgets.
    Auto,
    /// Only when asked.
    OnRequest,
}

/// `spec.readyWhen`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyWhen {
    /// The channel is active.
    Connected,
    /// The channel exists.
    Provisioned,
}

/// The account as a channel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// Not known to be usable yet; it will wake the channel.
    Pending,
    /// It cannot be used, and why.
    Trouble(AccountTrouble, String),
    /// It can.
    Usable {
        /// Whether QR codes would arrive.
        webhooks: Webhooks,
    },
}

/// Why an account cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountTrouble {
    /// There is none of that name.
    NotFound,
    /// It does not grant this namespace.
    NotAllowed,
    /// Its token is missing or refused, or it is another customer's.
    NotAuthenticated,
    /// Its own spec is wrong.
    Invalid,
    /// Wazzup could not be asked yet whether the token is good.
    OutOfReach,
}

/// Whether the service would tell us of a QR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Webhooks {
    /// Subscribed, or somebody else routes them.
    Ready,
    /// Being subscribed.
    Pending,
    /// Switched off, or no public URL.
    Off,
}

/// What Wazzup shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// It was not asked in this pass, or not yet.
    NotAsked,
    /// It could not be looked at.
    Hidden {
        /// Why.
        fault: Fault,
        /// How many looks in a row have failed.
        in_a_row: u32,
    },
    /// A healthy list.
    Looked(Look),
}

/// A healthy list, seen from one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// How long ago the list was asked for: it shows nothing that happened since.
    pub age: Duration,
    /// The channel with our id in the list.
    pub mine: Option<RemoteChannel>,
    /// What `GET /v2/channels/{id}` said, asked when the id is known and the list lacks it.
    pub by_id: RemoteById,
    /// Channels of our transport that no other object claims.
    pub unclaimed: Vec<RemoteChannel>,
    /// What other objects claim of our transport, listed or not; known where a create may follow.
    pub claimed: Vec<ChannelId>,
    /// Whether the list held no channel at all.
    pub empty: bool,
    /// Whether every item of the list could be read.
    pub complete: bool,
    /// Open intents of other objects for the same account and transport: of each, what it knows to be older than itself.
    pub other_intents: Vec<Vec<ChannelId>>,
}

/// What a look by id said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteById {
    /// Not asked.
    NotAsked,
    /// 404.
    Missing,
    /// There.
    Found(RemoteChannel),
    /// Could not look.
    Hidden(Fault),
}

/// Who owns the channel's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nobody else.
    Free,
    /// Another object with a better claim: `namespace/name`.
    HeldBy(String),
}

/// A Secret's values, seen from one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supply {
    /// None is needed or named.
    NotNeeded,
    /// Named and needed, but not there: what is missing, in words.
    Missing(String),
    /// Could not look.
    Hidden(String),
    /// There; the hash tells a changed value from the same one.
    Present {
        /// HMAC over the used keys' values.
        hash: String,
    },
}

/// The QR sink, seen from its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// None.
    Absent,
    /// Ours.
    Shown {
        /// Time of the event whose QR it shows; `None` when it holds no QR.
        qr_at: Option<Timestamp>,
        /// Whether a pairing code is in it.
        pairing_code: bool,
        /// Whether a link is in it.
        link: bool,
    },
    /// An object of that name that is not ours.
    Foreign,
}

impl Sink {
    /// The time of the QR that is shown, if any.
    pub const fn qr_at(&self) -> Option<Timestamp> {
        match self {
            Self::Shown { qr_at, .. } => *qr_at,
            Self::Absent | Self::Foreign => None,
        }
    }
}

impl Wish {
    /// What happens to the channel when the object goes: an adopted one is kept unless the manifest says otherwise.
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.deletion.unwrap_or(if self.adopt.is_some() {
            DeletionPolicy::Retain
        } else {
            DeletionPolicy::Delete
        })
    }
}

impl Seen {
    /// The id this object goes by: the status first, then the manifest, then the annotation that survives a backup.
    pub fn channel_id(&self) -> Option<&ChannelId> {
        let adopt = self.wish.as_ref().ok().and_then(|wish| wish.adopt.as_ref());
        self.memory
            .channel_id
            .as_ref()
            .or(adopt)
            .or(self.object.channel_id.as_ref())
    }

    /// The channel as Wazzup shows it in this pass.
    pub fn remote_channel(&self) -> Option<&RemoteChannel> {
        match &self.remote {
            Remote::NotAsked | Remote::Hidden { .. } => None,
            Remote::Looked(look) => look.mine.as_ref().or(match &look.by_id {
                RemoteById::Found(channel) => Some(channel),
                RemoteById::NotAsked | RemoteById::Missing | RemoteById::Hidden(_) => None,
            }),
        }
    }
}
