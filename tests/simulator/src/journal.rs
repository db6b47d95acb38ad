//! What was asked and what was sent, as the service saw it.

use serde_json::Value;

use crate::world::Millis;

/// One request.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When.
    pub at: Millis,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path.
    pub path: String,
    /// The query.
    pub query: String,
    /// The bearer token's account, if it is valid.
    pub account: Option<String>,
    /// The body, secrets included: this is a test's tool.
    pub body: Value,
    /// What was answered; 0 when the connection was closed instead.
    pub status: u16,
}

/// One webhook.
#[derive(Debug, Clone)]
pub struct Sent {
    /// When it was first sent.
    pub at: Millis,
    /// Where.
    pub url: String,
    /// What.
    pub body: Value,
    /// The last answer; `None` when there was none.
    pub status: Option<u16>,
    /// How often it was sent, until an answer was 200.
    pub tries: u32,
}

/// Everything since the start, or since it was cleared.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// Requests in order.
    pub requests: Vec<Entry>,
    /// Webhooks in order.
    pub webhooks: Vec<Sent>,
}

impl Journal {
    /// Requests of a method whose path begins so.
    pub fn matching(&self, method: &str, path: &str) -> Vec<&Entry> {
        self.requests
            .iter()
            .filter(|entry| entry.method == method && entry.path.starts_with(path))
            .collect()
    }

    /// How many requests have this method and exactly this path.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.requests
            .iter()
            .filter(|entry| entry.method == method && entry.path == path)
            .count()
    }

    /// Requests that change something.
    pub fn writes(&self) -> Vec<&Entry> {
        self.requests.iter().filter(|entry| entry.method != "GET").collect()
    }
}
