//! What is done about an account.

use std::time::Duration;

use super::super::{
    AccountTrouble, Standing, Webhooks,
    account::{
        AccountCall, AccountPlan, AccountSeen, AccountWish, EVENTS, Listing, Remedies, Row, Rows, Token, WebhookMode,
        needs_rows, plan,
    },
    identity::{IdentitySeen, Pin},
    token::{Cause, Lack},
};
use crate::model::{Fault, RemoteAccountId, Sensitive};

const PREFIX: &str = "https://hooks.example.com/webhooks/key/";
pub(super) const URL: &str = "https://hooks.example.com/webhooks/key/token";

pub(super) fn row(number: usize, event: &str, url: &str) -> Row {
    Row {
        id: format!("row-{number}"),
        event: event.into(),
        url: Sensitive::new(url.into()),
    }
}

pub(super) fn all_rows() -> Vec<Row> {
    EVENTS
        .iter()
        .enumerate()
        .map(|(number, event)| row(number, event, URL))
        .collect()
}

/// A managed account whose list came and whose subscription is whole.
pub(super) fn calm() -> AccountSeen {
    AccountSeen {
        deleting: false,
        finalizer: true,
        wish: Ok(AccountWish {
            mode: WebhookMode::Managed,
            suspend: false,
        }),
        token: Token::Present,
        listing: Listing::Listed { unreadable: 0 },
        identity: Some(IdentitySeen::default()),
        vetted: true,
        remedies: Remedies {
            login: "kubectl store-login".into(),
            grant: "kubectl store-grant".into(),
        },
        url: Some(Sensitive::new(URL.into())),
        url_prefix: Some(PREFIX.into()),
        rows: Rows::Listed(all_rows()),
        known_rows: Vec::new(),
        tried: None,
        dependents: Vec::new(),
    }
}

pub(super) fn with(change: impl FnOnce(&mut AccountSeen)) -> AccountPlan {
    let mut seen = calm();
    change(&mut seen);
    plan(&seen)
}

/// `type=status/reason`
pub(super) fn lines(plan: &AccountPlan) -> Vec<String> {
    let facts = plan.facts.as_deref().unwrap_or_default();
    facts
        .iter()
        .map(|fact| format!("{}={:?}/{}", fact.kind, fact.standing, fact.reason))
        .collect()
}

fn mode(seen: &mut AccountSeen, mode: WebhookMode) {
    seen.wish = Ok(AccountWish { mode, suspend: false });
}

pub(super) fn denied() -> Fault {
    Fault::Denied {
        status: 401,
        words: "bad token".into(),
    }
}

/// A Secret that could not be read so many times in a row.
pub(super) fn hidden(in_a_row: u32) -> Token {
    Token::Hidden {
        why: "no answer".into(),
        in_a_row,
    }
}

pub(super) fn unclear() -> Fault {
    Fault::Unclear { why: "deadline".into() }
}

#[test]
fn a_whole_account_is_ready_and_left_alone() {
    let plan = plan(&calm());
    assert_eq!(
        lines(&plan),
        [
            "Ready=True/Listed",
            "Authenticated=True/TokenAccepted",
            "WebhooksSubscribed=True/Subscribed"
        ]
    );
    assert_eq!((plan.call, plan.finalizer, plan.trouble), (None, None, None));
    assert_eq!(plan.webhooks, Some(Webhooks::Ready));
    assert!(with(|seen| seen.rows = Rows::NotAsked).decides());
    assert_eq!(with(|seen| seen.finalizer = false).finalizer, Some(true));
}

