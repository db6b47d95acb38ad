//! What each watch wakes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, ResourceExt, core::PartialObjectMeta};
use tokio_util::sync::CancellationToken;

use super::{
    caches::{Caches, Key, Scope, account_of, key_of},
    claims::Claims,
    qr_desk::QrDesk,
    queue::Queue,
    validate,
};
use crate::{
    api::{WazzupAccount, WazzupChannel, names},
    cluster::{
        sink,
        source::{Metadata, Whole},
        watch::{self, Change},
    },
};

/// What the watches tell.
pub(super) struct Hub {
    pub(super) claims: Arc<Claims>,
    pub(super) channels: Arc<Queue<WazzupChannel>>,
    pub(super) accounts: Arc<Queue<WazzupAccount>>,
    /// Set once the caches that the watches feed are there.
    pub(super) shared: Arc<std::sync::OnceLock<(Arc<Caches>, Arc<QrDesk>)>>,
}

impl Hub {
    /// Starts the watches of one namespace, or of all.
    pub(super) fn scope(&self, client: &kube::Client, namespace: Option<String>, stop: &CancellationToken) -> Scope {
        fn objects<K>(client: &kube::Client, namespace: Option<&str>) -> Api<K>
        where
            K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
        {
            match namespace {
                Some(namespace) => Api::namespaced(client.clone(), namespace),
                None => Api::all(client.clone()),
            }
        }
        let of = namespace.as_deref();
        let ours = Some(format!("{}={}", names::MANAGED_BY, names::MANAGED_BY_VALUE));
        let stop = || stop.clone();
        let (channels, channels_again) = watch::start(
            Whole(objects(client, of)),
            None,
            stop(),
            watch::prune_foreign,
            self.channels(),
        );
        let (accounts, accounts_again) = watch::start(
            Whole(objects(client, of)),
            None,
            stop(),
            watch::prune_foreign,
            self.accounts(),
        );
        let (secrets, _) = watch::start(
            Metadata(objects(client, of)),
            None,
            stop(),
            prune_secret,
            self.secrets(),
        );
        let (sinks, _) = watch::start(
            Metadata(objects(client, of)),
            ours,
            stop(),
            watch::prune_foreign,
            self.sinks(),
        );
        Scope {
            channels,
            accounts,
            secrets,
            sinks,
            again: [channels_again, accounts_again],
            namespace,
        }
    }

    fn channels(&self) -> impl FnMut(Change<WazzupChannel>) + Send + 'static {
        let (claims, queue, shared) = (self.claims.clone(), self.channels.clone(), self.shared.clone());
        let accounts = self.accounts.clone();
        let applied = move |channel: &WazzupChannel| {
            let told = claims.update(channel);
            if let (Some(id), Some((_, qr))) = (told.new, shared.get()) {
                qr.replay(channel, &id);
            }
            if let Some(heir) = told.heir {
                queue.wake(&heir);
            }
            queue.wake(&key_of(channel));
        };
        let (claims, waiting) = (self.claims.clone(), self.channels.clone());
        move |change| match change {
            Change::Applied(channel) => applied(&channel),
            Change::Listed(channels) => channels.iter().for_each(&applied),
            Change::Deleted(channel) => {
                // Who was told that it is held learns that it is free: nothing at Wazzup may ever change for it.
                if let Some(heir) = claims.remove(&channel) {
                    waiting.wake(&heir);
                }
                // An account that is being deleted waits for this; the counts change as well.
                accounts.wake(&account_of(&channel));
            }
        }
    }

    fn accounts(&self) -> impl FnMut(Change<WazzupAccount>) + Send + 'static {
        let (accounts, channels, shared) = (self.accounts.clone(), self.channels.clone(), self.shared.clone());
        let users = move |account: &WazzupAccount| {
            if let Some((caches, _)) = shared.get() {
                for channel in caches.channels_of(&key_of(account)) {
                    channels.wake(&key_of(&*channel));
                }
            }
        };
        let mut grants = std::collections::HashMap::<Key, Vec<String>>::new();
        move |change| match change {
            Change::Applied(account) => {
                let key = key_of(&account);
                accounts.wake(&key);
                let allowed = account.spec.allowed_namespaces.clone();
                if grants.insert(key, allowed.clone()) != Some(allowed) {
                    users(&account);
                }
            }
            Change::Listed(listed) => {
                for account in listed {
                    accounts.wake(&key_of(&account));
                    grants.insert(key_of(&account), account.spec.allowed_namespaces.clone());
                }
            }
            Change::Deleted(account) => {
                grants.remove(&key_of(&account));
                accounts.wake(&key_of(&account));
                users(&account);
            }
        }
    }

    /// A changed Secret wakes exactly the objects that use it.
    fn secrets(&self) -> impl FnMut(Change<PartialObjectMeta<Secret>>) + Send + 'static {
        let (accounts, channels, shared) = (self.accounts.clone(), self.channels.clone(), self.shared.clone());
        move |change| {
            let (Change::Applied(secret) | Change::Deleted(secret)) = change else {
                return;
            };
            let Some((caches, _)) = shared.get() else { return };
            let (namespace, name) = key_of(&secret);
            for channel in caches
                .channels()
                .iter()
                .filter(|one| one.namespace().as_deref() == Some(&*namespace))
            {
                let credentials = channel
                    .spec
                    .credentials_secret_ref
                    .as_ref()
                    .is_some_and(|used| used.name == name);
                let sink = sink::place(channel);
                if credentials || validate::two_factor(channel).0 == name || (sink.secret && sink.name == name) {
                    channels.wake(&key_of(&**channel));
                }
            }
            for account in caches
                .accounts()
                .iter()
                .filter(|one| one.namespace().as_deref() == Some(&*namespace))
            {
                let auth = &account.spec.auth;
                let used = [
                    auth.client_token.as_ref().map(|ready| &ready.secret_ref.name),
                    auth.white_label
                        .as_ref()
                        .map(|white_label| &white_label.partner_secret_ref.name),
                    auth.oauth.as_ref().map(|oauth| &oauth.partner_secret_ref.name),
                    auth.oauth.as_ref().map(|oauth| &oauth.token_secret_ref.name),
                ];
                let token = used.into_iter().flatten().any(|used| *used == name);
                if token || names::account_secret(&account.name_any()) == name {
                    accounts.wake(&key_of(&**account));
                }
            }
        }
    }

    fn sinks(&self) -> impl FnMut(Change<PartialObjectMeta<ConfigMap>>) + Send + 'static {
        let channels = self.channels.clone();
        move |change| {
            let (Change::Applied(sink) | Change::Deleted(sink)) = change else {
                return;
            };
            if let Some(channel) = sink.labels().get(names::CHANNEL_LABEL) {
                channels.wake(&(sink.namespace().unwrap_or_default(), channel.clone()));
            }
        }
    }
}

/// Of a Secret only its name and version are read, of a sink that is one its labels and annotations too.
fn prune_secret(secret: &mut PartialObjectMeta<Secret>) {
    let ours = secret.labels().get(names::MANAGED_BY).map(String::as_str) == Some(names::MANAGED_BY_VALUE);
    if !ours {
        secret.metadata.annotations = None;
        secret.metadata.labels = None;
        secret.metadata.owner_references = None;
    }
}
