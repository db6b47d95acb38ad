//! C7: what is too large, too long, or of an odd form, in events and answers. It is shown, cut or refused with a reason;
//! what Kubernetes refuses is not written again and again, and the next ordinary thing works.

mod pictures;

use std::{sync::Arc, time::Duration};

use kube::{Api, api::ListParams};
use serde_json::{Value, json};
use wazzup_operator::api::condition;

use super::{
    Scale,
    webhooks::{address, post, post_raw, seconds},
};
use crate::{
    Cell, Fault, Ground, Life, Outcome, Rule, Setting, Side,
    flow::NAME,
    life::ACCOUNT,
    oracle,
    proxy::{Message, Reply},
};

/// How long nothing but the usual may be written after something odd.
const WATCHED: Duration = Duration::from_secs(8);

/// What is odd.
#[derive(Clone, Copy)]
enum Odd {
    /// The code of a QR event, and whether it must be shown.
    Qr(fn() -> String, bool),
    /// The same, into a Secret.
    QrSecret(fn() -> String, bool),
    /// The timestamp of a QR event, and whether it is a time at which the code must be shown.
    Time(fn() -> Value, bool),
    /// The id in an event.
    EventId(fn() -> String),
    /// A field of the channel as it is listed.
    Field(&'static str, fn() -> Value),
    /// The id of another item in the list.
    Beside(fn(&str) -> Value),
    /// The id in a create's answer.
    Created(fn() -> Value),
    /// The service's words when it refuses a create.
    Words(fn() -> String),
}

/// Every case: its name, and what is odd.
const CASES: &[(&str, Odd)] = &[
    ("QR of 0.5 MiB", Odd::Qr(|| pictures::noise(390_000), true)),
    ("QR of 0.9 MiB", Odd::Qr(|| pictures::noise(700_000), false)),
    ("QR of 1.0 MiB", Odd::Qr(|| pictures::long(1 << 20), false)),
    ("QR of 1.1 MiB", Odd::Qr(|| pictures::long(1_153_434), false)),
    ("QR of 3 MiB", Odd::Qr(|| pictures::long(3 << 20), false)),
    (
        "QR of 0.5 MiB into a Secret",
        Odd::QrSecret(|| pictures::noise(390_000), true),
    ),
    (
        "QR of 0.9 MiB into a Secret",
        Odd::QrSecret(|| pictures::noise(700_000), false),
    ),
    (
        "QR that is no base64",
        Odd::Qr(|| "data:image/png;base64,iVBORw0KGgo*?~".to_owned(), false),
    ),
    (
        "QR of another kind of picture",
        Odd::Qr(|| "data:image/jpeg;base64,/9j/4AAQ".to_owned(), false),
    ),
    ("QR without data", Odd::Qr(|| "data:image/png;base64".to_owned(), false)),
    ("QR that is empty", Odd::Qr(String::new, false)),
    (
        "QR as plain text",
        Odd::Qr(|| "2@canary-code,with=signs+/".to_owned(), true),
    ),
    ("QR as a plain text of 4 kB", Odd::Qr(|| "x".repeat(4_096), false)),
    (
        "QR as a text of other letters",
        Odd::Qr(|| "код \u{1F511} \u{7}".to_owned(), true),
    ),
    (
        "QR as base64 alone",
        Odd::Qr(|| pictures::noise(9_000).split_off(22), true),
    ),
    (
        "QR that is the beginning of a picture",
        Odd::Qr(|| "data:image/png;base64,iVBORw0KGgo=".to_owned(), false),
    ),
    ("QR of a hundred thousand pixels a side", Odd::Qr(pictures::vast, false)),
    ("time in words", Odd::Time(|| json!("2026-01-02T03:04:05Z"), true)),
    ("time in milliseconds", Odd::Time(|| json!(seconds() * 1_000), true)),
    ("time in microseconds", Odd::Time(|| json!(seconds() * 1_000_000), true)),
    ("time as a text", Odd::Time(|| json!(seconds().to_string()), true)),
    (
        "time with a fraction",
        Odd::Time(|| json!(seconds() as f64 + 0.75), true),
    ),
    ("time before all time", Odd::Time(|| json!(-1), true)),
    ("time beyond all time", Odd::Time(|| json!(1e300), true)),
    ("time that is none", Odd::Time(|| json!({"at": [null]}), true)),
    ("time of an hour ago", Odd::Time(|| json!(seconds() - 3_600), false)),
    ("time of tomorrow", Odd::Time(|| json!(seconds() + 86_400), false)),
    ("event about ../", Odd::EventId(|| "../../v2/webhooks".to_owned())),
    ("event about %2e", Odd::EventId(|| "%2e%2e%2fwebhooks".to_owned())),
    (
        "event about an id with line ends",
        Odd::EventId(|| "a\r\nx-evil: 1".to_owned()),
    ),
    (
        "event about an id of other letters",
        Odd::EventId(|| "канал-\u{202e}\u{1F511}".to_owned()),
    ),
    ("event about an id of 10 kB", Odd::EventId(|| "x".repeat(10_000))),
    ("list with ../", Odd::Beside(|_| json!("../../v2/webhooks"))),
    ("list with %2e", Odd::Beside(|_| json!("%2e%2e%2fwebhooks"))),
    ("list with line ends", Odd::Beside(|_| json!("a\r\nx-evil: 1"))),
    (
        "list with an id of other letters",
        Odd::Beside(|_| json!("канал-\u{202e}\u{1F511}")),
    ),
    ("list with an id of 10 kB", Odd::Beside(|_| json!("x".repeat(10_000)))),
    (
        "list with our id in capitals",
        Odd::Beside(|own| json!(own.to_uppercase())),
    ),
    ("create answered ../", Odd::Created(|| json!("../../v2/webhooks"))),
    (
        "create answered an id of 10 kB",
        Odd::Created(|| json!("x".repeat(10_000))),
    ),
    ("create answered a truth value", Odd::Created(|| json!(true))),
    ("name of 100 kB", Odd::Field("name", || json!("н".repeat(100_000)))),
    ("phone of 10 kB", Odd::Field("phone", || json!("7".repeat(10_000)))),
    ("status of 10 kB", Odd::Field("status", || json!("s".repeat(10_000)))),
    (
        "reason with line ends",
        Odd::Field("reason", || json!("word\r\n\u{1b}[31mred".repeat(200))),
    ),
    (
        "url of 10 kB",
        Odd::Field("url", || json!(format!("https://{}", "u".repeat(10_000)))),
    ),
    ("refusal of 10 kB", Odd::Words(|| "long word ".repeat(1_000))),
    ("refusal in pictures", Odd::Words(|| "\u{1F9EF}".repeat(3_000))),
    (
        "refusal with line ends and colours",
        Odd::Words(|| "line\r\n\u{1b}[31mred\u{0}\u{202e}".repeat(50)),
    ),
];

async fn play(ground: &Ground, odd: Odd) -> Outcome {
    let life = Life::begin(ground, "sizes", Setting::default()).await;
    life.start();
    life.account().await;
    match odd {
        Odd::Qr(code, shown) => qr(&life, false, &code(), || json!(seconds()), shown).await,
        Odd::QrSecret(code, shown) => qr(&life, true, &code(), || json!(seconds()), shown).await,
        Odd::Time(at, shown) => qr(&life, false, "2@canary-timed", at, shown).await,
        Odd::EventId(id) => event_id(&life, &id()).await,
        Odd::Field(field, value) => listed(&life, Some(field), move |_| value()).await,
        Odd::Beside(id) => listed(&life, None, id).await,
        Odd::Created(id) => created(&life, id()).await,
        Odd::Words(words) => refused(&life, &words()).await,
    }
    oracle::assert_sound(&life);
    oracle::assert_status_is_true(&life).await;
    Outcome::Passed
}

/// Requests to Kubernetes that it refused for their form.
fn refusals(life: &Life) -> Vec<Message> {
    let messages = life.wire.messages().into_iter();
    messages
        .filter(|one| one.side == Side::Kubernetes && matches!(one.status, Some(400 | 413 | 422)))
        .collect()
}

/// After something odd little is written, and what was refused is not tried hot.
async fn assert_calm(life: &Life, may_be_refused: usize) {
    let (writes, refused) = (life.wire.steps().len(), refusals(life).len());
    tokio::time::sleep(WATCHED).await;
    let steps = life.wire.steps();
    assert!(steps.len() - writes <= 4, "a write loop: {:?}", &steps[writes..]);
    let more = refusals(life).len() - refused;
    assert!(more <= may_be_refused, "refused and tried again: {:?}", refusals(life));
}

async fn shown(life: &Life, secret: bool) -> Option<String> {
    if secret {
        let found = life.secrets().get_opt("shop-qr").await.unwrap();
        let data = found.and_then(|found| found.data)?;
        return data
            .get("qr")
            .map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned());
    }
    let found = life.config_maps().get_opt("shop-qr").await.unwrap();
    found.and_then(|found| found.data)?.get("qr").cloned()
}

