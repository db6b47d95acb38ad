//! Partners' logins: several accounts share one, so a wrong password is tried once for all of them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ring::digest::{SHA256, digest};

use crate::{plan::token::Hold, wazzup::Partner};

/// More logins than this are not kept; the table then starts anew.
const KEPT: usize = 10_000;

/// What this process has learned of each login.
#[derive(Default)]
pub(super) struct Partners(Mutex<HashMap<[u8; 32], Arc<Login>>>);

/// What is known of one login.
#[derive(Default)]
pub(super) struct Login {
    accepted: AtomicBool,
    hold: Mutex<Option<Hold>>,
    first: tokio::sync::Mutex<()>,
}

impl Partners {
    /// The entry of a login at an address.
    pub(super) fn of(&self, url: &str, partner: &Partner) -> Arc<Login> {
        let text = format!("{url}\0{}\0{}", partner.email.reveal(), partner.password.reveal());
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= KEPT {
            table.clear();
        }
        table.entry(key).or_default().clone()
    }
}

impl Login {
    /// What keeps everybody from using it.
    pub(super) fn hold(&self) -> Option<Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wazzup took it.
    pub(super) fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Wazzup refused it.
    pub(super) fn refuse(&self, hold: Hold) {
        self.accepted.store(false, Ordering::Relaxed);
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
    }

    /// Until Wazzup has taken it once, one account at a time tries.
    pub(super) async fn turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if self.accepted.load(Ordering::Relaxed) {
            return None;
        }
        let turn = self.first.lock().await;
        (!self.accepted.load(Ordering::Relaxed)).then_some(turn)
    }
}
