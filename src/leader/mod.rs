//! The lease: one replica changes things at Wazzup, and knows by its own clock how long it may.
//!
//! Owns the elector, which takes, keeps and hands over the lease, and the fence, which everything that a leader does
//! passes. Must never trust a time that is written in the lease, write it without the resourceVersion that was read, or
//! lead on when the record is not the one it wrote. Next: `controller::run`, which leads; `controller::channel` and
//! `controller::account`, whose passes run inside the fence.

mod elector;
mod fence;
mod record;

use std::time::Duration;

pub use elector::Elector;
pub use fence::Fence;

/// How long things last. A leader stops `lease - deadline` before another may begin, whatever either one's time of day;
/// their monotonic clocks may differ in speed by as much as `lease` is longer than `deadline`.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long a lease lasts that nobody renews.
    pub lease: Duration,
    /// How long a leader that cannot renew goes on.
    pub deadline: Duration,
    /// How often it renews, and others look.
    pub retry: Duration,
    /// How long one look or write may take: one that hangs must not use the deadline up.
    pub attempt: Duration,
    /// The longest time for which a lease is believed that somebody else has written.
    pub longest: Duration,
}

impl Terms {
    /// What the operator uses.
    pub const DEFAULT: Self = Self {
        lease: Duration::from_secs(30),
        deadline: Duration::from_secs(24),
        retry: Duration::from_secs(3),
        attempt: Duration::from_secs(5),
        longest: Duration::from_secs(300),
    };
}

#[cfg(test)]
mod tests;
