//! One account's trouble: how the operator treats it, and that no other account feels it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use kube::{ResourceExt, api::PostParams};
use serde_json::json;
use stage::{PATIENCE, Setting, Stage};
use wazzup_operator::api::names;
use wazzup_simulator::{Effect, Fault, Options, Simulator};

struct Operator(Child);

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An operator that may call both services, with few slots.
fn operator(stage: &Stage, other: &Simulator, concurrency: &str) -> Operator {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&stage.log)
        .unwrap();
    let operator = Command::new(env!("CARGO_BIN_EXE_wazzup-operator"))
        .env("KUBECONFIG", &stage.kubeconfig)
        .env("RUST_LOG", "info,wazzup_operator=trace")
        .args(["--namespace", &stage.namespace, "--leader-namespace", &stage.namespace])
        .args(["--leader-elect", "false", "--concurrency", concurrency])
        .args(["--webhook-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
        .args([
            "--allowed-api-hosts",
            &format!("{},{}", stage.simulator.host(), other.host()),
        ])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    Operator(operator)
}

async fn account(stage: &Stage, name: &str, url: &str, token_key: &str, interval: &str) {
    let account = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": name},
        "spec": {
            "auth": {"clientToken": {"secretRef": {"name": "tokens", "key": token_key}}},
            "apiUrl": url, "sync": {"interval": interval},
        },
    });
    let account = serde_json::from_value(account).unwrap();
    stage.accounts().create(&PostParams::default(), &account).await.unwrap();
}

async fn bots(stage: &Stage, account: &str, prefix: &str, count: usize) {
    for number in 0..count {
        let (name, secret) = (format!("{prefix}{number}"), format!("{prefix}{number}-bot"));
        stage
            .secret(&secret, json!({"telegram_token": format!("1{number}:canary-{prefix}")}))
            .await;
        let spec = json!({
            "transport": "telegram", "credentialsSecretRef": {"name": secret}, "accountRef": {"name": account},
        });
        stage.channel(&name, spec).await;
    }
}

