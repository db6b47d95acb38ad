//! An operator of chosen namespaces without cluster-wide rights, and claims across namespaces.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::process::{Child, Command, Stdio};

use control_plane::{ControlPlane, eventually};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use stage::{ACCOUNT, PATIENCE, Setting, Stage};
use wazzup_operator::api::{WazzupChannel, condition};

/// A second namespace whose Role lets the same service account in.
async fn second(stage: &Stage, name: &str) -> String {
    let namespace = stage.plane.namespace(name).await.unwrap();
    let role = include_str!("../deploy/namespaced/role.yaml");
    let plane: &ControlPlane = &stage.plane;
    let applied = plane
        .kubectl_with(&["-n", &namespace, "apply", "-f", "-"], role)
        .unwrap();
    assert!(applied.status.success());
    let account = format!("--serviceaccount={}:wazzup-operator", stage.namespace);
    let bound = plane
        .kubectl(&[
            "-n",
            &namespace,
            "create",
            "rolebinding",
            "wazzup-operator",
            "--role=wazzup-operator",
            &account,
        ])
        .unwrap();
    assert!(bound.status.success());
    let who = format!("--as=system:serviceaccount:{}:wazzup-operator", stage.namespace);
    eventually("the Role to count", PATIENCE, || async {
        let asked = [
            "-n",
            &namespace,
            "auth",
            "can-i",
            "list",
            "wazzupchannels.wazzup24.com",
            &who,
        ];
        let told = plane.kubectl(&asked).unwrap();
        if told.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&told.stdout).into_owned())
        }
    })
    .await;
    namespace
}

/// An operator of both namespaces.
struct Operator(Child);

impl Operator {
    fn start(stage: &Stage, other: &str) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&stage.log)
            .unwrap();
        let operator = Command::new(env!("CARGO_BIN_EXE_wazzup-operator"))
            .env("KUBECONFIG", &stage.kubeconfig)
            .env("RUST_LOG", "info,wazzup_operator=trace")
            .args(["--namespace", &stage.namespace, "--namespace", other])
            .args(["--leader-namespace", &stage.namespace, "--leader-elect", "false"])
            .args(["--webhook-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(["--allowed-api-hosts", &stage.simulator.host()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(operator)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn channels(stage: &Stage, namespace: &str) -> Api<WazzupChannel> {
    Api::namespaced(stage.client.clone(), namespace)
}

async fn make(stage: &Stage, namespace: &str, name: &str, mut spec: Value) {
    spec["accountRef"] = json!({"name": "default", "namespace": stage.namespace});
    let channel = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel", "metadata": {"name": name}, "spec": spec,
    });
    let channel = serde_json::from_value(channel).unwrap();
    channels(stage, namespace)
        .create(&PostParams::default(), &channel)
        .await
        .unwrap();
}

async fn until(stage: &Stage, namespace: &str, name: &str, type_: &str, reason: &str) -> String {
    eventually(&format!("{namespace}/{name} {type_} {reason}"), PATIENCE, || async {
        let status = channels(stage, namespace)
            .get(name)
            .await
            .unwrap()
            .status
            .unwrap_or_default();
        match condition(&status.conditions, type_) {
            Some(found) if found.reason == reason => Ok(found.message.clone()),
            _ => Err(format!("{status:?}")),
        }
    })
    .await
}

