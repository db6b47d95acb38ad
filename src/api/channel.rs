//! `WazzupChannel`: one channel.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretKeyRef, SecretRef, WazzupChannelStatus};

/// One messenger channel at Wazzup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "wazzup24.com",
    version = "v1alpha1",
    kind = "WazzupChannel",
    plural = "wazzupchannels",
    singular = "wazzupchannel",
    shortname = "wzch",
    category = "wazzup",
    namespaced,
    status = "WazzupChannelStatus",
    derive = "PartialEq",
    doc = "One messenger channel at Wazzup: created, kept connected and deleted as the spec says."
)]
#[kube(printcolumn(name = "Transport", type_ = "string", json_path = ".spec.transport"))]
#[kube(printcolumn(name = "Status", type_ = "string", json_path = ".status.status"))]
#[kube(printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"))]
#[kube(printcolumn(name = "Phone", type_ = "string", json_path = ".status.phone"))]
#[kube(printcolumn(
    name = "Ready",
    type_ = "string",
    json_path = ".status.conditions[?(@.type==\"Ready\")].status"
))]
#[kube(printcolumn(
    name = "Action",
    type_ = "string",
    json_path = ".status.conditions[?(@.type==\"ActionRequired\")].reason"
))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[kube(printcolumn(
    name = "Account",
    type_ = "string",
    json_path = ".spec.accountRef.name",
    priority = 1
))]
#[kube(printcolumn(name = "Channel", type_ = "string", json_path = ".status.channelId", priority = 1))]
#[kube(printcolumn(name = "Name", type_ = "string", json_path = ".status.name", priority = 1))]
#[kube(printcolumn(
    name = "Message",
    type_ = "string",
    json_path = ".status.conditions[?(@.type==\"Ready\")].message",
    priority = 1
))]
#[kube(validation = ("size(self.metadata.name) <= 60", "metadata.name may have at most 60 characters, so that the names derived from it fit; choose a shorter name"))]
#[kube(validation = ("!has(oldSelf.spec.channelId) || has(self.spec.channelId)", "spec.channelId cannot be removed once set; delete the object (deletionPolicy: Retain keeps the channel) and make a new one"))]
#[kube(validation = ("has(oldSelf.spec.channelId) || !has(self.spec.channelId) || !has(oldSelf.status) || !has(oldSelf.status.channelId) || self.spec.channelId == oldSelf.status.channelId", "spec.channelId set late must equal status.channelId; to adopt another channel, make a new object"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("(self.transport in ['telegram', 'maxbot', 'avito', 'instAPI']) ? has(self.credentialsSecretRef) : true", "spec.credentialsSecretRef is required for transport telegram, maxbot, avito and instAPI: name a Secret that holds the API's keys (telegram_token; access_token; code; username, page_id, inst_id, user_token)"))]
#[x_kube(validation = ("(self.transport in ['telegram', 'maxbot', 'avito', 'instAPI']) ? true : !has(self.credentialsSecretRef)", "spec.credentialsSecretRef is only for transport telegram, maxbot, avito and instAPI: remove it, a person connects this transport"))]
#[x_kube(validation = ("!has(self.managementPolicy) || self.managementPolicy != 'Observe' || has(self.channelId)", "spec.managementPolicy Observe needs spec.channelId: name the channel to observe"))]
#[x_kube(validation = ("!has(self.pairing) || self.transport == 'whatsapp'", "spec.pairing is only for transport whatsapp: remove it"))]
pub struct WazzupChannelSpec {
    /// The account in which the channel lives. Immutable.
    #[serde(default)]
    #[x_kube(validation = ("self == oldSelf", "spec.accountRef is immutable: delete the object and make a new one"))]
    pub account_ref: AccountRef,

    /// The channel type, as the API names it. Immutable.
    #[x_kube(validation = ("self == oldSelf", "spec.transport is immutable: delete the object and make a new one"))]
    pub transport: Transport,

    /// The Secret with what connects the channel, under the API's own key names: `telegram_token` (telegram); `access_token`
    /// (maxbot); `code` (avito); `username`, `page_id`, `inst_id`, `user_token` (instAPI). Forbidden for other transports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretRef>,

    /// Adopt this existing channel instead of creating one. Immutable once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    #[x_kube(validation = ("self == oldSelf", "spec.channelId is immutable: make a new object to adopt another channel"))]
    pub channel_id: Option<String>,

    /// `Full`: create, keep connected, delete. `Observe`: mirror only, nothing is ever written to Wazzup.
    #[serde(default)]
    pub management_policy: ManagementPolicy,

    /// What happens to the channel when this object is deleted; unset means Delete for a channel that the operator made and
    /// Retain for an adopted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// What happens when the channel is deleted at Wazzup; unset means Recreate where a Secret is all it takes and Stop where
    /// a person must log in again. An adopted channel is never made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_deletion_policy: Option<ExternalDeletionPolicy>,