async fn until_shown(life: &Life, secret: bool, code: &str) {
    life.wait("the code in the sink", || async {
        match shown(life, secret).await {
            Some(found) if found == code => Ok(()),
            other => Err(format!(
                "{:?}",
                other.map(|code| code.chars().take(40).collect::<String>())
            )),
        }
    })
    .await;
}

fn qr_event(id: &str, code: &str, at: &Value) -> Value {
    let at = if at.is_null() { json!(seconds()) } else { at.clone() };
    let item = json!({"channel_id": id, "platform": "whatsapp", "qr_code": code});
    json!({"event": "channel.qr_update", "data": [item], "meta": {"timestamp": at}})
}

async fn qr(life: &Life, secret: bool, code: &str, at: fn() -> Value, must_be_shown: bool) {
    life.until_subscribed().await;
    let sink = if secret { "Secret" } else { "ConfigMap" };
    life.channel(NAME, json!({"transport": "whatsapp", "qr": {"sink": sink}}))
        .await;
    life.until(NAME, "ActionRequired", "ScanQr").await;
    life.wait("the first QR", || async {
        shown(life, secret).await.map(|_| ()).ok_or("none yet".to_owned())
    })
    .await;
    let id = life.remote().remove(0).id;
    let answer = post(&address(life), &qr_event(&id, code, &at())).await;
    assert!([200, 413].contains(&answer), "{answer}");
    if must_be_shown {
        until_shown(life, secret, code).await;
    }
    assert_calm(life, 1).await;
    assert!(
        must_be_shown || shown(life, secret).await.as_deref() != Some(code),
        "it was shown"
    );
    // The next ordinary one takes its place.
    let next = "2@canary-next";
    assert_eq!(
        post(&address(life), &qr_event(&id, next, &json!(seconds() + 1))).await,
        200
    );
    until_shown(life, secret, next).await;
    life.wait("the login", || async {
        if life.scan(&id, "79990000001") {
            Ok(())
        } else {
            Err("no QR".to_owned())
        }
    })
    .await;
    life.until_ready(NAME).await;
    life.wait("the sink to go", || async {
        match shown(life, secret).await {
            None => Ok(()),
            Some(_) => Err("still there".to_owned()),
        }
    })
    .await;
}

