//! What is watched: whole objects, or their metadata alone.

use std::fmt::Debug;

use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource,
    api::{ListParams, WatchEvent, WatchParams},
    core::{ObjectList, PartialObjectMeta},
};
use serde::de::DeserializeOwned;

/// What is watched.
pub trait Source: Send + Sync + 'static {
    /// The objects, as they are kept.
    type Object: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static;

    /// One page.
    fn list(&self, params: &ListParams) -> impl Future<Output = kube::Result<ObjectList<Self::Object>>> + Send;

    /// What happens after `version`.
    fn watch(
        &self,
        params: &WatchParams,
        version: &str,
    ) -> impl Future<Output = kube::Result<BoxStream<'static, kube::Result<WatchEvent<Self::Object>>>>> + Send;
}

/// Whole objects.
pub struct Whole<K>(pub Api<K>);

impl<K> Source for Whole<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    type Object = K;

    async fn list(&self, params: &ListParams) -> kube::Result<ObjectList<K>> {
        self.0.list(params).await
    }

    async fn watch(
        &self,
        params: &WatchParams,
        version: &str,
    ) -> kube::Result<BoxStream<'static, kube::Result<WatchEvent<K>>>> {
        Ok(self.0.watch(params, version).await?.boxed())
    }
}

/// Metadata alone: neither values nor anything large ever crosses the wire.
pub struct Metadata<K>(pub Api<K>);

impl<K> Source for Metadata<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    type Object = PartialObjectMeta<K>;

    async fn list(&self, params: &ListParams) -> kube::Result<ObjectList<PartialObjectMeta<K>>> {
        self.0.list_metadata(params).await
    }

    async fn watch(
        &self,
        params: &WatchParams,
        version: &str,
    ) -> kube::Result<BoxStream<'static, kube::Result<WatchEvent<PartialObjectMeta<K>>>>> {
        Ok(self.0.watch_metadata(params, version).await?.boxed())
    }
}
