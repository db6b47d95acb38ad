//! How many passes run at once. Who waits for Wazzup holds no slot, and one account never holds many places, so that one
//! account's trouble slows no other.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::caches::Key;

tokio::task_local! {
    static HELD: (Arc<Semaphore>, RefCell<Option<OwnedSemaphorePermit>>);
}

/// Passes of one account that may be under way, those that wait for Wazzup included: enough to keep a fast limiter busy,
/// few enough that the memory they take is small.
const OF_ONE_ACCOUNT: usize = 32;

pub(super) struct Slots {
    slots: Arc<Semaphore>,
    accounts: Mutex<HashMap<Key, Arc<Semaphore>>>,
}

impl Slots {
    pub(super) fn new(most: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(most.max(1))),
            accounts: Mutex::default(),
        }
    }

    /// Runs a pass when there is a place for it; `None` once nothing new is to be started.
    pub(super) async fn run<T, F: Future<Output = T>>(&self, account: &Key, pass: impl FnOnce() -> F) -> Option<T> {
        let own = self.of(account);
        let _place = own.acquire_owned().await.ok()?;
        let slot = self.slots.clone().acquire_owned().await.ok()?;
        // Made only now: what waits for its place takes no memory to speak of.
        let pass = Box::pin(pass());
        let held = (self.slots.clone(), RefCell::new(Some(slot)));
        Some(HELD.scope(held, pass).await)
    }

    /// Starts nothing new; what runs goes on.
    pub(super) fn close(&self) {
        self.slots.close();
    }

    /// Forgets an account that is gone.
    pub(super) fn forget(&self, account: &Key) {
        self.accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(account);
    }

    fn of(&self, account: &Key) -> Arc<Semaphore> {
        self.accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(account.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(OF_ONE_ACCOUNT)))
            .clone()
    }
}

/// Waits for something of Wazzup's; the pass lends its slot to others meanwhile.
pub(super) async fn aside<T>(waiting: impl Future<Output = T>) -> T {
    let slots = HELD
        .try_with(|(slots, held)| held.borrow_mut().take().map(|_| slots.clone()))
        .ok()
        .flatten();
    let found = waiting.await;
    if let Some(slots) = slots {
        // Closed slots mean that the process ends: what is under way goes on without.
        let slot = slots.acquire_owned().await.ok();
        let _ = HELD.try_with(|(_, held)| *held.borrow_mut() = slot);
    }
    found
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    fn key(name: &str) -> Key {
        ("shop".to_owned(), name.to_owned())
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(test);
    }

    #[test]
    fn who_waits_for_wazzup_lends_the_slot_to_others() {
        run(async {
            let slots = Slots::new(1);
            let answer = Notify::new();
            let (one, other) = (key("slow"), key("quick"));
            let slow = slots.run(&one, || aside(answer.notified()));
            let quick = async {
                let done = slots.run(&other, || async { "done" }).await;
                answer.notify_one();
                done
            };
            let (slow, quick) = tokio::join!(slow, quick);
            assert_eq!((slow, quick), (Some(()), Some("done")));
        });
    }

    #[test]
    fn no_more_passes_work_at_once_than_there_are_slots() {
        run(async {
            let slots = Slots::new(2);
            let (at_once, most) = (RefCell::new(0), RefCell::new(0));
            let work = || async {
                *at_once.borrow_mut() += 1;
                let now = *at_once.borrow();
                most.replace_with(|most| now.max(*most));
                tokio::task::yield_now().await;
                *at_once.borrow_mut() -= 1;
            };
            let key = key("one");
            let passes = (0..20).map(|_| slots.run(&key, work));
            futures::future::join_all(passes).await;
            assert_eq!(*most.borrow(), 2);
        });
    }

    #[test]
    fn nothing_new_is_started_once_they_are_closed_and_what_runs_goes_on() {
        run(async {
            let slots = Slots::new(1);
            let account = key("a");
            let running = slots.run(&account, || async {
                aside(async { slots.close() }).await;
                "went on"
            });
            assert_eq!(running.await, Some("went on"));
            assert_eq!(slots.run(&account, || async {}).await, None);
        });
    }
}
