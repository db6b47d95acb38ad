//! Two replicas of the operator's own program: one acts, whatever happens to it; events take effect whoever receives them.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::path::Path;

use campaigns::{
    Ground,
    campaign::{Scale, replicas, replicas_stories},
    runner,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_two_replicas_one_acts_and_every_event_takes_effect_whatever_happens_to_the_leader() {
    let ground = Ground::find(Path::new(env!("CARGO_BIN_EXE_wazzup-operator")));
    let mut cells = replicas::cells(&ground, Scale::Test).await;
    cells.extend(replicas::kills(&ground, Scale::Test).await);
    cells.extend(replicas_stories::cells(&ground, Scale::Test));
    let results = runner::run(cells, 12, |_| {}).await;
    runner::assert_passed(&results, 0);
}
