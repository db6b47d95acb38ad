//! Watches that feed a cache of pruned objects and tell what changed.
//!
//! Nothing that the API server does may leave a cache behind for good. Every call has a deadline, a watch that shows no
//! sign of life is opened anew, and every few minutes everything is listed again: of such a list only what differs is told,
//! so that it costs no pass and little memory.

use std::{collections::HashSet, time::Duration};

use futures::TryStreamExt;
use kube::{
    ResourceExt,
    api::{ListParams, WatchEvent, WatchParams},
    core::ObjectList,
};
use kube_runtime::{
    reflector::{self, ObjectRef, Store, store::Writer},
    watcher::Event,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    ClusterError,
    again::{self, Again, Asked},
    secrets,
    source::Source,
    within,
};
use crate::api::names;

/// Objects on one page of a list.
const PAGE: u32 = 500;
/// When the API server ends a watch. It sends a bookmark before, so that nothing is sent twice.
const LIFE: u32 = 60;
/// A watch that ends sooner was not worth opening: the next one waits.
const SHORT: Duration = Duration::from_secs(1);
/// So many failures in a row are everyday.
const TOLD_AFTER: usize = 3;
/// Pauses after failures, in a row: the last repeats.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];

/// How long a cache may be behind without knowing it; tests shorten it.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// A watch that the API server has not ended then is half open.
    dead: Duration,
    /// How long an event that was lost on the way may stay unknown; jittered.
    list_again: Duration,
}

const PATIENCE: Patience = Patience {
    dead: Duration::from_secs(65),
    list_again: Duration::from_secs(300),
};

/// What happened to an object, told after the cache has it.
#[derive(Debug)]
pub enum Change<K> {
    /// Everything that is there, after the first list.
    Listed(Vec<K>),
    /// It is there, new or changed.
    Applied(K),
    /// It is gone.
    Deleted(K),
}

/// Starts a watch that ends with `stop`. `prune` drops what is never read before an object is stored.
pub fn start<S: Source>(
    source: S,
    labels: Option<String>,
    stop: CancellationToken,
    prune: fn(&mut S::Object),
    tell: impl FnMut(Change<S::Object>) + Send + 'static,
) -> (Store<S::Object>, Again) {
    let (store, writer) = reflector::store();
    let (again, asked) = again::pair();
    let keeper = Keeper {
        source,
        labels,
        store: store.clone(),
        writer,
        prune,
        tell,
        patience: PATIENCE,
        filled: false,
        asked,
    };
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = keeper.keep() => {}
        }
    });
    (store, again)
}

/// Why a watch ended.
enum Ended {
    /// In order, or it was half open: it goes on from where it was.
    Over,
    /// It cannot go on from where it was, or it is time for a list.
    ListAgain,
}

struct Keeper<S: Source, T> {
    source: S,
    labels: Option<String>,
    store: Store<S::Object>,
    writer: Writer<S::Object>,
    prune: fn(&mut S::Object),
    tell: T,
    patience: Patience,
    filled: bool,
    asked: Asked,
}

impl<S: Source, T: FnMut(Change<S::Object>) + Send> Keeper<S, T> {
    async fn keep(mut self) {
        let mut failures = 0;
        loop {
            let asked = self.asked.begin();
            let listed = if self.filled {
                self.list_again().await
            } else {
                self.first_list().await
            };
            match listed {
                Ok(mut version) => {
                    self.asked.answer(asked);
                    let list_again = Instant::now() + self.patience.list_again.mul_f64(jitter());
                    while let Ended::Over = self.once(&mut version, list_again, &mut failures).await {}
                }
                Err(error) => {
                    let mut first = 0;
                    let row = if error.is_forbidden() {
                        tracing::warn!(%error, "a list is not allowed: see that the Role or ClusterRole is bound");
                        if self.asked.refuse(asked) {
                            &mut failures
                        } else {
                            &mut first
                        }
                    } else {
                        &mut failures
                    };
                    tokio::select! {
                        () = pause("a list", &error, row) => {}
                        () = self.asked.once() => {}
                    }
                }
            }
        }
    }

    /// Opens a watch and follows it to its end; pauses when it failed or was useless.
    async fn once(&mut self, version: &mut String, list_again: Instant, failures: &mut usize) -> Ended {
        let opened = Instant::now();
        let followed = self.follow(version, list_again).await;
        let useless = opened.elapsed() < SHORT;
        match followed {
            Ok(ended) if !useless => {
                *failures = 0;
                ended
            }
            Ok(Ended::ListAgain) => Ended::ListAgain,
            Ok(Ended::Over) => {
                if list_again <= Instant::now() {
                    return Ended::Over;
                }
                tokio::select! {
                    () = pause("a watch", &"it ended at once", failures) => Ended::Over,
                    () = self.asked.once() => Ended::ListAgain,
                }
            }
            Err(error) => {
                if !useless {
                    *failures = 0;
                }
                tokio::select! {
                    () = pause("a watch", &error, failures) => {}
                    () = self.asked.once() => return Ended::ListAgain,
                }
                if error.is_gone() { Ended::ListAgain } else { Ended::Over }
            }
        }
    }

