//! The short run: the whole corpus, then seeded mutations of it. `make fuzz` is the long one.
//!
//! `FUZZ_SEED` draws other mutations than the usual ones, `FUZZ_RUNS` says how many for each target, `FUZZ_TARGET`
//! names a single target, `FUZZ_ALSO` a folder with more inputs for it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

use std::{
    collections::BTreeSet,
    env, fs,
    panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind},
};

use wazzup_fuzz::{
    TARGETS, Target, corpus,
    limits::{self, Cost},
    mutate::{Dice, mutated},
};

fn asked(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |asked| asked.parse().unwrap())
}

/// Runs a target over one input; one that it does not stand is kept, to be looked at and to go into the corpus.
fn stands(target: &Target, input: &[u8], what: &str) -> Cost {
    catch_unwind(AssertUnwindSafe(|| limits::check(target, input))).unwrap_or_else(|cause| {
        let kept = env::temp_dir().join(format!("wazzup-fuzz-{}", target.name));
        fs::write(&kept, input).unwrap();
        println!(
            "{}: {what} is not stood; the input is in {}",
            target.name,
            kept.display()
        );
        resume_unwind(cause)
    })
}

#[test]
fn every_target_stands_its_corpus_and_seeded_mutations_of_it() {
    let (seed, runs) = (asked("FUZZ_SEED", 1), asked("FUZZ_RUNS", 500));
    let chosen = env::var("FUZZ_TARGET").ok();
    println!("FUZZ_SEED={seed} FUZZ_RUNS={runs}");
    for target in TARGETS
        .iter()
        .filter(|target| chosen.as_deref().is_none_or(|name| name == target.name))
    {
        let inputs = corpus::inputs(target.name).unwrap();
        let more = env::var("FUZZ_ALSO").map_or_else(|_| Vec::new(), |folder| corpus::inputs_in(&folder).unwrap());
        let mut dearest = Cost::default();
        let mut note = |cost: Cost| {
            dearest.time = dearest.time.max(cost.time);
            dearest.memory = dearest.memory.max(cost.memory);
        };
        for (name, input) in inputs.iter().chain(&more) {
            note(stands(target, input, name));
        }
        let mut dice = Dice::new(seed);
        let runs = runs / target.weight;
        for run in 0..runs {
            let (name, input) = &inputs[dice.below(inputs.len())];
            let (_, other) = &inputs[dice.below(inputs.len())];
            let input = mutated(&mut dice, input, other, target.words);
            note(stands(
                target,
                &input,
                &format!("run {run} of seed {seed}, made of {name},"),
            ));
        }
        println!(
            "{:12} {:3} inputs, {} more, {runs} mutations; at most {:?} and {} KiB for one",
            target.name,
            inputs.len(),
            more.len(),
            dearest.time,
            dearest.memory >> 10
        );
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folders: BTreeSet<String> = fs::read_dir(corpus::folder(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(folders, names);
    for target in TARGETS {
        let inputs = corpus::inputs(target.name).unwrap();
        assert!(inputs.len() > 5, "{} has hardly any inputs", target.name);
        for (name, input) in inputs {
            assert!(input.len() <= 64 << 10, "{}/{name} is not small", target.name);
        }
    }
}

#[test]
fn the_same_seed_draws_the_same_mutations() {
    let draw = |seed| {
        let mut dice = Dice::new(seed);
        (0..50)
            .map(|_| mutated(&mut dice, b"{\"a\":1}", b"[2]", &[b"word"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[test]
fn a_target_that_takes_too_much_memory_or_breaks_a_promise_is_caught() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let caught = |run: fn(&[u8])| {
        let target = Target {
            name: "faulty",
            run,
            words: &[],
            weight: 1,
        };
        catch_unwind(|| limits::check(&target, b"x")).is_err()
    };
    let greedy = caught(|input| {
        std::hint::black_box(vec![input[0]; limits::LARGEST + 1]);
    });
    let broken = caught(|input| assert!(input.is_empty()));
    let fair = caught(|input| assert!(!input.is_empty()));
    panic::set_hook(usual);
    assert!(greedy && broken && !fair);
}
