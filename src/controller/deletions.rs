//! Channels that a call has deleted while older lists still show them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::desk::Listed;
use crate::{
    clock,
    model::{ChannelId, Fault},
};

/// Those of one desk, until a list that began later.
#[derive(Default)]
pub(super) struct Deletions(Mutex<HashMap<ChannelId, Deletion>>);

struct Deletion {
    /// When the answer came.
    at: Instant,
    /// Whether a list that began before has shown it.
    shown: bool,
}

impl Deletions {
    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, Deletion>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more.
    pub(super) fn add(&self, id: &ChannelId) {
        let at = clock::instant();
        self.lock().insert(id.clone(), Deletion { at, shown: false });
    }

    /// The last list showed it.
    pub(super) fn was_shown(&self, id: &ChannelId) {
        if let Some(deletion) = self.lock().get_mut(id) {
            deletion.shown = true;
        }
    }

    /// Takes deleted channels out of a list that began too early, and returns those of which this one tells itself.
    pub(super) fn take_out(&self, started: Instant, listed: &mut Result<Listed, Fault>) -> Vec<ChannelId> {
        let Ok(listed) = listed else { return Vec::new() };
        let mut told = Vec::new();
        self.lock().retain(|id, deletion| {
            let early = started <= deletion.at;
            if early {
                deletion.shown |= listed.channels.remove(id).is_some();
            } else if deletion.shown {
                told.push(id.clone());
            }
            early
        });
        told
    }

    #[cfg(test)]
    pub(super) fn at(&self, id: &ChannelId) -> Option<Instant> {
        self.lock().get(id).map(|deletion| deletion.at)
    }
}
