//! The search for secrets with which every story ends: that it finds one in each form and in each place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::{collections::BTreeSet, fs};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use stage::secrecy::{Ended, Secrets};
use wazzup_operator::api::WazzupChannel;
use wazzup_simulator::{Options, Simulator, world::Request};

/// Every careless way to write a secret down.
fn careless(secret: &str) -> Vec<String> {
    let hex = |form: &dyn Fn(u8) -> String| -> String { secret.bytes().map(form).collect() };
    let url = reqwest::Url::parse_with_params("http://x/", [("token", secret)]).unwrap();
    let mut path = reqwest::Url::parse("http://x/").unwrap();
    path.path_segments_mut().unwrap().push(secret);
    let mut forms = vec![
        format!("the token is {secret}."),
        format!("{:?}", ("token", secret)),
        json!({ "token": secret }).to_string(),
        json!({"message": json!({"token": secret}).to_string()}).to_string(),
        url.to_string(),
        path.to_string(),
        format!("{:?}", secret.as_bytes()),
        json!(secret.as_bytes()).to_string(),
        hex(&|byte| format!("{byte:02x}")),
        hex(&|byte| format!("%{byte:02X}")),
    ];
    for before in ["", "a", "ab", "partner@example.com:"] {
        forms.push(format!("Basic {}", STANDARD.encode(format!("{before}{secret}"))));
        forms.push(URL_SAFE.encode(format!("{before}{secret} and more")));
    }
    forms
}

