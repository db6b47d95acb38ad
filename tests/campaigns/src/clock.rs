//! The operator's clock of the day, set wrong from outside while its program stays as it was built: a small library that is
//! preloaded answers for the system's clock, and reads from a file by how much it is off.

use std::{
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use jiff::{SignedDuration, Timestamp};

const SOURCE: &str = include_str!("clock.c");
/// What an offset may be off by: a line is written a moment after its time was taken, on a loaded machine a long one.
const ABOUT: SignedDuration = SignedDuration::from_secs(5);
/// Longer than an operator takes to say that it ends.
const NEXT_LINE: Duration = Duration::from_secs(60);

/// How wrong a clock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// So many seconds ahead; behind where it is less than nothing.
    pub seconds: i64,
    /// So many parts in a thousand too fast, since its life began.
    pub per_mille: i64,
}

impl Skew {
    /// A true clock, which may be moved later.
    pub const TRUE: Self = Self::ahead(0);

    /// So many seconds ahead.
    pub const fn ahead(seconds: i64) -> Self {
        Self { seconds, per_mille: 0 }
    }

    /// Two seconds for each.
    pub const fn twice_as_fast() -> Self {
        Self {
            seconds: 0,
            per_mille: 1_000,
        }
    }
}

/// One replica's clock: the library, and the file that it reads.
#[derive(Debug, Clone)]
pub struct Clock {
    library: PathBuf,
    dial: PathBuf,
    since: Timestamp,
}

impl Clock {
    /// A clock whose files are in this folder.
    pub fn new(folder: &Path, name: &str, skew: Skew) -> Self {
        let clock = Self {
            library: library(folder),
            dial: folder.join(format!("clock-{name}")),
            since: Timestamp::now(),
        };
        clock.set(skew);
        clock
    }

    /// Moves it, while processes run by it too.
    pub fn set(&self, skew: Skew) {
        let since = i64::try_from(self.since.as_nanosecond()).unwrap();
        let numbers = [skew.seconds * 1_000_000_000, skew.per_mille, since];
        let bytes: Vec<u8> = numbers.into_iter().flat_map(i64::to_ne_bytes).collect();
        // Never cut shorter: whoever has it mapped would die.
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.dial)
            .unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    }

    /// A process that is started so runs by this clock.
    pub fn wear(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("WAZZUP_TEST_CLOCK", &self.dial);
    }

    /// How far ahead a clock with this skew was at a true time.
    fn ahead_at(&self, skew: Skew, at: Timestamp) -> SignedDuration {
        let run = at.duration_since(self.since).as_millis() * i128::from(skew.per_mille) / 1_000;
        SignedDuration::from_secs(skew.seconds) + SignedDuration::from_millis(i64::try_from(run).unwrap())
    }

    /// Waits until a clock with this skew can be told from a true one.
    pub async fn until_told(&self, skew: Skew) {
        while skew != Skew::TRUE && self.ahead_at(skew, Timestamp::now()).abs() <= ABOUT * 2 {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Waits for a line of a log that was written by a clock as wrong as this, and wrong enough to be told from a true one;
    /// how far ahead the last line was where none comes.
    pub async fn met(&self, skew: Skew, log: &Path) -> Result<(), String> {
        let deadline = Instant::now() + NEXT_LINE;
        loop {
            let seen = last_line(log).map(|(at, ahead)| (ahead, self.ahead_at(skew, at)));
            if let Some((ahead, asked)) = seen {
                let told = skew == Skew::TRUE || asked.abs() > ABOUT * 2;
                if told && (ahead - asked).abs() <= ABOUT {
                    return Ok(());
                }
            }
            if Instant::now() > deadline {
                return Err(format!("how far the log is ahead, and how far it was to be: {seen:?}"));
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

/// When the last line of a log was written, which the file system knows, and how far ahead the time within it is.
fn last_line(log: &Path) -> Option<(Timestamp, SignedDuration)> {
    let written = || -> Option<SystemTime> { std::fs::metadata(log).ok()?.modified().ok() };
    let before = written()?;
    let text = std::fs::read_to_string(log).ok()?;
    if written()? != before {
        return None;
    }
    let time = |line: &str| line.split_whitespace().next()?.parse::<Timestamp>().ok();
    let said = text.lines().rev().find_map(time)?;
    let at = Timestamp::try_from(before).ok()?;
    Some((at, said.duration_since(at)))
}

/// The library, compiled once into this folder.
fn library(folder: &Path) -> PathBuf {
    static COMPILING: Mutex<()> = Mutex::new(());
    let compiling = COMPILING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let library = folder.join("clock.so");
    if !library.exists() {
        let source = folder.join("clock.c");
        std::fs::write(&source, SOURCE).unwrap();
        let ran = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .output()
            .unwrap_or_else(|error| panic!("a wrong clock needs the C compiler that Rust links with, cc: {error}"));
        let words = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "cc could not build the wrong clock: {words}");
    }
    drop(compiling);
    library
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far ahead a program's clock is.
    fn seen_by_date(clock: &Clock) -> i64 {
        let mut date = Command::new("date");
        clock.wear(date.arg("+%s"));
        let said = String::from_utf8(date.output().unwrap().stdout).unwrap();
        said.trim().parse::<i64>().unwrap() - Timestamp::now().as_second()
    }

    #[test]
    fn a_program_that_was_not_made_for_it_runs_by_a_wrong_clock() {
        let folder = std::env::temp_dir().join(format!("wazzup-clock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let near = |seen: i64, wanted: i64| assert!((seen - wanted).abs() <= 20, "{seen} s instead of {wanted} s");
        let mut clock = Clock::new(&folder, "date", Skew::TRUE);
        near(seen_by_date(&clock), 0);
        clock.set(Skew::ahead(300));
        near(seen_by_date(&clock), 300);
        clock.set(Skew::ahead(-300));
        near(seen_by_date(&clock), -300);
        clock.since = Timestamp::now() - SignedDuration::from_secs(100);
        clock.set(Skew::twice_as_fast());
        near(seen_by_date(&clock), 100);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
