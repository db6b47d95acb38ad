//! Creating without duplicates: an intent before every create, and what becomes of one whose answer is unknown.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    Call, Intent, Look, Memory, Need, Note, Plan, Progress, Seen, SinkOrder, Stall, Supply, Verdict, Wake, Webhooks,
    Wish,
    channel::person,
    memory::RefusedCall,
    search::{Absence, Found, absence, found, newcomers, settles},
    seen::Account,
    twins, words,
};
use crate::model::{ChannelId, Login, RemoteChannel};

/// How many ids an intent holds: of more channels that nobody claims, a person is asked.
pub(super) const BASELINE: usize = 300;

/// Nothing exists and nothing is under way.
pub(super) fn create(seen: &Seen, wish: &Wish, look: &Look) -> Plan {
    let hash = match (&seen.credentials, wish.transport.login()) {
        (_, Login::Qr | Login::Link | Login::Iframe) => None,
        (Supply::Present { hash }, Login::Secret { .. }) => Some(hash.clone()),
        (Supply::Missing(what), Login::Secret { .. }) => {
            return person(seen, Need::FixCredentials, words::make_credentials(seen, wish, what));
        }
        (Supply::NotNeeded, Login::Secret { .. }) => {
            let why = "spec.credentialsSecretRef is missing: this transport is connected by a Secret".to_owned();
            return Plan::say(
                seen.memory.clone(),
                Verdict::Stalled(Stall::InvalidSpec, why),
                Wake::OnChange,
            );
        }
        (Supply::Hidden(why), Login::Secret { .. }) => {
            let verdict = Verdict::Waiting(
                Progress::Creating,
                format!("the credentials Secret could not be read: {why}"),
            );
            return Plan::say(seen.memory.clone(), verdict, Wake::After(seen.timing.second_look));
        }
    };
    if let Some(plan) = still_refused(seen, wish, hash.as_deref()) {
        return plan;
    }
    // Which of two new channels belongs to which link, nobody could tell.
    if matches!(wish.transport.login(), Login::Iframe) && !look.other_intents.is_empty() {
        let why = "another object's login link for this account is still open; one at a time, since the channel is found by being new; ACTION FollowLink shows whose: kubectl get wazzupchannels --all-namespaces";
        return Plan::say(
            seen.memory.clone(),
            Verdict::Waiting(Progress::Creating, why.to_owned()),
            Wake::After(seen.timing.second_look),
        );
    }
    if matches!(wish.transport.login(), Login::Qr) {
        match &seen.account {
            Account::Usable {
                webhooks: Webhooks::Ready,
            } => {}
            Account::Usable {
                webhooks: Webhooks::Pending,
            } => {
                let verdict = Verdict::Waiting(
                    Progress::SubscribingWebhooks,
                    "the account's webhooks are being subscribed first, or the QR would be lost".to_owned(),
                );
                return Plan::say(seen.memory.clone(), verdict, Wake::OnChange);
            }
            Account::Usable {
                webhooks: Webhooks::Off,
            }
            | Account::Pending
            | Account::Trouble(..) => {
                return person(seen, Need::EnableWebhooks, words::enable_webhooks());
            }
        }
    }
    open(seen, wish, look)
}

/// A refused request is not repeated until the credentials or the manifest change, or a long pause is over.
fn still_refused(seen: &Seen, wish: &Wish, hash: Option<&str>) -> Option<Plan> {
    let refusal = seen.memory.refusal.as_ref()?;
    match refusal.call {
        RefusedCall::Create | RefusedCall::Link => {}
        RefusedCall::Reinit | RefusedCall::TwoFactor | RefusedCall::PairingCode | RefusedCall::Delete => return None,
    }
    let changed = seen.memory.credentials_hash.as_deref() != hash
        || seen.object.generation != seen.object.observed_generation
        || requested(
            seen.object.requests.recreate.as_ref(),
            seen.memory.handled.recreate.as_ref(),
        );
    let left = remaining(refusal.at, seen.timing.refused, seen.now);
    if changed || left.is_zero() {
        return None;
    }
    let verdict = match wish.transport.login() {
        Login::Secret { .. } => Verdict::RefusedCredentials(words::make_credentials(
            seen,
            wish,
            &format!("Wazzup refused the channel: {}", refusal.words),
        )),
        Login::Qr | Login::Link | Login::Iframe => Verdict::Stalled(
            Stall::Rejected,
            format!("Wazzup refused the channel: {}", refusal.words),
        ),
    };
    Some(Plan::say(seen.memory.clone(), verdict, Wake::After(left)))
}

/// Writes the intent, then creates.
fn open(seen: &Seen, wish: &Wish, look: &Look) -> Plan {
    list_first(seen, wish, look).unwrap_or_else(|| open_beside(seen, wish, look, &[]))
}

