//! The words of the trade: what a channel, a transport, a status, a fault is.
//!
//! Owns values that are parsed once and then trusted. Must never know Kubernetes, HTTP, a clock or a runtime.
//! Next: `plan` decides over these values, `wazzup` reads them from the wire.

mod channel;
mod credentials;
mod fault;
mod ids;
mod qr;
mod sensitive;
mod transport;

pub use channel::{Reason, RemoteChannel, Status};
pub use credentials::Credentials;
pub use fault::{CreateOutcome, Fault, NotSent};
pub use ids::{ChannelId, InvalidId, Phone, RemoteAccountId};
pub use qr::{QrPayload, WebhookEvent, WebhookEventKind};
pub use sensitive::Sensitive;
pub use transport::{Login, Transport, UnknownTransport};
