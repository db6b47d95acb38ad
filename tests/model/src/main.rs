//! `model-check [--short] [TEXT]`: plays the lives of every scenario, or of those whose name holds TEXT.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;

use model_check::{Bounds, check};

const USAGE: &str = "model-check [--short] [TEXT]

Plays every life of two channels within bounds against the planner and prints, for each scenario, how many states were
reached and what broke.
  --short   within the bounds of the tests (half a minute; without it far longer)
  TEXT      only scenarios whose name holds it
";

fn main() -> ExitCode {
    let (mut bounds, mut matching) = (Bounds::Long, String::new());
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            "--short" => bounds = Bounds::Short,
            flag if flag.starts_with('-') => {
                eprint!("model-check knows no {flag}\n\n{USAGE}");
                return ExitCode::from(2);
            }
            text => text.clone_into(&mut matching),
        }
    }
    let whole = check(bounds, &matching, |named, found| println!("{}: {found}", named.name));
    println!(
        "in all: {} states, {} transitions, {} broken laws",
        whole.states,
        whole.transitions,
        whole.violations.len()
    );
    if whole.states == 0 {
        eprintln!("no scenario's name holds '{matching}'");
    }
    ExitCode::from(u8::from(!whole.violations.is_empty() || whole.states == 0))
}
