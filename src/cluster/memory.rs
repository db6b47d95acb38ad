//! What a channel's status and annotations remember, to and from the planner's values.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use serde::{Deserialize, Serialize};

use crate::{
    api::{Attempts, FailedRequest, Handled, QrStatus, RefusedRequest, RepeatedCreate, WazzupChannelStatus, names},
    model::ChannelId,
    plan::{Intent, Memory, Refusal, RefusedCall, Repeated, Requests, Setback},
};

/// Reads the memory out of a status.
pub fn read(status: Option<&WazzupChannelStatus>) -> Memory {
    let Some(status) = status else { return Memory::default() };
    let attempts = status.attempts.clone().unwrap_or_default();
    let handled = status.handled.clone().unwrap_or_default();
    Memory {
        channel_id: status.channel_id.as_deref().and_then(|id| ChannelId::parse(id).ok()),
        was_seen: status.status.is_some(),
        reinits: u32::try_from(attempts.reinits).unwrap_or(0),
        last_reinit_at: attempts.last_reinit_at.map(|at| at.0),
        reinit_unanswered: attempts.reinit_unanswered.map(|at| at.0),
        credentials_hash: attempts.credentials_hash,
        two_factor_hash: attempts.two_factor_hash,
        qr_since: attempts.qr_since.map(|at| at.0),
        missing_since: attempts.missing_since.map(|at| at.0),
        loss_believed: attempts.loss_believed,
        pairing_asked_for: attempts.pairing_asked_for.map(|at| at.0),
        pairing_given: attempts.pairing_given,
        link_at: attempts.link_at.map(|at| at.0),
        url: status.url.clone(),
        refusal: attempts.refused.and_then(refusal),
        setback: attempts.setback.map(|failed| Setback {
            at: failed.at.0,
            in_a_row: u32::try_from(failed.in_a_row).unwrap_or(1),
            words: failed.words,
        }),
        qr_closed_at: status.qr.as_ref().and_then(|qr| qr.closed_at.clone()).map(|at| at.0),
        repeated: attempts.create_repeated.map(|repeated| Repeated {
            at: repeated.at.0,
            known: ids(&repeated.known),
        }),
        twins: ids(&attempts.suspected_twins),
        handled: Requests {
            reinit: handled.reinit_requested_at,
            sync: handled.sync_requested_at,
            pairing: handled.pairing_requested_at,
            recreate: handled.recreate_requested_at,
            resolve_create: handled.resolve_create,
        },
    }
}

fn ids(words: &[String]) -> Vec<ChannelId> {
    words.iter().filter_map(|word| ChannelId::parse(word).ok()).collect()
}

/// Writes the memory into a status.
pub fn write(memory: &Memory, status: &mut WazzupChannelStatus) {
    status.channel_id = memory.channel_id.as_ref().map(ToString::to_string);
    status.url.clone_from(&memory.url);
    let attempts = Attempts {
        reinits: i32::try_from(memory.reinits).unwrap_or(i32::MAX),
        last_reinit_at: memory.last_reinit_at.map(MicroTime),
        reinit_unanswered: memory.reinit_unanswered.map(MicroTime),
        credentials_hash: memory.credentials_hash.clone(),
        two_factor_hash: memory.two_factor_hash.clone(),
        qr_since: memory.qr_since.map(MicroTime),
        missing_since: memory.missing_since.map(MicroTime),
        loss_believed: memory.loss_believed,
        pairing_asked_for: memory.pairing_asked_for.map(MicroTime),
        pairing_given: memory.pairing_given,
        link_at: memory.link_at.map(MicroTime),
        refused: memory.refusal.as_ref().map(|refusal| RefusedRequest {
            request: request_word(refusal.call).to_owned(),
            at: Time(refusal.at),
            words: refusal.words.chars().take(1_000).collect(),
        }),
        setback: memory.setback.as_ref().map(|setback| FailedRequest {
            at: MicroTime(setback.at),
            in_a_row: i32::try_from(setback.in_a_row).unwrap_or(i32::MAX),
            words: setback.words.chars().take(1_000).collect(),
        }),
        create_repeated: memory.repeated.as_ref().map(|repeated| RepeatedCreate {
            at: MicroTime(repeated.at),
            known: repeated.known.iter().map(ToString::to_string).collect(),
        }),
        suspected_twins: memory.twins.iter().map(ToString::to_string).collect(),
    };
    status.attempts = (attempts != Attempts::default()).then_some(attempts);
    let handled = Handled {
        reinit_requested_at: memory.handled.reinit.clone(),
        sync_requested_at: memory.handled.sync.clone(),
        pairing_requested_at: memory.handled.pairing.clone(),
        recreate_requested_at: memory.handled.recreate.clone(),
        resolve_create: memory.handled.resolve_create.clone(),
    };
    status.handled = (handled != Handled::default()).then_some(handled);
    let name = status.qr.as_ref().and_then(|qr| qr.name.clone());
    let qr = QrStatus {
        name,
        closed_at: memory.qr_closed_at.map(MicroTime),
    };
    status.qr = (qr != QrStatus::default()).then_some(qr);
}

