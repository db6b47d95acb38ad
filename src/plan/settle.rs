//! What the answer of a remote call changes: in the metadata, in what is remembered, in what people are told.

use std::time::Duration;

use super::{
    Call, Memory, Need, Note, Plan, Progress, Refusal, RefusedCall, Seen, Sink, SinkOrder, Verdict, Wake, Wish,
    setback, words,
};
use crate::model::{ChannelId, CreateOutcome, Fault, RemoteChannel};

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Of [`Call::Create`].
    Create(CreateOutcome),
    /// Of [`Call::Reinit`]; the channel as the answer shows it.
    Reinit(Result<Option<RemoteChannel>, Fault>),
    /// Of [`Call::SubmitTwoFactor`].
    TwoFactor(Result<(), Fault>),
    /// Of [`Call::RequestPairingCode`]; the code itself went into the sink.
    PairingCode(Result<(), Fault>),
    /// Of [`Call::OpenLink`]; the link itself went into the sink.
    Link(Result<(), Fault>),
    /// Of [`Call::OpenLink`]; there is a link, and whether it went into the sink is not known.
    LinkMayShow(Fault),
    /// Of [`Call::Delete`].
    Delete(Result<(), Fault>),
}

/// A look of its own follows every change.
const LOOK: Wake = Wake::LookAfter(Duration::ZERO);

/// Turns an answer into what is left to write and say; the plan returned holds no call.
pub fn settle(seen: &Seen, wish: &Wish, plan: &Plan, answer: &Answer) -> Plan {
    let memory = Memory {
        setback: None,
        ..plan.memory.clone()
    };
    match answer {
        Answer::Create(CreateOutcome::Created(channel)) if was_there(plan, &channel.id) => {
            let outcome = CreateOutcome::Refused(Fault::Rejected {
                status: 0,
                words: words::was_there(&channel.id),
            });
            created(seen, wish, plan, memory, &outcome)
        }
        Answer::Create(outcome) => created(seen, wish, plan, memory, outcome),
        Answer::Reinit(result) => reinitialized(seen, wish, memory, result),
        Answer::TwoFactor(Ok(())) => after(memory, Progress::Connecting, "the two-factor password was accepted"),
        Answer::TwoFactor(Err(Fault::Rejected { words, .. })) => {
            let refused = refuse(memory, seen, RefusedCall::TwoFactor, words);
            let what = words::make_two_factor_secret(seen, wish, Some(words));
            Plan::say(refused, Verdict::Person(Need::EnterPassword, what), LOOK)
        }
        // Nobody knows whether the service took it: once per value is once.
        Answer::TwoFactor(Err(fault @ Fault::Unclear { .. })) => {
            let sent = refuse(memory, seen, RefusedCall::TwoFactor, &fault.to_string());
            after(sent, Progress::Connecting, "the two-factor password was sent")
        }
        Answer::TwoFactor(Err(fault)) => {
            let unsent = Memory {
                two_factor_hash: seen.memory.two_factor_hash.clone(),
                ..memory
            };
            setback::after(seen, unsent, Progress::Connecting, fault)
        }
        Answer::PairingCode(Ok(())) => {
            let given = Memory {
                pairing_given: true,
                ..memory
            };
            Plan {
                note: None,
                memory: given,
                call: None,
                ..plan.clone()
            }
        }
        Answer::PairingCode(Err(fault)) => {
            let words = fault.to_string();
            let refused = refuse(memory, seen, RefusedCall::PairingCode, &words);
            Plan {
                note: None,
                memory: refused,
                call: None,
                ..plan.clone()
            }
        }
        Answer::Link(Ok(())) => {
            let shown = Memory {
                link_at: Some(seen.now),
                refusal: None,
                ..memory
            };
            Plan::say(
                shown,
                Verdict::Person(Need::FollowLink, words::follow_link_in_sink(seen, wish)),
                Wake::OnChange,
            )
        }
        Answer::Link(Err(Fault::Rejected { words, .. })) => {
            let refused = refuse(memory, seen, RefusedCall::Link, words);
            let note = clear_if_creating(seen, plan);
            let verdict = if note.is_some() {
                Verdict::Stalled(super::Stall::Rejected, format!("Wazzup refused the channel: {words}"))
            } else {
                Verdict::Person(Need::FollowLink, words::link_refused(&seen.object, words))
            };
            Plan {
                note,
                ..Plan::say(refused, verdict, LOOK)
            }
        }
        Answer::Link(Err(fault)) => {
            let note = clear_if_creating(seen, plan);
            Plan {
                note: note.clone(),
                ..no_link(seen, plan, memory, note.is_some(), fault)
            }
        }
        Answer::LinkMayShow(fault) => no_link(seen, plan, memory, false, fault),
        Answer::Delete(result) => deleted(seen, memory, result),
    }
}

