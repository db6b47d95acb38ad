//! What failed is not asked again at once, though every write of our own wakes the next pass.

use std::time::Duration;

use super::super::{Answer, Call, Need, Seen, Sink, settle};
use super::stage::{after, at, fresh, gist, id, known, need, planned, told, unclear, words, written};
use crate::model::{CreateOutcome, Fault, NotSent, Transport};

#[test]
fn a_look_that_shows_the_channel_counts_though_its_call_is_held_back() {
    let mut seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
    let plan = planned(&seen);
    let held = settle(
        &seen,
        seen.wish.as_ref().unwrap(),
        &plan,
        &answer(plan.call.as_ref().unwrap(), &faults()[4]),
    );
    seen = written(seen, &held);
    (seen.memory.missing_since, seen.memory.loss_believed) = (Some(at(-3_600)), true);
    let plan = planned(&seen);
    assert!(plan.call.is_none(), "{plan:?}");
    assert_eq!((plan.memory.missing_since, plan.memory.loss_believed), (None, false));
}

fn faults() -> Vec<Fault> {
    let words = || "the service's words".to_owned();
    vec![
        Fault::Denied {
            status: 403,
            words: words(),
        },
        Fault::Missing { words: words() },
        Fault::Rejected {
            status: 409,
            words: words(),
        },
        Fault::Throttled { retry_after: None },
        Fault::NotSent {
            kind: NotSent::Connect,
            why: words(),
        },
        Fault::Unclear { why: words() },
    ]
}

fn answer(call: &Call, fault: &Fault) -> Answer {
    let fault = fault.clone();
    match call {
        Call::Create { .. } => Answer::Create(match fault {
            Fault::NotSent { .. } | Fault::Throttled { .. } => CreateOutcome::NotSent(fault),
            Fault::Unclear { .. } => CreateOutcome::Unknown(fault),
            Fault::Denied { .. } | Fault::Missing { .. } | Fault::Rejected { .. } => CreateOutcome::Refused(fault),
        }),
        Call::Reinit(_) => Answer::Reinit(Err(fault)),
        Call::SubmitTwoFactor(_) => Answer::TwoFactor(Err(fault)),
        Call::RequestPairingCode(..) => Answer::PairingCode(Err(fault)),
        Call::OpenLink(_) => Answer::Link(Err(fault)),
        Call::Delete { .. } => Answer::Delete(Err(fault)),
    }
}

/// Seconds at which calls are made while every one of them fails and something wakes a pass ten times a second.
fn calls(mut seen: Seen, fault: &Fault, seconds: u32) -> Vec<u32> {
    let mut made = Vec::new();
    for tenth in 0..seconds * 10 {
        let plan = planned(&seen);
        let before = seen.clone();
        seen = written(seen, &plan);
        if let Some(call) = &plan.call {
            made.push(tenth / 10);
            let settled = settle(&before, before.wish.as_ref().unwrap(), &plan, &answer(call, fault));
            seen = written(seen, &settled);
        }
        seen = after(seen, Duration::from_millis(100));
    }
    made
}

fn worlds() -> Vec<(&'static str, Seen)> {
    let mut two_factor = known(Transport::Tgapi, "init", Some("wait_for_password"));
    two_factor.two_factor = super::super::Supply::Present { hash: "k:2".into() };
    let mut rotated = known(Transport::Telegram, "active", None);
    rotated.credentials = super::super::Supply::Present { hash: "k:2".into() };
    let mut pairing = known(Transport::Whatsapp, "init", Some("qr"));
    pairing.sink = Sink::Shown {
        qr_at: Some(at(0)),
        pairing_code: false,
        link: false,
    };
    super::stage::wished(&mut pairing).pairing_phone = crate::model::Phone::parse("79990001122").ok();
    let mut asked = known(Transport::Whatsapp, "disabled", Some("openelsewhere"));
    asked.object.requests.reinit = Some("now".into());
    let mut going = known(Transport::Telegram, "active", None);
    going.object.deleting = true;
    vec![
        ("a bot that is created", fresh(Transport::Telegram)),
        ("a QR channel that is created", fresh(Transport::Whatsapp)),
        ("a first login link", fresh(Transport::Vk)),
        (
            "a link that reconnects",
            known(Transport::Vk, "disabled", Some("unauthorized")),
        ),
        (
            "a logged out bot",
            known(Transport::Telegram, "disabled", Some("unauthorized")),
        ),
        ("a QR that ran out", known(Transport::Viber, "disabled", Some("qridle"))),
        (
            "a logged out WABA channel",
            known(Transport::Wapi, "disabled", Some("unauthorized")),
        ),
        ("rotated credentials", rotated),
        ("a person's request", asked),
        ("a two-factor password", two_factor),
        ("a pairing code", pairing),
        ("a deletion", going),
    ]
}

