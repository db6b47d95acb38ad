//! A reinit whose answer is not known: it is made again where that harms nobody, and never endlessly at once.

use std::time::Duration;

use super::super::{Answer, Call, Plan, Seen, Supply, report, settle};
use super::stage::{after, at, gist, id, known, planned, written};
use crate::model::{Fault, NotSent, Transport};

/// An active channel whose reinit with new credentials was written down so many seconds ago.
fn lost(transport: Transport, ago: i64) -> Seen {
    let mut seen = known(transport, "active", None);
    seen.credentials = Supply::Present { hash: "k:2".into() };
    seen.memory.credentials_hash = Some("k:2".into());
    seen.memory.reinits = 1;
    seen.memory.last_reinit_at = Some(at(-ago));
    seen.memory.reinit_unanswered = Some(at(-ago));
    seen
}

fn answered(seen: &Seen, fault: Option<Fault>) -> Plan {
    let plan = planned(seen);
    assert_eq!(plan.call, Some(Call::Reinit(id("mine"))));
    let result = fault.map_or(Ok(None), Err);
    settle(seen, seen.wish.as_ref().unwrap(), &plan, &Answer::Reinit(result))
}

fn changed() -> Seen {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.credentials = Supply::Present { hash: "k:2".into() };
    seen
}

#[test]
fn a_reinit_is_written_down_as_unanswered_before_it_is_sent() {
    assert_eq!(planned(&changed()).memory.reinit_unanswered, Some(at(0)));
}

#[test]
fn any_clear_answer_settles_it_and_an_unclear_one_does_not() {
    let rejected = Fault::Rejected {
        status: 400,
        words: "no".into(),
    };
    let unclear = Fault::Unclear { why: "deadline".into() };
    let not_sent = Fault::NotSent {
        kind: NotSent::Connect,
        why: "refused".into(),
    };
    assert_eq!(answered(&changed(), None).memory.reinit_unanswered, None);
    assert_eq!(answered(&changed(), Some(rejected)).memory.reinit_unanswered, None);
    let kept = answered(&changed(), Some(unclear)).memory;
    assert_eq!(kept.reinit_unanswered, Some(at(0)));
    let missing = Fault::Missing {
        words: "no such route".into(),
    };
    assert_eq!(
        answered(&changed(), Some(missing)).memory.reinit_unanswered,
        Some(at(0))
    );
    let unsent = answered(&changed(), Some(not_sent)).memory;
    assert_eq!(
        (unsent.reinit_unanswered, unsent.credentials_hash.as_deref()),
        (None, Some("k:1"))
    );
}

#[test]
fn new_credentials_that_may_never_have_been_sent_are_sent_again_after_a_minute() {
    for transport in [Transport::Telegram, Transport::MaxBot, Transport::InstApi] {
        assert_eq!(gist(&planned(&lost(transport, 59))), "Connected", "{transport}");
        assert_eq!(
            gist(&planned(&lost(transport, 60))),
            "reinit mine, Reinitializing",
            "{transport}"
        );
    }
}

#[test]
fn while_no_answer_comes_the_pauses_grow() {
    let mut seen = lost(Transport::Telegram, 0);
    let mut made = Vec::new();
    for second in 0..4_000_u64 {
        let plan = planned(&seen);
        if plan.call.is_some() {
            made.push(second);
        }
        seen = after(written(seen, &plan), Duration::from_secs(1));
    }
    assert_eq!(made.len(), 3, "{made:?}");
    assert!(
        made[0] >= 60 && made[1] - made[0] >= 300 && made[2] - made[1] >= 1_800,
        "{made:?}"
    );
}

#[test]
fn that_nobody_knows_whether_the_changed_credentials_serve_is_told_while_it_is_so() {
    let told = |seen: &Seen| report(seen, &planned(seen)).facts[0].message.clone();
    let unclear = Fault::Unclear { why: "HTTP 503".into() };
    let mut seen = changed();
    seen.memory = answered(&changed(), Some(unclear)).memory;
    assert!(
        told(&seen).contains("the channel is active; whether") && told(&seen).contains("HTTP 503"),
        "{}",
        told(&seen)
    );
    seen.memory = answered(&changed(), None).memory;
    assert_eq!(told(&seen), "the channel is active");
    let mut qr = known(Transport::Whatsapp, "active", None);
    qr.memory.reinit_unanswered = Some(at(-5));
    assert_eq!(told(&qr), "the channel is active", "a login needs no credentials");
}

#[test]
fn a_code_that_serves_once_is_sent_again_only_when_it_is_needed() {
    assert_eq!(gist(&planned(&lost(Transport::Avito, 600))), "Connected");
    let mut out = lost(Transport::Avito, 600);
    out.remote = known(Transport::Avito, "disabled", Some("unauthorized")).remote;
    assert_eq!(gist(&planned(&out)), "reinit mine, Reinitializing");
    out.memory.reinit_unanswered = None;
    assert_eq!(gist(&planned(&out)), "FixCredentials");
}

#[test]
fn a_login_that_is_under_way_is_not_disturbed() {
    let mut seen = lost(Transport::Telegram, 600);
    seen.remote = known(Transport::Telegram, "init", None).remote;
    let plan = planned(&seen);
    assert_eq!(
        (gist(&plan).as_str(), plan.memory.reinit_unanswered),
        ("Connecting", None)
    );
    let mut qr = known(Transport::Whatsapp, "active", None);
    qr.memory.reinit_unanswered = Some(at(-600));
    let plan = planned(&qr);
    assert_eq!(
        (gist(&plan).as_str(), plan.memory.reinit_unanswered),
        ("Connected", None)
    );
}

#[test]
fn a_password_that_has_served_or_is_asked_for_again_serves_the_next_login_once() {
    let mut seen = known(Transport::Tgapi, "active", None);
    seen.memory.two_factor_hash = Some("k:1".into());
    assert_eq!(planned(&seen).memory.two_factor_hash, None);
    let mut asked = known(Transport::Tgapi, "init", Some("wait_for_password"));
    asked.two_factor = Supply::Present { hash: "k:1".into() };
    asked.memory.two_factor_hash = Some("k:1".into());
    assert_eq!(gist(&planned(&asked)), "EnterPassword");
    asked.object.requests.reinit = Some("now".into());
    let plan = planned(&asked);
    assert_eq!(
        (gist(&plan).as_str(), plan.memory.two_factor_hash),
        ("reinit mine, Reinitializing", None)
    );
}
