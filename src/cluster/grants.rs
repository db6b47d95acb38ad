//! Tokens of an `oauth` account, kept in the operator's Secret of that account: a refresh token serves once, so the next
//! one is stored before it is used, and a mark keeps two replicas from using one at the same time.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Map, Value, json};

use super::{ClusterError, api, within};
use crate::{api::names, model::Sensitive};

const REFRESH_TOKEN: &str = "oauth-refresh-token";
const ACCESS_TOKEN: &str = "oauth-access-token";
const SINCE: &str = "oauth-since";
const UNTIL: &str = "oauth-until";
const STEM: &str = "oauth-stem";
const ROTATING: &str = "oauth-rotating-since";

/// What is stored.
#[derive(Debug, Clone, Default)]
pub struct StoredGrant {
    /// Version of the Secret: a mark is set only on this one.
    pub version: Option<String>,
    /// Keyed hash of the seed that the tokens stem from.
    pub stem: Option<String>,
    /// The refresh token to use next.
    pub refresh_token: Option<Sensitive<String>>,
    /// The access token.
    pub access_token: Option<Sensitive<String>>,
    /// When it was got, and when it ends.
    pub life: Option<(Timestamp, Timestamp)>,
    /// Since when a replica is rotating the refresh token.
    pub rotating_since: Option<Timestamp>,
}

/// A grant to store.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Keyed hash of the seed.
    pub stem: String,
    /// The refresh token to use next.
    pub refresh_token: Sensitive<String>,
    /// The access token.
    pub access_token: Sensitive<String>,
    /// When it was got, and when it ends.
    pub life: (Timestamp, Timestamp),
}

impl StoredGrant {
    /// Reads what a Secret holds; what is missing or nonsense is not there.
    pub fn read(secret: &Secret) -> Self {
        let text = |key: &str| {
            let ByteString(bytes) = secret.data.as_ref()?.get(key)?;
            String::from_utf8(bytes.clone()).ok().filter(|text| !text.is_empty())
        };
        let time = |key| text(key)?.parse::<Timestamp>().ok();
        Self {
            version: secret.resource_version(),
            stem: text(STEM),
            refresh_token: text(REFRESH_TOKEN).map(Sensitive::new),
            access_token: text(ACCESS_TOKEN).map(Sensitive::new),
            life: time(SINCE).zip(time(UNTIL)),
            rotating_since: time(ROTATING),
        }
    }
}

/// Marks that the refresh token is about to be used; refused with a conflict when anybody changed the Secret since.
pub async fn begin(
    client: &kube::Client,
    namespace: &str,
    account: &str,
    version: &str,
    now: Timestamp,
) -> Result<(), ClusterError> {
    let body = json!({"metadata": {"resourceVersion": version}, "data": {ROTATING: encoded(&now.to_string())}});
    patch(client, namespace, account, &body).await
}

/// Stores a grant and takes the mark away.
pub async fn store(
    client: &kube::Client,
    namespace: &str,
    account: &str,
    grant: &NewGrant,
) -> Result<(), ClusterError> {
    let mut data = Map::new();
    for (key, value) in [
        (STEM, grant.stem.clone()),
        (REFRESH_TOKEN, grant.refresh_token.reveal().clone()),
        (ACCESS_TOKEN, grant.access_token.reveal().clone()),
        (SINCE, grant.life.0.to_string()),
        (UNTIL, grant.life.1.to_string()),
    ] {
        data.insert(key.to_owned(), encoded(&value));
    }
    data.insert(ROTATING.to_owned(), Value::Null);
    patch(client, namespace, account, &json!({ "data": data })).await
}

/// Takes the mark away: the refresh token was not used up.
pub async fn end(client: &kube::Client, namespace: &str, account: &str) -> Result<(), ClusterError> {
    patch(client, namespace, account, &json!({"data": {ROTATING: null}})).await
}

fn encoded(text: &str) -> Value {
    STANDARD.encode(text).into()
}

async fn patch(client: &kube::Client, namespace: &str, account: &str, body: &Value) -> Result<(), ClusterError> {
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let secrets = api::<Secret>(client, namespace);
    within(secrets.patch(&names::account_secret(account), &params, &Patch::Merge(body))).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_with_nothing_or_nonsense_in_it_holds_no_grant() {
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": "a", "resourceVersion": "7"},
            "data": {ACCESS_TOKEN: "", SINCE: encoded("soon"), UNTIL: encoded("2026-01-01T00:00:00Z"), STEM: encoded("s")},
        }))
        .unwrap();
        let grant = StoredGrant::read(&secret);
        assert_eq!(
            (grant.version.as_deref(), grant.stem.as_deref()),
            (Some("7"), Some("s"))
        );
        assert!(grant.access_token.is_none() && grant.life.is_none() && grant.rotating_since.is_none());
        assert!(StoredGrant::read(&Secret::default()).refresh_token.is_none());
    }
}
