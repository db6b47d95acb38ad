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
    core::v1::{Namespace, Pod, Service},
};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
const SYSTEM: &str = "wazzup-system";

/// Applies the base as the README says.
fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let applied = stage::plane().kubectl(&["apply", "-k", DEPLOY]).unwrap();
        let told = String::from_utf8_lossy(&applied.stderr).into_owned();
        assert!(applied.status.success() && told.is_empty(), "{told}");
    });
}

#[tokio::test]
async fn the_base_is_accepted_and_a_second_apply_changes_nothing() {
    install();
    let again = stage::plane().kubectl(&["apply", "-k", DEPLOY]).unwrap();
    let told = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(told.lines().count() >= 8, "{told}");
    assert!(told.lines().all(|line| line.ends_with(" unchanged")), "{told}");
}

#[tokio::test]
async fn the_pod_passes_restricted_pod_security_and_a_privileged_one_does_not() {
    install();
    let client = stage::plane().client().await.unwrap();
    let namespace = Api::<Namespace>::all(client.clone()).get(SYSTEM).await.unwrap();
    let labels = namespace.metadata.labels.unwrap();
    assert_eq!(
        labels.get("pod-security.kubernetes.io/enforce").map(String::as_str),
        Some("restricted")
    );
    let deployment = Api::<Deployment>::namespaced(client.clone(), SYSTEM)
        .get("wazzup-operator")
        .await
        .unwrap();
    let template = deployment.spec.unwrap().template;
    let mut pod = Pod {
        metadata: ObjectMeta {
            name: Some("try".into()),
            ..template.metadata.unwrap()
        },
        spec: template.spec,
        status: None,
    };
    let pods = Api::<Pod>::namespaced(client, SYSTEM);
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    pods.create(&dry_run, &pod).await.unwrap();
    let container = &mut pod.spec.as_mut().unwrap().containers[0];
    container.security_context.as_mut().unwrap().allow_privilege_escalation = Some(true);
    let refused = pods.create(&dry_run, &pod).await.unwrap_err().to_string();
    assert!(refused.contains("violates PodSecurity"), "{refused}");
}

#[tokio::test]
async fn the_service_leads_to_ports_that_the_pod_has() {
    install();
    let client = stage::plane().client().await.unwrap();
    let deployment = Api::<Deployment>::namespaced(client.clone(), SYSTEM)
        .get("wazzup-operator")
        .await
        .unwrap();
    let template = deployment.spec.unwrap().template;
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
