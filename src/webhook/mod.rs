//! What Wazzup tells us by itself.
//!
//! Owns how a delivery is read (`parse`), received (`serve`) and told from one that came before
//! (`dedupe`). Must never decide what an event leads to, keep an event, log a path (it holds a token), or believe an
//! event's word where the service can be asked: only the QR exists nowhere else.
//! Next: the [`Inbox`] that takes the events; `qr` for what becomes of a QR payload.

mod dedupe;
mod parse;
mod serve;

pub use dedupe::Dedupe;
pub use parse::{NotJson, Parsed, Skipped, parse};
pub use serve::{Delivery, Inbox, Limits, Receipt, same_token, serve, serve_within};
