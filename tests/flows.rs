//! Whole flows on a real control plane with a simulated service and the operator's own program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use serde_json::json;
use stage::{ACCOUNT, PATIENCE, Setting, Stage};
use wazzup_operator::api::condition;
use wazzup_simulator::{Dialect, Timings};

#[tokio::test]
async fn a_telegram_channel_becomes_active_in_every_dialect_and_goes_away_again() {
    for dialect in Dialect::ALL {
        let stage = Stage::set(
            "telegram",
            Setting {
                dialect,
                ..Setting::default()
            },
        )
        .await;
        stage.telegram("bot", "100:canary-bot-token").await;
        let channel = stage.until_active("bot").await;
        let status = channel.status.unwrap();
        assert_eq!(status.status.as_deref(), Some("active"));
        assert_eq!(status.reason, None);
        assert_eq!(status.phone.as_deref(), Some("bot_100"));
        assert_eq!(
            status.channel_id.as_deref(),
            channel
                .metadata
                .annotations
                .unwrap()
                .get("wazzup24.com/channel-id")
                .map(String::as_str)
        );
        stage.delete("bot").await;
        assert!(stage.remote().is_empty());
        let journal = stage.simulator.journal();
        assert_eq!(journal.count("POST", "/v2/channels"), 1);
        let deletes = journal.matching("DELETE", "/v2/channels");
        assert_eq!(deletes.len(), 1);
        assert_eq!(deletes[0].query, "delete_chats=false");
    }
}

#[tokio::test]
async fn every_transport_that_a_secret_connects_becomes_active() {
    let stage = Stage::set("secrets", Setting::default()).await;
    let secrets = [
        ("maxbot", "maxbot", json!({"access_token": "canary-max-bot"})),
        ("avito", "avito", json!({"code": "canary-avito-code"})),
        (
            "insta",
            "instAPI",
            json!({"username": "shop", "page_id": "1", "inst_id": "2", "user_token": "canary-insta"}),
        ),
    ];
    for (name, transport, values) in &secrets {
        stage.secret(name, values.clone()).await;
        stage
            .channel(
                name,
                json!({"transport": transport, "credentialsSecretRef": {"name": name}}),
            )
            .await;
    }
    for (name, ..) in &secrets {
        stage.until_active(name).await;
    }
    assert_eq!(stage.simulator.journal().count("POST", "/v2/channels"), 3);
}

#[tokio::test]
async fn a_qr_is_shown_as_a_picture_that_a_phone_reads_and_is_gone_after_the_scan() {
    let stage = Stage::set("qr", Setting::default()).await;
    for transport in ["whatsapp", "viber", "max"] {
        stage.channel(transport, json!({"transport": transport})).await;
    }
    for transport in ["whatsapp", "viber", "max"] {
        stage.until(transport, "ActionRequired", "True", "ScanQr").await;
        let sink = format!("{transport}-qr");
        let id = stage.scan(&sink, "79990001122").await;
        let channel = stage.until_active(transport).await;
        assert_eq!(channel.status.unwrap().channel_id, Some(id));
        stage.until_no_config_map(&sink).await;
        let reads = stage.asked(|event| event.verb == "get" && event.name == sink);
        assert!(reads.len() <= 3, "not one for each pass: {reads:#?}");
    }
}

