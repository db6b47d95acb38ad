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
fn whoever_may_announce_very_often_begins_a_list_a_second_and_is_never_left_out() {
    let marks = Marks::default();
    let due = || marks.look_after("account").unwrap();
    for _ in 0..3 {
        marks.hint("account", None);
        assert!(
            due() <= clock::instant(),
            "no list has begun that it could be too near to"
        );
    }
    let last = clock::instant();
    for _ in 0..3 {
        marks.hint("account", Some(last));
        assert_eq!(due(), last + APART);
    }
    marks.clear_until("account", last);
    assert_eq!(due(), last + APART, "a list of before does not show it");
    marks.clear_until("account", last + APART);
    assert_eq!(marks.look_after("account"), None);
    // A repetition that is far away is not waited for.
    marks.set("account");
    while marks.repeat("account") != Some(Duration::from_secs(10)) {}
    marks.hint("account", Some(last));
    assert_eq!(due(), last + APART);
}

#[test]
fn what_is_seen_needs_no_repetition_and_what_came_meanwhile_is_kept() {
    let marks = Marks::default();
    marks.set("repeated");
    assert!(marks.repeat("repeated").is_some());
    marks.clear_until("repeated", clock::instant());
    assert_eq!(marks.look_after("repeated"), None);

    marks.set("meanwhile");
    let begun = marks
        .look_after("meanwhile")
        .unwrap()
        .checked_sub(Duration::from_millis(1));
    marks.clear_until("meanwhile", begun.unwrap());
    assert!(
        marks.look_after("meanwhile").is_some(),
        "its list may be older than that"
    );
}
