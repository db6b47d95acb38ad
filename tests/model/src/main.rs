//! The campaign: every scenario within the long bounds (`--short`: within those of the tests).

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::process::ExitCode;

use model_check::{Bounds, check};

fn main() -> ExitCode {
    let short = std::env::args().any(|argument| argument == "--short");
    let bounds = if short { Bounds::Short } else { Bounds::Long };
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    if let Some(only) = only {
        for named in model_check::scenarios(bounds)
            .iter()
            .filter(|named| named.name.contains(&only))
        {
            println!(
                "{}: {}",
                named.name,
                model_check::search(named.scenario, model_check::Bug::None, 1_500_000)
            );
        }
        return ExitCode::SUCCESS;
    }
    let whole = check(bounds, |named, found| println!("{}: {found}", named.name));
    println!(
        "in all: {} states, {} transitions, {} broken laws",
        whole.states,
        whole.transitions,
        whole.violations.len()
    );
    ExitCode::from(u8::from(!whole.violations.is_empty()))
}
