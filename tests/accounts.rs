//! Accounts: how each way to a token works, and what is never hammered.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod stage;

use base64::{Engine, engine::general_purpose::STANDARD};
use control_plane::eventually;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stage::{ACCOUNT, PATIENCE, Setting, Stage};
use wazzup_operator::api::{WazzupAccount, condition, names};
use wazzup_simulator::{Effect, Entry, Fault, Timings};

const OTHER: &str = "87654321";
const OTHER_TOKEN: &str = "canary-other-customers-token";
const EMAIL: &str = "partner@example.com";
const PASSWORD: &str = "canary-partner-password";
const TOKENS: &str = "/v2/oauth/token";

/// A stage whose account is minted by a partner; tokens live that long.
async fn partner(name: &str, token_seconds: u64) -> Stage {
    let setting = Setting {
        timings: Timings {
            token_seconds,
            ..Setting::default().timings
        },
        ..Setting::default()
    };
    let stage = Stage::set_without_account(name, &setting).await;
    stage
        .simulator
        .with(|world, _| world.set_partner(ACCOUNT, EMAIL, PASSWORD));
    login(&stage, PASSWORD).await;
    stage
}

async fn login(stage: &Stage, password: &str) {
    let login = json!({"email": EMAIL, "password": password});
    stage.secret("partner", login).await;
}

fn white_label(account_id: &str) -> Value {
    json!({"whiteLabel": {"accountId": account_id, "partnerSecretRef": {"name": "partner"}}})
}

fn oauth() -> Value {
    json!({"oauth": {
        "clientId": "client", "partnerSecretRef": {"name": "partner"},
        "tokenSecretRef": {"name": "seed", "key": "refresh_token"},
    }})
}

async fn account(stage: &Stage, name: &str, auth: Value) {
    let account = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": name},
        "spec": {"auth": auth, "apiUrl": stage.simulator.url(), "sync": {"interval": "10s"}},
    });
    let account = serde_json::from_value(account).unwrap();
    stage.accounts().create(&PostParams::default(), &account).await.unwrap();
}

