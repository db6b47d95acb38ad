//! Creating without duplicates.

use std::time::Duration;

use super::super::{
    Account, AccountTrouble, Call, Claim, Look, Management, Need, Note, Refusal, RefusedCall, Remote, Repeated, Sink,
    Supply, Verdict, Wake, Webhooks,
};
use super::stage::{
    adopted, at, fresh, gist, id, known, look, looked, need, planned, remote, settled, takes_answer_away, unclear,
    wished, words, written,
};
use crate::model::{Fault, NotSent, Transport};

#[test]
fn a_new_object_opens_an_intent_and_creates() {
    for transport in Transport::ALL {
        let plan = planned(&fresh(transport));
        let expected = match transport {
            Transport::Telegram | Transport::MaxBot | Transport::InstApi | Transport::Avito => {
                "intent, create alone, Creating"
            }
            Transport::Vk => "intent, link, Creating",
            Transport::Whatsapp | Transport::Tgapi | Transport::Viber | Transport::Max | Transport::Wapi => {
                "intent, create, Creating"
            }
        };
        assert_eq!(gist(&plan), expected, "{transport}");
    }
}

#[test]
fn the_intent_holds_its_time_a_nonce_and_what_was_there_then() {
    let mut seen = fresh(Transport::Telegram);
    looked(&mut seen).unclaimed = ["b", "a"]
        .map(|word| remote(word, Transport::Telegram, "active", None))
        .to_vec();
    looked(&mut seen).claimed = vec![id("others")];
    let Some(Note::OpenIntent(intent)) = planned(&seen).note else {
        panic!("no intent");
    };
    assert_eq!((intent.at, intent.nonce.as_str()), (seen.now, "nonce"));
    assert_eq!(intent.baseline, [id("a"), id("b"), id("others")]);
    assert!(!intent.baseline_cut);
    looked(&mut seen).unclaimed = (0..310)
        .map(|number| remote(&format!("c{number}"), Transport::Telegram, "active", None))
        .collect();
    let Some(Note::OpenIntent(intent)) = planned(&seen).note else {
        panic!("no intent");
    };
    assert_eq!((intent.baseline.len(), intent.baseline_cut), (300, true));
    looked(&mut seen).unclaimed = vec![remote("z", Transport::Telegram, "active", None)];
    looked(&mut seen).claimed = (0..310).map(|number| id(&format!("c{number}"))).collect();
    let Some(Note::OpenIntent(intent)) = planned(&seen).note else {
        panic!("no intent");
    };
    assert_eq!((intent.baseline.len(), intent.baseline_cut), (300, false));
    assert!(intent.baseline.contains(&id("z")), "what nobody claims comes first");
}

#[test]
fn nothing_is_created_before_all_it_takes_is_there() {
    let telegram = |change: &dyn Fn(&mut super::super::Seen)| {
        let mut seen = fresh(Transport::Telegram);
        change(&mut seen);
        gist(&planned(&seen))
    };
    assert_eq!(
        telegram(&|seen| seen.wish = Err("spec.x is wrong".into())),
        "Stalled/InvalidSpec"
    );
    assert_eq!(telegram(&|seen| seen.account = Account::Pending), "Unsettled");
    let trouble = |trouble| move |seen: &mut super::super::Seen| seen.account = Account::Trouble(trouble, "why".into());
    assert_eq!(telegram(&trouble(AccountTrouble::NotFound)), "AccountNotFound");
    assert_eq!(telegram(&trouble(AccountTrouble::NotAllowed)), "AccountNotAllowed");
    assert_eq!(
        telegram(&trouble(AccountTrouble::NotAuthenticated)),
        "AccountNotAuthenticated"
    );
    assert_eq!(telegram(&trouble(AccountTrouble::Invalid)), "AccountNotAuthenticated");
    assert_eq!(
        telegram(&|seen| seen.claim = Claim::HeldBy("a/b".into())),
        "Stalled/ChannelClaimed"
    );
    assert_eq!(telegram(&|seen| seen.sink = Sink::Foreign), "Stalled/QrSinkNameTaken");
    assert_eq!(telegram(&|seen| seen.remote = Remote::NotAsked), "Unsettled");
    assert_eq!(
        telegram(&|seen| seen.credentials = Supply::Missing("Secret bot".into())),
        "FixCredentials"
    );
    assert_eq!(
        telegram(&|seen| seen.credentials = Supply::Hidden("forbidden".into())),
        "Creating"
    );
    assert_eq!(
        telegram(&|seen| seen.credentials = Supply::NotNeeded),
        "Stalled/InvalidSpec"
    );
    let hidden = Fault::NotSent {
        kind: NotSent::Connect,
        why: "refused".into(),
    };
    assert_eq!(
        telegram(&|seen| seen.remote = Remote::Hidden {
            fault: hidden.clone(),
            in_a_row: 1
        }),
        "CannotLook"
    );
}

