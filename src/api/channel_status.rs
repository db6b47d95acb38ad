//! The status of a `WazzupChannel`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

/// What is known about a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WazzupChannelStatus {
    /// The generation of the spec that the rest of the status speaks of; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The channel's id at Wazzup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub channel_id: Option<String>,
    /// `status` as Wazzup names it: active, init, disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub status: Option<String>,
    /// `reason` as Wazzup names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// Phone number; a bot's user name for bots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub phone: Option<String>,
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub username: Option<String>,
    /// The channel's identifier in the messenger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub messenger_id: Option<String>,
    /// The channel's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name: Option<String>,
    /// The channel's URL, or its authorization URL while it is connecting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub url: Option<String>,
    /// WABA messaging tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub tier: Option<String>,
    /// Price plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub tariff: Option<String>,
    /// The login QR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr: Option<QrStatus>,
    /// What budgets and every "once" are derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Attempts>,
    /// The last handled value of each request annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled: Option<Handled>,
    /// Ready, Connected, Synced; ActionRequired, Reconciling and Stalled while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = kube::core::ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The login QR.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct QrStatus {
    /// Name of the object that holds it, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub name: Option<String>,
    /// When it was last withdrawn: events older than this are not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<MicroTime>,
}

/// What budgets and every "once" are derived from; each is written before the call that it counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempts {
    /// Reinits since the channel was last active.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub reinits: i32,
    /// When the last of them was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reinit_at: Option<MicroTime>,
    /// When the last reinit was written down, while its answer is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reinit_unanswered: Option<MicroTime>,
    /// Hash of the credentials last sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub credentials_hash: Option<String>,
    /// Hash of the two-factor password last sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub two_factor_hash: Option<String>,
    /// Since when a QR is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr_since: Option<MicroTime>,
    /// The first look that showed nothing where something was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<MicroTime>,
    /// Whether two looks have agreed that the channel is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loss_believed: bool,
    /// The QR for which a pairing code was last asked, by the time of its event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing_asked_for: Option<MicroTime>,
    /// Whether a pairing code was given for the present login.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pairing_given: bool,
    /// When a login link was last put where a person reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_at: Option<MicroTime>,
    /// What the service refused last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedRequest>,
    /// The last request, when it failed and its pause is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setback: Option<FailedRequest>,
    /// A create without a clear answer: it was repeated, a channel was found for it, or a person was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_repeated: Option<RepeatedCreate>,
    /// Channels that turned up after that and may have come from that create; each was told once, none is touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 128)))]
    pub suspected_twins: Vec<String>,
}

/// A create without a clear answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepeatedCreate {
    /// When.
    pub at: MicroTime,
    /// Channels of that transport that were there before, or that a person was asked about: none of these is a twin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 320), inner(length(max = 128)))]
    pub known: Vec<String>,
}

/// A request that failed for the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedRequest {
    /// When.
    pub at: MicroTime,
    /// How often in a row.
    #[schemars(range(min = 0))]
    pub in_a_row: i32,
    /// What went wrong.
    #[schemars(length(max = 1024))]
    pub words: String,
}

/// A refusal by the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedRequest {
    /// Which request: create, reinit, twoFactor, pairingCode, link, delete.
    #[schemars(length(max = 32))]
    pub request: String,
    /// When.
    pub at: Time,
    /// The service's words.
    #[schemars(length(max = 1024))]
    pub words: String,
}

/// The last handled value of each request annotation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Handled {
    /// Of `wazzup24.com/reinit-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub reinit_requested_at: Option<String>,
    /// Of `wazzup24.com/sync-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sync_requested_at: Option<String>,
    /// Of `wazzup24.com/pairing-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub pairing_requested_at: Option<String>,
    /// Of `wazzup24.com/recreate-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub recreate_requested_at: Option<String>,
    /// Of `wazzup24.com/resolve-create`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub resolve_create: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(count: &i32) -> bool {
    *count == 0
}
