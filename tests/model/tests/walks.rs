//! Longer lives with more faults than a search can go through, each drawn from a tape of random bytes that shrinks.

#![allow(missing_docs, reason = "tests")]

use model_check::{Budget, Bug, Scenario, walk};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{FileFailurePersistence, RngSeed},
};
use wazzup_operator::model::Transport;

/// Everything may happen, more than once.
const STORM: Budget = Budget {
    ticks: 12,
    mishaps: 12,
    crashes: 4,
    aborts: 4,
    losses: 3,
    answers: 6,
    replays: 0,
    late: 0,
    lags: 4,
    lies: 1,
    fails: 4,
    strangers: 1,
    deletes: 1,
    leaves: 1,
    choices: 2,
    vanish: 1,
    rotations: 2,
    logins: 4,
};

/// The same, of a service that also commits late and takes a request twice.
const UNKIND: Budget = Budget {
    replays: 1,
    late: 1,
    ..STORM
};

fn life(transport: Transport, settled: bool, budget: Budget) -> Scenario {
    Scenario {
        transport,
        objects: 2,
        settled,
        password: transport == Transport::Tgapi,
        budget,
    }
}

/// A number of the environment.
fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

proptest! {
    #![proptest_config(ProptestConfig {
        // More of them, and others: PROPTEST_CASES=200000 SEED=7.
        cases: set("PROPTEST_CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(5_000),
        rng_seed: RngSeed::Fixed(set("SEED").unwrap_or(1)),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/walks.regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_long_life_breaks_no_law_and_comes_to_rest(
        tape in vec(any::<u8>(), 0..250),
        transport in prop_oneof![Just(Transport::Telegram), Just(Transport::Whatsapp), Just(Transport::Tgapi)],
        settled in any::<bool>(),
    ) {
        if let Err(violation) = walk(life(transport, settled, STORM), Bug::None, &tape) {
            prop_assert!(false, "{}", violation);
        }
    }

    #[test]
    fn a_long_life_with_a_service_that_keeps_no_promise_breaks_no_law_and_comes_to_rest(
        tape in vec(any::<u8>(), 0..250),
        transport in prop_oneof![Just(Transport::Telegram), Just(Transport::Whatsapp), Just(Transport::Tgapi)],
    ) {
        if let Err(violation) = walk(life(transport, false, UNKIND), Bug::None, &tape) {
            prop_assert!(false, "{}", violation);
        }
    }
}