#[test]
fn no_call_that_failed_is_made_again_at_once_however_often_something_wakes_the_pass() {
    for (world, seen) in worlds() {
        for fault in faults() {
            let made = calls(seen.clone(), &fault, 20);
            assert!(
                !made.is_empty() && made.len() <= 3,
                "{world}, {fault}: {} calls",
                made.len()
            );
        }
    }
}

#[test]
fn the_pauses_grow_to_five_minutes_and_an_edited_manifest_ends_them() {
    let fault = Fault::NotSent {
        kind: NotSent::Connect,
        why: "no route".into(),
    };
    let mut made = calls(fresh(Transport::Telegram), &fault, 1_000);
    made.truncate(20);
    assert_eq!(made, [0, 5, 15, 35, 75, 155, 315, 615, 915]);
    let mut seen = fresh(Transport::Telegram);
    let plan = planned(&seen);
    seen = written(seen, &plan);
    let outcome = answer(&plan.call.clone().unwrap(), &fault);
    let settled = settle(&seen, seen.wish.as_ref().unwrap(), &plan, &outcome);
    seen = written(seen, &settled);
    let held = planned(&seen);
    assert_eq!(gist(&held), "Creating");
    assert!(words(&held).contains("no route"), "{}", words(&held));
    assert_eq!(words(&held), words(&settled), "the second pass has nothing to write");
    seen.object.generation += 1;
    assert_eq!(gist(&planned(&seen)), "intent, create alone, Creating");
}

#[test]
fn what_works_again_is_not_held_back_by_what_failed_before() {
    let mut seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
    let fault = Fault::NotSent {
        kind: NotSent::Connect,
        why: "no route".into(),
    };
    let plan = planned(&seen);
    let settled = settle(&seen, seen.wish.as_ref().unwrap(), &plan, &Answer::Reinit(Err(fault)));
    assert!(settled.memory.setback.is_some());
    seen = after(written(seen, &settled), Duration::from_secs(6));
    let plan = planned(&seen);
    assert_eq!(plan.call, Some(Call::Reinit(id("mine"))));
    let settled = settle(&seen, seen.wish.as_ref().unwrap(), &plan, &Answer::Reinit(Ok(None)));
    assert_eq!(settled.memory.setback, None);
}

#[test]
fn a_refused_link_that_reconnects_is_said_and_asked_for_again_on_request() {
    let mut seen = known(Transport::Vk, "disabled", Some("unauthorized"));
    let fault = Fault::Rejected {
        status: 409,
        words: "no such community".into(),
    };
    let plan = planned(&seen);
    let settled = settle(&seen, seen.wish.as_ref().unwrap(), &plan, &Answer::Link(Err(fault)));
    seen = after(written(seen, &settled), Duration::from_secs(60));
    let plan = planned(&seen);
    assert_eq!(
        (told(&plan).as_str(), need(&plan)),
        ("FollowLink", Some(Need::FollowLink))
    );
    assert!(
        words(&plan).contains("no such community") && words(&plan).contains("reinit-requested-at"),
        "{}",
        words(&plan)
    );
    seen.object.requests.reinit = Some("now".into());
    assert_eq!(planned(&seen).call, Some(Call::OpenLink(Some(id("mine")))));
}

#[test]
fn a_link_is_written_down_before_it_is_asked_for_so_that_no_pass_with_an_older_view_asks_too() {
    for seen in [
        fresh(Transport::Vk),
        unclear(Transport::Vk, 30),
        known(Transport::Vk, "disabled", Some("unauthorized")),
    ] {
        let plan = planned(&seen);
        assert!(matches!(plan.call, Some(Call::OpenLink(_))), "{plan:?}");
        assert_ne!(plan.memory, seen.memory, "the write that an older view fails at");
        let died = written(seen.clone(), &plan);
        assert_eq!(planned(&died).call, None, "{}", gist(&planned(&died)));
        assert!(
            planned(&after(died, Duration::from_secs(6))).call.is_some(),
            "its answer was lost"
        );
        let shown = settle(&seen, seen.wish.as_ref().unwrap(), &plan, &Answer::Link(Ok(())));
        assert_eq!(shown.memory.setback, None);
    }
}