    async fn follow(&mut self, version: &mut String, list_again: Instant) -> Result<Ended, ClusterError> {
        let params = WatchParams {
            label_selector: self.labels.clone(),
            timeout: Some(LIFE),
            ..WatchParams::default()
        };
        let mut events = within(self.source.watch(&params, version)).await?;
        let dead = Instant::now() + self.patience.dead;
        loop {
            let event = tokio::select! {
                event = timeout_at(dead.min(list_again), events.try_next()) => event,
                () = self.asked.once() => return Ok(Ended::ListAgain),
            };
            let event = match event {
                Ok(event) => event?,
                Err(_) if Instant::now() >= list_again => return Ok(Ended::ListAgain),
                Err(_) => return Ok(Ended::Over),
            };
            match event {
                Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                    *version = object.resource_version().unwrap_or_default();
                    self.apply(object);
                }
                Some(WatchEvent::Deleted(object)) => {
                    *version = object.resource_version().unwrap_or_default();
                    self.delete(object);
                }
                Some(WatchEvent::Bookmark(bookmark)) => *version = bookmark.metadata.resource_version,
                Some(WatchEvent::Error(status)) => return Err(kube::Error::Api(status.boxed()).into()),
                None => return Ok(Ended::Over),
            }
        }
    }

    /// Fills the cache, then tells.
    async fn first_list(&mut self) -> Result<String, ClusterError> {
        let mut listed = Vec::new();
        let mut token = None;
        let version = loop {
            let page = page(&self.source, self.labels.clone(), token).await?;
            token = following(&page);
            let version = page.metadata.resource_version.unwrap_or_default();
            listed.extend(page.items.into_iter().map(|object| pruned(object, self.prune)));
            if token.is_none() {
                break version;
            }
        };
        self.writer.apply_watcher_event(&Event::Init);
        for object in &listed {
            self.writer.apply_watcher_event(&Event::InitApply(object.clone()));
        }
        self.writer.apply_watcher_event(&Event::InitDone);
        self.filled = true;
        (self.tell)(Change::Listed(listed));
        Ok(version)
    }

    /// Takes over and tells what differs from the cache.
    async fn list_again(&mut self) -> Result<String, ClusterError> {
        let (mut there, mut differs, mut replaced) = (HashSet::new(), Vec::new(), Vec::new());
        let mut token = None;
        let version = loop {
            let page = page(&self.source, self.labels.clone(), token).await?;
            token = following(&page);
            let version = page.metadata.resource_version.unwrap_or_default();
            for object in page.items {
                let key = ObjectRef::from_obj(&object);
                let known = self.store.get(&key);
                // One that was made anew under its name meanwhile is another object: the first one is told to be gone.
                replaced.extend(known.clone().filter(|known| known.uid() != object.uid()));
                if known.is_none_or(|known| known.resource_version() != object.resource_version()) {
                    differs.push(pruned(object, self.prune));
                }
                there.insert(key);
            }
            if token.is_none() {
                break version;
            }
        };
        let gone = (self.store.state().into_iter()).filter(|known| !there.contains(&ObjectRef::from_obj(&**known)));
        replaced.extend(gone);
        for object in replaced {
            self.delete((*object).clone());
        }
        for object in differs {
            self.apply(object);
        }
        Ok(version)
    }

    fn apply(&mut self, object: S::Object) {
        let object = pruned(object, self.prune);
        self.writer.apply_watcher_event(&Event::Apply(object.clone()));
        (self.tell)(Change::Applied(object));
    }

    fn delete(&mut self, object: S::Object) {
        let object = pruned(object, self.prune);
        self.writer.apply_watcher_event(&Event::Delete(object.clone()));
        (self.tell)(Change::Deleted(object));
    }
}

async fn page<S: Source>(
    source: &S,
    labels: Option<String>,
    token: Option<String>,
) -> Result<ObjectList<S::Object>, ClusterError> {
    let params = ListParams {
        label_selector: labels,
        limit: Some(PAGE),
        continue_token: token,
        ..ListParams::default()
    };
    within(source.list(&params)).await
}

/// Where a list goes on after a page, if it does.
fn following<K: Clone>(page: &ObjectList<K>) -> Option<String> {
    page.metadata.continue_.clone().filter(|token| !token.is_empty())
}

fn pruned<K: ResourceExt>(mut object: K, prune: fn(&mut K)) -> K {
    object.managed_fields_mut().clear();
    prune(&mut object);
    object
}

async fn pause(what: &str, why: &impl std::fmt::Display, failures: &mut usize) {
    let pause = PAUSES[(*failures).min(PAUSES.len() - 1)].mul_f64(jitter());
    *failures += 1;
    if *failures > TOLD_AFTER {
        tracing::warn!(%why, ?pause, "{what} was interrupted again; it is started again");
    } else {
        tracing::debug!(%why, ?pause, "{what} was interrupted; it is started again");
    }
    tokio::time::sleep(pause).await;
}

/// From 0.9 to 1.1, so that watches and replicas do not march in step.
fn jitter() -> f64 {
    0.9 + 0.2 * f64::from(secrets::random::<1>()[0]) / 255.0
}

/// Drops annotations and labels that are not ours: whoever may edit an object could fill the cache with them, and `kubectl
/// apply` keeps a copy of the manifest there.
pub fn prune_foreign<K: ResourceExt>(object: &mut K) {
    let ours = |name: &str| name.starts_with(names::PREFIX) || name == names::MANAGED_BY;
    object.annotations_mut().retain(|name, _| ours(name));
    object.labels_mut().retain(|name, _| ours(name));
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
