//! What was seen, from a calm default.

use std::time::Duration;

use jiff::Timestamp;

use super::super::{
    Account, Call, Claim, Intent, Kind, Look, Management, Memory, Need, Note, Object, Plan, ReadyWhen, ReinitPolicy,
    Remote, RemoteById, Requests, Seen, Sink, Supply, Timing, Verdict, Webhooks, Wish, broken_law, plan,
};
use crate::model::{ChannelId, Login, Reason, RemoteChannel, Status, Transport};

/// The time of every pass, in seconds since 1970.
pub(super) const NOW: i64 = 1_800_000_000;

/// Seconds relative to [`NOW`].
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

pub(super) fn id(word: &str) -> ChannelId {
    ChannelId::parse(word).unwrap()
}

/// A channel at Wazzup.
pub(super) fn remote(word: &str, transport: Transport, status: &str, reason: Option<&str>) -> RemoteChannel {
    RemoteChannel {
        status: Some(Status::parse(status)),
        reason: reason.map(Reason::parse),
        ..RemoteChannel::bare(id(word), transport.as_str())
    }
}

pub(super) fn wish(transport: Transport) -> Wish {
    Wish {
        transport,
        adopt: None,
        management: Management::Full,
        deletion: None,
        external_deletion: None,
        reinit: ReinitPolicy::Auto,
        pairing_phone: None,
        ready_when: ReadyWhen::Connected,
        suspend: false,
        credentials_secret: Some("bot".into()),
        two_factor_secret: ("shop-2fa".into(), "password".into()),
        sink: ("configmap", "shop-qr".into()),
    }
}

/// A healthy list without anything of ours, of an account with other channels.
pub(super) fn look() -> Look {
    Look {
        age: Duration::ZERO,
        mine: None,
        by_id: RemoteById::NotAsked,
        unclaimed: Vec::new(),
        claimed: Vec::new(),
        empty: false,
        complete: true,
        other_intents: Vec::new(),
    }
}

/// A new object of a usable account.
pub(super) fn fresh(transport: Transport) -> Seen {
    Seen {
        now: at(0),
        nonce: "nonce".into(),
        intent_watched: Duration::ZERO,
        timing: Timing::DEFAULT,
        object: Object {
            namespace: "shops".into(),
            name: "shop".into(),
            uid: "uid".into(),
            generation: 1,
            observed_generation: -1,
            deleting: false,
            finalizer: false,
            namespace_terminating: false,
            kind: Kind::Stays,
            abandon: false,
            requests: Requests::default(),
            intent: None,
            channel_id: None,
        },
        wish: Ok(wish(transport)),
        memory: Memory::default(),
        account: Account::Usable {
            webhooks: Webhooks::Ready,
        },
        remote: Remote::Looked(look()),
        claim: Claim::Free,
        credentials: match transport.login() {
            Login::Secret { .. } => Supply::Present { hash: "k:1".into() },
            Login::Qr | Login::Link | Login::Iframe => Supply::NotNeeded,
        },
        two_factor: Supply::Missing("Secret shop-2fa".into()),
        sink: Sink::Absent,
    }
}

/// An object whose channel `mine` was made and recorded, as Wazzup shows it.
pub(super) fn known(transport: Transport, status: &str, reason: Option<&str>) -> Seen {
    let mut seen = fresh(transport);
    seen.object.finalizer = true;
    seen.object.channel_id = Some(id("mine"));
    seen.object.observed_generation = 1;
    seen.memory.channel_id = Some(id("mine"));
    seen.memory.was_seen = true;
    if matches!(transport.login(), Login::Secret { .. }) {
        seen.memory.credentials_hash = Some("k:1".into());
    }
    seen.remote = Remote::Looked(Look {
        mine: Some(remote("mine", transport, status, reason)),
        ..look()
    });
    seen
}

/// An object whose create had no clear answer, `age` seconds ago.
pub(super) fn unclear(transport: Transport, age: i64) -> Seen {
    let mut seen = fresh(transport);
    seen.object.finalizer = true;
    seen.intent_watched = Duration::from_secs(age.unsigned_abs());
    seen.object.intent = Some(Intent {
        at: at(-age),
        nonce: "before".into(),
        baseline: vec![id("old")],
        baseline_cut: false,
    });
    seen
}

/// Past the grace, and seen missing once already, long enough ago.
pub(super) fn settled(transport: Transport) -> Seen {
    let mut seen = unclear(transport, 200);
    seen.memory.missing_since = Some(at(-10));
    seen
}

/// The list in a look.
pub(super) fn looked(seen: &mut Seen) -> &mut Look {
    match &mut seen.remote {
        Remote::Looked(look) => look,
        Remote::NotAsked | Remote::Hidden { .. } => panic!("nothing was looked at"),
    }
}

pub(super) fn wished(seen: &mut Seen) -> &mut Wish {
    seen.wish.as_mut().unwrap()
}

/// The plan, which must be lawful.
pub(super) fn planned(seen: &Seen) -> Plan {
    let plan = plan(seen);
    assert_eq!(broken_law(seen, &plan), None, "{plan:#?}");
    plan
}

