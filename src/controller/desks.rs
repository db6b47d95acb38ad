//! All desks, by account.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::{
    caches::Key,
    desk::{Desk, lock},
    lanes::Behind,
};
use crate::{metrics::Metrics, model::ChannelId};

/// All desks.
pub(super) struct Desks {
    desks: Mutex<HashMap<Key, Arc<Desk>>>,
    metrics: Arc<Metrics>,
}

impl Desks {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            desks: Mutex::default(),
            metrics,
        }
    }

    pub(super) fn get(&self, account: &Key) -> Option<Arc<Desk>> {
        lock(&self.desks).get(account).cloned()
    }

    /// The desk of an account, by its uid too: what one that is gone knew is not for the next one of its name.
    pub(super) fn of(&self, account: &Key, uid: Option<&str>) -> Option<Arc<Desk>> {
        self.get(account).filter(|desk| Some(desk.account.as_str()) == uid)
    }

    pub(super) fn open(&self, account: &Key, uid: &str, rate: u32) -> Arc<Desk> {
        let mut desks = lock(&self.desks);
        let known = desks.get(account).filter(|desk| desk.account == uid).cloned();
        let desk = known.unwrap_or_else(|| {
            let desk = Arc::new(Desk::new(uid, rate, self.metrics.clone()));
            desks.insert(account.clone(), desk.clone());
            desk
        });
        desk.gate.set_rate(rate);
        desk
    }

    pub(super) fn all(&self) -> Vec<Arc<Desk>> {
        lock(&self.desks).values().cloned().collect()
    }

    /// A call has deleted a channel, whichever of several objects of one account it went through.
    pub(super) fn deleted(&self, behind: &Behind, id: &ChannelId) {
        let desks: Vec<(Key, Arc<Desk>)> = lock(&self.desks).clone().into_iter().collect();
        for (account, desk) in desks {
            if Behind::of(&account, Some(&desk)) == *behind {
                desk.deleted(id);
            }
        }
    }

    pub(super) fn close(&self, account: &Key) {
        lock(&self.desks).remove(account);
    }
}
