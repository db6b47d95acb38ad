//! A stand-in for the Wazzup partner API, for tests, the demo and benchmarks; never linked into the operator.
//!
//! `world` is a pure state machine that answers requests and ticks; `server` puts it on a loopback port, sends its
//! webhooks, injects faults and keeps a journal. It follows the API documentation and not the operator's wishes: strict
//! about requests, mean in its answers. What it accepts that the real service would refuse is a defect.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test harness panics when it is misused, and says so in the message"
)]

pub mod faults;
pub mod journal;
mod picture;
mod sender;
mod server;
pub mod world;

pub use faults::{Effect, Fault};
pub use journal::{Entry, Journal, Sent};
pub use server::{Options, Simulator};
pub use world::{Dialect, Timings, World};
