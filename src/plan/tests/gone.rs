//! A channel that was there and is not.

use std::time::Duration;

use super::super::{ExternalDeletionPolicy, Look, Mirror, Remote, RemoteById, Repeated, Seen, Wake, report};
use super::stage::{after, at, gist, id, known, look, looked, planned, remote, wished, words, written};
use crate::model::{Fault, Login, Transport};

/// Missing by id and from a healthy list that shows other channels.
fn missing(transport: Transport) -> Seen {
    let mut seen = known(transport, "active", None);
    seen.remote = Remote::Looked(Look {
        by_id: RemoteById::Missing,
        ..look()
    });
    seen
}

/// The second look at a missing channel.
fn twice(transport: Transport) -> Seen {
    let seen = missing(transport);
    let plan = planned(&seen);
    after(written(seen, &plan), Duration::from_secs(10))
}

#[test]
fn a_loss_is_believed_only_when_two_looks_agree() {
    let seen = missing(Transport::Telegram);
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "CheckingLoss");
    assert_eq!(plan.wake, Wake::LookAfter(Duration::from_secs(10)));
    assert_eq!(
        gist(&planned(&written(seen, &plan))),
        "CheckingLoss",
        "not a moment later"
    );
    assert_eq!(gist(&planned(&twice(Transport::Telegram))), "forget, Creating");
    let mut kept = twice(Transport::Telegram);
    looked(&mut kept).age = Duration::from_secs(1);
    assert_eq!(
        gist(&planned(&kept)),
        "CheckingLoss",
        "asked for too soon after the first"
    );
    let mut back = twice(Transport::Telegram);
    back.memory.missing_since = Some(at(86_400));
    assert_eq!(
        planned(&back).memory.missing_since,
        Some(back.now),
        "a clock that has gone back since does not hold the object for a day"
    );
}

#[test]
fn a_secret_is_enough_to_make_it_again_and_a_person_is_asked_otherwise() {
    for transport in Transport::ALL {
        let plan = planned(&twice(transport));
        let expected = match transport.login() {
            Login::Secret { .. } => "forget, Creating",
            Login::Qr | Login::Link | Login::Iframe => "ChannelGone",
        };
        assert_eq!(gist(&plan), expected, "{transport}");
        for (policy, expected) in [
            (ExternalDeletionPolicy::Recreate, "forget, Creating"),
            (ExternalDeletionPolicy::Stop, "ChannelGone"),
        ] {
            let mut seen = twice(transport);
            wished(&mut seen).external_deletion = Some(policy);
            assert_eq!(gist(&planned(&seen)), expected, "{transport}");
        }
    }
}

#[test]
fn an_adopted_channel_is_never_made_again() {
    let mut seen = twice(Transport::Telegram);
    wished(&mut seen).adopt = Some(id("mine"));
    wished(&mut seen).external_deletion = Some(ExternalDeletionPolicy::Recreate);
    seen.object.requests.recreate = Some("now".into());
    assert_eq!(gist(&planned(&seen)), "ChannelGone");
}

#[test]
fn a_person_can_ask_for_a_new_one() {
    let mut seen = twice(Transport::Whatsapp);
    assert!(words(&planned(&seen)).contains("recreate-requested-at"));
    seen.object.requests.recreate = Some("now".into());
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "forget, Creating");
    assert_eq!(plan.memory.handled.recreate.as_deref(), Some("now"));
    assert!(!gist(&planned(&written(seen, &plan))).contains("ChannelGone"));
}

#[test]
fn an_empty_list_proves_no_loss_and_asks_even_where_the_policy_is_recreate() {
    let mut seen = twice(Transport::Telegram);
    looked(&mut seen).empty = true;
    assert_eq!(gist(&planned(&seen)), "ChannelGone");
}

#[test]
fn a_list_that_could_not_be_read_whole_or_an_id_that_could_not_be_asked_for_proves_nothing() {
    let mut torn = twice(Transport::Telegram);
    looked(&mut torn).complete = false;
    assert_eq!(gist(&planned(&torn)), "CheckingLoss");
    for by_id in [
        RemoteById::NotAsked,
        RemoteById::Hidden(Fault::Unclear { why: "timeout".into() }),
    ] {
        let mut seen = twice(Transport::Telegram);
        looked(&mut seen).by_id = by_id;
        assert_eq!(gist(&planned(&seen)), "CannotLook");
    }
}

#[test]
fn a_channel_that_no_list_ever_showed_is_given_the_whole_grace() {
    let mut seen = twice(Transport::Telegram);
    seen.memory.was_seen = false;
    assert_eq!(gist(&planned(&seen)), "CheckingLoss");
    seen.memory.missing_since = Some(at(-200));
    assert_eq!(gist(&planned(&seen)), "forget, Creating");
}

