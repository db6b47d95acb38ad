//! Another customer's token, stored by mistake, destroys nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use control_plane::eventually;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use stage::{PATIENCE, Setting, Stage, TOKEN};
use wazzup_operator::api::{WazzupAccount, condition};
use wazzup_simulator::{Effect, Entry, Fault};

const OTHER: &str = "87654321";
const OTHER_TOKEN: &str = "canary-other-customers-token";

async fn annotate(stage: &Stage, annotation: &str, value: &str) {
    let patch = json!({"metadata": {"annotations": {format!("wazzup24.com/{annotation}"): value}}});
    stage
        .accounts()
        .patch("default", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

fn message(account: &WazzupAccount) -> String {
    let conditions = account.status.clone().unwrap_or_default().conditions;
    condition(&conditions, "Authenticated")
        .map(|one| one.message.clone())
        .unwrap_or_default()
}

/// Two bots and a QR channel in an account whose token is then swapped for another customer's.
async fn swapped(name: &str) -> Stage {
    let stage = Stage::set(name, Setting::default()).await;
    for (bot, token) in [("one", "101:canary-bot"), ("two", "102:canary-bot")] {
        stage.telegram(bot, token).await;
        stage.until_active(bot).await;
    }
    stage.until_account("default", "Ready", "True", "Listed").await;
    stage.simulator.with(|world, _| world.add_account(OTHER, OTHER_TOKEN));
    stage.simulator.clear_journal();
    stage.secret("wazzup-token", json!({"token": OTHER_TOKEN})).await;
    stage
        .until_account("default", "Authenticated", "False", "AccountChanged")
        .await;
    stage
}

#[tokio::test]
async fn another_customers_token_destroys_nothing_and_the_right_one_heals() {
    let stage = swapped("swapped").await;
    stage.until("one", "Ready", "False", "AccountNotAuthenticated").await;
    stage.channels().delete("two", &DeleteParams::default()).await.unwrap();
    stage.telegram("three", "103:canary-bot").await;
    stage.annotate("one", "reinit-requested-at", "now").await;
    let held = stage.until("two", "ActionRequired", "True", "FixCredentials").await;
    assert!(!held.finalizers().is_empty());
    stage.until("three", "Ready", "False", "AccountNotAuthenticated").await;
    let writes: Vec<Entry> = stage.simulator.journal().writes().into_iter().cloned().collect();
    assert!(writes.is_empty(), "{writes:?}");
    let account = stage.accounts().get("default").await.unwrap();
    assert!(
        message(&account).contains("wazzup24.com/confirm-account="),
        "{}",
        message(&account)
    );
    stage.secret("wazzup-token", json!({"token": TOKEN})).await;
    stage.until_gone("two").await;
    stage.until_active("one").await;
    stage.until_active("three").await;
    assert_eq!(stage.remote().len(), 2);
    let others = stage.simulator.with(|world, _| world.channels_of(OTHER).len());
    assert_eq!(others, 0);
}

#[tokio::test]
async fn another_customers_token_destroys_nothing_though_the_account_itself_is_being_deleted() {
    let stage = swapped("going").await;
    stage
        .accounts()
        .delete("default", &DeleteParams::default())
        .await
        .unwrap();
    stage.channels().delete("two", &DeleteParams::default()).await.unwrap();
    stage.until("two", "ActionRequired", "True", "FixCredentials").await;
    // Both are told by one write.
    let going = stage
        .until_account("default", "Ready", "False", "WaitingForChannels")
        .await;
    let said = going.status.unwrap().conditions;
    assert_eq!(condition(&said, "Authenticated").unwrap().reason, "AccountChanged");
    stage.until_listed(1).await;
    let held = stage.channels().get("two").await.unwrap();
    assert!(!held.finalizers().is_empty());
    let writes: Vec<Entry> = stage.simulator.journal().writes().into_iter().cloned().collect();
    assert!(writes.is_empty(), "{writes:?}");
    stage.secret("wazzup-token", json!({"token": TOKEN})).await;
    stage.until_gone("two").await;
    assert_eq!(stage.remote().len(), 1);
}

#[tokio::test]
async fn a_token_changes_nothing_before_a_list_has_shown_whose_it_is() {
    let stage = Stage::set("vetted", Setting::default()).await;
    stage.telegram("bot", "101:canary-bot").await;
    stage.until_active("bot").await;
    stage.simulator.with(|world, _| world.add_account(OTHER, OTHER_TOKEN));
    let slow = Effect::Slow(std::time::Duration::from_secs(5));
    stage.simulator.fault(Fault::always("GET", "/v2/channels", slow));
    stage
        .until_account("default", "WebhooksSubscribed", "True", "Subscribed")
        .await;
    stage.simulator.clear_journal();
    let tokens = || stage.log_text().matches("another token").count();
    let before = tokens();
    stage.secret("wazzup-token", json!({"token": OTHER_TOKEN})).await;
    eventually("the new token to be taken up", PATIENCE, || async {
        if tokens() > before { Ok(()) } else { Err(String::new()) }
    })
    .await;
    stage.channels().delete("bot", &DeleteParams::default()).await.unwrap();
    stage
        .until_account("default", "Authenticated", "False", "AccountChanged")
        .await;
    let writes: Vec<Entry> = stage.simulator.journal().writes().into_iter().cloned().collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(!stage.channels().get("bot").await.unwrap().finalizers().is_empty());
}

#[tokio::test]
async fn a_person_confirms_that_an_account_has_changed() {
    let stage = swapped("confirmed").await;
    let said = message(&stage.accounts().get("default").await.unwrap());
    let word = said.rsplit("confirm-account=").next().unwrap().to_owned();
    annotate(&stage, "confirm-account", &word).await;
    stage
        .until_account("default", "Authenticated", "True", "TokenAccepted")
        .await;
    stage.telegram("three", "103:canary-bot").await;
    stage.until_active("three").await;
    // The confirmed account lacks the others: a Secret is all it takes to make them there.
    eventually("three channels in the confirmed account", PATIENCE, || async {
        match stage.simulator.with(|world, _| world.channels_of(OTHER).len()) {
            3 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    assert_eq!(stage.remote().len(), 2, "the first account keeps its channels");
}
