//! What an answer means: pure functions from status, headers and bytes to a value or a [`Fault`].

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::wire;
use crate::model::{ChannelId, CreateOutcome, Fault, RemoteChannel, Sensitive, Transport};

/// `Retry-After` is obeyed up to this; a longer one is asked again.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// An HTTP answer, read whole. `Debug` is not derived: a body may hold tokens.
#[derive(Clone, Default)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// `Content-Type`, used for words alone: what counts is whether the body parses.
    pub content_type: Option<String>,
    /// `Retry-After`: seconds, or an HTTP date.
    pub retry_after: Option<String>,
    /// `Date`: against it an HTTP date is measured, so that no clock of ours matters.
    pub date: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Values that were sent and must not come back in an error text.
    pub hidden: Vec<Sensitive<String>>,
}

/// The account's channels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelList {
    /// Each channel once, in the service's order.
    pub channels: Vec<RemoteChannel>,
    /// Items without a usable id. While there are any, absence from the list proves nothing.
    pub unreadable: usize,
}

/// One subscription: one event to one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// The service's id of the row.
    pub id: String,
    /// The event.
    pub event: String,
    /// Where it is delivered; it may hold a token, ours or another integration's.
    pub url: Sensitive<String>,
}

/// Longer than any content type that means something.
const LONGEST_KIND: usize = 100;

impl Answer {
    /// `Ok` for a 2xx, else the fault that the status means.
    fn accepted(&self) -> Result<(), Fault> {
        let words = || wire::error_words(&self.body, &self.hidden);
        let status = self.status;
        match status {
            200..=299 => Ok(()),
            401 | 403 => Err(Fault::Denied {
                status,
                words: words().unwrap_or_else(|| format!("HTTP {status} with {}", self.shape())),
            }),
            404 => Err(Fault::Missing {
                words: words().unwrap_or_else(|| format!("HTTP {status} with {}", self.shape())),
            }),
            429 => Err(Fault::Throttled {
                retry_after: self.pause(),
            }),
            400..=499 if status != 408 => Err(match words() {
                Some(words) => Fault::Rejected { status, words },
                None => self.unclear(&format!("HTTP {status} with {}, not the service's own", self.shape())),
            }),
            300..=399 => Err(self.unclear(&format!("HTTP {status}; redirects are not followed"))),
            _ => Err(self.unclear(&match words() {
                Some(words) => format!("HTTP {status}: {words}"),
                None => format!("HTTP {status} with {}", self.shape()),
            })),
        }
    }

    pub(super) fn unclear(&self, why: &str) -> Fault {
        Fault::Unclear {
            why: wire::words_of(why, &self.hidden),
        }
    }

    /// What kind of body came, for a text.
    fn shape(&self) -> String {
        if self.body.is_empty() {
            return "an empty body".to_owned();
        }
        let kind = self.content_type.as_deref().unwrap_or("no content type");
        let kind: String = kind.chars().take(LONGEST_KIND).collect();
        wire::words_of(&format!("a body of {kind}"), &self.hidden)
    }

    fn pause(&self) -> Option<Duration> {
        let asked = self.retry_after.as_deref()?.trim();
        let pause = if let Ok(seconds) = asked.parse::<u64>() {
            Duration::from_secs(seconds)
        } else {
            let until = http_date(asked)?;
            let sent = http_date(self.date.as_deref()?.trim())?;
            Duration::try_from(until.duration_since(sent)).unwrap_or(Duration::ZERO)
        };
        Some(pause.min(LONGEST_RETRY_AFTER))
    }

    fn json(&self) -> Result<Value, Fault> {
        self.accepted()?;
        let value = serde_json::from_slice::<Value>(&self.body).ok();
        value.filter(Value::is_object).ok_or_else(|| {
            self.unclear(&format!(
                "HTTP {} with {}, not a JSON object",
                self.status,
                self.shape()
            ))
        })
    }

    /// The items of `data`, which must be there.
    pub(super) fn items<T>(&self, read: impl FnOnce(Vec<&Value>) -> Result<T, Fault>) -> Result<T, Fault> {
        let body = self.json()?;
        match wire::items(&body) {
            Some(items) => read(items),
            None => Err(self.unclear(&format!("HTTP {} without data", self.status))),
        }
    }

    /// Reads `GET /v2/channels`.
    pub fn channel_list(&self) -> Result<ChannelList, Fault> {
        self.items(|items| {
            let mut list = ChannelList::default();
            let mut seen = std::collections::HashSet::with_capacity(items.len());
            for item in items {
                match wire::channel(item) {
                    Some(channel) if seen.insert(channel.id.clone()) => list.channels.push(channel),
                    Some(_) => {}
                    None => list.unreadable += 1,
                }
            }
            Ok(list)
        })
    }

