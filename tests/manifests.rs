//! What `kubectl apply -k deploy/` installs: the API server takes it, restricted pod security takes it, and it grants what
//! the operator uses and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::{fs, path::Path};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Pod, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use serde_json::{Value, json};
use stage::SYSTEM;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");

/// Applies the base as the README says.
fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| stage::install(&stage::plane()));
}

#[tokio::test]
async fn the_base_is_accepted_and_a_second_apply_changes_nothing() {
    install();
    let again = stage::plane().kubectl(&["apply", "-k", DEPLOY]).unwrap();
    let told = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(told.lines().count() >= 8, "{told}");
    assert!(told.lines().all(|line| line.ends_with(" unchanged")), "{told}");
}

async fn deployment() -> Deployment {
    install();
    let client = stage::plane().client().await.unwrap();
    Api::namespaced(client, SYSTEM).get("wazzup-operator").await.unwrap()
}

#[tokio::test]
async fn the_pod_passes_restricted_pod_security_and_no_other_one_does() {
    let template = deployment().await.spec.unwrap().template;
    let client = stage::plane().client().await.unwrap();
    let namespace = Api::<Namespace>::all(client.clone()).get(SYSTEM).await.unwrap();
    let labels = namespace.metadata.labels.unwrap();
    assert_eq!(
        labels.get("pod-security.kubernetes.io/enforce").map(String::as_str),
        Some("restricted")
    );
    let pod = Pod {
        metadata: ObjectMeta {
            name: Some("try".into()),
            ..template.metadata.unwrap()
        },
        spec: template.spec,
        status: None,
    };
    let pod = serde_json::to_value(pod).unwrap();
    let pods = Api::<Pod>::namespaced(client, SYSTEM);
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let as_it_is = serde_json::from_value(pod.clone()).unwrap();
    pods.create(&dry_run, &as_it_is).await.unwrap();
    for (place, value, word) in [
        (
            "/spec/containers/0/securityContext/allowPrivilegeEscalation",
            json!(true),
            "allowPrivilegeEscalation",
        ),
        (
            "/spec/containers/0/securityContext/capabilities/drop",
            json!([]),
            "unrestricted capabilities",
        ),
        (
            "/spec/containers/0/securityContext/capabilities",
            json!({"add": ["NET_ADMIN"], "drop": ["ALL"]}),
            "capabilities",
        ),
        ("/spec/securityContext/runAsNonRoot", json!(false), "runAsNonRoot"),
        ("/spec/securityContext/runAsUser", json!(0), "runAsUser=0"),
        (
            "/spec/securityContext/seccompProfile",
            json!({"type": "Unconfined"}),
            "seccompProfile",
        ),
        ("/spec/securityContext", json!({}), "runAsNonRoot"),
        ("/spec/hostNetwork", json!(true), "host namespaces"),
        ("/spec/hostPID", json!(true), "host namespaces"),
        (
            "/spec/volumes",
            json!([{"name": "node", "hostPath": {"path": "/"}}]),
            "hostPath",
        ),
    ] {
        let mut worse = pod.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        worse.pointer_mut(parent).unwrap()[key] = value;
        if place.ends_with("hostNetwork") {
            // Otherwise another rule of the API server comes first.
            for port in worse
                .pointer_mut("/spec/containers/0/ports")
                .unwrap()
                .as_array_mut()
                .unwrap()
            {
                port["hostPort"] = port["containerPort"].clone();
            }
        }
        let worse = serde_json::from_value(worse).unwrap();
        let refused = pods.create(&dry_run, &worse).await.unwrap_err().to_string();
        assert!(
            refused.contains("violates PodSecurity") && refused.contains(word),
            "{place}: {refused}"
        );
    }
}

#[tokio::test]
async fn the_container_can_write_nothing_gain_nothing_and_take_no_more_than_its_share() {
    let deployment = serde_json::to_value(deployment().await).unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["containers"].as_array().map(Vec::len), Some(1));
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}));
    assert_eq!(security["privileged"], Value::Null);
    for name in ["runAsUser", "runAsGroup"] {
        assert!(pod["securityContext"][name].as_i64().unwrap() >= 10_000, "{name}");
    }
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    for what in ["cpu", "memory"] {
        for bound in ["requests", "limits"] {
            assert!(container["resources"][bound][what].is_string(), "{bound} {what}");
        }
    }
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "metrics", "{probe}");
    }
    for host in ["hostNetwork", "hostPID", "hostIPC", "volumes"] {
        assert_eq!(pod[host], Value::Null, "{host}");
    }
    assert_eq!(pod["enableServiceLinks"], false);
    // The pod says that it needs a token; nothing else that runs under the account gets one by itself.
    assert_eq!(pod["automountServiceAccountToken"], true);
    let client = stage::plane().client().await.unwrap();
    let accounts = Api::<ServiceAccount>::namespaced(client, SYSTEM);
    let account = accounts.get("wazzup-operator").await.unwrap();
    assert_eq!(account.automount_service_account_token, Some(false));
    // No shell, no user but a number, nothing but the program.
    let image = fs::read_to_string(Path::new(DEPLOY).join("Dockerfile")).unwrap();
    let last = image.rsplit("\nFROM ").next().unwrap();
    assert!(
        last.starts_with("scratch\n") && last.contains("\nUSER 65532:65532\n"),
        "{last}"
    );
}

