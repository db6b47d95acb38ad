//! What people ask for by annotation: done once for each value, echoed in the status, and never done twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use control_plane::eventually;
use serde_json::json;
use stage::{ACCOUNT, PATIENCE, Setting, Stage};
use wazzup_operator::api::{Handled, condition};
use wazzup_simulator::{Effect, Fault};

async fn until_handled(stage: &Stage, name: &str, what: &str, done: impl Fn(&Handled) -> bool) {
    eventually(&format!("{what} to be echoed"), PATIENCE, || async {
        let status = stage.channels().get(name).await.unwrap().status.unwrap_or_default();
        match status.handled {
            Some(handled) if done(&handled) => Ok(()),
            other => Err(format!("{other:?} {:?}", status.conditions)),
        }
    })
    .await;
}

fn reinits(stage: &Stage) -> usize {
    let journal = stage.simulator.journal();
    journal
        .requests
        .iter()
        .filter(|entry| entry.path.ends_with("/reinit"))
        .count()
}

async fn id_of(stage: &Stage, name: &str) -> String {
    let status = stage.channels().get(name).await.unwrap().status.unwrap();
    status.channel_id.unwrap()
}

#[tokio::test]
async fn a_reinit_is_made_once_for_each_request_and_echoed() {
    let stage = Stage::set("reinit", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    for (count, value) in ["first", "second"].into_iter().enumerate() {
        stage.annotate("bot", "reinit-requested-at", value).await;
        until_handled(&stage, "bot", value, |handled| {
            handled.reinit_requested_at.as_deref() == Some(value)
        })
        .await;
        stage.until_listed(2).await;
        assert_eq!(reinits(&stage), count + 1);
    }
    stage.until_active("bot").await;
}

#[tokio::test]
async fn a_look_is_made_at_once_when_it_is_asked_for() {
    let setting = Setting {
        interval: "1h",
        webhook_mode: "Disabled",
        ..Setting::default()
    };
    let stage = Stage::set("sync", setting).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    stage.until("bot", "Synced", "True", "Synced").await;
    stage.annotate("bot", "sync-requested-at", "one").await;
    until_handled(&stage, "bot", "the sync", |handled| {
        handled.sync_requested_at.as_deref() == Some("one")
    })
    .await;
    let id = id_of(&stage, "bot").await;
    stage
        .simulator
        .with(|world, now| world.set_status(&id, "disabled", Some("blocked"), now))
        .unwrap();
    stage.annotate("bot", "sync-requested-at", "two").await;
    stage.until("bot", "ActionRequired", "True", "ContactSupport").await;
}

#[tokio::test]
async fn a_channel_that_was_deleted_is_made_again_on_request() {
    let stage = Stage::set("recreate", Setting::default()).await;
    stage
        .secret("bot-bot", json!({"telegram_token": "100:canary-bot"}))
        .await;
    let spec = json!({
        "transport": "telegram", "credentialsSecretRef": {"name": "bot-bot"}, "externalDeletionPolicy": "Stop",
    });
    stage.channel("bot", spec).await;
    stage.until_active("bot").await;
    let id = id_of(&stage, "bot").await;
    stage
        .simulator
        .with(|world, now| world.delete_in_cabinet(&id, now))
        .unwrap();
    let gone = stage.until("bot", "ActionRequired", "True", "ChannelGone").await;
    let said = gone.status.unwrap().conditions;
    let told = &condition(&said, "ActionRequired").unwrap().message;
    assert!(told.contains("recreate-requested-at="), "{told}");
    stage.annotate("bot", "recreate-requested-at", "now").await;
    stage.until_active("bot").await;
    until_handled(&stage, "bot", "the request", |handled| {
        handled.recreate_requested_at.as_deref() == Some("now")
    })
    .await;
    assert_ne!(id_of(&stage, "bot").await, id);
    assert_eq!(stage.remote().len(), 1);
}

#[tokio::test]
async fn of_several_candidates_a_person_chooses_with_the_command_that_is_shown() {
    // The list that the create needs is not to be followed by one that fails.
    let seldom = Setting {
        interval: "10m",
        ..Setting::default()
    };
    let stage = Stage::set("choose", seldom).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    let down = Effect::Status {
        code: 503,
        retry_after: None,
        body: "<html>down</html>".to_owned(),
    };
    stage
        .simulator
        .fault(Fault::once("POST", "/v2/channels", Effect::DropAfter));
    stage.simulator.fault(Fault::always("GET", "/v2/channels", down));
    stage.telegram("bot", "100:canary-bot").await;
    eventually("the create", PATIENCE, || async {
        if stage.remote().len() == 1 {
            Ok(())
        } else {
            Err(String::new())
        }
    })
    .await;
    let ours = stage.remote()[0].id.clone();
    let stranger = stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "telegram", now));
    stage.simulator.clear_faults();
    let asked = stage.until("bot", "ActionRequired", "True", "ChooseChannel").await;
    let said = asked.status.unwrap().conditions;
    let told = condition(&said, "ActionRequired").unwrap().message.clone();
    assert!(told.contains(&ours) && told.contains(&stranger), "{told}");
    let command = told.split(": kubectl ").nth(1).unwrap();
    let chosen = command.replace(&stranger, &ours);
    let words: Vec<&str> = chosen.split_whitespace().skip(2).collect();
    stage.kubectl(&words).await;
    stage.until_active("bot").await;
    assert_eq!(id_of(&stage, "bot").await, ours);
    until_handled(&stage, "bot", "the choice", |handled| {
        handled.resolve_create.as_deref() == Some(&*ours)
    })
    .await;
    assert_eq!(stage.simulator.journal().count("POST", "/v2/channels"), 1);
    assert_eq!(stage.remote().len(), 2);
}

#[tokio::test]
async fn with_reinits_on_request_alone_a_dropped_channel_waits_for_a_person() {
    let stage = Stage::set("onrequest", Setting::default()).await;
    stage
        .secret("bot-bot", json!({"telegram_token": "100:canary-bot"}))
        .await;
    let spec = json!({
        "transport": "telegram", "credentialsSecretRef": {"name": "bot-bot"}, "reinitPolicy": "OnRequest",
    });
    stage.channel("bot", spec).await;
    stage.until_active("bot").await;
    let id = id_of(&stage, "bot").await;
    stage
        .simulator
        .with(|world, now| world.set_status(&id, "disabled", Some("unauthorized"), now))
        .unwrap();
    stage.until("bot", "ActionRequired", "True", "FixCredentials").await;
    stage.until_listed(2).await;
    assert_eq!(reinits(&stage), 0);
    stage.annotate("bot", "reinit-requested-at", "now").await;
    stage.until_active("bot").await;
    assert_eq!(reinits(&stage), 1);
}

#[tokio::test]
async fn a_tree_that_must_not_wait_for_phones_is_ready_when_the_channel_exists() {
    let stage = Stage::set("provisioned", Setting::default()).await;
    stage
        .channel("wa", json!({"transport": "whatsapp", "readyWhen": "Provisioned"}))
        .await;
    let channel = stage.until("wa", "ActionRequired", "True", "ScanQr").await;
    let said = channel.status.unwrap().conditions;
    assert_eq!(condition(&said, "Ready").unwrap().reason, "Provisioned");
    assert_eq!(condition(&said, "Connected").unwrap().status, "False");
}
