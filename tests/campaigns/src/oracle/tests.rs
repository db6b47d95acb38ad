//! Each verdict over a record that is right and over ones that are not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wazzup_operator::api::{WazzupChannel, names};

use super::{record, rest};
use crate::{
    Side,
    proxy::{IntentPatch, Message, Told, Truth},
};

const OPENED: IntentPatch = IntentPatch::Opened { versioned: true };

/// A message that came so many milliseconds after the beginning and was answered 200 at once.
fn message(begun: Instant, at: u64, side: Side, label: &str) -> Message {
    Message {
        side,
        label: label.to_owned(),
        path: format!("/{label}"),
        replica: Some(0),
        at: begun + Duration::from_millis(at),
        status: Some(200),
        fault: None,
        held: Some(Duration::from_millis(5)),
        accept: String::new(),
        run: 1,
        told: Told::default(),
        truth: Some(Truth {
            status: 200,
            terminating: false,
        }),
    }
}

fn create(begun: Instant, at: u64) -> Message {
    message(begun, at, Side::Wazzup, "POST /v2/channels")
}

fn patch(begun: Instant, at: u64, object: &str, intent: IntentPatch) -> Message {
    Message {
        path: format!("/{object}?fieldManager=x"),
        told: Told {
            intent: Some(intent),
            account: None,
        },
        ..message(begun, at, Side::Kubernetes, "PATCH wazzupchannels")
    }
}

fn intents(messages: &[Message], objects: usize) -> bool {
    record::intent_before_create(messages, objects).is_ok()
}

#[test]
fn an_intent_serves_the_create_that_follows_it() {
    let begun = Instant::now();
    let good = [patch(begun, 0, "a", OPENED), create(begun, 10)];
    assert_eq!(record::intent_before_create(&good, 1), Ok(()));
    // What has answered a create ends its intent; of two that are open at once each serves its own.
    let two = [
        patch(begun, 0, "a", OPENED),
        patch(begun, 1, "b", OPENED),
        create(begun, 10),
        patch(begun, 20, "b", IntentPatch::Cleared),
        create(begun, 30),
    ];
    assert_eq!(record::intent_before_create(&two, 2), Ok(()));
    assert!(!intents(&two, 1), "of one object a create uses up both");
}

#[test]
fn a_create_without_an_intent_of_its_own_is_seen() {
    let begun = Instant::now();
    let with = |change: fn(&mut Message)| {
        let mut intent = patch(begun, 0, "a", OPENED);
        change(&mut intent);
        intents(&[intent, create(begun, 10)], 9)
    };
    assert!(with(|_| {}));
    assert!(!with(|patch| patch.told.intent = None), "any other patch");
    assert!(!with(
        |patch| patch.told.intent = Some(IntentPatch::Opened { versioned: false })
    ));
    assert!(!with(|patch| patch.told.intent = Some(IntentPatch::Cleared)));
    assert!(!with(|patch| patch.status = Some(409)), "not told as taken");
    assert!(!with(|patch| patch.status = None), "without an answer");
    assert!(
        !with(|patch| patch.truth = None),
        "a rule's answer, and it never arrived"
    );
    assert!(!with(|patch| patch.fault = Some("Truncate".to_owned())));
    assert!(!with(|patch| patch.held = None), "still on its way");
    assert!(
        !with(|patch| patch.held = Some(Duration::from_secs(1))),
        "answered after"
    );
    assert!(!with(|patch| patch.run = 2), "of another process");
    assert!(!with(|patch| patch.replica = Some(1)), "of another replica");
    assert!(!intents(&[create(begun, 10)], 1));
    let late = [patch(begun, 0, "a", OPENED), create(begun, 61_000)];
    assert!(!intents(&late, 1), "long ago");
}

#[test]
fn an_intent_serves_no_second_create_and_none_when_it_is_over() {
    let begun = Instant::now();
    let twice = [patch(begun, 0, "a", OPENED), create(begun, 10), create(begun, 20)];
    assert!(!intents(&twice, 1) && !intents(&twice, 9));
    let over = [
        patch(begun, 0, "a", OPENED),
        patch(begun, 10, "a", IntentPatch::Cleared),
        create(begun, 20),
    ];
    assert!(!intents(&over, 9));
    let mut again = twice.to_vec();
    again.insert(2, patch(begun, 12, "a", OPENED));
    assert!(intents(&again, 1) && intents(&again, 9));
}

