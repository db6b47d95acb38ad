//! What the operator may do, asked before it is tried: a refusal would stand in the audit log as an attempt.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::{Api, api::PostParams};

use super::{ClusterError, within};

/// Whether an object may be read that belongs to no namespace. Everybody may ask what he may do.
pub async fn may_get(client: &kube::Client, group: &str, resource: &str, name: &str) -> Result<bool, ClusterError> {
    let text = |text: &str| Some(text.to_owned());
    // A Role of a namespace can let that namespace itself be read.
    let namespace = (resource == "namespaces").then(|| name.to_owned());
    let question = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: text("get"),
                group: text(group),
                resource: text(resource),
                name: text(name),
                namespace,
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = within(reviews.create(&PostParams::default(), &question)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
