//! What an account needs next: its token, its list, its webhook subscription.

use std::{ops::ControlFlow, time::Duration};

pub use super::account_seen::{
    AccountCall, AccountPlan, AccountSeen, AccountWish, Listing, Remedies, Row, Rows, Token, WebhookMode,
};
pub use super::account_tries::Tried;
use super::{
    AccountTrouble, Fact, Standing, Webhooks, account_goodbye,
    account_tries::ask,
    identity::{Identity, judge},
    reasons::of_an_account as fact,
};
use crate::model::{Fault, Sensitive};

/// The events that are subscribed (Webhooks page; only those that are processed, as it asks).
pub const EVENTS: [&str; 5] = [
    "channel.status_update",
    "channel.qr_update",
    "channel.create",
    "channel.delete",
    "channel.waba_tier_update",
];

/// A status holds so many ids of rows, each of so many characters at most.
const MOST_RECORDED: usize = 64;
const LONGEST_RECORDED: usize = 128;

/// What could not be looked at, and tells nobody when it can, is looked at again.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// Whether the rows have to be looked at in this pass, apart from the regular verification.
pub fn needs_rows(deleting: bool, mode: WebhookMode, has_url: bool, known_rows: usize) -> bool {
    match mode {
        WebhookMode::Managed => has_url || deleting,
        WebhookMode::External | WebhookMode::Disabled => known_rows > 0,
    }
}

/// Decides what to do about an account.
pub fn plan(seen: &AccountSeen) -> AccountPlan {
    if seen.deleting {
        return account_goodbye::plan(seen);
    }
    let wish = match &seen.wish {
        Ok(wish) => *wish,
        Err(why) => return invalid(quiet(), why),
    };
    let mut plan = AccountPlan {
        finalizer: (!seen.finalizer).then_some(true),
        ..quiet()
    };
    plan = match usable(seen, plan) {
        ControlFlow::Continue(plan) => plan,
        ControlFlow::Break(plan) => return plan,
    };
    let (webhooks, subscribed) = subscription(seen, wish, &mut plan);
    plan.webhooks = webhooks;
    plan.facts = subscribed.map(|subscribed| {
        vec![
            fact("Ready", Standing::True, "Listed", "the account's channels are listed"),
            fact(
                "Authenticated",
                Standing::True,
                "TokenAccepted",
                "Wazzup accepts the token",
            ),
            subscribed,
        ]
    });
    plan
}

/// Whether channels may use the account: the plan with what is pinned, or the one that says why not.
pub(super) fn usable(seen: &AccountSeen, mut plan: AccountPlan) -> ControlFlow<AccountPlan, AccountPlan> {
    match (&seen.token, &seen.listing) {
        (Token::Invalid(why), _) => return ControlFlow::Break(invalid(plan, why)),
        (Token::Missing(why) | Token::Incomplete(why), _) => {
            return ControlFlow::Break(unusable(plan, "SecretNotFound", why));
        }
        (Token::Hidden { why, in_a_row }, _) => {
            let told = if *in_a_row < 3 {
                plan
            } else {
                unknown(true, plan, "SecretUnreadable", why)
            };
            return ControlFlow::Break(AccountPlan {
                again: Some(SOON),
                ..told
            });
        }
        // Nobody tells when the right is granted.
        (Token::Forbidden(why), _) => {
            return ControlFlow::Break(AccountPlan {
                again: Some(SOON),
                ..unusable(plan, "SecretUnreadable", why)
            });
        }
        (Token::Refused { reason, why }, _) => {
            let remedy = match *reason {
                "PartnerRefused" => format!(": {}", seen.remedies.login),
                "RefreshRefused" => format!(": {}", seen.remedies.grant),
                _ => String::new(),
            };
            return ControlFlow::Break(unusable(plan, reason, &format!("{why}{remedy}")));
        }
        (
            Token::Present,
            Listing::Failed {
                fault: fault @ Fault::Denied { .. },
                ..
            },
        ) => {
            let why = format!(
                "Wazzup refused the token: {fault}; store a valid one: {}",
                seen.remedies.login
            );
            return ControlFlow::Break(unusable(plan, "TokenRefused", &why));
        }
        (Token::Pending, _) | (Token::Present, Listing::NotAsked) => return ControlFlow::Break(plan),
        (Token::Unreached { fault, in_a_row }, _) => {
            return ControlFlow::Break(out_of_reach(true, plan, fault, *in_a_row));
        }
        (Token::Present, Listing::Failed { fault, in_a_row }) => {
            return ControlFlow::Break(out_of_reach(!seen.vetted, plan, fault, *in_a_row));
        }
        (Token::Present, Listing::Listed { .. }) => {}
    }
    match seen.identity.as_ref().map(judge) {
        Some(Identity::Changed(why)) => return ControlFlow::Break(unusable(plan, "AccountChanged", &why)),
        Some(Identity::Unclear) => {
            let unreadable = Fault::Unclear {
                why: "the list holds items that cannot be read, so it cannot be told whose it is".to_owned(),
            };
            return ControlFlow::Break(out_of_reach(!seen.vetted, plan, &unreadable, 3));
        }
        Some(Identity::Pinned(pin)) => plan.pin = Some(pin),
        None => {}
    }
    ControlFlow::Continue(plan)
}

