//! C9, C11, C14, C15: what other programs of the repository show, run by the commands that anybody would type. They work with
//! both cores and have their own control planes, so that each runs alone.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use super::Scale;
use crate::{Cell, Outcome, ground::ROOT};

/// Longer than any of them takes on two cores, building included.
const PATIENCE: Duration = Duration::from_secs(45 * 60);
/// What ends a command with all that it started, before the patience is over.
const TIMEOUT: [&str; 2] = ["--kill-after=10", "44m"];
/// Mutants are judged in so many shards; a run takes the one that its seed says.
const SHARDS: u64 = 12;
/// What is in the line that counts them.
const MUTANTS: &str = " mutants: ";

/// A test program, what it shows, and which of its lines holds a figure.
type Test = (&'static str, &'static str, Option<&'static str>);

const SECRECY: &[Test] = &[
    ("secrecy", "a secret is found wherever one could be told", None),
    (
        "rights",
        "under the shipped rights, in both modes, nothing is denied, granted in vain or told",
        None,
    ),
    ("addresses", "an address in a manifest or an answer leads nowhere", None),
];

const MODEL: &[Test] = &[
    (
        "every_life",
        "no short life of two channels breaks a law, and each comes to rest",
        Some("in all: "),
    ),
    ("bugs", "each defect that is put in is caught", Some(" defects caught")),
    ("walks", "no longer life by chance breaks a law", None),
];

/// The cells of C9: secrecy (C9a), addresses (C9b), rights (C9c). That no secret is told is searched at the end of each
/// life of every campaign besides.
pub fn secrecy(scale: Scale) -> Vec<Cell> {
    tests("C9", SECRECY, scale)
}

/// The cells of C11.
pub fn model(scale: Scale) -> Vec<Cell> {
    tests("C11", MODEL, scale)
}

fn tests(campaign: &'static str, tests: &'static [Test], scale: Scale) -> Vec<Cell> {
    // They are tests themselves.
    let wanted = tests.iter().filter(|_| scale == Scale::Full);
    let cells = wanted.map(|(name, what, figure)| {
        Cell::new(campaign, format!("{name}: {what}"), move || async move {
            let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
            let mut command = bounded(&cargo);
            command.args(["test", "--workspace", "--locked", "--test", name, "--", "--nocapture"]);
            let figure = figure.unwrap_or("test result: ok. ");
            ran(command, |line| line.contains(figure)).await
        })
        .alone()
        .within(PATIENCE)
    });
    cells.collect()
}

/// The cells of C14: each reader is fuzzed for a minute, guided by coverage.
pub fn fuzz(scale: Scale) -> Vec<Cell> {
    let mut targets: Vec<String> = std::fs::read_dir(format!("{ROOT}/tests/fuzz/corpus"))
        .unwrap()
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    targets.sort();
    let wanted = targets.into_iter().filter(|_| scale == Scale::Full);
    let cells = wanted.map(|target| {
        Cell::new("C14", format!("{target}: a minute of libFuzzer"), move || async move {
            let compiler = Command::new("c++").arg("--version").output();
            if !compiler.is_ok_and(|compiler| compiler.status.success()) {
                return Outcome::Skipped("there is no C++ compiler".to_owned());
            }
            let mut command = bounded("tests/fuzz/run");
            command.env("TARGETS", &target).env("MINUTES", "1");
            ran(command, |line| line.starts_with(&target)).await
        })
        .alone()
        .within(PATIENCE)
    });
    cells.collect()
}

/// The cell of C15: the planner's tests notice the small changes of a shard. `make mutants` judges all.
pub fn mutants(scale: Scale, seed: u64) -> Vec<Cell> {
    let shard = format!("{}/{SHARDS}", seed % SHARDS);
    let name = format!("shard {shard} of the planner's mutants is noticed");
    let cell = Cell::new("C15", name, move || async move {
        let mut command = bounded("tests/plan-alone/run");
        command.env("SHARD", shard);
        ran(command, |line| line.contains(MUTANTS)).await
    });
    let wanted = (scale == Scale::Full).then(|| cell.alone().within(PATIENCE));
    wanted.into_iter().collect()
}

fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(TIMEOUT).arg(program);
    command
}

