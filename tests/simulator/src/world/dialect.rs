//! How answers look: the same facts, told in the ways in which the documentation and production disagree.

use serde_json::{Value, json};

use super::{Channel, Millis};

/// A way to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Every documented field, real nulls.
    Clean,
    /// The page's examples to the letter: `"reason": "null"`, `tariff`, no `username` and `tier`, shortened ids.
    Page,
    /// As captured from production: `state` and `status` alone, creates answered 201, a deleted channel still listed as
    /// `disabled` unless its chats went too.
    Production,
}

impl Dialect {
    /// All of them, for tests that must hold in each.
    pub const ALL: [Self; 3] = [Self::Clean, Self::Page, Self::Production];

    /// A channel as `GET` shows it.
    pub(crate) fn channel(self, channel: &Channel) -> Value {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        match self {
            Self::Clean => {
                let mut item = json!({
                    "channel_id": channel.id, "transport": channel.transport, "state": state(channel),
                    "status": channel.status, "reason": channel.reason, "phone": channel.phone,
                    "username": channel.username, "messenger_id": channel.phone, "name": channel.name,
                    "tier": channel.tier,
                });
                if let Some(url) = &channel.url {
                    item["url"] = json!(url);
                }
                item
            }
            Self::Page => {
                let mut item = json!({
                    "channel_id": channel.id, "transport": channel.transport, "state": state(channel),
                    "status": channel.status, "reason": channel.reason.as_deref().unwrap_or("null"),
                    "phone": text(&channel.phone), "messenger_id": text(&channel.phone), "tariff": "max",
                    "name": text(&channel.name),
                });
                if let Some(url) = &channel.url {
                    item["url"] = json!(url);
                }
                item
            }
            Self::Production => {
                let state = if channel.deleted {
                    Value::Null
                } else {
                    json!(state(channel))
                };
                let mut item = json!({
                    "channel_id": channel.id, "transport": channel.transport, "state": state, "status": channel.status,
                });
                if let Some(phone) = &channel.phone {
                    item["phone"] = json!(phone);
                    item["name"] = json!(phone);
                }
                item
            }
        }
    }

    /// The code of a successful create.
    pub(crate) const fn created(self) -> u16 {
        match self {
            Self::Clean | Self::Page => 200,
            Self::Production => 201,
        }
    }

    /// Whether a channel deleted without its chats stays in the list.
    pub(crate) const fn lists_deleted(self) -> bool {
        match self {
            Self::Clean | Self::Page => false,
            Self::Production => true,
        }
    }
}

/// `{data, meta}`.
pub(crate) fn envelope(data: &Value, now: Millis) -> Value {
    json!({"data": data, "meta": {"timestamp": now / 1_000}})
}

/// The deprecated `state`: the old vocabulary.
fn state(channel: &Channel) -> String {
    match channel.reason.as_deref() {
        None => channel.status.clone(),
        Some("wait_for_password") => "waitForPassword".to_owned(),
        Some("wait_for_code") => "waitForCode".to_owned(),
        Some("openelsewhere") => "openElsewhere".to_owned(),
        Some("not_enough_money") => "notEnoughMoney".to_owned(),
        Some(reason) => reason.to_owned(),
    }
}
