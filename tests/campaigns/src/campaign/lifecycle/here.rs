//! What comes and goes in the cluster.

use std::sync::atomic::{AtomicBool, Ordering};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use wazzup_operator::api::condition;

use super::{CREATE, DELETE, UNDER_WAY, active, begun, patch, said, until_phone};
use crate::{
    Fault, Life, Rule, Side,
    flow::{NAME, ids},
    life::{ACCOUNT, TOKEN},
    oracle,
    proxy::{Reply, WatchFault},
};

pub(super) async fn secret_missing(life: &Life) {
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

pub(super) async fn secret_first(life: &Life) {
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

pub(super) async fn token_first(life: &Life) {
    let id = active(life).await;
    life.lose_token().await;
    life.delete(NAME).await;
    let told = said(life, NAME, "ActionRequired", "True", "FixCredentials").await;
    assert!(told.contains("abandon=true"), "{told}");
    life.annotate(NAME, "abandon", "true").await;
    life.until_gone(NAME).await;
    assert_eq!(ids(life), [id]);
}

pub(super) async fn rotated_during_create(life: &Life) {
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

pub(super) async fn token_revoked(life: &Life) {
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

pub(super) async fn deleted_during_create(life: &Life) {
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

pub(super) async fn made_again_during_create(life: &Life) {
    deleted_during_create(life).await;
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
}

pub(super) async fn made_again_after(life: &Life) {
    let id = active(life).await;
    life.delete(NAME).await;
    life.until_gone(NAME).await;
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    oracle::assert_one_channel_each(life).await;
    assert_ne!(ids(life), std::slice::from_ref(&id));
    oracle::assert_deleted_only(life, &[id]);
}

pub(super) async fn finalizer_of_deleted(life: &Life) {
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
    told_as_unmanaged(life, &id).await;
    assert_eq!(ids(life), [id]);
}

/// What nobody manages any more is not forgotten: the account names it.
async fn told_as_unmanaged(life: &Life, id: &str) {
    life.wait("the channel to be told as unmanaged", || async {
        let status = life.accounts().get("default").await.unwrap().status.unwrap_or_default();
        let named: Vec<&str> = status
            .unmanaged_channels
            .iter()
            .map(|channel| channel.id.as_str())
            .collect();
        if named == [id] {
            Ok(())
        } else {
            Err(format!("{named:?}"))
        }
    })
    .await;
}

/// A person lets the object go while its deletion is tried again and again, and no watch tells the operator.
pub(super) async fn abandoned_behind_the_watch(life: &Life) {
    let id = active(life).await;
    let refused = Fault::Answer(Reply::json(500, "{}"));
    life.wire.rule(Rule::always(Side::Wazzup, DELETE, refused));
    life.delete(NAME).await;
    life.wait("the refusal to be told", || async {
        let status = life.status(NAME).await;
        let told = condition(&status.conditions, "Ready").map(|ready| ready.message.clone());
        match told {
            Some(words) if words.contains("did not delete") => Ok(()),
            words => Err(format!("{words:?}")),
        }
    })
    .await;
    life.wire.rule(Rule::watches(WatchFault::Hang));
    life.wire.close_watches();
    life.wire.watches_opened_again().await;
    life.annotate(NAME, "abandon", "true").await;
    // The service is well again, and the watches that are open stay as they are.
    life.wire.calm();
    life.until_gone(NAME).await;
    assert_eq!(
        ids(life),
        [id],
        "the channel is left, as was asked before the service could delete it"
    );
    oracle::assert_deleted_only(life, &[]);
}

/// The answer to a create comes when another object has the name: the channel is not that one's, and is told.
pub(super) async fn name_taken_during_create(life: &Life) {
    life.wire
        .rule(Rule::once(Side::Wazzup, CREATE, Fault::DelayAnswer(UNDER_WAY)));
    life.start();
    life.account().await;
    life.bot(NAME, "100:canary-bot").await;
    begun(life, CREATE).await;
    patch(life, NAME, json!({"metadata": {"finalizers": null}})).await;
    life.delete(NAME).await;
    let gone = life.channels();
    life.wait("the first object to be gone", || async {
        match gone.get_opt(NAME).await {
            Ok(None) => Ok(()),
            found => Err(format!("{found:?}")),
        }
    })
    .await;
    let first = ids(life);
    life.bot(NAME, "100:canary-bot").await;
    life.until_ready(NAME).await;
    told_as_unmanaged(life, &first[0]).await;
    let own = life.status(NAME).await.channel_id.unwrap();
    assert_ne!(own, first[0]);
    assert_eq!(ids(life).len(), 2);
    oracle::assert_deleted_only(life, &[]);
}

pub(super) async fn finalizer_of_living(life: &Life) {
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

pub(super) async fn namespace_secret_first(life: &Life) {
    let id = active(life).await;
    life.secrets()
        .delete("wazzup-token", &DeleteParams::default())
        .await
        .unwrap();
    said(life, NAME, "Ready", "False", "AccountNotAuthenticated").await;
    delete_namespace(life).await;
    // A replica that still has the token in memory takes the channel along; any other says what to do.
    let left = left_or_told(life).await;
    until_namespace_gone(life).await;
    assert!(left || ids(life).is_empty(), "{id} was left without a word");
}

/// Lets an object go that says that it cannot; whether it had to.
async fn left_or_told(life: &Life) -> bool {
    let left = AtomicBool::new(false);
    life.wait("the object to be gone or to say what it waits for", || async {
        match life.channels().get_opt(NAME).await.unwrap() {
            None => return Ok(()),
            Some(found) => {
                let status = found.status.unwrap_or_default();
                match condition(&status.conditions, "ActionRequired") {
                    Some(one) if one.reason == "FixCredentials" => {
                        assert!(one.message.contains("abandon=true"), "{}", one.message);
                    }
                    _ => return Err(format!("{status:?}")),
                }
            }
        }
        let abandon = json!({"metadata": {"annotations": {"wazzup24.com/abandon": "true"}}});
        let channels = life.channels();
        match channels
            .patch(NAME, &PatchParams::default(), &Patch::Merge(abandon))
            .await
        {
            Ok(_) => left.store(true, Ordering::Relaxed),
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    })
    .await;
    left.into_inner()
}

pub(super) async fn namespace_object_first(life: &Life) {
    let id = active(life).await;
    life.delete(NAME).await;
    delete_namespace(life).await;
    // The namespace's controller takes Secrets in no order: whoever is left without a token is told what to do.
    let left = left_or_told(life).await;
    until_namespace_gone(life).await;
    assert!(left || ids(life).is_empty(), "{id} was left without a word");
    oracle::assert_deleted_only(life, &[id]);
}
