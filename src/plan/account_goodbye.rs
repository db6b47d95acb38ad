//! An account's end.

use std::ops::ControlFlow;

use super::{
    Standing,
    account::{SOON, ours, quiet, usable},
    account_seen::{AccountCall, AccountPlan, AccountSeen, Rows, Token},
    account_tries::ask,
    reasons::of_an_account as fact,
};
use crate::model::Fault;

/// The object is being deleted: it waits for its channels, then takes its subscription along.
pub(super) fn plan(seen: &AccountSeen) -> AccountPlan {
    let release = || AccountPlan {
        finalizer: Some(false),
        ..quiet()
    };
    if !seen.finalizer {
        return quiet();
    }
    if let Some(first) = seen.dependents.first() {
        let (namespace, name) = first.split_once('/').unwrap_or(("NAMESPACE", first));
        let names = seen.dependents.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let why = format!(
            "{} channel(s) still use this account, and it waits for them: {names}; delete them first: kubectl -n {namespace} delete wazzupchannel {name} ; to leave a channel at Wazzup, before or while its object is being deleted: kubectl -n {namespace} annotate --overwrite wazzupchannel {name} wazzup24.com/abandon=true",
            seen.dependents.len()
        );
        // What its channels may do does not change by its going.
        let (ControlFlow::Continue(state) | ControlFlow::Break(state)) = usable(seen, quiet());
        let as_before = !state.decides();
        let mut facts = vec![
            fact("Ready", Standing::False, "WaitingForChannels", &why),
            fact("Reconciling", Standing::True, "WaitingForChannels", &why),
        ];
        let told = state.facts.into_iter().flatten();
        facts.extend(told.filter(|fact| fact.kind == "Authenticated"));
        return AccountPlan {
            facts: Some(facts),
            as_before,
            pin: state.pin,
            trouble: state.trouble,
            again: state.again,
            ..quiet()
        };
    }
    match (&seen.token, &seen.rows) {
        // Events to a URL that nobody serves any more get 404; an account must not hang on that.
        (
            Token::Invalid(_) | Token::Missing(_) | Token::Incomplete(_) | Token::Forbidden(_) | Token::Refused { .. },
            _,
        )
        | (Token::Present, Rows::NotAsked | Rows::Failed(Fault::Denied { .. } | Fault::Missing { .. })) => release(),
        (Token::Pending, _) => quiet(),
        (Token::Hidden { why, .. }, _) => AccountPlan {
            again: Some(SOON),
            ..unsubscribing(quiet(), why, "delete that Secret")
        },
        (Token::Unreached { fault, .. }, _) | (Token::Present, Rows::Failed(fault)) => AccountPlan {
            again: Some(SOON),
            ..unsubscribing(quiet(), &fault.to_string(), TAKE_TOKEN)
        },
        (Token::Present, Rows::Listed(rows)) => {
            let ids: Vec<String> = ours(seen, rows).iter().map(|row| row.id.clone()).collect();
            if ids.is_empty() {
                return release();
            }
            let mut plan = quiet();
            match ask(seen, &mut plan, AccountCall::Unsubscribe(ids), false) {
                Some(why) => unsubscribing(plan, &why, TAKE_TOKEN),
                None => plan,
            }
        }
    }
}

const TAKE_TOKEN: &str = "take its token away: delete the Secret that spec.auth names, or name one that does not exist";

/// An account that goes cannot take its subscription along yet; `way_out` lets it go without.
fn unsubscribing(plan: AccountPlan, why: &str, way_out: &str) -> AccountPlan {
    let why = format!(
        "the webhook subscription could not be removed yet: {why}; it is tried again; to let the account go without that, {way_out}"
    );
    AccountPlan {
        facts: Some(vec![
            fact("Ready", Standing::False, "Unsubscribing", &why),
            fact("Reconciling", Standing::True, "Unsubscribing", &why),
        ]),
        ..plan
    }
}
