//! C5: stories of the ends and beginnings of objects, Secrets, namespaces, kinds and channels. Each ends in the condition that
//! the documentation names, and no deletion waits for ever.

mod here;
mod there;

use std::{future::Future, pin::Pin, time::Duration};

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use wazzup_operator::api::condition;

use super::{Scale, sample};
use crate::{
    Cell, Ground, Life, Outcome, Setting, Side,
    flow::{NAME, ids},
    oracle,
};

const CREATE: &str = "POST /v2/channels";
const DELETE: &str = "DELETE /v2/channels/{id}";
/// How long a call is under way where something happens meanwhile.
const UNDER_WAY: Duration = Duration::from_secs(5);

type Story = for<'a> fn(&'a Life) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

const STORIES: &[(&str, Story)] = &[
    ("the Secret is missing", |life| Box::pin(here::secret_missing(life))),
    ("the Secret goes before the object", |life| {
        Box::pin(here::secret_first(life))
    }),
    ("the account's Secret goes before the object", |life| {
        Box::pin(here::token_first(life))
    }),
    ("the Secret is rotated during the create", |life| {
        Box::pin(here::rotated_during_create(life))
    }),
    ("the token is revoked while the create is under way", |life| {
        Box::pin(here::token_revoked(life))
    }),
    ("the object is deleted while its create is under way", |life| {
        Box::pin(here::deleted_during_create(life))
    }),
    ("the object is made again while its create is under way", |life| {
        Box::pin(here::made_again_during_create(life))
    }),
    ("the object is made again after its deletion", |life| {
        Box::pin(here::made_again_after(life))
    }),
    ("the finalizer of a deleted object is removed by hand", |life| {
        Box::pin(here::finalizer_of_deleted(life))
    }),
    ("the finalizer of a living object is removed by hand", |life| {
        Box::pin(here::finalizer_of_living(life))
    }),
    ("the object is abandoned where the watch does not show it", |life| {
        Box::pin(here::abandoned_behind_the_watch(life))
    }),
    ("another object gets the name while a create is under way", |life| {
        Box::pin(here::name_taken_during_create(life))
    }),
    ("the namespace is deleted, the Secret first", |life| {
        Box::pin(here::namespace_secret_first(life))
    }),
    ("the namespace is deleted, the object first", |life| {
        Box::pin(here::namespace_object_first(life))
    }),
    ("the channel of a bot is deleted at the service", |life| {
        Box::pin(there::bot_deleted_outside(life))
    }),
    ("the channel of a phone is deleted at the service", |life| {
        Box::pin(there::phone_deleted_outside(life))
    }),
    ("the channel is renamed at the service", |life| {
        Box::pin(there::renamed(life))
    }),
    ("the channel is moved to another account", |life| {
        Box::pin(there::moved(life))
    }),
    ("two objects claim one channel", |life| {
        Box::pin(there::claimed_twice(life))
    }),
    ("the account is suspended", |life| {
        Box::pin(there::account_suspended(life))
    }),
    ("the channel is suspended", |life| {
        Box::pin(there::channel_suspended(life))
    }),
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
    assert_eq!(
        ids(&life),
        std::slice::from_ref(&id),
        "uninstalling deletes no customer's channel"
    );
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
pub fn cells(ground: &Ground, scale: Scale, seed: u64) -> Vec<Cell> {
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
