//! Channels that are there already: adopted by id, found again after a restore, and never made twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use control_plane::eventually;
use kube::{
    Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use stage::{ACCOUNT, PATIENCE, Setting, Stage};
use wazzup_operator::api::{WazzupChannel, names};
use wazzup_simulator::{Effect, Fault};

fn creates(stage: &Stage) -> usize {
    stage.simulator.journal().count("POST", "/v2/channels")
}

/// What a backup that keeps annotations and drops the status has of an object.
fn backup(object: &WazzupChannel) -> WazzupChannel {
    let mut kept = WazzupChannel::new(&object.name_any(), object.spec.clone());
    kept.meta_mut().annotations.clone_from(&object.metadata.annotations);
    kept
}

#[tokio::test]
async fn a_cluster_that_is_rebuilt_from_a_backup_makes_no_new_channel() {
    let mut stage = Stage::set("rebuilt", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    stage.until_active("bot").await;
    stage.until("wa", "ActionRequired", "True", "ScanQr").await;
    stage.scan("wa-qr", "79990000001").await;
    stage.until_active("wa").await;
    let mut before = Vec::new();
    for name in ["bot", "wa"] {
        // The annotation is written off the critical path.
        let object = eventually("the id annotation", PATIENCE, || async {
            let object = stage.channels().get(name).await.unwrap();
            if object.annotations().contains_key(names::CHANNEL_ID) {
                Ok(object)
            } else {
                Err(String::new())
            }
        })
        .await;
        before.push(object);
    }
    stage.kill_operator();
    for object in &before {
        let none = json!({"metadata": {"finalizers": null}});
        let name = object.name_any();
        stage
            .channels()
            .patch(&name, &PatchParams::default(), &Patch::Merge(none))
            .await
            .unwrap();
        stage.channels().delete(&name, &DeleteParams::default()).await.unwrap();
        stage.until_gone(&name).await;
    }
    for object in &before {
        stage
            .channels()
            .create(&PostParams::default(), &backup(object))
            .await
            .unwrap();
    }
    stage.simulator.clear_journal();
    stage.start_operator();
    for object in &before {
        let found = stage.until_active(&object.name_any()).await;
        assert_eq!(
            found.status.unwrap().channel_id,
            object.status.as_ref().unwrap().channel_id
        );
    }
    assert_eq!((creates(&stage), stage.remote().len()), (0, 2));
    assert!(
        stage.simulator.journal().matching("POST", "/v2/channels").is_empty(),
        "not even a reinit"
    );
}

#[tokio::test]
async fn an_intent_that_was_copied_from_another_object_is_ignored() {
    let stage = Stage::set("copied", Setting::default()).await;
    stage
        .secret("bot-bot", json!({"telegram_token": "100:canary-bot"}))
        .await;
    let intent = json!({"uid": "another-object", "nonce": "n", "at": "2026-01-01T00:00:00Z", "baseline": []});
    let channel = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
        "metadata": {"name": "bot", "annotations": {names::CREATE_INTENT: intent.to_string()}},
        "spec": {"transport": "telegram", "credentialsSecretRef": {"name": "bot-bot"}},
    });
    let channel = serde_json::from_value(channel).unwrap();
    stage.channels().create(&PostParams::default(), &channel).await.unwrap();
    stage.until_active("bot").await;
    assert_eq!(creates(&stage), 1);
}

