//! One pass over a channel without the world around it: an object and an answer in, a plan and a status out.
//!
//! An input is a JSON document: `channel` is the object, `list` the body of a list's answer (a text: it failed), `byId`
//! the body of a look by id, `answer` what a call gets (`[status, body]`), `other` the small circumstances.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::Value;
use wazzup_operator::{
    api::{WazzupChannel, WazzupChannelStatus, names},
    cluster::memory,
    controller,
    model::{ChannelId, Fault},
    plan::{
        Account, AccountTrouble, Answer, Call, Claim, Kind, Look, Memory, Note, Object, Plan, Remote, RemoteById, Seen,
        Sink, Supply, Timing, Webhooks, Wish, broken_law, plan, report, settle,
    },
    wazzup,
};

use super::schema;

pub(super) const WORDS: &[&[u8]] = &[
    b"\"channel\":{",
    b"\"list\":{\"data\":[",
    b"\"byId\":{\"data\":[",
    b"\"answer\":[200,",
    b"\"answer\":[400,{\"code\":\"NO\"}]",
    b"\"other\":{\"intents\":1}",
    b"\"transport\":\"whatsapp\"",
    b"\"transport\":\"avito\"",
    b"\"transport\":\"vk\"",
    b"\"managementPolicy\":\"Observe\"",
    b"\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"",
    b"\"finalizers\":[\"wazzup24.com/channel\"]",
    b"\"wazzup24.com/create-intent\":",
    b"\"wazzup24.com/channel-id\":\"a\"",
    b"\"wazzup24.com/abandon\":\"true\"",
    b"\"wazzup24.com/resolve-create\":\"create\"",
    b"\"attempts\":{",
    b"\"2025-10-20T08:12:30.000000Z\"",
    b"\"-009999-01-02T01:59:59Z\"",
    b"\"9999-12-30T22:00:00.999999Z\"",
    b"\"status\":\"disabled\"",
    b"\"reason\":\"qridle\"",
    b"\"channel_id\":\"a\"",
];

pub(super) const INTENT_WORDS: &[&[u8]] = &[
    b"\"uid\":\"uid\"",
    b"\"nonce\":\"n\"",
    b"\"at\":\"2025-10-20T08:12:30Z\"",
    b"\"baseline\":[",
    b"\"cut\":true",
];

/// The time of the pass.
const NOW: i64 = 1_760_947_950;

/// The annotation that holds a create intent.
pub(super) fn intent(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    assert_eq!(
        memory::read_intent(&text, ""),
        None.or_else(|| memory::read_intent(&text, ""))
    );
    if let Some(intent) = memory::read_intent(&text, "uid") {
        let written = memory::write_intent(&intent, "uid").unwrap_or_default();
        assert_eq!(memory::read_intent(&written, "uid").as_ref(), Some(&intent));
        assert_eq!(memory::read_intent(&written, "another"), None);
        assert!(
            written.len() <= text.len() + 256,
            "an intent that grows as it is copied"
        );
    }
}

pub(super) fn channel(input: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(input) else {
        return;
    };
    // What was stored in a form of its own is compared in ours.
    let Some(object) = stored(&document["channel"]).and_then(|object| stored(&json_of(&object))) else {
        return;
    };
    let shown = json_of(&object);
    assert_eq!(stored(&shown).as_ref(), Some(&object), "what is written is read back");
    let fits = schema::misfit(schema::of("wazzupchannels"), &shown).is_none();
    let mut seen = seen(&document, &object);
    let made = lawful(&seen);
    remembered(&object, &seen, &made, fits);
    if let (Some(call), Ok(wish)) = (&made.call, seen.wish.clone()) {
        let settled = settle(&seen, &wish, &made, &answered(call, &document["answer"], &wish));
        assert!(settled.call.is_none(), "an answer calls for nothing at once");
        seen.memory = made.memory.clone();
        assert_eq!(broken_law(&seen, &settled), None);
        remembered(&object, &seen, &settled, fits);
    }
}

fn stored(value: &Value) -> Option<WazzupChannel> {
    serde_json::from_value(value.clone()).ok()
}

fn json_of(object: &WazzupChannel) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

fn lawful(seen: &Seen) -> Plan {
    let made = plan(seen);
    assert_eq!(broken_law(seen, &made), None, "{made:#?}");
    assert_eq!(plan(seen), made, "the same world has the same plan");
    made
}

/// The status that follows must be one that the API server takes, and it must remember what it was given.
fn remembered(object: &WazzupChannel, seen: &Seen, made: &Plan, fits: bool) {
    let before = object.status.clone().unwrap_or_default();
    let status = controller::status(object, &before, seen, made, &report(seen, made));
    let written = serde_json::to_value(&status).unwrap_or_default();
    let Ok(again) = serde_json::from_value::<WazzupChannelStatus>(written.clone()) else {
        unreachable!("a status that cannot be read: {written}");
    };
    if let Some(Note::OpenIntent(intent)) = &made.note {
        let text = memory::write_intent(intent, "uid").unwrap_or_default();
        assert_eq!(memory::read_intent(&text, "uid").as_ref(), Some(intent));
        assert!(text.len() < 16 << 10, "an intent of {} bytes", text.len());
    }
    if !fits {
        return;
    }
    let misfit = schema::misfit(&schema::of("wazzupchannels")["properties"]["status"], &written);
    assert_eq!(misfit, None, "the API server would refuse the status");
    let expected = Memory {
        was_seen: again.status.is_some(),
        ..made.memory.clone()
    };
    assert_eq!(memory::read(Some(&again)), expected, "something was forgotten");
}

