//! What each answer changes: in the metadata, in what is remembered, in what people are told.

use std::time::Duration;

use super::super::{Answer, Call, Note, Plan, RefusedCall, Seen, Sink, SinkOrder, Supply, Wake, settle};
use super::stage::{at, fresh, gist, id, known, looked, planned, remote, wished, words};
use crate::model::{CreateOutcome, Fault, NotSent, Phone, Transport};

fn rejected() -> Fault {
    Fault::Rejected {
        status: 400,
        words: "no such thing".into(),
    }
}

fn not_sent() -> Fault {
    Fault::NotSent {
        kind: NotSent::Connect,
        why: "refused".into(),
    }
}

fn throttled() -> Fault {
    Fault::Throttled {
        retry_after: Some(Duration::from_secs(9)),
    }
}

fn unclear() -> Fault {
    Fault::Unclear { why: "deadline".into() }
}

fn missing() -> Fault {
    Fault::Missing { words: "gone".into() }
}

/// The plan for what was seen, and what is left of it after the answer.
fn settled(seen: &Seen, answer: &Answer) -> Plan {
    let plan = planned(seen);
    assert!(plan.call.is_some(), "nothing was called: {plan:?}");
    settle(seen, seen.wish.as_ref().unwrap(), &plan, answer)
}

#[test]
fn a_created_channel_is_recorded_with_its_link_and_the_credentials_that_made_it() {
    let mut made = remote("new", Transport::Telegram, "init", None);
    made.url = Some("https://example.com/way-in".into());
    let mut seen = fresh(Transport::Telegram);
    seen.memory.was_seen = true;
    let plan = settled(&seen, &Answer::Create(CreateOutcome::Created(made)));
    assert!(!plan.memory.was_seen, "that was the channel before");
    assert_eq!(plan.note, Some(Note::RecordId(id("new"))));
    assert_eq!(plan.memory.channel_id, Some(id("new")));
    assert_eq!(plan.memory.url.as_deref(), Some("https://example.com/way-in"));
    assert_eq!(plan.memory.credentials_hash.as_deref(), Some("k:1"));
    assert_eq!(plan.wake, Wake::LookAfter(Duration::ZERO));
}

#[test]
fn a_create_whose_token_was_refused_blames_the_account_and_not_the_credentials() {
    let denied = Fault::Denied {
        status: 401,
        words: "revoked".into(),
    };
    let answer = Answer::Create(CreateOutcome::Refused(denied));
    let plan = settled(&fresh(Transport::Telegram), &answer);
    assert_eq!(gist(&plan), "clear, Creating");
    assert_eq!((plan.memory.refusal, plan.memory.credentials_hash), (None, None));
    assert!(
        matches!(plan.wake, Wake::LookAfter(_)),
        "the list that follows tells the account"
    );
}

#[test]
fn a_refused_create_made_nothing_and_says_why() {
    let refused = Answer::Create(CreateOutcome::Refused(rejected()));
    let plan = settled(&fresh(Transport::Telegram), &refused);
    assert_eq!(gist(&plan), "clear, RefusedCredentials");
    assert!(words(&plan).contains("no such thing"));
    assert_eq!(
        plan.memory.refusal.as_ref().map(|refusal| refusal.call),
        Some(RefusedCall::Create)
    );
    assert_eq!(
        plan.memory.credentials_hash.as_deref(),
        Some("k:1"),
        "they are not tried again"
    );
    let plan = settled(&fresh(Transport::Whatsapp), &refused);
    assert_eq!(gist(&plan), "clear, Stalled/Rejected");
}

#[test]
fn a_create_that_never_left_clears_its_intent_and_is_tried_again() {
    for (fault, pause) in [(not_sent(), 5), (throttled(), 9)] {
        let plan = settled(
            &fresh(Transport::Telegram),
            &Answer::Create(CreateOutcome::NotSent(fault)),
        );
        assert_eq!(gist(&plan), "clear, Creating");
        assert_eq!((plan.memory.refusal, plan.memory.credentials_hash), (None, None));
        assert_eq!(plan.wake, Wake::LookAfter(Duration::from_secs(pause)));
    }
}