#[test]
fn a_spec_that_cannot_be_read_and_a_token_that_is_not_there_say_so_and_stop_the_channels() {
    let invalid = with(|seen| seen.wish = Err("spec.apiUrl is wrong".into()));
    assert_eq!(
        lines(&invalid),
        [
            "Ready=False/InvalidSpec",
            "Authenticated=False/InvalidSpec",
            "WebhooksSubscribed=Unknown/InvalidSpec",
            "Stalled=True/InvalidSpec",
        ]
    );
    let host = with(|seen| seen.token = Token::Invalid("spec.apiUrl is wrong".into()));
    assert_eq!(host, invalid);
    assert_eq!(
        invalid.trouble,
        Some((AccountTrouble::Invalid, "spec.apiUrl is wrong".into()))
    );
    for (token, reason) in [
        (Token::Missing("Secret t is not there".into()), "SecretNotFound"),
        (Token::Forbidden("forbidden".into()), "SecretUnreadable"),
    ] {
        let plan = with(|seen| seen.token = token);
        assert_eq!(lines(&plan)[1], format!("Authenticated=False/{reason}"));
        assert!(matches!(plan.trouble, Some((AccountTrouble::NotAuthenticated, _))));
        assert_eq!(plan.call, None);
    }
}

#[test]
fn a_secret_that_cannot_be_read_just_now_says_that_nobody_knows() {
    for in_a_row in [1, 2] {
        let blink = with(|seen| seen.token = hidden(in_a_row));
        assert!(!blink.decides(), "who was stopped is not let go on by it");
    }
    let plan = with(|seen| seen.token = hidden(3));
    assert_eq!(
        lines(&plan),
        [
            "Ready=Unknown/SecretUnreadable",
            "Authenticated=Unknown/SecretUnreadable",
            "WebhooksSubscribed=Unknown/SecretUnreadable",
        ]
    );
    assert_eq!(plan.trouble, Some((AccountTrouble::OutOfReach, "no answer".into())));
    assert_eq!(plan.call, None);
}

#[test]
fn a_refused_token_is_said_with_the_services_words() {
    let plan = with(|seen| {
        seen.listing = Listing::Failed {
            fault: denied(),
            in_a_row: 1,
        };
    });
    assert_eq!(lines(&plan)[1], "Authenticated=False/TokenRefused");
    let (_, why) = plan.trouble.unwrap();
    assert!(why.contains("bad token") && why.contains("store a valid one"), "{why}");
}

#[test]
fn who_cannot_look_says_so_after_three_times_and_changes_nothing() {
    for (in_a_row, said) in [(1, false), (2, false), (3, true), (50, true)] {
        let plan = with(|seen| {
            seen.listing = Listing::Failed {
                fault: unclear(),
                in_a_row,
            };
        });
        assert_eq!(plan.facts.is_some(), said);
        assert_eq!(
            (plan.call.clone(), plan.trouble.clone(), plan.webhooks),
            (None, None, None)
        );
        let unknown = plan.facts.unwrap_or_default();
        assert!(unknown.iter().all(|fact| fact.standing == Standing::Unknown));
    }
    assert_eq!(with(|seen| seen.listing = Listing::NotAsked).facts, None);
}

#[test]
fn missing_events_are_subscribed_before_anything_else() {
    let plan = with(|seen| {
        let mut rows = all_rows();
        rows.remove(1);
        rows.push(row(9, "channel.create", &format!("{PREFIX}old-token")));
        seen.rows = Rows::Listed(rows);
    });
    assert_eq!(plan.call, Some(AccountCall::Subscribe(vec![EVENTS[1]])));
    assert_eq!(plan.webhooks, Some(Webhooks::Pending));
    assert_eq!(plan.again, Some(Duration::ZERO));
}

#[test]
fn rows_of_ours_that_serve_no_more_go_and_foreign_ones_are_never_touched() {
    let plan = with(|seen| {
        let mut rows = all_rows();
        rows.push(row(7, "channel.create", &format!("{PREFIX}old-token")));
        rows.push(row(8, "channel.create", "https://elsewhere.example.com/recorded"));
        rows.push(row(9, "channel.create", "https://elsewhere.example.com/foreign"));
        rows.push(row(10, "channel.create", URL));
        seen.rows = Rows::Listed(rows);
        seen.known_rows = vec!["row-8".into()];
    });
    let ids = ["row-7", "row-8", "row-10"].map(str::to_owned).to_vec();
    assert_eq!(plan.call, Some(AccountCall::Unsubscribe(ids)));
    assert_eq!(plan.webhooks, Some(Webhooks::Ready), "channels need not wait for that");
}

