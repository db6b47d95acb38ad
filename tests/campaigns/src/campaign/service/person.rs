//! A person who reads the conditions and does what they say, as often as it takes.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use wazzup_operator::api::condition;

use crate::{Life, flow::NAME, life::ACCOUNT};

/// How long a person waits for what was asked for before asking again.
const PAUSE: Duration = Duration::from_secs(20);

/// Reads and acts until the life ends.
pub(super) async fn tend(life: &Life) {
    let mut asked: BTreeMap<&str, tokio::time::Instant> = BTreeMap::new();
    for number in 0.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for wanted in wanted(life).await {
            if asked.get(wanted).is_none_or(|at| at.elapsed() > PAUSE) {
                asked.insert(wanted, tokio::time::Instant::now());
                act(life, wanted, number).await;
            }
        }
    }
}

/// What the conditions ask for.
async fn wanted(life: &Life) -> Vec<&'static str> {
    let mut all = Vec::new();
    if let Ok(Some(account)) = life.accounts().get_opt("default").await {
        let status = account.status.unwrap_or_default();
        match condition(&status.conditions, "Authenticated").map(|one| (one.status.as_str(), one.reason.as_str())) {
            Some(("False", "TokenRefused")) if account.spec.auth.client_token.is_some() => all.push("token"),
            Some(("False", "PartnerRefused" | "TokenRefused")) => all.push("password"),
            Some(("False", "RefreshRefused")) => all.push("seed"),
            _ => {}
        }
    }
    let Ok(Some(channel)) = life.channels().get_opt(NAME).await else {
        return all;
    };
    let status = channel.status.unwrap_or_default();
    let known = status.channel_id.is_some();
    let stalled = condition(&status.conditions, "Stalled").is_some_and(|one| one.reason == "Rejected");
    match condition(&status.conditions, "ActionRequired").map(|one| one.reason.as_str()) {
        Some("FixCredentials") if known => all.push("reinit"),
        Some("RequestNewQr" | "EnterPassword") => all.push("reinit"),
        Some("FixCredentials") => all.push("recreate"),
        Some("ScanQr") if channel.spec.pairing.is_some() => all.push("pairing"),
        _ if stalled => all.push("recreate"),
        _ => {}
    }
    all
}

async fn act(life: &Life, wanted: &str, number: u32) {
    let fresh = format!("again-{number}");
    match wanted {
        "token" => {
            let token = format!("canary-client-token-{number}");
            life.simulator.with(|world, _| world.add_account(ACCOUNT, &token));
            life.secret("wazzup-token", json!({"token": token})).await;
        }
        "password" => {
            let password = format!("canary-password-{number}");
            life.simulator
                .with(|world, _| world.set_partner(ACCOUNT, "partner@example.com", &password));
            let login = json!({"email": "partner@example.com", "password": password});
            life.secret("partner", login).await;
        }
        "seed" => {
            let seed = format!("canary-seed-{number}");
            life.simulator
                .with(|world, _| world.grant_refresh_token(ACCOUNT, &seed));
            life.secret("seed", json!({"token": seed})).await;
        }
        "pairing" => life.annotate(NAME, "pairing-requested-at", &fresh).await,
        "recreate" => life.annotate(NAME, "recreate-requested-at", &fresh).await,
        _ => life.annotate(NAME, "reinit-requested-at", &fresh).await,
    }
}

/// Words with which a trouble is told.
const TROUBLE: [&str; 19] = [
    super::faults::WORDS,
    "HTTP ",
    "no answer",
    "no whole answer",
    "no clear answer",
    "broke off",
    "is longer than",
    "connection failed",
    "name resolution failed",
    "the answer does not",
    "the answer holds",
    "the new channel is of another transport",
    "does not know",
    "has no id",
    "cannot be told",
    "password was sent",
    "rows that were not asked for",
    "limiter held it back",
    "refused the refresh token",
];

/// The condition that tells of a trouble, if one does.
pub(super) async fn told(life: &Life) -> Option<String> {
    let account = life.accounts().get_opt("default").await.ok().flatten();
    let channel = life.channels().get_opt(NAME).await.ok().flatten();
    let of_account = account
        .and_then(|account| account.status)
        .unwrap_or_default()
        .conditions;
    let of_channel = channel
        .and_then(|channel| channel.status)
        .unwrap_or_default()
        .conditions;
    let messages = of_account.into_iter().chain(of_channel).map(|one| one.message);
    messages
        .into_iter()
        .find(|message| TROUBLE.iter().any(|word| message.contains(word)))
}
