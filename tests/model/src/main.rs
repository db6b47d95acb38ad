//! `model-check [--short] [--bounded N] [TEXT]`: plays the lives of every scenario, or of those whose name holds TEXT.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;

use model_check::{Bounds, check};

const USAGE: &str = "model-check [--short] [--bounded N] [TEXT]

Plays every life of two channels within bounds against the planner and prints, for each scenario, how many states were
reached and what broke.
  --short      within the bounds of the tests (minutes; without it far longer, and tens of GiB)
  --bounded N  gives a scenario up after N states; without it a search that does not come to its end is a failure
  TEXT         only scenarios whose name holds it
";

fn main() -> ExitCode {
    let (mut bounds, mut matching, mut most) = (Bounds::Long, String::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            "--short" => bounds = Bounds::Short,
            "--bounded" => {
                most = arguments.next().and_then(|number| number.parse().ok());
                if most.is_none() {
                    eprint!("--bounded needs a number of states\n\n{USAGE}");
                    return ExitCode::from(2);
                }
            }
            flag if flag.starts_with('-') => {
                eprint!("model-check knows no {flag}\n\n{USAGE}");
                return ExitCode::from(2);
            }
            text => text.clone_into(&mut matching),
        }
    }
    let whole = check(bounds, &matching, most, |named, found| {
        println!("{}: {found}", named.name);
    });
    println!(
        "in all: {} states, {} transitions, {} broken laws",
        whole.states,
        whole.transitions,
        whole.violations.len()
    );
    if whole.states == 0 {
        eprintln!("no scenario's name holds '{matching}'");
    }
    let cut = !whole.complete && whole.violations.is_empty() && most.is_none();
    if cut {
        eprintln!("a search was given up before its end: nothing is known of the states that it did not reach");
    }
    ExitCode::from(u8::from(cut || !whole.violations.is_empty() || whole.states == 0))
}
