//! Decisions, as pure functions over values.
//!
//! Owns what is done about a channel or an account, and how it is reported. Must never ask for anything: no Kubernetes,
//! no HTTP, no clock, no runtime, no log; time, chance and identity are arguments, and "could not look" is a value.
//! `seen` is all that can be known (`memory` the part that outlives a restart, `looks` what is asked for), `decision` all that can be done, `channel` the ladder between them, `settle` what an
//! answer changes, `report` what people are told (`reasons` the closed list),
//! `account` what an account needs (`account_goodbye` when it goes), `token` when to ask for one, `identity` whether it is still the same account's, `check` the laws that every plan obeys.
//! Next: `controller` observes and acts.

pub mod account;
mod account_goodbye;
mod account_seen;
mod account_tries;
mod channel;
mod check;
mod create;
mod decision;
mod gone;
mod goodbye;
pub mod identity;
mod login;
mod login_qr;
mod login_secret;
mod looks;
mod memory;
mod qr;
pub mod reasons;
mod report;
mod search;
mod seen;
mod setback;
mod settle;
mod timing;
pub mod token;
mod twins;
mod words;

#[cfg(test)]
mod tests;

pub use channel::plan;
pub use check::broken_law;
pub use decision::{Call, Need, Note, Plan, Progress, SinkOrder, Stall, Verdict, Wake};
pub use looks::{Known, needs_password};
pub use memory::{Memory, Refusal, RefusedCall, Setback};
pub use qr::{QrRuling, must_look_up_sink, rule_on_qr};
pub use report::{Fact, Mirror, Report, Standing, internal_error, report};
pub use seen::{
    Account, AccountTrouble, Claim, DeletionPolicy, ExternalDeletionPolicy, Intent, Kind, Look, Management, Object,
    ReadyWhen, ReinitPolicy, Remote, RemoteById, Requests, Seen, Sink, Supply, Webhooks, Wish,
};
pub use settle::{Answer, settle, was_there};
pub use timing::{Timing, after_conflicts};
pub use twins::{Repeated, watches};
