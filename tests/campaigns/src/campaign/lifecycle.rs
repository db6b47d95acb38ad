//! C5: stories of the ends and beginnings of objects, Secrets, namespaces, kinds and channels. Each ends in the condition that
//! the documentation names, and no deletion waits for ever.

use std::{future::Future, pin::Pin, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use wazzup_operator::api::condition;

use super::{Scale, sample};
use crate::{
    Cell, Fault, Ground, Life, Outcome, Rule, Setting, Side,
    flow::{NAME, ids},
    life::{ACCOUNT, TOKEN},
    oracle,
    proxy::Reply,
};

const CREATE: &str = "POST /v2/channels";
const DELETE: &str = "DELETE /v2/channels/{id}";
/// How long a call is under way where something happens meanwhile.
const UNDER_WAY: Duration = Duration::from_secs(5);

type Story = for<'a> fn(&'a Life) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

const STORIES: &[(&str, Story)] = &[
    ("the Secret is missing", |life| Box::pin(secret_missing(life))),
    ("the Secret goes before the object", |life| Box::pin(secret_first(life))),
    ("the account's Secret goes before the object", |life| {
        Box::pin(token_first(life))
    }),
    ("the Secret is rotated during the create", |life| {
        Box::pin(rotated_during_create(life))
    }),
    ("the token is revoked while the create is under way", |life| {
        Box::pin(token_revoked(life))
    }),
    ("the object is deleted while its create is under way", |life| {
        Box::pin(deleted_during_create(life))
    }),
    ("the object is made again while its create is under way", |life| {
        Box::pin(made_again_during_create(life))
    }),
    ("the object is made again after its deletion", |life| {
        Box::pin(made_again_after(life))
    }),
    ("the finalizer of a deleted object is removed by hand", |life| {
        Box::pin(finalizer_of_deleted(life))
    }),
    ("the finalizer of a living object is removed by hand", |life| {
        Box::pin(finalizer_of_living(life))
    }),
    ("the namespace is deleted, the Secret first", |life| {
        Box::pin(namespace_secret_first(life))
    }),
    ("the namespace is deleted, the object first", |life| {
        Box::pin(namespace_object_first(life))
    }),
    ("the channel of a bot is deleted at the service", |life| {
        Box::pin(bot_deleted_outside(life))
    }),
    ("the channel of a phone is deleted at the service", |life| {
        Box::pin(phone_deleted_outside(life))
    }),
    ("the channel is renamed at the service", |life| Box::pin(renamed(life))),
    ("the channel is moved to another account", |life| Box::pin(moved(life))),
    ("two objects claim one channel", |life| Box::pin(claimed_twice(life))),
    ("the account is suspended", |life| Box::pin(account_suspended(life))),
    ("the channel is suspended", |life| Box::pin(channel_suspended(life))),
];

/// An active bot; its id.
async fn active(life: &Life) -> String {
    life.start();
    life.account().await;
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
    ids(life).pop().unwrap()
}

/// Waits for a condition, whether it is true or not; its message.
async fn said(life: &Life, name: &str, type_: &str, status: &str, reason: &str) -> String {
    life.wait(&format!("{name}: {type_}={status}/{reason}"), || async {
        let seen = life.status(name).await;
        match condition(&seen.conditions, type_) {
            Some(found) if found.status == status && found.reason == reason => Ok(()),
            _ => Err(format!("{seen:?}")),
        }
    })
    .await;
    let seen = life.status(name).await;
    condition(&seen.conditions, type_)
        .map(|found| found.message.clone())
        .unwrap_or_default()
}

