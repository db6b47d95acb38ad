//! Every flow under the rights that deploy/ grants, judged by the API server: nothing is denied, nothing is granted in vain.
//!
//! A program of its own, with a control plane of its own: nobody else is in the audit log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

mod ledger;
mod stage;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use control_plane::{AuditEvent, eventually};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use ledger::{compare, rights};
use serde_json::{Value, json};
use stage::{ACCOUNT, PATIENCE, SYSTEM, Setting, Stage};
use wazzup_operator::api::{WazzupChannel, condition, names};
use wazzup_simulator::{Effect, Fault};

/// One after the other: an operator of all namespaces would take the other's objects for its own.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const WATCHED: [&str; 4] = ["wazzupchannels", "wazzupaccounts", "secrets", "configmaps"];
const EMAIL: &str = "canary-partner@example.com";
/// A password with everything that an encoding could change.
const PASSWORD: &str = "canary \"pass\\word\" %&+/=?é";

async fn set(name: &str, everywhere: bool) -> Stage {
    let setting = Setting {
        // Whatever the libraries have to say is searched for secrets as well.
        log: "trace",
        everywhere,
        ..Setting::default()
    };
    Stage::set(name, setting).await
}

async fn account(stage: &Stage, name: &str, auth: Value) {
    let account = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": name},
        "spec": {"auth": auth, "apiUrl": stage.simulator.url(), "sync": {"interval": "10s"}},
    });
    let account = serde_json::from_value(account).unwrap();
    stage.accounts().create(&PostParams::default(), &account).await.unwrap();
}

/// Tokens from the partner's login, from a refresh token, and a Secret of the operator that somebody spoiled.
async fn accounts(stage: &Stage) {
    stage.simulator.with(|world, _| {
        world.set_partner(ACCOUNT, EMAIL, PASSWORD);
        world.grant_refresh_token(ACCOUNT, "canary-seed");
    });
    stage
        .secret("partner", json!({"email": EMAIL, "password": PASSWORD}))
        .await;
    stage.secret("seed", json!({"refresh_token": "canary-seed"})).await;
    stage
        .secret(&names::account_secret("oauth"), json!({"webhook-token": "spoiled"}))
        .await;
    let partner = json!({"name": "partner"});
    account(
        stage,
        "label",
        json!({"whiteLabel": {"accountId": ACCOUNT, "partnerSecretRef": partner}}),
    )
    .await;
    let oauth = json!({
        "clientId": "client", "partnerSecretRef": partner, "tokenSecretRef": {"name": "seed", "key": "refresh_token"},
    });
    account(stage, "oauth", json!({ "oauth": oauth })).await;
    stage.until_account("label", "Ready", "True", "Listed").await;
    stage.until_account("oauth", "Ready", "True", "Listed").await;
}