/// What an account says after a defect of the operator: nothing else is known for certain.
pub fn internal_error(why: &str) -> AccountPlan {
    let why = format!("a defect of the operator kept it from acting; nothing was done, it tries again: {why}");
    AccountPlan {
        facts: Some(vec![fact("Ready", Standing::Unknown, "InternalError", &why)]),
        ..quiet()
    }
}

pub(super) fn quiet() -> AccountPlan {
    AccountPlan {
        finalizer: None,
        call: None,
        rows: None,
        pin: None,
        webhooks: None,
        trouble: None,
        as_before: false,
        facts: None,
        unsettled: false,
        again: None,
    }
}

/// Wazzup cannot be looked at. Channels with a token that serves see that by themselves; those `without` are told.
fn out_of_reach(without: bool, plan: AccountPlan, fault: &Fault, in_a_row: u32) -> AccountPlan {
    if in_a_row < 3 {
        return plan;
    }
    let why = format!("Wazzup cannot be looked at: {fault}");
    unknown(without, plan, "CannotLook", &why)
}

/// It cannot be told how the account is. Channels `without` a token that serves are told.
fn unknown(without: bool, plan: AccountPlan, reason: &'static str, why: &str) -> AccountPlan {
    AccountPlan {
        trouble: without.then(|| (AccountTrouble::OutOfReach, why.to_owned())),
        facts: Some(vec![
            fact("Ready", Standing::Unknown, reason, why),
            fact("Authenticated", Standing::Unknown, reason, why),
            fact("WebhooksSubscribed", Standing::Unknown, reason, why),
        ]),
        ..plan
    }
}

fn invalid(plan: AccountPlan, why: &str) -> AccountPlan {
    AccountPlan {
        trouble: Some((AccountTrouble::Invalid, why.to_owned())),
        facts: Some(vec![
            fact("Ready", Standing::False, "InvalidSpec", why),
            fact("Authenticated", Standing::False, "InvalidSpec", why),
            fact("WebhooksSubscribed", Standing::Unknown, "InvalidSpec", why),
            fact("Stalled", Standing::True, "InvalidSpec", why),
        ]),
        ..plan
    }
}

fn unusable(plan: AccountPlan, reason: &'static str, why: &str) -> AccountPlan {
    AccountPlan {
        trouble: Some((AccountTrouble::NotAuthenticated, why.to_owned())),
        facts: Some(vec![
            fact("Ready", Standing::False, reason, why),
            fact("Authenticated", Standing::False, reason, why),
            fact("WebhooksSubscribed", Standing::Unknown, reason, why),
        ]),
        ..plan
    }
}

/// Our rows: those the status records, and those under our own path. Foreign ones are never touched.
pub(super) fn ours<'a>(seen: &AccountSeen, rows: &'a [Row]) -> Vec<&'a Row> {
    rows.iter()
        .filter(|row| {
            let under_our_path = seen
                .url_prefix
                .as_ref()
                .is_some_and(|prefix| row.url.reveal().starts_with(prefix.as_str()));
            seen.known_rows.contains(&row.id) || under_our_path
        })
        .collect()
}

/// What the status records of our rows. What it cannot hold is found again under our own path; a status that the API server
/// refuses would say nothing at all.
fn recorded(ours: &[&Row]) -> Vec<String> {
    let ids = ours.iter().map(|row| &row.id);
    let fit = ids.filter(|id| id.chars().count() <= LONGEST_RECORDED);
    fit.take(MOST_RECORDED).cloned().collect()
}

