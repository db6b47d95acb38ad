//! Whoever waits for something knows when to look again.

use std::time::Duration;

use super::{
    super::{
        Account, AccountTrouble, Answer, Refusal, Remote, Setback, Wake,
        account::{Listing, Rows, Token},
        identity::IdentitySeen,
        memory::RefusedCall,
        settle,
    },
    account::{hidden, with as account},
    stage::{at, id, known, planned, remote, unclear},
};
use crate::model::{CreateOutcome, Fault, Transport};

const SOON: Option<Duration> = Some(Duration::from_secs(5));

fn no_answer() -> Fault {
    Fault::Unclear { why: "deadline".into() }
}

#[test]
fn an_account_whose_secret_cannot_be_read_is_looked_at_again_soon_also_while_it_goes() {
    for hidden in [hidden(1), hidden(3), Token::Forbidden("forbidden".into())] {
        assert_eq!(account(|seen| seen.token = hidden.clone()).again, SOON);
        let waits = account(|seen| {
            seen.deleting = true;
            seen.dependents = vec!["shops/shop".into()];
            seen.token = hidden.clone();
        });
        assert_eq!((waits.again, waits.finalizer), (SOON, None));
    }
    let alone = account(|seen| {
        seen.deleting = true;
        seen.token = hidden(1);
    });
    assert_eq!((alone.again, alone.finalizer), (SOON, None));
    let rows = account(|seen| {
        seen.deleting = true;
        seen.rows = Rows::Failed(no_answer());
    });
    assert_eq!((rows.again, rows.finalizer), (SOON, None));
}

#[test]
fn a_channel_whose_account_nobody_could_look_for_looks_again_by_itself() {
    for deleting in [false, true] {
        let mut seen = known(Transport::Telegram, "active", None);
        seen.object.deleting = deleting;
        seen.account = Account::Pending;
        assert_eq!(planned(&seen).wake, Wake::After(Duration::from_secs(60)));
    }
}

#[test]
fn a_channel_that_could_not_look_looks_again_ever_more_rarely() {
    for (in_a_row, pause) in [(0, 10), (1, 10), (2, 20), (3, 40), (6, 300), (u32::MAX, 300)] {
        let mut seen = known(Transport::Telegram, "active", None);
        seen.remote = Remote::Hidden {
            fault: no_answer(),
            in_a_row,
        };
        assert_eq!(
            planned(&seen).wake,
            Wake::After(Duration::from_secs(pause)),
            "{in_a_row}"
        );
    }
}

#[test]
fn a_throttled_account_is_not_looked_at_before_the_service_allows_it() {
    for (told, pause) in [(None, 60), (Some(90), 90), (Some(1), 10)] {
        let mut seen = known(Transport::Telegram, "active", None);
        seen.remote = Remote::Hidden {
            fault: Fault::Throttled {
                retry_after: told.map(Duration::from_secs),
            },
            in_a_row: 0,
        };
        assert_eq!(planned(&seen).wake, Wake::After(Duration::from_secs(pause)), "{told:?}");
    }
}

#[test]
fn an_account_that_goes_keeps_what_it_is_pinned_to_for_its_channels() {
    let waits = account(|seen| {
        seen.deleting = true;
        seen.dependents = vec!["shops/shop".into()];
    });
    assert!(waits.pin.is_some());
}

#[test]
fn a_list_that_does_not_tell_whose_it_is_stops_the_channels_until_one_did() {
    let unclear_owner = IdentitySeen {
        last_token: Some("mark:other".into()),
        known: 2,
        complete: false,
        ..IdentitySeen::default()
    };
    for (vetted, trouble) in [(false, Some(AccountTrouble::OutOfReach)), (true, None)] {
        let plan = account(|seen| {
            seen.vetted = vetted;
            seen.listing = Listing::Listed { unreadable: 1 };
            seen.identity = Some(unclear_owner.clone());
        });
        assert_eq!(plan.trouble.map(|(trouble, _)| trouble), trouble, "vetted: {vetted}");
    }
}

#[test]
fn a_link_that_was_refused_is_asked_for_again_when_the_refusal_is_old() {
    let mut seen = known(Transport::Vk, "disabled", Some("unauthorized"));
    seen.memory.refusal = Some(Refusal {
        call: RefusedCall::Link,
        at: at(-600),
        words: "no".into(),
    });
    let plan = planned(&seen);
    assert_eq!(plan.call, None);
    assert_eq!(plan.wake, Wake::After(Duration::from_secs(3_000)));
}

#[test]
fn a_pause_after_a_failure_keeps_an_id_that_only_the_annotation_tells() {
    let mut seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
    seen.memory.channel_id = None;
    seen.memory.setback = Some(Setback {
        at: at(0),
        in_a_row: 3,
        words: "no".into(),
    });
    let plan = planned(&seen);
    assert_eq!((plan.call, plan.memory.channel_id), (None, Some(id("mine"))));
}

#[test]
fn a_repeated_create_with_a_clear_answer_was_made_with_the_secret_of_today() {
    let mut seen = unclear(Transport::Telegram, 600);
    seen.memory.credentials_hash = Some("k:0".into());
    seen.memory.missing_since = Some(at(-60));
    let plan = planned(&seen);
    assert_eq!(plan.memory.credentials_hash.as_deref(), Some("k:0"), "of either");
    let made = remote("new", Transport::Telegram, "active", None);
    let answer = Answer::Create(CreateOutcome::Created(made));
    let settled = settle(&seen, seen.wish.as_ref().unwrap(), &plan, &answer);
    assert_eq!(settled.memory.credentials_hash.as_deref(), Some("k:1"));
}
