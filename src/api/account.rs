//! `WazzupAccount`: one end-customer account at Wazzup.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, SecretKeyRef, SecretRef};

/// One end-customer account at Wazzup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "wazzup24.com",
    version = "v1alpha1",
    kind = "WazzupAccount",
    plural = "wazzupaccounts",
    singular = "wazzupaccount",
    shortname = "wzacc",
    category = "wazzup",
    namespaced,
    status = "WazzupAccountStatus",
    derive = "PartialEq",
    doc = "One end-customer account at Wazzup: how to reach it, and who may keep channels in it."
)]
#[kube(printcolumn(
    name = "Ready",
    type_ = "string",
    json_path = ".status.conditions[?(@.type==\"Ready\")].status"
))]
#[kube(printcolumn(
    name = "Webhooks",
    type_ = "string",
    json_path = ".status.conditions[?(@.type==\"WebhooksSubscribed\")].reason"
))]
#[kube(printcolumn(name = "Channels", type_ = "integer", json_path = ".status.channels"))]
#[kube(printcolumn(name = "Managed", type_ = "integer", json_path = ".status.managed"))]
#[kube(printcolumn(name = "Unmanaged", type_ = "integer", json_path = ".status.unmanaged"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[kube(printcolumn(
    name = "Account",
    type_ = "string",
    json_path = ".status.remoteAccountId",
    priority = 1
))]
#[kube(printcolumn(
    name = "Message",
    type_ = "string",
    json_path = ".status.conditions[?(@.type==\"Ready\")].message",
    priority = 1
))]
#[kube(validation = ("size(self.metadata.name) <= 45", "metadata.name may have at most 45 characters, so that the names derived from it fit; choose a shorter name"))]
#[serde(rename_all = "camelCase")]
pub struct WazzupAccountSpec {
    /// How the operator gets a token: exactly one of clientToken, whiteLabel and oauth.
    pub auth: AccountAuth,

    /// The API's address. Only hosts on the operator's --allowed-api-hosts are ever called.
    #[serde(default = "default_api_url")]
    #[schemars(length(min = 8, max = 253))]
    #[x_kube(validation = ("isURL(self) && (url(self).getScheme() == 'https' || (url(self).getScheme() == 'http' && url(self).getHostname() in ['127.0.0.1', '::1']))", "spec.apiUrl must be an https URL, for example https://tech.wazzup24.com; plain http is only for 127.0.0.1 and [::1]"))]
    pub api_url: String,

    /// How events reach the operator.
    #[serde(default)]
    pub webhooks: AccountWebhooks,

    /// The regular look at all channels of the account.
    #[serde(default)]
    pub sync: AccountSync,

    /// How fast the operator may send requests for this account.
    #[serde(default)]
    pub rate_limit: RateLimit,

    /// Namespaces whose channels may use this account; empty means its own alone, "*" means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 256),
        inner(length(min = 1, max = 63), regex(pattern = "^(\\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$"))
    )]
    #[x_kube(merge_strategy = kube::core::ListMerge::Set)]
    pub allowed_namespaces: Vec<String>,

    /// Look only: nothing is written to Wazzup for this account and its channels; deletion still works.
    #[serde(default)]
    pub suspend: bool,
}

fn default_api_url() -> String {
    "https://tech.wazzup24.com".to_owned()
}

/// Exactly one way to get a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("[has(self.clientToken), has(self.whiteLabel), has(self.oauth)].filter(set, set).size() == 1", "spec.auth needs exactly one of clientToken, whiteLabel and oauth"))]
pub struct AccountAuth {
    /// A ready client_access_token that someone else rotates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<ClientToken>,
    /// Simplified authorization with the partner's e-mail and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub white_label: Option<WhiteLabel>,
    /// OAuth: a refresh token that the customer granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuth>,
}

/// A ready client_access_token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientToken {
    /// Where the token is.
    pub secret_ref: SecretKeyRef,
}

/// Simplified authorization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhiteLabel {
    /// The end-customer account's number, with or without the dash that the cabinet shows.
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[0-9]+(-[0-9]+)*$"))]
    pub account_id: String,
    /// Secret with the partner's `email` and `password`.
    pub partner_secret_ref: SecretRef,
}

/// OAuth refresh-token grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OAuth {
    /// The client id that Wazzup issued.
    #[schemars(length(min = 1, max = 256))]
    pub client_id: String,
    /// Secret with the partner's `email` and `password`.
    pub partner_secret_ref: SecretRef,
    /// Where the first refresh token is; it is only read, rotated ones are kept by the operator.
    pub token_secret_ref: SecretKeyRef,
}

/// How events reach the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountWebhooks {
    /// Who subscribes.
    #[serde(default)]
    pub mode: WebhooksMode,
}

/// Who subscribes to the account's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WebhooksMode {
    /// The operator subscribes and repairs the subscription.
    #[default]
    Managed,
    /// Somebody else routes events to the operator.
    External,
    /// Polling alone: everything works but the QR.
    Disabled,
    /// A value that a newer operator stored; read, never written.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// The regular look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountSync {
    /// How often, 10s to 24h, for example 60s or 5m; jittered.
    #[serde(default = "default_interval")]
    #[schemars(length(min = 2, max = 16), regex(pattern = "^([0-9]+(h|m|s))+$"))]
    #[x_kube(validation = ("duration(self) >= duration('10s') && duration(self) <= duration('24h')", "spec.sync.interval must be between 10s and 24h"))]
    pub interval: String,
}

fn default_interval() -> String {
    "60s".to_owned()
}

impl Default for AccountSync {
    fn default() -> Self {
        Self {
            interval: default_interval(),
        }
    }
}

/// How fast the operator may send requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Requests a second; twice as many may come in a burst.
    #[serde(default = "default_rate")]
    #[schemars(range(min = 1, max = 1000))]
    pub requests_per_second: i32,
}

const fn default_rate() -> i32 {
    20
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            requests_per_second: default_rate(),
        }
    }
}

/// What is known about an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WazzupAccountStatus {
    /// The generation of the spec that the rest of the status speaks of; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The account's number at Wazzup, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub remote_account_id: Option<String>,
    /// Keyed hash of what the token stems from by which the account was last listed; tells nothing about the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub token_hash: Option<String>,
    /// Ids of the operator's webhook rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 128)))]
    pub webhook_ids: Vec<String>,
    /// Channels that the account has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<i32>,
    /// Channels of it that an object holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<i32>,
    /// Channels of it that no object holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmanaged: Option<i32>,
    /// The first of them, to be adopted by spec.channelId.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub unmanaged_channels: Vec<UnmanagedChannel>,
    /// Ready, Authenticated, WebhooksSubscribed; Reconciling and Stalled while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = kube::core::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A channel that no object holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmanagedChannel {
    /// Its id.
    #[schemars(length(max = 128))]
    pub id: String,
    /// Its transport.
    #[schemars(length(max = 64))]
    pub transport: String,
    /// Its name or phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name: Option<String>,
    /// Its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub status: Option<String>,
}
