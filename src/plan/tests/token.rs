//! When the token endpoint is asked, and when not.

use std::time::Duration;

use proptest::prelude::*;

use super::super::token::{Cause, Held, Hold, Lack, TokenCall, TokenPlan, TokenSeen, hold_after, later, plan};
use super::stage::at;
use crate::model::{Fault, NotSent};

fn seen() -> TokenSeen {
    TokenSeen {
        now: at(0),
        held: None,
        hold: None,
        reminted_at: None,
        rotating_since: None,
    }
}

fn held(since: i64, until: i64) -> Held {
    Held {
        since: at(since),
        until: at(until),
        denied: false,
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn denied() -> Fault {
    Fault::Denied {
        status: 401,
        words: "no".into(),
    }
}

fn hold(until: i64, cause: Cause) -> Hold {
    Hold {
        until: at(until),
        in_a_row: 1,
        cause,
    }
}

#[test]
fn without_a_token_one_is_got() {
    assert_eq!(plan(&seen()), TokenPlan::Get);
}

#[test]
fn a_token_is_used_until_three_minutes_before_its_end_then_replaced() {
    let with = |until| TokenSeen {
        held: Some(held(until - 3_600, until)),
        ..seen()
    };
    assert_eq!(plan(&with(3_600)), TokenPlan::Use(seconds(3_420)));
    assert_eq!(plan(&with(181)), TokenPlan::Use(seconds(1)));
    assert_eq!(plan(&with(180)), TokenPlan::Get);
    assert_eq!(plan(&with(-1)), TokenPlan::Get);
}

#[test]
fn a_short_lived_token_is_replaced_at_half_of_its_life() {
    let young = TokenSeen {
        held: Some(held(0, 60)),
        ..seen()
    };
    assert_eq!(plan(&young), TokenPlan::Use(seconds(30)));
}

#[test]
fn a_token_that_is_refused_early_is_replaced_once_and_then_not_for_ten_minutes() {
    let refused = TokenSeen {
        held: Some(Held {
            denied: true,
            ..held(-10, 3_590)
        }),
        ..seen()
    };
    assert_eq!(plan(&refused), TokenPlan::Get);
    let again = TokenSeen {
        reminted_at: Some(at(-5)),
        ..refused.clone()
    };
    assert_eq!(plan(&again), TokenPlan::Wait(seconds(595), Lack::Denied));
    let later = TokenSeen {
        reminted_at: Some(at(-600)),
        ..refused
    };
    assert_eq!(plan(&later), TokenPlan::Get);
}

#[test]
fn a_refused_login_is_not_tried_again_before_its_pause_is_over() {
    let cause = Cause::Partner("wrong password".into());
    let waiting = TokenSeen {
        hold: Some(hold(600, cause.clone())),
        ..seen()
    };
    assert_eq!(plan(&waiting), TokenPlan::Wait(seconds(600), Lack::Held(cause, 1)));
    let over = TokenSeen {
        now: at(600),
        ..waiting
    };
    assert_eq!(plan(&over), TokenPlan::Get);
}

#[test]
fn while_a_token_still_serves_trouble_with_the_next_one_is_no_trouble() {
    let early = TokenSeen {
        held: Some(held(-3_500, 100)),
        hold: Some(hold(40, Cause::Unreached(Fault::Unclear { why: "502".into() }))),
        ..seen()
    };
    assert_eq!(plan(&early), TokenPlan::Use(seconds(40)));
}

#[test]
fn two_replicas_never_rotate_at_once() {
    let other = TokenSeen {
        rotating_since: Some(at(-20)),
        ..seen()
    };
    assert_eq!(plan(&other), TokenPlan::Wait(seconds(40), Lack::Rotating));
    let died = TokenSeen {
        rotating_since: Some(at(-60)),
        ..seen()
    };
    assert_eq!(plan(&died), TokenPlan::Get);
}

#[test]
fn pauses_after_refusals_double_from_ten_minutes_to_six_hours() {
    let mut before = None;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let next = hold_after(TokenCall::Machine, &denied(), before.as_ref(), at(0));
        pauses.push(next.until.duration_since(at(0)).as_secs() / 60);
        before = Some(next);
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 360, 360]);
    assert_eq!(before.map(|hold| hold.cause), Some(Cause::Partner("no".into())));
}

#[test]
fn pauses_after_outages_double_from_a_second_and_a_throttle_is_obeyed() {
    let outage = Fault::NotSent {
        kind: NotSent::Connect,
        why: "refused".into(),
    };
    let first = hold_after(TokenCall::Refresh, &outage, None, at(0));
    assert_eq!(first.until, at(1));
    let second = hold_after(TokenCall::Refresh, &outage, Some(&first), at(0));
    assert_eq!((second.until, second.in_a_row), (at(2), 2));
    let refused = hold_after(TokenCall::Refresh, &denied(), Some(&second), at(0));
    assert_eq!((refused.in_a_row, refused.cause), (1, Cause::Refresh("no".into())));
    let throttled = Fault::Throttled {
        retry_after: Some(seconds(30)),
    };
    assert_eq!(hold_after(TokenCall::Machine, &throttled, None, at(0)).until, at(30));
}

#[test]
fn a_refresh_that_fails_for_the_login_is_told_from_one_that_fails_for_the_token() {
    let refused = |words: &str| Fault::Denied {
        status: 401,
        words: words.into(),
    };
    let cause = |words| hold_after(TokenCall::Refresh, &refused(words), None, at(0)).cause;
    assert!(matches!(
        cause("INVALID_CREDENTIALS: wrong password"),
        Cause::Partner(_)
    ));
    assert!(matches!(cause("OAUTH_TOKEN_UNKNOWN_OR_REVOKED"), Cause::Refresh(_)));
}

#[test]
fn a_clock_that_went_back_never_makes_a_pause_endless() {
    let future = TokenSeen {
        hold: Some(hold(10_000_000, Cause::Partner("no".into()))),
        ..seen()
    };
    let TokenPlan::Wait(pause, _) = plan(&future) else {
        panic!("{:?}", plan(&future))
    };
    assert!(pause <= seconds(6 * 3_600));
    assert_eq!(later(jiff::Timestamp::MAX, seconds(5)), jiff::Timestamp::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_token_is_never_asked_for_within_a_hold_nor_used_after_its_end_or_refusal(
        since in -8_000_i64..10, life in 1_i64..8_000, refused: bool, has: bool,
        hold_until in prop::option::of(-100_i64..30_000), reminted in prop::option::of(-2_000_i64..10),
        rotating in prop::option::of(-200_i64..10),
    ) {
        let token = held(since, since + life);
        let seen = TokenSeen {
            now: at(0),
            held: has.then_some(Held { denied: refused, ..token }),
            hold: hold_until.map(|until| hold(until, Cause::Partner("no".into()))),
            reminted_at: reminted.map(at),
            rotating_since: rotating.map(at),
        };
        match plan(&seen) {
            TokenPlan::Get => {
                prop_assert!(hold_until.is_none_or(|until| until <= 0));
                prop_assert!(rotating.is_none_or(|since| since <= -60));
                prop_assert!(!(has && refused) || reminted.is_none_or(|at| at <= -600));
            }
            TokenPlan::Use(pause) => {
                prop_assert!(has && !refused && since + life > 0);
                prop_assert!(!pause.is_zero());
            }
            TokenPlan::Wait(pause, _) => {
                prop_assert!(!pause.is_zero());
                prop_assert!(!has || refused || since + life <= 0);
            }
        }
    }
}