#[test]
fn webhooks_come_first_where_a_qr_will_come_and_nowhere_else() {
    for transport in Transport::ALL {
        for (webhooks, expected) in [
            (Webhooks::Pending, "SubscribingWebhooks"),
            (Webhooks::Off, "EnableWebhooks"),
        ] {
            let mut seen = fresh(transport);
            seen.account = Account::Usable { webhooks };
            let plan = planned(&seen);
            let qr = matches!(transport.login(), crate::model::Login::Qr);
            assert_eq!(gist(&plan) == expected, qr, "{transport}: {}", gist(&plan));
        }
    }
}

#[test]
fn a_refused_create_waits_for_new_credentials_a_new_manifest_or_an_hour() {
    let refused = |age: i64| {
        let mut seen = fresh(Transport::Telegram);
        seen.object.observed_generation = 1;
        seen.memory.credentials_hash = Some("k:1".into());
        seen.memory.refusal = Some(Refusal {
            call: RefusedCall::Create,
            at: at(-age),
            words: "bad token".into(),
        });
        seen
    };
    let plan = planned(&refused(60));
    assert_eq!(gist(&plan), "RefusedCredentials");
    assert!(words(&plan).contains("bad token"));
    let mut changed = refused(60);
    changed.credentials = Supply::Present { hash: "k:2".into() };
    let mut edited = refused(60);
    edited.object.generation = 2;
    let mut asked = refused(60);
    asked.object.requests.recreate = Some("now".into());
    for seen in [changed, edited, asked, refused(3_600)] {
        assert_eq!(gist(&planned(&seen)), "intent, create alone, Creating");
    }
    let mut qr = refused(60);
    qr.wish = Ok(super::stage::wish(Transport::Whatsapp));
    qr.memory.credentials_hash = None;
    assert_eq!(gist(&planned(&qr)), "Stalled/Rejected");
}

#[test]
fn one_newcomer_is_ours_at_once() {
    for transport in Transport::ALL {
        let mut seen = unclear(transport, 5);
        looked(&mut seen).unclaimed = vec![
            remote("old", transport, "active", None),
            remote("new", transport, "init", Some("qr")),
        ];
        let plan = match transport {
            Transport::Vk => planned(&seen),
            _ => adopted(&seen),
        };
        assert_eq!(gist(&plan), "record new, Connecting", "{transport}");
        assert_eq!(plan.memory.channel_id, Some(id("new")));
    }
}

#[test]
fn a_channel_that_is_found_was_made_with_what_its_create_carried() {
    let hash = |plan: &super::super::Plan| plan.memory.credentials_hash.clone();
    let first = planned(&fresh(Transport::Telegram));
    assert_eq!(hash(&first).as_deref(), Some("k:1"), "written before the call");
    let mut seen = unclear(Transport::Telegram, 5);
    seen.memory.credentials_hash = hash(&first);
    seen.credentials = Supply::Present { hash: "k:2".into() };
    looked(&mut seen).unclaimed = vec![remote("new", Transport::Telegram, "active", None)];
    let plan = adopted(&seen);
    assert_eq!(hash(&plan).as_deref(), Some("k:1"));
    let mut seen = written(seen, &plan);
    let look = looked(&mut seen);
    look.mine = look.unclaimed.pop();
    assert_eq!(gist(&planned(&seen)), "reinit new, Reinitializing");
    let mut later = settled(Transport::Telegram);
    later.memory.credentials_hash = Some("k:1".into());
    later.credentials = Supply::Present { hash: "k:2".into() };
    let repeated = planned(&later);
    assert_eq!(gist(&repeated), "intent, create alone, Creating");
    assert_eq!(
        hash(&repeated).as_deref(),
        Some("k:1"),
        "what is found may come from either create"
    );
    later.memory.credentials_hash = None;
    assert_eq!(
        hash(&planned(&later)).as_deref(),
        Some("k:2"),
        "the process ended between its intent and what is remembered, so nothing was sent before"
    );
}

