//! Answers that are not what the page promises: every field of every documented answer missing, null, of another type, or
//! of unknown words; pages of somebody else; nothing; too much. None brings the operator down, none becomes a wrong
//! decision, and each is told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use serde_json::{Value, json};
use stage::{Setting, Stage};
use wazzup_operator::{
    api::condition,
    model::{ChannelId, CreateOutcome, Fault, RemoteChannel, Transport},
    wazzup::Answer,
};
use wazzup_simulator::{Effect, Fault as Rule};

const ID: &str = "0b1f7601-1e21-4ae8-b105-51d028182a";

/// The item of the page's examples.
fn channel() -> Value {
    json!({
        "channel_id": ID, "transport": "telegram", "state": "active", "status": "active", "reason": "null",
        "phone": "bot", "username": "bot", "messenger_id": "bot", "name": "bot", "url": "https://t.me/bot",
        "tier": "TIER_1K", "tariff": "max",
    })
}

fn page(data: &Value) -> Value {
    json!({"data": data, "meta": {"timestamp": 1_759_485_254}})
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer {
        status,
        content_type: Some("application/json".to_owned()),
        body: body.into(),
        ..Answer::default()
    }
}

/// A damage: which field, and what is in its place.
struct Damage {
    field: String,
    body: Value,
    put: Option<Value>,
}

/// Every field of an answer, one at a time, missing and replaced.
fn damages(whole: &Value) -> Vec<Damage> {
    let mut paths = Vec::new();
    collect(whole, "", &mut paths);
    let puts = [
        None,
        Some(Value::Null),
        Some(json!(7)),
        Some(json!(-1.5)),
        Some(json!(true)),
        Some(json!("")),
        Some(json!("word-of-tomorrow")),
        Some(json!("null")),
        Some(json!("x".repeat(100_000))),
        Some(json!([])),
        Some(json!({})),
        Some(json!([[[[{"a": [null]}]]]])),
    ];
    let mut all = Vec::new();
    for path in paths {
        for put in &puts {
            let mut body = whole.clone();
            let (parent, field) = path.rsplit_once('/').unwrap();
            let holder = body.pointer_mut(parent).unwrap();
            match (holder, put) {
                (Value::Object(fields), None) => {
                    fields.remove(field);
                }
                (Value::Array(items), None) => {
                    items.remove(field.parse().unwrap());
                }
                (holder, Some(value)) => *holder.pointer_mut(&format!("/{field}")).unwrap() = value.clone(),
                (_, None) => unreachable!("only objects and arrays have fields"),
            }
            all.push(Damage {
                field: path.clone(),
                body,
                put: put.clone(),
            });
        }
    }
    assert!(all.len() > 40, "nothing was damaged");
    all
}

fn collect(value: &Value, at: &str, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                paths.push(format!("{at}/{name}"));
                collect(inner, &format!("{at}/{name}"), paths);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                paths.push(format!("{at}/{index}"));
                collect(inner, &format!("{at}/{index}"), paths);
            }
        }
        _ => {}
    }
}

/// Bodies that are no answer at all.
fn nonsense() -> Vec<Vec<u8>> {
    let whole = page(&json!([channel()])).to_string();
    let mut all: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "[]",
        "7",
        "\"ok\"",
        "{",
        "{}",
        "<html>502</html>",
        "\u{feff}{}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    all.push(whole.as_bytes()[..whole.len() / 2].to_vec());
    all.push(vec![0xff; 64]);
    all.push("[".repeat(100_000).into_bytes());
    all
}

fn id() -> ChannelId {
    ChannelId::parse(ID).unwrap()
}

/// What may stand in for an id: it is an opaque word, so another word is another channel.
fn is_a_word(put: Option<&Value>) -> bool {
    match put {
        Some(Value::String(text)) => text != "null" && ChannelId::parse(text).is_ok(),
        Some(Value::Number(number)) => number.is_u64(),
        _ => false,
    }
}

#[test]
fn a_create_with_a_damaged_answer_is_ours_by_its_id_or_unknown_and_never_refused() {
    let whole = page(&json!([{"channel_id": ID, "transport": "telegram"}]));
    for damage in damages(&whole) {
        for status in [200, 201] {
            let outcome = answer(status, damage.body.to_string()).created(Transport::Telegram);
            match &outcome {
                CreateOutcome::Created(made) if made.id == id() => {}
                CreateOutcome::Created(_) => {
                    let renamed = damage.field == "/data/0/channel_id" && is_a_word(damage.put.as_ref());
                    assert!(renamed, "{} {:?}: {outcome:?}", damage.field, damage.put);
                }
                CreateOutcome::Unknown(_) => {}
                CreateOutcome::Refused(_) | CreateOutcome::NotSent(_) => {
                    panic!("{} {:?}: {outcome:?}", damage.field, damage.put)
                }
            }
        }
    }
    for body in nonsense() {
        for status in [200, 201, 204, 302, 500, 502, 503] {
            let outcome = answer(status, body.clone()).created(Transport::Telegram);
            assert!(matches!(outcome, CreateOutcome::Unknown(_)), "{status}: {outcome:?}");
        }
        let outcome = answer(400, body.clone()).created(Transport::Telegram);
        assert!(
            matches!(outcome, CreateOutcome::Unknown(_)),
            "a refusal must be the service's own: {outcome:?}"
        );
    }
}

