//! Accounts in every state, their status made by the planner.

use serde_json::{Value, json};
use wazzup_operator::{
    api::WazzupAccountStatus,
    model::{Fault, RemoteAccountId, Sensitive},
    plan::{
        self,
        account::{AccountPlan, AccountSeen, AccountWish, EVENTS, Listing, Remedies, Row, Rows, Token, WebhookMode},
        identity::IdentitySeen,
        token::{Cause, Lack},
    },
};

use super::{Case, GOES_ON, LEAVES, RESTS, STALLED, WORDS, WORKS, case, deleting, first_status, merged, object};

const URL: &str = "https://hooks.example.com/webhooks/key/token";

/// A managed account whose list came and whose subscription is whole.
fn account_seen() -> AccountSeen {
    let row = |(number, event): (usize, &&str)| Row {
        id: format!("row-{number}"),
        event: (*event).into(),
        url: Sensitive::new(URL.into()),
    };
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
        remedies: Remedies::default(),
        url: Some(Sensitive::new(URL.into())),
        url_prefix: Some("https://hooks.example.com/webhooks/key/".into()),
        rows: Rows::Listed(EVENTS.iter().enumerate().map(row).collect()),
        known_rows: Vec::new(),
        tried: None,
        dependents: Vec::new(),
    }
}

fn account_after(before: &Value, plan: &AccountPlan, generation: i64, suspend: bool) -> Value {
    let mut status: WazzupAccountStatus = serde_json::from_value(before.clone()).unwrap();
    if let Some(facts) = &plan.facts {
        status.observed_generation = Some(generation);
        status.conditions = merged(&status.conditions, facts, false, generation);
    }
    let spec = json!({"auth": {}, "suspend": suspend});
    object(
        "WazzupAccount",
        generation,
        &spec,
        &serde_json::to_value(status).unwrap(),
    )
}

/// A new account after one pass over what was seen.
fn account(change: impl FnOnce(&mut AccountSeen)) -> Value {
    let mut seen = account_seen();
    change(&mut seen);
    let suspend = seen.wish.as_ref().is_ok_and(|wish| wish.suspend);
    let after = account_after(&first_status("WazzupAccount"), &plan::account::plan(&seen), 1, suspend);
    if seen.deleting { deleting(after) } else { after }
}

fn wish(seen: &mut AccountSeen, mode: WebhookMode, suspend: bool) {
    seen.wish = Ok(AccountWish { mode, suspend });
}

fn down() -> Fault {
    Fault::Unclear {
        why: "the service is down".into(),
    }
}

/// One case for each thing that an account can say.
pub fn states() -> Vec<Case> {
    let failed = |fault, in_a_row| Listing::Failed { fault, in_a_row };
    let denied = || Fault::Denied {
        status: 401,
        words: "no".into(),
    };
    let token = |token: Token| {
        account(|seen| {
            seen.token = token;
            seen.listing = Listing::NotAsked;
        })
    };
    let works = account(|_| ());
    let edited = |suspend, generation, plan: &AccountPlan| account_after(&works["status"], plan, generation, suspend);
    let blink = plan::account::plan(&AccountSeen {
        listing: failed(down(), 1),
        ..account_seen()
    });
    let defect = plan::account::internal_error("a defect");
    let id = |text| RemoteAccountId::parse(text).unwrap();
    let other = IdentitySeen {
        object: ("shops".into(), "shop".into()),
        pinned: Some(id("12345678")),
        claimed: Some(id("87654321")),
        ..IdentitySeen::default()
    };
    let present = "waiting for wazzup-operator";
    let new = account_after(
        &first_status("WazzupAccount"),
        &plan::account::plan(&AccountSeen {
            token: Token::Pending,
            ..account_seen()
        }),
        1,
        false,
    );
    vec![
        case("new", new, GOES_ON, present),
        case("listed", works.clone(), WORKS, "listed"),
        case(
            "routed by others",
            account(|seen| wish(seen, WebhookMode::External, false)),
            WORKS,
            "listed",
        ),
        case(
            "polling alone",
            account(|seen| wish(seen, WebhookMode::Disabled, false)),
            WORKS,
            "QR cannot arrive",
        ),
        case("no public URL", account(|seen| seen.url = None), WORKS, "--webhook-url"),
        case(
            "subscribing",
            account(|seen| seen.rows = Rows::Listed(Vec::new())),
            WORKS,
            "being subscribed",
        ),
        case(
            "suspended",
            account(|seen| wish(seen, WebhookMode::Managed, true)),
            WORKS,
            "listed",
        ),
        case(
            "suspended with half a subscription",
            account(|seen| {
                wish(seen, WebhookMode::Managed, true);
                seen.rows = Rows::Listed(Vec::new());
            }),
            WORKS,
            "left so",
        ),
        case(
            "subscription not seen",
            account(|seen| seen.rows = Rows::Failed(down())),
            WORKS,
            "the service is down",
        ),
        case(
            "wrong spec",
            account(|seen| seen.wish = Err(WORDS.into())),
            STALLED,
            WORDS,
        ),
        case(
            "a spec that leads to no token",
            token(Token::Invalid(WORDS.into())),
            STALLED,
            WORDS,
        ),
        case("no Secret", token(Token::Missing(WORDS.into())), RESTS, WORDS),
        case(
            "a Secret that cannot be read",
            token(Token::Hidden {
                why: WORDS.into(),
                in_a_row: 3,
            }),
            GOES_ON,
            WORDS,
        ),
        case(
            "a Secret that nobody let the operator read",
            token(Token::Forbidden(WORDS.into())),
            RESTS,
            WORDS,
        ),
        case(
            "a refused token",
            account(|seen| seen.listing = failed(denied(), 1)),
            RESTS,
            "store a valid one",
        ),
        case(
            "a refused partner",
            token(Lack::Held(Cause::Partner(WORDS.into()), 1).told()),
            RESTS,
            WORDS,
        ),
        case(
            "a refused refresh",
            token(Lack::Held(Cause::Refresh(WORDS.into()), 1).told()),
            RESTS,
            WORDS,
        ),
        case("a fresh token refused", token(Lack::Denied.told()), RESTS, ""),
        case(
            "another customer's token",
            account(|seen| seen.identity = Some(other)),
            RESTS,
            "confirm-account",
        ),
        case(
            "the service down",
            account(|seen| seen.listing = failed(down(), 3)),
            GOES_ON,
            "the service is down",
        ),
        case(
            "the service down while suspended",
            account(|seen| {
                wish(seen, WebhookMode::Managed, true);
                seen.listing = failed(down(), 3);
            }),
            RESTS,
            "the service is down",
        ),
        case("one look failed", edited(false, 1, &blink), WORKS, "listed"),
        case("edited, one look failed", edited(false, 2, &blink), GOES_ON, present),
        case("a defect", edited(false, 1, &defect), GOES_ON, "a defect"),
        case(
            "deletion waits for channels",
            account(|seen| {
                seen.deleting = true;
                seen.dependents = vec!["shops/shop".into()];
            }),
            LEAVES,
            "delete them first",
        ),
        case(
            "deletion cannot unsubscribe",
            account(|seen| {
                seen.deleting = true;
                seen.rows = Rows::Failed(down());
            }),
            LEAVES,
            "the service is down",
        ),
        case(
            "deleted a moment ago",
            {
                let mut gone = deleting(works.clone());
                gone["metadata"]["generation"] = json!(2);
                gone
            },
            LEAVES,
            "being deleted",
        ),
    ]
}
