//! What a list tells of a create without a clear answer.

use std::time::Duration;

use super::super::{Answer, Look, Wake, settle};
use super::stage::{
    adopted, after, at, gist, id, known, looked, planned, remote, settled, unclear, wished, words, written,
};
use crate::model::{CreateOutcome, Transport};

#[test]
fn of_several_qr_channels_a_create_takes_what_no_younger_one_can_have_made() {
    let mut seen = unclear(Transport::Viber, 5);
    let look = looked(&mut seen);
    look.unclaimed = ["made-first", "a-later-one"]
        .map(|word| remote(word, Transport::Viber, "init", Some("qr")))
        .to_vec();
    // The other create began when the first channel was there: it can be none but this object's.
    look.other_intents = vec![vec![id("made-first"), id("old")]];
    assert_eq!(gist(&adopted(&seen)), "record made-first, Connecting");
    looked(&mut seen).other_intents = vec![Vec::new(), vec![id("a-later-one")]];
    assert_eq!(gist(&adopted(&seen)), "record a-later-one, Connecting");
    // Who knows both to be older has made neither, so that one of them is a stranger's.
    let both = vec![id("a-later-one"), id("made-first")];
    looked(&mut seen).other_intents = vec![both.clone()];
    assert_eq!(gist(&planned(&seen)), "ChooseChannel");
    // The same beside a third one, which those two may have made.
    looked(&mut seen)
        .unclaimed
        .push(remote("third", Transport::Viber, "init", Some("qr")));
    looked(&mut seen).other_intents = vec![both.clone(), both];
    assert_eq!(gist(&planned(&after(seen, Duration::from_secs(200)))), "ChooseChannel");
}

#[test]
fn while_other_creates_may_have_made_it_nobody_is_asked() {
    let mut seen = unclear(Transport::Telegram, 5);
    looked(&mut seen).unclaimed = vec![remote("x", Transport::Telegram, "init", None)];
    looked(&mut seen).other_intents = vec![vec![id("old")]];
    seen.memory.missing_since = Some(at(-10));
    let plan = planned(&seen);
    assert_eq!(
        (gist(&plan).as_str(), plan.wake),
        ("Creating", Wake::LookAfter(Duration::from_secs(10)))
    );
    assert_eq!(plan.memory.missing_since, None, "an absence is proven anew");
    let mut ended = written(seen.clone(), &plan);
    looked(&mut ended).other_intents.clear();
    assert_eq!(
        gist(&adopted(&ended)),
        "record x, Connecting",
        "the other one has its own"
    );
    looked(&mut seen).other_intents = vec![vec![id("old"), id("x")]];
    assert_eq!(
        gist(&adopted(&seen)),
        "record x, Connecting",
        "it was there before the other began"
    );
    looked(&mut seen).other_intents = vec![vec![id("old")]];
    assert_eq!(gist(&planned(&after(seen, Duration::from_secs(200)))), "ChooseChannel");
}

#[test]
fn what_a_person_was_asked_about_and_two_lists_lacked_is_a_twin_when_it_turns_up() {
    let mut seen = unclear(Transport::Telegram, 200);
    looked(&mut seen).unclaimed = ["a", "b"]
        .map(|word| remote(word, Transport::Telegram, "active", None))
        .to_vec();
    seen = written(seen.clone(), &planned(&seen));
    looked(&mut seen).unclaimed.clear();
    seen = written(seen.clone(), &planned(&seen));
    seen = after(seen, Duration::from_secs(10));
    let again = planned(&seen);
    assert_eq!(gist(&again), "intent, create alone, Creating");
    // While this create is unclear, too, what turns up is a question still.
    let mut unclear = written(seen.clone(), &again);
    looked(&mut unclear).unclaimed = vec![remote("a", Transport::Telegram, "active", None)];
    assert_eq!(gist(&planned(&unclear)), "ChooseChannel");
    let answer = Answer::Create(CreateOutcome::Created(remote(
        "mine",
        Transport::Telegram,
        "init",
        None,
    )));
    let created = settle(&seen, seen.wish.as_ref().unwrap(), &again, &answer);
    let mut made = known(Transport::Telegram, "active", None);
    made.now = seen.now;
    made.memory.repeated = created.memory.repeated;
    looked(&mut made).unclaimed = vec![remote("a", Transport::Telegram, "active", None)];
    assert_eq!(planned(&made).memory.twins, [id("a")]);
}