/// No link came that a person is known to see; `anew`: the next one is asked for under an intent of its own.
fn no_link(seen: &Seen, plan: &Plan, mut memory: Memory, anew: bool, fault: &Fault) -> Plan {
    // Who asked for another link has none yet.
    if !anew && plan.call == Some(Call::OpenLink(None)) {
        memory.handled.reinit.clone_from(&seen.memory.handled.reinit);
    }
    setback::after(seen, memory, Progress::BackingOff, fault)
}

/// A link makes nothing by itself, so an intent that was opened for one may go when none came. An earlier link may still be
/// followed: it keeps its intent.
fn clear_if_creating(seen: &Seen, plan: &Plan) -> Option<Note> {
    match &plan.call {
        Some(Call::OpenLink(None)) => {
            let shown = seen.memory.link_at.is_some() || matches!(seen.sink, Sink::Shown { link: true, .. });
            let first = matches!(plan.note, Some(Note::OpenIntent(_))) || !shown;
            first.then_some(Note::ClearIntent)
        }
        Some(
            Call::OpenLink(Some(_))
            | Call::Create { .. }
            | Call::Reinit(_)
            | Call::SubmitTwoFactor(_)
            | Call::RequestPairingCode(..)
            | Call::Delete { .. },
        )
        | None => None,
    }
}

/// Whether a create was answered with a channel that its own intent knows to be older: nothing was made, and the channel is
/// somebody else's.
pub fn was_there(plan: &Plan, id: &ChannelId) -> bool {
    match &plan.note {
        Some(Note::OpenIntent(intent)) => intent.baseline.contains(id),
        Some(Note::ClearIntent | Note::RecordId(_) | Note::ForgetId | Note::RemoveFinalizer) | None => false,
    }
}

fn created(seen: &Seen, wish: &Wish, plan: &Plan, mut memory: Memory, outcome: &CreateOutcome) -> Plan {
    match outcome {
        CreateOutcome::Created(channel) => {
            memory.channel_id = Some(channel.id.clone());
            memory.was_seen = false;
            memory.url.clone_from(&channel.url);
            memory.refusal = None;
            remember_credentials(seen, &mut memory);
            // A channel was made: what a person was asked about before, and nobody ruled out, may be its twin.
            if let (Some(repeated), Some(Note::OpenIntent(intent))) = (&mut memory.repeated, &plan.note) {
                repeated.known.retain(|id| intent.baseline.contains(id));
            }
            Plan {
                note: Some(Note::RecordId(channel.id.clone())),
                ..Plan::say(memory, Verdict::Unsettled, LOOK)
            }
        }
        // Where the token was refused, not the channel, the look that follows tells the account.
        CreateOutcome::Refused(fault @ Fault::Denied { .. }) | CreateOutcome::NotSent(fault) => {
            memory.credentials_hash.clone_from(&seen.memory.credentials_hash);
            Plan {
                note: Some(Note::ClearIntent),
                ..setback::after(seen, memory, Progress::Creating, fault)
            }
        }
        CreateOutcome::Refused(fault) => {
            remember_credentials(seen, &mut memory);
            let refused = refuse(memory, seen, RefusedCall::Create, &refusal_words(fault));
            let told = format!("Wazzup refused the channel: {}", refusal_words(fault));
            let verdict = if wish.transport.credential_keys().is_empty() {
                Verdict::Stalled(super::Stall::Rejected, told)
            } else {
                Verdict::RefusedCredentials(words::make_credentials(seen, wish, &told))
            };
            Plan {
                note: Some(Note::ClearIntent),
                ..Plan::say(refused, verdict, Wake::After(seen.timing.refused))
            }
        }
        CreateOutcome::Unknown(_) => {
            let why =
                "the create had no clear answer; the account is being watched for the channel before another is made";
            Plan::say(memory, Verdict::Waiting(Progress::Creating, why.to_owned()), LOOK)
        }
    }
}

