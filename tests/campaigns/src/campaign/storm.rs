//! C12: everything at once by chance, on both sides, then calm weather. One channel for each object; what a doubled create
//! has made besides is told, not orphaned in silence.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kube::api::{Patch, PatchParams};
use serde_json::json;
use wazzup_operator::api::names;
use wazzup_simulator::world::Channel;

use super::Scale;
use crate::{
    Cell, Chance, Fault, Ground, Life, Moment, Outcome, Rule, Setting, Side,
    crowd::Crowd,
    oracle,
    proxy::{Reply, WatchFault, Which},
};

/// Seeds of the whole campaign.
const SEEDS: u64 = 200;
/// Seeds in a test.
const TEST_SEEDS: u64 = 5;
/// How many objects there are.
const OBJECTS: (usize, usize) = (6, 12);
/// How long the storm lasts, and in a test.
const STORM: Duration = Duration::from_secs(30);
const TEST_STORM: Duration = Duration::from_secs(12);
/// How long a weather lasts before the next.
const WEATHER: Duration = Duration::from_millis(1_500);
/// How many rules a weather has.
const RULES: (usize, usize) = (1, 5);
/// Longer than pauses and breakers have grown to in such a storm, and than the wait for a QR whose event was lost.
const PATIENCE: Duration = Duration::from_secs(480);
/// A storm that struck less often was none: on a crowded machine it goes on until it has, for so long at most.
const LEAST: usize = 10;
const LONGEST: Duration = Duration::from_secs(90);
/// So many objects' states are asked for in each weather.
const ASKED: usize = 3;

const READS: [&str; 2] = ["GET ", "LIST "];
const WRITES: [&str; 4] = ["POST ", "PATCH ", "PUT ", "DELETE "];

fn refusal(code: u16, reason: &str) -> Reply {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "storm", "reason": reason, "code": code,
    });
    Reply::json(code, &status.to_string())
}

/// What can happen to any message.
fn common(chance: &mut Chance) -> Fault {
    let short = Duration::from_millis(100 * u64::try_from(chance.between(1, 40)).unwrap_or(1));
    match chance.below(9) {
        0 => Fault::Delay(short),
        1 => Fault::DelayAnswer(short),
        2 => Fault::Stall(short),
        3 => Fault::StallAnswer(short),
        4 => Fault::ResetBefore,
        5 => Fault::ResetAfter,
        6 => Fault::Truncate,
        7 => Fault::Kill(*chance.pick(&Moment::ALL)),
        _ => Fault::Stop(*chance.pick(&Moment::ALL)),
    }
}

fn kubernetes(chance: &mut Chance) -> (&'static str, Fault) {
    if chance.percent(15) {
        let harm = match chance.below(5) {
            0 => WatchFault::Lag(Duration::from_secs(1)),
            1 => WatchFault::Repeat,
            2 => WatchFault::Swap,
            3 => WatchFault::CloseAfter(Duration::from_secs(1)),
            _ => WatchFault::Gone,
        };
        return ("WATCH ", Fault::Watch(harm));
    }
    let write = chance.percent(65);
    let verb = *chance.pick(if write { &WRITES[..] } else { &READS });
    let fault = match (chance.below(4), write) {
        (0, true) => match chance.below(4) {
            0 => Fault::Answer(refusal(409, "Conflict")),
            1 => Fault::AnswerAfter(refusal(409, "Conflict")),
            2 => Fault::AnswerAfter(refusal(500, "InternalError")),
            _ => Fault::Replay,
        },
        (1, _) => match chance.below(3) {
            0 => Fault::Answer(refusal(500, "InternalError")),
            1 => Fault::Answer(refusal(503, "ServiceUnavailable")),
            _ => Fault::Answer(refusal(429, "TooManyRequests").with("retry-after", "1")),
        },
        _ => common(chance),
    };
    (verb, fault)
}

fn wazzup(chance: &mut Chance) -> (&'static str, Fault) {
    let verb = *chance.pick(&["GET ", "POST ", "POST ", "PATCH ", "DELETE "]);
    let garbled = |reply: &mut Reply| reply.body = b"<html>bad gateway</html>".to_vec();
    let fault = match chance.below(12) {
        0 => Fault::Answer(Reply::json(500, "{}")),
        1 => Fault::Answer(Reply::json(503, "{}").with("retry-after", "1")),
        2 => Fault::Answer(Reply::json(429, "{}").with("retry-after", "1")),
        3 => Fault::AnswerAfter(Reply::json(502, "{}")),
        4 => Fault::Rewrite(Arc::new(garbled)),
        5 => Fault::Replay,
        6 => Fault::Drip,
        7 => Fault::Endless,
        _ => common(chance),
    };
    (verb, fault)
}