/// A plan in one line: what is done, then what is told.
pub(super) fn gist(plan: &Plan) -> String {
    let mut parts = Vec::new();
    match &plan.note {
        Some(Note::OpenIntent(_)) => parts.push("intent".to_owned()),
        Some(Note::ClearIntent) => parts.push("clear".to_owned()),
        Some(Note::RecordId(id)) => parts.push(format!("record {id}")),
        Some(Note::ForgetId) => parts.push("forget".to_owned()),
        Some(Note::RemoveFinalizer) => parts.push("release".to_owned()),
        None => {}
    }
    match &plan.call {
        Some(Call::Create { alone: true }) => parts.push("create alone".to_owned()),
        Some(Call::Create { alone: false }) => parts.push("create".to_owned()),
        Some(Call::Reinit(id)) => parts.push(format!("reinit {id}")),
        Some(Call::SubmitTwoFactor(id)) => parts.push(format!("password {id}")),
        Some(Call::RequestPairingCode(id, phone)) => parts.push(format!("pair {id} {}", phone.as_str())),
        Some(Call::OpenLink(None)) => parts.push("link".to_owned()),
        Some(Call::OpenLink(Some(id))) => parts.push(format!("link {id}")),
        Some(Call::Delete { id, with_chats }) => {
            parts.push(format!("delete {id}{}", if *with_chats { " with chats" } else { "" }));
        }
        None => {}
    }
    parts.push(told(plan));
    parts.join(", ")
}

/// What a plan tells people, as one word.
pub(super) fn told(plan: &Plan) -> String {
    match &plan.verdict {
        Verdict::Unsettled => "Unsettled".into(),
        Verdict::Connected => "Connected".into(),
        Verdict::Waiting(progress, _) => progress.as_str().into(),
        Verdict::Person(need, _) => need.as_str().into(),
        Verdict::Stalled(stall, _) => format!("Stalled/{}", stall.as_str()),
        Verdict::RefusedCredentials(_) => "RefusedCredentials".into(),
        Verdict::CannotLook { say, .. } => format!("CannotLook{}", if *say { "!" } else { "" }),
        Verdict::Unrecognized(_) => "Unrecognized".into(),
        Verdict::Idle(idle, _) => format!("{idle:?}"),
        Verdict::Gone(_) => "Gone".into(),
    }
}

/// The words of a plan.
pub(super) fn words(plan: &Plan) -> String {
    match &plan.verdict {
        Verdict::Waiting(_, words)
        | Verdict::Person(_, words)
        | Verdict::Stalled(_, words)
        | Verdict::RefusedCredentials(words)
        | Verdict::CannotLook { why: words, .. }
        | Verdict::Unrecognized(words)
        | Verdict::Idle(_, words)
        | Verdict::Gone(words) => words.clone(),
        Verdict::Unsettled | Verdict::Connected => String::new(),
    }
}

/// What a person is asked for.
pub(super) fn need(plan: &Plan) -> Option<Need> {
    match &plan.verdict {
        Verdict::Person(need, _) => Some(*need),
        Verdict::Unsettled
        | Verdict::Connected
        | Verdict::Waiting(..)
        | Verdict::Stalled(..)
        | Verdict::RefusedCredentials(_)
        | Verdict::CannotLook { .. }
        | Verdict::Unrecognized(_)
        | Verdict::Idle(..)
        | Verdict::Gone(_) => None,
    }
}

/// A plan carried out as far as Kubernetes goes: what the next pass would remember.
pub(super) fn written(mut seen: Seen, plan: &Plan) -> Seen {
    seen.memory = plan.memory.clone();
    seen.object.observed_generation = seen.object.generation;
    match &plan.note {
        Some(Note::OpenIntent(intent)) => {
            seen.object.finalizer = true;
            seen.object.intent = Some(intent.clone());
        }
        Some(Note::ClearIntent) => seen.object.intent = None,
        Some(Note::RecordId(id)) => {
            seen.object.finalizer = true;
            seen.object.channel_id = Some(id.clone());
            seen.object.intent = None;
        }
        Some(Note::ForgetId) => {
            seen.object.channel_id = None;
            seen.memory.channel_id = None;
        }
        Some(Note::RemoveFinalizer) => seen.object.finalizer = false,
        None => {}
    }
    match plan.sink {
        super::super::SinkOrder::Withdraw if matches!(seen.sink, Sink::Shown { .. }) => seen.sink = Sink::Absent,
        super::super::SinkOrder::Withdraw | super::super::SinkOrder::Keep => {}
    }
    seen
}

/// Later.
pub(super) fn after(mut seen: Seen, pause: Duration) -> Seen {
    seen.now = seen.now.checked_add(pause).unwrap();
    seen.intent_watched += pause;
    seen
}

/// The plan of the pass after the one that found a channel and wrote down that others are watched for.
pub(super) fn adopted(seen: &Seen) -> Plan {
    let first = planned(seen);
    assert_eq!(gist(&first), "Connecting", "the id comes after what is watched for");
    let watched = first.memory.repeated.as_ref();
    assert_eq!(watched.map(|repeated| repeated.at), Some(seen.now));
    planned(&written(seen.clone(), &first))
}

/// Whether a question ends in the command that takes an older answer away.
pub(super) fn takes_answer_away(plan: &Plan) -> bool {
    words(plan).ends_with("wazzup24.com/resolve-create-")
}
