//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// Asks every 50 ms until `look` says `Ok`; panics after `patience` with what was waited for and what was seen last.
#[allow(clippy::panic, reason = "a test that waits in vain has failed")]
#[allow(clippy::disallowed_methods, reason = "the harness measures real time")]
pub async fn eventually<T, F>(what: &str, patience: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if begun.elapsed() > patience => {
                panic!("waited {} s for {what}; last seen: {seen}", patience.as_secs())
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