/// Waits until a call to the service has begun.
async fn begun(life: &Life, label: &str) {
    life.wait(&format!("{label} to begin"), || async {
        let messages = life.wire.messages();
        let found = messages
            .iter()
            .any(|message| message.side == Side::Wazzup && message.label == label);
        if found { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
}

async fn patch(life: &Life, name: &str, patch: Value) {
    let params = PatchParams::default();
    life.channels()
        .patch(name, &params, &Patch::Merge(patch))
        .await
        .unwrap();
}

async fn until_phone(life: &Life, phone: &str) {
    life.wait(&format!("{phone} to serve"), || async {
        let status = life.status(NAME).await;
        if status.phone.as_deref() == Some(phone) {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    life.until_ready(NAME).await;
}

async fn secret_missing(life: &Life) {
    life.start();
    life.account().await;
    life.channel(
        NAME,
        json!({"transport": "telegram", "credentialsSecretRef": {"name": "late"}}),
    )
    .await;
    said(life, NAME, "ActionRequired", "True", "FixCredentials").await;
    life.secret("late", json!({"telegram_token": "100:canary-bot"})).await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
}

async fn secret_first(life: &Life) {
    let id = active(life).await;
    life.secrets()
        .delete("shop-bot", &DeleteParams::default())
        .await
        .unwrap();
    life.delete(NAME).await;
    life.until_gone(NAME).await;
    assert_eq!(ids(life), Vec::<String>::new());
    oracle::assert_deleted_only(life, &[id]);
}

async fn token_first(life: &Life) {
    let id = active(life).await;
    life.secrets()
        .delete("wazzup-token", &DeleteParams::default())
        .await
        .unwrap();
    life.wait("the account to miss its token", || async {
        let status = life.accounts().get("default").await.unwrap().status.unwrap_or_default();
        match condition(&status.conditions, "Authenticated") {
            Some(found) if found.reason == "SecretNotFound" => Ok(()),
            _ => Err(format!("{status:?}")),
        }
    })
    .await;
    life.delete(NAME).await;
    let told = said(life, NAME, "ActionRequired", "True", "FixCredentials").await;
    assert!(told.contains("abandon=true"), "{told}");
    life.annotate(NAME, "abandon", "true").await;
    life.until_gone(NAME).await;
    assert_eq!(ids(life), [id]);
}

async fn rotated_during_create(life: &Life) {
    life.wire
        .rule(Rule::once(Side::Wazzup, CREATE, Fault::DelayAnswer(UNDER_WAY)));
    life.start();
    life.account().await;
    life.bot(NAME, "100:canary-bot").await;
    begun(life, CREATE).await;
    life.secret("shop-bot", json!({"telegram_token": "200:canary-new"}))
        .await;
    until_phone(life, "bot_200").await;
    oracle::assert_one_channel_each(life).await;
}

async fn token_revoked(life: &Life) {
    life.wire
        .rule(Rule::once(Side::Wazzup, CREATE, Fault::Delay(UNDER_WAY)));
    life.start();
    life.account().await;
    life.bot(NAME, "100:canary-bot").await;
    begun(life, CREATE).await;
    life.simulator.with(|world, _| world.revoke_token(TOKEN));
    said(life, NAME, "Ready", "False", "AccountNotAuthenticated").await;
    life.simulator
        .with(|world, _| world.add_account(ACCOUNT, "canary-second-token"));
    life.secret("wazzup-token", json!({"token": "canary-second-token"}))
        .await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
}

async fn deleted_during_create(life: &Life) {
    life.wire
        .rule(Rule::once(Side::Wazzup, CREATE, Fault::DelayAnswer(UNDER_WAY)));
    life.start();
    life.account().await;
    life.bot(NAME, "100:canary-bot").await;
    begun(life, CREATE).await;
    life.delete(NAME).await;
    life.until_gone(NAME).await;
    assert_eq!(ids(life), Vec::<String>::new(), "nothing is orphaned");
}

async fn made_again_during_create(life: &Life) {
    deleted_during_create(life).await;
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
}

async fn made_again_after(life: &Life) {
    let id = active(life).await;
    life.delete(NAME).await;
    life.until_gone(NAME).await;
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
    assert_ne!(ids(life), [id.clone()]);
    oracle::assert_deleted_only(life, &[id]);
}

async fn finalizer_of_deleted(life: &Life) {
    let id = active(life).await;
    life.wire.rule(Rule::always(
        Side::Wazzup,
        DELETE,
        Fault::Answer(Reply::json(500, "{}")),
    ));
    life.delete(NAME).await;
    begun(life, DELETE).await;
    patch(life, NAME, json!({"metadata": {"finalizers": null}})).await;
    life.until_gone(NAME).await;
    life.wire.calm();
    // What nobody manages any more is not forgotten: the account names it.
    life.wait("the channel to be told as unmanaged", || async {
        let status = life.accounts().get("default").await.unwrap().status.unwrap_or_default();
        let named: Vec<&str> = status
            .unmanaged_channels
            .iter()
            .map(|channel| channel.id.as_str())
            .collect();
        if named == [&*id] {
            Ok(())
        } else {
            Err(format!("{named:?}"))
        }
    })
    .await;
    assert_eq!(ids(life), [id]);
}

async fn finalizer_of_living(life: &Life) {
    let id = active(life).await;
    patch(life, NAME, json!({"metadata": {"finalizers": null}})).await;
    life.wait("the finalizer to be back", || async {
        let found = life.channels().get(NAME).await.unwrap();
        if found.finalizers().is_empty() {
            Err("none".to_owned())
        } else {
            Ok(())
        }
    })
    .await;
    life.delete(NAME).await;
    life.until_gone(NAME).await;
    assert_eq!(ids(life), Vec::<String>::new(), "nothing is orphaned");
    oracle::assert_deleted_only(life, &[id]);
}

async fn delete_namespace(life: &Life) {
    let namespaces: Api<Namespace> = Api::all(life.client.clone());
    namespaces
        .delete(&life.namespace, &DeleteParams::default())
        .await
        .unwrap();
}

async fn until_namespace_gone(life: &Life) {
    let namespaces: Api<Namespace> = Api::all(life.client.clone());
    life.wait("the namespace to be gone", || async {
        match namespaces.get_opt(&life.namespace).await.unwrap() {
            None => Ok(()),
            Some(found) => Err(format!("{:?}", found.status)),
        }
    })
    .await;
}

async fn namespace_secret_first(life: &Life) {
    let id = active(life).await;
    life.secrets()
        .delete("wazzup-token", &DeleteParams::default())
        .await
        .unwrap();
    said(life, NAME, "Ready", "False", "AccountNotAuthenticated").await;
    delete_namespace(life).await;
    let told = said(life, NAME, "ActionRequired", "True", "FixCredentials").await;
    assert!(told.contains("abandon=true"), "{told}");
    life.annotate(NAME, "abandon", "true").await;
    until_namespace_gone(life).await;
    assert_eq!(ids(life), [id]);
}

async fn namespace_object_first(life: &Life) {
    active(life).await;
    life.delete(NAME).await;
    delete_namespace(life).await;
    // The namespace's controller takes Secrets in no order: whoever is left without a token is told what to do.
    life.wait("the object to be gone or to say what it waits for", || async {
        match life.channels().get_opt(NAME).await.unwrap() {
            None => return Ok(()),
            Some(_) if life.action(NAME).await.as_deref() == Some("FixCredentials") => {}
            Some(found) => return Err(format!("{:?}", found.status)),
        }
        life.annotate(NAME, "abandon", "true").await;
        Ok(())
    })
    .await;
    until_namespace_gone(life).await;
}

async fn bot_deleted_outside(life: &Life) {
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

async fn phone_deleted_outside(life: &Life) {
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

async fn renamed(life: &Life) {
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

async fn moved(life: &Life) {
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

async fn claimed_twice(life: &Life) {
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

async fn account_suspended(life: &Life) {
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

async fn channel_suspended(life: &Life) {
    active(life).await;
    patch(life, NAME, json!({"spec": {"suspend": true}})).await;
    life.secret("shop-bot", json!({"telegram_token": "200:canary-new"}))
        .await;
    said(life, NAME, "Ready", "False", "Suspended").await;
    patch(life, NAME, json!({"spec": {"suspend": false}})).await;
    until_phone(life, "bot_200").await;
    oracle::assert_one_channel_each(life).await;
}

/// The kinds are the whole control plane's: this story has one of its own.
async fn kind_removed_and_restored(operator: std::path::PathBuf) -> Outcome {
    let ground = tokio::task::spawn_blocking(move || Ground::own(&operator))
        .await
        .unwrap();
    let life = Life::begin(&ground, "kind", setting()).await;
    let id = active(&life).await;
    let plane = ground.plane.clone();
    let crd = "wazzupchannels.wazzup24.com";
    let kubectl = move |arguments: Vec<String>| {
        let plane = plane.clone();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            plane.kubectl(&arguments).unwrap()
        })
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let ran = kubectl(words(&format!("delete crd {crd} --timeout=120s")))
        .await
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ids(&life), [id.clone()], "uninstalling deletes no customer's channel");
    let crds = format!("{}/crds", crate::ground::ROOT);
    for command in [
        format!("apply -f {crds}"),
        format!("wait --for=condition=Established --timeout=60s -f {crds}"),
    ] {
        let ran = kubectl(words(&command)).await.unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    // The channel is taken over by the object that is applied again; no restart is needed.
    let spec = json!({"transport": "telegram", "credentialsSecretRef": {"name": "shop-bot"}, "channelId": id});
    life.wait("the kind to be served", || async {
        let listed = life.channels().list(&kube::api::ListParams::default()).await;
        listed.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
    life.channel(NAME, spec).await;
    life.until_ready(NAME).await;
    assert_eq!((ids(&life), life.starts()), (vec![id], 1));
    oracle::assert_sound(&life);
    Outcome::Passed
}

fn setting() -> Setting {
    Setting {
        cluster_rights: true,
        ..Setting::default()
    }
}

async fn tell(ground: Ground, story: Story) -> Outcome {
    let life = Life::begin(&ground, "story", setting()).await;
    story(&life).await;
    oracle::assert_sound(&life);
    Outcome::Passed
}

/// The cells of the campaign.
pub async fn cells(ground: Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let mut cells: Vec<Cell> = STORIES
        .iter()
        .map(|(name, story)| {
            let ground = ground.clone();
            Cell::new("C5", *name, move || tell(ground, *story))
        })
        .collect();
    match scale {
        Scale::Test => sample(cells, seed, 8),
        Scale::Full => {
            let operator = ground.operator.clone();
            cells.push(Cell::new("C5", "the kind is removed and restored", move || {
                kind_removed_and_restored(operator)
            }));
            cells
        }
    }
}
