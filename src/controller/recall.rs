//! What is remembered of an account between passes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;

use super::caches::Key;
use crate::{
    api::SecretKeyRef,
    cluster::{
        grants::{NewGrant, StoredGrant},
        secrets::Kept,
    },
    model::{RemoteAccountId, Sensitive},
    plan::{
        account::{Token, Tried},
        token::{Held, Hold},
    },
};

/// What a replica remembers of an account between passes; lost at a restart, when everything is looked at anyway.
#[derive(Default)]
pub(super) struct Recall {
    /// What the operator's own Secret held, until the watch shows another version of it or it is written.
    pub(super) kept: Option<Kept>,
    /// What the present client was made from.
    pub(super) source: Option<Source>,
    /// Where its ready token was read.
    pub(super) read: Option<Read>,
    /// Where it was looked for in vain, and when.
    pub(super) missed: Option<(Instant, SecretKeyRef, Token)>,
    /// How often in a row a Secret that the token takes could not be read.
    pub(super) hidden: u32,
    /// The account that the present token says it belongs to.
    pub(super) owner: Option<RemoteAccountId>,
    /// The token that the endpoint gave.
    pub(super) grant: Option<Grant>,
    /// Why the endpoint gave none, and the login of which this was learned.
    pub(super) hold: Option<(String, Hold)>,
    /// When a token that was refused early was last replaced.
    pub(super) reminted_at: Option<Timestamp>,
    /// A rotated grant that could not be stored yet.
    pub(super) unsaved: Option<NewGrant>,
    /// When the subscription was last verified.
    pub(super) verified: Option<Instant>,
    /// What was asked of the subscription since it was last seen as it is wanted, and when.
    pub(super) tried: Option<(Instant, Tried)>,
    /// The last `event-at` annotation that was acted on.
    pub(super) event_at: Option<String>,
}

/// Where a ready token was read, and with what its hash was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) url: String,
    pub(super) place: SecretKeyRef,
    /// Version of the Secret as the watch showed it before; what was read may be newer.
    pub(super) version: String,
    /// A hash of nothing: tells the keys apart.
    pub(super) keys: String,
}

/// What a client was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) url: String,
    /// Keyed hash of what the token stems from: of a ready one itself, of another the login and the account.
    pub(super) stem: String,
    /// Keyed hash of the token.
    pub(super) token: String,
}

/// A token that the endpoint gave.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) stem: String,
    pub(super) token: Sensitive<String>,
    pub(super) held: Held,
}

impl Recall {
    /// Counts how often in a row a Secret could not be read, and tells it the token that was got.
    pub(super) const fn count(&mut self, token: &mut Token) {
        match token {
            Token::Hidden { in_a_row, .. } => {
                self.hidden = self.hidden.saturating_add(1);
                *in_a_row = self.hidden;
            }
            Token::Present
            | Token::Invalid(_)
            | Token::Missing(_)
            | Token::Incomplete(_)
            | Token::Forbidden(_)
            | Token::Refused { .. }
            | Token::Unreached { .. }
            | Token::Pending => self.hidden = 0,
        }
    }

    /// Takes a stored token over, which this replica may have got before a restart, or another one since.
    pub(super) fn take_over(&mut self, stored: &StoredGrant, stem: &str) {
        let (Some(token), Some((since, until)), true) =
            (&stored.access_token, stored.life, stored.stem.as_deref() == Some(stem))
        else {
            return;
        };
        if self.grant.as_ref().is_none_or(|grant| grant.token != *token) {
            self.grant = Some(Grant {
                stem: stem.to_owned(),
                token: token.clone(),
                held: Held {
                    since,
                    until,
                    denied: false,
                },
            });
        }
    }

    /// Notes that Wazzup refused the granted token; `false` when that is known or the token was not granted.
    pub(super) fn deny(&mut self) -> bool {
        self.grant
            .as_mut()
            .is_some_and(|grant| !std::mem::replace(&mut grant.held.denied, true))
    }
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