/// Some rules for both sides; replicas that stand still go on.
fn change(life: &Life, chance: &mut Chance) {
    life.wire.calm();
    for replica in life.wire.replicas() {
        replica.resume();
    }
    for _ in 0..chance.between(RULES.0, RULES.1) {
        let side = *chance.pick(&[Side::Kubernetes, Side::Wazzup]);
        let (verb, fault) = match side {
            Side::Kubernetes => kubernetes(chance),
            Side::Wazzup => wazzup(chance),
        };
        life.wire.rule(Rule {
            side: Some(side),
            which: Which::Prefix(verb.to_owned()),
            skip: chance.below(4),
            times: chance.between(1, 3),
            fault,
            struck: 0,
            replica: None,
        });
    }
    if chance.percent(10) {
        life.wire.cut(*chance.pick(&[Side::Kubernetes, Side::Wazzup]), None);
    }
    let copies = *chance.pick(&[0, 1, 1, 1, 2]);
    life.simulator.set_webhook_copies(copies);
}

/// People ask for the newest state, so that calls are made which the weather can strike: what works is silent otherwise.
async fn ask_anew(life: &Life, names: &[&String], chance: &mut Chance) {
    for _ in 0..ASKED.min(names.len()) {
        let (name, value) = (*chance.pick(names), format!("again-{}", chance.below(1 << 30)));
        let patch = json!({"metadata": {"annotations": {names::SYNC_REQUESTED: value}}});
        // It may be gone by now.
        let _ = (life.channels())
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
    }
}

async fn storm(ground: &Ground, mut chance: Chance, lasts: Duration) -> Outcome {
    let size = chance.between(OBJECTS.0, OBJECTS.1);
    let crowd = Crowd::of(size, &mut chance);
    let setting = Setting {
        patience: PATIENCE,
        ..Setting::default()
    };
    let life = Life::begin(ground, "storm", setting).await;
    life.account().await;
    life.start();
    let begun = Instant::now();
    change(&life, &mut chance);
    crowd.apply(&life).await;
    let mut since = Instant::now();
    while begun.elapsed() < lasts || (life.wire.struck() < LEAST && begun.elapsed() < LONGEST) {
        life.tend();
        let objects = crowd.round(&life, false).await;
        if since.elapsed() > WEATHER {
            change(&life, &mut chance);
            let names: Vec<&String> = objects.keys().collect();
            ask_anew(&life, &names, &mut chance).await;
            since = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    life.wire.calm();
    life.simulator.set_webhook_copies(1);
    for replica in life.wire.replicas() {
        replica.resume();
    }
    let besides = crowd.settle(&life, PATIENCE).await;
    assert_eq!(crowd.swapped(&life).await, Vec::<String>::new(), "{}", life.log_text());
    crowd.assert_deleted_only_what_left(&life);
    told(&life, &crowd, &besides).await;
    oracle::assert_intent_before_create(&life, size);
    oracle::assert_status_is_true(&life).await;
    oracle::assert_sound(&life);
    oracle::assert_quiet(&life).await;
    let struck = life.wire.struck();
    if struck >= LEAST {
        Outcome::Passed
    } else {
        Outcome::Skipped(format!("the storm struck only {struck} times"))
    }
}

/// What nobody holds came from creates that arrived twice, one from each, and the account lists it for people.
async fn told(life: &Life, crowd: &Crowd, besides: &[Channel]) {
    if besides.is_empty() {
        return;
    }
    let messages = life.wire.messages();
    // The second one may be refused, as a code that serves once is: the operator hears of that one alone.
    let doubled = messages.iter().filter(|message| {
        let taken = message.truth.is_some();
        taken && message.label == "POST /v2/channels" && message.fault.as_deref() == Some("Replay")
    });
    let doubled = doubled.count();
    assert!(
        besides.len() <= doubled,
        "{doubled} creates arrived twice, people chose {} times, and nobody holds {:?}\n{}",
        crowd.choices(),
        besides.iter().map(|one| crowd.describe(one)).collect::<Vec<_>>(),
        life.log_text()
    );
    let besides: Vec<&String> = besides.iter().map(|one| &one.id).collect();
    life.wait("what nobody holds to be told", || async {
        let status = life.accounts().get("default").await.unwrap().status.unwrap_or_default();
        let listed: Vec<String> = status.unmanaged_channels.into_iter().map(|one| one.id).collect();
        if besides.iter().all(|id| listed.contains(*id)) {
            Ok(())
        } else {
            Err(format!("besides {besides:?}, told {listed:?}"))
        }
    })
    .await;
}

/// The cells of the campaign.
pub fn cells(ground: &Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let (seeds, lasts) = match scale {
        Scale::Test => (TEST_SEEDS, TEST_STORM),
        Scale::Full => (SEEDS, STORM),
    };
    (0..seeds)
        .map(|number| {
            let (ground, chance) = (ground.clone(), Chance::of(seed, number));
            let cell = Cell::new("C12", format!("seed {seed}, storm {number}"), move || async move {
                storm(&ground, chance, lasts).await
            });
            // It waits for its own rests first, which say what is missing.
            cell.within(Duration::from_secs(1_500))
        })
        .collect()
}