#[tokio::test]
async fn the_network_is_closed_but_for_what_the_operator_needs() {
    install();
    let client = stage::plane().client().await.unwrap();
    let policies = Api::<NetworkPolicy>::namespaced(client, SYSTEM);
    let of = async |name: &str| serde_json::to_value(policies.get(name).await.unwrap().spec).unwrap();
    let closed = of("default-deny").await;
    assert_eq!(closed, json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
    let open = of("wazzup-operator").await;
    assert_eq!(open["policyTypes"], json!(["Ingress", "Egress"]));
    let labels = deployment()
        .await
        .spec
        .unwrap()
        .template
        .metadata
        .unwrap()
        .labels
        .unwrap();
    for (name, value) in open["podSelector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(labels.get(name).map(String::as_str), value.as_str());
    }
    let (ingress, egress) = (open["ingress"].as_array().unwrap(), open["egress"].as_array().unwrap());
    let ports = |rule: &Value| -> Vec<Value> {
        let ports = rule["ports"].as_array().unwrap();
        ports.iter().map(|port| port["port"].clone()).collect()
    };
    let inward: Vec<_> = ingress.iter().map(|rule| (ports(rule), rule["from"].clone())).collect();
    let pods = json!([{"namespaceSelector": {}}]);
    assert_eq!(
        inward,
        [(vec![json!("webhooks")], Value::Null), (vec![json!("metrics")], pods)]
    );
    let outward: Vec<_> = egress.iter().map(ports).collect();
    assert_eq!(
        outward,
        [vec![json!(53), json!(53)], vec![json!(443), json!(6443), json!(8443)]]
    );
    let metadata = egress[1]["to"].to_string();
    assert!(metadata.contains("169.254.0.0/16"), "{metadata}");
}

#[tokio::test]
async fn the_service_leads_to_ports_that_the_pod_has() {
    let client = stage::plane().client().await.unwrap();
    let template = deployment().await.spec.unwrap().template;
    let ports: Vec<String> = template.spec.unwrap().containers[0]
        .ports
        .iter()
        .flatten()
        .filter_map(|port| port.name.clone())
        .collect();
    let service = Api::<Service>::namespaced(client, SYSTEM)
        .get("wazzup-operator")
        .await
        .unwrap()
        .spec
        .unwrap();
    for port in service.ports.unwrap() {
        let target = format!("{:?}", port.target_port.unwrap());
        assert!(
            ports.iter().any(|name| target.contains(name.as_str())),
            "{target} of {ports:?}"
        );
    }
    let labels = template.metadata.unwrap().labels.unwrap();
    let selector = service.selector.unwrap();
    assert!(selector.iter().all(|(key, value)| labels.get(key) == Some(value)));
}

/// Whether the operator's service account may do something, as the API server judges.
fn may(verb: &str, resource: &str, namespace: &str) -> bool {
    let answer = stage::plane()
        .kubectl(&[
            "auth",
            "can-i",
            verb,
            resource,
            "-n",
            namespace,
            "--as",
            "system:serviceaccount:wazzup-system:wazzup-operator",
        ])
        .unwrap();
    String::from_utf8_lossy(&answer.stdout).trim() == "yes"
}

#[tokio::test]
async fn the_operator_may_do_what_it_needs_and_no_more() {
    install();
    for (verb, resource, namespace) in [
        ("patch", "wazzupchannels/status", "shops"),
        ("watch", "secrets", "shops"),
        ("create", "configmaps", "shops"),
        ("get", "namespaces", "shops"),
        ("update", "leases/wazzup-operator", SYSTEM),
    ] {
        assert!(may(verb, resource, namespace), "{verb} {resource}");
    }
    for (verb, resource, namespace) in [
        ("delete", "wazzupchannels", "shops"),
        ("create", "wazzupchannels", "shops"),
        ("update", "wazzupchannels", "shops"),
        ("deletecollection", "secrets", "shops"),
        ("get", "pods", "shops"),
        ("list", "namespaces", "shops"),
        ("get", "leases/another", SYSTEM),
        ("update", "leases/wazzup-operator", "shops"),
        ("impersonate", "users", "shops"),
        ("patch", "customresourcedefinitions", "shops"),
    ] {
        assert!(!may(verb, resource, namespace), "{verb} {resource}");
    }
}

#[test]
fn every_rule_names_code_that_is_there_and_nothing_is_granted_by_a_star() {
    for file in ["clusterrole.yaml", "role.yaml", "namespaced/role.yaml"] {
        let text = fs::read_to_string(Path::new(DEPLOY).join(file)).unwrap();
        assert!(!text.contains('*'), "{file}");
        let mut named = 0;
        for word in text
            .split([' ', '\n', ';', ',', ':', '.'])
            .collect::<Vec<_>>()
            .windows(2)
        {
            if word[0].starts_with("src/") && word[1] == "rs" {
                named += 1;
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{}.rs", word[0]));
                assert!(path.exists(), "{file} names {}", path.display());
            }
        }
        assert!(named > 0, "{file} names no code");
    }
}
