//! What one input may cost.

use std::time::{Duration, Instant};

use wazzup_operator::clock;

use crate::{ALLOCATOR, Target};

/// So long may one input take. Code without optimization gets more; a busy machine gets more tries.
pub const LONGEST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 100 });
/// So many bytes may be allocated at once for one input, the input itself aside.
pub const LARGEST: usize = 16 << 20;
/// A slow input is tried again so often: only what is slow each time is slow.
const TRIES: usize = 5;

/// What an input cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Time by the clock.
    pub time: Duration,
    /// The most bytes allocated at once. Other threads count too, so targets are run one at a time.
    pub memory: usize,
}

/// Runs a target over an input, which must stay within the limits.
pub fn check(target: &Target, input: &[u8]) -> Cost {
    let mut cost = measure(target, input);
    assert!(
        cost.memory <= LARGEST,
        "{}: {} bytes for an input of {}",
        target.name,
        cost.memory,
        input.len()
    );
    let mut tries = 1;
    while cost.time > LONGEST {
        assert!(
            tries < TRIES,
            "{}: {:?} for an input of {} bytes, again and again",
            target.name,
            cost.time,
            input.len()
        );
        cost.time = cost.time.min(measure(target, input).time);
        tries += 1;
    }
    cost
}

fn measure(target: &Target, input: &[u8]) -> Cost {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let start: Instant = clock::instant();
    (target.run)(input);
    Cost {
        time: start.elapsed(),
        memory: ALLOCATOR.peak_usage().saturating_sub(before),
    }
}
