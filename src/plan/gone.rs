//! A channel that was there and is not.

use super::{
    ExternalDeletionPolicy, Look, Need, Note, Plan, Progress, Seen, SinkOrder, Verdict, Wake, Wish,
    create::{BASELINE, remaining, requested},
    search::{first_look, listed_at},
    twins::{KNOWN, Repeated, watches},
    words,
};
use crate::model::{ChannelId, Login};

/// 404 by id and absent from a healthy list; believed when a second look agrees.
pub(super) fn plan(seen: &Seen, wish: &Wish, look: &Look, id: &ChannelId) -> Plan {
    let mut memory = seen.memory.clone();
    if !seen.memory.loss_believed {
        let Some(since) = first_look(seen, look) else {
            memory.missing_since = Some(listed_at(seen, look));
            return checking(seen, memory, seen.timing.second_look);
        };
        // What a manifest names must be there already; what was just created may show late.
        let pause = if seen.memory.was_seen || wish.adopt.is_some() {
            seen.timing.second_look
        } else {
            seen.timing.create_grace
        };
        let left = remaining(since, pause, listed_at(seen, look));
        if !left.is_zero() || !look.complete {
            return checking(seen, memory, left.max(seen.timing.second_look));
        }
        memory.loss_believed = true;
    }
    if requested(
        seen.object.requests.recreate.as_ref(),
        seen.memory.handled.recreate.as_ref(),
    ) && wish.adopt.is_none()
    {
        return forget(seen);
    }
    // An empty list proves no loss: it is also what an outage looks like.
    if !look.empty && policy(wish) == ExternalDeletionPolicy::Recreate {
        return forget_lost(seen, look);
    }
    let what = match wish.adopt {
        Some(_) => format!(
            "the account has no channel {id}, and an adopted channel is never made again: the account's status lists those that nobody manages (status.unmanagedChannels); name one of them in a new object, and delete this one"
        ),
        None => format!(
            "channel {id} was deleted at Wazzup; to make a new one: {}",
            words::request_command(&seen.object, "recreate-requested-at")
        ),
    };
    Plan {
        sink: SinkOrder::Withdraw,
        ..Plan::say(memory, Verdict::Person(Need::ChannelGone, what), Wake::OnChange)
    }
}

/// The policy in force: made again by itself only where a Secret is all it takes, and never an adopted one.
fn policy(wish: &Wish) -> ExternalDeletionPolicy {
    if wish.adopt.is_some() {
        return ExternalDeletionPolicy::Stop;
    }
    wish.external_deletion.unwrap_or(match wish.transport.login() {
        Login::Secret { .. } => ExternalDeletionPolicy::Recreate,
        Login::Qr | Login::Link | Login::Iframe => ExternalDeletionPolicy::Stop,
    })
}

fn checking(seen: &Seen, memory: super::Memory, pause: std::time::Duration) -> Plan {
    let why = if seen.memory.was_seen {
        "Wazzup does not show the channel any more; looked at twice before it is believed"
    } else {
        "Wazzup does not show this channel in the account; looked at twice before it is believed"
    };
    Plan::say(
        memory,
        Verdict::Waiting(Progress::CheckingLoss, why.to_owned()),
        Wake::LookAfter(pause),
    )
}

/// The same, where nobody but two lists says that the channel is gone: what turns up later beside the new one is told, the lost
/// one among it.
fn forget_lost(seen: &Seen, look: &Look) -> Plan {
    let mut plan = forget(seen);
    plan.memory.repeated = match &seen.memory.repeated {
        Some(kept) if watches(Some(kept), seen.now) => Some(kept.clone().but(seen.channel_id())),
        // Of more channels than can be remembered nobody could tell which is new.
        Some(_) | None if look.unclaimed.len() > BASELINE => None,
        Some(_) | None => {
            let free = look.unclaimed.iter().map(|channel| channel.id.clone());
            let known = free.chain(look.claimed.iter().cloned()).take(KNOWN).collect();
            Some(Repeated::of(known, seen.now))
        }
    };
    plan
}

/// Lets the id go, so that the next pass creates.
pub(super) fn forget(seen: &Seen) -> Plan {
    let mut memory = super::Memory {
        handled: seen.memory.handled.clone(),
        qr_closed_at: seen.memory.qr_closed_at,
        ..super::Memory::default()
    };
    // A twin of the channel that is gone may still turn up, and nobody else would tell of it.
    if watches(seen.memory.repeated.as_ref(), seen.now) {
        memory.repeated = seen
            .memory
            .repeated
            .clone()
            .map(|repeated| repeated.and_known(seen.channel_id()));
        memory.twins.clone_from(&seen.memory.twins);
    }
    memory.handled.recreate.clone_from(&seen.object.requests.recreate);
    Plan {
        note: Some(Note::ForgetId),
        memory,
        call: None,
        sink: SinkOrder::Withdraw,
        verdict: Verdict::Waiting(
            Progress::Creating,
            "the channel is gone and will be made again".to_owned(),
        ),
        wake: Wake::LookAfter(std::time::Duration::ZERO),
    }
}
