//! C1m: the operator is killed many times at steps by chance while it works off a backlog of objects of all transports.

use std::time::Duration;

use super::Scale;
use crate::{Cell, Chance, Fault, Ground, Life, Moment, Outcome, Rule, Setting, crowd::Crowd, life::ACCOUNT, oracle};

/// Runs over a large backlog, where much is under way at once. One takes about 40 s of processor time, most of it the API
/// server's, for the operator's own three thousand calls: all of them keep two cores for more than an hour.
const LARGE_RUNS: u64 = 200;
/// Runs over a small one, where a kill is as likely to hit each kind of step. One takes 4 s.
const SMALL_RUNS: u64 = 100;
/// Runs in a test.
const TEST_RUNS: u64 = 2;
/// A small backlog has so many objects.
const SMALL: (usize, usize) = (15, 30);
/// A large one has.
const LARGE: usize = 300;
/// The operator is killed so often.
const KILLS: (usize, usize) = (5, 15);
/// An object is made in about so many steps.
const STEPS: usize = 5;
/// Below what a cell may take, above several graces in a row.
const PATIENCE: Duration = Duration::from_secs(480);

async fn run(ground: &Ground, mut chance: Chance, size: usize) -> Outcome {
    let crowd = Crowd::of(size, &mut chance);
    let kills = chance.between(KILLS.0, KILLS.1);
    // The last kill comes before the backlog is worked off.
    let widest = (size * STEPS / kills).max(1);
    let rules = (0..kills).map(|_| Rule::step(chance.between(1, widest), Fault::Kill(*chance.pick(&Moment::ALL))));
    let rules = rules.collect();
    let life = Life::begin(ground, "many", Setting::default()).await;
    life.account().await;
    crowd.apply(&life).await;
    life.wire.rules_in_turn(rules);
    life.start();
    let orphans = crowd.settle(&life, PATIENCE).await;
    let told: Vec<String> = orphans.iter().map(|channel| crowd.describe(channel)).collect();
    assert!(
        told.is_empty(),
        "at the service, and nobody's, of account {ACCOUNT}: {told:?}\n{}",
        life.log_text()
    );
    assert_eq!(crowd.swapped(&life).await, Vec::<String>::new(), "{}", life.log_text());
    crowd.assert_deleted_only_what_left(&life);
    oracle::assert_intent_before_create(&life, size);
    oracle::assert_status_is_true(&life).await;
    oracle::assert_sound(&life);
    let struck = life.wire.struck();
    if struck >= KILLS.0 {
        Outcome::Passed
    } else {
        Outcome::Skipped(format!("only {struck} of {kills} kills before all was done"))
    }
}

/// The cells of the campaign.
pub fn cells(ground: &Ground, scale: Scale, seed: u64) -> Vec<Cell> {
    let (small, large) = match scale {
        Scale::Test => (TEST_RUNS, 0),
        Scale::Full => (SMALL_RUNS, LARGE_RUNS),
    };
    (0..large + small)
        .map(|number| {
            let ground = ground.clone();
            let mut chance = Chance::of(seed, number);
            let size = if number < large {
                LARGE
            } else {
                chance.between(SMALL.0, SMALL.1)
            };
            let name = format!("run {number}: {size} objects");
            let cell = Cell::new("C1m", name, move || async move { run(&ground, chance, size).await });
            // It waits for its own rests first, which say what is missing.
            cell.within(Duration::from_secs(1_500))
        })
        .collect()
}
