//! Stories of C6s about events: they reach the replica that does not lead, or one that is asked to end.

use std::time::Duration;

use serde_json::json;

use super::{
    leadership,
    replicas::{pair, until_led},
    replicas_stories::{ends, rest, until_ended},
};
use crate::{
    Fault, Flow, Ground, Life, Rule, Setting, Side, flow,
    life::{ACCOUNT, PATIENCE},
};

async fn ready(life: &Life, replica: usize) -> bool {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http.get(format!("{}/readyz", life.pages_url(replica))).send().await;
    asked.is_ok_and(|answer| answer.status().as_u16() == 200)
}

async fn until_is_ready(life: &Life, replica: usize) {
    let what = format!("replica {replica} to be ready");
    control_plane::eventually(&what, PATIENCE, || async {
        if ready(life, replica).await {
            Ok(())
        } else {
            Err("not ready".to_owned())
        }
    })
    .await;
}

/// A login from the QR to the password, whose every event goes to the replica that does not lead.
pub(super) async fn events_aside(ground: Ground) {
    let life = pair(&ground, "aside").await;
    life.start();
    let leader = until_led(&life).await;
    let other = 1 - leader;
    for replica in [leader, other] {
        until_is_ready(&life, replica).await;
    }
    life.front().only(Some(other));
    flow::play(&life, Flow::TwoFactor, || {}).await;
    let by = |replica: usize, labels: &[&str]| {
        let messages = life.wire.messages();
        let of = messages.iter();
        of.filter(|message| message.replica == Some(replica) && labels.contains(&message.label.as_str()))
            .count()
    };
    let sinks = ["POST configmaps", "PATCH configmaps"];
    assert!(by(other, &sinks) > 0, "who receives a QR shows it");
    assert_eq!(by(leader, &sinks), 0);
    assert!(
        by(other, &["PATCH wazzupaccounts"]) > 0,
        "the leader is told of the rest"
    );
    leadership::assert_only_the_leader_acted(&life);
}

/// An account whose list comes once an hour, with its subscription.
async fn by_events_alone(life: &Life) {
    life.secret("wazzup-token", json!({"token": crate::life::TOKEN})).await;
    let auth = json!({"clientToken": {"secretRef": {"name": "wazzup-token", "key": "token"}}});
    life.account_with(json!({"auth": auth, "apiUrl": life.wazzup, "sync": {"interval": "1h"}}))
        .await;
    life.until_subscribed().await;
}

