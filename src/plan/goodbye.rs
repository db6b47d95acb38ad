//! Letting a channel go.

use std::time::Duration;

use super::{
    Account, AccountTrouble, Call, Claim, DeletionPolicy, Kind, Look, Management, Need, Note, Plan, Progress, Remote,
    Seen, SinkOrder, Stall, Verdict, Wake, Wish,
    channel::PENDING_AGAIN,
    create::{ask, choose, choose_again, remaining},
    memory::RefusedCall,
    search::{Absence, Found, absence, first_look, found, grace_left_at_list, listed_at, newcomers, rivals, settles},
    twins::{self, Repeated, suspected_for, watches},
    words,
};
use crate::model::{ChannelId, Login, RemoteChannel};

/// A question that is open for so long is remembered anew.
const RENEWED: Duration = Duration::from_secs(12 * 3_600);

/// The object is being deleted. Policy first: keeping the channel needs no service at all.
pub(super) fn plan(seen: &Seen) -> Plan {
    if !seen.object.finalizer {
        return release(seen, "nothing is held");
    }
    if seen.object.abandon {
        return release(seen, "abandoned on request; the channel was left at Wazzup");
    }
    match &seen.object.kind {
        Kind::Stays => {}
        Kind::Going => {
            return release(
                seen,
                "the operator is being uninstalled; the channel was left at Wazzup",
            );
        }
        Kind::Hidden(why) => {
            let message = format!(
                "it cannot be told whether the operator is being uninstalled, which would leave the channel: {why}; it is tried again; to leave it at once: {}",
                words::abandon_command(&seen.object)
            );
            let verdict = Verdict::Waiting(Progress::Deleting, message);
            return say(seen, verdict, Wake::After(Duration::from_secs(5)));
        }
    }
    let wish = match &seen.wish {
        Ok(wish) => wish,
        Err(_) if seen.channel_id().is_none() && seen.object.intent.is_none() && !watched(seen) => {
            return release(seen, "no channel was ever made");
        }
        Err(why) => {
            let message = format!(
                "the spec cannot be read ({why}), so it cannot be told what to delete; to leave the channel: {}",
                words::abandon_command(&seen.object)
            );
            // Without a channel or an intent the suspicion ends by itself.
            let only_watched = seen.channel_id().is_none() && seen.object.intent.is_none();
            let wake = match &seen.memory.repeated {
                Some(repeated) if only_watched => Wake::After(suspected_for(repeated, seen.now)),
                Some(_) | None => Wake::OnChange,
            };
            return say(seen, Verdict::Stalled(Stall::InvalidSpec, message), wake);
        }
    };
    if let Claim::HeldBy(holder) = &seen.claim {
        return release(
            seen,
            &format!("the channel belongs to WazzupChannel {holder} and was left"),
        );
    }
    let with_chats = match (wish.management, wish.deletion_policy()) {
        (Management::Observe, _) | (_, DeletionPolicy::Retain) => {
            return release(seen, "the channel was left at Wazzup, as deletionPolicy says");
        }
        (Management::Full, DeletionPolicy::Delete) => false,
        (Management::Full, DeletionPolicy::DeleteWithChats) => true,
    };
    match (seen.channel_id(), &seen.object.intent) {
        (Some(id), _) => with_account(seen, |seen| delete(seen, id, with_chats)),
        (None, Some(_)) => with_account(seen, |seen| search(seen, wish)),
        (None, None) => match seen.memory.repeated.as_ref().filter(|_| watched(seen)) {
            Some(repeated) => without_an_intent(seen, wish, repeated),
            None => release(seen, "no channel was ever made"),
        },
    }
}

/// Whether an earlier create may have made something.
fn watched(seen: &Seen) -> bool {
    watches(seen.memory.repeated.as_ref(), seen.now)
}

fn say(seen: &Seen, verdict: Verdict, wake: Wake) -> Plan {
    Plan::say(seen.memory.clone(), verdict, wake)
}

fn release(seen: &Seen, why: &str) -> Plan {
    Plan {
        note: Some(Note::RemoveFinalizer),
        memory: seen.memory.clone(),
        call: None,
        sink: SinkOrder::Withdraw,
        verdict: Verdict::Gone(why.to_owned()),
        wake: Wake::OnChange,
    }
}