#[test]
fn a_create_that_is_answered_with_a_channel_of_before_has_made_nothing_and_takes_nothing() {
    let mut seen = fresh(Transport::Telegram);
    looked(&mut seen).unclaimed = vec![remote("a-persons", Transport::Telegram, "active", None)];
    looked(&mut seen).claimed = vec![id("another-objects")];
    for older in ["a-persons", "another-objects"] {
        let made = remote(older, Transport::Telegram, "active", None);
        let plan = settled(&seen, &Answer::Create(CreateOutcome::Created(made)));
        assert_eq!(gist(&plan), "clear, RefusedCredentials");
        assert!(
            words(&plan).contains(older) && words(&plan).contains("spec.channelId"),
            "{}",
            words(&plan)
        );
        assert_eq!(plan.memory.channel_id, None);
    }
}

#[test]
fn a_second_link_that_does_not_come_leaves_the_first_one_its_intent() {
    for fault in [rejected(), unclear(), not_sent()] {
        let mut seen = super::stage::unclear(Transport::Vk, 5);
        seen.memory.link_at = Some(at(-5));
        seen.object.requests.reinit = Some("now".into());
        let plan = settled(&seen, &Answer::Link(Err(fault.clone())));
        assert_eq!(plan.note, None, "{fault}");
        let asks_again = plan.memory.handled.reinit.is_none();
        assert_eq!(asks_again, fault != rejected(), "{fault}: it is said to be tried again");
        let perhaps = settled(&seen, &Answer::LinkMayShow(fault.clone()));
        assert_eq!((perhaps.note, perhaps.memory.handled.reinit), (None, None));
        // The process ended before it could write down that it had shown one.
        seen.memory.link_at = None;
        seen.sink = Sink::Shown {
            qr_at: None,
            pairing_code: false,
            link: true,
        };
        let plan = settled(&seen, &Answer::Link(Err(fault.clone())));
        assert_eq!(plan.note, None, "{fault}");
        let first = settled(&fresh(Transport::Vk), &Answer::Link(Err(fault.clone())));
        assert_eq!(first.note, Some(Note::ClearIntent));
        let perhaps = settled(&fresh(Transport::Vk), &Answer::LinkMayShow(fault));
        assert_eq!(perhaps.note, None, "a link that may be on show may be followed");
    }
}

#[test]
fn a_create_without_a_clear_answer_keeps_its_intent() {
    let plan = settled(
        &fresh(Transport::Telegram),
        &Answer::Create(CreateOutcome::Unknown(unclear())),
    );
    assert_eq!(gist(&plan), "Creating");
    assert_eq!(plan.memory.channel_id, None);
}

#[test]
fn a_reinit_counts_unless_it_never_left() {
    let seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
    for (answer, counted, told) in [
        (Ok(None), 1, "Reinitializing"),
        (Err(unclear()), 1, "Reinitializing"),
        (Err(rejected()), 1, "FixCredentials"),
        (Err(not_sent()), 0, "BackingOff"),
        (Err(throttled()), 0, "BackingOff"),
    ] {
        let plan = settled(&seen, &Answer::Reinit(answer));
        assert_eq!((plan.memory.reinits, gist(&plan).as_str()), (counted, told));
    }
    let qr = known(Transport::Whatsapp, "disabled", Some("unauthorized"));
    let plan = settled(&qr, &Answer::Reinit(Err(rejected())));
    assert_eq!(gist(&plan), "BackingOff", "there are no credentials to mend");
    assert!(words(&plan).contains("no such thing"));
}

#[test]
fn a_two_factor_password_that_may_have_arrived_is_not_sent_again() {
    let mut seen = known(Transport::Tgapi, "init", Some("wait_for_password"));
    seen.two_factor = Supply::Present { hash: "k:7".into() };
    for (answer, hash, told) in [
        (Ok(()), Some("k:7"), "Connecting"),
        (Err(unclear()), Some("k:7"), "Connecting"),
        (Err(rejected()), Some("k:7"), "EnterPassword"),
        (Err(not_sent()), None, "Connecting"),
        (Err(throttled()), None, "Connecting"),
    ] {
        let plan = settled(&seen, &Answer::TwoFactor(answer));
        assert_eq!(
            (plan.memory.two_factor_hash.as_deref(), gist(&plan).as_str()),
            (hash, told)
        );
    }
    let plan = settled(&seen, &Answer::TwoFactor(Err(rejected())));
    assert!(words(&plan).contains("no such thing"), "the service's words");
    seen.memory = settled(&seen, &Answer::TwoFactor(Err(unclear()))).memory;
    let told = words(&planned(&seen));
    assert!(
        told.contains(&unclear().to_string()) && told.contains("reinit-requested-at"),
        "{told}"
    );
}

