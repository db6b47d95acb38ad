//! The rights that deploy/ ships, given to a life's operator.

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::{Api, Client, ResourceExt, api::PostParams};
use serde_json::json;

use crate::{Ground, ground::ROOT};

/// The rights that deploy/namespaced grants, and those to the lease, bound in this namespace.
pub(crate) async fn grant(client: &Client, namespace: &str) {
    let roles: Api<Role> = Api::namespaced(client.clone(), namespace);
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
    for file in ["namespaced/role.yaml", "role.yaml"] {
        let text = std::fs::read_to_string(format!("{ROOT}/deploy/{file}")).unwrap();
        // Of the file of the lease the Role alone: its binding is for another namespace.
        let role: Role = serde_saphyr::from_str(text.split("\n---").next().unwrap_or_default()).unwrap();
        roles.create(&PostParams::default(), &role).await.unwrap();
        let binding: RoleBinding = serde_json::from_value(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": role.name_any()},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role.name_any()},
            "subjects": [{"kind": "ServiceAccount", "name": "wazzup-operator", "namespace": namespace}],
        }))
        .unwrap();
        bindings.create(&PostParams::default(), &binding).await.unwrap();
    }
}

/// The rights that deploy/ grants everywhere, for the service account of this namespace.
pub(crate) async fn grant_everywhere(ground: &Ground, home: &str) {
    let plane = ground.plane.clone();
    let home = home.to_owned();
    let granting = tokio::task::spawn_blocking(move || {
        let account = format!("--serviceaccount={home}:wazzup-operator");
        let role = format!("{ROOT}/deploy/clusterrole.yaml");
        for arguments in [
            &["apply", "--server-side", "--force-conflicts", "-f", &role][..],
            &[
                "create",
                "clusterrolebinding",
                &home,
                "--clusterrole=wazzup-operator",
                &account,
            ][..],
        ] {
            let ran = plane.kubectl(arguments).unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        }
    });
    granting.await.unwrap();
}