#[test]
fn a_persons_answer_decides_once() {
    let mut seen = unclear(Transport::Telegram, 5);
    looked(&mut seen).unclaimed = ["a", "b"]
        .map(|word| remote(word, Transport::Telegram, "init", None))
        .to_vec();
    let asked = planned(&seen);
    assert_eq!(gist(&asked), "ChooseChannel");
    seen.memory = asked.memory;
    assert_eq!(
        planned(&seen).memory,
        seen.memory,
        "asked once, nothing more is written"
    );
    seen.object.requests.resolve_create = Some("b".into());
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "record b, Connecting");
    assert_eq!(plan.memory.handled.resolve_create.as_deref(), Some("b"));
    seen.object.requests.resolve_create = Some("none-of-them".into());
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "ChooseChannel");
    assert!(words(&plan).starts_with("'none-of-them' is no unclaimed telegram channel"));
    assert!(!words(&plan).ends_with("resolve-create-"), "it answers this question");
    seen.object.requests.resolve_create = Some("create".into());
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "intent, create alone, Creating");
    assert_eq!(plan.memory.handled.resolve_create.as_deref(), Some("create"));
    seen.memory.handled.resolve_create = Some("create".into());
    assert_eq!(gist(&planned(&seen)), "ChooseChannel", "an answer serves once");
}

#[test]
fn a_login_link_is_asked_for_again_when_its_answer_was_lost() {
    let mut seen = unclear(Transport::Vk, 5);
    assert_eq!(gist(&planned(&seen)), "link, Creating");
    seen.memory.link_at = Some(at(-5));
    assert_eq!(gist(&planned(&seen)), "FollowLink");
    seen.object.requests.reinit = Some("now".into());
    assert_eq!(gist(&planned(&seen)), "link, Creating");
}

#[test]
fn a_suspended_or_observed_object_creates_nothing_and_says_what_it_would() {
    let mut seen = fresh(Transport::Telegram);
    wished(&mut seen).suspend = true;
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Suspended");
    assert_eq!(words(&plan), "would create the channel");
    let mut seen = fresh(Transport::Telegram);
    wished(&mut seen).management = Management::Observe;
    wished(&mut seen).adopt = Some(id("theirs"));
    seen.remote = Remote::Looked(Look {
        mine: Some(remote("theirs", Transport::Telegram, "disabled", Some("unauthorized"))),
        ..look()
    });
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Observed");
    assert!(plan.note.is_none(), "no finalizer on what is never deleted");
    assert!(plan.verdict != Verdict::Connected && need(&plan) != Some(Need::ChannelGone));
}

#[test]
fn creates_with_credentials_run_alone() {
    for transport in Transport::ALL {
        if let Some(Call::Create { alone }) = planned(&fresh(transport)).call {
            assert_eq!(alone, !transport.credential_keys().is_empty(), "{transport}");
        }
    }
}

#[test]
fn a_repeated_create_remembers_what_was_there_before_the_first_one() {
    let plan = planned(&settled(Transport::Telegram));
    assert_eq!(gist(&plan), "intent, create alone, Creating");
    let repeated = plan.memory.repeated.unwrap();
    assert_eq!((repeated.at, repeated.known), (at(0), vec![id("old")]));
}

#[test]
fn a_newcomer_after_a_repeated_create_is_suspected_once_and_never_touched() {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.memory.repeated = Some(Repeated {
        at: at(-600),
        known: vec![id("old")],
    });
    looked(&mut seen).unclaimed = ["old", "twin"]
        .map(|word| remote(word, Transport::Telegram, "active", None))
        .to_vec();
    let plan = planned(&seen);
    assert_eq!(
        (gist(&plan).as_str(), plan.memory.twins.as_slice()),
        ("Connected", &[id("twin")][..])
    );
    seen.memory = plan.memory;
    assert_eq!(planned(&seen).memory.twins, [id("twin")], "told once");
    seen.memory.twins.clear();
    looked(&mut seen).other_intents = vec![Vec::new()];
    assert_eq!(planned(&seen).memory.twins, [], "it may be another object's");
    looked(&mut seen).other_intents.clear();
    seen.now = at(90_000);
    assert_eq!(planned(&seen).memory.twins, [], "a day later it is nobody's business");
}

#[test]
fn what_a_person_has_ruled_out_is_no_twin() {
    let mut seen = settled(Transport::Telegram);
    looked(&mut seen).unclaimed = ["a", "b"]
        .map(|word| remote(word, Transport::Telegram, "active", None))
        .to_vec();
    seen.memory = planned(&seen).memory;
    let known = |seen: &super::super::Seen| planned(seen).memory.repeated.unwrap().known;
    assert_eq!(known(&seen), [id("a"), id("b"), id("old")], "a person was asked");
    seen.object.requests.resolve_create = Some("create".into());
    assert_eq!(known(&seen), [id("a"), id("b"), id("old")]);
    looked(&mut seen)
        .unclaimed
        .push(remote("c", Transport::Telegram, "active", None));
    assert_eq!(known(&seen), [id("a"), id("b"), id("old")], "nobody was asked about c");
}

