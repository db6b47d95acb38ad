//! Watches that feed a cache of pruned objects and tell what changed.

use std::{fmt::Debug, hash::Hash};

use futures::{StreamExt, TryStreamExt};
use kube::{Api, Resource, ResourceExt};
use kube_runtime::{
    WatchStreamExt,
    reflector::{self, Store},
    watcher::{self, Event, watcher},
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

/// What happened to an object, told after the cache has it.
#[derive(Debug)]
pub enum Change<K> {
    /// Everything that is there, after a first or repeated list.
    Listed(Vec<K>),
    /// It is there, new or changed.
    Applied(K),
    /// It is gone.
    Deleted(K),
}

/// Starts a watch that ends with `stop`. `prune` drops what is never read before an object is stored.
pub fn start<K>(
    objects: Api<K>,
    config: watcher::Config,
    stop: CancellationToken,
    prune: fn(&mut K),
    mut tell: impl FnMut(Change<K>) + Send + 'static,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    let (store, writer) = reflector::store();
    let events = watcher(objects, config).default_backoff().modify(move |object| {
        object.managed_fields_mut().clear();
        prune(object);
    });
    let stream = events.reflect(writer);
    tokio::spawn(async move {
        let mut stream = Box::pin(stream.take_until(stop.cancelled_owned()));
        let mut listed = Vec::new();
        loop {
            match stream.try_next().await {
                Ok(Some(Event::Init)) => listed.clear(),
                // The cache takes a list over when it is complete, so nothing is told before.
                Ok(Some(Event::InitApply(object))) => listed.push(object),
                Ok(Some(Event::InitDone)) => tell(Change::Listed(std::mem::take(&mut listed))),
                Ok(Some(Event::Apply(object))) => tell(Change::Applied(object)),
                Ok(Some(Event::Delete(object))) => tell(Change::Deleted(object)),
                Ok(None) => return,
                Err(error) => tracing::debug!(error = why(error), "a watch was interrupted; it is started again"),
            }
        }
    });
    store
}

/// Why a watch was interrupted, without the words of a parser, which quote what they could not read.
fn why(error: watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => super::ClusterError::from(error).to_string(),
        other => other.to_string(),
    }
}

/// Drops the copy of the manifest that `kubectl apply` keeps.
pub fn prune_last_applied<K: ResourceExt>(object: &mut K) {
    object
        .annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
}
