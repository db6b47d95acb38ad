//! What must hold when a life comes to rest, whatever was done to it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kube::{ResourceExt, api::ListParams};
use wazzup_operator::api::{condition, names};

use crate::{Life, Side, proxy::label};

/// How long nothing may be written when everything is at rest: longer than a list interval.
const QUIET: Duration = Duration::from_secs(15);

/// How long a call to the API server may be held.
const LONGEST_CALL: Duration = Duration::from_secs(40);
/// How often one thing may be asked of the API server within such a time.
const HAMMERED: [(Duration, usize); 3] = [
    (Duration::from_secs(1), 8),
    (Duration::from_secs(10), 25),
    (Duration::from_secs(60), 50),
];
/// The same, where a watch was harmed: one that is a second late brings the events of all writes of that second at once, and
/// each is a pass with a view that is behind.
const HAMMERED_BY_WATCHES: [(Duration, usize); 3] = [(Duration::from_secs(1), 12), HAMMERED[1], HAMMERED[2]];
/// The same, of the service: each event is a look, and a login that takes people minutes takes the flows a second.
const HAMMERED_WAZZUP: [(Duration, usize); 3] = [
    (Duration::from_secs(1), 16),
    (Duration::from_secs(10), 40),
    (Duration::from_secs(60), 50),
];

/// I1, I2: each channel at the service is held by exactly one object, each connected object holds one that lives, and
/// no create is left open.
pub async fn assert_one_channel_each(life: &Life) {
    life.wait(
        "each object to hold one channel, and each channel to be held",
        || async {
            let objects = life.channels().list(&ListParams::default()).await.unwrap().items;
            let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for object in &objects {
                if object.annotations().contains_key(names::CREATE_INTENT) {
                    return Err(format!("{}: a create is still open", object.name_any()));
                }
                let id = object.status.as_ref().and_then(|status| status.channel_id.clone());
                held.entry(id.unwrap_or_default()).or_default().push(object.name_any());
            }
            let remote: Vec<String> = life.remote().into_iter().map(|channel| channel.id).collect();
            if held.values().any(|objects| objects.len() != 1) || held.contains_key("") {
                return Err(format!("held: {held:?}, at the service: {remote:?}"));
            }
            let mut ids: Vec<String> = held.keys().cloned().collect();
            ids.sort();
            let mut there = remote.clone();
            there.sort();
            if ids == there {
                Ok(())
            } else {
                Err(format!("held: {held:?}, at the service: {remote:?}"))
            }
        },
    )
    .await;
}

/// I3: nothing was deleted at the service but what `allowed` names.
pub fn assert_deleted_only(life: &Life, allowed: &[String]) {
    let journal = life.simulator.journal();
    for entry in journal.matching("DELETE", "/v2/channels/") {
        let id = entry.path.trim_start_matches("/v2/channels/");
        assert!(
            allowed.iter().any(|one| one == id),
            "{id} was deleted, allowed: {allowed:?}"
        );
    }
}

/// I4: at rest nothing is written, on either side.
pub async fn assert_quiet(life: &Life) {
    life.wait("a quiet time", || async {
        let before = life.wire.steps().len();
        tokio::time::sleep(QUIET).await;
        let after = life.wire.steps();
        if after.len() == before {
            Ok(())
        } else {
            Err(format!("{:?}", &after[before..]))
        }
    })
    .await;
}

/// I5: an object is ready exactly when its channel is active at the service.
pub async fn assert_status_is_true(life: &Life) {
    life.wait("a true status", || async {
        for object in life.channels().list(&ListParams::default()).await.unwrap().items {
            let status = object.status.clone().unwrap_or_default();
            let ready = condition(&status.conditions, "Ready").is_some_and(|one| one.status == "True");
            let id = status.channel_id.clone().unwrap_or_default();
            let active = life
                .simulator
                .with(|world, _| world.channel(&id).is_some_and(|channel| channel.status == "active"));
            if ready != active || status.observed_generation != object.metadata.generation {
                return Err(format!("{}: active {active}, {status:?}", object.name_any()));
            }
        }
        Ok(())
    })
    .await;
}

/// I10: no panic, no defect, and no end but those that were brought about.
pub fn assert_sound(life: &Life) {
    let log = life.log_text();
    for word in ["panicked", "internal error", "a defect of the operator"] {
        if let Some(line) = log.lines().find(|line| line.contains(word)) {
            panic!("{}: {line}", life.namespace);
        }
    }
}

/// Creates that reached the service.
pub fn creates(life: &Life) -> usize {
    life.wire
        .messages()
        .iter()
        .filter(|message| message.side == Side::Wazzup && message.label == "POST /v2/channels")
        .count()
}

/// I7: no call is held longer than the operator's own deadline of 15 s, and what a loaded machine adds; a call that nobody
/// gives up is held for 60 s.
pub fn assert_calls_end(life: &Life) {
    for message in life.wire.messages() {
        let held = message.held.unwrap_or_default();
        assert!(
            message.side != Side::Kubernetes || held < LONGEST_CALL,
            "{}: {} was held for {held:?}",
            life.namespace,
            message.label
        );
    }
}

/// Nothing is asked for again and again: of one call and path no more than so many begin within a second, ten and sixty. A
/// write that the API server took is progress: one that changes nothing is not made. Each process may ask as much.
pub fn assert_nothing_hammered(life: &Life) {
    let mut calls: BTreeMap<(Side, String, String), Vec<Instant>> = BTreeMap::new();
    let messages = life.wire.messages();
    let harmed = messages
        .iter()
        .any(|message| message.fault.is_some() && message.label.starts_with("WATCH "));
    for message in messages {
        let path = message.path.split('?').next().unwrap_or_default().to_owned();
        let taken = message.status.is_some_and(|status| (200..300).contains(&status));
        if !(message.side == Side::Kubernetes && taken && label::is_step(message.side, &message.label)) {
            let times = calls.entry((message.side, message.label, path)).or_default();
            times.push(message.at);
        }
    }
    for ((side, label, path), times) in calls {
        let bounds = match side {
            Side::Kubernetes if harmed => HAMMERED_BY_WATCHES,
            Side::Kubernetes => HAMMERED,
            Side::Wazzup => HAMMERED_WAZZUP,
        };
        for (time, most) in bounds {
            let most = most * life.starts().max(1);
            let window = times.windows(most + 1).find(|window| window[most] - window[0] < time);
            assert!(
                window.is_none(),
                "{}: more than {most} times {label} within {time:?}: {path}\n{}",
                life.namespace,
                life.log_text()
            );
        }
    }
}

/// I1: before each create, since the one before, the intent was stored; where `objects` are made at once, as many of them.
pub fn assert_intent_before_create(life: &Life, objects: usize) {
    let mut stored = 0_usize;
    for message in life.wire.messages() {
        match (message.side, message.label.as_str()) {
            (Side::Kubernetes, "PATCH wazzupchannels") if message.status == Some(200) => stored += 1,
            (Side::Wazzup, "POST /v2/channels") => {
                assert!(stored > 0, "{}: a create without an intent", life.namespace);
                // Of one object: any of its writes may have been the intent, and none serves twice.
                stored = if objects > 1 { stored - 1 } else { 0 };
            }
            _ => {}
        }
    }
}