/// Runs a command at the repository's root; the last line that is a figure is kept. Without one it has shown nothing.
async fn ran(mut command: Command, is_figure: impl Fn(&str) -> bool) -> Outcome {
    command.current_dir(ROOT).stdin(Stdio::null());
    let output = match tokio::task::spawn_blocking(move || command.output()).await.unwrap() {
        Ok(output) => output,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let out = String::from_utf8_lossy(&output.stdout);
    let figure = out.lines().rfind(|line| is_figure(line)).map(squeezed);
    if let (true, Some(figure)) = (output.status.success(), &figure) {
        return Outcome::Told(figure.clone());
    }
    let all = format!("{out}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = all.lines().collect();
    let tail = lines[lines.len().saturating_sub(60)..].join("\n");
    let figure = figure.unwrap_or_else(|| "no figure".to_owned());
    Outcome::Failed(format!("{}; {figure}\n{tail}", output.status))
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(script: &str) -> Command {
        let mut command = bounded("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_command_tells_its_last_figure_and_one_without_a_figure_or_with_a_failure_has_failed() {
        let figure = |line: &str| line.starts_with("in all");
        let told = ran(says("echo in all: 1; echo 'in all:   2 states'; echo end"), figure).await;
        assert_eq!(told, Outcome::Told("in all: 2 states".to_owned()));
        let silent = ran(says("echo nothing"), figure).await;
        assert!(matches!(silent, Outcome::Failed(why) if why.contains("no figure") && why.contains("nothing")));
        let failed = ran(says("echo in all: 3; echo why >&2; exit 3"), figure).await;
        assert!(matches!(failed, Outcome::Failed(why) if why.contains("in all: 3") && why.contains("why")));
        let long = ran(says("echo in all: 4; seq 900 1000; exit 1"), figure).await;
        assert!(
            matches!(long, Outcome::Failed(why) if why.contains("in all: 4") && why.contains("\n1000") && !why.contains("900"))
        );
        let missing = ran(bounded("no-such-program"), figure).await;
        assert!(matches!(missing, Outcome::Failed(_)));
        let at_the_root = ran(says("ls tests/fuzz/run tests/plan-alone/run"), |line| {
            line.ends_with("run")
        })
        .await;
        assert_eq!(at_the_root, Outcome::Told("tests/plan-alone/run".to_owned()));
    }

    #[tokio::test]
    async fn a_command_has_a_time_limit_that_is_over_before_its_cell_gives_up() {
        let parent = ran(says("echo in all: $(cat /proc/$PPID/comm)"), |_| true).await;
        assert_eq!(parent, Outcome::Told("in all: timeout".to_owned()));
        let [kill_after, limit] = TIMEOUT;
        let seconds: u64 = kill_after.strip_prefix("--kill-after=").unwrap().parse().unwrap();
        let minutes: u64 = limit.strip_suffix('m').unwrap().parse().unwrap();
        assert!(Duration::from_secs(60 * minutes + seconds) < PATIENCE);
    }

    #[test]
    fn a_whole_run_plays_each_of_them_alone_and_the_shard_that_its_seed_says() {
        let campaigns = [secrecy, model, fuzz].map(|make| make(Scale::Full));
        let [secrecy, model, fuzz] = &campaigns;
        assert_eq!((secrecy.len(), model.len()), (SECRECY.len(), MODEL.len()));
        assert!(fuzz.iter().any(|cell| cell.name.starts_with("url: ")));
        let shards = [0, 11, 12, 25].map(|seed| mutants(Scale::Full, seed));
        for (cells, shard) in shards.iter().zip(["0/12", "11/12", "0/12", "1/12"]) {
            assert!(cells[0].name.contains(&format!("shard {shard} ")), "{}", cells[0].name);
        }
        assert!(campaigns.iter().chain(&shards).flatten().all(|cell| cell.alone));
    }

    #[test]
    fn every_program_that_is_named_is_there_and_prints_the_figure_that_is_looked_for() {
        let read = |path: String| std::fs::read_to_string(format!("{ROOT}/{path}"));
        for (name, _, figure) in SECRECY.iter().chain(MODEL) {
            let text = read(format!("tests/{name}.rs")).or_else(|_| read(format!("tests/model/tests/{name}.rs")));
            let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(
                figure.is_none_or(|figure| text.contains(figure)),
                "{name} never prints {figure:?}"
            );
        }
        assert!(read("tests/plan-alone/run".to_owned()).unwrap().contains(MUTANTS));
    }

    #[test]
    fn a_test_run_plays_none_of_them_again() {
        let cells = [
            secrecy(Scale::Test),
            model(Scale::Test),
            fuzz(Scale::Test),
            mutants(Scale::Test, 1),
        ];
        assert!(cells.iter().all(Vec::is_empty));
    }
}
