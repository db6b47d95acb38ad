//! The pass: observe, plan, act, report.
//!
//! Owns how a plan's inputs are gathered and its orders carried out, what wakes a pass, and who is asked how often. Must
//! never decide what is right for a channel or an account: that is `plan`'s, and an `if` over a status here is in the
//! wrong room.
//! Next: `channel` and `account` are one pass each; `run` builds the controllers.

mod account;
mod account_look;
mod account_status;
mod act;
mod caches;
mod call_log;
mod census;
mod channel;
mod claims;
mod context;
mod deletions;
mod desk;
mod desks;
mod grant;
mod hub;
mod inbox;
mod interval;
mod lanes;
mod observe;
mod partners;
mod payload;
mod pokes;
mod publish;
mod qr_desk;
mod queue;
mod recall;
mod run;
mod slots;
mod status;
mod supplies;
mod token;
mod validate;

pub use context::Options;
pub use run::{RunError, run};
pub use status::status;
pub use validate::wish;