#[test]
fn a_call_that_is_held_for_too_long_is_seen_also_while_it_hangs() {
    let begun = Instant::now();
    let held = |side, label, held: Option<u64>, after| {
        let held = held.map(Duration::from_secs);
        let message = Message {
            held,
            ..message(begun, 0, side, label)
        };
        record::calls_end(&[message], begun + Duration::from_secs(after)).is_ok()
    };
    let kubernetes = |end, after| held(Side::Kubernetes, "GET secrets", end, after);
    assert!(kubernetes(Some(16), 500) && kubernetes(None, 16));
    assert!(!kubernetes(Some(20), 500) && !kubernetes(None, 20));
    let list = |end, after| held(Side::Wazzup, "GET /v2/channels", end, after);
    assert!(list(Some(21), 500) && !list(Some(25), 500) && !list(None, 25));
    let create = |end, after| held(Side::Wazzup, "POST /v2/channels", end, after);
    assert!(create(Some(26), 500) && !create(Some(30), 500) && !create(None, 30));
}

#[test]
fn what_is_asked_again_and_again_is_seen() {
    let begun = Instant::now();
    let every = |side, label, pause: u64, times: u64| -> Vec<Message> {
        (0..times)
            .map(|number| message(begun, number * pause, side, label))
            .collect()
    };
    let judged = |messages: &[Message]| record::nothing_hammered(messages, 1).is_ok();
    for (label, pause, most) in [
        ("GET secrets", 10, 8),
        ("GET secrets", 300, 25),
        ("GET secrets", 900, 50),
    ] {
        assert!(judged(&every(Side::Kubernetes, label, pause, most)));
        let more = every(Side::Kubernetes, label, pause, most + 1);
        assert!(!judged(&more), "{pause} ms");
        assert!(record::nothing_hammered(&more, 2).is_ok(), "two processes");
    }
    assert!(judged(&every(Side::Wazzup, "GET /v2/channels", 10, 16)));
    assert!(!judged(&every(Side::Wazzup, "GET /v2/channels", 10, 17)));
    // A write that was taken is progress, one that was not is none.
    let mut writes = every(Side::Kubernetes, "PATCH wazzupchannels", 10, 20);
    assert!(judged(&writes));
    for write in &mut writes {
        write.status = Some(409);
    }
    assert!(!judged(&writes));
}

#[test]
fn an_account_that_is_asked_faster_than_its_limit_is_seen() {
    let begun = Instant::now();
    let asked = |pause: u64, times: u64, label: &str| -> Vec<Message> {
        let ask = |number: u64| Message {
            told: Told {
                intent: None,
                account: Some(7),
            },
            ..message(begun, number * pause, Side::Wazzup, label)
        };
        (0..times).map(ask).collect()
    };
    let judged = |messages: &[Message]| record::pace_is_kept(messages).is_ok();
    let list = "GET /v2/channels";
    assert!(judged(&asked(0, 60, list)) && !judged(&asked(0, 61, list)), "a burst");
    assert!(judged(&asked(50, 2_000, list)), "the rate");
    assert!(!judged(&asked(40, 2_000, list)), "a quarter more");
    assert!(judged(&asked(0, 61, "POST /v2/oauth/token")));
    assert!(!judged(&[message(begun, 0, Side::Wazzup, list)]), "nobody's");
    let mut several = asked(0, 100, list);
    several[..50]
        .iter_mut()
        .for_each(|message| message.told.account = Some(8));
    assert!(judged(&several), "two accounts");
    let mut several = asked(0, 100, list);
    for message in &mut several[..50] {
        message.run = 2;
    }
    assert!(judged(&several), "two processes");
}

#[test]
fn a_right_that_is_missing_is_seen() {
    let judged = |side, truth: Option<Truth>| {
        let refused = Message {
            status: Some(403),
            truth,
            ..message(Instant::now(), 0, side, "PATCH wazzupchannels")
        };
        record::rights_suffice(&[refused]).is_ok()
    };
    let refused = |terminating| {
        Some(Truth {
            status: 403,
            terminating,
        })
    };
    let taken = Some(Truth {
        status: 200,
        terminating: false,
    });
    assert!(!judged(Side::Kubernetes, refused(false)));
    assert!(judged(Side::Kubernetes, refused(true)), "the namespace goes");
    assert!(judged(Side::Kubernetes, None), "a rule's answer");
    assert!(judged(Side::Kubernetes, taken), "a rule's answer after the true one");
    assert!(judged(Side::Wazzup, refused(false)), "the service's own affair");
}

