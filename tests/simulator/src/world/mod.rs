//! The service as a pure state machine: `apply(request, now)` answers, `tick(now)` lets time pass and returns the events
//! that the service would send. No clock, no socket, no chance: `now` is in milliseconds, ids are counted.
//!
//! Next: `api` has one function for each endpoint, `life` what a channel does by itself, `person` what people do to it.

mod api;
mod dialect;
mod life;
mod person;
mod strict;
mod subscriptions;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use dialect::Dialect;
pub use life::Channel;
pub use person::PersonError;

/// Milliseconds since some beginning.
pub type Millis = u64;

/// The service's whole state.
#[derive(Debug, Clone)]
pub struct World {
    /// How answers look.
    pub dialect: Dialect,
    /// How long things take.
    pub timings: Timings,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) channels: BTreeMap<String, Channel>,
    pub(crate) refused_tokens: BTreeSet<String>,
    pub(crate) unpaid_tokens: BTreeSet<String>,
    pub(crate) used_codes: BTreeSet<String>,
    pub(crate) passwords: BTreeMap<String, String>,
    pub(crate) events: Vec<Event>,
    pub(crate) serial: u64,
    pub(crate) secrets: BTreeSet<String>,
}

/// One end-customer account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    pub(crate) tokens: BTreeMap<String, Option<Millis>>,
    pub(crate) refresh_tokens: BTreeSet<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) partner: Option<(String, String)>,
}

/// A webhook subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The event's name.
    pub event: String,
    /// Where it goes.
    pub url: String,
}

/// How long things take, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// From creation or reinit to the first state.
    pub start: Millis,
    /// From one QR to the next.
    pub qr: Millis,
    /// How many QR codes are shown before `qridle`.
    pub qr_count: u32,
    /// From login to `active`.
    pub sync: Millis,
    /// How long a token from the token endpoint lasts, in seconds.
    pub token_seconds: u64,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            start: 100,
            qr: 20_000,
            qr_count: 5,
            sync: 100,
            token_seconds: 3_600,
        }
    }
}

/// A request as the service reads it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path.
    pub path: String,
    /// The query's parameters.
    pub query: Vec<(String, String)>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// JSON body.
    pub body: Value,
}

/// An event to send: to every row of that account and name.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The account's id.
    pub account: String,
    /// `channel.status_update`, …
    pub event: String,
    /// The whole body.
    pub body: Value,
    /// The channel that it is about.
    pub channel: String,
}

impl World {
    /// An empty service.
    pub fn new(dialect: Dialect, timings: Timings) -> Self {
        Self {
            dialect,
            timings,
            accounts: BTreeMap::new(),
            channels: BTreeMap::new(),
            refused_tokens: BTreeSet::new(),
            unpaid_tokens: BTreeSet::new(),
            used_codes: BTreeSet::new(),
            passwords: BTreeMap::new(),
            events: Vec::new(),
            serial: 0,
            secrets: BTreeSet::new(),
        }
    }

    /// Adds an account with a `client_access_token` that lasts.
    pub fn add_account(&mut self, id: &str, token: &str) {
        self.keep_secret(token);
        self.accounts
            .entry(id.to_owned())
            .or_default()
            .tokens
            .insert(token.to_owned(), None);
    }

    /// Makes an account this partner's, who may then mint tokens for it.
    pub fn set_partner(&mut self, account: &str, email: &str, password: &str) {
        self.keep_secret(email);
        self.keep_secret(password);
        self.accounts.entry(account.to_owned()).or_default().partner = Some((email.to_owned(), password.to_owned()));
    }

    /// Every secret that this service was told or made up, dead ones included: tokens, logins, credentials, passwords, QR
    /// texts, pairing codes, links, and the tokens in the addresses that webhooks go to.
    pub fn secrets(&self) -> &BTreeSet<String> {
        &self.secrets
    }