#[test]
fn a_secret_is_found_in_every_form_in_which_it_may_be_written_down() {
    let folder = std::env::temp_dir().join(format!("wazzup-secrecy-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for secret in [
        "100:AAbot-token_x",
        "pass\"wo\\rd %&+/=?é",
        "{\"a\": \"~ü\"}\u{1} \"end\"",
    ] {
        let mut secrets = Secrets::default();
        secrets.add(secret.as_bytes());
        let clean =
            "{\"level\":\"INFO\",\"message\":\"100 bots, a token and a password: all <redacted>\"}\n".repeat(50);
        assert_eq!(secrets.leaks("a clean log", &clean), Vec::<String>::new());
        for form in careless(secret) {
            let log = folder.join("log");
            fs::write(&log, format!("{clean}{form}\n{clean}")).unwrap();
            let found = secrets.leaks("the log", &fs::read_to_string(&log).unwrap());
            assert!(!found.is_empty(), "{secret:?} was not found in {form}");
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

/// A story without an operator, whose log and objects are written by hand.
struct Told {
    simulator: Simulator,
    namespace: String,
    log: std::path::PathBuf,
    kubeconfig: std::path::PathBuf,
    channels: Api<WazzupChannel>,
    client: kube::Client,
}

impl Told {
    async fn begin() -> Self {
        let plane = stage::plane();
        let namespace = plane.namespace("told").await.unwrap();
        let client = plane.client().await.unwrap();
        let channels: Api<WazzupChannel> = Api::namespaced(client.clone(), &namespace);
        let channel = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel", "metadata": {"name": "shop"},
            "spec": {"transport": "wapi"},
        });
        let channel = serde_json::from_value(channel).unwrap();
        channels.create(&PostParams::default(), &channel).await.unwrap();
        let kubeconfig = plane
            .kubeconfig_for_service_account(&namespace, "someone")
            .await
            .unwrap();
        Self {
            simulator: Simulator::start(Options::default()).await,
            log: plane.folder().join(format!("{namespace}.log")),
            kubeconfig,
            namespace,
            channels,
            client,
        }
    }

    fn found(&self, stored: &[&str]) -> Vec<String> {
        let ended = Ended {
            plane: &stage::plane(),
            simulator: &self.simulator,
            namespace: &self.namespace,
            log: &self.log,
            kubeconfig: &self.kubeconfig,
            stored: stored.iter().map(|&value| value.to_owned()).collect::<BTreeSet<_>>(),
        };
        ended.secrets_that_were_told()
    }

    fn found_once(&self, stored: &[&str], place: &str) {
        let found = self.found(stored);
        assert!(found.iter().any(|leak| leak.starts_with(place)), "{place}: {found:?}");
    }

    async fn patch(&self, patch: Value) {
        let params = PatchParams::default();
        let patch = Patch::Merge(patch);
        self.channels.patch("shop", &params, &patch).await.unwrap();
    }

    async fn say(&self, message: Value) {
        let now = "2026-01-01T00:00:00Z";
        let condition = json!({"type": "Synced", "status": "True", "reason": "Synced", "message": message, "lastTransitionTime": now});
        let status = Patch::Merge(json!({"status": {"conditions": [condition]}}));
        let params = PatchParams::default();
        self.channels.patch_status("shop", &params, &status).await.unwrap();
    }
}

#[tokio::test]
async fn a_secret_is_found_in_a_log_an_annotation_an_event_and_a_condition_that_stood_for_a_moment() {
    let story = Told::begin().await;
    fs::write(&story.log, "{}\n").unwrap();
    assert_eq!(story.found(&["hidden-value"]), Vec::<String>::new());
    fs::write(&story.log, "{\"why\":\"hidden-value\"}\n").unwrap();
    story.found_once(&["hidden-value"], "the log");
    // What the service made up, what the operator keeps, and the operator's own token.
    let body = json!({"options": {"transport": "vk"}}).to_string().into_bytes();
    let link = story.simulator.with(|world, now| {
        world.add_account("1", "token-of-the-account");
        let answer = world.apply(
            &Request {
                method: "POST".into(),
                path: "/v2/iframe-links/channels".into(),
                authorization: Some("Bearer token-of-the-account".into()),
                content_type: Some("application/json".into()),
                body,
                ..Request::default()
            },
            now,
        );
        answer.body["data"]["link"].as_str().unwrap().to_owned()
    });
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(story.client.clone(), &story.namespace);
    let kept = json!({"metadata": {"name": "kept"}, "stringData": {"webhook-token": "kept-value"}});
    let kept = serde_json::from_value(kept).unwrap();
    secrets.create(&PostParams::default(), &kept).await.unwrap();
    let token = fs::read_to_string(&story.kubeconfig).unwrap();
    let token = token
        .split("token: \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    for leak in [
        "token-of-the-account",
        link.as_str(),
        "kept-value",
        token.as_str(),
        "canary-of-somebody",
    ] {
        fs::write(&story.log, format!("{{\"why\":\"{leak}\"}}\n")).unwrap();
        story.found_once(&[], "the log");
    }
    fs::write(&story.log, "{}\n").unwrap();
    assert_eq!(story.found(&[]), Vec::<String>::new());
    story
        .patch(json!({"metadata": {"annotations": {"note": "kept-value"}}}))
        .await;
    story.found_once(&[], "\"WazzupChannel\" \"shop\"");
    story.patch(json!({"metadata": {"annotations": {"note": null}}})).await;
    // It is gone from the object, and stays in the record of what was written.
    story.found_once(&[], "a request to the API server");
}

#[tokio::test]
async fn what_was_said_and_taken_back_is_found_all_the_same() {
    let story = Told::begin().await;
    fs::write(&story.log, "{}\n").unwrap();
    story.say(json!("the password first-value is wrong")).await;
    story.say(json!("all is well")).await;
    assert_eq!(story.found(&[]), Vec::<String>::new());
    story.found_once(&["first-value"], "a request to the API server");
    let event = json!({
        "metadata": {"name": "told"}, "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Reconcile", "reason": "Told",
        "reportingController": "x", "reportingInstance": "x", "type": "Normal", "note": "second-value",
        "regarding": {"kind": "WazzupChannel", "name": "shop", "namespace": story.namespace},
    });
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(story.client.clone(), &story.namespace);
    let event = serde_json::from_value(event).unwrap();
    events.create(&PostParams::default(), &event).await.unwrap();
    story.found_once(&["second-value"], "\"Event\" \"told\"");
    events.delete("told", &DeleteParams::default()).await.unwrap();
    story.found_once(&["second-value"], "a request to the API server");
}