/// Without its account a deletion waits, and says what for and how not to.
fn with_account(seen: &Seen, go: impl FnOnce(&Seen) -> Plan) -> Plan {
    match &seen.account {
        Account::Usable { .. } => go(seen),
        Account::Pending => say(seen, Verdict::Unsettled, Wake::After(PENDING_AGAIN)),
        Account::Trouble(AccountTrouble::OutOfReach, why) => {
            let message = format!(
                "the channel cannot be deleted at Wazzup yet: {why}; it is tried again; to leave it there: {}",
                words::abandon_command(&seen.object)
            );
            say(seen, Verdict::Waiting(Progress::Deleting, message), Wake::OnChange)
        }
        Account::Trouble(
            AccountTrouble::NotFound
            | AccountTrouble::NotAllowed
            | AccountTrouble::NotAuthenticated
            | AccountTrouble::Invalid,
            why,
        ) => {
            let abandon = words::abandon_command(&seen.object);
            let message = if seen.object.namespace_terminating {
                format!(
                    "the channel cannot be deleted at Wazzup ({why}), and nothing can be made in a namespace that is going; to leave the channel at Wazzup: {abandon}"
                )
            } else {
                format!(
                    "the channel cannot be deleted at Wazzup: {why}; mend the account, or leave the channel at Wazzup: {abandon}"
                )
            };
            say(
                seen,
                Verdict::Person(Need::FixCredentials, message),
                Wake::After(Duration::from_secs(600)),
            )
        }
    }
}

fn delete(seen: &Seen, id: &ChannelId, with_chats: bool) -> Plan {
    if let Some(refusal) = seen
        .memory
        .refusal
        .as_ref()
        .filter(|refusal| refusal.call == RefusedCall::Delete)
    {
        let left = remaining(refusal.at, seen.timing.delete_again, seen.now);
        if !left.is_zero() {
            let message = format!(
                "Wazzup did not delete the channel yet: {}; it is asked again",
                refusal.words
            );
            return say(seen, Verdict::Waiting(Progress::Deleting, message), Wake::After(left));
        }
    }
    Plan {
        call: Some(Call::Delete {
            id: id.clone(),
            with_chats,
        }),
        ..say(
            seen,
            Verdict::Waiting(Progress::Deleting, "the channel is being deleted at Wazzup".to_owned()),
            Wake::OnChange,
        )
    }
}

/// A create had no clear answer: what it may have made is searched before the object goes.
fn search(seen: &Seen, wish: &Wish) -> Plan {
    let (Some(intent), Remote::Looked(look)) = (&seen.object.intent, &seen.remote) else {
        let why = "a create had no clear answer and the account cannot be looked at; it is tried again";
        return say(
            seen,
            Verdict::Waiting(Progress::Deleting, why.to_owned()),
            Wake::LookAfter(seen.timing.second_look),
        );
    };
    let newcomers = newcomers(look, intent);
    let again = |answer: &str| choose_again(seen, wish, intent, &newcomers, answer);
    if let Some(plan) = answered(seen, look, again) {
        return plan;
    }
    // What an earlier create of this object may have made is older than this intent; in doubt a person decides.
    let earlier = twins::suspects(seen, look);
    let doubtful = earlier.iter().any(|channel| intent.baseline.contains(&channel.id));
    if doubtful {
        return if settles(seen, look, intent, &earlier) {
            watch(seen, look, intent)
        } else {
            ask_which(seen, &either(&newcomers, &earlier))
        };
    }
    match found(seen, wish, look, intent, &newcomers) {
        // Another may still come, and once the object is gone nobody would be told of it.
        Found::One(id) if grace_is_over(seen, wish, look, intent) => delete_found(seen, id),
        Found::One(_) => watch(seen, look, intent),
        Found::Several if settles(seen, look, intent, &newcomers) => watch(seen, look, intent),
        Found::Several => choose(seen, intent, &newcomers, &which(seen, &newcomers)),
        Found::None => nothing_found(seen, wish, look, intent),
    }
}

/// A person's answer to the question which channel goes; `again` asks once more where it names none that could.
fn answered(seen: &Seen, look: &Look, again: impl FnOnce(&str) -> Plan) -> Option<Plan> {
    let answer = seen.object.requests.resolve_create.as_ref()?;
    if seen.memory.handled.resolve_create.as_ref() == Some(answer) {
        return None;
    }
    if answer == "create" {
        return Some(release(seen, "a person said that no channel was made"));
    }
    let chosen = look.unclaimed.iter().find(|channel| channel.id.as_str() == answer);
    Some(chosen.map_or_else(|| again(answer), |chosen| delete_found(seen, chosen.id.clone())))
}