#[tokio::test]
async fn only_the_newest_qr_is_shown_while_it_rotates() {
    let timings = Timings {
        start: 50,
        qr: 8_000,
        qr_count: 8,
        sync: 50,
        token_seconds: 3_600,
    };
    let stage = Stage::set(
        "rotates",
        Setting {
            timings,
            ..Setting::default()
        },
    )
    .await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    let first = stage.read_qr("wa-qr").await;
    control_plane::eventually("a later QR that is the one the service shows", PATIENCE, || async {
        let shown = stage.read_qr("wa-qr").await;
        let current = stage
            .remote()
            .first()
            .and_then(|channel| channel.qr().map(str::to_owned));
        if shown != first && Some(&shown) == current.as_ref() {
            Ok(())
        } else {
            Err(format!("{shown} {current:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn the_two_factor_password_is_submitted_once_and_asked_for_when_it_is_missing_or_wrong() {
    let stage = Stage::set("password", Setting::default()).await;
    stage
        .simulator
        .with(|world, _| world.set_two_factor("tgapi", Some("canary-password")));
    stage.channel("personal", json!({"transport": "tgapi"})).await;
    stage.scan("personal-qr", "79990001122").await;
    stage.until("personal", "ActionRequired", "True", "EnterPassword").await;
    stage.secret("personal-2fa", json!({"password": "wrong"})).await;
    control_plane::eventually("the wrong password to be refused", PATIENCE, || async {
        let tries = stage
            .simulator
            .journal()
            .matching("POST", "/v2/channels/")
            .iter()
            .filter(|entry| entry.path.ends_with("/2fa"))
            .count();
        if tries == 1 {
            Ok(())
        } else {
            Err(format!("{tries} tries"))
        }
    })
    .await;
    stage
        .until_status("personal", "the refusal, and what to do", |status| {
            let asked = condition(&status.conditions, "ActionRequired").map_or("", |asked| asked.message.as_str());
            asked.contains("was not accepted") && asked.contains("kubectl")
        })
        .await;
    stage
        .secret("personal-2fa", json!({"password": "canary-password"}))
        .await;
    stage.until_active("personal").await;
    let journal = stage.simulator.journal();
    let tries = journal
        .requests
        .iter()
        .filter(|entry| entry.path.ends_with("/auth/2fa"))
        .count();
    assert_eq!(tries, 2, "each password is tried once");
}

#[tokio::test]
async fn a_pairing_code_is_asked_for_once_when_a_qr_arrives_and_again_on_request() {
    let stage = Stage::set("pairing", Setting::default()).await;
    stage
        .channel(
            "wa",
            json!({"transport": "whatsapp", "pairing": {"phone": "79990001122"}}),
        )
        .await;
    let code = || async {
        let found = stage.config_maps().get_opt("wa-qr").await.unwrap();
        found
            .and_then(|map| map.data)
            .and_then(|data| data.get("pairing-code").cloned())
    };
    let first = control_plane::eventually("a pairing code", PATIENCE, || async {
        code().await.ok_or_else(|| "none".to_owned())
    })
    .await;
    stage.annotate("wa", "pairing-requested-at", "now").await;
    control_plane::eventually("another pairing code", PATIENCE, || async {
        let shown = code().await;
        if shown.is_some() && shown.as_ref() != Some(&first) {
            Ok(())
        } else {
            Err(format!("{shown:?}"))
        }
    })
    .await;
    let asked = stage
        .simulator
        .journal()
        .requests
        .iter()
        .filter(|entry| entry.path.ends_with("/pairing-code"))
        .count();
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn links_are_shown_and_their_channels_become_active_when_they_were_followed() {
    for dialect in [Dialect::Clean, Dialect::Production] {
        let stage = Stage::set(
            "links",
            Setting {
                dialect,
                ..Setting::default()
            },
        )
        .await;
        stage.channel("waba", json!({"transport": "wapi"})).await;
        stage.channel("vk", json!({"transport": "vk"})).await;
        let waba = stage.until("waba", "ActionRequired", "True", "FollowLink").await;
        let url = waba.status.unwrap().url.expect("the link is in the status");
        stage.simulator.with(|world, now| world.follow_link(&url, now)).unwrap();
        stage.until_active("waba").await;
        stage.until("vk", "ActionRequired", "True", "FollowLink").await;
        let sink = stage.config_maps().get("vk-qr").await.unwrap();
        let link = sink.data.unwrap().get("link").unwrap().clone();
        let id = stage
            .simulator
            .with(|world, now| world.follow_link(&link, now))
            .unwrap();
        let vk = stage.until_active("vk").await;
        assert_eq!(vk.status.unwrap().channel_id, Some(id));
        stage.until_no_config_map("vk-qr").await;
        assert_eq!(stage.remote().len(), 2);
    }
}

#[tokio::test]
async fn an_unpaid_channel_says_so_and_heals_when_it_is_paid() {
    let stage = Stage::set("unpaid", Setting::default()).await;
    stage
        .simulator
        .with(|world, _| world.refuse_to_pay("200:canary-unpaid"));
    stage.telegram("unpaid", "200:canary-unpaid").await;
    let channel = stage.until("unpaid", "ActionRequired", "True", "PayForChannel").await;
    let id = channel.status.unwrap().channel_id.unwrap();
    stage.simulator.with(|world, now| world.pay(&id, now)).unwrap();
    stage.until_active("unpaid").await;
    let writes = stage.simulator.journal();
    let writes = writes
        .writes()
        .into_iter()
        .filter(|entry| entry.path.starts_with("/v2/channels"))
        .count();
    assert_eq!(writes, 1, "nothing is hammered");
}

#[tokio::test]
async fn changed_credentials_reconnect_the_channel_and_a_logged_out_bot_is_reinitialized() {
    let stage = Stage::set("rotation", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot-token").await;
    let id = stage.until_active("bot").await.status.unwrap().channel_id.unwrap();
    let reinits = || {
        stage
            .simulator
            .journal()
            .requests
            .iter()
            .filter(|entry| entry.path.ends_with("/reinit"))
            .count()
    };
    stage
        .secret("bot-bot", json!({"telegram_token": "300:canary-new-token"}))
        .await;
    control_plane::eventually("the new token to be used", PATIENCE, || async {
        let channel = stage.channels().get("bot").await.unwrap().status.unwrap();
        if channel.phone.as_deref() == Some("bot_300") {
            Ok(())
        } else {
            Err(format!("{channel:?}"))
        }
    })
    .await;
    assert_eq!(reinits(), 1);
    stage
        .simulator
        .with(|world, now| world.set_status(&id, "disabled", Some("unauthorized"), now))
        .unwrap();
    control_plane::eventually("a second reinit", PATIENCE, || async {
        if reinits() == 2 {
            Ok(())
        } else {
            Err(format!("{}", reinits()))
        }
    })
    .await;
    // A reinit is counted from before its call until the channel is active again.
    stage
        .until_status("bot", "the second reinit has connected it", |status| {
            let ready = condition(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True");
            ready && status.attempts.as_ref().is_none_or(|attempts| attempts.reinits == 0)
        })
        .await;
    assert_eq!(stage.simulator.journal().count("POST", "/v2/channels"), 1);
}

#[tokio::test]
async fn kubectl_shows_the_table_and_waits_as_it_should() {
    let stage = Stage::set("table", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    let waited = stage
        .kubectl(&["wait", "--for=condition=Ready", "--timeout=180s", "wazzupchannel/bot"])
        .await;
    assert!(waited.contains("condition met"), "{waited}");
    stage.until("wa", "ActionRequired", "True", "ScanQr").await;
    let table = stage.kubectl(&["get", "wazzupchannels"]).await;
    let mut lines = table.lines();
    let columns: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(
        columns,
        ["TRANSPORT", "STATUS", "REASON", "PHONE", "READY", "ACTION", "AGE"]
            .iter()
            .fold(vec!["NAME"], |mut all, one| {
                all.push(one);
                all
            })
    );
    let bot: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(&bot[..5], ["bot", "telegram", "active", "bot_100", "True"]);
    let wa: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(&wa[..6], ["wa", "whatsapp", "init", "qr", "False", "ScanQr"]);
    let wide = stage.kubectl(&["get", "wzch", "-o", "wide"]).await;
    for column in ["ACCOUNT", "CHANNEL", "MESSAGE"] {
        assert!(wide.contains(column), "{wide}");
    }
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    let accounts = stage.kubectl(&["get", "wazzupaccounts"]).await;
    assert!(accounts.contains("Subscribed"), "{accounts}");
    let all = stage.kubectl(&["get", "wazzup", "-o", "name"]).await;
    assert_eq!(all.lines().count(), 3, "{all}");
}

#[tokio::test]
async fn in_steady_state_nothing_is_written_and_the_service_sees_one_list_an_interval() {
    let timings = Timings {
        start: 0,
        ..Setting::default().timings
    };
    let stage = Stage::set(
        "steady",
        Setting {
            timings,
            ..Setting::default()
        },
    )
    .await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    for number in 1..=5 {
        stage
            .telegram(&format!("bot-{number}"), &format!("{number}00:canary-bot-token"))
            .await;
    }
    for number in 1..=5 {
        stage.until_active(&format!("bot-{number}")).await;
    }
    let writes = || stage.asked(|event| event.is_write() && event.resource != "leases" && event.resource != "events");
    // Counts of the account follow the channels; then all is quiet.
    control_plane::eventually("the account to count its channels", PATIENCE, || async {
        let status = stage.accounts().get("default").await.unwrap().status.unwrap();
        if status.managed == Some(5) {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    let of_channels =
        |all: &[control_plane::AuditEvent]| all.iter().filter(|event| event.resource == "wazzupchannels").count();
    let filled = writes();
    assert_eq!(
        of_channels(&filled),
        4 * 5,
        "four writes a bot: intent with finalizer, what the create carries, id, status\n{filled:#?}"
    );
    let reads = || stage.asked(|event| event.verb == "get" && event.resource == "secrets");
    // An event that arrives late asks for a list of its own.
    control_plane::eventually("every bot's two events", PATIENCE, || async {
        match stage.simulator.journal().webhooks.len() {
            10.. => Ok(()),
            few => Err(few.to_string()),
        }
    })
    .await;
    stage.until_listed(1).await;
    let (written, before) = (writes().len(), reads().len());
    stage.simulator.clear_journal();
    tokio::time::sleep(std::time::Duration::from_secs(32)).await;
    let lists = stage.simulator.journal();
    let (quiet, read) = (writes().len() - written, reads().len() - before);
    assert_eq!(read, 0, "what the watch shows unchanged is not read again");
    assert_eq!(
        quiet,
        0,
        "nothing is written when nothing changes: {:#?}",
        writes().split_off(written)
    );
    let lists: Vec<_> = lists
        .requests
        .iter()
        .map(|entry| format!("{} {}", entry.method, entry.path))
        .collect();
    assert!(lists.iter().all(|one| one == "GET /v2/channels"), "{lists:?}");
    assert!(
        (2..=4).contains(&lists.len()),
        "one list every 9 to 11 s: {}",
        lists.len()
    );
}

#[tokio::test]
async fn a_deleted_account_waits_for_its_channels_and_takes_its_subscription_along() {
    let stage = Stage::set("account", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.until_active("bot").await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    assert_eq!(stage.simulator.with(|world, _| world.rows(ACCOUNT).len()), 5);
    let foreign = stage
        .simulator
        .with(|world, _| world.add_row(ACCOUNT, "message.add", "https://crm.example.com/hook"));
    stage
        .accounts()
        .delete("default", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    let account = stage
        .until_account("default", "Ready", "False", "WaitingForChannels")
        .await;
    assert!(format!("{:?}", account.status).contains("/bot"));
    stage.delete("bot").await;
    control_plane::eventually("the account to be gone", PATIENCE, || async {
        stage
            .accounts()
            .get_opt("default")
            .await
            .unwrap()
            .map_or(Ok(()), |found| Err(format!("{:?}", found.status)))
    })
    .await;
    let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
    assert_eq!(
        rows.iter().map(|row| &row.id).collect::<Vec<_>>(),
        [&foreign],
        "foreign rows are never touched"
    );
}

#[tokio::test]
async fn a_namespace_goes_with_its_channels() {
    let stage = Stage::set("namespace", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.channel("wa", json!({"transport": "whatsapp"})).await;
    stage.until_active("bot").await;
    stage.until("wa", "ActionRequired", "True", "ScanQr").await;
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(stage.client.clone());
    // The operator's own rights go with the namespace as well, so they are lent from outside it.
    let lent = stage
        .plane
        .kubectl(&[
            "create",
            "clusterrolebinding",
            &stage.namespace,
            "--clusterrole=cluster-admin",
            &format!("--serviceaccount={}:wazzup-operator", stage.namespace),
        ])
        .unwrap();
    assert!(lent.status.success());
    stage
        .channels()
        .delete_collection(&kube::api::DeleteParams::default(), &kube::api::ListParams::default())
        .await
        .unwrap();
    stage.until_gone("bot").await;
    stage.until_gone("wa").await;
    stage
        .accounts()
        .delete("default", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    namespaces
        .delete(&stage.namespace, &kube::api::DeleteParams::default())
        .await
        .unwrap();
    control_plane::eventually("the namespace to be gone", PATIENCE, || async {
        namespaces
            .get_opt(&stage.namespace)
            .await
            .unwrap()
            .map_or(Ok(()), |found| Err(format!("{:?}", found.status)))
    })
    .await;
    assert!(stage.remote().is_empty());
}
