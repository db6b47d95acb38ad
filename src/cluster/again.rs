//! Lists that are asked for: who goes on where another process was must not go by what a late watch shows.

use tokio::sync::watch;

/// Asks a cache to be listed again.
#[derive(Debug)]
pub struct Again {
    wanted: watch::Sender<u64>,
    done: watch::Receiver<u64>,
}

/// The cache's end of it.
#[derive(Debug)]
pub(super) struct Asked {
    wanted: watch::Receiver<u64>,
    done: watch::Sender<u64>,
    /// How many requests there were when a list was last refused.
    refused: Option<u64>,
}

/// Both ends.
pub(super) fn pair() -> (Again, Asked) {
    let (wanted, asked) = watch::channel(0);
    let (answered, done) = watch::channel(0);
    let asked = Asked {
        wanted: asked,
        done: answered,
        refused: None,
    };
    (Again { wanted, done }, asked)
}

impl Again {
    /// Returns when a list that began later is in the cache and was told.
    pub async fn listed(&self) {
        self.wanted.send_modify(|wanted| *wanted += 1);
        let wanted = *self.wanted.borrow();
        // The other end goes only with the cache, at the end of the process.
        let _ = self.done.clone().wait_for(|done| *done >= wanted).await;
    }
}

impl Asked {
    /// A list begins: how many requests it answers.
    pub(super) fn begin(&mut self) -> u64 {
        *self.wanted.borrow_and_update()
    }

    /// It is in the cache.
    pub(super) fn answer(&self, requests: u64) {
        self.done.send_replace(requests);
    }

    /// A list is not allowed. Who may not look has nothing to wait for; a right that was just given may not count at each API
    /// server yet, so only the second refusal answers a request. Whether it did.
    pub(super) fn refuse(&mut self, requests: u64) -> bool {
        let again = self.refused.replace(requests) == Some(requests);
        if again {
            self.answer(requests);
        }
        again
    }

    /// Returns when a list is asked for; never where nobody is left to ask.
    pub(super) async fn once(&mut self) {
        if self.wanted.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
