//! The two kinds as Kubernetes sees them: `WazzupAccount` and `WazzupChannel`.
//!
//! Owns the schemas, the columns, the rules whose message says how to mend a manifest, and every name that is written
//! into a cluster. Must never decide anything: rules over values live in `plan`.
//! Next: `controller::validate` turns a spec into what the planner understands.

#![allow(
    unreachable_pub,
    reason = "the schema derive copies public types into hidden functions"
)]
#![allow(
    clippy::doc_markdown,
    reason = "these comments are the descriptions that kubectl explain shows"
)]

mod account;
mod channel;
mod channel_status;
mod condition;
pub mod crd;
pub mod names;
mod shared;

pub use account::{
    AccountAuth, AccountSync, AccountWebhooks, ClientToken, OAuth, RateLimit, UnmanagedChannel, WazzupAccount,
    WazzupAccountSpec, WazzupAccountStatus, WebhooksMode, WhiteLabel,
};
pub use channel::{
    AccountRef, DeletionPolicy, ExternalDeletionPolicy, ManagementPolicy, Pairing, Qr, QrSink, ReadyWhen, ReinitPolicy,
    Transport, WazzupChannel, WazzupChannelSpec,
};
pub use channel_status::{
    Attempts, FailedRequest, Handled, QrStatus, RefusedRequest, RepeatedCreate, WazzupChannelStatus,
};
pub use condition::{Condition, condition, merge};
pub use shared::{SecretKeyRef, SecretRef};
