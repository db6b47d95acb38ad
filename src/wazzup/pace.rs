//! How fast an account may be asked: token bucket, pauses, circuit breaker and the order of the lanes. Pure; time is an
//! argument.

use std::time::{Duration, Instant};

use crate::model::{CreateOutcome, Fault};

/// So many failures in a row open the breaker.
const FAILURES_TO_OPEN: u32 = 5;
/// The first pause of an open breaker; each failed probe doubles it.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer, whoever asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A probe that nobody has reported on for so long is taken for lost.
const PROBE_LOST: Duration = Duration::from_secs(30);

/// Why a request is made; the first goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person changed something and waits.
    Person,
    /// A webhook says that something changed.
    Webhook,
    /// A periodic look.
    Refresh,
}

impl Lane {
    /// Every lane, in order of priority.
    pub const ALL: [Self; 3] = [Self::Person, Self::Webhook, Self::Refresh];

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Person => 0,
            Self::Webhook => 1,
            Self::Refresh => 2,
        }
    }

    /// After so many others went before it, a waiting lane is served: nobody starves.
    const fn patience(self) -> u32 {
        match self {
            Self::Person => 1,
            Self::Webhook => 4,
            Self::Refresh => 8,
        }
    }
}

/// What a result says about the service's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answered, be it with a refusal.
    Answered,
    /// 429.
    Throttled {
        /// What it asked for.
        retry_after: Option<Duration>,
    },
    /// Timeout, 5xx, no connection, nonsense.
    Broken,
    /// The request never reached for the service, so the result says nothing.
    Silent,
}

impl Verdict {
    /// The verdict on a fault.
    pub fn of_fault(fault: &Fault) -> Self {
        match fault {
            Fault::Denied { .. } | Fault::Missing { .. } | Fault::Rejected { .. } => Self::Answered,
            Fault::Throttled { retry_after } => Self::Throttled {
                retry_after: *retry_after,
            },
            Fault::NotSent { kind, .. } => match kind {
                crate::model::NotSent::Connect => Self::Broken,
                crate::model::NotSent::HostNotAllowed | crate::model::NotSent::HeldBack => Self::Silent,
            },
            Fault::Unclear { .. } => Self::Broken,
        }
    }
}

impl<T> From<&Result<T, Fault>> for Verdict {
    fn from(result: &Result<T, Fault>) -> Self {
        result.as_ref().err().map_or(Self::Answered, Self::of_fault)
    }
}

impl From<&CreateOutcome> for Verdict {
    fn from(outcome: &CreateOutcome) -> Self {
        match outcome {
            CreateOutcome::Created(_) => Self::Answered,
            CreateOutcome::Refused(fault) | CreateOutcome::NotSent(fault) | CreateOutcome::Unknown(fault) => {
                Self::of_fault(fault)
            }
        }
    }
}

/// Whether the next request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Now.
    Now,
    /// Not before this time.
    At(Instant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaker {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    Probing { since: Instant, pause: Duration },
}

/// The state of one account's limiter.
#[derive(Debug, Clone)]
pub struct Pace {
    rate: f64,
    tokens: f64,
    refilled: Instant,
    not_before: Option<Instant>,
    breaker: Breaker,
    passed_over: [u32; 3],
}

impl Pace {
    /// A limiter of so many requests per second (at least one), with a full burst of twice as many.
    pub fn new(per_second: u32, now: Instant) -> Self {
        let rate = f64::from(per_second.max(1));
        Self {
            rate,
            tokens: rate * 2.0,
            refilled: now,
            not_before: None,
            breaker: Breaker::Closed { failures: 0 },
            passed_over: [0; 3],
        }
    }

    /// Changes the rate; what has been saved up is kept, within the new burst.
    pub fn set_rate(&mut self, per_second: u32, now: Instant) {
        self.refill(now);
        self.rate = f64::from(per_second.max(1));
        self.tokens = self.tokens.min(self.rate * 2.0);
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.rate).min(self.rate * 2.0);
        self.refilled = self.refilled.max(now);
    }

    /// Whether a request may go at `now`.
    pub fn readiness(&mut self, now: Instant) -> Readiness {
        self.refill(now);
        let mut at = now;
        if let Some(not_before) = self.not_before {
            at = at.max(not_before);
        }
        match self.breaker {
            Breaker::Closed { .. } => {}
            Breaker::Open { until, .. } => at = at.max(until),
            Breaker::Probing { since, .. } => at = at.max(since + PROBE_LOST),
        }
        if self.tokens < 1.0 {
            // A nanosecond more, so that rounding never wakes anybody a hair too early.
            let wait = Duration::from_secs_f64((1.0 - self.tokens) / self.rate) + Duration::from_nanos(1);
            at = at.max(now + wait);
        }
        if at <= now { Readiness::Now } else { Readiness::At(at) }
    }

    /// Which of the waiting lanes goes next: the first, unless a later one has been passed over often enough.
    pub fn next_lane(&self, waiting: [bool; 3]) -> Option<Lane> {
        let mut lanes = Lane::ALL.into_iter().filter(|lane| waiting[lane.index()]);
        let first = lanes.clone().next();
        lanes
            .rfind(|lane| self.passed_over[lane.index()] >= lane.patience())
            .or(first)
    }

    /// Records that a request of this lane goes at `now`, while these lanes wait.
    pub fn take(&mut self, lane: Lane, waiting: [bool; 3], now: Instant) {
        self.refill(now);
        self.tokens -= 1.0;
        for other in Lane::ALL {
            let count = &mut self.passed_over[other.index()];
            *count = if other == lane || !waiting[other.index()] {
                0
            } else {
                *count + 1
            };
        }
        if let Breaker::Open { pause, .. } | Breaker::Probing { pause, .. } = self.breaker {
            self.breaker = Breaker::Probing { since: now, pause };
        }
    }

    /// Records what came of a request.
    pub fn note(&mut self, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Silent => {
                // The probe is free again.
                if let Breaker::Probing { pause, .. } = self.breaker {
                    self.breaker = Breaker::Open { until: now, pause };
                }
            }
            // What was under way when the breaker opened says nothing about now.
            Verdict::Answered => match self.breaker {
                Breaker::Closed { .. } | Breaker::Probing { .. } => self.breaker = Breaker::Closed { failures: 0 },
                Breaker::Open { .. } => {}
            },
            Verdict::Throttled { retry_after } => {
                let pause = retry_after.unwrap_or(SHORTEST_PAUSE).min(LONGEST_PAUSE);
                let until = now + pause;
                self.not_before = Some(self.not_before.map_or(until, |earlier| earlier.max(until)));
                self.fail(now);
            }
            Verdict::Broken => self.fail(now),
        }
    }

    fn fail(&mut self, now: Instant) {
        self.breaker = match self.breaker {
            Breaker::Closed { failures } if failures + 1 < FAILURES_TO_OPEN => {
                Breaker::Closed { failures: failures + 1 }
            }
            Breaker::Closed { .. } => Breaker::Open {
                until: now + SHORTEST_PAUSE,
                pause: SHORTEST_PAUSE,
            },
            Breaker::Probing { pause, .. } => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                Breaker::Open {
                    until: now + pause,
                    pause,
                }
            }
            open @ Breaker::Open { .. } => open,
        };
    }

    /// Whether the breaker holds everything but probes back.
    pub fn is_open(&self) -> bool {
        !matches!(self.breaker, Breaker::Closed { .. })
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