/// Channels that a Secret is all it takes for; one of them gets a new token while somebody else edits its object, goes
/// down and comes back.
async fn bots(stage: &Stage) {
    stage.telegram("bot", "100:canary-bot-token").await;
    let secrets = [
        ("maxbot", "maxbot", json!({"access_token": "canary-max-bot"})),
        ("avito", "avito", json!({"code": "canary-avito-code"})),
        (
            "insta",
            "instAPI",
            json!({"username": "shop", "page_id": "1", "inst_id": "2", "user_token": "canary-insta"}),
        ),
    ];
    for (name, transport, values) in secrets {
        stage.secret(name, values).await;
        let spec = json!({"transport": transport, "credentialsSecretRef": {"name": name}, "deletionPolicy": "DeleteWithChats"});
        stage.channel(name, spec).await;
    }
    for name in ["bot", "maxbot", "avito", "insta"] {
        stage.until_active(name).await;
    }
    let slow = Effect::Slow(Duration::from_secs(12));
    stage.simulator.fault(Fault::once("POST", "/v2/channels/", slow));
    stage
        .secret("bot-bot", json!({"telegram_token": "300:canary-new-token"}))
        .await;
    eventually("the reinit to be under way", PATIENCE, || async {
        let status = stage.channels().get("bot").await.unwrap().status.unwrap();
        let under_way = status
            .attempts
            .is_some_and(|attempts| attempts.reinit_unanswered.is_some());
        if under_way { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    stage.annotate("bot", "note", "somebody's").await;
    eventually("the new token to serve", PATIENCE, || async {
        let status = stage.channels().get("bot").await.unwrap().status.unwrap();
        let phone = status.phone.unwrap_or_default();
        if phone == "bot_300" { Ok(()) } else { Err(phone) }
    })
    .await;
    stage.until_active("bot").await;
    flap(stage).await;
}

/// The same event twice is one series, and a subscription that somebody removed is repaired.
async fn flap(stage: &Stage) {
    let id = stage
        .channels()
        .get("bot")
        .await
        .unwrap()
        .status
        .unwrap()
        .channel_id
        .unwrap();
    let set = |status: &str, reason: Option<&str>| {
        let set = stage
            .simulator
            .with(|world, now| world.set_status(&id, status, reason, now));
        set.unwrap();
    };
    set("disabled", Some("not_enough_money"));
    stage.until("bot", "ActionRequired", "True", "PayForChannel").await;
    set("active", None);
    stage.until_active("bot").await;
    let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
    stage
        .simulator
        .with(|world, _| rows.iter().for_each(|row| world.remove_row(ACCOUNT, &row.id)));
    let turn = std::cell::Cell::new(0_u32);
    eventually("the subscription to be repaired", PATIENCE, || async {
        // Each list must differ from the one before, whenever it comes.
        turn.set(turn.get() + 1);
        set("disabled", Some(&format!("odd-{}", turn.get())));
        // The account of the changed channel; the other two share its number.
        let path = format!("/{}/", names::account_key(&stage.namespace, "default"));
        let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
        let ours = rows.iter().filter(|row| row.url.contains(&path)).count();
        if ours == 5 { Ok(()) } else { Err(ours.to_string()) }
    })
    .await;
    set("active", None);
    stage.until_active("bot").await;
}

/// Whoever must be scanned, followed or paired, with sinks of both kinds.
async fn people(stage: &Stage) {
    let two_factor = "canary-two-factor";
    stage
        .simulator
        .with(|world, _| world.set_two_factor("tgapi", Some(two_factor)));
    stage.secret("personal-2fa", json!({"password": two_factor})).await;
    for (name, spec) in [
        (
            "paired",
            json!({"transport": "whatsapp", "pairing": {"phone": "79990001122"}}),
        ),
        ("personal", json!({"transport": "tgapi", "qr": {"sink": "Secret"}})),
        ("viber", json!({"transport": "viber"})),
        ("max", json!({"transport": "max"})),
        ("waba", json!({"transport": "wapi"})),
        ("vk", json!({"transport": "vk"})),
    ] {
        stage.channel(name, spec).await;
    }
    eventually("a pairing code", PATIENCE, || async {
        let sink = stage.config_maps().get_opt("paired-qr").await.unwrap();
        let code = sink
            .and_then(|sink| sink.data)
            .and_then(|mut data| data.remove("pairing-code"));
        code.ok_or_else(|| "none".to_owned())
    })
    .await;
    let hidden = eventually("a QR in a Secret", PATIENCE, || async {
        let sink = stage.secrets().get_opt("personal-qr").await.unwrap();
        let png = sink
            .and_then(|sink| sink.data)
            .and_then(|mut data| data.remove("qr.png"));
        png.and_then(|png| stage::decode(&png.0))
            .ok_or_else(|| "none".to_owned())
    })
    .await;
    let mut codes = vec![hidden];
    for name in ["paired", "viber", "max"] {
        codes.push(stage.read_qr(&format!("{name}-qr")).await);
    }
    for code in codes {
        let scanned = stage.simulator.with(|world, now| world.scan(&code, "79990001122", now));
        scanned.unwrap();
    }
    let waba = stage.until("waba", "ActionRequired", "True", "FollowLink").await;
    let url = waba.status.unwrap().url.unwrap();
    stage.simulator.with(|world, now| world.follow_link(&url, now)).unwrap();
    stage.until("vk", "ActionRequired", "True", "FollowLink").await;
    let mut sink = stage.config_maps().get("vk-qr").await.unwrap().data.unwrap();
    let link = sink.remove("link").unwrap();
    stage
        .simulator
        .with(|world, now| world.follow_link(&link, now))
        .unwrap();
    for name in ["paired", "personal", "viber", "max", "waba", "vk"] {
        stage.until_active(name).await;
        stage.until_no_config_map(&names::sink(name)).await;
    }
    eventually("the Secret with the QR to be gone", PATIENCE, || async {
        let found = stage.secrets().get_opt(&names::sink("personal")).await.unwrap();
        found.map_or(Ok(()), |_| Err("still there".to_owned()))
    })
    .await;
}

/// What is there already, what is only looked at, and what names an account that is not there.
async fn others(stage: &Stage) {
    let found = stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "wapi", now));
    stage
        .channel("adopted", json!({"transport": "wapi", "channelId": found}))
        .await;
    stage.until("adopted", "ActionRequired", "True", "FollowLink").await;
    stage
        .channel("orphan", json!({"transport": "wapi", "accountRef": {"name": "nobody"}}))
        .await;
    stage.until("orphan", "Ready", "False", "AccountNotFound").await;
    for name in ["adopted", "orphan"] {
        stage.delete(name).await;
    }
    assert!(
        stage.simulator.with(|world, _| world.channel(&found).is_some()),
        "an adopted channel is left"
    );
}

/// Objects go with their channels, one keeps its channel, one goes while its account has no token.
async fn goodbye(stage: &Stage) {
    stage.patch_spec("viber", json!({"deletionPolicy": "Retain"})).await;
    for name in [
        "maxbot", "avito", "insta", "paired", "personal", "viber", "max", "waba", "vk",
    ] {
        stage.delete(name).await;
    }
    assert_eq!(stage.remote().len(), 3, "bot, viber's and the adopted one");
    stage
        .accounts()
        .delete("label", &DeleteParams::default())
        .await
        .unwrap();
    stage
        .accounts()
        .delete("oauth", &DeleteParams::default())
        .await
        .unwrap();
    stage
        .secrets()
        .delete("wazzup-token", &DeleteParams::default())
        .await
        .unwrap();
    stage
        .until_account("default", "Authenticated", "False", "SecretNotFound")
        .await;
    stage.channels().delete("bot", &DeleteParams::default()).await.unwrap();
    stage.until("bot", "ActionRequired", "True", "FixCredentials").await;
}

async fn play(stage: &Stage) {
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    accounts(stage).await;
    bots(stage).await;
    people(stage).await;
    others(stage).await;
    goodbye(stage).await;
}

/// What the operator asked the API server, by the server's own record.
fn asked(stage: &Stage, home: &str) -> Vec<AuditEvent> {
    let user = format!("system:serviceaccount:{home}:wazzup-operator");
    let mut events = stage.plane.audit().unwrap();
    events.retain(|event| event.user == user);
    events
}

/// Both zeros, and that no list of Secrets ever brought values.
async fn judge(stage: &mut Stage, home: &str, manifests: &[(&str, &str)]) {
    // A watch is recorded when it ends.
    stage.kill_operator();
    eventually("the watches to have ended", PATIENCE, || async {
        let events = asked(stage, home);
        let ended = |what: &str| {
            events
                .iter()
                .any(|event| event.verb == "watch" && event.resource == what)
        };
        let open: Vec<&str> = WATCHED.into_iter().filter(|what| !ended(what)).collect();
        if open.is_empty() {
            Ok(())
        } else {
            Err(format!("{open:?}"))
        }
    })
    .await;
    let granted: Vec<_> = manifests
        .iter()
        .flat_map(|(manifest, namespace)| rights(manifest, namespace))
        .collect();
    let events = asked(stage, home);
    let ledger = compare(&granted, &events);
    eprintln!("{} requests of {home}\n{}", events.len(), ledger.table);
    assert_eq!(ledger.denied, Vec::<String>::new(), "was denied");
    assert_eq!(ledger.unused, Vec::<String>::new(), "was granted and never used");
    let anybodys = ["/version", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"];
    let beyond = ledger
        .beyond
        .iter()
        .filter(|line| !anybodys.iter().any(|path| line.contains(path)));
    assert_eq!(
        beyond.collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "was used and is in no manifest"
    );
    let lists = events
        .iter()
        .filter(|event| event.verb == "list" && event.resource == "secrets");
    let kinds: Vec<&str> = lists.map(|event| event.answered.as_str()).collect();
    assert!(
        !kinds.is_empty() && kinds.iter().all(|kind| *kind == "PartialObjectMetadataList"),
        "{kinds:?}"
    );
}

fn channels(stage: &Stage, namespace: &str) -> Api<WazzupChannel> {
    Api::namespaced(stage.client.clone(), namespace)
}

/// A channel of another namespace that names an account of the stage's.
async fn stranger(stage: &Stage, namespace: &str) {
    let secrets: Api<Secret> = Api::namespaced(stage.client.clone(), namespace);
    let secret =
        json!({"metadata": {"name": "theirs"}, "data": {"telegram_token": STANDARD.encode("100:canary-theirs")}});
    let secret = serde_json::from_value(secret).unwrap();
    secrets.create(&PostParams::default(), &secret).await.unwrap();
    let channel = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel", "metadata": {"name": "theirs"},
        "spec": {
            "transport": "telegram", "credentialsSecretRef": {"name": "theirs"},
            "accountRef": {"name": "default", "namespace": stage.namespace},
        },
    });
    let channel = serde_json::from_value(channel).unwrap();
    channels(stage, namespace)
        .create(&PostParams::default(), &channel)
        .await
        .unwrap();
}