async fn annotate(stage: &Stage, annotation: &str, value: &str) {
    let patch = json!({"metadata": {"annotations": {format!("wazzup24.com/{annotation}"): value}}});
    stage
        .accounts()
        .patch("default", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

/// Grants of a kind that were asked for, and what came of each.
fn grants(stage: &Stage, kind: &str) -> Vec<Entry> {
    let journal = stage.simulator.journal();
    let tokens = journal.requests.into_iter().filter(|entry| entry.path == TOKENS);
    tokens
        .filter(|entry| {
            entry.body["grant_type"]
                .as_str()
                .is_some_and(|word| word.contains(kind))
        })
        .collect()
}

fn message(account: &WazzupAccount) -> String {
    let conditions = account.status.clone().unwrap_or_default().conditions;
    condition(&conditions, "Authenticated")
        .map(|one| one.message.clone())
        .unwrap_or_default()
}

async fn kept(stage: &Stage, key: &str) -> Option<String> {
    let secret = stage.secrets().get(&names::account_secret("default")).await.unwrap();
    let bytes = secret.data.unwrap_or_default().remove(key)?.0;
    Some(String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn a_white_label_account_mints_its_token_and_replaces_it_before_it_ends() {
    let stage = partner("white-label", 20).await;
    account(&stage, "default", white_label("1234-5678")).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    let found = stage
        .until_account("default", "Authenticated", "True", "TokenAccepted")
        .await;
    assert_eq!(found.status.unwrap().remote_account_id.as_deref(), Some(ACCOUNT));
    let first = &grants(&stage, "token-exchange")[0];
    assert_eq!(
        first.body["token_exchange_data"]["requested_subject"], ACCOUNT,
        "digits alone"
    );
    eventually("two more tokens", PATIENCE, || async {
        match grants(&stage, "token-exchange").len() {
            enough if enough >= 3 => Ok(()),
            few => Err(few.to_string()),
        }
    })
    .await;
    let journal = stage.simulator.journal();
    let refused: Vec<&Entry> = journal.requests.iter().filter(|entry| entry.status == 401).collect();
    assert!(refused.is_empty(), "no token was used after its end: {refused:?}");
}

#[tokio::test]
async fn a_token_that_is_revoked_early_is_minted_anew_once_and_then_said() {
    let stage = partner("revoked", 3_600).await;
    account(&stage, "default", white_label(ACCOUNT)).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    assert_eq!(grants(&stage, "token-exchange").len(), 1);
    stage.simulator.with(|world, _| world.revoke_tokens_of(ACCOUNT));
    eventually("a new token", PATIENCE, || async {
        match grants(&stage, "token-exchange").len() {
            2 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    let denial = Effect::Status {
        code: 401,
        retry_after: None,
        body: json!({"code": "OAUTH_TOKEN_UNKNOWN_OR_REVOKED"}).to_string(),
    };
    stage.simulator.fault(Fault::always("GET", "/v2/channels", denial));
    let said = stage
        .until_account("default", "Authenticated", "False", "TokenRefused")
        .await;
    assert!(message(&said).contains("ten minutes"), "{}", message(&said));
    let minted = grants(&stage, "token-exchange").len();
    assert!(minted <= 3, "one new token at most: {minted}");
    let lists = stage.simulator.journal().count("GET", "/v2/channels");
    stage.simulator.clear_faults();
    stage
        .secret(
            "partner",
            json!({"email": EMAIL, "password": PASSWORD, "touched": "yes"}),
        )
        .await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until("bot", "Ready", "False", "AccountNotAuthenticated").await;
    let journal = stage.simulator.journal();
    assert!(journal.count("GET", "/v2/channels") - lists <= 2, "nothing is hammered");
    assert_eq!(grants(&stage, "token-exchange").len(), minted);
}

#[tokio::test]
async fn a_wrong_partner_password_is_tried_once_for_all_accounts_of_the_partner() {
    let stage = partner("password", 3_600).await;
    stage
        .simulator
        .with(|world, _| world.set_partner(OTHER, EMAIL, PASSWORD));
    login(&stage, "canary-wrong-password").await;
    for (name, id) in [("default", ACCOUNT), ("second", OTHER), ("third", ACCOUNT)] {
        account(&stage, name, white_label(id)).await;
    }
    for name in ["default", "second", "third"] {
        let said = stage
            .until_account(name, "Authenticated", "False", "PartnerRefused")
            .await;
        assert!(
            message(&said).contains("create secret generic partner"),
            "{}",
            message(&said)
        );
    }
    assert_eq!(grants(&stage, "client_credentials").len(), 1);
    login(&stage, PASSWORD).await;
    for name in ["default", "second", "third"] {
        stage.until_account(name, "Ready", "True", "Listed").await;
    }
    assert_eq!(
        stage
            .accounts()
            .get("second")
            .await
            .unwrap()
            .status
            .unwrap()
            .remote_account_id
            .as_deref(),
        Some(OTHER)
    );
}

#[tokio::test]
async fn an_account_that_is_not_the_partners_is_said_and_not_asked_for_again() {
    let stage = partner("foreign", 3_600).await;
    stage.simulator.with(|world, _| world.add_account(OTHER, OTHER_TOKEN));
    account(&stage, "default", white_label(OTHER)).await;
    let said = stage
        .until_account("default", "Authenticated", "False", "PartnerRefused")
        .await;
    assert!(message(&said).contains("this partner's"), "{}", message(&said));
    annotate(&stage, "event-at", "2026-01-01T00:00:00Z").await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until("bot", "Ready", "False", "AccountNotAuthenticated").await;
    assert_eq!(grants(&stage, "token-exchange").len(), 1);
}

#[tokio::test]
async fn a_refresh_token_is_stored_before_it_is_used_and_the_seed_serves_once() {
    let mut stage = partner("oauth", 3_600).await;
    stage
        .simulator
        .with(|world, _| world.grant_refresh_token(ACCOUNT, "canary-seed"));
    stage.secret("seed", json!({"refresh_token": "canary-seed"})).await;
    account(&stage, "default", oauth()).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    let stored = kept(&stage, "oauth-refresh-token").await.unwrap();
    assert_ne!(stored, "canary-seed");
    assert_eq!(kept(&stage, "oauth-rotating-since").await, None);
    stage.kill_operator();
    stage.start_operator();
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    assert_eq!(
        grants(&stage, "refresh_token").len(),
        1,
        "a restart uses the stored access token"
    );
    stage.simulator.with(|world, _| world.revoke_tokens_of(ACCOUNT));
    eventually("a second refresh", PATIENCE, || async {
        match grants(&stage, "refresh_token").len() {
            2 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    assert_eq!(
        grants(&stage, "refresh_token")[1].body["refresh_token_data"]["refresh_token"],
        stored.as_str()
    );
    let kept_now = eventually("the second grant's refresh token in the Secret", PATIENCE, || async {
        kept(&stage, "oauth-refresh-token")
            .await
            .filter(|token| *token != stored)
            .ok_or_else(|| "the first grant's".to_owned())
    })
    .await;
    // A new password of the partner leaves the grant what it was: the seed, which is used up, is not tried again.
    stage
        .simulator
        .with(|world, _| world.set_partner(ACCOUNT, EMAIL, "canary-new-password"));
    login(&stage, "canary-new-password").await;
    stage.kill_operator();
    stage.simulator.with(|world, _| world.revoke_tokens_of(ACCOUNT));
    stage.start_operator();
    stage.telegram("next", "200:canary-bot").await;
    stage.until_active("next").await;
    let asked: Vec<Entry> = grants(&stage, "refresh_token");
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2].body["refresh_token_data"]["refresh_token"], kept_now.as_str());
    let log = stage.log_text();
    for secret in ["canary-seed", stored.as_str(), PASSWORD] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn a_refused_refresh_token_asks_for_a_new_grant_and_a_new_seed_heals() {
    let stage = partner("seed", 3_600).await;
    stage.secret("seed", json!({"refresh_token": "canary-used-up"})).await;
    account(&stage, "default", oauth()).await;
    let said = stage
        .until_account("default", "Authenticated", "False", "RefreshRefused")
        .await;
    assert!(
        message(&said).contains("create secret generic seed"),
        "{}",
        message(&said)
    );
    stage
        .simulator
        .with(|world, _| world.grant_refresh_token(ACCOUNT, "canary-fresh"));
    stage.secret("seed", json!({"refresh_token": "canary-fresh"})).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    assert_eq!(grants(&stage, "refresh_token").len(), 2);
}

#[tokio::test]
async fn a_refresh_token_that_another_replica_is_rotating_is_left_alone_for_a_minute() {
    let stage = partner("rotating", 3_600).await;
    stage
        .simulator
        .with(|world, _| world.grant_refresh_token(ACCOUNT, "canary-seed"));
    stage.secret("seed", json!({"refresh_token": "canary-seed"})).await;
    eventually("the operator to lead", PATIENCE, || async {
        if stage.log_text().contains("leading") {
            Ok(())
        } else {
            Err(stage.log_text())
        }
    })
    .await;
    let begun = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(50);
    let encode = |text: &str| STANDARD.encode(text);
    let keys = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": names::account_secret("default")},
        "data": {
            "webhook-token": encode(&"ab".repeat(32)), "hash-key": encode(&"k".repeat(32)),
            "oauth-rotating-since": encode(&begun.to_string()),
        },
    });
    stage
        .secrets()
        .patch(
            &names::account_secret("default"),
            &PatchParams::apply("story").force(),
            &Patch::Apply(keys),
        )
        .await
        .unwrap();
    account(&stage, "default", oauth()).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    let ended = begun + jiff::SignedDuration::from_secs(59);
    assert!(jiff::Timestamp::now() > ended, "it was not waited for");
    assert_eq!(grants(&stage, "refresh_token").len(), 1);
}

#[tokio::test]
async fn a_spec_that_names_another_account_waits_for_a_person_too() {
    let stage = partner("renamed", 3_600).await;
    stage
        .simulator
        .with(|world, _| world.set_partner(OTHER, EMAIL, PASSWORD));
    account(&stage, "default", white_label(ACCOUNT)).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    let patch = json!({"spec": {"auth": white_label("8765-4321")}});
    stage
        .accounts()
        .patch("default", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    let said = stage
        .until_account("default", "Authenticated", "False", "AccountChanged")
        .await;
    assert!(
        message(&said).contains("confirm-account=87654321"),
        "{}",
        message(&said)
    );
    annotate(&stage, "confirm-account", "8765-4321").await;
    let healed = stage
        .until_account("default", "Authenticated", "True", "TokenAccepted")
        .await;
    assert_eq!(healed.status.unwrap().remote_account_id.as_deref(), Some(OTHER));
}

#[tokio::test]
async fn two_objects_of_one_account_create_one_after_the_other_where_credentials_travel() {
    let stage = partner("lanes", 3_600).await;
    for name in ["default", "second"] {
        account(&stage, name, white_label(ACCOUNT)).await;
        stage.until_account(name, "Ready", "True", "Listed").await;
    }
    let slow = Effect::Slow(std::time::Duration::from_secs(5));
    stage.simulator.fault(Fault::always("POST", "/v2/channels", slow));
    for (name, account, token) in [
        ("one", "default", "101:canary-bot"),
        ("two", "second", "102:canary-bot"),
    ] {
        let secret = format!("{name}-bot");
        stage.secret(&secret, json!({"telegram_token": token})).await;
        let spec =
            json!({"transport": "telegram", "credentialsSecretRef": {"name": secret}, "accountRef": {"name": account}});
        stage.channel(name, spec).await;
    }
    stage.until_active("one").await;
    stage.until_active("two").await;
    let journal = stage.simulator.journal();
    let at: Vec<u64> = journal
        .matching("POST", "/v2/channels")
        .iter()
        .map(|entry| entry.at)
        .collect();
    assert_eq!(at.len(), 2);
    assert!(at[1] - at[0] >= 4_900, "they overlapped: {at:?}");
}

#[tokio::test]
async fn an_edited_account_is_ready_again_at_once() {
    let seldom = Setting {
        interval: "10m",
        ..Setting::default()
    };
    let stage = Stage::set("edited", seldom).await;
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    let patch = json!({"spec": {"rateLimit": {"requestsPerSecond": 7}}});
    stage
        .accounts()
        .patch("default", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    stage
        .kubectl(&[
            "wait",
            "wazzupaccount/default",
            "--for=condition=Ready",
            "--timeout=180s",
        ])
        .await;
    let account = stage.accounts().get("default").await.unwrap();
    assert_eq!(account.status.unwrap().observed_generation, account.metadata.generation);
}