#[test]
fn a_request_for_another_link_is_over_once_one_was_followed() {
    let mut seen = unclear(Transport::Vk, 5);
    seen.memory.link_at = Some(at(-5));
    seen.object.requests.reinit = Some("now".into());
    looked(&mut seen).unclaimed = vec![remote("followed", Transport::Vk, "active", None)];
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "record followed, Connecting");
    assert_eq!(plan.memory.handled.reinit.as_deref(), Some("now"));
}

#[test]
fn a_channel_whose_link_was_followed_cannot_be_ours_and_is_asked_about() {
    let mut seen = unclear(Transport::Wapi, 5);
    looked(&mut seen).unclaimed = vec![remote("new", Transport::Wapi, "init", None)];
    assert_eq!(gist(&adopted(&seen)), "record new, Connecting");
    looked(&mut seen).unclaimed = vec![remote("new", Transport::Wapi, "active", None)];
    assert_eq!(gist(&planned(&seen)), "ChooseChannel");
}

#[test]
fn of_what_a_person_was_asked_about_a_person_decides_whatever_a_later_list_shows() {
    let mut seen = unclear(Transport::Telegram, 5);
    looked(&mut seen).unclaimed = ["a", "b"]
        .map(|word| remote(word, Transport::Telegram, "init", None))
        .to_vec();
    let asked = planned(&seen);
    seen = written(seen, &asked);
    looked(&mut seen).unclaimed.remove(0);
    assert_eq!(gist(&planned(&seen)), "ChooseChannel");
    looked(&mut seen).unclaimed = vec![remote("c", Transport::Telegram, "init", None)];
    assert_eq!(
        gist(&planned(&seen)),
        "record c, Connecting",
        "nobody was asked about it"
    );
}

#[test]
fn an_absence_is_proven_anew_once_something_was_there() {
    let mut seen = settled(Transport::Telegram);
    looked(&mut seen).unclaimed = vec![remote("a", Transport::Telegram, "init", None)];
    let found = planned(&seen);
    assert_eq!(
        (gist(&found).as_str(), found.memory.missing_since),
        ("Connecting", None)
    );
    looked(&mut seen)
        .unclaimed
        .push(remote("b", Transport::Telegram, "init", None));
    let asked = planned(&seen);
    assert_eq!(
        (gist(&asked).as_str(), asked.memory.missing_since),
        ("ChooseChannel", None)
    );
}

#[test]
fn a_manifest_that_names_a_channel_leaves_what_the_unclear_create_made_to_be_told() {
    let mut seen = unclear(Transport::Telegram, 5);
    wished(&mut seen).adopt = Some(id("named"));
    looked(&mut seen).mine = Some(remote("named", Transport::Telegram, "active", None));
    let plan = adopted(&seen);
    assert_eq!(gist(&plan), "record named, Connected");
    let mut seen = written(seen, &plan);
    looked(&mut seen).unclaimed = vec![remote("made", Transport::Telegram, "active", None)];
    assert_eq!(planned(&seen).memory.twins, [id("made")]);
}

#[test]
fn unscanned_qr_channels_are_interchangeable_up_to_the_number_of_open_intents() {
    let of = |newcomers: usize, other_intents: usize, transport: Transport| {
        let mut seen = unclear(transport, 200);
        let look: &mut Look = looked(&mut seen);
        look.other_intents = vec![Vec::new(); other_intents];
        look.unclaimed = (0..newcomers)
            .map(|number| remote(&format!("n{number}"), transport, "init", Some("qr")))
            .collect();
        let plan = planned(&seen);
        gist(&if gist(&plan) == "Connecting" {
            adopted(&seen)
        } else {
            plan
        })
    };
    assert_eq!(of(2, 1, Transport::Max), "record n0, Connecting");
    assert_eq!(of(2, 0, Transport::Max), "ChooseChannel");
    assert_eq!(
        of(1, 1, Transport::Telegram),
        "ChooseChannel",
        "bots are not interchangeable"
    );
    assert_eq!(of(2, 1, Transport::Telegram), "ChooseChannel");
}

#[test]
fn a_scanned_qr_channel_cannot_be_ours_and_is_asked_about() {
    let mut seen = unclear(Transport::Whatsapp, 5);
    looked(&mut seen).unclaimed = vec![remote("new", Transport::Whatsapp, "active", None)];
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "ChooseChannel");
    assert!(words(&plan).contains("new") && words(&plan).contains("resolve-create"));
}

#[test]
fn an_intent_that_could_not_hold_every_id_never_adopts_by_itself() {
    let mut seen = unclear(Transport::Telegram, 5);
    seen.object.intent.as_mut().unwrap().baseline_cut = true;
    looked(&mut seen).unclaimed = vec![remote("new", Transport::Telegram, "init", None)];
    assert_eq!(gist(&planned(&seen)), "ChooseChannel");
}