/// No create is open, but one before had no clear answer: what it makes within the grace would be nobody's, and what it has
/// made is asked about, for the object goes with what is its own.
fn without_an_intent(seen: &Seen, wish: &Wish, repeated: &Repeated) -> Plan {
    let left = remaining(repeated.at, seen.timing.create_grace, seen.now);
    // An account that will not be usable by itself shows nothing, and nothing more comes. A refused token may be replaced.
    let useless = match &seen.account {
        Account::Usable { .. }
        | Account::Pending
        | Account::Trouble(AccountTrouble::OutOfReach | AccountTrouble::NotAuthenticated, _) => false,
        Account::Trouble(AccountTrouble::NotFound | AccountTrouble::NotAllowed | AccountTrouble::Invalid, _) => true,
    };
    if left.is_zero() && useless {
        return release(seen, "no channel was ever made");
    }
    with_account(seen, |seen| {
        let Remote::Looked(look) = &seen.remote else {
            let why = "an earlier create had no clear answer and the account cannot be looked at; it is tried again";
            let verdict = Verdict::Waiting(Progress::Deleting, why.to_owned());
            return say(seen, verdict, Wake::LookAfter(seen.timing.second_look));
        };
        let suspects = twins::suspects(seen, look);
        let again = |answer: &str| ask(seen, &words::no_such_answer(seen, wish, &suspects, answer));
        if let Some(plan) = answered(seen, look, again) {
            return plan;
        }
        // Another object's create that is under way may have made them.
        let settles = !left.is_zero() && rivals(look, &suspects) > 0;
        if !suspects.is_empty() && !settles {
            return ask_which(seen, &suspects);
        }
        if matches!(wish.transport.login(), Login::Iframe) && look.complete && suspects.is_empty() {
            return unless_followed(seen, look);
        }
        let left_at_list = remaining(repeated.at, seen.timing.create_grace, listed_at(seen, look));
        if left_at_list.is_zero() && look.complete {
            return release(seen, "no channel was made");
        }
        let why = "an earlier create had no clear answer; the account is being watched for its channel before the object goes";
        let pause = if left.is_zero() && !look.complete {
            seen.timing.second_look
        } else {
            left.min(seen.timing.second_look)
        };
        say(
            seen,
            Verdict::Waiting(Progress::Deleting, why.to_owned()),
            Wake::LookAfter(pause),
        )
    })
}

/// Asks which of these goes with the object.
fn ask_which(seen: &Seen, candidates: &[&RemoteChannel]) -> Plan {
    let mut plan = ask(seen, &which(seen, candidates));
    // A question stays until it is answered.
    if let Some(repeated) = &mut plan.memory.repeated
        && remaining(repeated.at, RENEWED, seen.now).is_zero()
    {
        repeated.at = seen.now;
    }
    if let Some(repeated) = &plan.memory.repeated {
        plan.wake = Wake::After(remaining(repeated.at, RENEWED, seen.now));
    }
    plan
}

fn which(seen: &Seen, candidates: &[&RemoteChannel]) -> String {
    format!(
        "{}; the one that is named is deleted with the object; or leave them all at Wazzup: {}",
        words::choose_channel(&seen.object, candidates),
        words::abandon_command(&seen.object)
    )
}

/// All of both, each once.
fn either<'a>(one: &[&'a RemoteChannel], other: &[&'a RemoteChannel]) -> Vec<&'a RemoteChannel> {
    let mut all = [one, other].concat();
    all.sort_by(|one, other| one.id.cmp(&other.id));
    all.dedup_by(|one, other| one.id == other.id);
    all
}

/// The id is recorded first, so that a crash cannot forget which channel goes.
fn delete_found(seen: &Seen, id: ChannelId) -> Plan {
    let mut memory = seen.memory.clone();
    memory.channel_id = Some(id.clone());
    let verdict = Verdict::Waiting(
        Progress::Deleting,
        "the channel was found and will be deleted".to_owned(),
    );
    Plan {
        note: Some(Note::RecordId(id)),
        ..Plan::say(memory, verdict, Wake::After(Duration::ZERO))
    }
}

fn nothing_found(seen: &Seen, wish: &Wish, look: &Look, intent: &super::Intent) -> Plan {
    if matches!(wish.transport.login(), Login::Iframe) && look.complete {
        return unless_followed(seen, look);
    }
    watch(seen, look, intent)
}

/// A link that nobody followed has made nothing; a list may be older than the one who followed it.
fn unless_followed(seen: &Seen, look: &Look) -> Plan {
    if first_look(seen, look).is_some() {
        return release(seen, "no channel was made");
    }
    let mut memory = seen.memory.clone();
    memory.missing_since = Some(seen.now);
    let why = "the account is looked at once more for a channel that the login link has made";
    let verdict = Verdict::Waiting(Progress::Deleting, why.to_owned());
    Plan::say(memory, verdict, Wake::LookAfter(Duration::ZERO))
}

/// A link makes nothing by itself; any other create may still make something until then.
fn grace_is_over(seen: &Seen, wish: &Wish, look: &Look, intent: &super::Intent) -> bool {
    matches!(wish.transport.login(), Login::Iframe) || grace_left_at_list(seen, look, intent).is_zero()
}

fn watch(seen: &Seen, look: &Look, intent: &super::Intent) -> Plan {
    match absence(seen, look, intent) {
        Absence::Proven => release(seen, "no channel was made"),
        Absence::Open { memory, wake } => {
            let why =
                "a create had no clear answer; the account is being watched for the channel before the object goes";
            Plan::say(memory, Verdict::Waiting(Progress::Deleting, why.to_owned()), wake)
        }
    }
}
