//! What a pass asks for, and what it does not.

use super::super::{Claim, Known, Refusal, RefusedCall, Repeated, Seen, needs_password};
use super::stage::{at, fresh, known, unclear};
use crate::model::Transport;

fn going(mut seen: Seen) -> Seen {
    seen.object.deleting = true;
    seen
}

fn with(mut seen: Seen, change: impl FnOnce(&mut Seen)) -> Seen {
    change(&mut seen);
    seen
}

fn refused(seen: &mut Seen) {
    seen.memory.refusal = Some(Refusal {
        call: RefusedCall::Delete,
        at: at(-1),
        words: "words".into(),
    });
}

fn repeated(seen: &mut Seen) {
    seen.memory.repeated = Some(Repeated {
        at: at(-1),
        known: Vec::new(),
    });
}

/// list, unclaimed, claimed, other intents
fn asks(seen: &Seen) -> [bool; 4] {
    let known = Known::of(seen);
    [
        known.needs_list(),
        known.needs_unclaimed(),
        known.needs_claimed(),
        known.needs_other_intents(),
    ]
}

#[test]
fn each_state_asks_for_what_it_needs_and_no_more() {
    let bot = Transport::Telegram;
    let held = |seen: &mut Seen| seen.claim = Claim::HeldBy("shops/other".into());
    let missing = |seen: &mut Seen| seen.memory.missing_since = Some(at(-1));
    let rows = vec![
        ("new", fresh(bot), [true, true, true, false]),
        ("new, by a link", fresh(Transport::Vk), [true, true, true, true]),
        (
            "with a channel",
            known(bot, "active", None),
            [true, false, false, false],
        ),
        (
            "with a channel, by a link",
            known(Transport::Vk, "active", None),
            [true, false, false, false],
        ),
        (
            "with a channel that is missing",
            with(known(bot, "active", None), missing),
            [true, true, true, false],
        ),
        (
            "with a channel that is believed lost",
            with(known(bot, "active", None), |seen| seen.memory.loss_believed = true),
            [true, true, true, false],
        ),
        (
            "with a channel after a repeated create",
            with(known(bot, "active", None), repeated),
            [true, true, false, true],
        ),
        ("with an unclear create", unclear(bot, 1), [true, true, true, true]),
        (
            "held by another",
            with(known(bot, "active", None), held),
            [false, false, false, false],
        ),
        (
            "goes with its channel",
            going(known(bot, "active", None)),
            [false, false, false, false],
        ),
        (
            "goes, and its deletion was refused",
            going(with(known(bot, "active", None), refused)),
            [true, false, false, false],
        ),
        (
            "goes with an unclear create",
            going(unclear(bot, 1)),
            [true, true, true, true],
        ),
        (
            "goes with an unclear create, held by another",
            going(with(unclear(bot, 1), held)),
            [false, true, true, true],
        ),
        (
            "goes after a repeated create",
            going(with(fresh(bot), |seen| {
                repeated(seen);
                seen.object.finalizer = true;
            })),
            [true, true, true, true],
        ),
        (
            "goes without a finalizer",
            going(with(unclear(bot, 1), |seen| seen.object.finalizer = false)),
            [false, true, true, true],
        ),
        (
            "goes and never had anything",
            going(fresh(bot)),
            [false, true, true, false],
        ),
    ];
    for (state, seen, expected) in rows {
        assert_eq!(asks(&seen), expected, "{state}");
    }
}

#[test]
fn a_repeated_create_is_forgotten_after_a_day() {
    let mut seen = known(Transport::Telegram, "active", None);
    repeated(&mut seen);
    seen.now = at(24 * 3_600);
    assert_eq!(asks(&seen), [true, false, false, false]);
}

#[test]
fn the_password_is_read_only_while_wazzup_waits_for_it() {
    let waits = known(Transport::Tgapi, "init", Some("wait_for_password"));
    assert!(needs_password(&waits));
    assert!(!needs_password(&known(Transport::Tgapi, "init", Some("wait_for_code"))));
    assert!(!needs_password(&known(Transport::Tgapi, "active", None)));
    assert!(!needs_password(&fresh(Transport::Tgapi)));
}
