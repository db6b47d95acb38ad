//! What each request looks like: pure builders, one per endpoint.
//!
//! The service refuses unknown properties with 400, so a body holds what the page names and nothing more.

use std::fmt;

use serde_json::{Map, Value, json};

use super::response::WebhookRow;
use crate::model::{ChannelId, Credentials, Phone, Sensitive, Transport};

/// The verbs that the API uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

/// A request without host and authorization. `Debug` shows the method and the path alone.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The path from the root, already safe: it is made of fixed words and [`ChannelId`]s.
    pub path: String,
    /// Query parameters; fixed words alone.
    pub query: Vec<(&'static str, &'static str)>,
    /// The JSON body.
    pub body: Option<Value>,
    /// Values in the body that must not come back in an error text.
    pub hidden: Vec<Sensitive<String>>,
}

/// A subscription to make: one event, one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// The event, such as `channel.qr_update`.
    pub event: String,
    /// Where to deliver; it holds a token.
    pub url: Sensitive<String>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:?} {})", self.method, self.path)
    }
}

impl Request {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            hidden: Vec::new(),
        }
    }

    pub(super) fn with_body(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    pub(super) fn hiding(mut self, secrets: impl IntoIterator<Item = Sensitive<String>>) -> Self {
        self.hidden.extend(secrets);
        self
    }
}

/// The API wants an empty object, neither null nor nothing, where no credentials are needed.
fn credentials_object(credentials: &Credentials) -> Value {
    let fields = credentials.0.iter();
    Value::Object(
        fields
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.reveal().as_str())))
            .collect::<Map<_, _>>(),
    )
}

fn credential_secrets(credentials: &Credentials) -> impl Iterator<Item = Sensitive<String>> {
    credentials.0.iter().map(|(_, value)| value.clone())
}

/// `GET /v2/channels`
pub(super) fn list_channels() -> Request {
    Request::new(Method::Get, "/v2/channels")
}

/// `GET /v2/channels/{channel_id}`
pub(super) fn get_channel(id: &ChannelId) -> Request {
    Request::new(Method::Get, format!("/v2/channels/{id}"))
}

/// `POST /v2/channels` `{transport, credentials}`
pub(super) fn create_channel(transport: Transport, credentials: &Credentials) -> Request {
    Request::new(Method::Post, "/v2/channels")
        .with_body(json!({"transport": transport.as_str(), "credentials": credentials_object(credentials)}))
        .hiding(credential_secrets(credentials))
}

/// `POST /v2/channels/{channel_id}/reinit` `{credentials}`; unlike create it takes no `transport`.
pub(super) fn reinit_channel(id: &ChannelId, credentials: &Credentials) -> Request {
    Request::new(Method::Post, format!("/v2/channels/{id}/reinit"))
        .with_body(json!({"credentials": credentials_object(credentials)}))
        .hiding(credential_secrets(credentials))
}

/// `POST /v2/channels/{channel_id}/auth/2fa` `{two_factor_code, transport}`
pub(super) fn submit_two_factor(id: &ChannelId, transport: Transport, password: &Sensitive<String>) -> Request {
    Request::new(Method::Post, format!("/v2/channels/{id}/auth/2fa"))
        .with_body(json!({"two_factor_code": password.reveal(), "transport": transport.as_str()}))
        .hiding([password.clone()])
}

/// `POST /v2/channels/{channel_id}/pairing-code` `{pairing_phone, transport}`; the page names `whatsapp` alone.
pub(super) fn request_pairing_code(id: &ChannelId, phone: &Phone) -> Request {
    Request::new(Method::Post, format!("/v2/channels/{id}/pairing-code"))
        .with_body(json!({"pairing_phone": phone.as_str(), "transport": Transport::Whatsapp.as_str()}))
        .hiding([Sensitive::new(phone.as_str().to_owned())])
}

/// `DELETE /v2/channels/{channel_id}?delete_chats=…`; never left to the service's default.
pub(super) fn delete_channel(id: &ChannelId, delete_chats: bool) -> Request {
    let mut request = Request::new(Method::Delete, format!("/v2/channels/{id}"));
    request
        .query
        .push(("delete_chats", if delete_chats { "true" } else { "false" }));
    request
}

/// `POST /v2/iframe-links/channels` `{options: {transport, channel_id?}}`; with an id it reconnects that channel.
pub(super) fn create_iframe_link(transport: Transport, id: Option<&ChannelId>) -> Request {
    let mut options = Map::new();
    options.insert("transport".to_owned(), transport.as_str().into());
    if let Some(id) = id {
        options.insert("channel_id".to_owned(), id.as_str().into());
    }
    Request::new(Method::Post, "/v2/iframe-links/channels").with_body(json!({ "options": options }))
}

