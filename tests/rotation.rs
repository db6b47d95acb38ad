//! Changed Secrets wake exactly those who use them, and nothing is tried twice that was refused once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use control_plane::eventually;
use serde_json::json;
use stage::{ACCOUNT, PATIENCE, Setting, Stage};
use wazzup_simulator::Entry;

fn ending(stage: &Stage, end: &str) -> Vec<Entry> {
    let journal = stage.simulator.journal();
    let found = journal.requests.into_iter().filter(|entry| entry.path.ends_with(end));
    found.collect()
}

async fn until_some(stage: &Stage, end: &str, count: usize) {
    eventually(&format!("{count} requests to {end}"), PATIENCE, || async {
        match ending(stage, end).len() {
            found if found >= count => Ok(()),
            few => Err(few.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_rotated_bot_token_reconnects_exactly_the_channel_that_uses_it() {
    let stage = Stage::set("bots", Setting::default()).await;
    for (name, token) in [
        ("one", "101:canary-one"),
        ("two", "102:canary-two"),
        ("three", "103:canary-three"),
    ] {
        stage.telegram(name, token).await;
    }
    for name in ["one", "two", "three"] {
        stage.until_active(name).await;
    }
    stage.simulator.clear_journal();
    stage
        .secret("two-bot", json!({"telegram_token": "202:canary-new"}))
        .await;
    until_some(&stage, "/reinit", 1).await;
    stage.until_listed(2).await;
    let two = stage.until_active("two").await.status.unwrap();
    let reinits = ending(&stage, "/reinit");
    assert_eq!(reinits.len(), 1, "{reinits:?}");
    assert_eq!(
        reinits[0].path,
        format!("/v2/channels/{}/reinit", two.channel_id.unwrap())
    );
    assert_eq!(
        reinits[0].body,
        json!({"credentials": {"telegram_token": "202:canary-new"}})
    );
    // A Secret that changes without changing what is used of it wakes nobody at Wazzup.
    stage
        .secret(
            "two-bot",
            json!({"telegram_token": "202:canary-new", "note": "for people"}),
        )
        .await;
    stage.until_listed(2).await;
    assert_eq!(ending(&stage, "/reinit").len(), 1);
}

#[tokio::test]
async fn a_two_factor_password_is_tried_once_for_each_value_also_across_restarts() {
    let mut stage = Stage::set("restart", Setting::default()).await;
    stage
        .simulator
        .with(|world, _| world.set_two_factor("tgapi", Some("canary-right")));
    stage.secret("personal-2fa", json!({"password": "canary-wrong"})).await;
    stage.channel("personal", json!({"transport": "tgapi"})).await;
    stage.scan("personal-qr", "79990001122").await;
    until_some(&stage, "/2fa", 1).await;
    stage.until("personal", "ActionRequired", "True", "EnterPassword").await;
    stage.kill_operator();
    stage.start_operator();
    stage.until_listed(2).await;
    stage.until("personal", "ActionRequired", "True", "EnterPassword").await;
    assert_eq!(ending(&stage, "/2fa").len(), 1, "the same value is not tried again");
    stage.secret("personal-2fa", json!({"password": "canary-right"})).await;
    stage.until_active("personal").await;
    assert_eq!(ending(&stage, "/2fa").len(), 2);
}

#[tokio::test]
async fn a_rotated_account_token_serves_at_once_and_disturbs_no_channel() {
    let setting = Setting {
        interval: "1h",
        ..Setting::default()
    };
    let stage = Stage::set("token", setting).await;
    stage.telegram("bot", "100:canary-bot").await;
    let before = stage.until_active("bot").await;
    stage.simulator.with(|world, _| {
        world.add_account(ACCOUNT, "canary-second-token");
        world.revoke_token(stage::TOKEN);
    });
    stage
        .secret("wazzup-token", json!({"token": "canary-second-token"}))
        .await;
    stage.telegram("next", "200:canary-bot").await;
    stage.until_active("next").await;
    stage
        .until_account("default", "Authenticated", "True", "TokenAccepted")
        .await;
    let after = stage.until_active("bot").await;
    assert_eq!(after.status, before.status, "who is connected notices nothing");
}

#[tokio::test]
async fn a_token_that_is_revoked_between_two_lists_is_noticed_by_the_call_that_it_fails() {
    let setting = Setting {
        interval: "1h",
        ..Setting::default()
    };
    let stage = Stage::set("noticed", setting).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    stage.simulator.with(|world, _| world.revoke_token(stage::TOKEN));
    stage.telegram("bot", "100:canary-bot").await;
    stage
        .until_account("default", "Authenticated", "False", "TokenRefused")
        .await;
    stage.until("bot", "Ready", "False", "AccountNotAuthenticated").await;
    stage
        .simulator
        .with(|world, _| world.add_account(ACCOUNT, "canary-second-token"));
    stage
        .secret("wazzup-token", json!({"token": "canary-second-token"}))
        .await;
    stage.until_active("bot").await;
    assert_eq!(stage.remote().len(), 1);
}

#[tokio::test]
async fn a_bot_that_stays_logged_out_is_reinitialized_once_and_not_hammered() {
    let stage = Stage::set("pauses", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    let id = stage.until_active("bot").await.status.unwrap().channel_id.unwrap();
    stage.simulator.with(|world, now| {
        world.revoke_bot("100:canary-bot");
        world.set_status(&id, "disabled", Some("unauthorized"), now).unwrap();
    });
    until_some(&stage, "/reinit", 1).await;
    stage.until("bot", "ActionRequired", "True", "FixCredentials").await;
    stage.until_listed(2).await;
    stage.until_listed(2).await;
    let at: Vec<u64> = ending(&stage, "/reinit").iter().map(|entry| entry.at).collect();
    assert!(
        at.windows(2).all(|pair| pair[1] - pair[0] >= 45_000),
        "the next pause is a minute: {at:?}"
    );
    stage
        .secret("bot-bot", json!({"telegram_token": "200:canary-good"}))
        .await;
    stage.until_active("bot").await;
}
