//! How long an unclear create is waited for, and how often its account is looked at meanwhile.

use std::time::Duration;

use super::{
    super::Wake,
    stage::{at, gist, looked, planned, settled, unclear},
};
use crate::model::Transport;

#[test]
fn an_unclear_create_is_made_again_only_after_the_grace_and_two_healthy_lists() {
    assert_eq!(
        gist(&planned(&unclear(Transport::Telegram, 5))),
        "Creating",
        "within the grace"
    );
    let mut early = unclear(Transport::Telegram, 100);
    early.memory.missing_since = Some(at(-90));
    assert_eq!(
        gist(&planned(&early)),
        "Creating",
        "two lists agree, but within the grace"
    );
    assert_eq!(planned(&early).memory.missing_since, None, "none of them counts");
    let first = planned(&unclear(Transport::Telegram, 200));
    assert_eq!(gist(&first), "Creating", "the first list");
    assert_eq!(first.memory.missing_since, Some(at(0)));
    assert_eq!(
        gist(&planned(&settled(Transport::Telegram))),
        "intent, create alone, Creating"
    );
    let mut empty = settled(Transport::Telegram);
    looked(&mut empty).empty = true;
    assert_eq!(
        gist(&planned(&empty)),
        "intent, create alone, Creating",
        "an empty list counts here"
    );
    let mut torn = settled(Transport::Telegram);
    looked(&mut torn).complete = false;
    assert_eq!(
        gist(&planned(&torn)),
        "Creating",
        "a list with unreadable items proves nothing"
    );
    assert_eq!(planned(&torn).memory.missing_since, None, "and two must agree after it");
    let mut back = settled(Transport::Telegram);
    back.now = at(-1_000);
    assert_eq!(
        gist(&planned(&back)),
        "Creating",
        "a clock that went back proves nothing"
    );
}

#[test]
fn a_list_that_was_kept_proves_nothing_of_the_time_after_it_was_asked_for() {
    let of = |watched: i64, missing: Option<i64>, age: u64| {
        let mut seen = unclear(Transport::Telegram, watched);
        seen.memory.missing_since = missing.map(|ago| at(-ago));
        looked(&mut seen).age = Duration::from_secs(age);
        let plan = planned(&seen);
        seen.object.deleting = true;
        let goes = planned(&seen);
        let proven = gist(&plan) != "Creating";
        assert_eq!(proven, gist(&goes) != "Deleting", "the same for one that goes");
        if !proven {
            assert_eq!(
                goes.memory.missing_since, plan.memory.missing_since,
                "the same for one that goes"
            );
        }
        (proven, plan.memory.missing_since, plan.wake)
    };
    let look_after = |seconds| Wake::LookAfter(Duration::from_secs(seconds));
    assert_eq!(
        of(118, None, 4),
        (false, None, look_after(0)),
        "asked for within the grace: another at once"
    );
    assert_eq!(
        of(118, Some(20), 4),
        (false, None, look_after(0)),
        "nor is it the second"
    );
    assert_eq!(
        of(118, None, 3),
        (false, Some(at(-3)), look_after(10)),
        "the first after it"
    );
    assert_eq!(
        of(130, Some(12), 5),
        (false, Some(at(-12)), look_after(3)),
        "asked for too soon after the first"
    );
    assert!(of(130, Some(12), 2).0);
    assert_eq!(
        of(130, Some(-86_400), 0),
        (false, Some(at(0)), look_after(10)),
        "a clock that has gone back since does not hold the object for a day"
    );
    assert_eq!(
        of(112, None, 8),
        (false, None, look_after(3)),
        "what is left of the grace"
    );
}

#[test]
fn while_an_unclear_create_is_waited_for_the_account_is_looked_at_every_ten_seconds_and_no_oftener() {
    let after = |missing: Option<i64>, watched: i64, complete: bool| {
        let mut seen = unclear(Transport::Telegram, watched);
        seen.memory.missing_since = missing.map(|ago| at(-ago));
        looked(&mut seen).complete = complete;
        let alive = planned(&seen).wake;
        seen.object.deleting = true;
        assert_eq!(planned(&seen).wake, alive, "the same for one that goes");
        match alive {
            Wake::LookAfter(pause) => pause.as_secs(),
            Wake::OnChange | Wake::After(_) => panic!("{alive:?}"),
        }
    };
    let pause = |watched, complete| after(None, watched, complete);
    assert_eq!(pause(5, true), 10);
    assert_eq!(pause(112, true), 3, "what is left of the grace");
    assert_eq!(pause(115, true), 10, "the second list");
    assert_eq!(after(Some(4), 119, true), 6, "what is left until it");
    assert_eq!(pause(5, false), 10);
    assert_eq!(pause(200, false), 10, "a list with unreadable items is tried again");
}

#[test]
fn the_grace_is_measured_by_who_waits_and_not_by_the_clock_that_wrote_the_intent() {
    let of = |written: i64, watched: u64| {
        let mut seen = settled(Transport::Telegram);
        seen.object.intent.as_mut().unwrap().at = at(-written);
        seen.intent_watched = Duration::from_secs(watched);
        let alive = gist(&planned(&seen));
        seen.object.deleting = true;
        (alive, gist(&planned(&seen)))
    };
    let (waits, goes) = (
        ("Creating".to_owned(), "Deleting".to_owned()),
        ("intent, create alone, Creating".to_owned(), "release, Gone".to_owned()),
    );
    assert_eq!(of(300, 20), waits, "a successor whose clock is five minutes ahead");
    assert_eq!(of(300, 114), waits);
    assert_eq!(of(300, 115), goes);
    assert_eq!(of(-300, 115), goes, "one whose clock is behind waits no longer");
    assert_eq!(of(714, 0), waits);
    assert_eq!(
        of(715, 0),
        goes,
        "older than any skew: processes that die young get there, too"
    );
}
