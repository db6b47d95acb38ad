//! C6s, the stories of two replicas: partitions, a lease that is edited, orderly ends.

use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use wazzup_operator::api::names;

use super::{
    Scale,
    leadership::{self, leases},
    replicas::{pair, until_led},
    replicas_events,
};
use crate::{Cell, Fault, Ground, Life, Outcome, Rule, Side, oracle, proxy::Message};

type Story = fn(Ground) -> BoxFuture<'static, ()>;

/// Every story; those that are marked are played in every test.
const STORIES: &[(&str, bool, Story)] = &[
    ("the leader is cut from Kubernetes", true, |ground| {
        Box::pin(cut(ground, &[Side::Kubernetes]))
    }),
    ("the leader is cut from Wazzup", false, |ground| {
        Box::pin(cut(ground, &[Side::Wazzup]))
    }),
    ("the leader is cut from both", false, |ground| {
        Box::pin(cut(ground, &[Side::Kubernetes, Side::Wazzup]))
    }),
    ("the other replica is cut from Kubernetes", false, |ground| {
        Box::pin(other_cut(ground))
    }),
    (
        "the leader's renewals take effect and are never answered",
        false,
        |ground| Box::pin(deaf(ground)),
    ),
    ("one renewal is never answered", true, |ground| {
        Box::pin(deaf_once(ground))
    }),
    ("the lease is deleted", false, |ground| {
        Box::pin(edited(ground, None, true))
    }),
    ("the lease is deleted while the leader is cut off", true, |ground| {
        Box::pin(edited_while_cut(ground, None))
    }),
    ("the lease is emptied", false, |ground| {
        Box::pin(edited(ground, Some(json!({"holderIdentity": null})), true))
    }),
    ("the lease is emptied while the leader is cut off", true, |ground| {
        Box::pin(edited_while_cut(ground, Some(json!({"holderIdentity": null}))))
    }),
    ("the lease is given to a third name", false, |ground| {
        Box::pin(edited(ground, Some(json!({"holderIdentity": "somebody"})), true))
    }),
    ("the lease's duration is edited", false, |ground| {
        Box::pin(edited(ground, Some(json!({"leaseDurationSeconds": 5})), true))
    }),
    ("the lease's times are five minutes ahead", false, |ground| {
        Box::pin(edited(ground, Some(times(300)), true))
    }),
    ("the lease's times are five minutes behind", false, |ground| {
        Box::pin(edited(ground, Some(times(-300)), true))
    }),
    ("the lease is labelled", false, |ground| Box::pin(labelled(ground))),
    ("the leader is asked to end during a create", true, |ground| {
        Box::pin(ends_during_a_create(ground))
    }),
    ("events reach the replica that does not lead", true, |ground| {
        Box::pin(replicas_events::events_aside(ground))
    }),
    ("many events reach the replica that does not lead", false, |ground| {
        Box::pin(replicas_events::many_events_aside(ground))
    }),
    ("a replica ends that holds a QR of a create under way", true, |ground| {
        Box::pin(replicas_events::ends_with_an_early_qr(ground))
    }),
    ("the replicas are replaced one after the other", true, |ground| {
        Box::pin(replicas_events::rolled(ground))
    }),
];

/// The cells of the campaign.
pub fn cells(ground: &Ground, scale: Scale) -> Vec<Cell> {
    let wanted = |(.., often, _): &&(&str, bool, Story)| *often || scale == Scale::Full;
    let cell = |(name, _, story): &(&str, bool, Story)| {
        let (ground, story) = (ground.clone(), *story);
        Cell::new("C6s", *name, move || async move {
            story(ground).await;
            Outcome::Passed
        })
    };
    STORIES.iter().filter(wanted).map(cell).collect()
}

fn times(seconds: i64) -> Value {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    json!({"renewTime": format!("{at:.6}"), "acquireTime": format!("{at:.6}")})
}

