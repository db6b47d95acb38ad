//! What a list tells of a create without a clear answer: which channel it made, or that it made none.

use std::time::Duration;

use jiff::Timestamp;

use super::{Intent, Look, Memory, Seen, Wake, Wish, create::remaining, twins};
use crate::model::{ChannelId, Login, RemoteChannel};

/// What an open intent has led to, as far as a list can tell.
pub(super) enum Found {
    /// Nothing new.
    None,
    /// This one is ours.
    One(ChannelId),
    /// Which one is ours, or whether any is, cannot be told.
    Several,
}

/// Unclaimed channels of the transport that were not there when the intent was written.
pub(super) fn newcomers<'a>(look: &'a Look, intent: &Intent) -> Vec<&'a RemoteChannel> {
    let mut found: Vec<&RemoteChannel> = look
        .unclaimed
        .iter()
        .filter(|channel| !intent.baseline.contains(&channel.id))
        .collect();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    found
}

/// How many other open creates may have made one of these: none that knows all of them to be older than itself.
pub(super) fn rivals(look: &Look, newcomers: &[&RemoteChannel]) -> usize {
    let younger = |baseline: &&Vec<ChannelId>| newcomers.iter().any(|channel| !baseline.contains(&channel.id));
    look.other_intents.iter().filter(younger).count()
}

/// Whether it is too early for a question: other creates are under way that may have made these, and most end in seconds.
pub(super) fn settles(seen: &Seen, look: &Look, intent: &Intent, newcomers: &[&RemoteChannel]) -> bool {
    let asked = newcomers.iter().any(|channel| twins::asked(seen, intent, &channel.id));
    !asked && rivals(look, newcomers) > 0 && !grace_left(seen, intent).is_zero()
}

/// Decides over newcomers. Unscanned QR channels are interchangeable; one that was scanned, or whose link was followed,
/// cannot be ours, since neither was ever shown. Of what a person was asked about, a person decides, whatever a later list
/// shows.
pub(super) fn found(seen: &Seen, wish: &Wish, look: &Look, intent: &Intent, newcomers: &[&RemoteChannel]) -> Found {
    if newcomers.is_empty() {
        return Found::None;
    }
    let rivals = rivals(look, newcomers);
    let asked = newcomers.iter().any(|channel| twins::asked(seen, intent, &channel.id));
    let alone = newcomers.len() == 1 && rivals == 0;
    let unseen = newcomers.iter().all(|channel| !channel.was_scanned());
    let ours = match wish.transport.login() {
        Login::Qr => unseen,
        Login::Link => unseen && alone,
        Login::Secret { .. } | Login::Iframe => alone,
    };
    // What was there when another create began cannot be what that one made: whoever is older leaves it the rest.
    let others = |channel: &RemoteChannel| {
        let theirs = look
            .other_intents
            .iter()
            .filter(|baseline| !baseline.contains(&channel.id));
        theirs.count()
    };
    // Of what no other create can have made at most one is ours.
    let unrivalled = newcomers.iter().filter(|channel| others(channel) == 0).count();
    let no_stranger = newcomers.len() <= 1 + rivals && unrivalled <= 1 && !intent.baseline_cut;
    match newcomers.iter().min_by_key(|channel| others(channel)) {
        Some(channel) if no_stranger && ours && !asked => Found::One(channel.id.clone()),
        Some(_) | None => Found::Several,
    }
}

/// What is left of the time in which an unclear create may still make something. It is counted from when this process knew of
/// the intent first: the time in it is of another machine's clock, or of this one's before it was set. An age that no skew
/// explains is believed too, so that processes which never live for long get there.
pub(super) fn grace_left(seen: &Seen, intent: &Intent) -> Duration {
    grace_left_before(seen, intent, Duration::ZERO)
}

/// The same when the list was asked for: what a kept one does not show may have been made since.
pub(super) fn grace_left_at_list(seen: &Seen, look: &Look, intent: &Intent) -> Duration {
    grace_left_before(seen, intent, look.age)
}

fn grace_left_before(seen: &Seen, intent: &Intent, age: Duration) -> Duration {
    let grace = seen.timing.create_grace;
    let skewed = grace.saturating_add(seen.timing.clock_skew);
    let written = remaining(intent.at, skewed, before(seen.now, age));
    grace
        .saturating_sub(seen.intent_watched.saturating_sub(age))
        .min(written)
}

/// When the list was asked for.
pub(super) fn listed_at(seen: &Seen, look: &Look) -> Timestamp {
    before(seen.now, look.age)
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

/// The first look that showed nothing. One that a clock has put after this list tells nothing.
pub(super) fn first_look(seen: &Seen, look: &Look) -> Option<Timestamp> {
    seen.memory
        .missing_since
        .filter(|since| *since <= listed_at(seen, look))
}

/// Whether a list without newcomers proves that a create made nothing.
pub(super) enum Absence {
    /// Yes.
    Proven,
    /// Not yet.
    Open { memory: Memory, wake: Wake },
}

/// Two healthy lists that were asked for after the grace period, one long enough after the other.
pub(super) fn absence(seen: &Seen, look: &Look, intent: &Intent) -> Absence {
    let mut memory = seen.memory.clone();
    let listed_at = listed_at(seen, look);
    let grace = grace_left(seen, intent);
    let early = !grace_left_at_list(seen, look, intent).is_zero();
    if early || !look.complete {
        memory.missing_since = None;
        // What the service does late is found soon, not at the end alone; an incomplete list is tried again, one of before the
        // end is followed by another at once.
        let pause = if grace.is_zero() && !look.complete {
            seen.timing.second_look
        } else {
            grace.min(seen.timing.second_look)
        };
        return Absence::Open {
            memory,
            wake: Wake::LookAfter(pause),
        };
    }
    match first_look(seen, look) {
        None => {
            memory.missing_since = Some(listed_at);
            Absence::Open {
                memory,
                wake: Wake::LookAfter(seen.timing.second_look),
            }
        }
        Some(since) => {
            let left = remaining(since, seen.timing.second_look, listed_at);
            if left.is_zero() {
                Absence::Proven
            } else {
                Absence::Open {
                    memory,
                    wake: Wake::LookAfter(left),
                }
            }
        }
    }
}
