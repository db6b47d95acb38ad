//! A real Kubernetes control plane without containers: etcd, kube-apiserver and the controller manager as child processes.
//!
//! `programs` finds or builds them, `process` runs them so that they end with us however we end, `start` wires them up,
//! `clients` talks to them, `audit` counts what was written. Must never be linked into the operator.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test harness panics when it is misused, and says so in the message"
)]

mod audit;
mod clients;
mod error;
mod process;
mod programs;
mod start;
mod wait;

pub use audit::AuditEvent;
pub use error::Error;
pub use programs::{Programs, Tell};
pub use start::ControlPlane;
pub use wait::eventually;
