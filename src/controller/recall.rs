//! What is remembered of an account between passes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::caches::Key;

/// What a replica remembers of an account between passes; lost at a restart, when everything is looked at anyway.
#[derive(Default)]
pub(super) struct Recall {
    /// The address and the token's hash that the present client was made from.
    pub(super) token: Option<(String, String)>,
    /// When the subscription was last verified.
    pub(super) verified: Option<Instant>,
    /// The last `event-at` annotation that was acted on.
    pub(super) event_at: Option<String>,
}

/// [`Recall`] by account.
#[derive(Default)]
pub(super) struct Recalls(Mutex<HashMap<Key, Arc<tokio::sync::Mutex<Recall>>>>);

impl Recalls {
    /// The one of an account.
    pub(super) fn of(&self, key: &Key) -> Arc<tokio::sync::Mutex<Recall>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key.clone())
            .or_default()
            .clone()
    }
}
