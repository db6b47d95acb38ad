//! The operator's program: parse arguments, run one command.

use std::process::ExitCode;

use clap::Parser;
use wazzup_operator::cli::{Args, execute};

#[tokio::main]
async fn main() -> ExitCode {
    execute(Args::parse()).await
}
