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
fn whoever_may_announce_very_often_begins_a_look_a_second_and_is_never_left_out() {
    let marks = Marks::default();
    let due = || marks.look_after("account").unwrap();
    marks.hint("account");
    let first = due();
    assert!(first <= clock::instant());
    for _ in 0..3 {
        marks.hint("account");
        assert_eq!(
            due(),
            first + APART,
            "what comes after the first look began is looked at by the next"
        );
    }
    let (listed, marks) = (first, &marks);
    marks.clear_until("account", listed);
    assert_eq!(due(), first + APART, "a list of before does not show it");
    marks.clear_until("account", first + APART);
    assert_eq!(marks.look_after("account"), None);
    // A repetition that is far away is not waited for.
    marks.set("account");
    while marks.repeat("account") != Some(Duration::from_secs(10)) {}
    marks.hint("account");
    assert!(due() <= clock::instant() + APART);
}

#[test]
fn a_channel_that_is_as_it_should_be_forgets_its_repetitions_and_no_event_that_came_meanwhile() {
    let marks = Marks::default();
    marks.set("repeated");
    assert!(marks.repeat("repeated").is_some());
    marks.settle("repeated", clock::instant());
    assert_eq!(marks.look_after("repeated"), None);

    marks.set("seen");
    let begun = clock::instant();
    marks.settle("seen", begun);
    assert_eq!(marks.look_after("seen"), None);

    marks.set("meanwhile");
    let before = marks
        .look_after("meanwhile")
        .unwrap()
        .checked_sub(Duration::from_millis(1));
    marks.settle("meanwhile", before.unwrap());
    assert!(
        marks.look_after("meanwhile").is_some(),
        "its list may be older than that"
    );
}