#[test]
fn what_was_ruled_out_is_no_newcomer_for_the_next_create_either() {
    let mut seen = unclear(Transport::Whatsapp, 5);
    let stranger = remote("stranger", Transport::Whatsapp, "active", None);
    looked(&mut seen).unclaimed = vec![stranger.clone()];
    seen.memory = planned(&seen).memory;
    seen.object.requests.resolve_create = Some("create".into());
    // This list is older than the one that the question was about.
    looked(&mut seen).unclaimed = Vec::new();
    let Some(Note::OpenIntent(intent)) = planned(&seen).note else {
        panic!("no intent")
    };
    assert_eq!(intent.baseline, [id("old"), id("stranger")]);
}

#[test]
fn the_same_answer_counts_for_another_question_once_it_was_taken_away() {
    let mut seen = unclear(Transport::Telegram, 200);
    looked(&mut seen).unclaimed = vec![remote("a", Transport::Telegram, "active", None)];
    looked(&mut seen).other_intents = vec![Vec::new()];
    seen.object.requests.resolve_create = Some("create".into());
    seen.memory.handled.resolve_create = Some("create".into());
    let asked = planned(&seen);
    assert_eq!(gist(&asked), "ChooseChannel", "it answered a question of before");
    assert!(takes_answer_away(&asked), "{}", words(&asked));
    seen.object.requests.resolve_create = None;
    seen.memory = planned(&seen).memory;
    assert!(!takes_answer_away(&planned(&seen)));
    seen.object.requests.resolve_create = Some("create".into());
    assert_eq!(gist(&planned(&seen)), "intent, create alone, Creating");
}

#[test]
fn what_turns_up_beside_a_found_channel_is_suspected() {
    let mut seen = unclear(Transport::Telegram, 5);
    looked(&mut seen).unclaimed = vec![remote("first", Transport::Telegram, "active", None)];
    let plan = adopted(&seen);
    let repeated = plan.memory.repeated.clone().unwrap();
    assert_eq!((repeated.at, repeated.known), (at(0), vec![id("old")]));
    let mut seen = written(seen, &plan);
    let look = looked(&mut seen);
    look.mine = look.unclaimed.pop();
    look.unclaimed = vec![remote("second", Transport::Telegram, "active", None)];
    assert_eq!(planned(&seen).memory.twins, [id("second")]);
}

#[test]
fn a_twin_is_told_in_a_pass_that_calls_nothing() {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.memory.repeated = Some(Repeated {
        at: at(-600),
        known: Vec::new(),
    });
    looked(&mut seen).unclaimed = vec![remote("twin", Transport::Telegram, "active", None)];
    seen.credentials = Supply::Present { hash: "k:2".into() };
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "reinit mine, Reinitializing");
    assert_eq!(
        plan.memory.twins,
        [],
        "what is written before a call is announced by nobody"
    );
}

#[test]
fn one_login_link_is_open_for_an_account_at_a_time() {
    let mut seen = fresh(Transport::Vk);
    looked(&mut seen).other_intents = vec![Vec::new()];
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Creating");
    assert!(words(&plan).contains("another object's login link"), "{}", words(&plan));
    looked(&mut seen).other_intents.clear();
    assert_eq!(gist(&planned(&seen)), "intent, link, Creating");
}

#[test]
fn an_old_list_is_followed_by_another_before_anything_is_made() {
    let first = fresh(Transport::Telegram);
    let mut answered = unclear(Transport::Telegram, 5);
    answered.object.requests.resolve_create = Some("create".into());
    for (seen, made) in [
        (first, "intent, create alone, Creating"),
        (answered, "intent, create alone, Creating"),
    ] {
        for (age, expected) in [(60, made), (115, made), (116, "Creating"), (86_400, "Creating")] {
            let mut seen = seen.clone();
            looked(&mut seen).age = Duration::from_secs(age);
            let plan = planned(&seen);
            assert_eq!(gist(&plan), expected, "{age} s");
            assert!(plan.call.is_some() || plan.wake == Wake::LookAfter(Duration::ZERO));
            wished(&mut seen).suspend = true;
            assert_eq!(gist(&planned(&seen)), "Suspended", "{age} s: nothing will be made");
        }
    }
}
