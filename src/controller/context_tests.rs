//! What is looked at again, and how often.

use super::*;

#[test]
fn a_look_that_a_plan_wants_is_made_once_and_one_that_was_announced_is_repeated_three_times() {
    let marks = Marks::default();
    marks.want("planned");
    assert!(marks.look_after("planned").is_some(), "a list from now on is wanted");
    assert_eq!(marks.repeat("planned"), None);
    assert_eq!(marks.look_after("planned"), None);

    marks.set("announced");
    let mut pauses = Vec::new();
    loop {
        let asked = clock::instant();
        let Some(pause) = marks.repeat("announced") else { break };
        let next = marks.look_after("announced").unwrap();
        assert!(
            next >= asked + pause,
            "a list that begins before the pause is over is no repetition"
        );
        // A plan that wants a look besides begins nothing anew: that would be a look a second, for ever.
        marks.want("announced");
        pauses.push(pause.as_secs());
        assert!(pauses.len() < 10, "{pauses:?}");
    }
    assert_eq!(pauses, [1, 3, 10]);
}

#[test]
fn whoever_may_announce_very_often_begins_a_look_a_second_at_most() {
    let marks = Marks::default();
    marks.hint("account");
    let first = marks.look_after("account").unwrap();
    marks.hint("account");
    assert_eq!(marks.look_after("account"), Some(first));
    // While the first look waits to be repeated, what comes is not kept waiting.
    marks.repeat("account");
    assert!(marks.look_after("account").unwrap() > clock::instant());
    marks.hint("account");
    assert!(marks.look_after("account").unwrap() <= clock::instant());
    // A look that a plan wanted is not repeated, so it does not serve.
    marks.want("planned");
    marks.hint("planned");
    assert!(marks.repeat("planned").is_some());
}