#[test]
fn a_subscription_that_could_not_be_looked_at_leaves_the_channels_as_they_are() {
    let plan = with(|seen| seen.rows = Rows::Failed(unclear()));
    assert_eq!(lines(&plan)[2], "WebhooksSubscribed=Unknown/CannotLook");
    assert_eq!((plan.call, plan.webhooks), (None, None));
    let plan = with(|seen| seen.rows = Rows::NotAsked);
    assert_eq!(plan.facts, None, "verified lately: as before");
}

#[test]
fn without_a_public_url_a_qr_cannot_arrive_and_the_rest_works() {
    let plan = with(|seen| {
        seen.url = None;
        seen.url_prefix = None;
        seen.rows = Rows::NotAsked;
    });
    assert_eq!(
        lines(&plan),
        [
            "Ready=True/Listed",
            "Authenticated=True/TokenAccepted",
            "WebhooksSubscribed=False/NoPublicUrl"
        ]
    );
    assert_eq!(plan.webhooks, Some(Webhooks::Off));
}

#[test]
fn other_modes_take_back_what_was_managed_once() {
    for (of, told, line) in [
        (
            WebhookMode::External,
            Webhooks::Ready,
            "WebhooksSubscribed=True/External",
        ),
        (
            WebhookMode::Disabled,
            Webhooks::Off,
            "WebhooksSubscribed=False/Disabled",
        ),
    ] {
        let plan = with(|seen| mode(seen, of));
        assert!(matches!(plan.call, Some(AccountCall::Unsubscribe(ref ids)) if ids.len() == EVENTS.len()));
        assert_eq!((plan.webhooks, lines(&plan)[2].as_str()), (Some(told), line));
        let plan = with(|seen| {
            mode(seen, of);
            seen.rows = Rows::NotAsked;
        });
        assert_eq!(plan.call, None);
    }
}

#[test]
fn a_suspended_account_writes_nothing() {
    for rows in [Vec::new(), all_rows()] {
        for of in [WebhookMode::Managed, WebhookMode::External, WebhookMode::Disabled] {
            let plan = with(|seen| {
                seen.wish = Ok(AccountWish {
                    mode: of,
                    suspend: true,
                });
                seen.rows = Rows::Listed(rows.clone());
            });
            assert_eq!(plan.call, None, "{of:?}");
        }
    }
}

#[test]
fn rows_are_looked_at_only_where_some_can_be_ours() {
    for (deleting, mode, has_url, known, expected) in [
        (false, WebhookMode::Managed, true, 0, true),
        (false, WebhookMode::Managed, false, 0, false),
        (true, WebhookMode::Managed, false, 0, true),
        (false, WebhookMode::External, true, 0, false),
        (false, WebhookMode::External, true, 1, true),
        (false, WebhookMode::Disabled, true, 0, false),
        (true, WebhookMode::Disabled, false, 2, true),
    ] {
        assert_eq!(needs_rows(deleting, mode, has_url, known), expected, "{mode:?}");
    }
}

#[test]
fn another_customers_token_stops_the_channels_and_touches_no_subscription() {
    let plan = with(|seen| {
        seen.rows = Rows::Listed(Vec::new());
        seen.identity = Some(IdentitySeen {
            pinned: RemoteAccountId::parse("1111").ok(),
            claimed: RemoteAccountId::parse("2222").ok(),
            ..IdentitySeen::default()
        });
    });
    assert_eq!(
        lines(&plan),
        [
            "Ready=False/AccountChanged",
            "Authenticated=False/AccountChanged",
            "WebhooksSubscribed=Unknown/AccountChanged"
        ]
    );
    assert_eq!((plan.call, plan.pin), (None, None));
    assert!(matches!(plan.trouble, Some((AccountTrouble::NotAuthenticated, _))));
}

