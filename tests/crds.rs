//! The two kinds: the committed CRDs are those of the code, and the API server accepts and refuses what it should, with
//! messages that say how to mend a manifest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::{collections::BTreeSet, env, fs, path::Path};

use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use wazzup_operator::api::crd;

#[test]
fn the_committed_crds_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for (name, yaml) in crd::manifests().unwrap() {
        let path = folder.join(&name);
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &yaml).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == yaml, "crds/{name} is stale: run 'make crds' and commit it");
    }
}

/// Every field, list and string of a schema that people write, as a path.
fn walk(schema: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    found.push((path.to_owned(), schema.clone()));
    if let Some(properties) = schema["properties"].as_object() {
        for (name, field) in properties {
            walk(field, &format!("{path}.{name}"), found);
        }
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{path}[]"), found);
    }
}

#[test]
fn every_field_is_described_and_every_string_and_list_is_bounded() {
    let mut flaws = Vec::new();
    for (name, yaml) in crd::manifests().unwrap() {
        let crd: Value = serde_saphyr::from_str(&yaml).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut fields = Vec::new();
        for part in ["spec", "status"] {
            walk(&schema["properties"][part], part, &mut fields);
        }
        assert!(fields.len() > 20, "{name} was not read");
        for (path, field) in fields {
            if !path.ends_with("[]") && field["description"].as_str().is_none_or(str::is_empty) {
                flaws.push(format!("{name}: {path} has no description"));
            }
            let bounded = field["maxLength"].is_u64() || field["enum"].is_array() || field["format"] == "date-time";
            if field["type"] == "string" && !bounded {
                flaws.push(format!("{name}: {path} has no length limit"));
            }
            if field["type"] == "array" && !field["maxItems"].is_u64() {
                flaws.push(format!("{name}: {path} has no item limit"));
            }
        }
    }
    assert_eq!(flaws, Vec::<String>::new());
}

/// A way to try manifests in a namespace of its own.
struct Bench {
    client: kube::Client,
    namespace: String,
}

impl Bench {
    async fn new(name: &str) -> Self {
        let plane = stage::plane();
        Self {
            client: plane.client().await.unwrap(),
            namespace: plane.namespace(name).await.unwrap(),
        }
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: "wazzup24.com".into(),
            version: "v1alpha1".into(),
            api_version: "wazzup24.com/v1alpha1".into(),
            kind: kind.into(),
            plural: format!("{}s", kind.to_lowercase()),
        };
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// As `kubectl apply --server-side` would, unknown fields refused.
    async fn apply(&self, kind: &str, name: &str, spec: &Value, dry_run: bool) -> Result<DynamicObject, String> {
        let object = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
        });
        let mut how = PatchParams::apply("bench").validation_strict();
        how.dry_run = dry_run;
        let applied = self.api(kind).patch(name, &how, &Patch::Apply(object)).await;
        applied.map_err(|error| error.to_string())
    }

    /// The reasons why a spec is refused.
    async fn refusal(&self, kind: &str, name: &str, spec: &Value) -> String {
        match self.apply(kind, name, spec, true).await {
            Ok(_) => panic!("accepted: {kind} {name} {spec}"),
            Err(error) => error,
        }
    }
}

