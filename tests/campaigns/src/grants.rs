//! The rights that deploy/ ships, given to a life's operator.

use k8s_openapi::api::{
    authorization::v1::SelfSubjectAccessReview,
    rbac::v1::{Role, RoleBinding},
};
use kube::{Api, Client, ResourceExt, api::PostParams};
use serde_json::json;

use crate::{Ground, ground::ROOT, life::PATIENCE};

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

/// Waits until the API server knows of the rights: it learns of them a moment after they were given, and what it answers
/// until then is no word about what `deploy/` grants. `lease`: those to the lease as well.
pub(crate) async fn in_force(rights: &Client, namespace: &str, lease: bool) {
    let of_channels = json!({
        "namespace": namespace, "verb": "list", "group": "wazzup24.com", "resource": "wazzupchannels",
    });
    let of_the_lease = json!({
        "namespace": namespace, "verb": "get", "group": "coordination.k8s.io", "resource": "leases", "name": "wazzup-operator",
    });
    let asked = [Some(of_channels), lease.then_some(of_the_lease)];
    let reviews: Api<SelfSubjectAccessReview> = Api::all(rights.clone());
    for attributes in asked.into_iter().flatten() {
        let review = json!({"metadata": {}, "spec": {"resourceAttributes": attributes}});
        let review: SelfSubjectAccessReview = serde_json::from_value(review).unwrap();
        control_plane::eventually("the rights to be in force", PATIENCE, || async {
            let params = PostParams::default();
            let reviewed = reviews
                .create(&params, &review)
                .await
                .map_err(|error| error.to_string())?;
            let status = reviewed.status.unwrap_or_default();
            if status.allowed {
                Ok(())
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await;
    }
}