#[test]
fn what_a_healthy_list_shows_of_the_account_is_remembered() {
    let plan = with(|seen| {
        seen.identity = Some(IdentitySeen {
            claimed: RemoteAccountId::parse("1111").ok(),
            token: "t".into(),
            ..IdentitySeen::default()
        });
    });
    let remote = RemoteAccountId::parse("1111").ok();
    assert_eq!(
        plan.pin,
        Some(Pin {
            remote,
            token: "t".into()
        })
    );
}

#[test]
fn a_token_that_cannot_be_got_is_said_by_what_would_mend_it() {
    let rows = [
        (Lack::Denied, "TokenRefused", "ten minutes"),
        (
            Lack::Held(Cause::Partner("wrong".into()), 1),
            "PartnerRefused",
            "kubectl store-login",
        ),
        (
            Lack::Held(Cause::Refresh("used".into()), 1),
            "RefreshRefused",
            "kubectl store-grant",
        ),
    ];
    for (lack, reason, remedy) in rows {
        let plan = with(|seen| {
            seen.token = lack.told();
            seen.listing = Listing::NotAsked;
        });
        assert_eq!(lines(&plan)[1], format!("Authenticated=False/{reason}"));
        let Some((AccountTrouble::NotAuthenticated, why)) = plan.trouble else {
            panic!("{lack:?}")
        };
        assert!(why.contains(remedy), "{why}");
    }
}

#[test]
fn a_token_endpoint_that_is_down_is_said_after_three_times_and_stops_who_has_no_token_left() {
    let down = |in_a_row, vetted| {
        with(|seen| {
            seen.token = Lack::Held(Cause::Unreached(unclear()), in_a_row).told();
            seen.listing = Listing::NotAsked;
            seen.vetted = vetted;
        })
    };
    assert_eq!(down(2, false).facts, None);
    assert_eq!(lines(&down(3, false))[0], "Ready=Unknown/CannotLook");
    assert!(matches!(down(3, false).trouble, Some((AccountTrouble::OutOfReach, _))));
    assert!(matches!(down(3, true).trouble, Some((AccountTrouble::OutOfReach, _))));
    let list_fails = with(|seen| {
        seen.listing = Listing::Failed {
            fault: unclear(),
            in_a_row: 3,
        };
    });
    assert_eq!(list_fails.trouble, None, "channels see that by themselves");
}

#[test]
fn while_another_replica_gets_the_token_nothing_is_said_or_done() {
    let plan = with(|seen| {
        seen.token = Lack::Rotating.told();
        seen.listing = Listing::NotAsked;
    });
    assert_eq!((plan.facts, plan.trouble, plan.call), (None, None, None));
}

#[test]
fn a_defect_is_said_on_the_account_too() {
    let plan = super::super::account::internal_error("the pass panicked");
    assert_eq!(lines(&plan), ["Ready=Unknown/InternalError"]);
    assert_eq!((plan.call, plan.trouble), (None, None));
}

#[test]
fn no_more_rows_are_recorded_than_a_status_holds_and_all_of_them_are_removed() {
    let long = Row {
        id: "r".repeat(129),
        ..row(0, EVENTS[0], URL)
    };
    let many: Vec<Row> = (0..100).map(|number| row(number, "old", URL)).chain([long]).collect();
    for wished in [WebhookMode::Managed, WebhookMode::External] {
        let rows = all_rows().into_iter().chain(many.clone()).collect();
        let plan = with(|seen| {
            mode(seen, wished);
            seen.rows = Rows::Listed(rows);
        });
        let recorded = plan.rows.unwrap();
        assert_eq!(recorded.len(), 64);
        assert!(recorded.iter().all(|id| id.len() <= 128));
        let Some(AccountCall::Unsubscribe(removed)) = plan.call else {
            panic!("nothing is removed: {wished:?}")
        };
        assert!(removed.len() >= 96, "{removed:?}");
        assert!(
            removed.iter().any(|id| id.len() == 129),
            "a long id is removed all the same"
        );
    }
    let few = with(|seen| {
        seen.rows = Rows::Listed(vec![
            row(1, "old", URL),
            Row {
                id: "r".repeat(129),
                ..row(2, "old", URL)
            },
        ]);
    });
    assert_eq!(few.rows.unwrap(), ["row-1"]);
}
