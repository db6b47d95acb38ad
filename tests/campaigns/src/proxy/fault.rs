//! What can happen to a message, and rules that say to which.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Side, watch::WatchFault};
use crate::operator::Replica;

/// When a process is killed or stopped, relative to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The message never arrives.
    Before,
    /// It took effect, and its answer never comes.
    Between,
    /// Its answer was read.
    After,
}

impl Moment {
    /// Every moment.
    pub const ALL: [Self; 3] = [Self::Before, Self::Between, Self::After];
}

/// An answer as it came, to be changed.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON answer.
    pub fn json(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.as_bytes().to_vec(),
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A place where an answer is kept, to be given again later as an older snapshot.
#[derive(Debug, Clone, Default)]
pub struct Shelf(Arc<Mutex<Option<Reply>>>);

impl Shelf {
    /// Keeps an answer; the first stays.
    pub(super) fn put(&self, reply: &Reply) {
        self.0.lock().unwrap().get_or_insert_with(|| reply.clone());
    }

    /// The answer that is kept.
    pub(super) fn take(&self) -> Option<Reply> {
        self.0.lock().unwrap().clone()
    }
}

/// What happens to a message.
#[derive(Clone)]
pub enum Fault {
    /// It arrives late.
    Delay(Duration),
    /// It takes effect late, even where its sender is gone by then: a service that commits late.
    Late(Duration),
    /// It takes effect at once, its answer comes late.
    DelayAnswer(Duration),
    /// It never arrives, and the connection stays open for so long.
    Stall(Duration),
    /// It takes effect, no answer comes, and the connection stays open for so long.
    StallAnswer(Duration),
    /// The connection is closed before it arrives.
    ResetBefore,
    /// It takes effect, and the connection is closed without an answer.
    ResetAfter,
    /// It takes effect, and the answer breaks off in the middle.
    Truncate,
    /// It takes effect, and the answer's body comes one byte a second.
    Drip,
    /// It takes effect, and the answer's body never ends: as many bytes as are taken, 256 MiB at most.
    Endless,
    /// It never arrives; this is answered.
    Answer(Reply),
    /// It takes effect; this is answered.
    AnswerAfter(Reply),
    /// It takes effect, and the answer is changed.
    Rewrite(Arc<dyn Fn(&mut Reply) + Send + Sync>),
    /// It arrives twice; the second answer is given.
    Replay,
    /// Its answer is kept.
    Keep(Shelf),
    /// It never arrives; the answer that was kept is given, or the true one where none was.
    Again(Shelf),
    /// The replica that sent it is killed.
    Kill(Moment),
    /// The replica that sent it stands still from then on, until it is told to go on.
    Stop(Moment),
    /// A watch whose events are harmed.
    Watch(WatchFault),
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Delay(time) => write!(f, "Delay({time:?})"),
            Self::Late(time) => write!(f, "Late({time:?})"),
            Self::DelayAnswer(time) => write!(f, "DelayAnswer({time:?})"),
            Self::Stall(time) => write!(f, "Stall({time:?})"),
            Self::StallAnswer(time) => write!(f, "StallAnswer({time:?})"),
            Self::ResetBefore => f.write_str("ResetBefore"),
            Self::ResetAfter => f.write_str("ResetAfter"),
            Self::Truncate => f.write_str("Truncate"),
            Self::Drip => f.write_str("Drip"),
            Self::Endless => f.write_str("Endless"),
            Self::Answer(reply) => write!(f, "Answer({})", reply.status),
            Self::AnswerAfter(reply) => write!(f, "AnswerAfter({})", reply.status),
            Self::Rewrite(_) => f.write_str("Rewrite"),
            Self::Replay => f.write_str("Replay"),
            Self::Keep(_) => f.write_str("Keep"),
            Self::Again(_) => f.write_str("Again"),
            Self::Kill(moment) => write!(f, "Kill({moment:?})"),
            Self::Stop(moment) => write!(f, "Stop({moment:?})"),
            Self::Watch(fault) => write!(f, "Watch({fault:?})"),
        }
    }
}

/// Which messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those with this label.
    Label(String),
    /// Those whose label begins so.
    Prefix(String),
    /// Every step: a write that matters.
    Step,
    /// Every message.
    Any,
}

/// A rule: which messages, how many of them pass first, how many are harmed, and how.
#[derive(Debug, Clone)]
pub struct Rule {
    /// On which side; both when it is not said.
    pub side: Option<Side>,
    /// Of which replica; all when it is not said.
    pub replica: Option<usize>,
    /// Which messages.
    pub which: Which,
    /// How many matching messages pass unharmed first.
    pub skip: usize,
    /// How many are then harmed.
    pub times: usize,
    /// What happens to them.
    pub fault: Fault,
    /// How many it has struck.
    pub struck: usize,
}

impl Rule {
    /// Harms the first message with this label.
    pub fn once(side: Side, label: &str, fault: Fault) -> Self {
        Self {
            side: Some(side),
            replica: None,
            which: Which::Label(label.to_owned()),
            skip: 0,
            times: 1,
            fault,
            struck: 0,
        }
    }

    /// Harms every message with this label until the rules are cleared.
    pub fn always(side: Side, label: &str, fault: Fault) -> Self {
        Self {
            times: usize::MAX,
            ..Self::once(side, label, fault)
        }
    }

    /// Harms every watch, of whatever kind, until the rules are cleared.
    pub fn watches(fault: WatchFault) -> Self {
        Self {
            which: Which::Prefix("WATCH ".to_owned()),
            ..Self::always(Side::Kubernetes, "", Fault::Watch(fault))
        }
    }

    /// Harms the n-th step from now on, counted from 1 over both sides.
    pub fn step(number: usize, fault: Fault) -> Self {
        Self {
            side: None,
            replica: None,
            which: Which::Step,
            skip: number.saturating_sub(1),
            times: 1,
            fault,
            struck: 0,
        }
    }

    /// The n-th such message instead of the first, counted from 1.
    #[must_use]
    pub fn nth(self, number: usize) -> Self {
        Self {
            skip: number.saturating_sub(1),
            ..self
        }
    }

    /// So many in a row.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Only those of this replica.
    #[must_use]
    pub fn only(self, replica: usize) -> Self {
        Self {
            replica: Some(replica),
            ..self
        }
    }

    pub(super) fn matches(&self, side: Side, label: &str, replica: Option<usize>) -> bool {
        self.side.is_none_or(|wanted| wanted == side)
            && self.replica.is_none_or(|wanted| Some(wanted) == replica)
            && match &self.which {
                Which::Label(wanted) => wanted == label,
                Which::Prefix(wanted) => label.starts_with(wanted.as_str()),
                Which::Step => super::label::is_step(side, label),
                Which::Any => true,
            }
    }
}

/// The replica that a message came from does not live on, or stands still.
pub(super) fn strike_down(fault: &Fault, moment: Moment, replica: Option<&Replica>) -> bool {
    match (fault, replica) {
        (Fault::Kill(when), Some(replica)) if *when == moment => {
            replica.kill();
            true
        }
        (Fault::Stop(when), Some(replica)) if *when == moment => {
            replica.stop();
            true
        }
        _ => false,
    }
}
