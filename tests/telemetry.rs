//! What an administrator can watch: metrics, one event for each transition, logs that tell a channel's story by its name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::process::{Command, Stdio};

use control_plane::eventually;
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use stage::{ACCOUNT, PATIENCE, Setting, Stage};

/// The metrics page of the operator that was started last.
async fn metrics(stage: &Stage) -> String {
    let log = stage.log_text();
    let line = log
        .lines()
        .rfind(|line| line.contains("listening for metrics"))
        .unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let url = format!("http://{}/metrics", line["bound"].as_str().unwrap());
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

async fn until_metric(stage: &Stage, line: &str) {
    eventually(line, PATIENCE, || async {
        let page = metrics(stage).await;
        if page.lines().any(|found| found == line) {
            Ok(())
        } else {
            Err(page)
        }
    })
    .await;
}

/// Type, reason and count of the events about a channel.
async fn events(stage: &Stage, name: &str) -> Vec<(String, String, i32)> {
    let events: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let found = events.list(&kube::api::ListParams::default()).await.unwrap();
    let mut told: Vec<(String, String, i32)> = found
        .items
        .into_iter()
        .filter(|event| event.involved_object.name.as_deref() == Some(name))
        .map(|event| {
            let count = event
                .count
                .or(event.series.and_then(|series| series.count))
                .unwrap_or(1);
            (event.type_.unwrap_or_default(), event.reason.unwrap_or_default(), count)
        })
        .collect();
    told.sort();
    told
}

/// What the log says of a channel: the message and what it was about.
fn story(stage: &Stage, name: &str) -> Vec<String> {
    let log = stage.log_text();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["channel"] == name && line["level"] == "INFO")
        .map(|line| {
            let what = line["call"].as_str().or(line["condition"].as_str()).unwrap_or_default();
            let reason = line["reason"].as_str().unwrap_or_default();
            format!("{} {what} {reason}", line["message"].as_str().unwrap_or_default())
                .trim()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn a_channels_life_is_told_in_the_log_by_its_name_and_by_one_event_for_each_transition() {
    let stage = Stage::set("story", Setting::default()).await;
    stage.channel("shop", json!({"transport": "whatsapp"})).await;
    stage.until("shop", "ActionRequired", "True", "ScanQr").await;
    let code = stage.read_qr("shop-qr").await;
    // Whoever scans before anybody was called is not called any more.
    eventually("a person to be called", PATIENCE, || async {
        let told = events(&stage, "shop").await;
        if told.iter().any(|(_, reason, _)| reason == "ScanQr") {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    })
    .await;
    stage
        .simulator
        .with(|world, now| world.scan(&code, "79990000001", now))
        .unwrap();
    stage.until_active("shop").await;
    stage.telegram("other", "100:canary-bot").await;
    stage.until_active("other").await;
    // An event is made after the status that it tells of.
    let told = eventually("both events", PATIENCE, || async {
        let told = events(&stage, "shop").await;
        if told.len() >= 2 {
            Ok(told)
        } else {
            Err(format!("{told:?}"))
        }
    })
    .await;
    let all: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let notes = all.list(&kube::api::ListParams::default()).await.unwrap();
    let called = notes
        .iter()
        .find(|event| event.reason.as_deref() == Some("ScanQr"))
        .unwrap();
    assert!(
        called.message.as_deref().unwrap_or_default().contains("kubectl"),
        "{called:?}"
    );
    let transitions: Vec<(&str, &str)> = told.iter().map(|(type_, reason, _)| (&**type_, &**reason)).collect();
    assert_eq!(transitions, [("Normal", "Active"), ("Warning", "ScanQr")], "{told:?}");
    assert!(told.iter().all(|(_, _, count)| *count == 1), "{told:?}");
    stage.delete("shop").await;
    let expected = [
        "asking Wazzup for a change create",
        "Wazzup did it create",
        "a condition changed ActionRequired ScanQr",
        "a QR is shown",
        "a condition changed Connected Active",
        "asking Wazzup for a change delete",
        "Wazzup did it delete",
        "the object is released",
    ];
    // The object is gone a moment before that is in the log.
    eventually("the whole story", PATIENCE, || async {
        let lines = story(&stage, "shop");
        match expected.iter().find(|line| !lines.iter().any(|found| found == *line)) {
            None => Ok(()),
            Some(line) => Err(format!("{line}: {lines:#?}")),
        }
    })
    .await;
    assert!(!stage.log_text().contains(&code), "a QR is in the log");
}

#[tokio::test]
async fn metrics_tell_states_calls_intents_ages_and_limits_and_name_no_object() {
    let stage = Stage::set("metrics", Setting::default()).await;
    stage.channel("waiting", json!({"transport": "viber"})).await;
    stage.until("waiting", "ActionRequired", "True", "ScanQr").await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    for line in [
        r#"wazzup_operator_channels{transport="viber",status="init",action="ScanQr"} 1"#,
        r#"wazzup_operator_channels{transport="telegram",status="active",action=""} 1"#,
        r#"wazzup_operator_api_calls_total{operation="create_channel",outcome="ok"} 2"#,
        r#"wazzup_operator_intents_total{outcome="created"} 2"#,
        "wazzup_operator_connect_seconds_count 1",
        "wazzup_operator_accounts 1",
        "wazzup_operator_open_breakers 0",
        r#"wazzup_operator_limiter_waiting{lane="person"} 0"#,
        "wazzup_operator_leading 1",
    ] {
        until_metric(&stage, line).await;
    }
    for name in [
        "wazzup_operator_webhook_age_seconds_count",
        "wazzup_operator_limiter_wait_seconds_count",
    ] {
        eventually(&format!("{name} to be counted"), PATIENCE, || async {
            let page = metrics(&stage).await;
            let counted = page.lines().filter(|line| line.starts_with(name));
            if counted.filter(|line| !line.ends_with(" 0")).count() > 0 {
                Ok(())
            } else {
                Err(page)
            }
        })
        .await;
    }
    let page = metrics(&stage).await;
    for word in ["waiting\"", "bot\"", &stage.namespace, ACCOUNT, "canary"] {
        assert!(!page.contains(word), "{word} is on the page");
    }
}

#[tokio::test]
async fn a_twin_that_turns_up_after_a_repeated_create_is_told_once_and_left_alone() {
    let stage = Stage::set("twin", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    // What a create that was repeated after a lost answer leaves behind.
    let repeated = json!({"status": {"attempts": {"createRepeated": {"at": jiff::Timestamp::now(), "known": []}}}});
    stage
        .channels()
        .patch_status("bot", &PatchParams::default(), &Patch::Merge(repeated))
        .await
        .unwrap();
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.simulator.clear_journal();
    let twin = stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "telegram", now));
    let found = eventually("the twin to be suspected", PATIENCE, || async {
        let status = stage.channels().get("bot").await.unwrap().status.unwrap();
        let twins = status.attempts.unwrap_or_default().suspected_twins;
        if twins.is_empty() {
            Err(String::new())
        } else {
            Ok(twins)
        }
    })
    .await;
    assert_eq!(found, [twin]);
    until_metric(&stage, "wazzup_operator_suspected_twins_total 1").await;
    eventually("the event", PATIENCE, || async {
        let told = events(&stage, "bot").await;
        let twins: Vec<_> = told.iter().filter(|(_, reason, _)| reason == "SuspectedTwin").collect();
        match twins.as_slice() {
            [(type_, _, 1)] if type_ == "Warning" => Ok(()),
            _ => Err(format!("{told:?}")),
        }
    })
    .await;
    assert!(stage.simulator.journal().writes().is_empty(), "nothing was touched");
    assert_eq!(stage.remote().len(), 2);
}

#[tokio::test]
async fn a_person_at_a_terminal_can_have_the_log_as_text() {
    let mut stage = Stage::set("text", Setting::default()).await;
    stage.kill_operator();
    let log = stage.log.with_extension("text");
    let mut operator = Command::new(env!("CARGO_BIN_EXE_wazzup-operator"))
        .env("KUBECONFIG", &stage.kubeconfig)
        .args(["--log-format", "text", "--leader-elect", "false"])
        .args(["--namespace", &stage.namespace, "--leader-namespace", &stage.namespace])
        .args(["--webhook-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
        .args(["--allowed-api-hosts", &stage.simulator.host()])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    let text = std::fs::read_to_string(&log).unwrap();
    let _ = operator.kill();
    let _ = operator.wait();
    let told = text.lines().find(|line| line.contains("Wazzup did it")).unwrap();
    assert!(
        told.contains("channel=\"bot\"") && told.contains("call=\"create\""),
        "{told}"
    );
    assert!(serde_json::from_str::<Value>(told).is_err());
}
