//! What a webhook tells about a channel.

use jiff::Timestamp;

use super::{ChannelId, Sensitive};

/// `qr_code` of a `channel.qr_update` event, as delivered: a `data:image/png;base64,…` URI or a plain text code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrPayload {
    /// The text as delivered.
    pub code: Sensitive<String>,
    /// `meta.timestamp` of the event.
    pub at: Timestamp,
}

/// What an event says has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookEventKind {
    /// `channel.status_update`, `channel.create`, `channel.delete`, `channel.waba_tier_update`: look again.
    Changed,
    /// `channel.qr_update`: the only payload that cannot be read again.
    Qr(QrPayload),
}

/// One item of a webhook's `data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The channel.
    pub channel_id: ChannelId,
    /// `meta.timestamp`, seconds or milliseconds on the wire; the time of receipt when absent.
    pub at: Timestamp,
    /// `meta.idempotency_key`.
    pub idempotency_key: Option<String>,
    /// What happened.
    pub kind: WebhookEventKind,
}