async fn until_said(stage: &Stage, namespace: &str, reason: &str) -> String {
    eventually(reason, PATIENCE, || async {
        let status = channels(stage, namespace)
            .get("theirs")
            .await
            .unwrap()
            .status
            .unwrap_or_default();
        match condition(&status.conditions, "Ready") {
            Some(ready) if ready.reason == reason => Ok(ready.message.clone()),
            _ => Err(format!("{:?}", status.conditions)),
        }
    })
    .await
}

#[tokio::test]
async fn the_role_of_a_watched_namespace_is_what_the_operator_uses_there() {
    let _turn = TURN.lock().await;
    let mut stage = set("rights", false).await;
    play(&stage).await;
    stage.annotate("bot", "abandon", "true").await;
    stage.until_gone("bot").await;
    // An account of a namespace that nobody watches is told, and not looked for.
    let elsewhere = json!({"transport": "wapi", "accountRef": {"name": "default", "namespace": SYSTEM}});
    stage.channel("lost", elsewhere).await;
    stage.until("lost", "Ready", "False", "AccountNotFound").await;
    let home = stage.namespace.clone();
    judge(
        &mut stage,
        &home,
        &[
            (include_str!("../deploy/namespaced/role.yaml"), &home),
            (include_str!("../deploy/role.yaml"), &home),
        ],
    )
    .await;
    let all = asked(&stage, &home);
    let outside: Vec<&AuditEvent> = all
        .iter()
        .filter(|event| {
            !event.resource.is_empty() && event.resource != "selfsubjectaccessreviews" && event.namespace != home
        })
        .collect();
    assert!(outside.is_empty(), "{outside:#?}");
}