    pub(crate) fn keep_secret(&mut self, secret: &str) {
        if !secret.is_empty() && !self.secrets.contains(secret) {
            self.secrets.insert(secret.to_owned());
        }
    }

    /// Revokes a token before its time.
    pub fn revoke_token(&mut self, token: &str) {
        for account in self.accounts.values_mut() {
            account.tokens.remove(token);
        }
    }

    /// Lets time pass; returns the events to send, in order.
    pub fn tick(&mut self, now: Millis) -> Vec<Event> {
        let ids: Vec<String> = self.channels.keys().cloned().collect();
        for id in ids {
            self.live(&id, now);
        }
        std::mem::take(&mut self.events)
    }

    /// The account that a bearer token belongs to.
    pub(crate) fn account_of(&self, authorization: Option<&str>, now: Millis) -> Option<String> {
        let token = authorization?.strip_prefix("Bearer ")?;
        let valid = |account: &Account| match account.tokens.get(token) {
            Some(None) => true,
            Some(Some(end)) => now < *end,
            None => false,
        };
        self.accounts
            .iter()
            .find(|(_, account)| valid(account))
            .map(|(id, _)| id.clone())
    }

    /// The next number, for ids, keys and codes.
    pub(crate) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A new id in the dialect's form.
    pub(crate) fn new_id(&mut self) -> String {
        let number = self.next();
        // A multiplication by an odd constant spreads the numbers, so that ids do not look alike.
        let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        match self.dialect {
            Dialect::Page => format!("{:07x}-1e21-4ae8-b105-{:07x}", spread >> 36, number),
            Dialect::Clean | Dialect::Production => {
                let (high, low) = (spread >> 32, spread & 0xFFFF_FFFF);
                format!(
                    "{high:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                    low >> 16,
                    low & 0xFFF,
                    number & 0xFFF,
                    spread & 0xFFFF_FFFF_FFFF
                )
            }
        }
    }

    pub(crate) fn emit(&mut self, id: &str, event: &str, item: &Value, now: Millis) {
        let Some(channel) = self.channels.get(id) else { return };
        let account = channel.account.clone();
        let key = format!("key-{}", self.next());
        let body = json!({"event": event, "data": [item], "meta": {"idempotency_key": key, "timestamp": now / 1_000}});
        self.events.push(Event {
            account,
            event: event.to_owned(),
            body,
            channel: id.to_owned(),
        });
    }

    /// The rows to which an event goes.
    pub fn targets(&self, event: &Event) -> Vec<String> {
        let rows = self
            .accounts
            .get(&event.account)
            .map(|account| account.rows.as_slice())
            .unwrap_or_default();
        rows.iter()
            .filter(|row| row.event == event.event)
            .map(|row| row.url.clone())
            .collect()
    }

    /// An account's subscription rows.
    pub fn rows(&self, account: &str) -> Vec<Row> {
        self.accounts
            .get(account)
            .map(|account| account.rows.clone())
            .unwrap_or_default()
    }

    /// Puts a row in by hand, as another integration would.
    pub fn add_row(&mut self, account: &str, event: &str, url: &str) -> String {
        let id = self.new_id();
        // An operator's own address ends in a token; another integration's is its own affair.
        if let Some(token) = url.rsplit('/').next().filter(|last| last.len() == 64) {
            self.keep_secret(token);
        }
        let row = Row {
            id: id.clone(),
            event: event.to_owned(),
            url: url.to_owned(),
        };
        self.accounts.entry(account.to_owned()).or_default().rows.push(row);
        id
    }

    /// Removes a row by hand.
    pub fn remove_row(&mut self, account: &str, id: &str) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.rows.retain(|row| row.id != id);
        }
    }

    /// A channel by id, deleted ones that are still listed included.
    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.get(id)
    }

    /// The account's channels that were not deleted.
    pub fn channels_of(&self, account: &str) -> Vec<&Channel> {
        self.channels
            .values()
            .filter(|channel| channel.account == account && !channel.deleted)
            .collect()
    }
}
