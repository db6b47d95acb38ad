//! The control plane is a real one, and leaves nothing behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use control_plane::{ControlPlane, eventually};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api,
    api::{DeleteParams, ObjectMeta, PostParams},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn config_map(name: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    }
}

#[tokio::test]
async fn kubectl_works_against_it_and_prints_the_servers_version() {
    let plane = ControlPlane::shared();
    let output = plane.kubectl(&["version"]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("Server Version: v1."), "{text}");
}

#[tokio::test]
async fn a_namespace_really_ends_and_takes_its_objects_along() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("ending").await.unwrap();
    let client = plane.client().await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    maps.create(&PostParams::default(), &config_map("a")).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.delete(&namespace, &DeleteParams::default()).await.unwrap();
    eventually("the namespace to be gone", PATIENCE, || async {
        match namespaces.get_opt(&namespace).await.unwrap() {
            None => Ok(()),
            Some(found) => Err(format!("{:?}", found.status)),
        }
    })
    .await;
}

#[tokio::test]
async fn an_owned_object_is_collected_with_its_owner() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("collected").await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(plane.client().await.unwrap(), &namespace);
    let owner = maps.create(&PostParams::default(), &config_map("owner")).await.unwrap();
    let mut owned = config_map("owned");
    owned.metadata.owner_references = kube::Resource::controller_owner_ref(&owner, &()).map(|owner| vec![owner]);
    maps.create(&PostParams::default(), &owned).await.unwrap();
    maps.delete("owner", &DeleteParams::default()).await.unwrap();
    eventually("the owned object to be collected", PATIENCE, || async {
        maps.get_opt("owned")
            .await
            .unwrap()
            .map_or(Ok(()), |_| Err("still there".to_owned()))
    })
    .await;
}

#[tokio::test]
async fn a_service_account_may_do_nothing_that_was_not_granted() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("denied").await.unwrap();
    let client = plane.client_for_service_account(&namespace, "nobody").await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let refused = maps.list(&kube::api::ListParams::default()).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 403));
}

#[tokio::test]
async fn the_audit_log_counts_each_write_once() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("audited").await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(plane.client().await.unwrap(), &namespace);
    maps.create(&PostParams::default(), &config_map("counted"))
        .await
        .unwrap();
    let writes = plane.audit().unwrap();
    let writes = writes
        .iter()
        .filter(|event| event.is_write() && event.name == "counted" && event.namespace == namespace);
    assert_eq!(writes.count(), 1);
}

#[tokio::test]
async fn a_killed_process_leaves_no_process_and_no_folder_behind() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_control-plane"))
        .arg("run")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let kubeconfig = line.trim().strip_prefix("export KUBECONFIG=").expect(&line).to_owned();
    let folder = Path::new(&kubeconfig).parent().unwrap().to_owned();
    assert!(
        running(&folder) >= 3,
        "etcd, the API server and the controller manager run"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the processes and the folder to be gone", PATIENCE, || async {
        let (processes, there) = (running(&folder), folder.exists());
        if processes == 0 && !there {
            Ok(())
        } else {
            Err(format!("{processes} processes, folder there: {there}"))
        }
    })
    .await;
}

/// How many processes name the folder in their command line.
fn running(folder: &Path) -> usize {
    let name = folder.display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(&name))
        .count()
}
