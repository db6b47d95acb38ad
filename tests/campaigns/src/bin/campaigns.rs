//! `campaigns [NAME ...] [--seed N] [--jobs N] [--match TEXT] [--operator FILE] [--out FILE]`: runs fault campaigns and prints
//! their table.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program of the tests"
)]

use std::{path::PathBuf, process::ExitCode};

use campaigns::{Cell, Ground, Outcome, campaign, runner};
use futures::future;

const USAGE: &str = "campaigns [NAME ...] [--seed N] [--jobs N] [--match TEXT] [--operator FILE] [--out FILE]

Runs the named campaigns, or all, against the operator's own program on a control plane of its own.
  --seed N         what chance decides; printed, so that a run can be repeated
  --jobs N         cells side by side (default 12)
  --match TEXT     only cells whose name holds TEXT
  --operator FILE  the program under test (default: wazzup-operator beside this program)
  --out FILE       write the table there too, anew after each cell: an interrupted run leaves what it has
";

struct Wanted {
    names: Vec<String>,
    seed: u64,
    jobs: usize,
    matching: String,
    operator: PathBuf,
    out: Option<PathBuf>,
}

fn usage() -> String {
    let known = campaign::ALL
        .iter()
        .map(|(name, what, _)| format!("  {name:<5} {what}\n"));
    format!("{USAGE}\nCampaigns:\n{}", known.collect::<String>())
}

/// What the command line asks for; nothing for its help.
fn wanted() -> Result<Option<Wanted>, String> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| own.parent().map(|folder| folder.join("wazzup-operator")))
        .unwrap_or_default();
    let mut wanted = Wanted {
        names: Vec::new(),
        seed: jiff::Timestamp::now().as_second().unsigned_abs(),
        jobs: 12,
        matching: String::new(),
        operator: beside,
        out: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--seed" => wanted.seed = value()?.parse().map_err(|error| format!("--seed: {error}"))?,
            "--jobs" => wanted.jobs = value()?.parse().map_err(|error| format!("--jobs: {error}"))?,
            "--match" => wanted.matching = value()?,
            "--operator" => wanted.operator = value()?.into(),
            "--out" => wanted.out = Some(value()?.into()),
            name if campaign::ALL.iter().any(|(known, ..)| *known == name) => wanted.names.push(name.to_owned()),
            other => return Err(format!("'{other}' is neither a campaign nor a flag")),
        }
    }
    Ok(Some(wanted))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(Some(wanted)) => wanted,
        Ok(None) => {
            print!("{}", usage());
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprint!("{why}\n\n{}", usage());
            return ExitCode::from(2);
        }
    };
    println!("seed {}", wanted.seed);
    let ground = Ground::find(&wanted.operator);
    let mut makes = Vec::new();
    for (name, what, make) in campaign::ALL {
        if wanted.names.is_empty() || wanted.names.iter().any(|one| one == name) {
            println!("{name}: {what}");
            makes.push(make(ground.clone(), campaign::Scale::Full, wanted.seed));
        }
    }
    // The calm runs that some need wait more than they work: side by side.
    let mut cells: Vec<Cell> = future::join_all(makes).await.into_iter().flatten().collect();
    cells.retain(|cell| cell.name.contains(&wanted.matching));
    // Those that wait beside those that work; what an interrupted run has played is a fair sample.
    let cells = campaign::sample(cells, wanted.seed, usize::MAX);
    if cells.is_empty() {
        eprintln!("no cell's name holds '{}'", wanted.matching);
        return ExitCode::from(2);
    }
    let all = cells.len();
    println!("{all} cells");
    // A cell that panics has failed, and its words are in the table.
    std::panic::set_hook(Box::new(|_| {}));
    let write = |table: &str| {
        if let Some(out) = &wanted.out {
            std::fs::write(out, table).unwrap();
        }
    };
    let keep = |results: &[runner::Result]| {
        let head = format!("seed {}\n\nso far {} of {all} cells\n\n", wanted.seed, results.len());
        write(&(head + &runner::table(results)));
    };
    let results = runner::run_keeping(cells, wanted.jobs, |line| println!("{line}"), keep).await;
    let table = format!("seed {}\n\n{}", wanted.seed, runner::table(&results));
    println!("\n{table}");
    write(&table);
    let is = |wanted: fn(&Outcome) -> bool| results.iter().any(|result| wanted(&result.outcome));
    let failed = is(|outcome| matches!(outcome, Outcome::Failed(_)));
    let passed = is(|outcome| matches!(outcome, Outcome::Passed | Outcome::Told(_)));
    ExitCode::from(u8::from(failed || !passed))
}
