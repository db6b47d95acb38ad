//! Whole flows on a real control plane with a simulated service and the operator's own program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use serde_json::json;
use stage::{Setting, Stage};

#[tokio::test]
async fn a_telegram_channel_becomes_active_and_goes_away_again() {
    let stage = Stage::set("telegram", Setting::default()).await;
    stage.telegram("bot", "100:canary-bot-token").await;
    let channel = stage.until_active("bot").await;
    let status = channel.status.unwrap();
    assert_eq!(status.status.as_deref(), Some("active"));
    assert_eq!(status.phone.as_deref(), Some("bot_100"));
    stage.delete("bot").await;
    assert!(stage.remote().is_empty());
    assert_eq!(stage.simulator.journal().count("POST", "/v2/channels"), 1);
}