#[test]
fn the_twin_of_a_channel_that_is_gone_is_still_told() {
    let mut seen = twice(Transport::Telegram);
    seen.memory.repeated = Some(Repeated {
        at: at(-60),
        known: vec![id("mine"), id("old")],
    });
    seen.memory.twins = vec![id("told")];
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "forget, Creating");
    let kept = plan.memory.repeated.unwrap();
    assert_eq!(
        (kept.at, kept.known),
        (at(-60), vec![id("old")]),
        "who was thought lost is told when it turns up"
    );
    assert_eq!(plan.memory.twins, [id("told")]);
    seen.memory.repeated.as_mut().unwrap().at = at(-90_000);
    let late = planned(&seen).memory;
    assert_eq!(
        (late.repeated.unwrap().known, late.twins),
        (Vec::new(), Vec::new()),
        "after a day nobody suspects what that create has made"
    );
}

#[test]
fn a_lost_channel_that_turns_up_beside_the_new_one_is_told() {
    let mut seen = twice(Transport::Telegram);
    looked(&mut seen).unclaimed = vec![remote("strange", Transport::Telegram, "active", None)];
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "forget, Creating");
    let mut next = known(Transport::Telegram, "active", None);
    next.memory.repeated = plan.memory.repeated;
    looked(&mut next).unclaimed = ["lost", "strange"]
        .map(|word| remote(word, Transport::Telegram, "active", None))
        .to_vec();
    assert_eq!(planned(&next).memory.twins, [id("lost")]);
    let mut beside = seen.clone();
    looked(&mut beside).claimed = vec![id("lost")];
    next.memory.repeated = planned(&beside).memory.repeated;
    assert_eq!(planned(&next).memory.twins, [], "another object had it, and left it");
    looked(&mut beside).claimed = (0..400).map(|number| id(&format!("c{number}"))).collect();
    next.memory.repeated = planned(&beside).memory.repeated;
    assert_eq!(planned(&next).memory.twins, [id("lost")], "what is free is known first");
    let free = |count: usize| {
        let names = (0..count).map(|number| format!("n{number}"));
        let free = names.map(|name| remote(&name, Transport::Telegram, "active", None));
        free.collect::<Vec<_>>()
    };
    looked(&mut beside).unclaimed = free(300);
    assert!(planned(&beside).memory.repeated.is_some());
    looked(&mut beside).unclaimed = free(301);
    assert_eq!(planned(&beside).memory.repeated, None, "nobody could tell which is new");
    seen.object.requests.recreate = Some("now".into());
    assert_eq!(
        planned(&seen).memory.repeated,
        None,
        "who asks for a new one knows of the old one"
    );
}

#[test]
fn a_believed_loss_is_not_doubted_by_every_pass() {
    let mut seen = twice(Transport::Whatsapp);
    for _ in 0..5 {
        let plan = planned(&seen);
        assert_eq!(gist(&plan), "ChannelGone");
        seen = after(written(seen, &plan), Duration::from_secs(60));
        // The mirrored status is cleared with the channel.
        seen.memory.was_seen = false;
    }
}

#[test]
fn a_channel_that_turns_up_again_is_taken_back() {
    let seen = twice(Transport::Whatsapp);
    let mut seen = written(seen.clone(), &planned(&seen));
    seen.remote = known(Transport::Whatsapp, "active", None).remote;
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Connected");
    assert_eq!((plan.memory.missing_since, plan.memory.loss_believed), (None, false));
}

#[test]
fn a_channel_that_is_disabled_without_a_reason_is_recreated_only_on_request() {
    let mut seen = known(Transport::Telegram, "disabled", None);
    assert_eq!(gist(&planned(&seen)), "RemovedOrUnsubscribed");
    seen.object.requests.recreate = Some("now".into());
    assert_eq!(gist(&planned(&seen)), "forget, Creating");
    wished(&mut seen).adopt = Some(id("mine"));
    assert_eq!(gist(&planned(&seen)), "RemovedOrUnsubscribed", "never an adopted one");
}

#[test]
fn what_was_shown_of_a_channel_that_is_let_go_is_not_taken_for_the_next_one() {
    let lost = twice(Transport::Telegram);
    let mut removed = known(Transport::Telegram, "disabled", None);
    removed.object.requests.recreate = Some("now".into());
    for seen in [lost, removed] {
        let plan = planned(&seen);
        assert_eq!(gist(&plan), "forget, Creating");
        assert_eq!(report(&seen, &plan).mirror, Some(Mirror::default()));
    }
}