    /// `Auto`: reinitialize a dropped channel within budgets. `OnRequest`: only by annotation.
    #[serde(default)]
    pub reinit_policy: ReinitPolicy,

    /// The messenger's two-factor password, submitted once per value and login when the service asks for it; unset means Secret
    /// `<channel>-2fa`, key `password`, if it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_factor_secret_ref: Option<SecretKeyRef>,

    /// Ask for a pairing code as soon as a QR arrives. Only for transport whatsapp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing: Option<Pairing>,

    /// Where the login QR is shown.
    #[serde(default)]
    pub qr: Qr,

    /// `Connected`: Ready means that the channel is active. `Provisioned`: Ready means that the channel exists as specified,
    /// whoever still has to log in.
    #[serde(default)]
    pub ready_when: ReadyWhen,

    /// Write nothing to Wazzup; deletion still works.
    #[serde(default)]
    pub suspend: bool,
}

/// The account of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRef {
    /// Name of a `WazzupAccount`.
    #[serde(default = "default_account")]
    #[schemars(length(min = 1, max = 45))]
    pub name: String,
    /// Its namespace; unset means the channel's own. The account must grant it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

fn default_account() -> String {
    "default".to_owned()
}

impl Default for AccountRef {
    fn default() -> Self {
        Self {
            name: default_account(),
            namespace: None,
        }
    }
}

/// Pairing by code instead of QR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pairing {
    /// The phone's number, digits only: 12345678901 for +1 (234) 567-8901.
    #[schemars(length(min = 5, max = 15), regex(pattern = "^[0-9]+$"))]
    pub phone: String,
}

/// Where the login QR is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Qr {
    /// The kind of object that holds the QR.
    #[serde(default)]
    pub sink: QrSink,
    /// Its name; unset means `<channel>-qr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: Option<String>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
            /// A value that a newer operator stored; read, never written.
            #[serde(other)]
            #[schemars(skip)]
            Unknown,
        }
    };
}

words! {
    /// A channel type.
    Transport {
        /// WhatsApp, by QR or pairing code.
        Whatsapp = "whatsapp",
        /// WhatsApp Business API (WABA), by link.
        Wapi = "wapi",
        /// Telegram bot, by token.
        Telegram = "telegram",
        /// Telegram personal account, by QR.
        Tgapi = "tgapi",
        /// Instagram API, by token.
        InstApi = "instAPI",
        /// Viber, by QR.
        Viber = "viber",
        /// Avito, by authorization code.
        Avito = "avito",
        /// MAX, by QR.
        Max = "max",
        /// MAX bot, by token.
        MaxBot = "maxbot",
        /// VKontakte, by iframe link.
        Vk = "vk",
    }
}

words! {
    /// How much of a channel is managed.
    ManagementPolicy {
        /// Create, keep connected, delete.
        Full = "Full",
        /// Mirror only.
        Observe = "Observe",
    }
}

words! {
    /// What happens to the channel when this object is deleted; unset means Delete for a channel that the operator made and
    /// Retain for an adopted one.
    DeletionPolicy {
        /// Delete the channel, keep its chats.
        Delete = "Delete",
        /// Delete the channel and its chats.
        DeleteWithChats = "DeleteWithChats",
        /// Leave the channel.
        Retain = "Retain",
    }
}

words! {
    /// What happens when the channel is deleted at Wazzup; unset means Recreate where a Secret is all it takes and Stop where
    /// a person must log in again. An adopted channel is never made again.
    ExternalDeletionPolicy {
        /// Make it again.
        Recreate = "Recreate",
        /// Ask a person.
        Stop = "Stop",
    }
}

words! {
    /// When a dropped channel is reinitialized.
    ReinitPolicy {
        /// By itself, within budgets.
        Auto = "Auto",
        /// By annotation only.
        OnRequest = "OnRequest",
    }
}

words! {
    /// The kind of object that holds the QR.
    QrSink {
        /// A ConfigMap.
        ConfigMap = "ConfigMap",
        /// A Secret.
        Secret = "Secret",
    }
}

words! {
    /// What Ready means.
    ReadyWhen {
        /// The channel is active.
        Connected = "Connected",
        /// The channel exists.
        Provisioned = "Provisioned",
    }
}

macro_rules! default_word {
    ($($name:ident::$variant:ident),+ $(,)?) => {
        $(impl Default for $name {
            fn default() -> Self {
                Self::$variant
            }
        })+
    };
}

default_word!(
    ManagementPolicy::Full,
    ReinitPolicy::Auto,
    QrSink::ConfigMap,
    ReadyWhen::Connected
);
