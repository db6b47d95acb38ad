//! Changes of a channel's or an account's metadata.

use std::collections::BTreeMap;

use kube::{
    Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{ClusterError, api, memory, within};
use crate::{
    api::{WazzupChannel, names},
    plan::Note,
};

/// Carries a note out and returns the object as it is then. `conditional`: only if nobody changed it since `object` was
/// read; a note that follows a remote change must not be lost to that.
pub async fn carry_out(
    client: &kube::Client,
    object: &WazzupChannel,
    note: &Note,
    conditional: bool,
) -> Result<WazzupChannel, ClusterError> {
    let uid = object.uid().unwrap_or_default();
    let (finalizer, annotations): (Option<bool>, BTreeMap<&str, Value>) = match note {
        Note::OpenIntent(intent) => {
            let text = memory::write_intent(intent, &uid)?;
            (
                Some(true),
                [(names::CREATE_INTENT, json!(text)), (names::CHANNEL_ID, Value::Null)].into(),
            )
        }
        Note::ClearIntent => (None, [(names::CREATE_INTENT, Value::Null)].into()),
        Note::RecordId(id) => {
            let ids = [
                (names::CHANNEL_ID, json!(id.as_str())),
                (names::CREATE_INTENT, Value::Null),
            ];
            (Some(true), ids.into())
        }
        Note::ForgetId => (
            None,
            [(names::CHANNEL_ID, Value::Null), (names::CREATE_INTENT, Value::Null)].into(),
        ),
        Note::RemoveFinalizer => (Some(false), BTreeMap::new()),
    };
    let known = object.annotations();
    let annotations: BTreeMap<&str, Value> = annotations
        .into_iter()
        .filter(|(name, value)| !value.is_null() || known.contains_key(*name))
        .collect();
    let metadata = metadata(object, names::CHANNEL_FINALIZER, finalizer, &annotations, conditional);
    patch(client, object, metadata).await
}

/// Adds or removes a finalizer, conditionally.
pub async fn set_finalizer<K>(
    client: &kube::Client,
    object: &K,
    finalizer: &str,
    present: bool,
) -> Result<K, ClusterError>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let metadata = metadata(object, finalizer, Some(present), &BTreeMap::new(), true);
    patch(client, object, metadata).await
}

/// Sets one annotation, whatever else happens to the object.
pub async fn annotate<K>(client: &kube::Client, object: &K, name: &str, value: &str) -> Result<K, ClusterError>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    patch(client, object, json!({ "annotations": { name: value } })).await
}

fn metadata<K: ResourceExt>(
    object: &K,
    finalizer: &str,
    present: Option<bool>,
    annotations: &BTreeMap<&str, Value>,
    conditional: bool,
) -> Value {
    let mut metadata = serde_json::Map::new();
    let has = object.finalizers().iter().any(|one| one == finalizer);
    let changes = present.is_some_and(|present| present != has);
    if changes {
        let mut finalizers: Vec<String> = object
            .finalizers()
            .iter()
            .filter(|one| *one != finalizer)
            .cloned()
            .collect();
        if present == Some(true) {
            finalizers.push(finalizer.to_owned());
        }
        metadata.insert("finalizers".to_owned(), json!(finalizers));
    }
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), json!(annotations));
    }
    // What was made anew under its name is another object: the API server refuses then.
    metadata.insert("uid".to_owned(), json!(object.uid()));
    // A list is replaced whole, so changing it from a stale view would drop somebody else's finalizer.
    if conditional || changes {
        metadata.insert("resourceVersion".to_owned(), json!(object.resource_version()));
    }
    Value::Object(metadata)
}

async fn patch<K>(client: &kube::Client, object: &K, metadata: Value) -> Result<K, ClusterError>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let namespace = object.namespace().unwrap_or_default();
    let body = Patch::Merge(json!({ "metadata": metadata }));
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    within(api::<K>(client, &namespace).patch(&object.name_any(), &params, &body)).await
}
