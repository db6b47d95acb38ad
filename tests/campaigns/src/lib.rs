//! Fault campaigns: the operator's own program, unchanged, between two proxies that record and harm what passes.
//!
//! `ground` is a control plane with the CRDs; `life` one namespace with a service, the proxies and one or more replicas;
//! `front` is the address of all replicas; `proxy` records every message and does to it what a rule says; `operator` is a
//! process that can be killed or stopped; `clock` is what it takes for the time of day; `flow` plays what people do with one
//! object and `crowd` with many, `cabinet` holds channels that are none of theirs; `oracle` judges what is left, and
//! `secrecy` searches it for secrets whenever a life ends; `cell` is one run with a verdict, `runner` runs many of them and
//! prints the table; `campaign` has one file for each campaign. Must never be linked into the operator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a test harness panics when it is misused or a promise is broken, and measures real time"
)]
#![allow(
    clippy::cast_precision_loss,
    reason = "a figure for people needs no more than 52 bits"
)]
#![allow(
    clippy::unused_async,
    clippy::unnecessary_wraps,
    reason = "makers of cells, and of harms, have one shape"
)]

mod cabinet;
pub mod campaign;
pub mod cell;
pub mod chance;
pub mod clock;
pub mod crowd;
pub mod flow;
pub mod front;
mod grants;
pub mod ground;
pub mod life;
pub mod operator;
pub mod oracle;
mod patience;
pub mod port;
pub mod proxy;
pub mod runner;
mod seat;
pub mod secrecy;
mod sight;

pub use cell::{Cell, Outcome};
pub use chance::Chance;
pub use clock::Skew;
pub use flow::Flow;
pub use front::Front;
pub use ground::{Ground, established};
pub use life::{Life, Setting};
pub use proxy::{Fault, Message, Moment, Rule, Side, Wire};
