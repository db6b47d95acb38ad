//! What a channel needs next: a ladder, first matching rung wins.

use super::{
    Account, AccountTrouble, Call, Claim, Management, Need, Note, Plan, Progress, Remote, RemoteById, Seen, Sink,
    Stall, Verdict, Wake, create,
    decision::{Idle, SinkOrder},
    gone, goodbye, login, qr, setback, twins, words,
};
use crate::model::Fault;
use std::time::Duration;

/// A refused token is looked at again this often, and whenever its Secret changes.
const ACCOUNT_AGAIN: Duration = Duration::from_secs(600);

/// An account that is there wakes its channels; one that could not be looked for does not.
pub(super) const PENDING_AGAIN: Duration = Duration::from_secs(60);

/// What a service that does not say how long to wait is given.
const THROTTLED: Duration = Duration::from_secs(60);

/// Nobody tells when a foreign object of the sink's name is removed.
const SINK_AGAIN: Duration = Duration::from_secs(30);

/// Decides what to do about a channel. Total: every value of [`Seen`] has a plan, and the same value the same plan.
pub fn plan(seen: &Seen) -> Plan {
    let mut plan = setback::hold(seen, ladder(seen));
    // A list that came is the look that was asked for, whatever it showed and whatever else is held back.
    if matches!(seen.remote, Remote::Looked(_)) {
        plan.memory.handled.sync.clone_from(&seen.object.requests.sync);
    }
    // With a call, what is remembered is written before anybody is told.
    if plan.call.is_none() {
        twins::suspect(seen, &mut plan);
    }
    // What this look shows is not missing, whatever else is held back.
    if seen.channel_id().is_some() && seen.remote_channel().is_some() {
        plan.memory.missing_since = None;
        plan.memory.loss_believed = false;
    }
    if let (SinkOrder::Withdraw, Sink::Shown { qr_at, .. }) = (plan.sink, &seen.sink) {
        plan.memory.qr_closed_at = Some(qr::closed_at(*qr_at, seen.now));
    }
    plan
}

fn ladder(seen: &Seen) -> Plan {
    if seen.object.deleting {
        return goodbye::plan(seen);
    }
    let wish = match &seen.wish {
        Ok(wish) => wish,
        Err(why) => return say(seen, Verdict::Stalled(Stall::InvalidSpec, why.clone()), Wake::OnChange),
    };
    match &seen.account {
        Account::Pending => return say(seen, Verdict::Unsettled, Wake::After(PENDING_AGAIN)),
        Account::Trouble(trouble, why) => return say(seen, account_trouble(*trouble, why), Wake::After(ACCOUNT_AGAIN)),
        Account::Usable { .. } => {}
    }
    if let Claim::HeldBy(holder) = &seen.claim {
        let why = format!(
            "channel is held by WazzupChannel {holder}; this object does nothing, and its deletion would delete nothing: kubectl -n {} delete wazzupchannel {}; another channel is adopted by a new object",
            seen.object.namespace, seen.object.name
        );
        return say(seen, Verdict::Stalled(Stall::ChannelClaimed, why), Wake::OnChange);
    }
    if seen.sink == Sink::Foreign {
        let (kind, name) = &wish.sink;
        let why = format!(
            "{kind} {name} exists and is not this channel's: remove it (kubectl -n {} delete {kind} {name}), or set another spec.qr.name",
            seen.object.namespace
        );
        return say(
            seen,
            Verdict::Stalled(Stall::QrSinkNameTaken, why),
            Wake::After(SINK_AGAIN),
        );
    }
    let look = match &seen.remote {
        Remote::NotAsked => return say(seen, Verdict::Unsettled, Wake::LookAfter(Duration::ZERO)),
        Remote::Hidden { fault, in_a_row } => {
            let verdict = Verdict::CannotLook {
                why: fault.to_string(),
                say: *in_a_row >= 3,
            };
            return say(seen, verdict, Wake::After(look_again(seen, fault, *in_a_row)));
        }
        Remote::Looked(look) => look,
    };
    let wanted = match (seen.channel_id(), look.mine.as_ref(), &look.by_id) {
        (None, _, _) => match &seen.object.intent {
            Some(intent) => create::resolve(seen, wish, look, intent),
            None => create::create(seen, wish, look),
        },
        (Some(_), Some(channel), _) | (Some(_), None, RemoteById::Found(channel)) => {
            if channel.is(wish.transport) {
                login::plan(seen, wish, channel)
            } else {
                let why = words::transport_differs(channel, wish.transport);
                say(seen, Verdict::Stalled(Stall::InvalidSpec, why), Wake::OnChange)
            }
        }
        (Some(_), None, RemoteById::NotAsked | RemoteById::Hidden(_)) => {
            let verdict = Verdict::CannotLook {
                why: "the list lacks the channel and it could not be asked for".into(),
                say: false,
            };
            say(seen, verdict, Wake::LookAfter(seen.timing.second_look))
        }
        (Some(id), None, RemoteById::Missing) => gone::plan(seen, wish, look, id),
    };
    restrain(seen, wish.management, wish.suspend, wanted)
}