async fn allow(stage: &Stage, namespaces: Value) {
    let patch = json!({"spec": {"allowedNamespaces": namespaces}});
    stage
        .accounts()
        .patch("default", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_channel_in_another_namespace_waits_for_the_accounts_grant_and_then_lives_a_whole_life() {
    let mut stage = Stage::set("granting", Setting::default()).await;
    stage.kill_operator();
    let other = second(&stage, "granted").await;
    let begun = stage.log_text().len();
    let _operator = Operator::start(&stage, &other);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bot-bot"}, "stringData": {"telegram_token": "100:canary-bot"}});
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(stage.client.clone(), &other);
    secrets
        .create(&PostParams::default(), &serde_json::from_value(secret).unwrap())
        .await
        .unwrap();
    let spec = json!({"transport": "telegram", "credentialsSecretRef": {"name": "bot-bot"}});
    make(&stage, &other, "bot", spec).await;
    let told = until(&stage, &other, "bot", "Ready", "AccountNotAllowed").await;
    assert!(told.contains("allowedNamespaces"), "{told}");
    assert_eq!(stage.simulator.journal().count("POST", "/v2/channels"), 0);
    allow(&stage, json!([other])).await;
    until(&stage, &other, "bot", "Ready", "Connected").await;
    channels(&stage, &other)
        .delete("bot", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the object to be gone", PATIENCE, || async {
        match channels(&stage, &other).get_opt("bot").await.unwrap() {
            None => Ok(()),
            Some(found) => Err(format!("{:?} {:?}", found.finalizers(), found.status)),
        }
    })
    .await;
    assert!(stage.remote().is_empty());
    assert!(
        !stage.log_text()[begun..].contains("is forbidden"),
        "nothing was asked for that the Role does not grant"
    );
}

#[tokio::test]
async fn of_two_claims_in_two_namespaces_the_first_holds_and_the_other_deletes_nothing() {
    let mut stage = Stage::set("holder", Setting::default()).await;
    stage.kill_operator();
    let other = second(&stage, "rival").await;
    let _operator = Operator::start(&stage, &other);
    allow(&stage, json!(["*"])).await;
    let id = stage
        .simulator
        .with(|world, now| world.create_in_cabinet(ACCOUNT, "wapi", now));
    let adopt = json!({"transport": "wapi", "channelId": id, "deletionPolicy": "Delete"});
    stage.channel("holder", adopt.clone()).await;
    until(&stage, &stage.namespace, "holder", "Synced", "Synced").await;
    make(&stage, &other, "rival", adopt).await;
    let told = until(&stage, &other, "rival", "Stalled", "ChannelClaimed").await;
    assert!(told.contains(&format!("{}/holder", stage.namespace)), "{told}");
    channels(&stage, &other)
        .delete("rival", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the rival to be gone", PATIENCE, || async {
        let rival = channels(&stage, &other).get_opt("rival").await.unwrap();
        rival.map_or(Ok(()), |rival| Err(format!("{:?}", rival.status)))
    })
    .await;
    assert_eq!(stage.remote().len(), 1);
    stage.delete("holder").await;
    assert!(stage.remote().is_empty(), "the holder's own policy is Delete");
}

#[tokio::test]
async fn objects_of_namespaces_that_are_not_watched_are_left_alone() {
    let stage = Stage::set("watched", Setting::default()).await;
    let other = stage.plane.namespace("unwatched").await.unwrap();
    make(&stage, &other, "wa", json!({"transport": "wapi"})).await;
    stage.telegram("bot", "100:canary-bot").await;
    stage.until_active("bot").await;
    let untouched = channels(&stage, &other).get("wa").await.unwrap();
    assert!(untouched.finalizers().is_empty() && untouched.annotations().is_empty());
    assert_eq!(untouched.status.unwrap().observed_generation, Some(-1));
    let denied = stage.asked(|event| event.denied && event.namespace != stage.namespace);
    assert!(denied.is_empty(), "{denied:#?}");
}

#[tokio::test]
async fn a_watched_namespace_that_goes_takes_the_binding_along_and_is_let_go_once_there_is_another() {
    let mut stage = Stage::set("lasting", Setting::default()).await;
    stage.kill_operator();
    let other = second(&stage, "going").await;
    let _operator = Operator::start(&stage, &other);
    allow(&stage, json!([other])).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bot"}, "stringData": {"telegram_token": "100:canary-bot"}});
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(stage.client.clone(), &other);
    let secret = serde_json::from_value(secret).unwrap();
    secrets.create(&PostParams::default(), &secret).await.unwrap();
    let spec = json!({"transport": "telegram", "credentialsSecretRef": {"name": "bot"}});
    make(&stage, &other, "bot", spec).await;
    until(&stage, &other, "bot", "Ready", "Connected").await;
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(stage.client.clone());
    namespaces.delete(&other, &DeleteParams::default()).await.unwrap();
    let bindings: Api<k8s_openapi::api::rbac::v1::RoleBinding> = Api::namespaced(stage.client.clone(), &other);
    eventually("the binding to be gone", PATIENCE, || async {
        let found = bindings.get_opt("wazzup-operator").await.unwrap();
        found.map_or(Ok(()), |found| Err(format!("{:?}", found.metadata)))
    })
    .await;
    // The commands of docs/operations.md; the operator may have been faster.
    let role = include_str!("../deploy/clusterrole.yaml")
        .split("\n---")
        .next()
        .unwrap();
    let applied = stage.plane.kubectl_with(&["apply", "-f", "-"], role).unwrap();
    assert!(applied.status.success());
    let account = format!("--serviceaccount={}:wazzup-operator", stage.namespace);
    let name = format!("{other}-letting-go");
    let bound = stage
        .plane
        .kubectl(&[
            "create",
            "clusterrolebinding",
            &name,
            "--clusterrole=wazzup-operator",
            &account,
        ])
        .unwrap();
    assert!(bound.status.success());
    eventually("the namespace to be gone", PATIENCE, || async {
        let found = namespaces.get_opt(&other).await.unwrap();
        found.map_or(Ok(()), |found| Err(format!("{:?}\n{}", found.status, stage.log_text())))
    })
    .await;
    assert!(stage.remote().is_empty());
}
