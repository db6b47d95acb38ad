//! One create that carries credentials at a time, and one login link, for each account at Wazzup and transport.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::{caches::Key, desk::Desk};
use crate::api::Transport;

/// An account at Wazzup: two objects may stand for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Behind {
    /// Its number.
    Remote(String),
    /// The object alone, while the number is not known.
    Object(Key),
}

impl Behind {
    /// What stands behind an account object.
    pub(super) fn of(account: &Key, desk: Option<&Desk>) -> Self {
        let remote = desk.and_then(|desk| desk.standing().remote);
        remote.map_or_else(|| Self::Object(account.clone()), |id| Self::Remote(id.to_string()))
    }
}

/// The lanes of this process; the lease sees to it that there is one.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<(Behind, String), Arc<AsyncMutex<()>>>>);

impl Lanes {
    /// Waits for the lane.
    pub(super) async fn enter(&self, behind: Behind, transport: Transport) -> OwnedMutexGuard<()> {
        let lane = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((behind, format!("{transport:?}")))
            .or_default()
            .clone();
        lane.lock_owned().await
    }
}