/// A list that failed is asked for again by whoever needs one: the account's own may be hours away.
fn look_again(seen: &Seen, fault: &Fault, in_a_row: u32) -> Duration {
    if let Fault::Throttled { retry_after } = fault {
        return retry_after.unwrap_or(THROTTLED).max(seen.timing.second_look);
    }
    let doublings = in_a_row.saturating_sub(1).min(5);
    (seen.timing.second_look * (1 << doublings)).min(Duration::from_secs(300))
}

fn say(seen: &Seen, verdict: Verdict, wake: Wake) -> Plan {
    Plan::say(seen.memory.clone(), verdict, wake)
}

fn account_trouble(trouble: AccountTrouble, why: &str) -> Verdict {
    let progress = match trouble {
        AccountTrouble::NotFound => Progress::AccountNotFound,
        AccountTrouble::NotAllowed => Progress::AccountNotAllowed,
        AccountTrouble::NotAuthenticated | AccountTrouble::Invalid => Progress::AccountNotAuthenticated,
        AccountTrouble::OutOfReach => {
            return Verdict::CannotLook {
                why: why.to_owned(),
                say: true,
            };
        }
    };
    Verdict::Waiting(progress, why.to_owned())
}

/// A suspended or observed channel is mirrored, and what would be done is only told.
fn restrain(seen: &Seen, management: Management, suspend: bool, wanted: Plan) -> Plan {
    let idle = match (management, suspend) {
        (Management::Full, false) => return wanted,
        (Management::Observe, _) => Idle::Observed,
        (Management::Full, true) => Idle::Suspended,
    };
    if wanted.call.is_none() && wanted.note.is_none() {
        return wanted;
    }
    let would = match (&wanted.call, &wanted.note) {
        (Some(Call::Create { .. }), _) => "would create the channel",
        (Some(Call::Reinit(_)), _) => "would reinitialize the channel",
        (Some(Call::SubmitTwoFactor(_)), _) => "would submit the two-factor password",
        (Some(Call::RequestPairingCode(..)), _) => "would ask for a pairing code",
        (Some(Call::OpenLink(_)), _) => "would ask for a login link",
        (Some(Call::Delete { .. }), _) => "would delete the channel",
        (None, Some(Note::RecordId(_))) => "would adopt the channel",
        (None, _) => "would go on",
    };
    // Recording an id writes nothing at Wazzup, but a finalizer on an object that never deletes anything is only in the way.
    let keep_note = matches!(
        (idle, &wanted.note),
        (Idle::Suspended, Some(Note::RecordId(_) | Note::ClearIntent))
    );
    let verdict = if wanted.call.is_none() && matches!(wanted.verdict, Verdict::Connected | Verdict::Person(..)) {
        wanted.verdict
    } else {
        Verdict::Idle(idle, would.to_owned())
    };
    Plan {
        note: if keep_note { wanted.note } else { None },
        memory: super::Memory {
            channel_id: if keep_note {
                wanted.memory.channel_id.clone()
            } else {
                seen.channel_id().cloned()
            },
            ..seen.memory.clone()
        },
        call: None,
        sink: if idle == Idle::Suspended {
            wanted.sink
        } else {
            SinkOrder::Keep
        },
        verdict,
        // What was held back has not happened: only a note that was written is worth another look at once.
        wake: if keep_note { wanted.wake } else { Wake::OnChange },
    }
}

pub(super) fn person(seen: &Seen, need: Need, message: String) -> Plan {
    say(seen, Verdict::Person(need, message), Wake::OnChange)
}
