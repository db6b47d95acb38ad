//! One pass over an account: `account` is the object, `rows` the body of the subscriptions' answer.

use serde_json::Value;
use wazzup_operator::{
    api::{WazzupAccount, WebhooksMode},
    plan::account::{AccountCall, AccountSeen, AccountWish, Listing, Remedies, Row, Rows, Token, WebhookMode, plan},
    wazzup::{AllowedHosts, Answer, ApiUrl},
};

use super::schema;

pub(super) const WORDS: &[&[u8]] = &[
    b"\"account\":{",
    b"\"rows\":{\"data\":[",
    b"\"id\":\"r1\"",
    b"\"event\":\"channel.qr_update\"",
    b"\"url\":\"https://hooks.example.com/webhooks/key/token\"",
    b"\"url\":\"https://hooks.example.com/webhooks/key/",
    b"\"webhooks\":{\"mode\":\"External\"}",
    b"\"webhooks\":{\"mode\":\"Disabled\"}",
    b"\"suspend\":true",
    b"\"webhookIds\":[\"r1\"]",
    b"\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"",
];

const PREFIX: &str = "https://hooks.example.com/webhooks/key/";
const TOKEN: &str = "kanarie-token";

fn stored(value: &Value) -> Option<WazzupAccount> {
    serde_json::from_value(value.clone()).ok()
}

pub(super) fn account(input: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(input) else {
        return;
    };
    let Some(object) = stored(&document["account"]) else {
        return;
    };
    let shown = serde_json::to_value(&object).unwrap_or_default();
    let again = stored(&shown).map(|again| serde_json::to_value(&again).unwrap_or_default());
    assert_eq!(again.as_ref(), Some(&shown), "what is written is read back");
    if let Ok(allowed) = AllowedHosts::parse(&["tech.wazzup24.com", "127.0.0.1:8080"])
        && let Ok(url) = ApiUrl::parse(&object.spec.api_url, &allowed)
    {
        let places = [
            "https://tech.wazzup24.com",
            "http://127.0.0.1:8080",
            "https://127.0.0.1:8080",
        ];
        assert!(places.contains(&url.to_string().as_str()), "{url} was never allowed");
    }
    let seen = seen(&object, &document["rows"]);
    let made = plan(&seen);
    assert_eq!(plan(&seen), made);
    let Rows::Listed(rows) = &seen.rows else {
        return;
    };
    // A service that takes the token for the row's id has published it by itself.
    let mut ids = seen.known_rows.iter().chain(rows.iter().map(|row| &row.id));
    assert!(
        ids.any(|id| id.contains(TOKEN)) || !format!("{made:?}{seen:?}").contains(TOKEN),
        "the token of a webhook was printed"
    );
    if let Some(AccountCall::Unsubscribe(ids)) = &made.call {
        for id in ids {
            let ours = |row: &Row| row.id == *id && row.url.reveal().starts_with(PREFIX);
            assert!(
                seen.known_rows.contains(id) || rows.iter().any(ours),
                "a foreign subscription is touched"
            );
        }
    }
    if let Some(ids) = &made.rows {
        let kept = serde_json::json!({ "webhookIds": ids });
        let misfit = schema::misfit(&schema::of("wazzupaccounts")["properties"]["status"], &kept);
        assert_eq!(misfit, None, "the API server would refuse the status");
    }
}

fn seen(object: &WazzupAccount, rows: &Value) -> AccountSeen {
    let answer = Answer {
        status: 200,
        body: rows.to_string().into_bytes(),
        ..Answer::default()
    };
    let rows = answer.webhook_rows().map(|rows| {
        let rows = rows.into_iter().map(|row| Row::listed(row.id, &row.event, row.url));
        rows.collect()
    });
    let mode = match object.spec.webhooks.mode {
        WebhooksMode::Managed => Ok(WebhookMode::Managed),
        WebhooksMode::External => Ok(WebhookMode::External),
        WebhooksMode::Disabled => Ok(WebhookMode::Disabled),
        WebhooksMode::Unknown => Err("spec.webhooks.mode".to_owned()),
    };
    AccountSeen {
        deleting: object.metadata.deletion_timestamp.is_some(),
        finalizer: object.metadata.finalizers.as_ref().is_some_and(|all| !all.is_empty()),
        wish: mode.map(|mode| AccountWish {
            mode,
            suspend: object.spec.suspend,
        }),
        token: Token::Present,
        listing: Listing::Listed { unreadable: 0 },
        identity: None,
        vetted: true,
        remedies: Remedies::default(),
        url: Some(format!("{PREFIX}{TOKEN}").into()),
        url_prefix: Some(PREFIX.to_owned()),
        rows: rows.map_or_else(Rows::Failed, Rows::Listed),
        known_rows: object
            .status
            .as_ref()
            .map(|status| status.webhook_ids.clone())
            .unwrap_or_default(),
        tried: None,
        dependents: Vec::new(),
    }
}
