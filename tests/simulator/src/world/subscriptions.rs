//! `/v2/webhooks`: which events go where (Webhooks page).

use serde_json::{Map, Value, json};

use super::{
    Answer, Millis, Request, Row, World,
    dialect::envelope,
    strict::{self, check, invalid, missing, object, required},
};

type Result<T> = std::result::Result<T, Answer>;

/// The events of the Webhooks page.
const EVENTS: [&str; 14] = [
    "message.add",
    "message.status_update",
    "message.delete",
    "message.edit",
    "waba_template.status_update",
    "channel.status_update",
    "channel.create",
    "channel.delete",
    "channel.qr_update",
    "channel.waba_tier_update",
    "group_chat.memberships_update",
    "group_chat.update",
    "crm_entities.contact_add",
    "crm_entities.deal_add",
];

impl World {
    fn rows_of(request: &Request, fields: &[&'static str]) -> Result<Vec<Map<String, Value>>> {
        let body = object(request.content_type.as_deref(), &request.body)?;
        check(&body, &[required("data")])?;
        let Some(Value::Array(items)) = body.get("data") else {
            return Err(invalid(&["data must be an array".to_owned()]));
        };
        if items.is_empty() {
            return Err(invalid(&["data should not be empty".to_owned()]));
        }
        let fields: Vec<_> = fields.iter().copied().map(required).collect();
        let mut rows = Vec::new();
        for item in items {
            let Value::Object(item) = item else {
                return Err(invalid(&["each item must be an object".to_owned()]));
            };
            check(item, &fields)?;
            if item.contains_key("event") && !EVENTS.contains(&strict::text(item, "event")?) {
                return Err(invalid(&["event must be a known event".to_owned()]));
            }
            if item.contains_key("url") && !strict::text(item, "url")?.starts_with("http") {
                return Err(invalid(&["url must be a URL address".to_owned()]));
            }
            rows.push(item.clone());
        }
        Ok(rows)
    }

    pub(super) fn subscribe(&mut self, account: &str, request: &Request, now: Millis) -> Result<Answer> {
        let items = Self::rows_of(request, &["url", "event"])?;
        let mut made = Vec::new();
        for item in items {
            let id = self.add_row(account, strict::text(&item, "event")?, strict::text(&item, "url")?);
            made.extend(self.rows(account).iter().filter(|row| row.id == id).map(row));
        }
        Ok(Answer {
            status: self.dialect.created(),
            body: envelope(&json!(made), now),
        })
    }

    pub(super) fn repoint(&mut self, account: &str, request: &Request, now: Millis) -> Result<Answer> {
        let items = Self::rows_of(request, &["id", "url", "event"])?;
        for item in &items {
            let id = strict::text(item, "id")?;
            let rows = &mut self.accounts.get_mut(account).ok_or_else(|| missing("account"))?.rows;
            let row = rows
                .iter_mut()
                .find(|row| row.id == id)
                .ok_or_else(|| missing("webhook"))?;
            strict::text(item, "url")?.clone_into(&mut row.url);
            strict::text(item, "event")?.clone_into(&mut row.event);
        }
        Ok(Answer {
            status: 200,
            body: envelope(&Value::Null, now),
        })
    }

    pub(super) fn unsubscribe(&mut self, account: &str, request: &Request, now: Millis) -> Result<Answer> {
        let items = Self::rows_of(request, &["id"])?;
        for item in &items {
            let id = strict::text(item, "id")?;
            if !self.rows(account).iter().any(|row| row.id == id) {
                return Err(missing("webhook"));
            }
            self.remove_row(account, id);
        }
        Ok(Answer {
            status: 200,
            body: envelope(&Value::Null, now),
        })
    }
}

pub(super) fn row(row: &Row) -> Value {
    json!({"id": row.id, "url": row.url, "event": row.event})
}