#[tokio::test]
async fn an_unmanaged_channel_is_off_the_list_once_it_is_adopted_and_on_it_again_when_its_object_is_gone() {
    let stage = Stage::set("unmanaged", Setting::default()).await;
    let (one, foreign) = stage.simulator.with(|world, now| {
        let one = world.create_in_cabinet(ACCOUNT, "telegram", now);
        (one, world.create_in_cabinet(ACCOUNT, "viber", now))
    });
    let listed = |wanted: Vec<String>| {
        let stage = &stage;
        async move {
            eventually("the list of unmanaged channels", PATIENCE, || async {
                let status = stage
                    .accounts()
                    .get("default")
                    .await
                    .unwrap()
                    .status
                    .unwrap_or_default();
                let mut ids: Vec<String> = status.unmanaged_channels.iter().map(|one| one.id.clone()).collect();
                ids.sort();
                let counts = (status.channels, status.managed, status.unmanaged);
                let all = i32::try_from(ids.len()).ok();
                if ids == wanted && counts.0 == Some(2) && counts.2 == all {
                    Ok(())
                } else {
                    Err(format!("{ids:?} {counts:?}"))
                }
            })
            .await;
        }
    };
    let mut both = vec![one.clone(), foreign.clone()];
    both.sort();
    listed(both.clone()).await;
    stage
        .secret("bot-bot", json!({"telegram_token": "100:canary-bot"}))
        .await;
    let spec = json!({"transport": "telegram", "channelId": one, "credentialsSecretRef": {"name": "bot-bot"}});
    stage.channel("bot", spec).await;
    listed(vec![foreign.clone()]).await;
    stage.simulator.clear_journal();
    stage.delete("bot").await;
    listed(both).await;
    let writes = stage.simulator.journal();
    assert!(
        writes.writes().is_empty(),
        "an adopted channel is left, a foreign one is never touched"
    );
}

#[tokio::test]
async fn an_adopted_channel_that_is_deleted_at_the_service_is_never_made_again() {
    let stage = Stage::set("adopted", Setting::default()).await;
    let id = stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "telegram", now));
    stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "viber", now));
    stage
        .secret("bot-bot", json!({"telegram_token": "100:canary-bot"}))
        .await;
    let spec = json!({
        "transport": "telegram", "channelId": id, "credentialsSecretRef": {"name": "bot-bot"},
        "externalDeletionPolicy": "Recreate",
    });
    stage.channel("bot", spec).await;
    stage.until("bot", "Synced", "True", "Synced").await;
    stage
        .simulator
        .with(|world, now| world.delete_in_cabinet(&id, now))
        .unwrap();
    stage.until("bot", "ActionRequired", "True", "ChannelGone").await;
    stage.annotate("bot", "recreate-requested-at", "now").await;
    stage.annotate("bot", "sync-requested-at", "now").await;
    stage
        .until_status("bot", "the look that was asked for", |status| {
            let handled = status.handled.clone().unwrap_or_default();
            handled.sync_requested_at.as_deref() == Some("now")
        })
        .await;
    stage.until("bot", "ActionRequired", "True", "ChannelGone").await;
    assert_eq!(creates(&stage), 0);
}

#[tokio::test]
async fn who_was_told_that_its_channel_is_held_takes_it_over_when_the_holder_is_gone() {
    let stage = Stage::set("heir", Setting::default()).await;
    let id = stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "wapi", now));
    let adopt = json!({"transport": "wapi", "channelId": id});
    stage.channel("holder", adopt.clone()).await;
    stage.until("holder", "Synced", "True", "Synced").await;
    stage.channel("heir", adopt).await;
    stage.until("heir", "Stalled", "True", "ChannelClaimed").await;
    stage.delete("holder").await;
    let heir = stage.until("heir", "Synced", "True", "Synced").await;
    assert_eq!(heir.status.unwrap().channel_id, Some(id));
    assert!(stage.simulator.journal().matching("DELETE", "/v2/channels").is_empty());
}

#[tokio::test]
async fn several_creates_whose_answers_are_lost_find_one_channel_each() {
    let stage = Stage::set("lost", Setting::default()).await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    let names = ["a", "b", "c", "d", "e", "f"];
    let lost = Fault {
        times: u32::try_from(names.len()).unwrap(),
        ..Fault::once("POST", "/v2/channels", Effect::DropAfter)
    };
    stage.simulator.fault(lost);
    for name in names {
        stage.channel(name, json!({"transport": "viber"})).await;
    }
    let mut held = std::collections::BTreeSet::new();
    for name in names {
        let object = stage.until(name, "ActionRequired", "True", "ScanQr").await;
        held.insert(object.status.unwrap().channel_id.unwrap());
    }
    assert_eq!((held.len(), creates(&stage)), (names.len(), names.len()));
    assert_eq!(stage.remote().len(), names.len());
}
