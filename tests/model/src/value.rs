//! Objects as the API server stores them.

use std::time::Duration;

use jiff::Timestamp;
use wazzup_operator::{
    model::ChannelId,
    plan::{Intent, Memory, Need, Note, Requests, Stall, Verdict, report},
};

use crate::pool::Planned;

/// The grace before a second create, in steps of time.
pub(crate) const GRACE: u8 = 2;

/// A step of time.
const STEP: u64 = 100;

/// The first moment.
const BEGIN: i64 = 1_800_000_000;

/// What a person is told, as far as somebody acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Told {
    /// Nothing, or that it goes on by itself.
    Nothing,
    /// The channel works.
    Connected,
    /// Which of these is it?
    Choose(u8),
    /// The channel is gone.
    Gone,
    /// Another object holds it.
    HeldByAnother,
    /// A person must act otherwise.
    Person(&'static str),
}

/// An object as the API server stores it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    /// Deletion was asked for.
    pub(crate) deleting: bool,
    /// The finalizer is there.
    pub(crate) finalizer: bool,
    /// The create intent.
    pub(crate) intent: Option<Intent>,
    /// The id annotation.
    pub(crate) annotation: Option<ChannelId>,
    /// Request annotations.
    pub(crate) requests: Requests,
    /// What the status remembers.
    pub(crate) memory: Memory,
    /// Whether the status mirrors a channel.
    pub(crate) mirrored: bool,
    /// Whether the generation counts as observed.
    pub(crate) observed: bool,
    /// What is told.
    pub(crate) told: Told,
}

/// The id of a channel.
pub(crate) fn id(number: usize) -> ChannelId {
    let words = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];
    match ChannelId::parse(words[number]) {
        Ok(id) => id,
        Err(error) => unreachable!("{error}"),
    }
}

/// The channel of an id.
pub(crate) fn number(id: &ChannelId) -> usize {
    id.as_str()
        .as_bytes()
        .get(1)
        .map_or(0, |digit| usize::from(digit - b'0'))
}

/// The time after so many steps.
pub(crate) fn time(clock: u8) -> Timestamp {
    match Timestamp::from_second(BEGIN + i64::from(clock) * STEP.cast_signed()) {
        Ok(time) => time,
        Err(error) => unreachable!("{error}"),
    }
}

/// The steps after which it was that time.
pub(crate) fn clock(time: Timestamp) -> u8 {
    u8::try_from((time.as_second() - BEGIN) / STEP.cast_signed()).unwrap_or(0)
}

/// So many steps of time.
pub(crate) const fn steps(count: u64) -> Duration {
    Duration::from_secs(count * STEP)
}

/// The number of a channel as a bit.
pub(crate) const fn bit(number: usize) -> u8 {
    1 << number
}

/// Which finalizer a note wants.
pub(crate) const fn finalizer(note: &Note) -> Option<bool> {
    match note {
        Note::OpenIntent(_) | Note::RecordId(_) => Some(true),
        Note::RemoveFinalizer => Some(false),
        Note::ClearIntent | Note::ForgetId => None,
    }
}

/// What a note leaves of a value; see `cluster::notes::carry_out`.
pub(crate) fn note_down(current: &Value, known: &Value, note: &Note) -> Value {
    let mut value = current.clone();
    if let Some(wanted) = finalizer(note).filter(|wanted| *wanted != known.finalizer) {
        value.finalizer = wanted;
    }
    // What the copy does not hold is not removed.
    match note {
        Note::OpenIntent(intent) => {
            value.intent = Some(intent.clone());
            if known.annotation.is_some() {
                value.annotation = None;
            }
        }
        Note::RecordId(id) => {
            value.annotation = Some(id.clone());
            if known.intent.is_some() {
                value.intent = None;
            }
        }
        Note::ClearIntent | Note::ForgetId => {
            if known.intent.is_some() {
                value.intent = None;
            }
            if known.annotation.is_some() && matches!(note, Note::ForgetId) {
                value.annotation = None;
            }
        }
        Note::RemoveFinalizer => {}
    }
    value
}

impl Value {
    /// An object that was just applied.
    pub(crate) fn fresh() -> Self {
        Self {
            deleting: false,
            finalizer: false,
            intent: None,
            annotation: None,
            requests: Requests::default(),
            memory: Memory::default(),
            mirrored: false,
            observed: false,
            told: Told::Nothing,
        }
    }

    /// The memory as a pass reads it.
    pub(crate) fn read(&self) -> Memory {
        Memory {
            was_seen: self.mirrored,
            ..self.memory.clone()
        }
    }
}

/// The memory as a status holds it: whether the channel was seen is told by the mirror.
pub(crate) fn stored(memory: &Memory) -> Memory {
    Memory {
        was_seen: false,
        ..memory.clone()
    }
}

/// What a plan leaves in the status, as `status::say` writes it.
pub(crate) fn say(value: &Value, planned: &Planned) -> Value {
    let said = report(&planned.seen, &planned.plan);
    let told = match &planned.plan.verdict {
        Verdict::Person(Need::ChooseChannel, _) => Told::Choose(planned.newcomers),
        Verdict::Person(Need::ChannelGone, _) => Told::Gone,
        Verdict::Person(need, _) => Told::Person(need.as_str()),
        Verdict::Stalled(Stall::ChannelClaimed, _) => Told::HeldByAnother,
        Verdict::Stalled(stall, _) => Told::Person(stall.as_str()),
        Verdict::RefusedCredentials(_) => Told::Person("RefusedCredentials"),
        Verdict::Connected => Told::Connected,
        Verdict::Unsettled | Verdict::CannotLook { .. } | Verdict::Gone(_) => value.told,
        Verdict::Waiting(..) | Verdict::Unrecognized(_) | Verdict::Idle(..) => Told::Nothing,
    };
    Value {
        memory: stored(&planned.plan.memory),
        mirrored: said.mirror.map_or(value.mirrored, |mirror| mirror.status.is_some()),
        observed: value.observed || said.observed,
        told,
        ..value.clone()
    }
}
