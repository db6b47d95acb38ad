//! What the status remembers between passes, restarts included.

use jiff::Timestamp;

use super::Requests;
use crate::model::ChannelId;

/// What the status remembers: the budgets and every "once" are derived from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// `status.channelId`
    pub channel_id: Option<ChannelId>,
    /// Whether a list has shown this channel before.
    pub was_seen: bool,
    /// Reinits since the channel was last active.
    pub reinits: u32,
    /// When the last of them was made.
    pub last_reinit_at: Option<Timestamp>,
    /// When the last reinit was written down, while its answer is not known: it may never have been sent.
    pub reinit_unanswered: Option<Timestamp>,
    /// Hash of the credentials last sent.
    pub credentials_hash: Option<String>,
    /// Hash of the two-factor password last sent.
    pub two_factor_hash: Option<String>,
    /// Since when a QR is awaited.
    pub qr_since: Option<Timestamp>,
    /// The first look that showed nothing where something was expected.
    pub missing_since: Option<Timestamp>,
    /// Whether two looks have agreed that the channel is gone.
    pub loss_believed: bool,
    /// The QR for which a pairing code was last asked.
    pub pairing_asked_for: Option<Timestamp>,
    /// Whether a pairing code was given for the present request.
    pub pairing_given: bool,
    /// When a login link was last put where a person reads it.
    pub link_at: Option<Timestamp>,
    /// The authorization link: a create tells it, and not every later list repeats it.
    pub url: Option<String>,
    /// What the service refused last.
    pub refusal: Option<Refusal>,
    /// The last call, when it failed and left nothing behind that would hold the next one back.
    pub setback: Option<Setback>,
    /// When the QR sink was last closed.
    pub qr_closed_at: Option<Timestamp>,
    /// A create without a clear answer.
    pub repeated: Option<super::Repeated>,
    /// Newcomers that may have come from that create, each told once.
    pub twins: Vec<ChannelId>,
    /// Requests done.
    pub handled: Requests,
}

/// A refusal, kept so that it is neither repeated at once nor forgotten in what people are told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Of what.
    pub call: RefusedCall,
    /// When.
    pub at: Timestamp,
    /// The service's words.
    pub words: String,
}

/// A call that failed. Every write of our own wakes a pass, so the pause before the next call is kept where writes are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Setback {
    /// When.
    pub at: Timestamp,
    /// How often in a row, as far as it matters.
    pub in_a_row: u32,
    /// What is told meanwhile.
    pub words: String,
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusedCall {
    /// `POST /v2/channels`
    Create,
    /// `POST /v2/channels/{id}/reinit`
    Reinit,
    /// `POST /v2/channels/{id}/auth/2fa`
    TwoFactor,
    /// `POST /v2/channels/{id}/pairing-code`
    PairingCode,
    /// `POST /v2/iframe-links/channels`
    Link,
    /// `DELETE /v2/channels/{id}`
    Delete,
}
