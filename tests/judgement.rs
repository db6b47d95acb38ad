//! How those who wait for our objects judge them: kstatus (Flux), the shipped health scripts (Argo CD), `kubectl wait`.
//! The objects say what the planner makes the operator say; the judges are the real ones (`tests/judges`).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod court;
mod stage;

use std::{collections::BTreeSet, env, fs, path::Path};

use court::{Case, ROOT, accounts, channels, check};
use serde_json::Value;
use wazzup_operator::plan::reasons;

#[test]
fn a_channel_is_judged_rightly_in_every_state() {
    let mut cases = channels::verdicts();
    cases.extend(channels::states());
    check(&cases);
}

#[test]
fn an_account_is_judged_rightly_in_every_state() {
    check(&accounts::states());
}

#[test]
fn every_reason_that_ready_can_have_was_judged() {
    let reasons = |cases: &[Case]| -> BTreeSet<String> {
        let conditions = cases
            .iter()
            .filter_map(|case| case.object["status"]["conditions"].as_array());
        let ready = conditions.flatten().filter(|condition| condition["type"] == "Ready");
        ready
            .map(|condition| condition["reason"].as_str().unwrap().to_owned())
            .collect()
    };
    let listed = |all: Vec<(&str, &str)>| -> BTreeSet<String> {
        let ready = all.into_iter().filter(|(condition, _)| *condition == "Ready");
        ready.map(|(_, reason)| reason.to_owned()).collect()
    };
    let mut channels = channels::verdicts();
    channels.extend(channels::states());
    assert_eq!(reasons(&channels), listed(reasons::of_channel()));
    assert_eq!(reasons(&accounts::states()), listed(reasons::of_account()));
}

#[test]
fn the_config_map_holds_the_scripts_as_they_stand() {
    let folder = Path::new(ROOT).join("deploy/argocd");
    let mut text = String::from(
        "# Health of our two kinds for Argo CD; README.md beside it tells how to install it.\n# The scripts are those of the .lua files: 'make crds' writes them here.\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  labels:\n    app.kubernetes.io/name: argocd-cm\n    app.kubernetes.io/part-of: argocd\ndata:\n",
    );
    for kind in ["WazzupAccount", "WazzupChannel"] {
        let file = folder.join(format!("{}.lua", kind.to_lowercase()));
        text.push_str("  resource.customizations.health.wazzup24.com_");
        text.push_str(kind);
        text.push_str(": |\n");
        for line in fs::read_to_string(file).unwrap().lines() {
            text.push_str(if line.is_empty() { "" } else { "    " });
            text.push_str(line);
            text.push('\n');
        }
    }
    let path = folder.join("argocd-cm.yaml");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "argocd-cm.yaml is stale: run 'make crds' and commit it"
    );
}

#[tokio::test]
async fn the_fragment_joins_the_config_map_of_argo_cd_and_keeps_the_rest() {
    let plane = stage::plane();
    let namespace = plane.namespace("argocd").await.unwrap();
    let kubectl = |arguments: &[&str]| {
        let output = plane.kubectl(&[&["-n", &namespace], arguments].concat()).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let fragment = Path::new(ROOT).join("deploy/argocd/argocd-cm.yaml");
    let join = [
        "patch",
        "configmap",
        "argocd-cm",
        "--patch-file",
        fragment.to_str().unwrap(),
    ];
    kubectl(&[
        "create",
        "configmap",
        "argocd-cm",
        "--from-literal=url=https://argocd.example.com",
    ]);
    kubectl(&join);
    let kept: Value = serde_json::from_str(&kubectl(&["get", "configmap", "argocd-cm", "-o", "json"])).unwrap();
    assert_eq!(kept["data"].as_object().unwrap().len(), 3, "{}", kept["data"]);
    assert_eq!(kept["data"]["url"], "https://argocd.example.com");
    for kind in ["WazzupAccount", "WazzupChannel"] {
        let script = fs::read_to_string(fragment.with_file_name(format!("{}.lua", kind.to_lowercase()))).unwrap();
        assert_eq!(
            kept["data"][format!("resource.customizations.health.wazzup24.com_{kind}")],
            script
        );
    }
    assert!(kubectl(&join).contains("no change"));
}
