//! Values from Secrets: fetched when needed, known to a pass by their hash alone.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use kube::ResourceExt;

use super::{context::Context, validate::two_factor};
use crate::{
    api::WazzupChannel,
    cluster::secrets::{self, AccountKeys},
    model::{Credentials, Sensitive, Transport},
    plan::Supply,
};

/// Hashes by Secret, its version and the keys used, so that an unchanged Secret is not fetched again.
#[derive(Default)]
pub(super) struct HashCache(Mutex<HashMap<(String, String, String), (String, String)>>);

/// More Secrets than this are not kept; the cache then starts anew.
const KEPT: usize = 50_000;

impl HashCache {
    fn get(&self, key: &(String, String, String), version: &str) -> Option<String> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache
            .get(key)
            .filter(|(known, _)| known == version)
            .map(|(_, hash)| hash.clone())
    }

    fn put(&self, key: (String, String, String), version: String, hash: String) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= KEPT {
            cache.clear();
        }
        cache.insert(key, (version, hash));
    }
}

/// A value that a pass may use for one call, with the hash under which the plan decided to.
pub(super) struct Fetched<T> {
    pub(super) value: T,
    pub(super) hash: String,
}

/// The credentials Secret of a channel, by hash.
pub(super) async fn credentials(
    context: &Context,
    channel: &WazzupChannel,
    transport: Transport,
    keys: &AccountKeys,
) -> Supply {
    let wanted = transport.credential_keys();
    if wanted.is_empty() {
        return Supply::NotNeeded;
    }
    let Some(secret) = &channel.spec.credentials_secret_ref else {
        return Supply::NotNeeded;
    };
    supply(context, channel, &secret.name, wanted, keys).await
}

/// The two-factor Secret of a channel, by hash.
pub(super) async fn password(context: &Context, channel: &WazzupChannel, keys: &AccountKeys) -> Supply {
    let (name, key) = two_factor(channel);
    supply(context, channel, &name, &[key.as_str()], keys).await
}

async fn supply(context: &Context, channel: &WazzupChannel, name: &str, wanted: &[&str], keys: &AccountKeys) -> Supply {
    let namespace = channel.namespace().unwrap_or_default();
    let version = context.caches.secret_version(&namespace, name);
    let cache_key = (namespace.clone(), name.to_owned(), wanted.join(","));
    let known = version
        .as_ref()
        .and_then(|version| context.hashes.get(&cache_key, version));
    if let Some(hash) = known.filter(|hash| keys.made(hash)) {
        return Supply::Present { hash };
    }
    // A Secret that the watch does not show may just have been made, so its absence is looked up before it is told.
    match fetch(context, &namespace, name, wanted, keys).await {
        Ok(fetched) => {
            if let Some(version) = version {
                context.hashes.put(cache_key, version, fetched.hash.clone());
            }
            Supply::Present { hash: fetched.hash }
        }
        Err(missing) => missing,
    }
}

async fn fetch(
    context: &Context,
    namespace: &str,
    name: &str,
    wanted: &[&str],
    keys: &AccountKeys,
) -> Result<Fetched<Vec<Sensitive<String>>>, Supply> {
    let values = match secrets::read(&context.client, namespace, name).await {
        Ok(Some(values)) => values,
        Ok(None) => {
            return Err(Supply::Missing(format!(
                "Secret {name} does not exist in namespace {namespace}"
            )));
        }
        Err(error) => return Err(Supply::Hidden(error.to_string())),
    };
    let mut found = Vec::new();
    for key in wanted {
        match values.get(*key).filter(|value| !value.reveal().is_empty()) {
            Some(value) => found.push((*key, value.clone())),
            None => {
                return Err(Supply::Missing(format!(
                    "Secret {name} has no key {key}, or an empty one"
                )));
            }
        }
    }
    let named: Vec<(&str, &Sensitive<String>)> = found.iter().map(|(key, value)| (*key, value)).collect();
    let hash = keys.hash(&named);
    Ok(Fetched {
        value: found.into_iter().map(|(_, value)| value).collect(),
        hash,
    })
}

/// The credentials themselves, for the call that sends them.
pub(super) async fn fetch_credentials(
    context: &Context,
    channel: &WazzupChannel,
    transport: Transport,
    keys: &AccountKeys,
) -> Option<Fetched<Credentials>> {
    let wanted = transport.credential_keys();
    let name = &channel.spec.credentials_secret_ref.as_ref()?.name;
    let namespace = channel.namespace().unwrap_or_default();
    let fetched = fetch(context, &namespace, name, wanted, keys).await.ok()?;
    let value = Credentials(wanted.iter().copied().zip(fetched.value).collect());
    Some(Fetched {
        value,
        hash: fetched.hash,
    })
}

/// The two-factor password itself, for the call that sends it.
pub(super) async fn fetch_password(
    context: &Context,
    channel: &WazzupChannel,
    keys: &AccountKeys,
) -> Option<Fetched<Sensitive<String>>> {
    let (name, key) = two_factor(channel);
    let namespace = channel.namespace().unwrap_or_default();
    let fetched = fetch(context, &namespace, &name, &[key.as_str()], keys).await.ok()?;
    Some(Fetched {
        value: fetched.value.into_iter().next()?,
        hash: fetched.hash,
    })
}
