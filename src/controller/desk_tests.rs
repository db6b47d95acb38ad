//! What a list tells, and what it does not tell any more.

use super::*;
use crate::{
    controller::{desks::Desks, lanes::Behind},
    model::Status,
};

fn snapshot(channels: &[(&str, Status)]) -> Snapshot {
    let channels = channels
        .iter()
        .map(|(id, status)| {
            let id = ChannelId::parse(id).unwrap();
            let channel = RemoteChannel {
                status: Some(status.clone()),
                ..RemoteChannel::bare(id.clone(), "telegram")
            };
            (id, channel)
        })
        .collect();
    Snapshot {
        started: clock::instant(),
        result: Ok(Listed {
            channels,
            unreadable: 0,
        }),
        failures: 0,
    }
}

#[test]
fn a_list_tells_what_appeared_changed_and_vanished_and_nothing_else() {
    let before = snapshot(&[
        ("same", Status::Active),
        ("changed", Status::Init),
        ("gone", Status::Active),
    ]);
    let now = snapshot(&[
        ("same", Status::Active),
        ("changed", Status::Active),
        ("new", Status::Init),
    ]);
    let changes = changes(Some(&before), &now);
    let ids: Vec<&str> = changes.channels.iter().map(ChannelId::as_str).collect();
    assert_eq!(ids, ["changed", "new", "gone"]);
    assert!(changes.set && !changes.all);
    assert_eq!(
        super::changes(
            Some(&now),
            &snapshot(&[
                ("same", Status::Active),
                ("changed", Status::Active),
                ("new", Status::Init)
            ])
        ),
        Changes::default()
    );
}

#[test]
fn the_pause_after_failures_grows_to_five_minutes() {
    assert_eq!(pause_after(1), Duration::from_secs(1));
    assert_eq!(pause_after(4), Duration::from_secs(8));
    assert_eq!(pause_after(40), Duration::from_secs(300));
}

#[test]
fn a_list_that_began_before_a_deletion_shows_that_channel_no_more_and_the_next_one_tells_that_it_is_gone() {
    let desk = Desk::new("uid", 20, Arc::new(Metrics::default()));
    let ids = || {
        let last = desk.last().unwrap();
        let listed = last.result.as_ref().ok().unwrap();
        listed.channels.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut before = snapshot(&[("ours", Status::Active), ("other", Status::Active)]);
    before.failures = 2;
    let started = before.started;
    let mut under_way = before.result.clone();
    let mut at_once = before.result.clone();
    *lock(&desk.snapshot) = Some(Arc::new(before));
    let id = ChannelId::parse("ours").unwrap();
    desk.deleted(&id);
    assert_eq!(ids(), ["other"], "the last list");
    let last = desk.last().unwrap();
    assert_eq!((last.started, last.failures), (started, 2), "it is no newer for that");

    assert_eq!(desk.deletions.take_out(started, &mut under_way), []);
    assert!(
        !under_way.unwrap().channels.contains_key(&id),
        "a list that was under way"
    );

    let at = desk.deletions.at(&id).unwrap();
    assert_eq!(desk.deletions.take_out(at, &mut at_once), []);
    assert!(
        !at_once.unwrap().channels.contains_key(&id),
        "a list of the very moment at which the answer came"
    );

    let mut failed = Err(Fault::Throttled { retry_after: None });
    assert_eq!(desk.deletions.take_out(clock::instant(), &mut failed), []);
    assert!(desk.deletions.at(&id).is_some(), "a list that failed shows nothing");

    let mut later = snapshot(&[("ours", Status::Active)]);
    let told = desk.deletions.take_out(later.started, &mut later.result);
    assert_eq!(told, std::slice::from_ref(&id));
    assert!(
        later.result.unwrap().channels.contains_key(&id),
        "a later list is believed"
    );
    assert!(desk.deletions.at(&id).is_none());
}

#[test]
fn a_deletion_is_known_to_every_object_of_the_account_it_was_made_in() {
    let desks = Desks::new(Arc::new(Metrics::default()));
    let all = ["1", "1", "2"].map(|number| {
        let name = format!("{number}-{:?}", desks.all().len());
        let desk = desks.open(&("shop".to_owned(), name), "uid", 20);
        desk.set(|standing| standing.remote = RemoteAccountId::parse(number).ok());
        *lock(&desk.snapshot) = Some(Arc::new(snapshot(&[("ours", Status::Active)])));
        desk
    });
    let id = ChannelId::parse("ours").unwrap();
    desks.deleted(&Behind::Remote("1".to_owned()), &id);
    let left = all.each_ref().map(|desk| {
        let last = desk.last().unwrap();
        last.result.as_ref().ok().unwrap().channels.len()
    });
    assert_eq!(left, [0, 0, 1]);
    let mut later = snapshot(&[]);
    assert_eq!(all[2].deletions.take_out(later.started, &mut later.result), []);
}

#[test]
fn a_standing_is_told_from_the_one_of_the_next_token() {
    let desk = Desk::new("uid", 20, Arc::new(Metrics::default()));
    let before = desk.standing().epoch;
    assert_eq!(desk.epoch(), before);
    desk.forget_list();
    assert_ne!(
        desk.epoch(),
        before,
        "a list of now says nothing to who holds the token of before"
    );
    assert_eq!(desk.standing().epoch, desk.epoch());
}

#[test]
fn an_account_that_is_made_again_under_a_name_has_a_desk_of_its_own() {
    let desks = Desks::new(Arc::new(Metrics::default()));
    let name = ("shop".to_owned(), "default".to_owned());
    let first = desks.open(&name, "first", 20);
    first.set(|standing| standing.vetted = true);
    assert!(desks.open(&name, "first", 20).standing().vetted);
    assert!(desks.of(&name, Some("first")).is_some());
    assert!(
        desks.of(&name, Some("second")).is_none(),
        "what the first one's token saw is nobody else's"
    );
    assert!(!desks.open(&name, "second", 20).standing().vetted);
    assert!(desks.of(&name, Some("second")).is_some() && desks.of(&name, None).is_none());
}
