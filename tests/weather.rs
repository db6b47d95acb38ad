//! Parts of the fault campaigns on the Kubernetes side; `make campaigns` plays them whole. Which cells are played here is
//! drawn by a seed, which is printed.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::path::Path;

use campaigns::{
    Ground,
    campaign::{Scale, kubernetes, lifecycle, tenants, watches},
    runner,
};

/// Lives side by side: they wait more than they work.
const AT_ONCE: usize = 10;

fn seed() -> u64 {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    eprintln!("seed {seed}: another one is set by SEED=<number>");
    seed
}

fn ground() -> Ground {
    Ground::find(Path::new(env!("CARGO_BIN_EXE_wazzup-operator")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wrong_late_half_or_missing_answer_of_the_api_server_stops_a_flow_or_makes_two_channels() {
    let cells = kubernetes::cells(ground(), Scale::Test, seed()).await;
    let results = runner::run(cells, AT_ONCE, |line| eprintln!("{line}")).await;
    runner::assert_passed(&results, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_watch_that_lags_loses_repeats_or_breaks_off_leaves_an_object_behind() {
    let cells = watches::cells(ground(), Scale::Test, seed()).await;
    let results = runner::run(cells, AT_ONCE, |line| eprintln!("{line}")).await;
    runner::assert_passed(&results, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_and_goes_at_the_worst_time_ends_in_the_documented_condition() {
    let cells = lifecycle::cells(ground(), Scale::Test, seed()).await;
    let results = runner::run(cells, AT_ONCE, |line| eprintln!("{line}")).await;
    runner::assert_passed(&results, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tenants_flood_keeps_another_tenant_waiting_or_takes_unbounded_memory() {
    let cells = tenants::cells(ground(), Scale::Test).await;
    let results = runner::run(cells, 2, |line| eprintln!("{line}")).await;
    runner::assert_passed(&results, 0);
}