/// `GET /v2/webhooks`
pub(super) fn list_webhooks() -> Request {
    Request::new(Method::Get, "/v2/webhooks")
}

/// `POST /v2/webhooks` `{data: [{url, event}]}`
pub(super) fn create_webhooks(rows: &[NewWebhook]) -> Request {
    let data: Vec<Value> = rows
        .iter()
        .map(|row| json!({"url": row.url.reveal(), "event": row.event}))
        .collect();
    Request::new(Method::Post, "/v2/webhooks")
        .with_body(json!({ "data": data }))
        .hiding(rows.iter().map(|row| row.url.clone()))
}

/// `PATCH /v2/webhooks` `{data: [{id, url, event}]}`
pub(super) fn update_webhooks(rows: &[WebhookRow]) -> Request {
    let data: Vec<Value> = rows
        .iter()
        .map(|row| json!({"id": row.id, "url": row.url.reveal(), "event": row.event}))
        .collect();
    Request::new(Method::Patch, "/v2/webhooks")
        .with_body(json!({ "data": data }))
        .hiding(rows.iter().map(|row| row.url.clone()))
}

/// `DELETE /v2/webhooks` `{data: [{id}]}`: a body on a DELETE, as the service wants it.
pub(super) fn delete_webhooks(ids: &[String]) -> Request {
    let data: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    Request::new(Method::Delete, "/v2/webhooks").with_body(json!({ "data": data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ChannelId {
        ChannelId::parse("db72fd40").unwrap()
    }

    #[test]
    fn a_create_carries_an_empty_object_where_no_credentials_are_needed() {
        let request = create_channel(Transport::Whatsapp, &Credentials::empty());
        assert_eq!(request.body, Some(json!({"transport": "whatsapp", "credentials": {}})));
    }

    #[test]
    fn a_reinit_names_no_transport() {
        let credentials = Credentials(vec![("telegram_token", "1:A".to_owned().into())]);
        let request = reinit_channel(&id(), &credentials);
        assert_eq!(request.path, "/v2/channels/db72fd40/reinit");
        assert_eq!(request.body, Some(json!({"credentials": {"telegram_token": "1:A"}})));
    }

    #[test]
    fn two_factor_and_pairing_bodies_carry_the_transport() {
        let request = submit_two_factor(&id(), Transport::Tgapi, &"p\"w".to_owned().into());
        assert_eq!(
            request.body,
            Some(json!({"two_factor_code": "p\"w", "transport": "tgapi"}))
        );
        let request = request_pairing_code(&id(), &Phone::parse("79999999999").unwrap());
        assert_eq!(
            request.body,
            Some(json!({"pairing_phone": "79999999999", "transport": "whatsapp"}))
        );
    }

    #[test]
    fn a_delete_always_says_what_becomes_of_the_chats() {
        assert_eq!(delete_channel(&id(), false).query, [("delete_chats", "false")]);
        assert_eq!(delete_channel(&id(), true).query, [("delete_chats", "true")]);
    }

    #[test]
    fn an_iframe_link_names_a_channel_only_to_reconnect_it() {
        let fresh = create_iframe_link(Transport::Vk, None);
        assert_eq!(fresh.body, Some(json!({"options": {"transport": "vk"}})));
        let again = create_iframe_link(Transport::Vk, Some(&id()));
        assert_eq!(
            again.body,
            Some(json!({"options": {"transport": "vk", "channel_id": "db72fd40"}}))
        );
    }

    #[test]
    fn webhook_bodies_wrap_their_rows() {
        let url: Sensitive<String> = "https://a.example/w".to_owned().into();
        let new = NewWebhook {
            event: "channel.create".into(),
            url: url.clone(),
        };
        assert_eq!(
            create_webhooks(&[new]).body,
            Some(json!({"data": [{"url": "https://a.example/w", "event": "channel.create"}]}))
        );
        let row = WebhookRow {
            id: "7".into(),
            event: "channel.create".into(),
            url,
        };
        assert_eq!(
            update_webhooks(&[row]).body,
            Some(json!({"data": [{"id": "7", "url": "https://a.example/w", "event": "channel.create"}]}))
        );
        assert_eq!(
            delete_webhooks(&["7".into()]).body,
            Some(json!({"data": [{"id": "7"}]}))
        );
    }

    #[test]
    fn a_printed_request_shows_nothing_that_was_sent() {
        let credentials = Credentials(vec![("telegram_token", "canary".to_owned().into())]);
        let request = create_channel(Transport::Telegram, &credentials);
        assert_eq!(format!("{request:?}"), "Request(Post /v2/channels)");
    }
}
