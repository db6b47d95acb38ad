//! The only place that asks what time it is.

use std::time::Instant;

use jiff::Timestamp;

/// The time of day, in whole milliseconds: what is stored and read again must be equal.
#[allow(clippy::disallowed_methods, reason = "this is the place")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The monotonic clock.
#[allow(clippy::disallowed_methods, reason = "this is the place")]
pub fn instant() -> Instant {
    Instant::now()
}
