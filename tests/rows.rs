//! The rows of the service's table of statuses and reasons, on the real control plane: what each asks of a person, and that
//! nothing is hammered.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use control_plane::eventually;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use stage::{PATIENCE, Setting, Stage};
use wazzup_operator::api::condition;
use wazzup_simulator::{Dialect, Effect, Fault, Timings};

/// Status, reason, and the condition that they end in.
const ROWS: &[(&str, Option<&str>, &str, &str)] = &[
    ("disabled", Some("openelsewhere"), "ActionRequired", "OpenedElsewhere"),
    ("disabled", Some("foreignphone"), "ActionRequired", "WrongPhone"),
    ("disabled", Some("not_enough_money"), "ActionRequired", "PayForChannel"),
    ("disabled", Some("blocked"), "ActionRequired", "ContactSupport"),
    ("init", Some("wait_for_code"), "ActionRequired", "EnterCode"),
    ("init", Some("sync"), "Reconciling", "Syncing"),
    ("disabled", Some("rejected"), "ActionRequired", "ContactSupport"),
    ("disabled", None, "ActionRequired", "RemovedOrUnsubscribed"),
    ("init", Some("wait_for_password"), "ActionRequired", "EnterPassword"),
    ("active", None, "Ready", "Connected"),
];

async fn rows(name: &str, dialect: Dialect) {
    let setting = Setting {
        dialect,
        ..Setting::default()
    };
    let stage = Stage::set(name, setting).await;
    stage.telegram("bot", "100:canary-bot").await;
    let id = stage.until_active("bot").await.status.unwrap().channel_id.unwrap();
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.simulator.clear_journal();
    for (status, reason, type_, expected) in ROWS {
        stage
            .simulator
            .with(|world, now| world.set_status(&id, status, *reason, now))
            .unwrap();
        let channel = stage.until("bot", type_, "True", expected).await;
        let mirrored = channel.status.unwrap();
        let told = condition(&mirrored.conditions, type_).unwrap().message.clone();
        assert!(!told.is_empty(), "{status}/{reason:?}");
        if dialect == Dialect::Clean {
            assert_eq!(
                (mirrored.status.as_deref(), mirrored.reason.as_deref()),
                (Some(*status), *reason)
            );
        }
    }
    let writes: Vec<_> = stage.simulator.journal().writes().into_iter().cloned().collect();
    assert!(writes.is_empty(), "only a person can help: {writes:?}");
}

#[tokio::test]
async fn every_row_where_only_a_person_can_help_is_said_and_nothing_is_written() {
    rows("rows-clean", Dialect::Clean).await;
}

#[tokio::test]
async fn the_rows_are_told_apart_in_the_examples_and_in_productions_dialect_too() {
    for (name, dialect) in [("rows-page", Dialect::Page), ("rows-production", Dialect::Production)] {
        rows(name, dialect).await;
    }
}

