//! Whether this replica leads now, asked by everything that a leader does.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Instant,
};

use crate::clock;

/// Whether this replica may change things at Wazzup, and until when.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    until: Until,
    ending: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    Not,
    Instant(Instant),
    Always,
}

impl Fence {
    fn new(until: Until) -> Self {
        Self(Arc::new(Mutex::new(State { until, ending: false })))
    }

    /// Closed until the lease is held.
    pub fn closed() -> Self {
        Self::new(Until::Not)
    }

    /// Open for good: there is no other replica.
    pub fn open() -> Self {
        Self::new(Until::Always)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn until(&self) -> Until {
        self.state().until
    }

    pub(super) fn set(&self, until: Until) {
        self.state().until = until;
    }

    /// Nothing new is to begin; what has begun may end.
    pub fn wind_down(&self) {
        self.state().ending = true;
    }

    /// Whether the lease is held for certain.
    pub fn holds(&self) -> bool {
        match self.until() {
            Until::Not => false,
            Until::Instant(end) => clock::instant() < end,
            Until::Always => true,
        }
    }

    /// Whether a change may begin now.
    pub fn allows(&self) -> bool {
        !self.state().ending && self.holds()
    }

    /// Runs something only as long as the lease is held; `None` when it had to be cut. The clock is asked before each
    /// step: a process that stood still for longer than its lease goes not one step further, however ready the next one is.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut alarm = pin!(tokio::time::sleep_until(clock::instant().into()));
        poll_fn(|context| {
            loop {
                let end = match self.until() {
                    Until::Not => return Poll::Ready(None),
                    Until::Always => return work.as_mut().poll(context).map(Some),
                    Until::Instant(end) => end,
                };
                if clock::instant() >= end {
                    return Poll::Ready(None);
                }
                if alarm.deadline() != end.into() {
                    alarm.as_mut().reset(end.into());
                }
                if alarm.as_mut().poll(context).is_pending() {
                    return work.as_mut().poll(context).map(Some);
                }
            }
        })
        .await
    }
}
