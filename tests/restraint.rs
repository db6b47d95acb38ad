//! What the operator must not do: believe a list that lies, or write where it was told to hold still.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::json;
use stage::{Setting, Stage};
use wazzup_operator::api::condition;
use wazzup_simulator::{Dialect, Effect, Fault};

fn writes(stage: &Stage) -> Vec<String> {
    let journal = stage.simulator.journal();
    let told = journal
        .writes()
        .into_iter()
        .map(|entry| format!("{} {}", entry.method, entry.path));
    told.filter(|line| !line.contains("/v2/webhooks")).collect()
}

#[tokio::test]
async fn a_list_that_is_suddenly_empty_loses_no_channel() {
    let stage = Stage::set("empty", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot-token").await;
    let before = stage.until_active("bot").await.status.unwrap();
    stage.simulator.clear_journal();
    // By id too it is not there: the first rule that fits is taken.
    let missing = Effect::Status {
        code: 404,
        retry_after: None,
        body: "{}".to_owned(),
    };
    stage.simulator.fault(Fault::always("GET", "/v2/channels/", missing));
    stage
        .simulator
        .fault(Fault::always("GET", "/v2/channels", Effect::EmptyList));
    stage.annotate("bot", "sync-requested-at", "1").await;
    stage.until("bot", "ActionRequired", "True", "ChannelGone").await;
    stage.simulator.clear_faults();
    stage.annotate("bot", "sync-requested-at", "2").await;
    let after = stage.until_active("bot").await.status.unwrap();
    assert_eq!(after.channel_id, before.channel_id);
    assert_eq!(writes(&stage), Vec::<String>::new());
    assert_eq!(stage.remote().len(), 1);
}

#[tokio::test]
async fn a_create_without_an_answer_waits_for_a_list_that_lags() {
    let stage = Stage::set("lagging", Setting::default()).await;
    let lag = Effect::LaggingList(Duration::from_secs(15));
    stage
        .simulator
        .fault(Fault::once("POST", "/v2/channels", Effect::DropAfter));
    stage.simulator.fault(Fault::always("GET", "/v2/channels", lag));
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.until_active("bot").await;
    assert_eq!(writes(&stage), ["POST /v2/channels"], "it was found, not made again");
    assert_eq!(stage.remote().len(), 1);
}

#[tokio::test]
async fn a_suspended_channel_is_mirrored_not_written_to_and_still_deleted() {
    let stage = Stage::set("suspend", Setting::default()).await;
    stage
        .channel("new", json!({"transport": "viber", "suspend": true}))
        .await;
    stage.until("new", "Ready", "False", "Suspended").await;
    assert_eq!(writes(&stage), Vec::<String>::new());
    stage.telegram("bot", "100:canary-bot-token").await;
    let id = stage.until_active("bot").await.status.unwrap().channel_id.unwrap();
    stage.patch_spec("bot", json!({"suspend": true})).await;
    stage
        .simulator
        .with(|world, now| world.set_status(&id, "disabled", Some("unauthorized"), now))
        .unwrap();
    stage.until("bot", "Ready", "False", "Suspended").await;
    stage.simulator.clear_journal();
    // Announced looks after 1, 3 and 10 s, beside the regular ones.
    stage.until_listed(4).await;
    assert_eq!(writes(&stage), Vec::<String>::new());
    let journal = stage.simulator.journal();
    let lists = journal.requests.iter().filter(|entry| entry.path == "/v2/channels");
    let at: Vec<u64> = lists.map(|entry| entry.at).collect();
    assert!(
        at[3] - at[0] >= 2_000,
        "what is held back is not looked at again and again: {at:?}"
    );
    stage.delete("bot").await;
    assert_eq!(stage.remote().len(), 0, "deletion works while suspended");
    stage.patch_spec("new", json!({"suspend": false})).await;
    stage.until("new", "ActionRequired", "True", "ScanQr").await;
}

#[tokio::test]
async fn a_policy_of_retain_leaves_the_channel_and_chats_go_only_when_asked() {
    let stage = Stage::set(
        "retain",
        Setting {
            dialect: Dialect::Production,
            ..Setting::default()
        },
    )
    .await;
    for (name, policy) in [("kept", "Retain"), ("gone", "Delete"), ("erased", "DeleteWithChats")] {
        stage
            .telegram(name, &format!("{}00:canary-bot-token", name.len()))
            .await;
        stage.patch_spec(name, json!({"deletionPolicy": policy})).await;
        stage.until_active(name).await;
    }
    stage.simulator.clear_journal();
    for name in ["kept", "gone", "erased"] {
        stage.delete(name).await;
    }
    let journal = stage.simulator.journal();
    let mut deletions: Vec<String> = journal
        .matching("DELETE", "/v2/channels")
        .iter()
        .map(|entry| entry.query.clone())
        .collect();
    deletions.sort();
    assert_eq!(deletions, ["delete_chats=false", "delete_chats=true"]);
    assert_eq!(stage.remote().len(), 1, "the retained one");
}

#[tokio::test]
async fn a_suspended_account_is_looked_at_and_nothing_is_written_for_its_channels_but_their_deletion() {
    let stage = Stage::set("suspended-account", Setting::default()).await;
    stage.telegram("old", "100:canary-bot").await;
    stage.until_active("old").await;
    let suspend = json!({"spec": {"suspend": true}});
    let edited = stage
        .accounts()
        .patch("default", &PatchParams::default(), &Patch::Merge(suspend))
        .await
        .unwrap();
    // The two kinds are watched apart: what is made before the account's edit is seen may still be created.
    control_plane::eventually("the edit to be seen", stage::PATIENCE, || async {
        let status = stage
            .accounts()
            .get("default")
            .await
            .unwrap()
            .status
            .unwrap_or_default();
        if status.observed_generation == edited.metadata.generation {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    stage.simulator.clear_journal();
    stage.telegram("new", "200:canary-bot").await;
    let told = stage.until("new", "Ready", "False", "Suspended").await;
    let conditions = told.status.unwrap().conditions;
    let message = &condition(&conditions, "Ready").unwrap().message;
    assert!(message.contains("would create the channel"), "{message}");
    assert!(stage.simulator.journal().writes().is_empty());
    stage.delete("old").await;
    assert!(stage.remote().is_empty(), "deletion still works");
}