/// The requests that a person has annotated; a value is cut to what the status can echo.
pub fn requests(annotations: &BTreeMap<String, String>) -> Requests {
    let asked = |name: &str| {
        annotations
            .get(name)
            .filter(|value| !value.is_empty())
            .map(|value| value.chars().take(200).collect())
    };
    Requests {
        reinit: asked(names::REINIT_REQUESTED),
        sync: asked(names::SYNC_REQUESTED),
        pairing: asked(names::PAIRING_REQUESTED),
        recreate: asked(names::RECREATE_REQUESTED),
        resolve_create: asked(names::RESOLVE_CREATE),
    }
}

/// The create intent as it stands in its annotation, as JSON.
#[derive(Serialize, Deserialize)]
struct StoredIntent {
    uid: String,
    nonce: String,
    at: Timestamp,
    baseline: Vec<ChannelId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Reads an intent; one that was copied from another object, or is not one, is none.
pub fn read_intent(text: &str, uid: &str) -> Option<Intent> {
    let stored: StoredIntent = serde_json::from_str(text).ok()?;
    (stored.uid == uid).then_some(Intent {
        at: stored.at,
        nonce: stored.nonce,
        baseline: stored.baseline,
        baseline_cut: stored.cut,
    })
}

/// Writes an intent.
pub fn write_intent(intent: &Intent, uid: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&StoredIntent {
        uid: uid.to_owned(),
        nonce: intent.nonce.clone(),
        at: intent.at,
        baseline: intent.baseline.clone(),
        cut: intent.baseline_cut,
    })
}

const REQUEST_WORDS: [(RefusedCall, &str); 6] = [
    (RefusedCall::Create, "create"),
    (RefusedCall::Reinit, "reinit"),
    (RefusedCall::TwoFactor, "twoFactor"),
    (RefusedCall::PairingCode, "pairingCode"),
    (RefusedCall::Link, "link"),
    (RefusedCall::Delete, "delete"),
];

fn request_word(call: RefusedCall) -> &'static str {
    REQUEST_WORDS
        .iter()
        .find(|(known, _)| *known == call)
        .map_or("", |(_, word)| word)
}

fn refusal(stored: RefusedRequest) -> Option<Refusal> {
    let (call, _) = REQUEST_WORDS.iter().find(|(_, word)| *word == stored.request)?;
    Some(Refusal {
        call: *call,
        at: stored.at.0,
        words: stored.words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    #[test]
    fn what_is_remembered_comes_back_as_it_was() {
        let memory = Memory {
            channel_id: Some(ChannelId::parse("a-1").unwrap()),
            was_seen: true,
            reinits: 2,
            last_reinit_at: Some(at(1_234)),
            reinit_unanswered: Some(at(1_300)),
            credentials_hash: Some("k:h".into()),
            two_factor_hash: Some("k:g".into()),
            qr_since: Some(at(2_345)),
            missing_since: Some(at(3_456)),
            loss_believed: true,
            pairing_asked_for: Some(at(4_000)),
            pairing_given: true,
            link_at: Some(at(5_678)),
            // As long as a link may be: cut it leads nowhere.
            url: Some(format!("https://x/{}", "y".repeat(4_086))),
            refusal: Some(Refusal {
                call: RefusedCall::TwoFactor,
                at: at(6_000),
                words: "no".into(),
            }),
            setback: Some(Setback {
                at: at(6_500),
                in_a_row: 3,
                words: "down".into(),
            }),
            qr_closed_at: Some(at(7_890)),
            repeated: Some(Repeated {
                at: at(8_000),
                known: vec![ChannelId::parse("b").unwrap()],
            }),
            twins: vec![ChannelId::parse("c").unwrap()],
            handled: Requests {
                reinit: Some("x".into()),
                ..Requests::default()
            },
        };
        let mut status = WazzupChannelStatus {
            status: Some("init".into()),
            ..WazzupChannelStatus::default()
        };
        write(&memory, &mut status);
        let stored: WazzupChannelStatus = serde_json::from_value(serde_json::to_value(&status).unwrap()).unwrap();
        assert_eq!(read(Some(&stored)), memory);
    }

    #[test]
    fn an_intent_of_another_object_is_none() {
        let intent = Intent {
            at: at(1),
            nonce: "n".into(),
            baseline: vec![ChannelId::parse("a").unwrap()],
            baseline_cut: false,
        };
        let text = write_intent(&intent, "uid-1").unwrap();
        assert_eq!(read_intent(&text, "uid-1"), Some(intent));
        assert_eq!(read_intent(&text, "uid-2"), None);
        assert_eq!(read_intent("not json", "uid-1"), None);
    }
}
