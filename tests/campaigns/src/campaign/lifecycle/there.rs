//! What comes and goes at the service, and what people claim and suspend.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use wazzup_operator::api::condition;

use super::{DELETE, active, patch, said, until_phone};
use crate::{
    Fault, Life, Rule, Side,
    flow::{NAME, ids},
    life::ACCOUNT,
    oracle,
    proxy::Reply,
};

pub(super) async fn bot_deleted_outside(life: &Life) {
    let id = active(life).await;
    life.bot("other", "300:canary-other").await;
    life.until_ready("other").await;
    life.simulator
        .with(|world, now| world.delete_in_cabinet(&id, now))
        .unwrap();
    life.wait("another channel", || async {
        let status = life.status(NAME).await;
        if status.channel_id.as_ref().is_some_and(|new| *new != id) {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
}

/// A channel that a phone has logged in, beside another one; its id.
async fn phone(life: &Life) -> String {
    life.start();
    life.account().await;
    life.until_subscribed().await;
    life.bot("other", "300:canary-other").await;
    life.until_ready("other").await;
    life.channel(NAME, json!({"transport": "whatsapp"})).await;
    life.until(NAME, "ActionRequired", "ScanQr").await;
    life.wait("the login", || async {
        let status = life.status(NAME).await;
        life.scan(&status.channel_id.clone().unwrap_or_default(), "79990000001");
        match condition(&status.conditions, "Ready") {
            Some(ready) if ready.status == "True" => Ok(()),
            _ => Err(format!("{status:?}")),
        }
    })
    .await;
    life.status(NAME).await.channel_id.unwrap()
}

pub(super) async fn phone_deleted_outside(life: &Life) {
    let id = phone(life).await;
    life.simulator
        .with(|world, now| world.delete_in_cabinet(&id, now))
        .unwrap();
    said(life, NAME, "ActionRequired", "True", "ChannelGone").await;
    assert_eq!(
        ids(life).len(),
        1,
        "nothing is made by itself where a person must log in"
    );
    life.delete(NAME).await;
    life.until_gone(NAME).await;
}

fn rewrite(change: impl Fn(&mut Vec<Value>) + Send + Sync + 'static) -> Rule {
    let change = move |reply: &mut Reply| {
        let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
            return;
        };
        let items = match &mut body {
            Value::Array(items) => Some(items),
            Value::Object(fields) => fields.values_mut().find_map(Value::as_array_mut),
            _ => None,
        };
        if let Some(items) = items {
            change(items);
        }
        reply.body = body.to_string().into_bytes();
    };
    Rule::always(
        Side::Wazzup,
        "GET /v2/channels",
        Fault::Rewrite(std::sync::Arc::new(change)),
    )
}

pub(super) async fn renamed(life: &Life) {
    active(life).await;
    let writes = channel_writes(life);
    life.wire.rule(rewrite(|items| {
        for item in items {
            item["name"] = json!("Renamed");
        }
    }));
    life.wait("the new name", || async {
        let status = life.status(NAME).await;
        if status.name.as_deref() == Some("Renamed") {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    assert_eq!(
        channel_writes(life),
        writes,
        "a name is nobody's business but its owner's"
    );
}

fn channel_writes(life: &Life) -> usize {
    let channel = |path: &str| path.starts_with("/v2/channels");
    life.simulator
        .journal()
        .writes()
        .iter()
        .filter(|entry| channel(&entry.path))
        .count()
}

pub(super) async fn moved(life: &Life) {
    let id = phone(life).await;
    let gone = id.clone();
    life.wire.rule(rewrite(move |items| {
        items.retain(|item| !item.to_string().contains(&gone));
    }));
    let missing = Reply::json(404, &json!({"error": "CHANNEL_NOT_FOUND"}).to_string());
    for label in ["GET /v2/channels/{id}", DELETE] {
        life.wire
            .rule(Rule::always(Side::Wazzup, label, Fault::Answer(missing.clone())));
    }
    said(life, NAME, "ActionRequired", "True", "ChannelGone").await;
    life.delete(NAME).await;
    life.until_gone(NAME).await;
    assert!(ids(life).contains(&id), "it is the other account's now");
}

pub(super) async fn claimed_twice(life: &Life) {
    let id = life
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "wapi", now));
    life.start();
    life.account().await;
    for name in [NAME, "twin"] {
        life.channel(name, json!({"transport": "wapi", "channelId": id})).await;
    }
    life.wait("one of them to step back", || async {
        let mut stalled = Vec::new();
        for name in [NAME, "twin"] {
            let status = life.status(name).await;
            stalled.push(condition(&status.conditions, "Stalled").map(|found| found.reason.clone()));
        }
        stalled.sort();
        if stalled == [None, Some("ChannelClaimed".to_owned())] {
            Ok(())
        } else {
            Err(format!("{stalled:?}"))
        }
    })
    .await;
    for name in [NAME, "twin"] {
        life.delete(name).await;
        life.until_gone(name).await;
    }
    assert_eq!(ids(life), [id], "an adopted channel is left");
    oracle::assert_deleted_only(life, &[]);
}

async fn suspend_account(life: &Life, suspend: bool) {
    let change = json!({"spec": {"suspend": suspend}});
    let params = PatchParams::default();
    life.accounts()
        .patch("default", &params, &Patch::Merge(change))
        .await
        .unwrap();
}

pub(super) async fn account_suspended(life: &Life) {
    life.start();
    life.account().await;
    life.until_subscribed().await;
    suspend_account(life, true).await;
    life.wait("the account to be suspended", || async {
        let account = life.accounts().get("default").await.unwrap();
        let seen = account.status.and_then(|status| status.observed_generation);
        if seen == account.metadata.generation {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await;
    life.bot(NAME, "100:canary-bot").await;
    said(life, NAME, "Ready", "False", "Suspended").await;
    assert_eq!(ids(life), Vec::<String>::new());
    suspend_account(life, false).await;
    life.until_ready(NAME).await;
    suspend_account(life, true).await;
    life.delete(NAME).await;
    life.until_gone(NAME).await;
    assert_eq!(ids(life), Vec::<String>::new(), "deletion works while suspended");
}

pub(super) async fn channel_suspended(life: &Life) {
    active(life).await;
    patch(life, NAME, json!({"spec": {"suspend": true}})).await;
    life.secret("shop-bot", json!({"telegram_token": "200:canary-new"}))
        .await;
    said(life, NAME, "Ready", "False", "Suspended").await;
    patch(life, NAME, json!({"spec": {"suspend": false}})).await;
    until_phone(life, "bot_200").await;
    oracle::assert_one_channel_each(life).await;
}
