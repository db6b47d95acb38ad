//! Pauses and limits.

use std::time::Duration;

/// Pauses and limits of the planner; the defaults are the product's, tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long after an unclear create a look still proves nothing: the create's own deadline, the lease, and a minute
    /// for a service that commits late.
    pub create_grace: Duration,
    /// How far the clocks of two machines, or of one before and after it was set, may be apart.
    pub clock_skew: Duration,
    /// How far apart the two looks are that must agree before a loss, or an absence, is believed.
    pub second_look: Duration,
    /// How long a QR may fail to arrive before its event counts as lost.
    pub qr_patience: Duration,
    /// Pauses before the first, second, … fresh QR after one ran out; their number is the budget.
    pub fresh_qr: [Duration; 3],
    /// Pauses before the second, third, … reinit with the same credentials; the last repeats.
    pub same_credentials: [Duration; 4],
    /// When a refused request is tried again without any change.
    pub refused: Duration,
    /// Pause before a failed deletion is repeated.
    pub delete_again: Duration,
}

impl Timing {
    /// The product's values.
    pub const DEFAULT: Self = Self {
        create_grace: Duration::from_secs(25 + 30 + 60),
        clock_skew: Duration::from_secs(600),
        second_look: Duration::from_secs(10),
        qr_patience: Duration::from_secs(120),
        fresh_qr: [
            Duration::from_secs(10),
            Duration::from_secs(60),
            Duration::from_secs(300),
        ],
        same_credentials: [
            Duration::from_secs(60),
            Duration::from_secs(300),
            Duration::from_secs(1_800),
            Duration::from_secs(3_600),
        ],
        refused: Duration::from_secs(3_600),
        delete_again: Duration::from_secs(10),
    };
}

impl Default for Timing {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The pause after so many conflicts in a row. The first is tried again at once; when the next ones meet the same, what is
/// known of the object is behind, and nothing but its watch brings it up (which wakes a pass at once).
pub fn after_conflicts(in_a_row: u32) -> Duration {
    match in_a_row {
        0 | 1 => Duration::from_millis(50),
        more => Duration::from_millis(500)
            .saturating_mul(2_u32.saturating_pow(more - 2))
            .min(Duration::from_secs(5)),
    }
}