fn reinitialized(seen: &Seen, wish: &Wish, memory: Memory, result: &Result<Option<RemoteChannel>, Fault>) -> Plan {
    let unanswered = memory.reinit_unanswered;
    let memory = Memory {
        reinit_unanswered: None,
        ..memory
    };
    match result {
        Ok(shown) => {
            let url = shown.as_ref().and_then(|channel| channel.url.clone());
            let linked = Memory {
                url: url.or_else(|| memory.url.clone()),
                ..memory
            };
            after(linked, Progress::Reinitializing, "the channel was reinitialized")
        }
        Err(Fault::Rejected { words, .. }) => {
            let refused = refuse(memory, seen, RefusedCall::Reinit, words);
            let told = format!("Wazzup refused to reinitialize the channel: {words}");
            let verdict = if wish.transport.credential_keys().is_empty() {
                Verdict::Waiting(Progress::BackingOff, told)
            } else {
                Verdict::Person(Need::FixCredentials, words::make_credentials(seen, wish, &told))
            };
            Plan::say(refused, verdict, LOOK)
        }
        // It never left, or the token was refused: it does not count.
        Err(fault @ (Fault::NotSent { .. } | Fault::Throttled { .. } | Fault::Denied { .. })) => {
            setback::after(seen, seen.memory.clone(), Progress::BackingOff, fault)
        }
        // A channel that is there after all was not asked by a 404: new credentials would never be sent.
        Err(fault @ (Fault::Unclear { .. } | Fault::Missing { .. })) => {
            let memory = Memory {
                reinit_unanswered: unanswered,
                ..memory
            };
            setback::after(seen, memory, Progress::Reinitializing, fault)
        }
    }
}

/// Done means 2xx or 404 from the DELETE itself; a refused repeat while the channel shows `disabled` is done too.
fn deleted(seen: &Seen, memory: Memory, result: &Result<(), Fault>) -> Plan {
    let gone = |why: &str| Plan {
        note: Some(Note::RemoveFinalizer),
        memory: seen.memory.clone(),
        call: None,
        sink: SinkOrder::Withdraw,
        verdict: Verdict::Gone(why.to_owned()),
        wake: Wake::OnChange,
    };
    let repeated = seen
        .memory
        .refusal
        .as_ref()
        .is_some_and(|refusal| refusal.call == RefusedCall::Delete);
    let disabled = seen
        .remote_channel()
        .is_some_and(|channel| channel.status == Some(crate::model::Status::Disabled));
    match result {
        Ok(()) => gone("the channel was deleted at Wazzup"),
        Err(Fault::Missing { .. }) => gone("the channel was already gone at Wazzup"),
        Err(Fault::Rejected { .. }) if repeated && disabled => {
            gone("Wazzup refused to delete the channel once more and shows it as disabled: it counts as deleted")
        }
        Err(fault) => {
            let words = fault.to_string();
            let refused = refuse(memory, seen, RefusedCall::Delete, &words);
            let message = format!("Wazzup did not delete the channel yet: {words}; it is asked again");
            Plan::say(
                refused,
                Verdict::Waiting(Progress::Deleting, message),
                Wake::After(seen.timing.delete_again),
            )
        }
    }
}

fn after(memory: Memory, progress: Progress, what: &str) -> Plan {
    Plan::say(memory, Verdict::Waiting(progress, what.to_owned()), LOOK)
}

fn refuse(memory: Memory, seen: &Seen, call: RefusedCall, words: &str) -> Memory {
    Memory {
        refusal: Some(Refusal {
            call,
            at: seen.now,
            words: words.to_owned(),
        }),
        ..memory
    }
}

fn refusal_words(fault: &Fault) -> String {
    match fault {
        Fault::Rejected { words, .. } | Fault::Denied { words, .. } | Fault::Missing { words } => words.clone(),
        Fault::Throttled { .. } | Fault::NotSent { .. } | Fault::Unclear { .. } => fault.to_string(),
    }
}

fn remember_credentials(seen: &Seen, memory: &mut Memory) {
    if let super::Supply::Present { hash } = &seen.credentials {
        memory.credentials_hash = Some(hash.clone());
    }
}
