//! What one input may cost.

use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use wazzup_operator::clock;

use crate::{ALLOCATOR, Target};

/// So long may one input keep a processor. Code without optimization gets more, and so does code that counts every branch and
/// comparison: what libFuzzer finds is judged again by code that does not.
pub const LONGEST: Duration = Duration::from_millis(if cfg!(debug_assertions) {
    2_000
} else if cfg!(feature = "libfuzzer") {
    1_000
} else {
    100
});
/// So many bytes may be allocated at once for one input, the input itself aside.
pub const LARGEST: usize = 16 << 20;
/// A slow input is tried again so often: only what is slow each time is slow.
const TRIES: usize = 3;

/// What an input cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Time on a processor, or at most so much.
    pub time: Duration,
    /// The most bytes allocated at once. Other threads count too, so inputs are run one at a time.
    pub memory: usize,
}

/// Runs a target over an input.
///
/// # Panics
/// When the target does, and when the input costs more than the limits allow.
pub fn check(target: &Target, input: &[u8]) -> Cost {
    let start: Instant = clock::instant();
    let memory = measure(target, input);
    let mut time = start.elapsed();
    assert!(
        memory <= LARGEST,
        "{}: {memory} bytes for an input of {}",
        target.name,
        input.len()
    );
    // By the clock it may have been slow because the machine was busy.
    for _ in 0..TRIES {
        if time <= LONGEST {
            break;
        }
        let (start, before) = (clock::instant(), on_processor());
        measure(target, input);
        let busy = before.and_then(|before| on_processor()?.checked_sub(before));
        time = time.min(busy.unwrap_or_else(|| start.elapsed()));
    }
    assert!(
        time <= LONGEST,
        "{}: {time:?} for an input of {} bytes, again and again",
        target.name,
        input.len()
    );
    Cost { time, memory }
}

fn measure(target: &Target, input: &[u8]) -> usize {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    (target.run)(input);
    ALLOCATOR.peak_usage().saturating_sub(before)
}

/// How long this thread has been on a processor, where the system tells.
fn on_processor() -> Option<Duration> {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
