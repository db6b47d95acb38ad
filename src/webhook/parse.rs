//! How a delivery is read (Webhooks page; Channels page for the QR example): pure, time is an argument.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::model::{ChannelId, QrPayload, Sensitive, WebhookEvent, WebhookEventKind};

/// An event dated further ahead than this is refused: it would overrule every later one.
const FURTHEST_AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// A number from here on counts milliseconds: as seconds it would lie beyond the year 5000.
const FIRST_MILLISECONDS: f64 = 1e11;
/// A longer key is not used.
const LONGEST_KEY: usize = 256;

/// The body is not JSON at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not JSON")]
pub struct NotJson;

/// What a delivery holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// `{"test": true}`: somebody asks whether we listen.
    Test,
    /// Events about channels, and what was left out.
    Events {
        /// In the order of delivery.
        events: Vec<WebhookEvent>,
        /// Items that were left out, by why.
        skipped: Skipped,
    },
    /// Something that is none of our business.
    Ignored,
}

/// How many items of a delivery were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Without a usable channel id.
    pub without_channel: usize,
    /// Dated more than five minutes ahead.
    pub ahead: usize,
}

/// Reads a delivery that arrived at `now`.
pub fn parse(body: &[u8], now: Timestamp) -> Result<Parsed, NotJson> {
    let body: Value = serde_json::from_slice(body).map_err(|_| NotJson)?;
    let Some(envelope) = body.as_object() else {
        return Ok(Parsed::Ignored);
    };
    if envelope.get("test") == Some(&Value::Bool(true)) {
        return Ok(Parsed::Test);
    }
    let is_qr = match envelope.get("event").and_then(Value::as_str) {
        Some("channel.qr_update") => true,
        Some("channel.status_update" | "channel.create" | "channel.delete" | "channel.waba_tier_update") => false,
        _ => return Ok(Parsed::Ignored),
    };
    let items = match envelope.get("data") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(item @ Value::Object(_)) => vec![item],
        _ => Vec::new(),
    };
    let meta = envelope.get("meta").and_then(Value::as_object);
    let at = meta.and_then(|meta| time(meta.get("timestamp")?)).unwrap_or(now);
    let idempotency_key = meta
        .and_then(|meta| text(meta, "idempotency_key"))
        .filter(|key| key.len() <= LONGEST_KEY);
    let mut skipped = Skipped::default();
    if at.duration_since(now) > FURTHEST_AHEAD {
        skipped.ahead = items.len();
        return Ok(Parsed::Events {
            events: Vec::new(),
            skipped,
        });
    }
    let mut events = Vec::with_capacity(items.len());
    for item in items {
        match event(item, is_qr, at, idempotency_key.as_ref()) {
            Some(event) => events.push(event),
            None => skipped.without_channel += 1,
        }
    }
    Ok(Parsed::Events { events, skipped })
}

fn event(item: &Value, is_qr: bool, at: Timestamp, key: Option<&String>) -> Option<WebhookEvent> {
    let item = item.as_object()?;
    let channel_id = ChannelId::parse(&text(item, "channel_id")?).ok()?;
    // Where a connection code travels is not documented; without `qr_code` the event is a hint like the others.
    let code = if is_qr { text(item, "qr_code") } else { None };
    let kind = code.map_or(WebhookEventKind::Changed, |code| {
        WebhookEventKind::Qr(QrPayload {
            code: Sensitive::new(code),
            at,
        })
    });
    Some(WebhookEvent {
        channel_id,
        at,
        idempotency_key: key.cloned(),
        kind,
    })
}

