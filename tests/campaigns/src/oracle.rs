//! What must hold when a life comes to rest, whatever was done to it.

mod record;
mod rest;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use kube::api::ListParams;
use wazzup_operator::api::WazzupChannel;

pub use record::rights_suffice;

use crate::{Life, Side};

/// How long nothing may be written when everything is at rest: longer than a list interval.
const QUIET: Duration = Duration::from_secs(15);

/// The same at the end of each of many lives, which wait more than they work.
const STILL: Duration = Duration::from_secs(12);
/// How long a life may take until it is still.
const UNTIL_STILL: Duration = Duration::from_secs(90);

fn hold(life: &Life, judged: Result<(), String>) {
    if let Err(why) = judged {
        panic!("{}: {why}", life.namespace);
    }
}

async fn objects(life: &Life) -> Result<Vec<WazzupChannel>, String> {
    let listed = life.channels().list(&ListParams::default()).await;
    listed.map(|list| list.items).map_err(|error| error.to_string())
}

/// I1, I2: each channel at the service is held by exactly one object, each connected object holds one that lives, and
/// no create is left open.
pub async fn assert_one_channel_each(life: &Life) {
    life.wait(
        "each object to hold one channel, and each channel to be held",
        || async {
            let remote: Vec<String> = life.remote().into_iter().map(|channel| channel.id).collect();
            rest::one_channel_each(&objects(life).await?, &remote)
        },
    )
    .await;
}

/// I3: nothing was deleted at the service but what `allowed` names.
pub fn assert_deleted_only(life: &Life, allowed: &[String]) {
    let journal = life.simulator.journal();
    let deleted = journal.matching("DELETE", "/v2/channels/");
    let ids = deleted
        .iter()
        .map(|entry| entry.path.trim_start_matches("/v2/channels/"));
    hold(life, rest::deleted_only(ids, allowed));
}

/// I4: at rest nothing is written, on either side.
pub async fn assert_quiet(life: &Life) {
    life.wait("a quiet time", || async {
        let before = life.wire.messages().len();
        tokio::time::sleep(QUIET).await;
        record::no_writes(&life.wire.messages()[before..])
    })
    .await;
}

/// I4, at the end of a life that has come to rest: nothing is written for a list interval and more. What is on its way
/// then may still land, so that the first times may be none.
pub async fn assert_still(life: &Life) {
    let begun = Instant::now();
    loop {
        life.tend();
        let (before, starts) = (life.wire.messages().len(), life.starts());
        tokio::time::sleep(STILL).await;
        let mut judged = record::no_writes(&life.wire.messages()[before..]);
        // Who is dead writes nothing either.
        if !life.all_live() || life.starts() != starts {
            judged = Err("an operator has ended meanwhile".to_owned());
        }
        if judged.is_ok() {
            return;
        }
        if begun.elapsed() > UNTIL_STILL {
            hold(life, judged.map_err(|why| format!("{why}\n{}", life.log_text())));
        }
    }
}

/// I5: an object is ready exactly when its channel is active at the service.
pub async fn assert_status_is_true(life: &Life) {
    life.wait("a true status", || async {
        let objects = objects(life).await?;
        life.simulator.with(|world, _| {
            let active = |id: &str| world.channel(id).is_some_and(|channel| channel.status == "active");
            rest::status_is_true(&objects, active)
        })
    })
    .await;
}

/// I10: no panic, no defect, and no end but those that were brought about; no account was asked faster than its limit.
pub fn assert_sound(life: &Life) {
    hold(life, rest::log_is_sound(&life.log_text()));
    for replica in life.wire.replicas() {
        hold(life, rest::ends_are_in_order(&replica.ends(), life.elects()));
    }
    hold(life, record::pace_is_kept(&life.wire.messages()));
}

/// Creates that reached the service.
pub fn creates(life: &Life) -> usize {
    life.wire
        .messages()
        .iter()
        .filter(|message| message.side == Side::Wazzup && message.label == "POST /v2/channels")
        .count()
}

/// I7: no call is held longer than the operator's own deadline, and what a loaded machine adds; a call that nobody gives up
/// is held for 60 s.
pub fn assert_calls_end(life: &Life) {
    hold(life, record::calls_end(&life.wire.messages(), Instant::now()));
}

/// Nothing is asked for again and again: of one call and path no more than so many begin within a second, ten and sixty. A
/// write that the API server took is progress: one that changes nothing is not made. Each process may ask as much.
pub fn assert_nothing_hammered(life: &Life) {
    let judged = record::nothing_hammered(&life.wire.messages(), life.starts());
    hold(life, judged.map_err(|why| format!("{why}\n{}", life.log_text())));
}

/// I1: each create has an intent of its own, stored by the same process right before; where `objects` are made at once,
/// as many of them may be open.
pub fn assert_intent_before_create(life: &Life, objects: usize) {
    hold(life, record::intent_before_create(&life.wire.messages(), objects));
}
