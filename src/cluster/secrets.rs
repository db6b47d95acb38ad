//! Secrets: values fetched when they are needed, and the one that the operator keeps for an account.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Resource, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use ring::{digest, hmac, rand::SecureRandom};

use super::{ClusterError, api, grants::StoredGrant, within};
use crate::{
    api::{WazzupAccount, names},
    model::Sensitive,
};

const TOKEN_KEY: &str = "webhook-token";
const HASH_KEY: &str = "hash-key";
/// For people who route events themselves: where below the receiver's public address the account's events go.
const PATH_KEY: &str = "webhook-path";

/// What the operator keeps for an account.
#[derive(Debug, Clone)]
pub struct AccountKeys {
    /// 256 random bits in hex: the last part of the webhook URL.
    pub webhook_token: Sensitive<String>,
    hash_key: Sensitive<Vec<u8>>,
}

impl AccountKeys {
    /// The hash of values under their names: changes when a value does, and tells nothing about it. It begins with a mark
    /// of its key, so that a lost key is not taken for changed values.
    pub fn hash(&self, values: &[(&str, &Sensitive<String>)]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.hash_key.reveal());
        let mut context = hmac::Context::with_key(&key);
        for (name, value) in values {
            for part in [name.as_bytes(), value.reveal().as_bytes()] {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
        }
        format!("{}:{}", self.mark(), hex(&context.sign().as_ref()[..16]))
    }

    /// Whether a hash was made with this key.
    pub fn made(&self, hash: &str) -> bool {
        hash.split_once(':').is_some_and(|(mark, _)| mark == self.mark())
    }

    /// New ones.
    pub fn random() -> Self {
        Self {
            webhook_token: hex(&random::<32>()).into(),
            hash_key: random::<32>().to_vec().into(),
        }
    }

    fn mark(&self) -> String {
        hex(&digest::digest(&digest::SHA256, self.hash_key.reveal()).as_ref()[..4])
    }

    fn read(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let token = String::from_utf8(data.get(TOKEN_KEY)?.0.clone()).ok()?;
        let hash_key = data.get(HASH_KEY)?.0.clone();
        let usable = token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) && hash_key.len() >= 32;
        usable.then_some(Self {
            webhook_token: token.into(),
            hash_key: hash_key.into(),
        })
    }
}

/// Reads a Secret's values; `None` when there is no such Secret. Values that are no UTF-8 are left out, a trailing line
/// break is dropped: `echo` and editors add one.
pub async fn read(
    client: &kube::Client,
    namespace: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, Sensitive<String>>>, ClusterError> {
    let secret = within(api::<Secret>(client, namespace).get_opt(name)).await?;
    Ok(secret.map(|secret| {
        let data = secret.data.unwrap_or_default();
        data.into_iter()
            .filter_map(|(key, ByteString(bytes))| {
                let text = String::from_utf8(bytes).ok()?;
                Some((key, Sensitive::new(text.trim_end_matches(['\r', '\n']).to_owned())))
            })
            .collect()
    }))
}

/// What the operator's Secret of an account held when it was read.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Version of the Secret.
    pub version: Option<String>,
    /// The account's keys.
    pub keys: AccountKeys,
    /// The tokens of an `oauth` account.
    pub grant: StoredGrant,
}

impl Kept {
    fn read(secret: &Secret) -> Option<Self> {
        Some(Self {
            version: secret.resource_version(),
            keys: AccountKeys::read(secret)?,
            grant: StoredGrant::read(secret),
        })
    }
}

/// Reads what is kept for an account; `None` when it was not made yet or is unusable.
pub async fn read_kept(client: &kube::Client, namespace: &str, account: &str) -> Result<Option<Kept>, ClusterError> {
    let secret = within(api::<Secret>(client, namespace).get_opt(&names::account_secret(account))).await?;
    Ok(secret.as_ref().and_then(Kept::read))
}

/// Reads what is kept for an account, making its keys when they are missing. Two replicas may try: the first one wins.
pub async fn ensure_kept(client: &kube::Client, account: &WazzupAccount) -> Result<Kept, ClusterError> {
    let namespace = account.namespace().unwrap_or_default();
    let secrets = api::<Secret>(client, &namespace);
    let name = names::account_secret(&account.name_any());
    let found = within(secrets.get_opt(&name)).await?;
    if let Some(kept) = found.as_ref().and_then(Kept::read) {
        return Ok(kept);
    }
    let keys = AccountKeys {
        webhook_token: hex(&random::<32>()).into(),
        hash_key: random::<32>().to_vec().into(),
    };
    let account_key = names::account_key(&namespace, &account.name_any());
    let path = format!("/webhooks/{account_key}/{}", keys.webhook_token.reveal());
    let data = [
        (
            TOKEN_KEY.to_owned(),
            ByteString(keys.webhook_token.reveal().clone().into_bytes()),
        ),
        (HASH_KEY.to_owned(), ByteString(keys.hash_key.reveal().clone())),
        (PATH_KEY.to_owned(), ByteString(path.into_bytes())),
    ];
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace),
            labels: Some([(names::MANAGED_BY.to_owned(), names::MANAGED_BY_VALUE.to_owned())].into()),
            owner_references: owner(account).map(|owner| vec![owner]),
            resource_version: found.as_ref().and_then(ResourceExt::resource_version),
            ..ObjectMeta::default()
        },
        data: Some(data.into()),
        ..Secret::default()
    };
    let params = PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let made = if found.is_some() {
        within(secrets.replace(&name, &params, &secret)).await?
    } else {
        within(secrets.create(&params, &secret)).await?
    };
    Ok(Kept {
        version: made.resource_version(),
        keys,
        grant: StoredGrant::read(&made),
    })
}

/// An owner reference that does not block the owner's deletion.
pub fn owner<K: Resource<DynamicType = ()>>(object: &K) -> Option<OwnerReference> {
    object.controller_owner_ref(&()).map(|owner| OwnerReference {
        block_owner_deletion: None,
        ..owner
    })
}

/// Random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The generator of the operating system fails only where nothing else works either; zeros would then be refused as a
    // webhook token by nobody, so the process must not go on.
    if ring::rand::SystemRandom::new().fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

/// Bytes in hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(byte: u8) -> AccountKeys {
        AccountKeys {
            webhook_token: "t".to_owned().into(),
            hash_key: vec![byte; 32].into(),
        }
    }

    #[test]
    fn a_hash_changes_with_the_value_and_with_where_one_value_ends() {
        let (a, b, ab): (Sensitive<String>, _, _) =
            ("a".to_owned().into(), "b".to_owned().into(), "ab".to_owned().into());
        let hash = |values: &[(&str, &Sensitive<String>)]| keys(1).hash(values);
        assert_eq!(hash(&[("k", &a)]), hash(&[("k", &a)]));
        assert_ne!(hash(&[("k", &a)]), hash(&[("k", &b)]));
        assert_ne!(
            hash(&[("k", &a), ("l", &b)]),
            hash(&[("k", &ab), ("l", &String::new().into())])
        );
    }

    #[test]
    fn a_lost_key_is_not_taken_for_changed_values() {
        let value = Sensitive::new("a".to_owned());
        let hash = keys(1).hash(&[("k", &value)]);
        assert!(keys(1).made(&hash));
        assert!(!keys(2).made(&hash));
    }
}
