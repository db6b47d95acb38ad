//! The async door in front of an account: who may send now. The rules are [`Pace`]'s; this only waits.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

use super::pace::{Lane, Pace, Readiness, Verdict};
use crate::model::{Fault, NotSent};

/// One account's limiter; clones share it.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<Inner>>);

struct Inner {
    pace: Pace,
    queues: [VecDeque<Arc<Notify>>; 3],
}

/// A place in a queue, given up when the waiting future is dropped.
struct Place {
    gate: Gate,
    lane: Lane,
    bell: Arc<Notify>,
}

impl Inner {
    fn waiting(&self) -> [bool; 3] {
        Lane::ALL.map(|lane| !self.queues[lane.index()].is_empty())
    }

    fn head(&self) -> Option<&Arc<Notify>> {
        let lane = self.pace.next_lane(self.waiting())?;
        self.queues[lane.index()].front()
    }

    fn ring(&self) {
        if let Some(bell) = self.head() {
            bell.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.gate.inner();
        inner.queues[self.lane.index()].retain(|bell| !Arc::ptr_eq(bell, &self.bell));
        inner.ring();
    }
}

impl Gate {
    /// A gate of so many requests per second, with a burst of twice as many.
    pub fn new(per_second: u32) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            pace: Pace::new(per_second, Instant::now().into_std()),
            queues: Default::default(),
        })))
    }

    /// Nothing is left half done under this lock, so a panic elsewhere does not poison it.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the rate.
    pub fn set_rate(&self, per_second: u32) {
        let mut inner = self.inner();
        inner.pace.set_rate(per_second, Instant::now().into_std());
        inner.ring();
    }

    /// Waits until a request of this lane may go. Safe to cancel; every pass is to be followed by a [`Self::note`].
    pub async fn pass(&self, lane: Lane) {
        let bell = Arc::new(Notify::new());
        self.inner().queues[lane.index()].push_back(bell.clone());
        let place = Place {
            gate: self.clone(),
            lane,
            bell,
        };
        loop {
            match self.attempt(&place) {
                Attempt::Pass => return,
                Attempt::NotYet(Some(at)) => {
                    tokio::select! {
                        () = sleep_until(at) => {}
                        () = place.bell.notified() => {}
                    }
                }
                Attempt::NotYet(None) => place.bell.notified().await,
            }
        }
    }

    fn attempt(&self, place: &Place) -> Attempt {
        let mut inner = self.inner();
        if !inner.head().is_some_and(|bell| Arc::ptr_eq(bell, &place.bell)) {
            return Attempt::NotYet(None);
        }
        let now = Instant::now().into_std();
        match inner.pace.readiness(now) {
            Readiness::At(at) => Attempt::NotYet(Some(Instant::from_std(at))),
            Readiness::Now => {
                inner.queues[place.lane.index()].pop_front();
                let waiting = inner.waiting();
                inner.pace.take(place.lane, waiting, now);
                Attempt::Pass
            }
        }
    }

    /// As [`Self::pass`], but gives up after that long with a fault that says so.
    pub async fn pass_within(&self, lane: Lane, patience: Duration) -> Result<(), Fault> {
        timeout(patience, self.pass(lane)).await.map_err(|_| Fault::NotSent {
            kind: NotSent::HeldBack,
            why: format!("the account's limiter held it back for {patience:?}"),
        })
    }

    /// Reports what came of a request: a `&Result<_, Fault>`, a `&CreateOutcome` or a [`Verdict`].
    pub fn note(&self, result: impl Into<Verdict>) {
        let mut inner = self.inner();
        inner.pace.note(result.into(), Instant::now().into_std());
        inner.ring();
    }

    /// How many requests wait, by lane in the order of [`Lane::ALL`].
    pub fn waiting(&self) -> [usize; 3] {
        let inner = self.inner();
        Lane::ALL.map(|lane| inner.queues[lane.index()].len())
    }

    /// Whether the circuit breaker holds everything but probes back.
    pub fn is_open(&self) -> bool {
        self.inner().pace.is_open()
    }
}

enum Attempt {
    Pass,
    NotYet(Option<Instant>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        start().block_on(async {
            let gate = Gate::new(100);
            let began = Instant::now();
            for _ in 0..220 {
                gate.pass(Lane::Refresh).await;
            }
            let took = began.elapsed();
            assert!(took >= Duration::from_millis(195), "{took:?}");
        });
    }

    #[test]
    fn a_person_goes_before_a_crowd_of_refreshes() {
        start().block_on(async {
            let gate = Gate::new(100);
            // Nobody passes for a while: so all of them have come when the first one goes.
            gate.note(Verdict::Throttled {
                retry_after: Some(Duration::from_secs(2)),
            });
            let order = Arc::new(Mutex::new(Vec::new()));
            let go = |lane| {
                let (gate, order) = (gate.clone(), order.clone());
                async move {
                    gate.pass(lane).await;
                    order.lock().unwrap().push(lane);
                }
            };
            tokio::join!(
                go(Lane::Refresh),
                go(Lane::Refresh),
                go(Lane::Webhook),
                go(Lane::Person)
            );
            let order = order.lock().unwrap().clone();
            assert_eq!(order, [Lane::Person, Lane::Webhook, Lane::Refresh, Lane::Refresh]);
        });
    }

    #[test]
    fn who_gives_up_leaves_no_gap_behind() {
        start().block_on(async {
            let gate = Gate::new(1);
            gate.pass(Lane::Person).await;
            gate.pass(Lane::Person).await;
            let impatient = gate.pass_within(Lane::Person, Duration::from_millis(5)).await;
            let held = matches!(
                impatient,
                Err(Fault::NotSent {
                    kind: NotSent::HeldBack,
                    ..
                })
            );
            assert!(held);
            assert_eq!(gate.inner().waiting(), [false; 3]);
            let patient = gate.pass_within(Lane::Refresh, Duration::from_secs(10)).await;
            assert_eq!(patient, Ok(()));
        });
    }

    #[test]
    fn an_answer_to_the_probe_wakes_those_who_wait() {
        start().block_on(async {
            let gate = Gate::new(1000);
            for _ in 0..5 {
                gate.pass(Lane::Person).await;
                gate.note(Verdict::Broken);
            }
            assert!(gate.is_open());
            gate.pass(Lane::Person).await;
            let second = gate.pass_within(Lane::Person, Duration::from_secs(10));
            let report = async { gate.note(Verdict::Answered) };
            let (passed, ()) = tokio::join!(second, report);
            assert_eq!(passed, Ok(()));
            assert!(!gate.is_open());
        });
    }
}