/// What somebody else has made since the list was asked for would be taken for what this create makes: an old list, as an account
/// with a long interval has, is followed by a new one first.
fn list_first(seen: &Seen, wish: &Wish, look: &Look) -> Option<Plan> {
    let why = "the account's channels are listed anew before one more is made";
    let verdict = Verdict::Waiting(Progress::Creating, why.to_owned());
    let plan = Plan::say(seen.memory.clone(), verdict, Wake::LookAfter(Duration::ZERO));
    (look.age > seen.timing.create_grace && !wish.suspend).then_some(plan)
}

/// The same, where these channels are known to be others'.
fn open_beside(seen: &Seen, wish: &Wish, look: &Look, known: &[ChannelId]) -> Plan {
    let free = look.unclaimed.iter().map(|channel| &channel.id);
    let mut ids: BTreeSet<ChannelId> = free.chain(known).cloned().collect();
    let baseline_cut = ids.len() > BASELINE;
    // What another object has now and leaves while this create is unclear is no newcomer either, as far as there is room.
    for id in &look.claimed {
        if ids.len() < BASELINE {
            ids.insert(id.clone());
        }
    }
    let intent = Intent {
        at: seen.now,
        nonce: seen.nonce.clone(),
        baseline: ids.into_iter().take(BASELINE).collect(),
        baseline_cut,
    };
    let mut memory = seen.memory.clone();
    memory.missing_since = None;
    memory.refusal = None;
    // What the create carries: a channel that is found later may have been made with a Secret of before.
    if let Supply::Present { hash } = &seen.credentials {
        memory.credentials_hash = Some(hash.clone());
    }
    memory.handled.recreate.clone_from(&seen.object.requests.recreate);
    memory
        .handled
        .resolve_create
        .clone_from(&seen.object.requests.resolve_create);
    let call = match wish.transport.login() {
        Login::Secret { .. } => Call::Create { alone: true },
        Login::Qr | Login::Link => Call::Create { alone: false },
        Login::Iframe => Call::OpenLink(None),
    };
    Plan {
        note: Some(Note::OpenIntent(intent)),
        memory,
        call: Some(call),
        sink: SinkOrder::Keep,
        verdict: Verdict::Waiting(Progress::Creating, "the channel is being created".to_owned()),
        wake: Wake::OnChange,
    }
}

/// An intent is open and no id is known: the answer of a create was lost, or a link waits to be followed.
pub(super) fn resolve(seen: &Seen, wish: &Wish, look: &Look, intent: &Intent) -> Plan {
    let newcomers = newcomers(look, intent);
    if let Some(plan) = answered(seen, wish, look, intent, &newcomers) {
        return plan;
    }
    match (found(seen, wish, look, intent, &newcomers), wish.transport.login()) {
        (Found::One(id), _) => adopt(seen, wish, intent, id),
        (Found::Several, _) if settles(seen, look, intent, &newcomers) => {
            let why = "a create had no clear answer, and other objects' creates are under way: which channel is whose shows when these have ended";
            Plan::say(
                Memory {
                    missing_since: None,
                    ..seen.memory.clone()
                },
                Verdict::Waiting(Progress::Creating, why.to_owned()),
                Wake::LookAfter(seen.timing.second_look),
            )
        }
        (Found::Several, _) => choose(
            seen,
            intent,
            &newcomers,
            &words::choose_channel(&seen.object, &newcomers),
        ),
        (Found::None, Login::Iframe) => wait_for_link(seen, wish),
        (Found::None, Login::Secret { .. } | Login::Qr | Login::Link) => match absence(seen, look, intent) {
            Absence::Proven => again(seen, wish, look, intent, false),
            Absence::Open { memory, wake } => {
                let why =
                    "a create had no clear answer; the account is being watched for the channel before another is made";
                Plan::say(memory, Verdict::Waiting(Progress::Creating, why.to_owned()), wake)
            }
        },
    }
}

/// Creates once more; what the first create may yet bring is watched for. `ruled_out`: a person said that it made none of what
/// was asked about; else that is a question still.
fn again(seen: &Seen, wish: &Wish, look: &Look, intent: &Intent, ruled_out: bool) -> Plan {
    if let Some(plan) = list_first(seen, wish, look) {
        return plan;
    }
    let repeated = twins::repeated(seen, intent, &[]);
    // A list may be older than the one that a person was asked about, and what was ruled out then is no newcomer now. What nobody
    // ruled out is asked about again when a list shows it.
    let known: &[ChannelId] = if ruled_out { &repeated.known } else { &intent.baseline };
    let mut plan = open_beside(seen, wish, look, known);
    plan.memory.repeated = Some(repeated);
    // Whichever makes a channel: with the older Secret remembered, if one was, the newer one is sent to it.
    if seen.memory.credentials_hash.is_some() {
        plan.memory.credentials_hash.clone_from(&seen.memory.credentials_hash);
    }
    plan
}