#[test]
fn a_write_at_rest_is_seen() {
    let judged = |side, label: &str| record::no_writes(&[message(Instant::now(), 0, side, label)]).is_ok();
    for label in [
        "LIST secrets",
        "WATCH wazzupchannels",
        "GET configmaps",
        "PUT leases",
        "PATCH leases",
    ] {
        assert!(judged(Side::Kubernetes, label), "{label}");
    }
    for label in [
        "PATCH wazzupchannels/status",
        "PATCH wazzupaccounts",
        "POST events",
        "PATCH events",
        "PATCH configmaps",
    ] {
        assert!(!judged(Side::Kubernetes, label), "{label}");
    }
    assert!(judged(Side::Wazzup, "GET /v2/channels"));
    assert!(!judged(Side::Wazzup, "PATCH /v2/webhooks") && !judged(Side::Wazzup, "POST /v2/channels/{id}/reinit"));
}

fn object(name: &str, id: Option<&str>, ready: bool) -> WazzupChannel {
    let ready = json!({
        "type": "Ready", "status": if ready { "True" } else { "False" }, "reason": "Connected", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let status = json!({"channelId": id, "observedGeneration": 2, "conditions": [ready]});
    object_with(name, &json!({}), &status)
}

fn object_with(name: &str, annotations: &Value, status: &Value) -> WazzupChannel {
    serde_json::from_value(json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
        "metadata": {"name": name, "generation": 2, "annotations": annotations},
        "spec": {"transport": "telegram"}, "status": status,
    }))
    .unwrap()
}

#[test]
fn an_orphan_a_shared_channel_and_an_open_create_are_seen() {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let judged = |objects: &[WazzupChannel], remote: &[&str]| rest::one_channel_each(objects, &ids(remote)).is_ok();
    let (a, b) = (object("a", Some("1"), true), object("b", Some("2"), true));
    let both = [a.clone(), b];
    assert!(judged(&both, &["2", "1"]));
    assert!(!judged(&both, &["1", "2", "3"]), "an orphan");
    assert!(!judged(&both, &["1"]), "one that is gone");
    assert!(!judged(&[a.clone(), object("b", Some("1"), true)], &["1"]), "shared");
    assert!(!judged(&[a, object("b", None, false)], &["1"]), "none");
    let open = object_with("a", &json!({names::CREATE_INTENT: "{}"}), &json!({"channelId": "1"}));
    assert!(!judged(&[open], &["1"]));
}

#[test]
fn a_deletion_that_nobody_wanted_is_seen() {
    let judged = |allowed: &[&str]| {
        let allowed: Vec<String> = allowed.iter().map(|id| (*id).to_owned()).collect();
        rest::deleted_only(["1", "1"].into_iter(), &allowed).is_ok()
    };
    assert!(judged(&["1"]) && judged(&["2", "1"]));
    assert!(!judged(&[]) && !judged(&["2"]));
}

#[test]
fn a_status_that_lies_or_is_old_is_seen() {
    let judged =
        |object: WazzupChannel, active: bool| rest::status_is_true(&[object], |id| id == "1" && active).is_ok();
    assert!(judged(object("a", Some("1"), true), true) && judged(object("a", Some("1"), false), false));
    assert!(!judged(object("a", Some("1"), true), false) && !judged(object("a", Some("1"), false), true));
    let mut old = object("a", Some("1"), true);
    old.metadata.generation = Some(3);
    assert!(!judged(old, true));
    assert!(judged(object("a", None, false), true) && !judged(object("a", None, true), true));
}

#[test]
fn a_line_about_a_defect_is_seen() {
    assert_eq!(rest::log_is_sound("INFO ready\nWARN no answer"), Ok(()));
    for bad in [
        "thread 'main' panicked at",
        "ERROR internal error: a law",
        "a defect of the operator",
    ] {
        assert!(rest::log_is_sound(&format!("INFO ready\n{bad}\n")).is_err(), "{bad}");
    }
}

#[test]
fn who_ends_without_being_asked_is_found_unless_a_lease_may_be_lost() {
    let end = |wait: i32| <std::process::ExitStatus as std::os::unix::process::ExitStatusExt>::from_raw(wait);
    let (ended, failed, terminated, aborted) = (end(0), end(1 << 8), end(15), end(6));
    let judged = |ends: &[std::process::ExitStatus], elects| rest::ends_are_in_order(ends, elects).is_ok();
    assert!(judged(&[ended, terminated], false));
    assert!(!judged(&[ended, failed], false) && judged(&[failed], true));
    for elects in [false, true] {
        assert!(!judged(&[aborted], elects) && !judged(&[end(101 << 8)], elects));
    }
}
