//! How the service's JSON is read: leniently, since the documentation's own examples contradict its tables.

use serde_json::{Map, Value};

use crate::model::{ChannelId, Reason, RemoteChannel, Sensitive, Status};

/// No field is kept longer than this many characters; a name is not a place for a novel.
const LONGEST_TEXT: usize = 512;
/// A cut link leads nowhere, so a longer one is dropped instead.
const LONGEST_LINK: usize = 4096;
/// The service's words in a fault, in characters.
const LONGEST_WORDS: usize = 300;

/// A text, or a number or truth value where a text was meant; null, absent and empty are `None`.
pub(super) fn text(object: &Map<String, Value>, field: &str) -> Option<String> {
    let raw = match object.get(field)? {
        Value::String(raw) => raw.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let cut = tidy(&raw, LONGEST_TEXT);
    if cut.is_empty() { None } else { Some(cut) }
}

/// A link, whole or not at all.
pub(super) fn link(object: &Map<String, Value>, field: &str) -> Option<String> {
    let raw = object.get(field)?.as_str()?.trim();
    let whole = !raw.is_empty() && raw.len() <= LONGEST_LINK && !raw.chars().any(char::is_control);
    whole.then(|| raw.to_owned())
}

/// A word of a closed vocabulary; the page's example shows `"null"` where the text says null.
fn word(object: &Map<String, Value>, field: &str) -> Option<String> {
    text(object, field).filter(|word| !word.eq_ignore_ascii_case("null"))
}

/// `data` as items: an array, or a bare object. Null and anything else is `None`.
pub(super) fn items(body: &Value) -> Option<Vec<&Value>> {
    match body.as_object()?.get("data")? {
        Value::Array(items) => Some(items.iter().collect()),
        item @ Value::Object(_) => Some(vec![item]),
        _ => None,
    }
}

/// One channel; `None` without a usable id.
pub(super) fn channel(item: &Value) -> Option<RemoteChannel> {
    let object = item.as_object()?;
    // An id decides what is ours: a truth value or the word null is none.
    let told = object.get("channel_id").is_some_and(|id| id.is_string() || id.is_u64());
    let id = word(object, "channel_id").filter(|_| told)?;
    let id = ChannelId::parse(&id).ok()?;
    let (status, reason) = status_and_reason(object);
    Some(RemoteChannel {
        id,
        transport: text(object, "transport").unwrap_or_default(),
        status,
        reason,
        phone: text(object, "phone"),
        username: text(object, "username"),
        messenger_id: text(object, "messenger_id"),
        name: text(object, "name"),
        url: link(object, "url"),
        tier: text(object, "tier"),
        tariff: text(object, "tariff"),
    })
}

/// The deprecated `state` speaks where `status` or `reason` is silent: production answers hold
/// `"state":"qridle","status":"disabled"` and no `reason` at all.
fn status_and_reason(object: &Map<String, Value>) -> (Option<Status>, Option<Reason>) {
    let told_reason = word(object, "reason").map(|word| Reason::parse(&word));
    let state = word(object, "state");
    let state_as_status = state.as_deref().map(Status::parse);
    let state_as_reason = match &state_as_status {
        Some(Status::Other(word)) => Some(Reason::parse(word)),
        _ => None,
    };
    let status = word(object, "status").map(|word| Status::parse(&word)).or_else(|| {
        let implied = |reason: &Option<Reason>| reason.as_ref().and_then(Reason::implied_status);
        match &state_as_status {
            Some(Status::Other(_)) | None => implied(&state_as_reason)
                .or_else(|| implied(&told_reason))
                .or_else(|| state_as_status.clone()),
            known => known.clone(),
        }
    });
    let reason = told_reason.or_else(|| state_as_reason.filter(|reason| agrees(reason, status.as_ref())));
    (status, reason)
}

/// A state may lag behind the status: an active channel has no reason, and a known reason belongs to one status.
fn agrees(reason: &Reason, status: Option<&Status>) -> bool {
    match (reason.implied_status(), status) {
        (_, Some(Status::Active)) => false,
        (Some(implied), Some(status)) => implied == *status,
        (Some(_) | None, None) | (None, Some(_)) => true,
    }
}

/// The service's words from an error body of either shape; `None` when the body is not one.
///
/// v2 sends `{code, title, detail, errors[]}`, the older shape is `{error, description}`, and the framework beneath
/// adds `{statusCode, message[], error}`.
pub(super) fn error_words(body: &[u8], hidden: &[Sensitive<String>]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let mut words = Vec::new();
    gather(body.as_object()?, &mut words, 2);
    words.dedup();
    (!words.is_empty()).then(|| words_of(&words.join(": "), hidden))
}

fn gather(object: &Map<String, Value>, words: &mut Vec<String>, depth: u8) {
    for field in ["code", "error", "title", "detail", "description", "message", "errors"] {
        match object.get(field) {
            Some(Value::Array(items)) => {
                for item in items.iter().take(20) {
                    add(item, words, depth);
                }
            }
            Some(item) => add(item, words, depth),
            None => {}
        }
    }
}

fn add(item: &Value, words: &mut Vec<String>, depth: u8) {
    match item {
        Value::String(text) if !text.trim().is_empty() => words.push(text.trim().to_owned()),
        Value::Number(number) => words.push(number.to_string()),
        Value::Object(inner) if depth > 0 => gather(inner, words, depth - 1),
        _ => {}
    }
}

/// Words that are fit to be shown: what was sent is blotted out before the cut, which could leave half of it, and after
/// control characters became spaces, which could make it again.
pub(super) fn words_of(raw: &str, hidden: &[Sensitive<String>]) -> String {
    let mut words = spaced(raw);
    for secret in hidden.iter().filter(|secret| !secret.reveal().is_empty()) {
        words = words.replace(spaced(secret.reveal()).as_str(), "<redacted>");
    }
    tidy(&words, LONGEST_WORDS)
}

/// Without control characters, trimmed, at most so many characters.
fn tidy(raw: &str, longest: usize) -> String {
    spaced(raw).trim().chars().take(longest).collect()
}

fn spaced(raw: &str) -> String {
    raw.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(item: &Value) -> (Option<Status>, Option<Reason>) {
        let channel = channel(item).unwrap();
        (channel.status, channel.reason)
    }

    #[test]
    fn every_spelling_of_no_reason_is_no_reason() {
        for reason in [
            json!(null),
            json!("null"),
            json!("NULL"),
            json!(""),
            json!("  "),
            json!([]),
        ] {
            let item = json!({"channel_id": "a", "status": "active", "state": "active", "reason": reason});
            assert_eq!(read(&item), (Some(Status::Active), None));
        }
        assert_eq!(
            read(&json!({"channel_id": "a", "status": "active"})),
            (Some(Status::Active), None)
        );
    }

    #[test]
    fn the_deprecated_state_tells_what_status_and_reason_leave_out() {
        let disabled = Some(Status::Disabled);
        let cases = [
            (
                json!({"channel_id": "a", "status": "disabled", "state": "qridle"}),
                (disabled.clone(), Some(Reason::QrIdle)),
            ),
            (
                json!({"channel_id": "a", "status": "disabled", "state": "notEnoughMoney", "reason": "null"}),
                (disabled.clone(), Some(Reason::NotEnoughMoney)),
            ),
            (
                json!({"channel_id": "a", "state": "open_Elsewhere"}),
                (disabled.clone(), Some(Reason::OpenElsewhere)),
            ),
            (
                json!({"channel_id": "a", "state": "active"}),
                (Some(Status::Active), None),
            ),
            (
                json!({"channel_id": "a", "reason": "qr"}),
                (Some(Status::Init), Some(Reason::Qr)),
            ),
            (
                json!({"channel_id": "a", "status": "active", "state": "qridle"}),
                (Some(Status::Active), None),
            ),
            (
                json!({"channel_id": "a", "status": "init", "state": "qridle"}),
                (Some(Status::Init), None),
            ),
            (
                json!({"channel_id": "a", "status": "disabled", "state": "disabled"}),
                (disabled, None),
            ),
        ];
        for (item, expected) in cases {
            assert_eq!(read(&item), expected, "{item}");
        }
    }

    #[test]
    fn unknown_words_are_kept() {
        let item = json!({"channel_id": "a", "status": "paused", "reason": "onModeration"});
        assert_eq!(
            read(&item),
            (
                Some(Status::Other("paused".into())),
                Some(Reason::Other("onModeration".into()))
            )
        );
        let item = json!({"channel_id": "a", "status": "disabled", "state": "phoneUnavailable"});
        assert_eq!(
            read(&item),
            (Some(Status::Disabled), Some(Reason::Other("phoneUnavailable".into())))
        );
    }

    #[test]
    fn numbers_serve_as_texts_and_strange_fields_spoil_nothing() {
        let item = json!({"channel_id": 42, "phone": 79_999_999_999_u64, "name": {"x": 1}, "url": 5, "more": []});
        let channel = channel(&item).unwrap();
        assert_eq!(channel.id.as_str(), "42");
        assert_eq!(channel.phone.as_deref(), Some("79999999999"));
        assert_eq!((channel.name, channel.url), (None, None));
    }

    #[test]
    fn no_field_is_unbounded() {
        let item = json!({"channel_id": "a", "name": "x".repeat(5000), "url": format!("https://{}", "y".repeat(5000))});
        let channel = channel(&item).unwrap();
        assert_eq!(channel.name.map(|name| name.len()), Some(512));
        assert_eq!(channel.url, None);
    }

    #[test]
    fn both_error_shapes_are_put_into_words() {
        let v2 = br#"{"code":"VALIDATION_FAILED","title":"Validation Failed","detail":"One failed.","errors":["account limit exceeded"]}"#;
        assert_eq!(
            error_words(v2, &[]).as_deref(),
            Some("VALIDATION_FAILED: Validation Failed: One failed.: account limit exceeded")
        );
        let v3 = br#"{"error":"INVALID_APIKEY","description":"No such key"}"#;
        assert_eq!(error_words(v3, &[]).as_deref(), Some("INVALID_APIKEY: No such key"));
        let nest = br#"{"statusCode":400,"message":["property user should not exist"],"error":"Bad Request"}"#;
        assert_eq!(
            error_words(nest, &[]).as_deref(),
            Some("Bad Request: property user should not exist")
        );
        for other in [
            &b"<html>"[..],
            b"[]",
            b"{}",
            br#"{"ok":true}"#,
            br#"{"code":null}"#,
            b"",
        ] {
            assert_eq!(error_words(other, &[]), None);
        }
    }

    #[test]
    fn words_are_cut_at_a_character_and_hold_no_control_characters_and_no_secret() {
        let body = json!({"detail": format!("токен canary плох\u{1b}[31m\r\n{}", "ж".repeat(400))}).to_string();
        let words = error_words(body.as_bytes(), &["canary".to_owned().into()]).unwrap();
        assert_eq!(words.chars().count(), 300);
        assert!(words.starts_with("токен <redacted> плох [31m  ж"));
        let body = json!({"detail": "my\tpass\u{0}word"}).to_string();
        for secret in ["my pass word", "my\tpass\nword"] {
            let words = error_words(body.as_bytes(), &[secret.to_owned().into()]);
            assert_eq!(words.as_deref(), Some("<redacted>"));
        }
    }
}