fn account(change: &Value) -> Value {
    let mut spec = json!({"auth": {"clientToken": {"secretRef": {"name": "t", "key": "token"}}}});
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

#[tokio::test]
async fn a_short_manifest_is_filled_in_with_the_documented_defaults() {
    let bench = Bench::new("defaults").await;
    let channel = bench
        .apply("WazzupChannel", "shop", &json!({"transport": "whatsapp"}), false)
        .await
        .unwrap();
    assert_eq!(
        channel.data["spec"],
        json!({
            "transport": "whatsapp", "accountRef": {"name": "default"}, "managementPolicy": "Full",
            "reinitPolicy": "Auto", "qr": {"sink": "ConfigMap"}, "readyWhen": "Connected", "suspend": false,
        })
    );
    assert_eq!(channel.data["status"], json!({"observedGeneration": -1}));
    let made = bench
        .apply("WazzupAccount", "default", &account(&json!({})), false)
        .await
        .unwrap();
    assert_eq!(
        made.data["spec"],
        account(&json!({
            "apiUrl": "https://tech.wazzup24.com", "webhooks": {"mode": "Managed"}, "sync": {"interval": "60s"},
            "rateLimit": {"requestsPerSecond": 20}, "suspend": false,
        }))
    );
    assert_eq!(made.data["status"], json!({"observedGeneration": -1}));
}

#[tokio::test]
async fn good_manifests_of_every_shape_are_accepted() {
    let bench = Bench::new("good").await;
    let secret = json!({"name": "bot"});
    let channels = [
        json!({"transport": "telegram", "credentialsSecretRef": secret}),
        json!({"transport": "maxbot", "credentialsSecretRef": secret}),
        json!({"transport": "avito", "credentialsSecretRef": secret}),
        json!({"transport": "instAPI", "credentialsSecretRef": secret}),
        json!({"transport": "wapi"}),
        json!({"transport": "tgapi", "twoFactorSecretRef": {"name": "a", "key": "b"}}),
        json!({"transport": "viber", "qr": {"sink": "Secret", "name": "viber-login"}}),
        json!({"transport": "max", "readyWhen": "Provisioned", "suspend": true}),
        json!({"transport": "vk", "deletionPolicy": "DeleteWithChats", "externalDeletionPolicy": "Recreate"}),
        json!({"transport": "whatsapp", "pairing": {"phone": "79990000001"}, "reinitPolicy": "OnRequest"}),
        json!({"transport": "whatsapp", "channelId": "0b9a-1", "managementPolicy": "Observe"}),
        json!({"transport": "whatsapp", "accountRef": {"name": "eu", "namespace": "accounts"}}),
    ];
    for (number, spec) in channels.iter().enumerate() {
        let name = format!("channel-{number}");
        let done = bench.apply("WazzupChannel", &name, spec, true).await;
        assert!(done.is_ok(), "{spec}: {done:?}");
    }
    let accounts = [
        json!({"apiUrl": "http://127.0.0.1:8080", "allowedNamespaces": ["*"]}),
        json!({"apiUrl": "http://[::1]:8080", "allowedNamespaces": ["shop-1", "shop-2"]}),
        json!({"webhooks": {"mode": "External"}, "sync": {"interval": "1h30m"}}),
        json!({"auth": {"whiteLabel": {"accountId": "1234-5678", "partnerSecretRef": {"name": "partner"}}}}),
        json!({"auth": {"oauth": {"clientId": "c", "partnerSecretRef": {"name": "partner"},
            "tokenSecretRef": {"name": "seed", "key": "token"}}}}),
    ];
    for change in accounts {
        let done = bench.apply("WazzupAccount", "eu", &account(&change), true).await;
        assert!(done.is_ok(), "{change}: {done:?}");
    }
}

#[tokio::test]
async fn bad_channels_are_refused_with_words_that_say_how_to_mend_them() {
    let bench = Bench::new("bad").await;
    let secret = json!({"name": "bot"});
    let long = |count: usize| "x".repeat(count);
    let rows = [
        (json!({}), "spec.transport: Required value"),
        (
            json!({"transport": "sms"}),
            "supported values: \"whatsapp\", \"wapi\", \"telegram\"",
        ),
        (json!({"transport": "WhatsApp"}), "Unsupported value: \"WhatsApp\""),
        (json!({"transport": null}), "spec.transport"),
        (
            json!({"transport": "whatsapp", "phone": "1"}),
            ".spec.phone: field not declared in schema",
        ),
        (
            json!({"transport": "telegram"}),
            "name a Secret that holds the API's keys (telegram_token",
        ),
        (
            json!({"transport": "avito"}),
            "spec.credentialsSecretRef is required for transport",
        ),
        (
            json!({"transport": "maxbot"}),
            "spec.credentialsSecretRef is required for transport",
        ),
        (
            json!({"transport": "instAPI"}),
            "spec.credentialsSecretRef is required for transport",
        ),
        (
            json!({"transport": "viber", "credentialsSecretRef": secret}),
            "remove it, a person connects this transport",
        ),
        (
            json!({"transport": "wapi", "credentialsSecretRef": secret}),
            "remove it, a person connects this transport",
        ),
        (
            json!({"transport": "telegram", "credentialsSecretRef": {}}),
            "credentialsSecretRef.name: Required value",
        ),
        (
            json!({"transport": "telegram", "credentialsSecretRef": {"name": ""}}),
            "credentialsSecretRef.name",
        ),
        (
            json!({"transport": "telegram", "credentialsSecretRef": {"name": long(254)}}),
            "may not be more than 253",
        ),
        (
            json!({"transport": "max", "managementPolicy": "Observe"}),
            "name the channel to observe",
        ),
        (
            json!({"transport": "max", "managementPolicy": "observe"}),
            "supported values: \"Full\", \"Observe\"",
        ),
        (
            json!({"transport": "max", "deletionPolicy": "Orphan"}),
            "\"Delete\", \"DeleteWithChats\", \"Retain\"",
        ),
        (
            json!({"transport": "max", "externalDeletionPolicy": "No"}),
            "supported values: \"Recreate\", \"Stop\"",
        ),
        (
            json!({"transport": "max", "reinitPolicy": "Never"}),
            "supported values: \"Auto\", \"OnRequest\"",
        ),
        (
            json!({"transport": "max", "readyWhen": "Now"}),
            "supported values: \"Connected\", \"Provisioned\"",
        ),
        (
            json!({"transport": "max", "readyWhen": "Unknown"}),
            "supported values: \"Connected\", \"Provisioned\"",
        ),
        (
            json!({"transport": "max", "qr": {"sink": "File"}}),
            "supported values: \"ConfigMap\", \"Secret\"",
        ),
        (json!({"transport": "max", "qr": {"name": "Shop_QR"}}), "spec.qr.name"),
        (
            json!({"transport": "max", "pairing": {"phone": "79990000001"}}),
            "spec.pairing is only for transport whatsapp",
        ),
        (
            json!({"transport": "whatsapp", "pairing": {"phone": "+79990000001"}}),
            "spec.pairing.phone",
        ),
        (
            json!({"transport": "whatsapp", "pairing": {"phone": "123"}}),
            "spec.pairing.phone",
        ),
        (
            json!({"transport": "whatsapp", "pairing": {}}),
            "spec.pairing.phone: Required value",
        ),
        (json!({"transport": "max", "channelId": ""}), "spec.channelId"),
        (json!({"transport": "max", "channelId": "a b"}), "spec.channelId"),
        (json!({"transport": "max", "channelId": "a/../b"}), "spec.channelId"),
        (
            json!({"transport": "max", "channelId": long(129)}),
            "may not be more than 128",
        ),
        (
            json!({"transport": "max", "accountRef": {"name": long(61)}}),
            "may not be more than 45",
        ),
        (json!({"transport": "max", "suspend": "yes"}), "spec.suspend"),
        (
            json!({"transport": "tgapi", "twoFactorSecretRef": {"name": "a"}}),
            "twoFactorSecretRef.key: Required value",
        ),
    ];
    let mut wrong = Vec::new();
    for (spec, words) in rows {
        let refusal = bench.refusal("WazzupChannel", "shop", &spec).await;
        if !refusal.contains(words) {
            wrong.push(format!("{spec} should say '{words}': {refusal}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    let whatsapp = json!({"transport": "whatsapp"});
    let refusal = bench.refusal("WazzupChannel", &"x".repeat(61), &whatsapp).await;
    assert!(
        refusal.contains("at most 60 characters") && refusal.contains("shorter name"),
        "{refusal}"
    );
    bench
        .apply("WazzupChannel", &"x".repeat(60), &whatsapp, true)
        .await
        .unwrap();
}

#[tokio::test]
async fn bad_accounts_are_refused_with_words_that_say_how_to_mend_them() {
    let bench = Bench::new("bad-accounts").await;
    let client_token = json!({"secretRef": {"name": "t", "key": "token"}});
    let partner = json!({"name": "partner"});
    let white_label = |id: &str| json!({"auth": {"whiteLabel": {"accountId": id, "partnerSecretRef": partner}}});
    let rows = [
        (json!({"auth": {}}), "exactly one of clientToken, whiteLabel and oauth"),
        (
            json!({"auth": {"clientToken": client_token, "whiteLabel": {"accountId": "1", "partnerSecretRef": partner}}}),
            "exactly one of clientToken, whiteLabel and oauth",
        ),
        (
            json!({"auth": {"clientToken": {"secretRef": {"name": "t"}}}}),
            "secretRef.key: Required value",
        ),
        (
            json!({"auth": {"token": "abc"}}),
            ".spec.auth.token: field not declared in schema",
        ),
        (white_label("twelve"), "spec.auth.whiteLabel.accountId"),
        (
            json!({"apiUrl": "http://tech.wazzup24.com"}),
            "spec.apiUrl must be an https URL",
        ),
        (
            json!({"apiUrl": "http://localhost:8080"}),
            "plain http is only for 127.0.0.1 and [::1]",
        ),
        (
            json!({"apiUrl": "tech.wazzup24.com"}),
            "for example https://tech.wazzup24.com",
        ),
        (
            json!({"apiUrl": "ftp://tech.wazzup24.com"}),
            "spec.apiUrl must be an https URL",
        ),
        (json!({"sync": {"interval": "5s"}}), "between 10s and 24h"),
        (json!({"sync": {"interval": "25h"}}), "between 10s and 24h"),
        (json!({"sync": {"interval": "soon"}}), "spec.sync.interval"),
        (
            json!({"rateLimit": {"requestsPerSecond": 0}}),
            "greater than or equal to 1",
        ),
        (
            json!({"rateLimit": {"requestsPerSecond": 1001}}),
            "less than or equal to 1000",
        ),
        (
            json!({"webhooks": {"mode": "On"}}),
            "\"Managed\", \"External\", \"Disabled\"",
        ),
        (json!({"allowedNamespaces": ["a", "a"]}), "duplicate entries"),
        (json!({"allowedNamespaces": ["A"]}), "spec.allowedNamespaces[0]"),
        (json!({"allowedNamespaces": vec!["x"; 257]}), "spec.allowedNamespaces"),
    ];
    let mut wrong = Vec::new();
    for (change, words) in rows {
        let refusal = bench.refusal("WazzupAccount", "eu", &account(&change)).await;
        if !refusal.contains(words) {
            wrong.push(format!("{change} should say '{words}': {refusal}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    let refusal = bench
        .refusal("WazzupAccount", &"x".repeat(46), &account(&json!({})))
        .await;
    assert!(refusal.contains("at most 45 characters"), "{refusal}");
}

#[tokio::test]
async fn what_names_a_channel_cannot_be_changed_later() {
    let bench = Bench::new("updates").await;
    let made = json!({"transport": "whatsapp"});
    bench.apply("WazzupChannel", "made", &made, false).await.unwrap();
    let adopted = json!({"transport": "whatsapp", "channelId": "one"});
    bench.apply("WazzupChannel", "adopted", &adopted, false).await.unwrap();
    let status = json!({"status": {"channelId": "two"}});
    bench
        .api("WazzupChannel")
        .patch_status("made", &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
    let rows = [
        (
            "made",
            json!({"transport": "viber"}),
            "spec.transport is immutable: delete the object",
        ),
        (
            "made",
            json!({"transport": "whatsapp", "accountRef": {"name": "other"}}),
            "spec.accountRef is immutable",
        ),
        (
            "made",
            json!({"transport": "whatsapp", "channelId": "three"}),
            "spec.channelId set late must equal status.channelId",
        ),
        (
            "adopted",
            json!({"transport": "whatsapp", "channelId": "two"}),
            "spec.channelId is immutable: make a new object",
        ),
        (
            "adopted",
            json!({"transport": "whatsapp"}),
            "spec.channelId cannot be removed once set",
        ),
    ];
    for (name, spec, words) in rows {
        let refusal = bench.refusal("WazzupChannel", name, &spec).await;
        assert!(refusal.contains(words), "{name} {spec}: {refusal}");
    }
    let late = json!({"transport": "whatsapp", "channelId": "two", "suspend": true});
    bench.apply("WazzupChannel", "made", &late, true).await.unwrap();
}

#[tokio::test]
async fn the_samples_are_accepted_without_a_warning() {
    let plane = stage::plane();
    let namespace = plane.namespace("samples").await.unwrap();
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples");
    let applied = plane.kubectl(&["-n", &namespace, "apply", "-f", samples]).unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&applied.stdout).into_owned(),
        String::from_utf8_lossy(&applied.stderr).into_owned(),
    );
    assert!(applied.status.success(), "{err}");
    assert_eq!(err, "", "no warning");
    let transports: BTreeSet<&str> = out.lines().filter(|line| line.contains("wazzupchannel.")).collect();
    assert_eq!(transports.len(), 10, "one sample for each transport: {out}");
}
