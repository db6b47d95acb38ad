//! What the rules read of a value, once for each value: asking the values themselves would take most of the time.

use wazzup_operator::plan::Memory;

use crate::{
    state::NONE,
    value::{Told, Value, bit, clock, number},
};

/// An object in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Deletion was asked for.
    pub(crate) deleting: bool,
    /// The finalizer is there.
    pub(crate) finalizer: bool,
    /// A create intent is there.
    pub(crate) intent: bool,
    /// When it was written.
    pub(crate) intent_at: u8,
    /// What was there then.
    pub(crate) baseline: u8,
    /// The channel in the annotation.
    pub(crate) annotation: u8,
    /// What the status remembers.
    pub(crate) memory: Remembered,
    /// What is told.
    pub(crate) told: Told,
    /// A request to choose is there.
    pub(crate) answered: bool,
    /// Something waits for time to pass.
    pub(crate) waits: bool,
}

/// A memory in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// The channel.
    pub(crate) channel: u8,
    /// Whether what turns up is watched for.
    pub(crate) watches: bool,
    /// What was known then.
    pub(crate) known: u8,
    /// Whether the service refused something.
    pub(crate) refusal: bool,
    /// Whether its channel was not there, or is believed lost.
    pub(crate) missing: bool,
}

impl Facts {
    /// Of a value.
    pub(crate) fn of(value: &Value) -> Self {
        let memory = &value.memory;
        let due = memory
            .missing_since
            .or(memory.reinit_unanswered)
            .or(memory.last_reinit_at);
        Self {
            deleting: value.deleting,
            finalizer: value.finalizer,
            intent: value.intent.is_some(),
            intent_at: value.intent.as_ref().map_or(0, |intent| clock(intent.at)),
            baseline: mask(value.intent.iter().flat_map(|intent| &intent.baseline)),
            annotation: numbered(value.annotation.as_ref()),
            memory: Remembered::of(memory),
            told: value.told,
            answered: value.requests.resolve_create.is_some(),
            waits: value.intent.is_some() || due.is_some() || memory.refusal.is_some(),
        }
    }

    /// The channel that the object says it has; [`NONE`] for none.
    pub(crate) fn channel(&self) -> u8 {
        if self.memory.channel == NONE {
            self.annotation
        } else {
            self.memory.channel
        }
    }

    /// Whether it says that it has this channel.
    pub(crate) fn has(&self, channel: usize) -> bool {
        usize::from(self.channel()) == channel
    }
}

impl Remembered {
    /// Of a memory.
    pub(crate) fn of(memory: &Memory) -> Self {
        Self {
            channel: numbered(memory.channel_id.as_ref()),
            watches: memory.repeated.is_some(),
            known: mask(memory.repeated.iter().flat_map(|repeated| &repeated.known)),
            refusal: memory.refusal.is_some(),
            missing: memory.missing_since.is_some() || memory.loss_believed,
        }
    }
}

fn numbered(id: Option<&wazzup_operator::model::ChannelId>) -> u8 {
    id.and_then(|id| u8::try_from(number(id)).ok()).unwrap_or(NONE)
}

fn mask<'a>(ids: impl Iterator<Item = &'a wazzup_operator::model::ChannelId>) -> u8 {
    ids.fold(0, |mask, id| mask | bit(number(id)))
}