#[test]
fn a_pairing_code_is_remembered_as_given_or_as_refused() {
    let mut seen = known(Transport::Whatsapp, "init", Some("qr"));
    wished(&mut seen).pairing_phone = Some(Phone::parse("79990000000").unwrap());
    seen.sink = Sink::Shown {
        qr_at: Some(at(-1)),
        pairing_code: false,
        link: false,
    };
    let given = settled(&seen, &Answer::PairingCode(Ok(())));
    assert!(given.memory.pairing_given && given.memory.refusal.is_none());
    assert_eq!(gist(&given), "ScanQr");
    let refused = settled(&seen, &Answer::PairingCode(Err(rejected())));
    assert!(!refused.memory.pairing_given);
    assert_eq!(
        refused.memory.refusal.as_ref().map(|refusal| refusal.call),
        Some(RefusedCall::PairingCode)
    );
    // Told while that QR is shown, and forgotten when another code is asked for with the next one.
    seen.memory = refused.memory;
    let told = planned(&seen);
    assert_eq!(told.call, None);
    let told = words(&told);
    assert!(
        told.contains("no such thing") && told.contains("pairing-requested-at"),
        "{told}"
    );
    seen.memory.pairing_asked_for = Some(at(-60));
    assert_eq!(planned(&seen).memory.refusal, None);
}

#[test]
fn a_link_is_shown_and_an_intent_for_one_that_never_came_goes() {
    let seen = fresh(Transport::Vk);
    let shown = settled(&seen, &Answer::Link(Ok(())));
    assert_eq!(gist(&shown), "FollowLink");
    assert_eq!(shown.memory.link_at, Some(seen.now));
    for (fault, said) in [
        (rejected(), "clear, Stalled/Rejected"),
        (not_sent(), "clear, BackingOff"),
        (unclear(), "clear, BackingOff"),
    ] {
        let none = settled(&seen, &Answer::Link(Err(fault)));
        assert_eq!(gist(&none), said);
        assert_eq!(none.memory.link_at, None);
    }
    let again = known(Transport::Vk, "disabled", Some("unauthorized"));
    assert!(matches!(planned(&again).call, Some(Call::OpenLink(Some(_)))));
    assert_eq!(gist(&settled(&again, &Answer::Link(Err(unclear())))), "BackingOff");
}

#[test]
fn a_deletion_is_done_with_its_answer_or_a_404_and_repeated_otherwise() {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.object.deleting = true;
    for answer in [Ok(()), Err(missing())] {
        let plan = settled(&seen, &Answer::Delete(answer));
        assert_eq!(gist(&plan), "release, Gone");
        assert_eq!(plan.sink, SinkOrder::Withdraw);
    }
    for fault in [rejected(), unclear(), not_sent(), throttled()] {
        let plan = settled(&seen, &Answer::Delete(Err(fault)));
        assert_eq!(gist(&plan), "Deleting");
        assert_eq!(
            plan.memory.refusal.map(|refusal| refusal.call),
            Some(RefusedCall::Delete)
        );
    }
}

#[test]
fn a_refused_repeat_counts_as_done_only_while_the_channel_shows_disabled() {
    for (status, told) in [("disabled", "release, Gone"), ("active", "Deleting")] {
        let mut seen = known(Transport::Telegram, status, None);
        seen.object.deleting = true;
        assert_eq!(
            gist(&settled(&seen, &Answer::Delete(Err(rejected())))),
            "Deleting",
            "the first refusal is never enough"
        );
        seen.memory.refusal = Some(super::super::Refusal {
            call: RefusedCall::Delete,
            at: at(-3_600),
            words: "no such thing".into(),
        });
        assert_eq!(gist(&settled(&seen, &Answer::Delete(Err(rejected())))), told);
    }
}

#[test]
fn a_link_that_a_reinit_tells_is_kept_and_a_missing_one_is_asked_for() {
    let mut seen = known(Transport::Wapi, "disabled", Some("unauthorized"));
    let mut shown = remote("mine", Transport::Wapi, "init", None);
    shown.url = Some("https://example.com/again".into());
    let plan = settled(&seen, &Answer::Reinit(Ok(Some(shown))));
    assert_eq!(plan.memory.url.as_deref(), Some("https://example.com/again"));
    seen.memory.reinits = 1;
    let lost = planned(&seen);
    assert_eq!(gist(&lost), "FollowLink");
    assert!(words(&lost).contains("reinit-requested-at"), "{}", words(&lost));
    seen.memory.url = plan.memory.url;
    assert!(words(&planned(&seen)).contains("status.url"));
}
