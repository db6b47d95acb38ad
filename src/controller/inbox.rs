//! What a received event does. Kubernetes is the message bus: whichever replica receives it, it takes effect.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    caches::{Key, key_of},
    context::Context,
};
use crate::{
    api::names,
    clock,
    cluster::secrets,
    model::{Sensitive, WebhookEvent, WebhookEventKind},
    webhook::{Delivery, Inbox, Receipt, same_token},
};

/// A QR that cannot be stored by then is asked for again.
const PATIENCE: Duration = Duration::from_secs(15);

/// A Secret's version and the token that it held then.
type KnownToken = (String, Sensitive<String>);

pub(super) struct Receiver {
    context: Arc<Context>,
    keys: Mutex<HashMap<String, Key>>,
    tokens: Mutex<HashMap<Key, KnownToken>>,
}

impl Receiver {
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            keys: Mutex::default(),
            tokens: Mutex::default(),
        }
    }

    /// The account that a key stands for. Keys are hashes, so those of all accounts are computed once and kept.
    fn account(&self, account_key: &str) -> Option<Key> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys
            .get(account_key)
            .filter(|key| self.context.caches.account(key).is_some());
        if let Some(key) = known {
            return Some(key.clone());
        }
        let accounts = self.context.caches.accounts();
        if keys.len() == accounts.len() && keys.values().all(|key| self.context.caches.account(key).is_some()) {
            return None;
        }
        *keys = accounts
            .iter()
            .map(|account| key_of(&**account))
            .map(|key| (names::account_key(&key.0, &key.1), key))
            .collect();
        keys.get(account_key).cloned()
    }

    async fn token(&self, account: &Key) -> Option<Sensitive<String>> {
        let version = self
            .context
            .caches
            .secret_version(&account.0, &names::account_secret(&account.1))?;
        let known = self
            .tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(account)
            .cloned();
        if let Some((_, token)) = known.filter(|(known, _)| *known == version) {
            return Some(token);
        }
        let keys = secrets::read_kept(&self.context.client, &account.0, &account.1)
            .await
            .ok()
            .flatten()?
            .keys;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(account.clone(), (version, keys.webhook_token.clone()));
        Some(keys.webhook_token)
    }

    /// Somebody must look at the account again: on the leader the passes are woken, another replica tells it.
    async fn wake(&self, account: &Key, channels: &BTreeSet<Key>, unknown: bool) {
        if self.context.fence.allows() {
            for key in channels {
                self.context.channels.wake(key);
            }
            if unknown {
                // A list from now on is wanted: the one that is kept does not show who is new.
                if let Some(known) = self.context.caches.account(account) {
                    let desk = self.context.desks.get(account);
                    let last = desk.and_then(|desk| desk.last()).map(|last| last.started);
                    let uid = known.metadata.uid.as_deref().unwrap_or_default();
                    self.context.marks.hint(uid, last);
                }
                self.context.accounts.wake(account);
                for key in self.context.claims.unresolved(account) {
                    self.context.channels.wake(&key);
                }
            }
            return;
        }
        self.context.pokes.poke(account).await;
    }
}

impl Inbox for Receiver {
    async fn admit(&self, account_key: &str, token: &Sensitive<String>) -> Option<String> {
        let account = self.account(account_key)?;
        let wanted = self.token(&account).await?;
        same_token(&wanted, token).then(|| format!("{}/{}", account.0, account.1))
    }

    async fn deliver(&self, account: &str, events: Vec<WebhookEvent>) -> Delivery {
        let Some((namespace, name)) = account.split_once('/') else {
            return Delivery::Done;
        };
        let account = (namespace.to_owned(), name.to_owned());
        let mut changed = BTreeSet::new();
        if let Some(desk) = self.context.desks.get(&account) {
            desk.announced();
        }
        let (mut unknown, mut delivery) = (false, Delivery::Done);
        for event in events {
            let age = clock::now().duration_since(event.at);
            self.context
                .metrics
                .webhook_age(Duration::try_from(age).unwrap_or_default());
            match event.kind {
                WebhookEventKind::Qr(payload) => {
                    let shown = self.context.qr.deliver(&account, &event.channel_id, payload);
                    if tokio::time::timeout(PATIENCE, shown).await.unwrap_or(Delivery::Busy) == Delivery::Busy {
                        delivery = Delivery::Busy;
                    }
                }
                WebhookEventKind::Changed => match self.context.claims.owner(&event.channel_id) {
                    Some(key) => {
                        if let Some(channel) = self.context.caches.channel(&key) {
                            self.context
                                .marks
                                .set(channel.metadata.uid.as_deref().unwrap_or_default());
                            changed.insert(key);
                        }
                    }
                    None => unknown = true,
                },
            }
        }
        if unknown || !changed.is_empty() {
            self.wake(&account, &changed, unknown).await;
        }
        delivery
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn note(&self, receipt: Receipt) {
        self.context.metrics.webhook(match receipt {
            Receipt::Delivered { .. } => "delivered",
            Receipt::Duplicate => "duplicate",
            Receipt::Test => "test",
            Receipt::Ignored => "ignored",
            Receipt::Busy => "busy",
            Receipt::Full => "full",
            Receipt::NotJson => "not_json",
            Receipt::TooSlow => "too_slow",
            Receipt::TooLarge => "too_large",
            Receipt::Unknown => "unknown",
        });
    }
}