#[tokio::test]
async fn the_cluster_role_is_what_the_operator_uses_and_the_account_alone_lets_another_namespace_in() {
    let _turn = TURN.lock().await;
    let mut stage = set("everywhere", true).await;
    let other = stage.plane.namespace("stranger").await.unwrap();
    stage.until_account("default", "Ready", "True", "Listed").await;
    stranger(&stage, &other).await;
    let told = until_said(&stage, &other, "AccountNotAllowed").await;
    assert!(told.contains("allowedNamespaces"), "{told}");
    assert_eq!(stage.simulator.journal().count("POST", "/v2/channels"), 0);
    let theirs = |event: &&AuditEvent| event.resource == "secrets" && event.namespace == other;
    let read = asked(&stage, SYSTEM);
    assert_eq!(
        read.iter().filter(theirs).count(),
        0,
        "no Secret is read for what is not granted"
    );
    let grant = json!({"spec": {"allowedNamespaces": [other]}});
    stage
        .accounts()
        .patch("default", &PatchParams::default(), &Patch::Merge(grant))
        .await
        .unwrap();
    until_said(&stage, &other, "Connected").await;
    channels(&stage, &other)
        .delete("theirs", &DeleteParams::default())
        .await
        .unwrap();
    eventually("theirs to be gone", PATIENCE, || async {
        let found = channels(&stage, &other).get_opt("theirs").await.unwrap();
        found.map_or(Ok(()), |found| Err(format!("{:?}", found.status)))
    })
    .await;
    play(&stage).await;
    // The namespace goes, the operator's rights stay, and a token that is still in memory lets the channel go as well.
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    namespaces
        .delete(&stage.namespace, &DeleteParams::default())
        .await
        .unwrap();
    eventually("the namespace to be gone", PATIENCE, || async {
        let found = namespaces.get_opt(&stage.namespace).await.unwrap();
        found.map_or(Ok(()), |found| Err(format!("{:?}", found.status)))
    })
    .await;
    judge(
        &mut stage,
        SYSTEM,
        &[
            (include_str!("../deploy/clusterrole.yaml"), SYSTEM),
            (include_str!("../deploy/role.yaml"), SYSTEM),
        ],
    )
    .await;
}