async fn event_id(life: &Life, id: &str) {
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    life.until_subscribed().await;
    life.until_still().await;
    let before = life.wire.steps().len();
    for event in [
        "channel.status_update",
        "channel.qr_update",
        "channel.create",
        "channel.delete",
    ] {
        let item = json!({"channel_id": id, "qr_code": "2@canary", "status": "disabled"});
        let body = json!({"event": event, "data": [item], "meta": {"timestamp": seconds()}});
        assert_eq!(post(&address(life), &body).await, 200, "{event}");
    }
    assert_calm(life, 0).await;
    assert!(life.wire.steps().len() - before <= 2, "{:?}", life.wire.steps());
    assert_paths(life);
    assert_eq!(post_raw(&address(life), b"not json".to_vec()).await, 400);
}

/// Nothing odd has got into a path.
fn assert_paths(life: &Life) {
    // A proxy's port may have been another life's before, and its operator may still knock.
    let asked = life.wire.messages().into_iter();
    for message in asked.filter(|one| one.side == Side::Wazzup && one.path.contains("v2/")) {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "/-_?=".contains(letter);
        assert!(
            message.path.chars().all(plain) && message.path.len() < 300,
            "{}",
            message.path
        );
    }
}

/// The account's list is changed: a field of our channel, or one more item.
async fn listed(life: &Life, field: Option<&'static str>, value: impl Fn(&str) -> Value + Send + Sync + 'static) {
    let change = move |reply: &mut Reply| {
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if let Some(Value::Array(items)) = body.get_mut("data") {
            let own = items
                .first()
                .and_then(|item| item["channel_id"].as_str())
                .unwrap_or("none")
                .to_owned();
            match (field, items.first_mut()) {
                (Some(field), Some(item)) => item[field] = value(&own),
                (Some(_), None) => {}
                (None, _) => {
                    items.push(json!({"channel_id": value(&own), "transport": "telegram", "status": "active"}));
                }
            }
        }
        reply.body = body.to_string().into_bytes();
    };
    let harmless = !matches!(field, Some("status" | "reason"));
    life.wire.rule(Rule::always(
        Side::Wazzup,
        "GET /v2/channels",
        Fault::Rewrite(Arc::new(change)),
    ));
    life.bot(NAME, "100:canary-bot").await;
    if harmless || field == Some("reason") {
        life.until_ready(NAME).await;
    } else {
        life.wait("an unknown status to be told", || async {
            let status = life.status(NAME).await;
            match condition(&status.conditions, "Ready") {
                Some(ready) if ready.reason == "UnknownStatus" => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
    assert_calm(life, 0).await;
    let status = life.status(NAME).await;
    for text in [&status.name, &status.phone, &status.status, &status.reason, &status.url] {
        assert!(
            text.as_ref()
                .is_none_or(|text| text.chars().count() <= 4_096 && !text.contains('\n')),
            "{status:?}"
        );
    }
    assert_eq!(refusals(life).len(), 0, "{:?}", refusals(life));
    life.wire.calm();
    life.until_ready(NAME).await;
    assert_paths(life);
    // Only our own channel goes with the object.
    let id = life.status(NAME).await.channel_id.unwrap_or_default();
    life.delete(NAME).await;
    life.until_gone(NAME).await;
    oracle::assert_deleted_only(life, &[id]);
}

async fn created(life: &Life, id: Value) {
    let change = move |reply: &mut Reply| {
        reply.body = json!({"data": [{"channel_id": id, "transport": "telegram"}], "meta": {}})
            .to_string()
            .into_bytes();
    };
    life.wire.rule(Rule::once(
        Side::Wazzup,
        "POST /v2/channels",
        Fault::Rewrite(Arc::new(change)),
    ));
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
    assert_paths(life);
    assert_eq!((oracle::creates(life), refusals(life).len()), (1, 0));
}

async fn refused(life: &Life, words: &str) {
    let body = json!({"code": "VALIDATION_FAILED", "title": words, "detail": words, "errors": [words, words]});
    let reply = Reply::json(400, &body.to_string());
    life.wire
        .rule(Rule::once(Side::Wazzup, "POST /v2/channels", Fault::Answer(reply)));
    life.bot(NAME, "100:canary-bot").await;
    life.until(NAME, "ActionRequired", "FixCredentials").await;
    assert_calm(life, 0).await;
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(life.client.clone(), &life.namespace);
    life.wait("an event about it", || async {
        let events = events.list(&ListParams::default()).await.unwrap().items;
        let told = events
            .iter()
            .any(|event| event.reason.as_deref() == Some("FixCredentials"));
        if told {
            Ok(())
        } else {
            Err(format!("{} others", events.len()))
        }
    })
    .await;
    assert_eq!(refusals(life).len(), 0, "{:?}", refusals(life));
    assert_eq!(oracle::creates(life), 1, "a refused create is not repeated");
    life.annotate(NAME, "recreate-requested-at", "now").await;
    life.until_ready(NAME).await;
}

/// A QR that turns every second is written once a second at most, and the last one stays.
async fn rotating(ground: &Ground) -> Outcome {
    let life = Life::begin(ground, "rotating", Setting::default()).await;
    life.start();
    life.account().await;
    life.until_subscribed().await;
    life.channel(NAME, json!({"transport": "whatsapp"})).await;
    life.until(NAME, "ActionRequired", "ScanQr").await;
    let id = life.remote().remove(0).id;
    let (before, begun) = (life.wire.steps().len(), std::time::Instant::now());
    let url = address(&life);
    let mut last = String::new();
    for number in 0..20 {
        last = format!("2@canary-{number}");
        assert_eq!(post(&url, &qr_event(&id, &last, &json!(seconds()))).await, 200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    until_shown(&life, false, &last).await;
    let lasted = begun.elapsed().as_secs();
    let steps = life.wire.steps();
    let written = steps[before..]
        .iter()
        .filter(|(_, label)| label.ends_with(" configmaps"))
        .count() as u64;
    assert!(
        written <= lasted + 2,
        "{written} writes in {lasted} s: {:?}",
        &steps[before..]
    );
    let others = steps.len() - before - usize::try_from(written).unwrap_or(0);
    assert!(others <= 4, "{:?}", &steps[before..]);
    oracle::assert_sound(&life);
    Outcome::Passed
}

/// The longest names, the longest words and the most unmanaged channels at once.
async fn longest(ground: &Ground) -> Outcome {
    let life = Life::begin(ground, "longest", Setting::default()).await;
    life.simulator.with(|world, now| {
        for _ in 0..300 {
            world.create_in_cabinet(ACCOUNT, "wapi", now);
        }
    });
    let change = |reply: &mut Reply| {
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        for item in body["data"].as_array_mut().into_iter().flatten() {
            item["name"] = json!("Имя \u{1F9EF}".repeat(500));
        }
        reply.body = body.to_string().into_bytes();
    };
    life.wire.rule(Rule::always(
        Side::Wazzup,
        "GET /v2/channels",
        Fault::Rewrite(Arc::new(change)),
    ));
    let words = "\u{1F9EF}".repeat(3_000);
    let body = json!({"code": "VALIDATION_FAILED", "title": words, "detail": words, "errors": [words]});
    let refusal = Fault::Answer(Reply::json(400, &body.to_string()));
    life.wire.rule(Rule::once(Side::Wazzup, "POST /v2/channels", refusal));
    life.start();
    life.account().await;
    let (name, secret) = ("n".repeat(60), format!("s{}", ".s".repeat(126)));
    life.secret(&secret, json!({"telegram_token": "100:canary-bot"})).await;
    life.channel(
        &name,
        json!({"transport": "telegram", "credentialsSecretRef": {"name": secret}}),
    )
    .await;
    life.until(&name, "ActionRequired", "FixCredentials").await;
    assert_calm(&life, 0).await;
    assert_eq!(refusals(&life).len(), 0, "{:?}", refusals(&life));
    life.annotate(&name, "recreate-requested-at", "now").await;
    life.until_ready(&name).await;
    let account = life.accounts().get("default").await.unwrap();
    let unmanaged = account.status.unwrap_or_default().unmanaged_channels.len();
    assert!(unmanaged > 0 && unmanaged < 300, "{unmanaged} are told");
    oracle::assert_sound(&life);
    Outcome::Passed
}

/// The cells of the campaign; a test plays those that chance picks.
pub async fn cells(ground: Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (name, odd) in CASES {
        let ground = ground.clone();
        cells.push(Cell::new("C7", *name, move || async move { play(&ground, *odd).await }));
    }
    let one = ground.clone();
    cells.push(Cell::new("C7", "QR that turns every half second", move || async move {
        rotating(&one).await
    }));
    cells.push(Cell::new(
        "C7",
        "the longest names, words and lists",
        move || async move { longest(&ground).await },
    ));
    match scale {
        Scale::Test => super::sample(cells, seed, 8),
        Scale::Full => cells,
    }
}