/// Asks a person, and remembers of which channels: a later one was no part of the question.
pub(super) fn choose(seen: &Seen, intent: &Intent, newcomers: &[&RemoteChannel], message: &str) -> Plan {
    let mut plan = ask(seen, message);
    if !twins::told(seen, intent, newcomers) {
        plan.memory.repeated = Some(twins::repeated(seen, intent, newcomers));
    }
    plan
}

/// Asks a person which channel it is. An answer to a question of before counts again once it was taken away.
pub(super) fn ask(seen: &Seen, message: &str) -> Plan {
    let asked = &seen.object.requests.resolve_create;
    let handled = &seen.memory.handled.resolve_create;
    let again = match asked {
        Some(answer) if handled.as_ref() == Some(answer) => words::answer_again(&seen.object),
        Some(_) | None => String::new(),
    };
    let mut plan = person(seen, Need::ChooseChannel, format!("{message}{again}"));
    // What is there was not missing: an absence is proven anew.
    plan.memory.missing_since = None;
    if asked.is_none() {
        plan.memory.handled.resolve_create = None;
    }
    plan
}

/// A person's answer to `ChooseChannel`.
fn answered(seen: &Seen, wish: &Wish, look: &Look, intent: &Intent, newcomers: &[&RemoteChannel]) -> Option<Plan> {
    let answer = seen.object.requests.resolve_create.as_ref()?;
    if seen.memory.handled.resolve_create.as_ref() == Some(answer) {
        return None;
    }
    if answer == "create" {
        return Some(again(seen, wish, look, intent, true));
    }
    let chosen = look.unclaimed.iter().find(|channel| channel.id.as_str() == answer);
    let Some(channel) = chosen else {
        return Some(choose_again(seen, wish, intent, newcomers, answer));
    };
    let mut plan = adopt(seen, wish, intent, channel.id.clone());
    if plan.note.is_some() {
        plan.memory.handled.resolve_create = Some(answer.clone());
    }
    Some(plan)
}

/// An answer that names no channel which could be it: nothing is taken in its place.
pub(super) fn choose_again(
    seen: &Seen,
    wish: &Wish,
    intent: &Intent,
    newcomers: &[&RemoteChannel],
    answer: &str,
) -> Plan {
    choose(
        seen,
        intent,
        newcomers,
        &words::no_such_answer(seen, wish, newcomers, answer),
    )
}

/// Takes a channel that was found. Whether it is the one that the create made, or that one is still to come, nobody knows:
/// what turns up beside it is watched for, which is written down before the intent goes.
fn adopt(seen: &Seen, wish: &Wish, intent: &Intent, id: ChannelId) -> Plan {
    let mut memory = seen.memory.clone();
    let watched = match wish.transport.login() {
        Login::Secret { .. } | Login::Qr | Login::Link => twins::told(seen, intent, &[]),
        // A link creates nothing by itself.
        Login::Iframe => true,
    };
    if !watched {
        memory.repeated = Some(twins::repeated(seen, intent, &[]));
        memory.missing_since = None;
        let verdict = Verdict::Waiting(Progress::Connecting, "a channel was found".to_owned());
        return Plan::say(memory, verdict, Wake::LookAfter(Duration::ZERO));
    }
    memory.channel_id = Some(id.clone());
    memory.missing_since = None;
    // Who asked for another link has followed one.
    if matches!(wish.transport.login(), Login::Iframe) {
        memory.handled.reinit.clone_from(&seen.object.requests.reinit);
    }
    Plan {
        note: Some(Note::RecordId(id)),
        memory,
        call: None,
        sink: SinkOrder::Keep,
        verdict: Verdict::Waiting(Progress::Connecting, "the channel was found".to_owned()),
        wake: Wake::LookAfter(Duration::ZERO),
    }
}

fn wait_for_link(seen: &Seen, wish: &Wish) -> Plan {
    let asked_again = requested(
        seen.object.requests.reinit.as_ref(),
        seen.memory.handled.reinit.as_ref(),
    );
    // Without a time the answer with the link was lost: a link makes nothing, so it is asked for again.
    if asked_again || seen.memory.link_at.is_none() {
        let mut memory = seen.memory.clone();
        memory.handled.reinit.clone_from(&seen.object.requests.reinit);
        return Plan {
            call: Some(Call::OpenLink(None)),
            ..Plan::say(
                memory,
                Verdict::Waiting(Progress::Creating, "a login link is being asked for".to_owned()),
                Wake::OnChange,
            )
        };
    }
    person(seen, Need::FollowLink, words::follow_link_in_sink(seen, wish))
}

/// Whether a request annotation holds a value that was not handled yet.
pub(super) fn requested(asked: Option<&String>, handled: Option<&String>) -> bool {
    asked.is_some() && asked != handled
}

/// What is left of a pause that began at `since`. A clock that went back leaves the whole pause, never more.
pub(super) fn remaining(since: Timestamp, pause: Duration, now: Timestamp) -> Duration {
    let passed = now.duration_since(since);
    match Duration::try_from(passed) {
        Ok(passed) => pause.saturating_sub(passed),
        Err(_) => pause,
    }
}
