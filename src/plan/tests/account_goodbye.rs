//! How an account ends.

use super::{
    super::{
        AccountTrouble,
        account::{AccountCall, AccountSeen, EVENTS, Listing, Rows, Token},
        identity::IdentitySeen,
    },
    account::{denied, hidden, lines, row, unclear, with},
};
use crate::model::RemoteAccountId;

#[test]
fn an_account_waits_for_its_channels_then_takes_its_subscription_along() {
    let going = |change: &dyn Fn(&mut AccountSeen)| {
        with(|seen| {
            seen.deleting = true;
            change(seen);
        })
    };
    let waiting = going(&|seen| seen.dependents = vec!["shops/a".into()]);
    assert_eq!(
        lines(&waiting),
        ["Ready=False/WaitingForChannels", "Reconciling=True/WaitingForChannels"]
    );
    let said = &waiting.facts.as_ref().unwrap()[0].message;
    for command in [
        "kubectl -n shops delete wazzupchannel a ",
        "wazzupchannel a wazzup24.com/abandon=true",
    ] {
        assert!(said.contains(command), "{said}");
    }
    assert_eq!((waiting.finalizer, waiting.call), (None, None));
    let unsubscribing = going(&|_| {});
    assert!(matches!(unsubscribing.call, Some(AccountCall::Unsubscribe(ref ids)) if ids.len() == EVENTS.len()));
    assert_eq!(unsubscribing.finalizer, None);
    assert_eq!(
        going(&|seen| seen.rows = Rows::Listed(Vec::new())).finalizer,
        Some(false)
    );
    let foreign = vec![row(1, "channel.create", "https://elsewhere.example.com")];
    assert_eq!(
        going(&|seen| seen.rows = Rows::Listed(foreign.clone())).finalizer,
        Some(false)
    );
    let later = going(&|seen| seen.rows = Rows::Failed(unclear()));
    assert_eq!(
        (later.finalizer, lines(&later)[0].as_str()),
        (None, "Ready=False/Unsubscribing")
    );
    let hidden = going(&|seen| seen.token = hidden(1));
    assert_eq!(
        (hidden.finalizer, lines(&hidden)[0].as_str()),
        (None, "Ready=False/Unsubscribing"),
        "a Secret that cannot be read for a moment leaves no subscription behind"
    );
    let released: [&dyn Fn(&mut AccountSeen); 4] = [
        &|seen| seen.token = Token::Missing("Secret t is not there".into()),
        &|seen| seen.token = Token::Forbidden("forbidden".into()),
        &|seen| seen.rows = Rows::Failed(denied()),
        &|seen| seen.wish = Err("unreadable".into()),
    ];
    for change in &released[..3] {
        assert_eq!(
            going(change).finalizer,
            Some(false),
            "an account must not hang on its rows"
        );
    }
    assert!(going(released[3]).call.is_some(), "what the spec says matters no more");
    assert_eq!(going(&|seen| seen.finalizer = false).finalizer, None);
}

#[test]
fn an_account_that_goes_lets_its_channels_do_no_more_than_before() {
    let wrong = IdentitySeen {
        pinned: RemoteAccountId::parse("1111").ok(),
        claimed: RemoteAccountId::parse("2222").ok(),
        ..IdentitySeen::default()
    };
    let going = |change: &dyn Fn(&mut AccountSeen)| {
        with(|seen| {
            seen.deleting = true;
            seen.dependents = vec!["shop/bot".into()];
            change(seen);
        })
    };
    let plan = going(&|seen| seen.identity = Some(wrong.clone()));
    assert!(
        matches!(plan.trouble, Some((AccountTrouble::NotAuthenticated, _))),
        "{plan:?}"
    );
    assert_eq!(
        lines(&plan),
        [
            "Ready=False/WaitingForChannels",
            "Reconciling=True/WaitingForChannels",
            "Authenticated=False/AccountChanged"
        ]
    );
    let plan = going(&|seen| seen.token = Token::Incomplete("no key".into()));
    assert!(plan.trouble.is_some() && plan.decides());
    let failed = Listing::Failed {
        fault: unclear(),
        in_a_row: 1,
    };
    for blink in [
        going(&|seen| seen.token = hidden(1)),
        going(&|seen| seen.token = Token::Pending),
        going(&|seen| seen.listing = failed.clone()),
    ] {
        assert!(
            blink.facts.is_some() && !blink.decides(),
            "who was stopped is not let go on"
        );
    }
    let plan = going(&|_| {});
    assert!(plan.decides());
    assert_eq!((plan.trouble, plan.finalizer, plan.call), (None, None, None));
}
