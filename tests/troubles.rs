//! Bad input and bad weather: each ends in its own condition, and heals by itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use control_plane::eventually;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use stage::{ACCOUNT, PATIENCE, Setting, Stage, TOKEN};
use wazzup_simulator::{Dialect, Effect, Fault, Options, Simulator};

fn creates(stage: &Stage) -> usize {
    stage.simulator.journal().count("POST", "/v2/channels")
}

fn message(channel: &wazzup_operator::api::WazzupChannel, type_: &str) -> String {
    let conditions = channel.status.clone().unwrap_or_default().conditions;
    wazzup_operator::api::condition(&conditions, type_)
        .map(|one| one.message.clone())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_missing_secret_or_key_is_named_and_heals_when_it_is_made() {
    let stage = Stage::set("missing", Setting::default()).await;
    stage
        .channel(
            "bot",
            json!({"transport": "telegram", "credentialsSecretRef": {"name": "bot-token"}}),
        )
        .await;
    let channel = stage.until("bot", "ActionRequired", "True", "FixCredentials").await;
    let told = message(&channel, "ActionRequired");
    assert!(
        told.contains("bot-token does not exist") && told.contains("kubectl"),
        "{told}"
    );
    stage.secret("bot-token", json!({"wrong_key": "x"})).await;
    eventually("the missing key to be named", PATIENCE, || async {
        let told = message(&stage.channels().get("bot").await.unwrap(), "ActionRequired");
        if told.contains("has no key telegram_token") {
            Ok(())
        } else {
            Err(told)
        }
    })
    .await;
    assert_eq!(creates(&stage), 0);
    stage
        .secret("bot-token", json!({"telegram_token": "100:canary-bot-token"}))
        .await;
    stage.until_active("bot").await;
    assert_eq!(creates(&stage), 1);
}

#[tokio::test]
async fn a_refused_bot_token_stalls_with_the_services_words_and_heals_with_a_new_one() {
    let stage = Stage::set("refused", Setting::default()).await;
    stage.simulator.with(|world, _| world.revoke_bot("100:canary-refused"));
    stage.telegram("bot", "100:canary-refused").await;
    let channel = stage.until("bot", "Stalled", "True", "Rejected").await;
    assert!(
        message(&channel, "Stalled").contains("The messenger refused the credentials"),
        "{channel:?}"
    );
    stage.until("bot", "ActionRequired", "True", "FixCredentials").await;
    assert_eq!(creates(&stage), 1, "a refused request is not repeated");
    stage
        .secret("bot-bot", json!({"telegram_token": "300:canary-good-token"}))
        .await;
    stage.until_active("bot").await;
    assert_eq!(creates(&stage), 2);
    assert_eq!(stage.remote().len(), 1);
}

#[tokio::test]
async fn a_wrong_account_token_is_said_on_the_account_and_its_channels_and_heals() {
    let setting = Setting::default();
    let stage = Stage::set_without_account("token", &setting).await;
    stage.account("default", "Managed", "10s").await;
    stage
        .until_account("default", "Authenticated", "False", "SecretNotFound")
        .await;
    stage
        .secret("wazzup-token", json!({"token": "canary-wrong-token"}))
        .await;
    stage
        .until_account("default", "Authenticated", "False", "TokenRefused")
        .await;
    stage.telegram("bot", "100:canary-bot-token").await;
    stage
        .until("bot", "Reconciling", "True", "AccountNotAuthenticated")
        .await;
    assert_eq!(creates(&stage), 0);
    stage.secret("wazzup-token", json!({"token": TOKEN})).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    stage.until_active("bot").await;
}

#[tokio::test]
async fn an_account_at_a_host_that_is_not_allowed_is_never_called_and_heals_with_its_spec() {
    let stage = Stage::set_without_account("host", &Setting::default()).await;
    stage.secret("wazzup-token", json!({"token": TOKEN})).await;
    let elsewhere = Simulator::start(Options::default()).await;
    let point_to = async |url: String| {
        let patch = json!({"spec": {"apiUrl": url}});
        let how = PatchParams::default();
        stage
            .accounts()
            .patch("default", &how, &Patch::Merge(patch))
            .await
            .unwrap();
    };
    stage.account("default", "Managed", "10s").await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    point_to(elsewhere.url()).await;
    stage.until_account("default", "Ready", "False", "InvalidSpec").await;
    stage.until_account("default", "Stalled", "True", "InvalidSpec").await;
    assert_eq!(elsewhere.journal().requests.len(), 0);
    point_to(stage.simulator.url()).await;
    let account = stage.until_account("default", "Ready", "True", "Listed").await;
    let conditions = account.status.unwrap().conditions;
    assert!(conditions.iter().all(|one| one.type_ != "Stalled"), "{conditions:?}");
}

#[tokio::test]
async fn an_account_that_does_not_exist_or_does_not_grant_the_namespace_is_named() {
    let stage = Stage::set("absent", Setting::default()).await;
    stage
        .secret("b", json!({"telegram_token": "100:canary-bot-token"}))
        .await;
    let spec = json!({"transport": "telegram", "credentialsSecretRef": {"name": "b"}, "accountRef": {"name": "later"}});
    stage.channel("bot", spec).await;
    let channel = stage.until("bot", "Reconciling", "True", "AccountNotFound").await;
    assert!(message(&channel, "Reconciling").contains("later"), "{channel:?}");
    stage.account("later", "Managed", "10s").await;
    stage.until_active("bot").await;
}

#[tokio::test]
async fn an_unreachable_service_changes_nothing_until_it_has_lasted_and_heals() {
    let stage = Stage::set("unreachable", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.until_active("bot").await;
    let broken = Effect::Status {
        code: 502,
        retry_after: None,
        body: "<html>bad gateway</html>".into(),
    };
    stage.simulator.fault(Fault::always("GET", "/v2/channels", broken));
    let channel = stage.until("bot", "Synced", "Unknown", "CannotLook").await;
    let conditions = channel.status.unwrap().conditions;
    let ready = wazzup_operator::api::condition(&conditions, "Ready").unwrap();
    assert_eq!(ready.status, "True", "a failed look says nothing about the channel");
    stage.until_account("default", "Ready", "Unknown", "CannotLook").await;
    stage.simulator.clear_faults();
    stage.until("bot", "Synced", "True", "Synced").await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    assert_eq!(creates(&stage), 1);
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_makes_one_channel_and_finds_it() {
    for dialect in Dialect::ALL {
        let stage = Stage::set(
            "lost",
            Setting {
                dialect,
                ..Setting::default()
            },
        )
        .await;
        stage
            .simulator
            .fault(Fault::once("POST", "/v2/channels", Effect::DropAfter));
        stage.telegram("bot", "100:canary-bot-token").await;
        stage.until_active("bot").await;
        assert_eq!((creates(&stage), stage.remote().len()), (1, 1));
    }
}

#[tokio::test]
async fn an_operator_killed_after_the_create_makes_no_second_channel() {
    let mut stage = Stage::set("killed", Setting::default()).await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.simulator.fault(Fault::once(
        "POST",
        "/v2/channels",
        Effect::Slow(std::time::Duration::from_secs(20)),
    ));
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    // It is made at once, and the answer comes too late.
    eventually("the service to have made the channel", PATIENCE, || async {
        if stage.remote().len() == 1 {
            Ok(())
        } else {
            Err(format!("{}", creates(&stage)))
        }
    })
    .await;
    stage.kill_operator();
    stage.start_operator();
    let channel = stage.until("wa", "ActionRequired", "True", "ScanQr").await;
    let found = stage.remote();
    assert_eq!(found.len(), 1);
    assert_eq!(channel.status.unwrap().channel_id.as_ref(), Some(&found[0].id));
}

#[tokio::test]
async fn a_channel_whose_object_vanished_while_it_was_made_is_told_and_nobodys() {
    let stage = Stage::set("vanished", Setting::default()).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    stage.simulator.fault(Fault::once(
        "POST",
        "/v2/channels",
        Effect::Slow(std::time::Duration::from_secs(15)),
    ));
    stage.telegram("bot", "100:canary-bot-token").await;
    eventually("the channel to be made", PATIENCE, || async {
        if stage.remote().len() == 1 {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    // As the API server does when a finalizer is written while it deletes.
    let none = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let params = kube::api::PatchParams::default();
    stage.channels().patch("bot", &params, &none).await.unwrap();
    stage.delete("bot").await;
    stage.until_gone("bot").await;
    let id = stage.remote()[0].id.clone();
    eventually("the channel to be told", PATIENCE, || async {
        let status = stage
            .accounts()
            .get("default")
            .await
            .unwrap()
            .status
            .unwrap_or_default();
        let listed = status.unmanaged_channels.iter().any(|one| one.id == id);
        let events = stage
            .kubectl(&["get", "events", "-o", "jsonpath={.items[*].reason}"])
            .await;
        if listed && events.contains("LeftBehind") {
            Ok(())
        } else {
            Err(format!("{:?} {events}", status.unmanaged_channels))
        }
    })
    .await;
    assert_eq!(stage.remote().len(), 1, "nothing is deleted by itself");
}

#[tokio::test]
async fn a_channel_is_adopted_by_id_and_left_when_its_object_goes() {
    let stage = Stage::set("adopt", Setting::default()).await;
    let id = stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "whatsapp", now));
    eventually("the channel to be listed as unmanaged", PATIENCE, || async {
        let status = stage
            .accounts()
            .get("default")
            .await
            .unwrap()
            .status
            .unwrap_or_default();
        if status.unmanaged_channels.iter().any(|one| one.id == id) {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    stage
        .channel("adopted", json!({"transport": "whatsapp", "channelId": id}))
        .await;
    // Of two objects made in the same second neither is the older one, so the first one takes it before the other comes.
    stage.until("adopted", "ActionRequired", "True", "ScanQr").await;
    stage
        .channel("rival", json!({"transport": "whatsapp", "channelId": id}))
        .await;
    let rival = stage.until("rival", "Stalled", "True", "ChannelClaimed").await;
    assert!(message(&rival, "Stalled").contains("/adopted"), "{rival:?}");
    stage
        .simulator
        .with(|world, now| world.set_status(&id, "active", None, now))
        .unwrap();
    stage.until_active("adopted").await;
    stage.delete("rival").await;
    stage.delete("adopted").await;
    assert_eq!(stage.remote().len(), 1, "an adopted channel is retained");
    assert_eq!(stage.simulator.journal().matching("DELETE", "/v2/channels").len(), 0);
}

#[tokio::test]
async fn an_observed_channel_is_mirrored_and_never_written_to() {
    let stage = Stage::set(
        "observe",
        Setting {
            webhook_mode: "Disabled",
            ..Setting::default()
        },
    )
    .await;
    let id = stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "viber", now));
    let spec = json!({"transport": "viber", "channelId": id, "managementPolicy": "Observe"});
    stage.channel("seen", spec).await;
    eventually("the state to be mirrored", PATIENCE, || async {
        let status = stage.channels().get("seen").await.unwrap().status.unwrap_or_default();
        if status.reason.as_deref() == Some("qr") {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    stage
        .simulator
        .with(|world, now| world.set_status(&id, "disabled", Some("unauthorized"), now))
        .unwrap();
    stage.annotate("seen", "sync-requested-at", "1").await;
    stage.until("seen", "Ready", "False", "Observed").await;
    stage.delete("seen").await;
    assert!(
        stage.simulator.journal().writes().is_empty(),
        "{:?}",
        stage.simulator.journal().writes()
    );
}

#[tokio::test]
async fn a_channel_deleted_in_the_cabinet_is_made_again_or_asked_about() {
    let stage = Stage::set("gone", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.telegram("other", "200:canary-other-token").await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    let old = stage.until_active("bot").await.status.unwrap().channel_id.unwrap();
    stage.until_active("other").await;
    let wa = stage
        .until("wa", "ActionRequired", "True", "ScanQr")
        .await
        .status
        .unwrap()
        .channel_id
        .unwrap();
    stage.simulator.with(|world, now| {
        world.delete_in_cabinet(&old, now).unwrap();
        world.delete_in_cabinet(&wa, now).unwrap();
    });
    stage.until("wa", "ActionRequired", "True", "ChannelGone").await;
    eventually("the bot to be made again", PATIENCE, || async {
        let status = stage.channels().get("bot").await.unwrap().status.unwrap_or_default();
        let made = status.channel_id.is_some_and(|id| id != old) && status.status.as_deref() == Some("active");
        if made {
            Ok(())
        } else {
            Err(format!("{:?}", status.conditions))
        }
    })
    .await;
    stage.annotate("wa", "recreate-requested-at", "now").await;
    let again = stage.until("wa", "ActionRequired", "True", "ScanQr").await;
    assert_eq!(
        again.status.unwrap().handled.unwrap().recreate_requested_at.as_deref(),
        Some("now")
    );
    assert_eq!(stage.remote().len(), 3);
}

#[tokio::test]
async fn a_foreign_config_map_of_the_sinks_name_is_never_touched() {
    let stage = Stage::set("foreign", Setting::default()).await;
    let manifest =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wa-qr"}, "data": {"mine": "yes"}});
    let maps = stage.config_maps();
    maps.create(
        &kube::api::PostParams::default(),
        &serde_json::from_value(manifest).unwrap(),
    )
    .await
    .unwrap();
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    stage.until("wa", "Stalled", "True", "QrSinkNameTaken").await;
    let kept = maps.get("wa-qr").await.unwrap();
    assert_eq!(kept.data.unwrap().get("mine").map(String::as_str), Some("yes"));
    assert!(kept.binary_data.is_none());
}

#[tokio::test]
async fn without_webhooks_everything_works_but_the_qr() {
    let stage = Stage::set(
        "polling",
        Setting {
            public_url: false,
            ..Setting::default()
        },
    )
    .await;
    stage
        .until_account("default", "WebhooksSubscribed", "False", "NoPublicUrl")
        .await;
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    stage.until_active("bot").await;
    let wa = stage.until("wa", "ActionRequired", "True", "EnableWebhooks").await;
    assert!(message(&wa, "ActionRequired").contains("--webhook-url"), "{wa:?}");
    assert_eq!(creates(&stage), 1, "no channel is made whose QR could not arrive");
}

#[tokio::test]
async fn forged_and_foreign_webhooks_have_no_effect() {
    let stage = Stage::set("forged", Setting::default()).await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    stage.read_qr("wa-qr").await;
    let id = eventually("an id", PATIENCE, || async {
        let status = stage.channels().get("wa").await.unwrap().status.unwrap_or_default();
        status.channel_id.ok_or_else(String::new)
    })
    .await;
    let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
    let url = rows[0].url.clone();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let event = json!({"event": "channel.qr_update", "data": [{"channel_id": id, "qr_code": "forged"}], "meta": {"timestamp": 4_000_000_000_u64}});
    let forged = url
        .rsplit_once('/')
        .map(|(path, _)| format!("{path}/{}", "0".repeat(64)))
        .unwrap();
    assert_eq!(http.post(&forged).json(&event).send().await.unwrap().status(), 404);
    assert_eq!(
        http.post(&url).json(&event).send().await.unwrap().status(),
        200,
        "an event from the future is taken and dropped"
    );
    assert_eq!(
        http.post(&url)
            .json(&json!({"test": true}))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(http.post(&url).body("no json").send().await.unwrap().status(), 400);
    assert_eq!(http.get(&url).send().await.unwrap().status(), 404);
    let current = stage.remote()[0].qr().map(str::to_owned);
    assert_eq!(Some(stage.read_qr("wa-qr").await), current);
    assert!(
        !stage.log_text().contains(url.rsplit_once('/').unwrap().1),
        "the URL's token never reaches a log"
    );
}

#[tokio::test]
async fn no_secret_reaches_a_log_an_event_or_a_status() {
    let stage = Stage::set("secrecy", Setting::default()).await;
    stage
        .simulator
        .with(|world, _| world.set_two_factor("tgapi", Some("canary-password")));
    stage
        .secret("personal-2fa", json!({"password": "canary-password"}))
        .await;
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.channel("personal", json!({"transport": "tgapi"})).await;
    stage
        .channel(
            "wa",
            json!({"transport": "whatsapp", "pairing": {"phone": "79990001122"}}),
        )
        .await;
    let payload = stage.read_qr("personal-qr").await;
    let scanned = stage
        .simulator
        .with(|world, now| world.scan(&payload, "79990001122", now));
    scanned.unwrap();
    stage.until_active("personal").await;
    stage.until_active("bot").await;
    let shown = stage.read_qr("wa-qr").await;
    let objects = stage
        .kubectl(&["get", "wazzupchannels,wazzupaccounts,events", "-o", "yaml"])
        .await;
    let everything = [stage.log_text(), objects].concat();
    for secret in ["canary-", &payload, &shown, "wazzup-login", "LYY0"] {
        assert!(!everything.contains(secret), "{secret} leaked");
    }
}
