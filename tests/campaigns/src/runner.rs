//! Runs cells side by side, tells how far it is, and prints one table at the end.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};

use crate::{Cell, Outcome};

/// So the reason begins for which a cell was skipped whose place not every run has.
pub const BY_CHANCE: &str = "not every run has it";

/// What came of one cell.
#[derive(Debug, Clone)]
pub struct Result {
    /// Its campaign.
    pub campaign: &'static str,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// Runs all cells, `at_once` side by side, then those that run alone; `tell` gets a line of progress now and then.
pub async fn run(cells: Vec<Cell>, at_once: usize, tell: impl Fn(&str)) -> Vec<Result> {
    run_keeping(cells, at_once, tell, |_| {}).await
}

/// The same; `keep` gets all results so far after each cell, so that an hour's work outlives an interruption.
pub async fn run_keeping(
    cells: Vec<Cell>,
    at_once: usize,
    tell: impl Fn(&str),
    keep: impl Fn(&[Result]),
) -> Vec<Result> {
    let (all, begun) = (cells.len(), Instant::now());
    let (alone, beside): (Vec<Cell>, Vec<Cell>) = cells.into_iter().partition(|cell| cell.alone);
    let beside = stream::iter(beside).map(played).buffer_unordered(at_once);
    let mut running = std::pin::pin!(beside.chain(stream::iter(alone).then(played)));
    let mut results: Vec<Result> = Vec::with_capacity(all);
    while let Some(result) = running.next().await {
        if let Outcome::Failed(why) = &result.outcome {
            tell(&format!("FAILED {} {}: {why}", result.campaign, result.name));
        }
        results.push(result);
        keep(&results);
        let failed = count(&results, |outcome| matches!(outcome, Outcome::Failed(_)));
        tell(&format!(
            "{}/{all} cells, {failed} failed, {} s",
            results.len(),
            begun.elapsed().as_secs()
        ));
    }
    results.sort_by(|one, other| (one.campaign, &one.name).cmp(&(other.campaign, &other.name)));
    results
}

async fn played(cell: Cell) -> Result {
    let (campaign, name, begun) = (cell.campaign, cell.name.clone(), Instant::now());
    let outcome = cell.play().await;
    Result {
        campaign,
        name,
        outcome,
        took: begun.elapsed(),
    }
}

fn count(results: &[Result], of: impl Fn(&Outcome) -> bool) -> usize {
    results.iter().filter(|result| of(&result.outcome)).count()
}

/// The table of all campaigns, then every figure, every failure and the reasons of what was skipped.
pub fn table(results: &[Result]) -> String {
    let mut campaigns: BTreeMap<&str, Vec<&Result>> = BTreeMap::new();
    for result in results {
        campaigns.entry(result.campaign).or_default().push(result);
    }
    let mut text = String::from(
        "| campaign | cells | passed | failed | skipped | longest |\n| --- | --: | --: | --: | --: | --: |\n",
    );
    let mut row = |name: &str, results: &[&Result]| {
        let of = |wanted: fn(&Outcome) -> bool| results.iter().filter(|result| wanted(&result.outcome)).count();
        let longest = results.iter().map(|result| result.took.as_secs()).max().unwrap_or(0);
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {longest} s |",
            results.len(),
            of(|outcome| matches!(outcome, Outcome::Passed | Outcome::Told(_))),
            of(|outcome| matches!(outcome, Outcome::Failed(_))),
            of(|outcome| matches!(outcome, Outcome::Skipped(_))),
        );
    };
    for (name, results) in &campaigns {
        row(name, results);
    }
    row("all", &results.iter().collect::<Vec<_>>());
    for result in results {
        match &result.outcome {
            Outcome::Passed => {}
            Outcome::Told(figure) => {
                let _ = writeln!(text, "\n{} {}: {figure}", result.campaign, result.name);
            }
            Outcome::Failed(why) => {
                let _ = writeln!(
                    text,
                    "\nfailed: {} {}: {}",
                    result.campaign,
                    result.name,
                    first_line(why)
                );
            }
            Outcome::Skipped(why) => {
                let _ = writeln!(
                    text,
                    "\nskipped: {} {}: {}",
                    result.campaign,
                    result.name,
                    first_line(why)
                );
            }
        }
    }
    text
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

/// For a test: all cells passed, or a panic that lists those that did not. `may_skip` says how many may be skipped, beside
/// those whose place comes by chance; of these, a quarter of all.
pub fn assert_passed(results: &[Result], may_skip: usize) {
    let skipped_if = |wanted: bool| {
        count(
            results,
            |outcome| matches!(outcome, Outcome::Skipped(why) if why.starts_with(BY_CHANCE) == wanted),
        )
    };
    let (skipped, missing) = (skipped_if(false), skipped_if(true));
    let failed = count(results, |outcome| matches!(outcome, Outcome::Failed(_)));
    assert!(!results.is_empty(), "nothing was run");
    let mut words = String::new();
    for result in results {
        if let Outcome::Failed(why) = &result.outcome {
            let _ = writeln!(words, "{} {}: {why}", result.campaign, result.name);
        }
    }
    assert!(failed == 0, "{failed} of {} cells failed\n{words}", results.len());
    assert!(skipped <= may_skip, "{skipped} cells were skipped:\n{}", table(results));
    let most = results.len() / 4;
    assert!(missing <= most, "{missing} cells never came:\n{}", table(results));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_runs_alone_runs_after_all_others() {
        let cells = vec![
            Cell::new("A", "measures", || async { Outcome::Passed }).alone(),
            Cell::new("A", "waits", || async {
                tokio::task::yield_now().await;
                Outcome::Passed
            }),
        ];
        let order = std::sync::Mutex::new(Vec::new());
        let keep = |results: &[Result]| order.lock().unwrap().push(results.last().unwrap().name.clone());
        run_keeping(cells, 2, |_| {}, keep).await;
        assert_eq!(*order.lock().unwrap(), ["waits", "measures"]);
    }

    #[test]
    fn a_test_bears_what_comes_by_chance_only_while_most_came() {
        let judged = |chance: usize, other: usize, passed: usize| {
            let skipped = |why: String| Outcome::Skipped(why);
            let chance = (0..chance).map(|_| skipped(format!("{BY_CHANCE}: thrice")));
            let other = (0..other).map(|_| skipped("no way here".to_owned()));
            let outcomes = chance.chain(other).chain((0..passed).map(|_| Outcome::Passed));
            let results: Vec<Result> = outcomes
                .map(|outcome| Result {
                    campaign: "A",
                    name: "a cell".to_owned(),
                    outcome,
                    took: Duration::ZERO,
                })
                .collect();
            std::panic::catch_unwind(|| assert_passed(&results, 1)).is_ok()
        };
        assert!(judged(2, 1, 5));
        assert!(!judged(0, 2, 6), "one may be skipped");
        assert!(!judged(3, 0, 5), "a quarter is two");
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_a_skipped_cell_is_no_success_and_a_figure_is_told() {
        let cells = vec![
            Cell::new("A", "good", || async { Outcome::Passed }),
            Cell::new("A", "bad", || async { panic!("broken promise") }),
            Cell::new("C", "counts", || async { Outcome::Told("7 states".into()) }),
            Cell::new("B", "aside", || async { Outcome::Skipped("no way here".into()) }),
        ];
        let results = run(cells, 2, |_| {}).await;
        let table = table(&results);
        assert!(table.contains("| A | 2 | 1 | 1 | 0 |"), "{table}");
        assert!(table.contains("| B | 1 | 0 | 0 | 1 |"), "{table}");
        assert!(table.contains("| C | 1 | 1 | 0 | 0 |"), "{table}");
        assert!(table.contains("C counts: 7 states"), "{table}");
        assert!(table.contains("failed: A bad: broken promise"), "{table}");
        assert!(table.contains("skipped: B aside: no way here"), "{table}");
    }
}