/// A life whose first bot is connected, and whose other replica knows that somebody leads; its leader.
async fn working(ground: &Ground, name: &str) -> (Life, usize) {
    let life = pair(ground, name).await;
    life.start();
    life.account().await;
    life.bot("first", "100:canary-bot").await;
    life.until_ready("first").await;
    let leader = until_led(&life).await;
    life.wait("the other replica to see the lease", || async {
        let messages = life.wire.messages();
        let sees = |message: &Message| {
            message.label == "GET leases" && message.status == Some(200) && message.replica != Some(leader)
        };
        if messages.iter().any(sees) {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    (life, leader)
}

/// Calm weather, everything connected, one channel each, nothing done by who did not lead.
pub(super) async fn rest(life: &Life, bots: &[&str]) {
    life.wire.calm();
    for bot in bots {
        life.until_ready(bot).await;
    }
    oracle::assert_one_channel_each(life).await;
    leadership::assert_only_the_leader_acted(life);
    oracle::assert_sound(life);
}

fn now(life: &Life) -> usize {
    life.wire.messages().len()
}

/// Waits until a replica has ended with this code once more than `before`.
pub(super) async fn until_ended(life: &Life, replica: usize, before: usize, code: i32) {
    life.wait(&format!("replica {replica} to end"), || async {
        match life.wire.replicas()[replica].ends().get(before) {
            Some(end) if end.code() == Some(code) => Ok(()),
            Some(end) => panic!("replica {replica} ended with {end:?} instead of {code}"),
            None => Err("it lives".to_owned()),
        }
    })
    .await;
}

pub(super) fn ends(life: &Life, replica: usize) -> usize {
    life.wire.replicas()[replica].ends().len()
}

async fn cut(ground: Ground, sides: &[Side]) {
    let (life, leader) = working(&ground, "cut").await;
    let (from, ended) = (now(&life), ends(&life, leader));
    for side in sides {
        life.wire.cut(*side, Some(leader));
    }
    life.bot("second", "200:canary-bot").await;
    if sides.contains(&Side::Kubernetes) {
        leadership::until_another_leads(&life, leader, from).await;
        until_ended(&life, leader, ended, 1).await;
        life.until_ready("second").await;
    } else {
        // Nobody else may help: the lease is held. What was tried is known to come from the leader.
        life.wait("a try that does not get through", || async {
            let messages = life.wire.messages();
            let tried = messages[from..]
                .iter()
                .any(|message| message.side == Side::Wazzup && message.replica == Some(leader));
            if tried { Ok(()) } else { Err("none".to_owned()) }
        })
        .await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(ends(&life, leader), ended, "the leader leads on");
    }
    rest(&life, &["first", "second"]).await;
}

async fn other_cut(ground: Ground) {
    let (life, leader) = working(&ground, "othercut").await;
    let other = 1 - leader;
    life.wire.cut(Side::Kubernetes, Some(other));
    life.bot("second", "200:canary-bot").await;
    life.until_ready("second").await;
    tokio::time::sleep(Duration::from_secs(35)).await;
    assert_eq!(ends(&life, other) + ends(&life, leader), 0, "nobody had to end");
    rest(&life, &["first", "second"]).await;
}

async fn deaf(ground: Ground) {
    let (life, leader) = working(&ground, "deaf").await;
    let (from, ended) = (now(&life), ends(&life, leader));
    let stall = Fault::StallAnswer(Duration::from_secs(60));
    life.wire
        .rule(Rule::always(Side::Kubernetes, "PUT leases", stall).only(leader));
    until_ended(&life, leader, ended, 1).await;
    life.bot("second", "200:canary-bot").await;
    leadership::until_another_leads(&life, leader, from).await;
    rest(&life, &["first", "second"]).await;
}

async fn deaf_once(ground: Ground) {
    let (life, leader) = working(&ground, "deafonce").await;
    let stall = Fault::StallAnswer(Duration::from_secs(60));
    life.wire
        .rule(Rule::once(Side::Kubernetes, "PUT leases", stall).only(leader));
    life.wait("the stall", || async {
        if life.wire.struck() > 0 {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(ends(&life, leader), 0, "one lost answer costs no leader");
    life.bot("second", "200:canary-bot").await;
    rest(&life, &["first", "second"]).await;
}

/// By hand: deletes the lease, or changes what it says.
async fn edit(life: &Life, spec: Option<Value>) {
    match spec {
        None => {
            leases(life)
                .delete(names::LEASE, &DeleteParams::default())
                .await
                .unwrap();
        }
        Some(spec) => patch(life, json!({"spec": spec})).await,
    }
}

async fn patch(life: &Life, patch: Value) {
    let patched: Result<Lease, _> = leases(life)
        .patch(names::LEASE, &PatchParams::default(), &Patch::Merge(patch))
        .await;
    patched.unwrap();
}

async fn edited(ground: Ground, spec: Option<Value>, stops: bool) {
    let (life, leader) = working(&ground, "edited").await;
    let ended = ends(&life, leader);
    edit(&life, spec).await;
    life.bot("second", "200:canary-bot").await;
    if stops {
        until_ended(&life, leader, ended, 1).await;
    }
    life.until_ready("second").await;
    rest(&life, &["first", "second"]).await;
}

/// The leader cannot know: its successor must wait for as long as the leader may go on.
async fn edited_while_cut(ground: Ground, spec: Option<Value>) {
    let (life, leader) = working(&ground, "blind").await;
    let (from, ended) = (now(&life), ends(&life, leader));
    life.wire.cut(Side::Kubernetes, Some(leader));
    let cut = std::time::Instant::now();
    edit(&life, spec).await;
    life.bot("second", "200:canary-bot").await;
    leadership::until_another_leads(&life, leader, from).await;
    let messages = life.wire.messages();
    let taken = messages[from..]
        .iter()
        .find(|message| {
            let write = message.label.ends_with(" leases") && !message.label.starts_with("GET");
            write && message.status.is_some() && message.replica != Some(leader)
        })
        .unwrap();
    // The leader goes on for 24 s after its last renewal, which was at most 3 s and a look before.
    let waited = taken.at.duration_since(cut);
    assert!(waited > Duration::from_secs(24), "another one led after {waited:?}");
    until_ended(&life, leader, ended, 1).await;
    rest(&life, &["first", "second"]).await;
}

async fn labelled(ground: Ground) {
    let (life, leader) = working(&ground, "labelled").await;
    for value in ["a", "b", "c"] {
        patch(&life, json!({"metadata": {"labels": {"by-hand": value}}})).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    life.bot("second", "200:canary-bot").await;
    life.until_ready("second").await;
    assert_eq!(ends(&life, leader), 0, "a label is nobody's business");
    rest(&life, &["first", "second"]).await;
}

async fn ends_during_a_create(ground: Ground) {
    let (life, leader) = working(&ground, "ending").await;
    let ended = ends(&life, leader);
    life.wire.rule(Rule::once(
        Side::Wazzup,
        "POST /v2/channels",
        Fault::DelayAnswer(Duration::from_secs(10)),
    ));
    life.bot("second", "200:canary-bot").await;
    life.wait("the create on its way", || async {
        if life.wire.struck() > 0 {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    life.retire(leader, true);
    let from = now(&life);
    life.wire.replicas()[leader].terminate();
    life.bot("third", "300:canary-bot").await;
    until_ended(&life, leader, ended, 0).await;
    leadership::until_another_leads(&life, leader, from).await;
    let messages = life.wire.messages();
    let of = |replica: usize, label: &'static str| {
        let of = messages[from..].iter();
        of.filter(move |message| message.replica == Some(replica) && message.label == label)
    };
    assert!(of(leader, "PATCH wazzupchannels").count() > 0, "the id was stored");
    assert_eq!(of(leader, "POST /v2/channels").count(), 0, "nothing new was started");
    let handed = of(leader, "PUT leases").next_back().unwrap().at;
    let taken = of(1 - leader, "PUT leases").next().unwrap().at;
    let waited = taken.duration_since(handed);
    assert!(waited < Duration::from_secs(20), "taken over after {waited:?} only");
    life.retire(leader, false);
    rest(&life, &["first", "second", "third"]).await;
    let creates = life.simulator.journal().count("POST", "/v2/channels");
    assert_eq!(creates, 3, "one create each");
}