/// How long five new bots of the healthy account take.
async fn newcomers(stage: &Stage, prefix: &str) -> Duration {
    let begun = Instant::now();
    bots(stage, "healthy", prefix, 5).await;
    for number in 0..5 {
        stage.until_active(&format!("{prefix}{number}")).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn an_account_whose_service_hangs_slows_no_other_account() {
    let mut stage = Stage::set_without_account("neighbours", &Setting::default()).await;
    stage.kill_operator();
    let sick = Simulator::start(Options::default()).await;
    sick.with(|world, _| world.add_account("11112222", "canary-sick-token"));
    stage
        .secret("tokens", json!({"healthy": stage::TOKEN, "sick": "canary-sick-token"}))
        .await;
    account(&stage, "healthy", &stage.simulator.url(), "healthy", "10s").await;
    account(&stage, "sick", &sick.url(), "sick", "10m").await;
    let _operator = operator(&stage, &sick, "4");
    stage.until_account("healthy", "Ready", "True", "Listed").await;
    stage.until_account("sick", "Ready", "True", "Listed").await;
    let calm = newcomers(&stage, "calm").await;
    // From now on every answer of the sick account's service takes longer than any call may.
    sick.fault(Fault::always("GET", "/", Effect::Slow(Duration::from_secs(60))));
    sick.fault(Fault::always("POST", "/", Effect::Slow(Duration::from_secs(60))));
    bots(&stage, "sick", "sick", 12).await;
    control_plane::eventually("a create to hang", PATIENCE, || async {
        let channels = stage.channels().list(&kube::api::ListParams::default()).await.unwrap();
        let under_way = channels
            .iter()
            .any(|one| one.annotations().contains_key(names::CREATE_INTENT));
        if under_way { Ok(()) } else { Err(String::new()) }
    })
    .await;
    // One that waits for the account that hangs waits for the deadline of a call, 20 s and more, each time; a machine that is
    // busy with something else is so for once.
    let mut troubled = Vec::new();
    for round in 0..3 {
        troubled.push(newcomers(&stage, &format!("troubled{round}-")).await);
        if troubled[round] < calm * 2 + Duration::from_secs(5) {
            return;
        }
    }
    panic!("five bots of a healthy account: {calm:?} in calm weather, {troubled:?} beside an account that hangs");
}

#[tokio::test]
async fn a_throttled_account_waits_as_long_as_it_was_told_and_nothing_flaps() {
    let stage = Stage::set("throttled", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    let before = stage.until_active("bot").await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.until_listed(1).await;
    let throttle = Effect::Status {
        code: 429,
        retry_after: Some(8),
        body: json!({"code": "TOO_MANY_REQUESTS"}).to_string(),
    };
    stage.simulator.clear_journal();
    stage.simulator.fault(Fault {
        times: 1,
        ..Fault::always("GET", "/v2/channels", throttle)
    });
    control_plane::eventually("a list after the throttled one", PATIENCE, || async {
        let journal = stage.simulator.journal();
        match journal.matching("GET", "/v2/channels").as_slice() {
            [first, .., last] if first.status == 429 && last.status == 200 => Ok(()),
            other => Err(format!("{}", other.len())),
        }
    })
    .await;
    let journal = stage.simulator.journal();
    let all: Vec<u64> = journal.requests.iter().map(|entry| entry.at).collect();
    let throttled = journal.requests.iter().position(|entry| entry.status == 429).unwrap();
    let pause = all[throttled + 1] - all[throttled];
    assert!(pause >= 7_900, "told 8 s, waited {pause} ms");
    let after = stage.channels().get("bot").await.unwrap();
    assert_eq!(after.status, before.status, "nothing flaps");
}

#[tokio::test]
async fn a_service_that_fails_again_and_again_is_asked_ever_more_rarely() {
    let stage = Stage::set("failing", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    stage.simulator.clear_journal();
    let down = Effect::Status {
        code: 503,
        retry_after: None,
        body: "<html>down</html>".to_owned(),
    };
    stage.simulator.fault(Fault::always("GET", "/", down));
    stage.until("bot", "Synced", "Unknown", "CannotLook").await;
    stage.until_account("default", "Ready", "Unknown", "CannotLook").await;
    let ready = stage.until_active("bot").await;
    assert!(ready.status.unwrap().channel_id.is_some(), "what was known stands");
    control_plane::eventually("five failed lists", PATIENCE, || async {
        let failed = stage.simulator.journal().matching("GET", "/v2/channels").len();
        if failed >= 5 { Ok(()) } else { Err(failed.to_string()) }
    })
    .await;
    let journal = stage.simulator.journal();
    let at: Vec<u64> = journal
        .matching("GET", "/v2/channels")
        .iter()
        .map(|entry| entry.at)
        .collect();
    assert!(at[4] - at[0] >= 12_000, "after pauses of 1, 2, 4 and 8 s: {at:?}");
    stage.simulator.clear_faults();
    stage.until("bot", "Synced", "True", "Synced").await;
}

#[tokio::test]
async fn told_to_end_the_operator_ends_in_time_though_a_service_hangs() {
    let mut stage = Stage::set_without_account("ending", &Setting::default()).await;
    stage.kill_operator();
    let sick = Simulator::start(Options::default()).await;
    sick.with(|world, _| world.add_account("11112222", "canary-sick-token"));
    stage.secret("tokens", json!({"sick": "canary-sick-token"})).await;
    account(&stage, "sick", &sick.url(), "sick", "10m").await;
    let mut operator = operator(&stage, &sick, "4");
    stage.until_account("sick", "Ready", "True", "Listed").await;
    sick.fault(Fault::always("GET", "/", Effect::Slow(Duration::from_secs(60))));
    sick.fault(Fault::always("POST", "/", Effect::Slow(Duration::from_secs(60))));
    bots(&stage, "sick", "sick", 12).await;
    control_plane::eventually("a create to hang", PATIENCE, || async {
        let channels = stage.channels().list(&kube::api::ListParams::default()).await.unwrap();
        let under_way = channels
            .iter()
            .any(|one| one.annotations().contains_key(names::CREATE_INTENT));
        if under_way { Ok(()) } else { Err(String::new()) }
    })
    .await;
    let begun = Instant::now();
    let told = Command::new("kill")
        .args(["-TERM", &operator.0.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success());
    let ended = control_plane::eventually("the operator to end", PATIENCE, || {
        let ended = operator.0.try_wait().unwrap();
        async move { ended.ok_or_else(String::new) }
    })
    .await;
    assert!(ended.success(), "{ended:?}");
    // The manifest's terminationGracePeriodSeconds.
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
}
