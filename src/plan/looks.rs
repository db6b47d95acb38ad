//! What a pass asks before it is planned. What is not asked for here, the planner never sees; the model asks the same.

use super::{Claim, Seen, watches};
use crate::model::{Login, Reason, Transport};

/// What is known of an object before anything is asked, as far as that decides what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Known {
    /// Another object has the better claim to its channel.
    pub held: bool,
    /// Deletion was asked for.
    pub deleting: bool,
    /// Our finalizer is there.
    pub finalizer: bool,
    /// The object has a channel.
    pub has_channel: bool,
    /// A create intent is open.
    pub intent: bool,
    /// What may have come from an earlier create without a clear answer is watched for.
    pub watches: bool,
    /// Something was refused.
    pub refused: bool,
    /// Its channel was missing in a list, or is believed lost.
    pub missing: bool,
    /// Its transport, when the spec can be read.
    pub transport: Option<Transport>,
}

impl Known {
    /// Of what was seen until now.
    pub fn of(seen: &Seen) -> Self {
        Self {
            held: seen.claim != Claim::Free,
            deleting: seen.object.deleting,
            finalizer: seen.object.finalizer,
            has_channel: seen.channel_id().is_some(),
            intent: seen.object.intent.is_some(),
            watches: watches(seen.memory.repeated.as_ref(), seen.now),
            refused: seen.memory.refusal.is_some(),
            missing: seen.memory.missing_since.is_some() || seen.memory.loss_believed,
            transport: seen.wish.as_ref().ok().map(|wish| wish.transport),
        }
    }

    /// Whether the service is asked at all: a deletion looks only where it has something to find out.
    pub const fn needs_list(self) -> bool {
        let searching = !self.has_channel && (self.intent || self.watches);
        let deletion = self.finalizer && (searching || self.refused);
        !self.held && (!self.deleting || deletion)
    }

    /// Whether [`Look::unclaimed`](super::Look::unclaimed) is needed: a channel may turn up that is the object's own or a twin.
    pub const fn needs_unclaimed(self) -> bool {
        self.needs_claimed() || self.watches
    }

    /// Whether [`Look::claimed`](super::Look::claimed) is needed: a create may follow.
    pub const fn needs_claimed(self) -> bool {
        !self.has_channel || self.missing
    }

    /// Whether [`Look::other_intents`](super::Look::other_intents) are needed: another's create may explain what turns up, or
    /// must end first.
    pub fn needs_other_intents(self) -> bool {
        let link = matches!(self.transport.map(Transport::login), Some(Login::Iframe));
        self.intent || self.watches || (link && !self.has_channel)
    }
}

/// Whether the two-factor Secret is read: the service waits for its password.
pub fn needs_password(seen: &Seen) -> bool {
    seen.remote_channel()
        .is_some_and(|channel| channel.reason == Some(Reason::WaitForPassword))
}
