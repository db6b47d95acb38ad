//! Verdicts on the record of what passed the proxies.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    Side,
    proxy::{IntentPatch, Message, label},
};

/// How long a call may be held: the operator's own deadlines are 15 s for the API server, 20 s for the service and 25 s for a
/// create there, and a loaded machine adds to them.
const HELD: Duration = Duration::from_secs(20);
const HELD_WAZZUP: Duration = Duration::from_secs(25);
const HELD_CREATE: Duration = Duration::from_secs(30);

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

/// Between an intent and its create lie one write with a deadline of 15 s and a connection with one of 5 s; a process that
/// is made to stand still takes longer.
const INTENT_SERVES: Duration = Duration::from_secs(60);

/// What an account's limiter lets through a second when nobody sets it, and at once after a pause.
const RATE: f64 = 20.0;
const BURST: f64 = 2.0 * RATE;
/// The record has when requests arrive, not when they were let go: those of a second may arrive together on a loaded machine.
const LATE: f64 = RATE;

/// No message has been without an answer for longer than its sender's deadline, the ones included that still wait.
pub(super) fn calls_end(messages: &[Message], now: Instant) -> Result<(), String> {
    for message in messages {
        let held = message.held.unwrap_or_else(|| now.duration_since(message.at));
        let longest = match (message.side, message.label.as_str()) {
            (Side::Kubernetes, _) => HELD,
            (Side::Wazzup, "POST /v2/channels") => HELD_CREATE,
            (Side::Wazzup, _) => HELD_WAZZUP,
        };
        if held >= longest {
            return Err(format!("{} was held for {held:?}", message.label));
        }
    }
    Ok(())
}

/// No call and path is repeated faster than the bounds, for each of so many processes.
pub(super) fn nothing_hammered(messages: &[Message], starts: usize) -> Result<(), String> {
    let mut calls: BTreeMap<(Side, &str, &str), Vec<Instant>> = BTreeMap::new();
    let harmed = messages
        .iter()
        .any(|message| message.fault.is_some() && message.label.starts_with("WATCH "));
    for message in messages {
        let taken = message.status.is_some_and(|status| (200..300).contains(&status));
        if !(message.side == Side::Kubernetes && taken && label::is_step(message.side, &message.label)) {
            let times = calls.entry((message.side, &message.label, path(message))).or_default();
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
            let most = most * starts.max(1);
            if times.windows(most + 1).any(|window| window[most] - window[0] < time) {
                return Err(format!("more than {most} times {label} within {time:?}: {path}"));
            }
        }
    }
    Ok(())
}

fn path(message: &Message) -> &str {
    message.path.split('?').next().unwrap_or_default()
}

/// An intent that was stored, and how long a create may follow it.
struct Stored {
    replica: Option<usize>,
    run: usize,
    from: Instant,
    /// The next time that somebody writes to the intent of the same object: the create of before was over.
    until: Option<Instant>,
}

impl Stored {
    /// Whether a create may be this intent's: of the same process, after the intent was answered and before it is over.
    fn covers(&self, create: &Message) -> bool {
        let same = create.replica.is_none() || (create.replica, create.run) == (self.replica, self.run);
        let stored = self.from <= create.at && create.at - self.from < INTENT_SERVES;
        same && stored && self.until.is_none_or(|until| create.at < until)
    }
}

/// Each create follows an intent that was written under a condition, taken by the API server, and told to the operator as
/// taken; no intent serves two. A create does not say whose it is: which intent it takes is chosen so that most creates
/// have one. Of one object alone at a time a create uses up all that were before it.
pub(super) fn intent_before_create(messages: &[Message], objects: usize) -> Result<(), String> {
    let mut open = stored(messages);
    for create in messages {
        if create.side != Side::Wazzup || create.label != "POST /v2/channels" {
            continue;
        }
        let covering = open.iter().enumerate().filter(|(_, one)| one.covers(create));
        // The one that is over first; one that stays open can wait for a later create.
        let taken = covering.min_by_key(|(_, one)| (one.until.is_none(), one.until));
        let Some((taken, _)) = taken else {
            return Err(format!("a create without an intent: {create:?}"));
        };
        if objects > 1 {
            open.swap_remove(taken);
        } else {
            open.retain(|one| one.from > create.at);
        }
    }
    Ok(())
}

fn stored(messages: &[Message]) -> Vec<Stored> {
    let mut all = Vec::new();
    let written = |message: &&Message| message.side == Side::Kubernetes && message.told.intent.is_some();
    let patches: Vec<&Message> = messages.iter().filter(written).collect();
    for (at, patch) in patches.iter().enumerate() {
        let (Some(IntentPatch::Opened { versioned: true }), Some(held)) = (patch.told.intent, patch.held) else {
            continue;
        };
        let broken = |fault: &String| ["Truncate", "Drip", "Endless"].contains(&fault.as_str());
        let taken = patch.truth.is_some_and(|truth| truth.status == 200) && patch.status == Some(200);
        if taken && !patch.fault.as_ref().is_some_and(broken) {
            let next = patches[at + 1..].iter().find(|later| path(later) == path(patch));
            all.push(Stored {
                replica: patch.replica,
                run: patch.run,
                from: patch.at + held,
                until: next.map(|next| next.at),
            });
        }
    }
    all
}

/// Each process keeps below the limit of each account: a bucket that fills with the rate never runs dry.
pub(super) fn pace_is_kept(messages: &[Message]) -> Result<(), String> {
    let mut buckets: BTreeMap<(usize, usize, u64), (f64, Instant)> = BTreeMap::new();
    for message in messages {
        // A token is asked for by another way than the account's limiter.
        let limited = message.side == Side::Wazzup && !message.label.contains("/oauth/");
        let (true, Some(replica)) = (limited, message.replica) else {
            continue;
        };
        let Some(account) = message.told.account else {
            return Err(format!("asked without a token: {}", message.label));
        };
        let full = BURST + LATE;
        let (left, at) = buckets
            .entry((replica, message.run, account))
            .or_insert((full, message.at));
        let since = message.at.saturating_duration_since(*at).as_secs_f64();
        *left = since.mul_add(RATE, *left).min(full) - 1.0;
        *at = message.at;
        if *left < 0.0 {
            return Err(format!(
                "an account was asked faster than {RATE} times a second: {}",
                message.label
            ));
        }
    }
    Ok(())
}

/// The API server never refused a right: only a rule of ours may, and a namespace that goes and takes nothing new.
pub fn rights_suffice(messages: &[Message]) -> Result<(), String> {
    let refused = messages.iter().find(|message| {
        let truth = message.truth.filter(|_| message.side == Side::Kubernetes);
        truth.is_some_and(|truth| truth.status == 403 && !truth.terminating)
    });
    match refused {
        Some(message) => Err(format!("a right is missing: {} {}", message.label, message.path)),
        None => Ok(()),
    }
}

/// Nothing is written: no step on either side, and nothing that only tells people. The lease alone goes on.
pub(super) fn no_writes(messages: &[Message]) -> Result<(), String> {
    let writes = messages.iter().filter(|message| {
        let tells = ["POST events", "PATCH events", "PUT events"].contains(&message.label.as_str());
        tells || label::is_step(message.side, &message.label)
    });
    let writes: Vec<String> = writes
        .map(|message| format!("{} {}", message.label, message.path))
        .collect();
    if writes.is_empty() {
        Ok(())
    } else {
        Err(format!("written at rest: {writes:?}"))
    }
}
