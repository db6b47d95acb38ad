//! Every short life of each scenario: no law breaks, and calm weather always leads to rest.

#![allow(missing_docs, reason = "tests")]

use model_check::{Bounds, check};

#[test]
fn no_short_life_breaks_a_law_and_each_comes_to_rest() {
    let whole = check(Bounds::Short, "", None, |named, found| {
        println!("{}: {found}", named.name);
    });
    println!("in all: {} states, {} transitions", whole.states, whole.transitions);
    assert!(whole.violations.is_empty(), "{}", whole.violations[0]);
    assert!(whole.complete, "a scenario has grown beyond what a test run can afford");
    assert!(whole.states > 100_000, "hardly anything was looked at");
}
