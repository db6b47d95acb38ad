//! What is done about a subscription that Wazzup does not change as it is asked.

use std::time::Duration;

use super::super::account::{AccountCall, EVENTS, Row, Rows, Tried, plan};
use super::account::{URL, calm, lines, row, with};
use crate::model::Fault;

fn tried(subscribing: bool, in_a_row: u32, ago: u64, fault: Option<Fault>) -> Tried {
    Tried {
        subscribing,
        in_a_row,
        ago: Duration::from_secs(ago),
        fault,
    }
}

fn unclear() -> Fault {
    Fault::Unclear { why: "HTTP 500".into() }
}

#[test]
fn a_subscription_that_is_not_made_is_told_and_asked_for_with_growing_pauses() {
    for (in_a_row, pause) in [(1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (60, 300)] {
        let ask = |ago| {
            with(|seen| {
                seen.rows = Rows::Listed(Vec::new());
                seen.tried = Some(tried(true, in_a_row, ago, Some(unclear())));
            })
        };
        let held = ask(pause - 1);
        assert_eq!(
            (held.call.clone(), held.again),
            (None, Some(Duration::from_secs(1))),
            "{in_a_row}"
        );
        assert!(held.unsettled && lines(&held).contains(&"WebhooksSubscribed=False/Subscribing".to_owned()));
        let told = held
            .facts
            .into_iter()
            .flatten()
            .any(|fact| fact.message.contains("HTTP 500"));
        assert!(told, "{in_a_row}");
        assert_eq!(
            ask(pause).call,
            Some(AccountCall::Subscribe(EVENTS.to_vec())),
            "{in_a_row}"
        );
    }
}

#[test]
fn rows_that_come_out_otherwise_than_asked_do_not_pile_up_and_are_not_asked_for_hot() {
    // Taken without a fault, and listed under names that nobody asked for.
    let other = || Rows::Listed(vec![row(1, "word-of-tomorrow", URL)]);
    let first = with(|seen| seen.rows = other());
    assert_eq!(first.call, Some(AccountCall::Subscribe(EVENTS.to_vec())));
    let soon = with(|seen| {
        seen.rows = other();
        seen.tried = Some(tried(true, 1, 0, None));
    });
    assert_eq!((soon.call, soon.again), (None, Some(Duration::from_secs(5))));
    let later = with(|seen| {
        seen.rows = other();
        seen.tried = Some(tried(true, 1, 5, None));
    });
    assert_eq!(later.call, Some(AccountCall::Unsubscribe(vec!["row-1".into()])));
}

#[test]
fn what_a_new_subscription_replaces_goes_at_once() {
    let mut seen = calm();
    let Rows::Listed(rows) = &mut seen.rows else {
        panic!("no rows")
    };
    rows.push(row(9, EVENTS[0], "https://hooks.example.com/webhooks/key/old"));
    let gone = Some(AccountCall::Unsubscribe(vec!["row-9".into()]));
    assert_eq!(plan(&seen).call, gone);
    seen.tried = Some(tried(true, 1, 0, None));
    assert_eq!(plan(&seen).call, gone);
    // Once that was asked for in vain it waits.
    seen.tried = Some(tried(false, 2, 0, Some(unclear())));
    let held = plan(&seen);
    assert_eq!((held.call, held.again), (None, Some(Duration::from_secs(10))));
    seen.rows = calm().rows;
    assert!(!plan(&seen).unsettled, "as it is wanted: what was tried is forgotten");
}

#[test]
fn an_account_that_cannot_take_its_subscription_along_says_why() {
    let going = |tries: Option<Tried>| {
        with(|seen| {
            seen.deleting = true;
            seen.tried = tries;
        })
    };
    let first = going(None);
    assert!(first.call.is_some() && first.facts.is_none());
    let held = going(Some(tried(false, 1, 0, Some(unclear()))));
    assert_eq!((&held.call, held.finalizer), (&None, None));
    assert_eq!(
        lines(&held),
        ["Ready=False/Unsubscribing", "Reconciling=True/Unsubscribing"]
    );
    assert!(held.facts.unwrap()[0].message.contains("HTTP 500"));
    assert!(going(Some(tried(false, 1, 5, Some(unclear())))).call.is_some());
}

#[test]
fn an_event_of_a_subscription_is_kept_by_its_name_alone_if_it_is_wanted() {
    let listed = |event: &str| Row::listed("r".into(), event, "https://a.example.com".to_owned().into()).event;
    assert_eq!(listed(EVENTS[0]), EVENTS[0]);
    assert_eq!(listed("https://hooks.example.com/webhooks/key/token"), "other");
}