    /// Reads `GET /v2/channels/{channel_id}`; an answer about another channel is no answer.
    pub fn channel(&self, id: &ChannelId) -> Result<RemoteChannel, Fault> {
        self.items(|items| {
            let mut channels = items.into_iter().filter_map(wire::channel);
            channels
                .find(|channel| channel.id == *id)
                .ok_or_else(|| self.unclear("the answer does not hold the channel that was asked for"))
        })
    }

    /// Reads `POST /v2/channels`. A channel of another transport, or two of them, cannot be told to be ours.
    pub fn created(&self, transport: Transport) -> CreateOutcome {
        match self.new_channel(transport) {
            Ok(channel) => CreateOutcome::Created(channel),
            Err(fault @ (Fault::Denied { .. } | Fault::Missing { .. } | Fault::Rejected { .. })) => {
                CreateOutcome::Refused(fault)
            }
            Err(fault @ (Fault::NotSent { .. } | Fault::Throttled { .. })) => CreateOutcome::NotSent(fault),
            Err(fault @ Fault::Unclear { .. }) => CreateOutcome::Unknown(fault),
        }
    }

    fn new_channel(&self, transport: Transport) -> Result<RemoteChannel, Fault> {
        // What is recorded is believed for good, so an id of another kind than the page's has to be seen in a list first.
        let numbered = |items: Vec<&Value>| Ok(items.iter().any(|item| item["channel_id"].is_number()));
        if self.items(numbered)? {
            return Err(self.unclear("the answer holds a number for the id of the new channel"));
        }
        let ChannelList { mut channels, .. } = self.channel_list()?;
        match (channels.pop(), channels.is_empty()) {
            (Some(mut channel), true) if channel.transport.is_empty() || channel.is(transport) => {
                transport.as_str().clone_into(&mut channel.transport);
                Ok(channel)
            }
            (Some(_), true) => Err(self.unclear("the new channel is of another transport")),
            (Some(_), false) => Err(self.unclear("the answer holds more than one new channel")),
            (None, _) => Err(self.unclear("the answer holds no id of a new channel")),
        }
    }

    /// Reads a reinit: the page shows the channel, but an answer without one is as good.
    pub fn reinitialized(&self, id: &ChannelId) -> Result<Option<RemoteChannel>, Fault> {
        self.done()?;
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let items = wire::items(&body).unwrap_or_default();
        let mut channels = items.into_iter().filter_map(wire::channel);
        Ok(channels.find(|channel| channel.id == *id))
    }

    /// Reads an answer that has nothing to tell (`data: null`): a JSON object, or nothing at all.
    pub fn done(&self) -> Result<(), Fault> {
        self.accepted()?;
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        self.json().map(|_| ())
    }

    /// Reads `POST /v2/channels/{channel_id}/pairing-code`.
    pub fn pairing_code(&self) -> Result<Sensitive<String>, Fault> {
        self.items(|items| {
            let codes = items.into_iter().filter_map(Value::as_object);
            let mut codes = codes.filter_map(|item| wire::text(item, "pairing_code"));
            codes
                .next()
                .map(Sensitive::new)
                .ok_or_else(|| self.unclear("the answer holds no pairing code"))
        })
    }

    /// Reads `POST /v2/iframe-links/channels`: an `https` link.
    pub fn iframe_link(&self) -> Result<Sensitive<String>, Fault> {
        self.items(|items| {
            let links = items.into_iter().filter_map(Value::as_object);
            let mut links = links.filter_map(|item| wire::link(item, "link"));
            links
                .next()
                .filter(|link| link.starts_with("https://") || link.starts_with("http://"))
                .map(Sensitive::new)
                .ok_or_else(|| self.unclear("the answer holds no link"))
        })
    }

    /// Reads `GET /v2/webhooks`. Items that are no subscription are passed over, but one without an id makes the whole
    /// list unclear: to overlook it would be to subscribe again and again.
    pub fn webhook_rows(&self) -> Result<Vec<WebhookRow>, Fault> {
        self.items(|items| {
            let mut rows = Vec::with_capacity(items.len());
            for item in items.into_iter().filter_map(Value::as_object) {
                let words = (wire::text(item, "event"), wire::link(item, "url"));
                let (Some(event), Some(url)) = words else { continue };
                let Some(id) = wire::text(item, "id") else {
                    return Err(self.unclear("a subscription has no id"));
                };
                rows.push(WebhookRow {
                    id,
                    event,
                    url: Sensitive::new(url),
                });
            }
            Ok(rows)
        })
    }
}

/// RFC 9110 wants `Sun, 06 Nov 1994 08:49:37 GMT`, which RFC 2822 readers take.
fn http_date(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