async fn until_told(life: &Life, name: &str, state: &str) {
    life.wait(&format!("{name} to be told {state}"), || async {
        let status = life.status(name).await;
        if status.status.as_deref() == Some(state) {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
}

/// A change that comes within a second of another one is told as well: the leader has no other way to it within its interval.
pub(super) async fn many_events_aside(ground: Ground) {
    let life = pair(&ground, "many").await;
    life.start();
    let leader = until_led(&life).await;
    by_events_alone(&life).await;
    life.bot("first", "100:canary-bot").await;
    life.bot("second", "200:canary-bot").await;
    life.until_ready("first").await;
    life.until_ready("second").await;
    life.front().only(Some(1 - leader));
    let id = |status: wazzup_operator::api::WazzupChannelStatus| status.channel_id.unwrap_or_default();
    let ids = [id(life.status("first").await), id(life.status("second").await)];
    for channel in &ids {
        life.simulator
            .with(|world, now| world.set_status(channel, "disabled", Some("blocked"), now))
            .unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    for name in ["first", "second"] {
        until_told(&life, name, "disabled").await;
    }
    leadership::assert_only_the_leader_acted(&life);
}

/// The QR's event comes before the answer to its create, to a replica that is asked to end then.
pub(super) async fn ends_with_an_early_qr(ground: Ground) {
    let life = pair(&ground, "early").await;
    life.start();
    let leader = until_led(&life).await;
    let other = 1 - leader;
    life.account().await;
    life.until_subscribed().await;
    life.front().only(Some(other));
    life.wire.rule(Rule::once(
        Side::Wazzup,
        "POST /v2/channels",
        Fault::DelayAnswer(Duration::from_secs(6)),
    ));
    life.channel(flow::NAME, json!({"transport": "whatsapp"})).await;
    life.wait("the early QR", || async {
        let sent = life.simulator.journal().webhooks;
        let came = sent
            .iter()
            .any(|sent| sent.status == Some(200) && sent.body.to_string().contains("qr"));
        if came { Ok(()) } else { Err(format!("{sent:?}")) }
    })
    .await;
    life.retire(other, true);
    life.wire.replicas()[other].terminate();
    until_ended(&life, other, 0, 0).await;
    let shown = life.config_maps().get_opt("shop-qr").await.unwrap();
    assert!(shown.is_some(), "the QR is in its sink before its receiver is gone");
    life.retire(other, false);
    life.front().only(None);
    life.until(flow::NAME, "ActionRequired", "ScanQr").await;
    until_scanned(&life, flow::NAME).await;
    rest(&life, &[flow::NAME]).await;
}

/// A person scans what a channel's sink shows, once something is shown.
async fn until_scanned(life: &Life, name: &str) {
    let id = life.status(name).await.channel_id.unwrap_or_default();
    life.wait("a scan of what is shown", || async {
        if life.scan(&id, "79990000001") {
            Ok(())
        } else {
            Err("nothing is shown".to_owned())
        }
    })
    .await;
}

/// Waits until so many QR codes were written into the sink.
async fn until_shown(life: &Life, codes: usize) {
    life.wait("events that come all the time", || async {
        match shown(life) {
            enough if enough >= codes => Ok(()),
            few => Err(format!("{few} of {codes}")),
        }
    })
    .await;
}

/// How often a QR was written into its sink.
fn shown(life: &Life) -> usize {
    let messages = life.wire.messages();
    messages
        .iter()
        .filter(|message| matches!(message.label.as_str(), "POST configmaps" | "PATCH configmaps"))
        .filter(|message| message.status.is_some())
        .count()
}

/// A new replica, then an old one less, twice, while events come all the time: each is answered 200 at its first try.
pub(super) async fn rolled(ground: Ground) {
    let mut setting = Setting {
        replicas: 3,
        leader_elect: true,
        ..Setting::default()
    };
    // A QR rotates every few seconds.
    setting.timings.qr = 3_000;
    setting.timings.qr_count = 1_000;
    let life = Life::begin(&ground, "rolled", setting).await;
    // A write that the API server is slow with is answered late, and not a second try's fault.
    life.simulator.set_webhook_patience(PATIENCE);
    life.retire(2, true);
    life.front().shut(2, true);
    for replica in [0, 1] {
        life.start_replica(replica);
    }
    by_events_alone(&life).await;
    life.bot("steady", "300:canary-bot").await;
    life.until_ready("steady").await;
    let steady = life.status("steady").await.channel_id.unwrap_or_default();
    let states = [("disabled", Some("blocked")), ("active", None)];
    life.channel("waiting", json!({"transport": "whatsapp"})).await;
    life.until("waiting", "ActionRequired", "ScanQr").await;
    for (number, (young, old)) in [(2, 0), (0, 1)].into_iter().enumerate() {
        life.start_replica(young);
        life.retire(young, false);
        until_is_ready(&life, young).await;
        life.front().shut(young, false);
        until_shown(&life, 3 * (number + 1)).await;
        life.retire(old, true);
        let ended = ends(&life, old);
        life.wire.replicas()[old].terminate();
        let bot = format!("bot{number}");
        life.bot(&bot, &format!("{number}00:canary-bot")).await;
        // A change at the service while the receivers change; no list comes within the hour.
        let (state, reason) = states[number];
        life.simulator
            .with(|world, now| world.set_status(&steady, state, reason, now))
            .unwrap();
        // A Service goes on sending to it for a moment, and no longer.
        until_shown(&life, shown(&life) + 1).await;
        life.front().shut(old, true);
        until_ended(&life, old, ended, 0).await;
        until_told(&life, "steady", state).await;
        life.until_ready(&bot).await;
    }
    life.wait("events enough", || async {
        match life.simulator.journal().webhooks.len() {
            11.. => Ok(()),
            few => Err(few.to_string()),
        }
    })
    .await;
    until_scanned(&life, "waiting").await;
    rest(&life, &["steady", "waiting", "bot0", "bot1"]).await;
    let journal = life.simulator.journal();
    let lost: Vec<_> = journal
        .webhooks
        .iter()
        .filter(|sent| sent.status != Some(200) || sent.tries > 1)
        .collect();
    let (sent, qrs) = (journal.webhooks.len(), shown(&life));
    assert!(sent > 10 && qrs > 5, "{sent} events were sent and {qrs} codes shown");
    assert!(lost.is_empty(), "{lost:#?}");
    let remote = life.simulator.with(|world, _| world.channels_of(ACCOUNT).len());
    assert_eq!(remote, 4);
}
