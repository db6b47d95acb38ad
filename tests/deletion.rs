//! Letting go: what a deletion waits for, what it says meanwhile, and the way out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::time::Duration;

use control_plane::eventually;
use kube::api::DeleteParams;
use serde_json::json;
use stage::{ACCOUNT, PATIENCE, Setting, Stage, TOKEN};
use wazzup_operator::api::{condition, names};
use wazzup_simulator::{Effect, Fault};

/// How long a create without a clear answer is watched for.
const GRACE: Duration = Duration::from_secs(115);

async fn message(stage: &Stage, name: &str, type_: &str) -> String {
    let status = stage.channels().get(name).await.unwrap().status.unwrap_or_default();
    condition(&status.conditions, type_)
        .map(|one| one.message.clone())
        .unwrap_or_default()
}

async fn ask_to_delete(stage: &Stage, name: &str) {
    stage.channels().delete(name, &DeleteParams::default()).await.unwrap();
}

fn deletes(stage: &Stage) -> usize {
    stage.simulator.journal().matching("DELETE", "/v2/channels/").len()
}

fn outage() -> Effect {
    Effect::Status {
        code: 503,
        retry_after: None,
        body: "<html>down</html>".to_owned(),
    }
}

async fn active(name: &str) -> Stage {
    let stage = Stage::set(name, Setting::default()).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    stage
}

#[tokio::test]
async fn with_its_accounts_secret_gone_a_deletion_says_what_to_do_and_goes_on_when_it_is_back() {
    let stage = active("secret-gone").await;
    stage
        .secrets()
        .delete("wazzup-token", &DeleteParams::default())
        .await
        .unwrap();
    stage
        .until_account("default", "Authenticated", "False", "SecretNotFound")
        .await;
    ask_to_delete(&stage, "bot").await;
    stage.until("bot", "ActionRequired", "True", "FixCredentials").await;
    let told = message(&stage, "bot", "ActionRequired").await;
    assert!(
        told.contains("create secret generic wazzup-token") && told.contains("abandon=true"),
        "{told}"
    );
    assert_eq!(stage.remote().len(), 1);
    stage.secret("wazzup-token", json!({"token": TOKEN})).await;
    stage.until_gone("bot").await;
    assert!(stage.remote().is_empty());
}

#[tokio::test]
async fn an_abandoned_object_goes_and_leaves_its_channel() {
    let stage = active("abandoned").await;
    stage
        .secrets()
        .delete("wazzup-token", &DeleteParams::default())
        .await
        .unwrap();
    stage
        .until_account("default", "Authenticated", "False", "SecretNotFound")
        .await;
    ask_to_delete(&stage, "bot").await;
    stage.until("bot", "ActionRequired", "True", "FixCredentials").await;
    stage.annotate("bot", "abandon", "true").await;
    stage.until_gone("bot").await;
    assert_eq!((stage.remote().len(), deletes(&stage)), (1, 0));
}

#[tokio::test]
async fn with_its_account_gone_by_force_a_deletion_names_the_account_and_goes_on_when_it_is_back() {
    let stage = active("account-gone").await;
    stage
        .accounts()
        .delete("default", &DeleteParams::default())
        .await
        .unwrap();
    let finalizers = json!({"metadata": {"finalizers": null}});
    stage
        .accounts()
        .patch(
            "default",
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(finalizers),
        )
        .await
        .unwrap();
    stage.until("bot", "Ready", "False", "AccountNotFound").await;
    ask_to_delete(&stage, "bot").await;
    stage.until("bot", "ActionRequired", "True", "FixCredentials").await;
    let told = message(&stage, "bot", "ActionRequired").await;
    assert!(told.contains("WazzupAccount default does not exist"), "{told}");
    stage.account("default", "Managed", "10s").await;
    stage.until_gone("bot").await;
    assert!(stage.remote().is_empty());
}

