//! Pauses that grow.

use std::time::Duration;

use crate::plan::after_conflicts;

#[test]
fn the_first_conflict_is_tried_again_at_once_and_the_next_ones_ever_later() {
    let rows = [(1, 50), (2, 500), (3, 1_000), (5, 4_000), (6, 5_000), (100, 5_000)];
    for (in_a_row, millis) in rows {
        assert_eq!(
            after_conflicts(in_a_row),
            Duration::from_millis(millis),
            "{in_a_row} in a row"
        );
    }
}
