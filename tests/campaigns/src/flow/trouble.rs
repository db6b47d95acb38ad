//! Flows that begin where something has happened already: a start, a lease, a lost answer, a channel that is gone.

use serde_json::json;
use wazzup_operator::api::condition;

use super::{NAME, bot, connected, log_in, subscribed};
use crate::{Fault, Life, Moment, Rule, Side, oracle};

/// Sees that a running operator has looked at everything: the account's channels and its subscription.
async fn looked(life: &Life) {
    life.wait("a look at the account", || async {
        let journal = life.simulator.journal();
        let seen = [
            journal.count("GET", "/v2/channels"),
            journal.count("GET", "/v2/webhooks"),
        ];
        if seen.iter().all(|count| *count > 0) {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await;
}

/// An active bot and an open login are there when the operator starts: nothing is made again, and the login goes on.
pub(super) async fn start(life: &Life, arm: impl FnOnce()) {
    subscribed(life).await;
    life.bot("bot", "100:canary-bot").await;
    life.channel(NAME, json!({"transport": "whatsapp"})).await;
    life.until_ready("bot").await;
    life.until(NAME, "ActionRequired", "ScanQr").await;
    oracle::assert_one_channel_each(life).await;
    for replica in life.wire.replicas() {
        replica.kill();
    }
    life.simulator.clear_journal();
    arm();
    life.start();
    looked(life).await;
    log_in(life).await;
    connected(life).await;
    let journal = life.simulator.journal();
    let made = journal.writes();
    assert!(made.is_empty(), "a start writes nothing at the service: {made:?}");
}

/// Waits until the process that runs now has renewed the lease.
pub(super) async fn renewed(life: &Life) {
    life.wait("the lease to be renewed", || async {
        if life.wire.newest_did("PUT leases") {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
}

/// The next process leads and works.
pub(super) async fn hand_over(life: &Life, arm: impl FnOnce()) {
    bot(life).await;
    arm();
    for replica in life.wire.replicas() {
        replica.terminate();
    }
    life.wait("the next process", || async {
        if life.starts() > 1 {
            Ok(())
        } else {
            Err("the first one goes on".to_owned())
        }
    })
    .await;
    life.bot("next", "200:canary-next").await;
    life.until_ready("next").await;
    connected(life).await;
}

/// The QR ran out; a fresh one is asked for once, and scanned.
pub(super) async fn qr_idle(life: &Life, arm: impl FnOnce()) {
    subscribed(life).await;
    life.channel(NAME, json!({"transport": "whatsapp"})).await;
    life.until(NAME, "ActionRequired", "ScanQr").await;
    oracle::assert_one_channel_each(life).await;
    arm();
    let id = life.status(NAME).await.channel_id.unwrap_or_default();
    life.simulator
        .with(|world, now| world.set_status(&id, "disabled", Some("qridle"), now))
        .unwrap();
    log_in(life).await;
    connected(life).await;
}

/// A bot whose create's answer is lost with the process.
pub(super) async fn lost_answer(life: &Life) {
    life.start();
    life.account().await;
    looked(life).await;
    let struck = life.wire.struck();
    life.wire.rule(Rule::once(
        Side::Wazzup,
        "POST /v2/channels",
        Fault::Kill(Moment::Between),
    ));
    life.bot(NAME, "100:canary-bot").await;
    // Nobody starts it again before the flow is armed.
    control_plane::eventually("the lost answer", crate::life::PATIENCE, || async {
        let down = life.wire.replicas().iter().all(|replica| !replica.alive());
        if life.wire.struck() > struck && down {
            Ok(())
        } else {
            Err(format!("{:?}", life.wire.messages().last()))
        }
    })
    .await;
}

/// The answer to a create is lost with the process; the next one finds the channel.
pub(super) async fn unresolved(life: &Life, arm: impl FnOnce()) {
    lost_answer(life).await;
    arm();
    connected(life).await;
    let creates = life.simulator.journal().count("POST", "/v2/channels");
    assert_eq!(creates, 1, "what was made is found, not made again");
}

/// A channel that is gone is made again when a person asks for it, once.
pub(super) async fn recreate(life: &Life, arm: impl FnOnce()) {
    life.start();
    life.account().await;
    life.secret("shop-bot", json!({"telegram_token": "100:canary-bot"}))
        .await;
    let spec = json!({
        "transport": "telegram", "credentialsSecretRef": {"name": "shop-bot"}, "externalDeletionPolicy": "Stop",
    });
    life.channel(NAME, spec).await;
    connected(life).await;
    let id = super::ids(life).pop().unwrap_or_default();
    life.simulator
        .with(|world, now| world.delete_in_cabinet(&id, now))
        .unwrap();
    life.until(NAME, "ActionRequired", "ChannelGone").await;
    arm();
    life.annotate(NAME, "recreate-requested-at", "now").await;
    life.wait("the new channel", || async {
        let status = life.status(NAME).await;
        let ready = condition(&status.conditions, "Ready").is_some_and(|one| one.status == "True");
        match &status.channel_id {
            Some(new) if *new != id && ready => Ok(()),
            _ => Err(format!("{status:?}")),
        }
    })
    .await;
    connected(life).await;
}
