//! The body of a delivery.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use wazzup_operator::{
    model::{ChannelId, QrPayload, WebhookEvent, WebhookEventKind},
    webhook::{NotJson, Parsed, parse},
};

pub(super) const WORDS: &[&[u8]] = &[
    b"{\"test\":true}",
    b"\"event\":\"channel.qr_update\"",
    b"\"channel.status_update\"",
    b"\"channel.waba_tier_update\"",
    b"\"data\":[",
    b"{\"channel_id\":\"a\"}",
    b"\"qr_code\":\"data:image/png;base64,",
    b"\"meta\":{\"timestamp\":",
    b"\"idempotency_key\":",
    b"1760947913",
    b"1760947913177",
];

/// The time of the page's example.
const NOW: i64 = 1_760_947_950;

pub(super) fn webhook(body: &[u8]) {
    let now = Timestamp::from_second(NOW).unwrap_or_default();
    let parsed = parse(body, now);
    assert_eq!(parsed, parse(body, now), "the same body reads the same");
    let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
    assert_eq!(parsed == Err(NotJson), !is_json, "only what is not JSON is refused");
    let Ok(Parsed::Events { events, skipped }) = parsed else {
        return;
    };
    assert!(
        events.len() + skipped.ahead + skipped.without_channel <= body.len(),
        "no more items than bytes"
    );
    assert!(
        skipped.ahead == 0 || events.is_empty(),
        "a delivery has one time, so it is refused whole"
    );
    let mut keys = BTreeSet::new();
    for event in &events {
        assert_eq!(
            ChannelId::parse(event.channel_id.as_str()).as_ref(),
            Ok(&event.channel_id)
        );
        assert!(
            event.at.duration_since(now) <= SignedDuration::from_mins(5),
            "an event from the future"
        );
        let key = event.idempotency_key.as_deref().unwrap_or_default();
        assert!(key.len() <= 256, "a key of {} bytes", key.len());
        keys.insert(key);
        assert_eq!(
            format!("{event:?}"),
            format!("{:?}", blotted(event)),
            "a code was printed"
        );
    }
    assert!(keys.len() <= 1, "a delivery has one key");
}

/// The same event with another code: printed, the two cannot be told apart.
fn blotted(event: &WebhookEvent) -> WebhookEvent {
    let kind = match &event.kind {
        WebhookEventKind::Changed => WebhookEventKind::Changed,
        WebhookEventKind::Qr(qr) => WebhookEventKind::Qr(QrPayload {
            code: String::new().into(),
            at: qr.at,
        }),
    };
    WebhookEvent { kind, ..event.clone() }
}