#[tokio::test]
async fn words_that_nobody_knows_are_shown_as_they_are_and_nothing_is_done() {
    let stage = Stage::set("unknown", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    let id = stage.until_active("bot").await.status.unwrap().channel_id.unwrap();
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.simulator.clear_journal();
    stage
        .simulator
        .with(|world, now| world.set_status(&id, "paused", Some("tired"), now))
        .unwrap();
    let channel = stage.until("bot", "Ready", "False", "UnknownStatus").await;
    let status = channel.status.unwrap();
    assert_eq!(
        (status.status.as_deref(), status.reason.as_deref()),
        (Some("paused"), Some("tired"))
    );
    assert!(stage.simulator.journal().writes().is_empty());
}

#[tokio::test]
async fn a_qr_that_runs_out_is_renewed_once_and_the_pause_before_the_next_outlives_a_restart() {
    let setting = Setting {
        timings: Timings {
            qr: 400,
            qr_count: 2,
            ..Setting::default().timings
        },
        ..Setting::default()
    };
    let mut stage = Stage::set("idle", setting).await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    let reinits = |stage: &Stage| -> Vec<u64> {
        let journal = stage.simulator.journal();
        let all = journal.requests.iter();
        let reinits = all.filter(|entry| entry.path.ends_with("/reinit"));
        reinits.map(|entry| entry.at).collect()
    };
    eventually("the first fresh QR", PATIENCE, || async {
        if reinits(&stage).is_empty() {
            Err("none".to_owned())
        } else {
            Ok(())
        }
    })
    .await;
    stage.kill_operator();
    stage.start_operator();
    stage.until_listed(2).await;
    let at = reinits(&stage);
    // Counted from its pass, which two writes to Kubernetes follow before the call.
    assert!(
        at.windows(2).all(|pair| pair[1] - pair[0] >= 45_000),
        "the second pause is a minute, restart or not: {at:?}"
    );
    let status = stage.channels().get("wa").await.unwrap().status.unwrap();
    assert!(status.attempts.unwrap().reinits >= i32::try_from(at.len()).unwrap());
}

#[tokio::test]
async fn of_two_vk_channels_of_an_account_one_login_link_is_open_at_a_time() {
    let stage = Stage::set("links", Setting::default()).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    for name in ["one", "two"] {
        stage.channel(name, json!({"transport": "vk"})).await;
    }
    let links = || stage.simulator.journal().count("POST", "/v2/iframe-links/channels");
    let mut open = Vec::new();
    for _ in 0..2 {
        let name = eventually("the next link", PATIENCE, || async {
            for name in ["one", "two"] {
                let status = stage.channels().get(name).await.unwrap().status.unwrap_or_default();
                let waits =
                    condition(&status.conditions, "ActionRequired").is_some_and(|one| one.reason == "FollowLink");
                if waits && !open.contains(&name) {
                    return Ok(name);
                }
            }
            Err(String::new())
        })
        .await;
        open.push(name);
        assert_eq!(links(), open.len(), "the other one waits");
        let sink = stage.config_maps().get(&format!("{name}-qr")).await.unwrap();
        let link = sink.data.unwrap()["link"].clone();
        let id = stage
            .simulator
            .with(|world, now| world.follow_link(&link, now))
            .unwrap();
        let channel = stage.until_active(name).await;
        assert_eq!(channel.status.unwrap().channel_id, Some(id));
    }
    assert_eq!(stage.remote().len(), 2);
}

#[tokio::test]
async fn a_vk_channel_whose_sinks_name_is_taken_says_so_asks_for_no_link_and_heals() {
    let stage = Stage::set("taken", Setting::default()).await;
    let foreign =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vk-qr"}, "data": {"mine": "yes"}});
    let maps = stage.config_maps();
    maps.create(&PostParams::default(), &serde_json::from_value(foreign).unwrap())
        .await
        .unwrap();
    stage.channel("vk", json!({"transport": "vk"})).await;
    stage.until("vk", "Stalled", "True", "QrSinkNameTaken").await;
    assert_eq!(stage.simulator.journal().count("POST", "/v2/iframe-links/channels"), 0);
    let kept = maps.get("vk-qr").await.unwrap();
    assert_eq!(kept.data.unwrap()["mine"], "yes");
    maps.delete("vk-qr", &DeleteParams::default()).await.unwrap();
    stage.until("vk", "ActionRequired", "True", "FollowLink").await;
    assert!(maps.get("vk-qr").await.unwrap().data.unwrap().contains_key("link"));
}

#[tokio::test]
async fn what_fails_while_everything_else_works_is_not_asked_again_at_once() {
    let stage = Stage::set("setback", Setting::default()).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    let refusal = |code| Effect::Status {
        code,
        retry_after: None,
        body: json!({"code": "NOT_NOW", "title": "Not now", "detail": "", "errors": []}).to_string(),
    };
    stage
        .simulator
        .fault(Fault::always("POST", "/v2/iframe-links", refusal(503)));
    stage
        .simulator
        .fault(Fault::always("POST", "/v2/channels", refusal(403)));
    stage.channel("vk", json!({"transport": "vk"})).await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    stage.until("vk", "Reconciling", "True", "BackingOff").await;
    stage.until("wa", "Reconciling", "True", "Creating").await;
    stage.until_listed(3).await;
    let journal = stage.simulator.journal();
    let asked = |path: &str| {
        let at = journal
            .matching("POST", path)
            .iter()
            .map(|entry| entry.at)
            .collect::<Vec<u64>>();
        assert!(!at.is_empty(), "{path}");
        // After 5 s, then after twice as long each time; a call follows its pass by two writes to Kubernetes.
        let most = 2 + (at[at.len() - 1] - at[0]) / 5_000;
        assert!(u64::try_from(at.len()).unwrap() <= most, "{path}: {at:?}");
    };
    asked("/v2/iframe-links/channels");
    asked("/v2/channels");
    stage.simulator.clear_faults();
    stage.until("vk", "ActionRequired", "True", "FollowLink").await;
    stage.until("wa", "ActionRequired", "True", "ScanQr").await;
}