/// A text or a number; fields are known to change type between events.
fn text(object: &Map<String, Value>, field: &str) -> Option<String> {
    match object.get(field)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Seconds or milliseconds since 1970, as a number or its text; `None` for anything that is no time.
fn time(value: &Value) -> Option<Timestamp> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // Not a number, nothing and less are no time either.
    if !number.is_finite() || number <= 0.0 {
        return None;
    }
    let milliseconds = if number < FIRST_MILLISECONDS {
        number * 1000.0
    } else {
        number
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and the range is checked next"
    )]
    Timestamp::from_millisecond(milliseconds.round() as i64).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_760_947_950).unwrap()
    }

    fn read(body: &Value) -> Parsed {
        parse(body.to_string().as_bytes(), now()).unwrap()
    }

    fn events(body: &Value) -> Vec<WebhookEvent> {
        match read(body) {
            Parsed::Events { events, .. } => events,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documented_qr_event_is_read_whole() {
        let body = json!({
            "event": "channel.qr_update",
            "data": [{"channel_id": "656cc30c", "platform": "whatsapp", "qr_code": "data:image/png;base64,iVBORw0KGg"}],
            "meta": {"idempotency_key": "daa4e9e6", "timestamp": 1_760_947_913}
        });
        let at = Timestamp::from_second(1_760_947_913).unwrap();
        let code = Sensitive::new("data:image/png;base64,iVBORw0KGg".to_owned());
        let expected = WebhookEvent {
            channel_id: ChannelId::parse("656cc30c").unwrap(),
            at,
            idempotency_key: Some("daa4e9e6".into()),
            kind: WebhookEventKind::Qr(QrPayload { code, at }),
        };
        assert_eq!(events(&body), [expected]);
    }

    #[test]
    fn data_may_be_an_array_or_a_bare_object_and_bad_items_are_counted() {
        let bare = json!({"event": "channel.create", "data": {"channel_id": 7}});
        assert_eq!(events(&bare)[0].channel_id.as_str(), "7");
        let mixed =
            json!({"event": "channel.delete", "data": [{"channel_id": "a"}, {"channel_id": "a/b"}, {}, 5, null]});
        let Parsed::Events { events, skipped } = read(&mixed) else {
            panic!("no events")
        };
        assert_eq!((events.len(), skipped.without_channel, skipped.ahead), (1, 4, 0));
    }

    #[test]
    fn seconds_and_milliseconds_are_told_by_magnitude_and_nonsense_is_the_time_of_receipt() {
        let at = |timestamp: Value| {
            let body =
                json!({"event": "channel.create", "data": {"channel_id": "a"}, "meta": {"timestamp": timestamp}});
            events(&body)[0].at
        };
        assert_eq!(at(json!(1_760_947_913)).as_millisecond(), 1_760_947_913_000);
        assert_eq!(at(json!(1_760_947_913_177_i64)).as_millisecond(), 1_760_947_913_177);
        assert_eq!(at(json!("1760947913")).as_second(), 1_760_947_913);
        for nonsense in [
            json!(null),
            json!("soon"),
            json!(0),
            json!(-5),
            json!(1e300),
            json!("NaN"),
            json!({}),
        ] {
            assert_eq!(at(nonsense), now());
        }
    }

    #[test]
    fn an_event_from_the_future_is_refused_and_a_fast_clock_is_not() {
        let ahead = |seconds: i64| {
            read(&json!({
                "event": "channel.create",
                "data": [{"channel_id": "a"}, {"channel_id": "b"}],
                "meta": {"timestamp": now().as_second() + seconds}
            }))
        };
        let refused = Skipped {
            without_channel: 0,
            ahead: 2,
        };
        let events = Vec::new();
        assert_eq!(
            ahead(301),
            Parsed::Events {
                events,
                skipped: refused
            }
        );
        assert!(matches!(ahead(300), Parsed::Events { events, .. } if events.len() == 2));
    }

    #[test]
    fn only_what_is_not_json_is_an_error() {
        for body in [&b""[..], b"{", b"<html>", b"\xff", b"{\"a\":1}x"] {
            assert_eq!(parse(body, now()), Err(NotJson));
        }
        assert_eq!(read(&json!({"test": true})), Parsed::Test);
        for foreign in [
            json!([]),
            json!(5),
            json!({}),
            json!({"event": "message.add"}),
            json!({"event": 5}),
        ] {
            assert_eq!(read(&foreign), Parsed::Ignored);
        }
    }

    #[test]
    fn a_qr_event_without_a_code_is_a_hint() {
        for data in [json!({"channel_id": "a"}), json!({"channel_id": "a", "qr_code": null})] {
            let body = json!({"event": "channel.qr_update", "data": data});
            assert_eq!(events(&body)[0].kind, WebhookEventKind::Changed);
        }
    }

    #[test]
    fn a_printed_event_shows_no_code() {
        let body = json!({"event": "channel.qr_update", "data": {"channel_id": "a", "qr_code": "canary"}});
        assert!(!format!("{:?}", read(&body)).contains("canary"));
    }

    proptest::proptest! {
        #[test]
        fn no_body_brings_the_reader_down(body in "\\PC*", number in proptest::num::f64::ANY) {
            let _ = parse(body.as_bytes(), now());
            let body = json!({"event": "channel.create", "data": {"channel_id": body}, "meta": {"timestamp": number}});
            proptest::prop_assert!(parse(body.to_string().as_bytes(), now()).is_ok());
        }
    }
}
