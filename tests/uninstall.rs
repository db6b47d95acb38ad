//! Removing the operator's kinds leaves every customer's channel. A program of its own: the kinds are the whole plane's.

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
async fn while_our_own_kind_goes_every_channel_is_retained() {
    let stage = Stage::set("uninstall", Setting::default()).await;
    let account = format!("--serviceaccount={}:wazzup-operator", stage.namespace);
    let role = include_str!("../deploy/clusterrole.yaml");
    let applied = stage.plane.kubectl_with(&["apply", "-f", "-"], role).unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let bound = stage
        .plane
        .kubectl(&[
            "create",
            "clusterrolebinding",
            "uninstall",
            "--clusterrole=wazzup-operator",
            &account,
        ])
        .unwrap();
    assert!(bound.status.success(), "{}", String::from_utf8_lossy(&bound.stderr));
    stage.telegram("bot", "100:canary-bot").await;
    stage
        .channel(
            "wa",
            json!({"transport": "whatsapp", "deletionPolicy": "DeleteWithChats"}),
        )
        .await;
    stage.until_active("bot").await;
    stage.until("wa", "ActionRequired", "True", "ScanQr").await;
    stage
        .kubectl(&["delete", "crd", "wazzupchannels.wazzup24.com", "--timeout=180s"])
        .await;
    assert_eq!(stage.remote().len(), 2);
    assert!(stage.simulator.journal().matching("DELETE", "/v2/channels/").is_empty());
}