#[test]
fn a_damaged_list_never_shows_a_loss() {
    let whole = page(&json!([channel(), {"channel_id": "other", "transport": "viber"}]));
    for damage in damages(&whole) {
        let listed = answer(200, damage.body.to_string()).channel_list();
        let removed = damage.field == "/data/0" && damage.put.is_none();
        let emptied = damage.field == "/data" && damage.put == Some(json!([]));
        let renamed = damage.field == "/data/0/channel_id" && is_a_word(damage.put.as_ref());
        if let Ok(listed) = listed {
            let shown = listed.channels.iter().any(|channel| channel.id == id());
            let lost = !shown && listed.unreadable == 0;
            assert!(
                !lost || removed || emptied || renamed,
                "{} {:?}: {listed:?}",
                damage.field,
                damage.put
            );
        }
    }
    for body in nonsense() {
        for status in [200, 204, 302, 400, 404, 500] {
            let listed = answer(status, body.clone()).channel_list();
            assert!(listed.is_err(), "{status}: {listed:?}");
        }
    }
}

#[test]
fn a_damaged_answer_about_one_channel_is_about_that_channel_or_no_answer() {
    for damage in damages(&page(&json!([channel()]))) {
        let found = answer(200, damage.body.to_string()).channel(&id());
        match found {
            Ok(found) => assert_eq!(found.id, id()),
            Err(fault) => assert!(matches!(fault, Fault::Unclear { .. }), "{} {fault:?}", damage.field),
        }
        let reinitialized = answer(200, damage.body.to_string()).reinitialized(&id());
        if let Ok(Some(shown)) = reinitialized {
            assert_eq!(shown.id, id());
        }
    }
    for body in nonsense() {
        let found = answer(200, body).channel(&id());
        assert!(matches!(found, Err(Fault::Unclear { .. })), "{found:?}");
    }
}

#[test]
fn a_damaged_field_spoils_no_other_and_no_field_is_unbounded() {
    let told = |channel: &RemoteChannel| {
        let status = channel.status.as_ref().map(|word| word.as_str().to_owned());
        let reason = channel.reason.as_ref().map(|word| word.as_str().to_owned());
        [
            ("transport", Some(channel.transport.clone())),
            ("status", status),
            ("reason", reason),
            ("phone", channel.phone.clone()),
            ("username", channel.username.clone()),
            ("messenger_id", channel.messenger_id.clone()),
            ("name", channel.name.clone()),
            ("url", channel.url.clone()),
            ("tier", channel.tier.clone()),
            ("tariff", channel.tariff.clone()),
        ]
    };
    let sound = answer(200, page(&json!([channel()])).to_string())
        .channel(&id())
        .unwrap();
    for damage in damages(&page(&json!([channel()]))) {
        let Ok(found) = answer(200, damage.body.to_string()).channel(&id()) else {
            continue;
        };
        for ((name, value), (_, expected)) in told(&found).into_iter().zip(told(&sound)) {
            assert!(
                value.as_ref().is_none_or(|value| value.len() <= 4_096),
                "{name} is unbounded"
            );
            // Status and reason stand in for each other, and the deprecated state for both.
            let related = ["status", "reason"].contains(&name)
                && ["/state", "/status", "/reason"]
                    .iter()
                    .any(|end| damage.field.ends_with(end));
            if !damage.field.ends_with(&format!("/{name}")) && !related {
                assert_eq!(value, expected, "{} spoils {name}", damage.field);
            }
        }
    }
}

#[test]
fn codes_links_rows_and_empty_answers_are_whole_or_unclear() {
    let code = page(&json!([{"pairing_code": "LYY1WZNL", "pairing_phone": "79999999999"}]));
    let link = page(&json!([{"link": "https://iframe.example.com/x"}]));
    let rows = page(&json!([{"id": "1", "url": "https://a.example.com", "event": "channel.create"}]));
    for (whole, what) in [(&code, "code"), (&link, "link"), (&rows, "rows")] {
        for damage in damages(whole) {
            let answered = answer(200, damage.body.to_string());
            let faults = [
                answered.pairing_code().err(),
                answered.iframe_link().err(),
                answered.webhook_rows().err(),
                answered.done().err(),
            ];
            for fault in faults.into_iter().flatten() {
                assert!(
                    matches!(fault, Fault::Unclear { .. }),
                    "{what} {}: {fault:?}",
                    damage.field
                );
            }
        }
    }
    for body in nonsense() {
        let answered = answer(200, body.clone());
        assert!(
            answered.pairing_code().is_err() && answered.iframe_link().is_err() && answered.webhook_rows().is_err()
        );
        if answered.done().is_ok() {
            let text = String::from_utf8_lossy(&body).trim().to_owned();
            assert!(text.is_empty() || text == "{}", "{text}");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_no_list_is_said_on_the_channel_and_changes_nothing() {
    let stage = Stage::set("nonsense", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    let huge = format!("{{\"data\": [{}]}}", "null,".repeat(4_000_000));
    let bodies = ["", "<html>hello</html>", "{\"data\": null}", huge.as_str()];
    for body in bodies {
        stage.simulator.clear_journal();
        let effect = Effect::Status {
            code: 200,
            retry_after: None,
            body: body.to_owned(),
        };
        stage.simulator.fault(Rule::always("GET", "/v2/channels", effect));
        let channel = stage.until("bot", "Synced", "Unknown", "CannotLook").await;
        let status = channel.status.unwrap();
        assert_eq!(
            condition(&status.conditions, "Ready").unwrap().reason,
            "Connected",
            "what was known stands"
        );
        let told = &condition(&status.conditions, "Synced").unwrap().message;
        assert!(!told.is_empty() && told.len() < 600, "{told}");
        assert!(stage.simulator.journal().writes().is_empty());
        stage.simulator.clear_faults();
        stage.until("bot", "Synced", "True", "Synced").await;
    }
    assert_eq!(stage.remote().len(), 1);
}
