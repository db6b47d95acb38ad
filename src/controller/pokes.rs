//! Tells the leader that another replica received an event: `event-at` on the account, at most once a second, and never
//! less than once after an event.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::caches::{Caches, Key};
use crate::{
    api::names,
    clock,
    cluster::{ClusterError, notes},
};

/// One write to an account in this time serves all events that came meanwhile.
const BETWEEN: Duration = Duration::from_secs(1);

pub(super) struct Pokes {
    client: kube::Client,
    caches: Arc<Caches>,
    turns: Turns,
}

/// Accounts that were poked less than a second ago, and whether an event came since.
#[derive(Default)]
struct Turns(Mutex<HashMap<Key, bool>>);

impl Turns {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event came: whether the account is to be poked now; else whoever poked it last does it again.
    fn begin(&self, account: &Key) -> bool {
        if let Some(due) = self.all().get_mut(account) {
            *due = true;
            return false;
        }
        self.all().insert(account.clone(), false);
        true
    }

    /// The second is over: whether an event came meanwhile.
    fn again(&self, account: &Key) -> bool {
        let mut all = self.all();
        let due = all.get_mut(account).is_some_and(std::mem::take);
        if !due {
            all.remove(account);
        }
        due
    }
}

impl Pokes {
    pub(super) fn new(client: kube::Client, caches: Arc<Caches>) -> Self {
        Self {
            client,
            caches,
            turns: Turns::default(),
        }
    }

    /// Hands an event over to the leader; returns when it is written down, or when a write that follows soon will do it.
    pub(super) async fn poke(self: &Arc<Self>, account: &Key) {
        if !self.turns.begin(account) {
            return;
        }
        // A task of its own: the service may hang up, and what came meanwhile must not be forgotten.
        let (first, done) = oneshot::channel();
        let (pokes, account) = (self.clone(), account.clone());
        tokio::spawn(async move {
            pokes.write(&account).await;
            let _ = first.send(());
            loop {
                tokio::time::sleep(BETWEEN).await;
                if !pokes.turns.again(&account) {
                    return;
                }
                pokes.write(&account).await;
            }
        });
        let _ = done.await;
    }

    /// Whether nothing is left to be handed over.
    pub(super) fn settled(&self) -> bool {
        !self.turns.all().values().any(|due| *due)
    }

    async fn write(&self, account: &Key) {
        let Some(object) = self.caches.account(account) else {
            return;
        };
        let at = clock::now().to_string();
        if let Err(error) = notes::annotate(&self.client, &*object, names::EVENT_AT, &at).await {
            tracing::debug!(%error, "an event could not be handed to the leader; its regular list will show it");
            if is_passing(&error) {
                self.turns.begin(account);
            }
        }
    }
}

/// Whether it may work in a second.
fn is_passing(error: &ClusterError) -> bool {
    !(error.is_not_found() || error.is_forbidden() || error.is_refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_within_the_second_after_a_poke_is_poked_once_the_second_is_over() {
        let turns = Turns::default();
        let account = ("shop".to_owned(), "default".to_owned());
        assert!(turns.begin(&account), "the first pokes at once");
        assert!(
            !turns.begin(&account) && !turns.begin(&account),
            "those that follow wait"
        );
        assert!(turns.again(&account), "and share one poke");
        assert!(!turns.again(&account), "after which nothing is due");
        assert!(turns.begin(&account), "and the next pokes at once");
    }
}