#[tokio::test]
async fn while_the_service_is_down_a_deletion_says_so_and_is_done_when_it_is_back() {
    let stage = active("down").await;
    stage.simulator.fault(Fault::always("DELETE", "/v2/channels", outage()));
    ask_to_delete(&stage, "bot").await;
    eventually("the outage to be told", PATIENCE, || async {
        let told = message(&stage, "bot", "Reconciling").await;
        if told.contains("503") && told.contains("asked again") {
            Ok(())
        } else {
            Err(told)
        }
    })
    .await;
    stage.simulator.clear_faults();
    stage.until_gone("bot").await;
    assert!(stage.remote().is_empty());
}

#[tokio::test]
async fn a_delete_whose_answer_is_lost_is_repeated_and_a_404_is_done() {
    let stage = active("lost").await;
    stage
        .simulator
        .fault(Fault::once("DELETE", "/v2/channels", Effect::DropAfter));
    ask_to_delete(&stage, "bot").await;
    stage.until_gone("bot").await;
    assert!(stage.remote().is_empty());
    assert_eq!(deletes(&stage), 2);
}

#[tokio::test]
async fn an_object_whose_create_had_no_answer_searches_before_it_goes() {
    // The list that the create needs is not to be followed by one that fails.
    let seldom = Setting {
        interval: "10m",
        ..Setting::default()
    };
    let stage = Stage::set("search", seldom).await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    stage
        .simulator
        .fault(Fault::once("POST", "/v2/channels", Effect::DropAfter));
    stage.simulator.fault(Fault::always("GET", "/v2/channels", outage()));
    stage.telegram("bot", "100:canary-bot").await;
    eventually("the create", PATIENCE, || async {
        if stage.remote().len() == 1 {
            Ok(())
        } else {
            Err(String::new())
        }
    })
    .await;
    ask_to_delete(&stage, "bot").await;
    eventually("the search to be told", PATIENCE, || async {
        let told = message(&stage, "bot", "Reconciling").await;
        if told.contains("no clear answer") {
            Ok(())
        } else {
            Err(told)
        }
    })
    .await;
    assert_eq!(stage.remote().len(), 1);
    stage.simulator.clear_faults();
    // What was found goes at the end of the grace: until then the create may bring another, and nobody would be left to tell.
    eventually("bot to be gone", GRACE + PATIENCE, || async {
        match stage.channels().get_opt("bot").await.unwrap() {
            None => Ok(()),
            Some(found) => Err(format!("{:?}", found.status)),
        }
    })
    .await;
    assert!(stage.remote().is_empty(), "what the create had made is deleted");
}

#[tokio::test]
async fn an_account_takes_its_rows_and_its_secret_along_and_leaves_foreign_rows() {
    let stage = active("account").await;
    let kept = names::account_secret("default");
    assert!(stage.secrets().get_opt(&kept).await.unwrap().is_some());
    stage
        .simulator
        .with(|world, _| world.add_row(ACCOUNT, "message.add", "https://crm.example.com/hook"));
    stage
        .accounts()
        .delete("default", &DeleteParams::default())
        .await
        .unwrap();
    let account = stage
        .until_account("default", "Ready", "False", "WaitingForChannels")
        .await;
    let said = account.status.unwrap().conditions;
    assert!(said.iter().any(|one| one.message.contains("/bot")), "{said:?}");
    ask_to_delete(&stage, "bot").await;
    stage.until_gone("bot").await;
    eventually("the account and its Secret to be gone", PATIENCE, || async {
        let account = stage.accounts().get_opt("default").await.unwrap().is_some();
        let secret = stage.secrets().get_opt(&kept).await.unwrap().is_some();
        if account || secret {
            Err(format!("{account} {secret}"))
        } else {
            Ok(())
        }
    })
    .await;
    let rows = stage.simulator.with(|world, _| world.rows(ACCOUNT));
    assert_eq!(rows.len(), 1, "{rows:?}");
}
