//! Events: who subscribes, what is repaired, and what each event may and may not do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::time::Duration;

use control_plane::eventually;
use kube::ResourceExt;
use serde_json::{Value, json};
use stage::{ACCOUNT, PATIENCE, Setting, Stage, TOKEN};
use wazzup_operator::api::names;
use wazzup_simulator::{Effect, Fault};

const FOREIGN: &str = "https://crm.example.com/hook";

/// Where the account's events go.
async fn url(stage: &Stage, account: &str) -> String {
    let secret = stage.secrets().get(&names::account_secret(account)).await.unwrap();
    let path = secret.data.unwrap().remove("webhook-path").unwrap().0;
    format!("{}{}", stage.webhook_url(), String::from_utf8(path).unwrap())
}

async fn post(url: &str, body: &Value) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.post(url).json(body).send().await.unwrap().status().as_u16()
}

fn qr_event(id: &str, code: &str, at: i64) -> Value {
    json!({
        "event": "channel.qr_update", "data": [{"channel_id": id, "platform": "whatsapp", "qr_code": code}],
        "meta": {"idempotency_key": format!("{code}-{at}"), "timestamp": at},
    })
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn webhook_writes(stage: &Stage) -> usize {
    let journal = stage.simulator.journal();
    journal
        .writes()
        .iter()
        .filter(|entry| entry.path.starts_with("/v2/webhooks"))
        .count()
}

async fn id_of(stage: &Stage, name: &str) -> String {
    eventually("an id", PATIENCE, || async {
        let status = stage.channels().get(name).await.unwrap().status.unwrap_or_default();
        status.channel_id.ok_or_else(String::new)
    })
    .await
}

#[tokio::test]
async fn exactly_the_events_that_are_processed_are_subscribed_once() {
    let stage = Stage::set("subscribed", Setting::default()).await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
    let mut events: Vec<&str> = rows.iter().map(|row| row.event.as_str()).collect();
    events.sort_unstable();
    assert_eq!(
        events,
        [
            "channel.create",
            "channel.delete",
            "channel.qr_update",
            "channel.status_update",
            "channel.waba_tier_update"
        ]
    );
    assert_eq!(webhook_writes(&stage), 1);
    let ours = url(&stage, "default").await;
    assert!(
        rows.iter().all(|row| row.url == ours),
        "the path in the Secret is the one that is subscribed"
    );
}

#[tokio::test]
async fn rows_that_somebody_deletes_or_repoints_are_repaired_as_soon_as_a_change_comes_without_its_event() {
    let stage = Stage::set("repaired", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    let id = id_of(&stage, "bot").await;
    let foreign = stage
        .simulator
        .with(|world, _| world.add_row(ACCOUNT, "message.add", FOREIGN));
    let ours = url(&stage, "default").await;
    let whole = || {
        let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
        rows.iter().filter(|row| row.url == ours).count()
    };
    let repaired = || async {
        let mut turn = 0_u32;
        eventually("the subscription to be whole again", PATIENCE, || {
            // Each list must differ from the one before, whenever it comes.
            turn += 1;
            let reason = format!("odd-{turn}");
            stage
                .simulator
                .with(|world, now| world.set_status(&id, "disabled", Some(&reason), now))
                .unwrap();
            let found = whole();
            async move { if found == 5 { Ok(()) } else { Err(found.to_string()) } }
        })
        .await;
    };
    stage.simulator.with(|world, _| {
        let rows = world.rows(ACCOUNT);
        for row in rows.iter().filter(|row| row.id != foreign) {
            world.remove_row(ACCOUNT, &row.id);
        }
    });
    repaired().await;
    stage.simulator.with(|world, _| {
        let rows = world.rows(ACCOUNT);
        for row in rows.iter().filter(|row| row.id != foreign) {
            world.remove_row(ACCOUNT, &row.id);
            world.add_row(ACCOUNT, &row.event, "https://elsewhere.example.com/hook");
        }
    });
    repaired().await;
    let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
    assert!(
        rows.iter().any(|row| row.id == foreign && row.url == FOREIGN),
        "foreign rows are never touched"
    );
    assert_eq!(
        rows.iter()
            .filter(|row| row.url.starts_with("https://elsewhere"))
            .count(),
        5
    );
}

#[tokio::test]
async fn rows_that_cannot_be_taken_away_are_tried_again_after_a_pause_and_not_an_hour() {
    let mut stage = Stage::set("stale", Setting::default()).await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.kill_operator();
    let ours = url(&stage, "default").await;
    let stale = format!("{}/another-token", ours.rsplit_once('/').unwrap().0);
    stage
        .simulator
        .with(|world, _| world.add_row(ACCOUNT, "channel.create", &stale));
    let down = Effect::Status {
        code: 500,
        retry_after: None,
        body: "<html>down</html>".to_owned(),
    };
    stage.simulator.fault(Fault::always("DELETE", "/v2/webhooks", down));
    stage.start_operator();
    eventually("a second try", PATIENCE, || async {
        match stage.simulator.journal().count("DELETE", "/v2/webhooks") {
            2.. => Ok(()),
            few => Err(few.to_string()),
        }
    })
    .await;
    stage.simulator.clear_faults();
    eventually("the row to be gone", PATIENCE, || async {
        let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
        let left = rows.iter().filter(|row| row.url == stale).count();
        if left == 0 { Ok(()) } else { Err(left.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_subscription_that_was_lost_while_nobody_watched_is_repaired_at_the_start() {
    let mut stage = Stage::set("start", Setting::default()).await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.kill_operator();
    stage.simulator.with(|world, _| {
        let row = world.rows(ACCOUNT)[0].id.clone();
        world.remove_row(ACCOUNT, &row);
    });
    stage.start_operator();
    eventually("five rows", PATIENCE, || async {
        match stage.simulator.with(|world, _| world.rows(ACCOUNT).len()) {
            5 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn in_external_mode_nothing_is_subscribed_and_a_forwarded_qr_is_shown() {
    let setting = Setting {
        webhook_mode: "External",
        ..Setting::default()
    };
    let stage = Stage::set("external", setting).await;
    let account = stage
        .until_account("default", "WebhooksSubscribed", "True", "External")
        .await;
    let said = account.status.unwrap().conditions;
    assert!(said.iter().any(|one| one.message.contains("webhook-path")));
    let ours = url(&stage, "default").await;
    stage.simulator.with(|world, _| {
        world.add_row(ACCOUNT, "channel.qr_update", &ours);
    });
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    stage.read_qr("wa-qr").await;
    assert_eq!(webhook_writes(&stage), 0);
}

#[tokio::test]
async fn an_event_that_comes_thrice_or_late_or_out_of_order_changes_nothing_that_is_newer() {
    let stage = Stage::set("order", Setting::default()).await;
    stage.simulator.set_webhook_copies(3);
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    let code = stage.read_qr("wa-qr").await;
    let (id, ours) = (id_of(&stage, "wa").await, url(&stage, "default").await);
    let old = qr_event(&id, "an-older-code", now() - 120);
    assert_eq!(post(&ours, &old).await, 200);
    assert_eq!(post(&ours, &old).await, 200, "a repeat is taken and dropped");
    assert_eq!(stage.read_qr("wa-qr").await, code);
    stage
        .simulator
        .with(|world, now| world.scan(&code, "79990000001", now))
        .unwrap();
    stage.until_active("wa").await;
    stage.until_no_config_map("wa-qr").await;
    let closed = eventually("the login to be closed", PATIENCE, || async {
        let qr = stage.channels().get("wa").await.unwrap().status.unwrap_or_default().qr;
        qr.and_then(|qr| qr.closed_at).ok_or_else(String::new)
    })
    .await;
    let late = qr_event(&id, "a-late-code", closed.0.as_second() - 1);
    assert_eq!(post(&ours, &late).await, 200);
    let events = [
        json!({"event": "channel.status_update", "data": [{"channel_id": "nobody-knows-it", "status": "init"}]}),
        json!({"event": "channel.status_update", "data": {"channel_id": id, "status": "disabled", "reason": null}}),
        json!({"event": "message.add", "data": [{"channel_id": id}]}),
        json!({"event": "crm_entities.deal_add", "data": []}),
        json!({"event": "channel.waba_tier_update", "data": [{"channel_id": id, "tier": "x"}], "meta": null}),
        json!({"event": "channel.qr_update", "data": [{"channel_id": id, "qr_code": "a-code-of-tomorrow"}], "meta": {"timestamp": now() + 360}}),
    ];
    for event in &events {
        assert_eq!(post(&ours, event).await, 200, "{event}");
    }
    stage.until_listed(1).await;
    stage.until_active("wa").await;
    // A replica whose watch had not shown the end of the login yet may have shown the late QR for a moment.
    stage.until_no_config_map("wa-qr").await;
    assert_eq!(stage.remote().len(), 1);
}

#[tokio::test]
async fn a_qr_that_is_delivered_once_more_costs_no_pairing_code() {
    let stage = Stage::set("again", Setting::default()).await;
    let spec = json!({"transport": "whatsapp", "pairing": {"phone": "79990001122"}});
    stage.channel("wa", spec).await;
    let shown = eventually("a pairing code", PATIENCE, || async {
        let found = stage.config_maps().get_opt("wa-qr").await.unwrap();
        let coded = found.filter(|map| map.data.iter().any(|data| data.contains_key("pairing-code")));
        coded.ok_or_else(String::new)
    })
    .await;
    let at: jiff::Timestamp = shown.annotations()[names::QR_EVENT_AT].parse().unwrap();
    let (id, ours) = (id_of(&stage, "wa").await, url(&stage, "default").await);
    let held = shown.data.unwrap();
    // Its first delivery was stored, and the answer to that was lost.
    assert_eq!(post(&ours, &qr_event(&id, &held["qr"], at.as_second())).await, 200);
    let now = stage.config_maps().get("wa-qr").await.unwrap().data.unwrap();
    assert_eq!(now, held);
    assert_eq!(post(&ours, &qr_event(&id, "another-code", at.as_second())).await, 200);
    let now = stage.config_maps().get("wa-qr").await.unwrap().data.unwrap();
    assert_eq!(now["qr"], "another-code");
    assert!(!now.contains_key("pairing-code"), "it dies with its QR");
}

#[tokio::test]
async fn a_qr_that_comes_before_the_answer_to_the_create_is_shown_when_the_claim_shows() {
    let stage = Stage::set("early", Setting::default()).await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    let slow = Effect::Slow(Duration::from_secs(10));
    stage.simulator.fault(Fault::once("POST", "/v2/channels", slow));
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    stage.read_qr("wa-qr").await;
    let journal = stage.simulator.journal();
    assert!(
        !journal.requests.iter().any(|entry| entry.path.ends_with("/reinit")),
        "no event was lost"
    );
}

#[tokio::test]
async fn a_qr_is_applied_only_to_a_channel_of_the_account_under_whose_url_it_came() {
    let stage = Stage::set("other", Setting::default()).await;
    stage
        .simulator
        .with(|world, _| world.add_account("87654321", "canary-second-token"));
    stage
        .secret("wazzup-token", json!({"token": TOKEN, "second": "canary-second-token"}))
        .await;
    let second = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": "second"},
        "spec": {
            "auth": {"clientToken": {"secretRef": {"name": "wazzup-token", "key": "second"}}},
            "apiUrl": stage.simulator.url(), "sync": {"interval": "10s"},
        },
    });
    let second = serde_json::from_value(second).unwrap();
    stage
        .accounts()
        .create(&kube::api::PostParams::default(), &second)
        .await
        .unwrap();
    stage
        .until_account("second", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    let code = stage.read_qr("wa-qr").await;
    let foreign = qr_event(&id_of(&stage, "wa").await, "another-accounts-code", now() + 1);
    assert_eq!(post(&url(&stage, "second").await, &foreign).await, 200);
    assert_eq!(stage.read_qr("wa-qr").await, code);
    let own = qr_event(&id_of(&stage, "wa").await, "our-own-code", now() + 2);
    assert_eq!(post(&url(&stage, "default").await, &own).await, 200);
    let sink = stage.config_maps().get("wa-qr").await.unwrap();
    let shown = sink.data.unwrap();
    assert_eq!(shown["qr"], "our-own-code", "written before the 200");
}
