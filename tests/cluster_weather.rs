//! A part of six campaigns: what the API server can answer, how watches are harmed, what comes and goes at the worst time,
//! rows of kills, wrong clocks, and all of it by chance. Which cells are played is drawn by a seed, which is printed;
//! `make campaigns` plays all.

#![allow(clippy::print_stderr, missing_docs, reason = "tests")]

use std::path::Path;

use campaigns::{
    Ground,
    campaign::{self, Scale},
    runner,
};

/// Lives side by side: they wait more than they work.
const AT_ONCE: usize = 10;
/// A call that a flow did not need this time.
const MAY_SKIP: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn whatever_the_api_server_answers_and_its_watches_tell_each_object_has_one_channel_and_a_true_status() {
    let set = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = set.unwrap_or(1);
    eprintln!("seed {seed}: another one is set by SEED=<number>");
    let ground = Ground::find(Path::new(env!("CARGO_BIN_EXE_wazzup-operator")));
    let mut cells = campaign::kubernetes::cells(ground.clone(), Scale::Test, seed).await;
    cells.extend(campaign::watches::cells(&ground, Scale::Test, seed));
    cells.extend(campaign::lifecycle::cells(&ground, Scale::Test, seed));
    cells.extend(campaign::many::cells(&ground, Scale::Test, seed));
    cells.extend(campaign::clocks::cells(&ground, Scale::Test, seed));
    cells.extend(campaign::storm::cells(&ground, Scale::Test, seed));
    let results = runner::run(cells, AT_ONCE, |line| eprintln!("{line}")).await;
    runner::assert_passed(&results, MAY_SKIP);
}