/// The subscription's part of a plan: what channels are told, and the condition (`None` for both: as before).
fn subscription(seen: &AccountSeen, wish: AccountWish, plan: &mut AccountPlan) -> (Option<Webhooks>, Option<Fact>) {
    match wish.mode {
        WebhookMode::External => {
            withdraw(seen, wish, plan);
            let what = "events are routed to the operator by somebody else: send them to its public address, under the path that the account's Secret <account>-wazzup-operator holds as webhook-path";
            (
                Some(Webhooks::Ready),
                Some(fact("WebhooksSubscribed", Standing::True, "External", what)),
            )
        }
        WebhookMode::Disabled => {
            withdraw(seen, wish, plan);
            let what = "spec.webhooks.mode is Disabled: a login QR cannot arrive";
            (
                Some(Webhooks::Off),
                Some(fact("WebhooksSubscribed", Standing::False, "Disabled", what)),
            )
        }
        WebhookMode::Managed => match &seen.url {
            None => {
                let what = "the operator was started without --webhook-url: a login QR cannot arrive, the rest works";
                (
                    Some(Webhooks::Off),
                    Some(fact("WebhooksSubscribed", Standing::False, "NoPublicUrl", what)),
                )
            }
            Some(url) => managed(seen, wish, url, plan),
        },
    }
}

fn managed(
    seen: &AccountSeen,
    wish: AccountWish,
    url: &Sensitive<String>,
    plan: &mut AccountPlan,
) -> (Option<Webhooks>, Option<Fact>) {
    let rows = match &seen.rows {
        Rows::NotAsked => return (None, None),
        Rows::Failed(fault) => {
            plan.again = Some(SOON);
            let why = format!("the subscription could not be looked at: {fault}");
            return (
                None,
                Some(fact("WebhooksSubscribed", Standing::Unknown, "CannotLook", &why)),
            );
        }
        Rows::Listed(rows) => rows,
    };
    let ours = ours(seen, rows);
    let mut kept = Vec::new();
    let mut missing = Vec::new();
    for event in EVENTS {
        match ours.iter().find(|row| row.event == event && row.url == *url) {
            Some(row) => kept.push(row.id.clone()),
            None => missing.push(event),
        }
    }
    let stale: Vec<String> = ours
        .iter()
        .filter(|row| !kept.contains(&row.id))
        .map(|row| row.id.clone())
        .collect();
    plan.rows = Some(recorded(&ours));
    if !missing.is_empty() {
        if wish.suspend {
            let why = "suspended: the subscription is incomplete and is left so";
            return (
                Some(Webhooks::Off),
                Some(fact("WebhooksSubscribed", Standing::False, "Suspended", why)),
            );
        }
        // Rows of ours that are not as they were asked for go first, or each request would leave more of them.
        let call = match &seen.tried {
            Some(Tried { subscribing: true, .. }) if !stale.is_empty() => AccountCall::Unsubscribe(stale),
            Some(_) | None => AccountCall::Subscribe(missing),
        };
        let why = ask(seen, plan, call, false);
        let why = why.unwrap_or_else(|| "the account's events are being subscribed".to_owned());
        return (
            Some(Webhooks::Pending),
            Some(fact("WebhooksSubscribed", Standing::False, "Subscribing", &why)),
        );
    }
    let mut what = "the account's events are subscribed".to_owned();
    if !stale.is_empty() && !wish.suspend {
        let effective = seen.tried.as_ref().is_some_and(|tried| tried.subscribing);
        if let Some(why) = ask(seen, plan, AccountCall::Unsubscribe(stale), effective) {
            what = format!("{what}; of rows that are no longer needed: {why}");
        }
    }
    (
        Some(Webhooks::Ready),
        Some(fact("WebhooksSubscribed", Standing::True, "Subscribed", &what)),
    )
}

/// Rows from a time when the operator managed the subscription go.
fn withdraw(seen: &AccountSeen, wish: AccountWish, plan: &mut AccountPlan) {
    if let Rows::Listed(rows) = &seen.rows {
        let ours = ours(seen, rows);
        let ids: Vec<String> = ours.iter().map(|row| row.id.clone()).collect();
        plan.rows = Some(recorded(&ours));
        if !ids.is_empty() && !wish.suspend {
            ask(seen, plan, AccountCall::Unsubscribe(ids), false);
        }
    }
}
