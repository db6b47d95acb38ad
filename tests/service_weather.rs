//! A part of three campaigns: what can come of a call to the service, odd sizes, and events as nobody promised them. Which
//! cells are played is drawn by a seed, which is printed; `make campaigns` plays all.

#![allow(clippy::print_stderr, missing_docs, reason = "tests")]

use std::path::Path;

use campaigns::{
    Ground,
    campaign::{self, Scale},
    runner,
};

/// Lives side by side.
const AT_ONCE: usize = 10;
/// A call that a flow did not need this time.
const MAY_SKIP: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn whatever_comes_of_a_call_and_whatever_is_sent_each_object_has_one_channel_and_a_true_status() {
    let set = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = set.unwrap_or(1);
    eprintln!("seed {seed}: another one is set by SEED=<number>");
    let ground = Ground::find(Path::new(env!("CARGO_BIN_EXE_wazzup-operator")));
    let mut cells = campaign::service::cells(ground.clone(), Scale::Test, seed).await;
    cells.extend(campaign::webhooks::cells(ground.clone(), Scale::Test, seed).await);
    cells.extend(campaign::sizes::cells(ground, Scale::Test, seed).await);
    let results = runner::run(cells, AT_ONCE, |line| eprintln!("{line}")).await;
    runner::assert_passed(&results, MAY_SKIP);
}
