//! What is known of the cluster without asking: pruned copies, kept by watches.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{ResourceExt, api::ObjectMeta, core::PartialObjectMeta};
use kube_runtime::reflector::{ObjectRef, Store};

use crate::{
    api::{AccountRef, WazzupAccount, WazzupChannel},
    cluster::{again::Again, sink},
    plan::Sink,
};

/// Namespace and name.
pub(super) type Key = (String, String);

/// The caches of one watched namespace, or of all.
pub(super) struct Scope {
    pub(super) namespace: Option<String>,
    pub(super) channels: Store<WazzupChannel>,
    pub(super) accounts: Store<WazzupAccount>,
    pub(super) secrets: Store<PartialObjectMeta<Secret>>,
    pub(super) sinks: Store<PartialObjectMeta<ConfigMap>>,
    /// Of what decisions rest on: channels and accounts.
    pub(super) again: [Again; 2],
}

/// All caches.
pub(super) struct Caches {
    pub(super) scopes: Vec<Scope>,
}

impl Caches {
    fn scope(&self, namespace: &str) -> Option<&Scope> {
        self.scopes
            .iter()
            .find(|scope| scope.namespace.as_deref().is_none_or(|watched| watched == namespace))
    }

    /// Returns when channels and accounts were listed by lists that began later.
    pub(super) async fn listed_again(&self) {
        let all = self.scopes.iter().flat_map(|scope| &scope.again);
        futures::future::join_all(all.map(Again::listed)).await;
    }

    pub(super) fn channel(&self, (namespace, name): &Key) -> Option<Arc<WazzupChannel>> {
        self.scope(namespace)?
            .channels
            .get(&ObjectRef::new(name).within(namespace))
    }

    pub(super) fn account(&self, (namespace, name): &Key) -> Option<Arc<WazzupAccount>> {
        self.scope(namespace)?
            .accounts
            .get(&ObjectRef::new(name).within(namespace))
    }

    pub(super) fn accounts(&self) -> Vec<Arc<WazzupAccount>> {
        self.scopes.iter().flat_map(|scope| scope.accounts.state()).collect()
    }

    pub(super) fn channels(&self) -> Vec<Arc<WazzupChannel>> {
        self.scopes.iter().flat_map(|scope| scope.channels.state()).collect()
    }

    /// Channels that name an account, its grant aside.
    pub(super) fn channels_of(&self, account: &Key) -> Vec<Arc<WazzupChannel>> {
        let mut channels = self.channels();
        channels.retain(|channel| account_of(channel) == *account);
        channels
    }

    /// The version of a Secret, if there is one of that name.
    pub(super) fn secret_version(&self, namespace: &str, name: &str) -> Option<String> {
        self.scope(namespace)?
            .secrets
            .get(&ObjectRef::new(name).within(namespace))?
            .resource_version()
    }

    /// A channel's sink as the watches show it; a foreign ConfigMap of its name is hidden from them.
    pub(super) fn sink(&self, channel: &WazzupChannel) -> Sink {
        let shown = self.sink_metadata(channel);
        shown.map_or(Sink::Absent, |metadata| sink::view(&metadata, &channel.name_any()))
    }

    /// What the watches show of a channel's sink.
    pub(super) fn sink_metadata(&self, channel: &WazzupChannel) -> Option<ObjectMeta> {
        let place = sink::place(channel);
        let scope = self.scope(&place.namespace)?;
        if place.secret {
            let found = scope.secrets.get(&ObjectRef::new(&place.name).within(&place.namespace));
            found.map(|found| found.metadata.clone())
        } else {
            let found = scope.sinks.get(&ObjectRef::new(&place.name).within(&place.namespace));
            found.map(|found| found.metadata.clone())
        }
    }
}

/// The key of an object.
pub(super) fn key_of<K: ResourceExt>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The account that a channel names: the one resolver for watches, passes and messages.
pub(super) fn account_of(channel: &WazzupChannel) -> Key {
    let AccountRef { name, namespace } = &channel.spec.account_ref;
    (
        namespace.clone().or_else(|| channel.namespace()).unwrap_or_default(),
        name.clone(),
    )
}

/// Whether an account grants a namespace.
pub(super) fn grants(account: &WazzupAccount, namespace: &str) -> bool {
    let allowed = &account.spec.allowed_namespaces;
    account.namespace().as_deref() == Some(namespace) || allowed.iter().any(|one| one == "*" || one == namespace)
}