fn seen(document: &Value, object: &WazzupChannel) -> Seen {
    let other = &document["other"];
    let word = |name: &str| other[name].as_str().unwrap_or_default();
    let annotations = object.annotations();
    let uid = object.uid().unwrap_or_default();
    let seconds = other["now"].as_i64().unwrap_or(NOW);
    let mut seen = Seen {
        now: Timestamp::from_second(seconds).unwrap_or_default(),
        nonce: "nonce".to_owned(),
        intent_watched: Duration::ZERO,
        timing: Timing::DEFAULT,
        object: Object {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            generation: object.metadata.generation.unwrap_or(0),
            observed_generation: object
                .status
                .as_ref()
                .and_then(|status| status.observed_generation)
                .unwrap_or(-1),
            deleting: object.metadata.deletion_timestamp.is_some(),
            finalizer: object.finalizers().iter().any(|one| one == names::CHANNEL_FINALIZER),
            namespace_terminating: word("namespace") == "going",
            kind: match word("kind") {
                "going" => Kind::Going,
                "" => Kind::Stays,
                why => Kind::Hidden(why.to_owned()),
            },
            abandon: annotations.get(names::ABANDON).is_some_and(|value| value == "true"),
            requests: memory::requests(annotations),
            intent: annotations
                .get(names::CREATE_INTENT)
                .and_then(|text| memory::read_intent(text, &uid)),
            channel_id: annotations
                .get(names::CHANNEL_ID)
                .and_then(|id| ChannelId::parse(id).ok()),
            uid,
        },
        wish: controller::wish(object, other["suspend"].as_bool().unwrap_or(false)),
        memory: memory::read(object.status.as_ref()),
        account: account(word("account")),
        remote: Remote::NotAsked,
        claim: match word("holder") {
            "" => Claim::Free,
            holder => Claim::HeldBy(holder.to_owned()),
        },
        credentials: supply(word("credentials")),
        two_factor: supply(word("password")),
        sink: match word("sink") {
            "" => Sink::Absent,
            "foreign" => Sink::Foreign,
            at => Sink::Shown {
                qr_at: at.parse().ok(),
                pairing_code: other["paired"].as_bool().unwrap_or(false),
                link: false,
            },
        },
    };
    seen.remote = remote(document, &seen);
    seen
}

fn account(word: &str) -> Account {
    let trouble = |trouble| Account::Trouble(trouble, "why".to_owned());
    match word {
        "pending" => Account::Pending,
        "missing" => trouble(AccountTrouble::NotFound),
        "refused" => trouble(AccountTrouble::NotAuthenticated),
        "far" => trouble(AccountTrouble::OutOfReach),
        "deaf" => Account::Usable {
            webhooks: Webhooks::Off,
        },
        _ => Account::Usable {
            webhooks: Webhooks::Ready,
        },
    }
}

fn supply(word: &str) -> Supply {
    match word {
        "" => Supply::NotNeeded,
        "missing" => Supply::Missing("Secret bot".to_owned()),
        "hidden" => Supply::Hidden("forbidden".to_owned()),
        hash => Supply::Present {
            hash: hash.chars().take(64).collect(),
        },
    }
}

fn answer(status: u16, body: &Value) -> wazzup::Answer {
    wazzup::Answer {
        status,
        body: body.to_string().into_bytes(),
        ..wazzup::Answer::default()
    }
}

fn remote(document: &Value, seen: &Seen) -> Remote {
    if document["list"].is_null() {
        return Remote::NotAsked;
    }
    let list = match answer(200, &document["list"]).channel_list() {
        Ok(list) => list,
        Err(fault) => return Remote::Hidden { fault, in_a_row: 3 },
    };
    let id = seen.channel_id();
    let mine = list.channels.iter().find(|channel| Some(&channel.id) == id).cloned();
    let by_id = match (id, &document["byId"]) {
        (Some(id), body) if mine.is_none() && !body.is_null() => {
            let status = if body.is_string() { 404 } else { 200 };
            match answer(status, body).channel(id) {
                Ok(channel) => RemoteById::Found(channel),
                Err(Fault::Missing { .. }) => RemoteById::Missing,
                Err(fault) => RemoteById::Hidden(fault),
            }
        }
        (Some(_) | None, _) => RemoteById::NotAsked,
    };
    let transport = seen.wish.as_ref().ok().map(|wish| wish.transport);
    let ours =
        |channel: &&wazzup_operator::model::RemoteChannel| transport.is_some_and(|transport| channel.is(transport));
    Remote::Looked(Look {
        age: Duration::ZERO,
        by_id,
        unclaimed: list
            .channels
            .iter()
            .filter(ours)
            .filter(|one| Some(&one.id) != id)
            .cloned()
            .collect(),
        claimed: Vec::new(),
        empty: list.channels.is_empty(),
        complete: list.unreadable == 0,
        other_intents: document["other"]["intents"].as_u64().map_or(Vec::new(), |count| {
            vec![Vec::new(); usize::try_from(count).map_or(1, |count| count.min(9))]
        }),
        mine,
    })
}

/// What a call gets.
fn answered(call: &Call, document: &Value, wish: &Wish) -> Answer {
    let status = document[0].as_u64().and_then(|status| u16::try_from(status).ok());
    let answer = answer(status.unwrap_or(500), &document[1]);
    match call {
        Call::Create { .. } => Answer::Create(answer.created(wish.transport)),
        Call::Reinit(id) => Answer::Reinit(answer.reinitialized(id)),
        Call::SubmitTwoFactor(_) => Answer::TwoFactor(answer.done()),
        Call::RequestPairingCode(..) => Answer::PairingCode(answer.pairing_code().map(|_| ())),
        Call::OpenLink(_) => Answer::Link(answer.iframe_link().map(|_| ())),
        Call::Delete { .. } => Answer::Delete(answer.done()),
    }
}
