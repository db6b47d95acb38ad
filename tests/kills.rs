//! The operator is killed before, between and after each step of each flow: every point is played. One channel for each
//! object, none stuck, none orphaned in silence.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs, reason = "tests")]

use std::path::Path;

use campaigns::{
    Cell, Flow, Ground, Outcome,
    campaign::{Scale, crash},
    runner,
};

/// Lives of one test side by side. They wait more than they work; four tests run at once.
const AT_ONCE: usize = 12;
/// Those that wait out a grace of two minutes, or several; theirs is the first test by name, so that it begins first.
const PATIENT_AT_ONCE: usize = 64;

fn ground() -> Ground {
    Ground::find(Path::new(env!("CARGO_BIN_EXE_wazzup-operator")))
}

/// Prints what came of all cells. What not every run has may be missing in each of three tries: it is told, and is little.
async fn all_of(what: &str, cells: Vec<Cell>, at_once: usize, may_skip: usize) {
    let results = runner::run(cells, at_once, |line| {
        if line.starts_with("FAILED") {
            eprintln!("{line}");
        }
    })
    .await;
    let reached = results
        .iter()
        .filter(|result| result.outcome == Outcome::Passed)
        .count();
    eprintln!(
        "{what}: {reached} of {} reached and survived\n{}",
        results.len(),
        runner::table(&results)
    );
    runner::assert_passed(&results, may_skip);
}

async fn every_point_of(flows: &[Flow]) {
    every_point_side_by_side(flows, AT_ONCE).await;
}

async fn every_point_side_by_side(flows: &[Flow], at_once: usize) {
    let cells = crash::single(&ground(), flows, Scale::Test).await;
    let may_skip = cells.len() / 20;
    all_of(&format!("{flows:?}"), cells, at_once, may_skip).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_kill_lets_an_object_without_a_token_or_an_account_or_an_answer_delete_too_much_or_too_little() {
    every_point_side_by_side(&Flow::FAREWELLS, PATIENT_AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_kill_while_a_channel_is_made_or_made_again_makes_two_or_none() {
    every_point_of(&[Flow::CreateBot, Flow::Unresolved, Flow::Recreate]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_kill_while_a_person_logs_in_leaves_a_login_without_a_way_on() {
    every_point_of(&[
        Flow::LogInByQr,
        Flow::TwoFactor,
        Flow::Pairing,
        Flow::FollowLink,
        Flow::QrIdle,
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_kill_while_an_object_goes_orphans_its_channel_or_holds_the_object() {
    every_point_of(&[
        Flow::Delete,
        Flow::DeleteWithChats,
        Flow::Retain,
        Flow::Adopt,
        Flow::DeleteAccount,
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_kill_while_a_token_is_got_or_a_secret_rotates_leaves_an_account_or_a_channel_behind() {
    every_point_of(&[Flow::Rotate, Flow::Mint, Flow::Refresh]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_kill_at_a_start_or_around_the_lease_or_a_subscription_stops_the_next_process() {
    every_point_of(&[Flow::Start, Flow::Lease, Flow::HandOver, Flow::Resubscribe]).await;
}
