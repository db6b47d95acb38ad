//! The commands of the program.
//!
//! Owns arguments, logs and exit codes. Must never decide about a channel or an account.
//! Next: `controller::run` is what `run` runs.

mod args;
mod run;
mod telemetry;

pub use args::Args;
pub use run::execute;
