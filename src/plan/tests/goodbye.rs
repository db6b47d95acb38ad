//! Letting a channel go.

use std::time::Duration;

use super::super::{
    Account, AccountTrouble, Claim, DeletionPolicy, Kind, Management, Refusal, RefusedCall, Remote, Repeated, Seen,
    Supply, Wake, Webhooks,
};
use super::stage::{
    after, at, fresh, gist, id, known, looked, planned, remote, takes_answer_away, unclear, wished, words, written,
};
use crate::model::{Fault, Transport};

fn deleting(mut seen: Seen) -> Seen {
    seen.object.deleting = true;
    seen
}

fn with(mut seen: Seen, change: impl FnOnce(&mut Seen)) -> Seen {
    change(&mut seen);
    seen
}

#[test]
fn policy_decides_what_becomes_of_the_channel() {
    let gone = deleting(known(Transport::Telegram, "active", None));
    let rows: &[(Option<DeletionPolicy>, bool, &str)] = &[
        (None, false, "delete mine, Deleting"),
        (Some(DeletionPolicy::Delete), false, "delete mine, Deleting"),
        (
            Some(DeletionPolicy::DeleteWithChats),
            false,
            "delete mine with chats, Deleting",
        ),
        (Some(DeletionPolicy::Retain), false, "release, Gone"),
        (None, true, "release, Gone"),
        (Some(DeletionPolicy::Delete), true, "delete mine, Deleting"),
    ];
    for (policy, adopted, expected) in rows {
        let seen = with(gone.clone(), |seen| {
            wished(seen).deletion = *policy;
            wished(seen).adopt = adopted.then(|| id("mine"));
        });
        assert_eq!(gist(&planned(&seen)), *expected, "{policy:?} adopted {adopted}");
    }
    let observed = with(gone, |seen| {
        wished(seen).management = Management::Observe;
        wished(seen).deletion = Some(DeletionPolicy::Delete);
    });
    assert_eq!(gist(&planned(&observed)), "release, Gone");
}

#[test]
fn keeping_the_channel_needs_no_service_at_all() {
    let seen = with(deleting(known(Transport::Telegram, "active", None)), |seen| {
        wished(seen).deletion = Some(DeletionPolicy::Retain);
        seen.account = Account::Trouble(AccountTrouble::NotFound, "no account".into());
        seen.remote = Remote::NotAsked;
    });
    assert_eq!(gist(&planned(&seen)), "release, Gone");
}

#[test]
fn an_object_that_never_made_anything_goes_at_once() {
    let held = with(deleting(fresh(Transport::Telegram)), |seen| {
        seen.object.finalizer = true;
    });
    assert_eq!(gist(&planned(&held)), "release, Gone");
    let unreadable = with(held, |seen| seen.wish = Err("spec.transport is missing".into()));
    assert_eq!(gist(&planned(&unreadable)), "release, Gone");
}

#[test]
fn deletion_works_while_suspended_and_without_the_sink_or_the_secret() {
    let seen = with(deleting(known(Transport::Whatsapp, "init", Some("qr"))), |seen| {
        wished(seen).suspend = true;
        seen.credentials = Supply::Missing("Secret".into());
        seen.account = Account::Usable {
            webhooks: Webhooks::Off,
        };
    });
    assert_eq!(gist(&planned(&seen)), "delete mine, Deleting");
}

#[test]
fn abandoning_and_uninstalling_leave_the_channel() {
    for change in [
        (|seen: &mut Seen| seen.object.abandon = true) as fn(&mut Seen),
        |seen: &mut Seen| seen.object.kind = Kind::Going,
        |seen: &mut Seen| seen.claim = Claim::HeldBy("a/b".into()),
    ] {
        let seen = with(deleting(known(Transport::Telegram, "active", None)), change);
        assert_eq!(gist(&planned(&seen)), "release, Gone");
    }
}

#[test]
fn without_its_account_a_deletion_waits_and_says_the_way_out() {
    let seen = with(deleting(known(Transport::Telegram, "active", None)), |seen| {
        seen.account = Account::Trouble(AccountTrouble::NotAuthenticated, "Secret acme is missing".into());
    });
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "FixCredentials");
    assert!(words(&plan).contains("Secret acme is missing; mend the account"));
    assert!(words(&plan).contains("wazzup24.com/abandon=true"));
    let plan = planned(&with(seen, |seen| seen.object.namespace_terminating = true));
    assert!(!words(&plan).contains("mend the account"), "{}", words(&plan));
    assert!(words(&plan).contains("wazzup24.com/abandon=true"));
}

#[test]
fn who_cannot_see_whether_the_operator_is_being_uninstalled_deletes_nothing() {
    let seen = with(deleting(known(Transport::Telegram, "active", None)), |seen| {
        seen.object.kind = Kind::Hidden("Kubernetes did not answer".into());
    });
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Deleting");
    assert!(words(&plan).contains("did not answer") && words(&plan).contains("wazzup24.com/abandon=true"));
}

#[test]
fn while_nobody_could_ask_for_a_token_a_deletion_waits_by_itself() {
    let seen = with(deleting(known(Transport::Telegram, "active", None)), |seen| {
        seen.account = Account::Trouble(AccountTrouble::OutOfReach, "no route".into());
    });
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Deleting");
    assert!(words(&plan).contains("no route") && words(&plan).contains("wazzup24.com/abandon=true"));
}

#[test]
fn a_spec_that_cannot_be_read_stalls_the_deletion_of_a_made_channel_and_says_the_way_out() {
    let seen = with(deleting(known(Transport::Telegram, "active", None)), |seen| {
        seen.wish = Err("spec.deletionPolicy is wrong".into());
    });
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Stalled/InvalidSpec");
    assert!(words(&plan).contains("abandon=true"));
    let earlier = with(deleting(fresh(Transport::Telegram)), |seen| {
        seen.object.finalizer = true;
        seen.wish = Err("spec.deletionPolicy is wrong".into());
        seen.memory.repeated = Some(Repeated {
            at: at(-60),
            known: vec![id("old")],
        });
    });
    let plan = planned(&earlier);
    assert_eq!(
        (gist(&plan).as_str(), plan.wake),
        ("Stalled/InvalidSpec", Wake::After(Duration::from_secs(24 * 3_600 - 60))),
        "what an earlier create may have made is not let go either, for a day"
    );
    let later = with(earlier, |seen| seen.now = at(24 * 3_600));
    assert_eq!(gist(&planned(&later)), "release, Gone");
}

#[test]
fn a_refused_deletion_is_repeated_after_a_pause() {
    let refused = |age: i64| {
        with(deleting(known(Transport::Telegram, "active", None)), |seen| {
            seen.memory.refusal = Some(Refusal {
                call: RefusedCall::Delete,
                at: at(-age),
                words: "busy".into(),
            });
        })
    };
    let plan = planned(&refused(3));
    assert_eq!(gist(&plan), "Deleting");
    assert!(words(&plan).contains("busy"));
    assert_eq!(gist(&planned(&refused(10))), "delete mine, Deleting");
}

#[test]
fn what_an_unclear_create_may_have_made_is_searched_before_the_object_goes() {
    let young = deleting(unclear(Transport::Telegram, 5));
    assert_eq!(gist(&planned(&young)), "Deleting");
    let found = with(young.clone(), |seen| {
        looked(seen).unclaimed = vec![remote("new", Transport::Telegram, "init", None)];
    });
    assert_eq!(
        gist(&planned(&found)),
        "Deleting",
        "another may still come, and nobody would be left to tell"
    );
    let late = with(found, |seen| {
        seen.now = at(200);
        seen.intent_watched = Duration::from_secs(200);
    });
    assert_eq!(gist(&planned(&late)), "record new, Deleting");
    let kept = with(late, |seen| looked(seen).age = Duration::from_secs(86));
    assert_eq!(
        (gist(&planned(&kept)), planned(&kept).wake),
        ("Deleting".to_owned(), Wake::LookAfter(Duration::ZERO)),
        "a list of before the grace's end shows no other that came since"
    );
    let hidden = with(young.clone(), |seen| {
        seen.remote = Remote::Hidden {
            fault: Fault::Unclear { why: "timeout".into() },
            in_a_row: 9,
        };
    });
    assert_eq!(gist(&planned(&hidden)), "Deleting");
    let proven = with(deleting(unclear(Transport::Telegram, 200)), |seen| {
        seen.memory.missing_since = Some(at(-10));
    });
    assert_eq!(gist(&planned(&proven)), "release, Gone");
}

#[test]
fn a_link_that_nobody_followed_has_made_nothing_by_two_looks() {
    let seen = deleting(unclear(Transport::Vk, 5));
    let first = planned(&seen);
    assert_eq!(
        (gist(&first).as_str(), first.wake),
        ("Deleting", Wake::LookAfter(Duration::ZERO)),
        "the list may be older than the one who followed it"
    );
    let mut seen = written(seen, &first);
    let kept = with(seen.clone(), |seen| looked(seen).age = Duration::from_secs(1));
    assert_eq!(
        (gist(&planned(&kept)).as_str(), planned(&kept).wake),
        ("Deleting", Wake::LookAfter(Duration::ZERO)),
        "the same list once more is no second one"
    );
    assert_eq!(gist(&planned(&seen)), "release, Gone");
    let mut refused = deleting(fresh(Transport::Vk));
    refused.object.finalizer = true;
    refused.memory.repeated = Some(Repeated {
        at: at(-60),
        known: vec![id("old")],
    });
    let once = planned(&refused);
    assert_eq!(
        (gist(&once).as_str(), once.wake),
        ("Deleting", Wake::LookAfter(Duration::ZERO)),
        "nor has a first link beside one that was refused"
    );
    let again = written(refused.clone(), &once);
    assert_eq!(gist(&planned(&again)), "release, Gone");
    let contested = |mut seen: Seen| {
        looked(&mut seen).unclaimed = vec![remote("followed", Transport::Vk, "active", None)];
        looked(&mut seen).other_intents = vec![vec![id("old")]];
        let plan = planned(&seen);
        assert_eq!(
            (gist(&plan).as_str(), plan.wake),
            ("Deleting", Wake::LookAfter(Duration::from_secs(10))),
            "which of two links was followed is not known yet"
        );
    };
    contested(refused);
    contested(again);
    looked(&mut seen).unclaimed = vec![remote("followed", Transport::Vk, "active", None)];
    assert_eq!(gist(&planned(&seen)), "record followed, Deleting");
}

#[test]
fn nothing_else_goes_where_the_channel_that_a_person_named_is_not_shown() {
    let mut seen = deleting(unclear(Transport::Telegram, 200));
    looked(&mut seen).unclaimed = ["a", "b"]
        .map(|word| remote(word, Transport::Telegram, "init", None))
        .to_vec();
    let asked = planned(&seen);
    assert_eq!(gist(&asked), "ChooseChannel");
    seen = written(seen, &asked);
    // This list lacks what the person names.
    looked(&mut seen).unclaimed.pop();
    assert_eq!(
        gist(&planned(&seen)),
        "ChooseChannel",
        "of what was asked a person decides"
    );
    seen.object.requests.resolve_create = Some("b".into());
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "ChooseChannel");
    assert!(words(&plan).starts_with("'b' is no unclaimed telegram channel"));
    seen.object.requests.resolve_create = Some("a".into());
    assert_eq!(gist(&planned(&seen)), "record a, Deleting");
}

#[test]
fn while_other_creates_may_have_made_it_an_object_that_goes_asks_nobody() {
    let mut seen = deleting(unclear(Transport::Telegram, 5));
    looked(&mut seen).unclaimed = vec![remote("x", Transport::Telegram, "init", None)];
    looked(&mut seen).other_intents = vec![vec![id("old")]];
    let plan = planned(&seen);
    assert_eq!(
        (gist(&plan).as_str(), plan.wake),
        ("Deleting", Wake::LookAfter(Duration::from_secs(10)))
    );
    let late = after(seen, Duration::from_secs(200));
    assert_eq!(gist(&planned(&late)), "ChooseChannel");
}

#[test]
fn what_an_earlier_create_may_have_made_is_asked_about_before_the_object_goes() {
    // A person said `create` about a stranger; the second create is unclear, too, and knows what the first one made meanwhile.
    let mut seen = deleting(unclear(Transport::Whatsapp, 200));
    seen.object.intent.as_mut().unwrap().baseline = vec![id("made"), id("old"), id("stranger")];
    seen.memory.missing_since = Some(at(-10));
    seen.memory.repeated = Some(Repeated {
        at: at(-300),
        known: vec![id("old"), id("stranger")],
    });
    looked(&mut seen).unclaimed = ["made", "old", "stranger"]
        .map(|word| remote(word, Transport::Whatsapp, "init", Some("qr")))
        .to_vec();
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "ChooseChannel");
    assert!(words(&plan).contains("made") && !words(&plan).contains("stranger"));
    let with_another = with(seen.clone(), |seen| {
        let later = remote("c-later", Transport::Whatsapp, "init", Some("qr"));
        looked(seen).unclaimed.push(later);
    });
    let told = planned(&with_another);
    assert!(
        words(&told).contains("one of these channels: c-later, made;"),
        "what the newer create may have made is named beside it, once"
    );
    let late = with(seen.clone(), |seen| {
        seen.memory.repeated.as_mut().unwrap().at = at(-50_000);
    });
    let renewed = planned(&late).memory.repeated.unwrap().at;
    assert_eq!(renewed, at(0), "a question does not end by itself");
    assert_eq!(
        plan.wake,
        Wake::After(Duration::from_secs(12 * 3_600 - 300)),
        "nor for want of a pass"
    );
    // The second one was refused: there is no intent any more.
    seen.object.intent = None;
    assert_eq!(gist(&planned(&seen)), "ChooseChannel");
    seen.object.requests.resolve_create = Some("made".into());
    assert_eq!(gist(&planned(&seen)), "record made, Deleting");
    seen.object.requests.resolve_create = Some("elsewhere".into());
    assert_eq!(gist(&planned(&seen)), "ChooseChannel");
    seen.object.requests.resolve_create = Some("create".into());
    assert_eq!(gist(&planned(&seen)), "release, Gone");
}

#[test]
fn an_object_whose_earlier_create_may_still_come_waits_for_its_grace() {
    let going = |age: i64| {
        let mut seen = deleting(fresh(Transport::Whatsapp));
        seen.object.finalizer = true;
        seen.memory.repeated = Some(Repeated {
            at: at(-age),
            known: vec![id("old")],
        });
        seen
    };
    assert_eq!(gist(&planned(&going(5))), "Deleting");
    assert_eq!(planned(&going(5)).wake, Wake::LookAfter(Duration::from_secs(10)));
    assert_eq!(gist(&planned(&going(120))), "release, Gone");
    let beside = with(going(5), |seen| {
        looked(seen).unclaimed = vec![remote("x", Transport::Whatsapp, "init", Some("qr"))];
        looked(seen).other_intents = vec![vec![id("old")]];
    });
    assert_eq!(
        gist(&planned(&beside)),
        "Deleting",
        "another object's create may have made it"
    );
    assert_eq!(
        gist(&planned(&with(beside, |seen| looked(seen).other_intents.clear()))),
        "ChooseChannel"
    );
    let torn = with(going(120), |seen| looked(seen).complete = false);
    assert_eq!(gist(&planned(&torn)), "Deleting");
    let kept = with(going(120), |seen| looked(seen).age = Duration::from_secs(6));
    assert_eq!(
        (gist(&planned(&kept)), planned(&kept).wake),
        ("Deleting".to_owned(), Wake::LookAfter(Duration::ZERO)),
        "a list of before its end shows nothing that came late"
    );
    let hidden = with(going(120), |seen| {
        seen.remote = Remote::Hidden {
            fault: Fault::Unclear { why: "timeout".into() },
            in_a_row: 9,
        };
    });
    assert_eq!(gist(&planned(&hidden)), "Deleting");
    let without = |age| {
        with(going(age), |seen| {
            seen.account = Account::Trouble(AccountTrouble::NotFound, "there is none".into());
        })
    };
    assert_eq!(gist(&planned(&without(5))), "FixCredentials");
    assert_eq!(gist(&planned(&without(120))), "release, Gone", "nothing more may come");
    for (account, told) in [
        (Account::Pending, "Unsettled"),
        (
            Account::Trouble(AccountTrouble::OutOfReach, "no route".into()),
            "Deleting",
        ),
        (
            Account::Trouble(AccountTrouble::NotAuthenticated, "its Secret could not be read".into()),
            "FixCredentials",
        ),
    ] {
        let starting = with(going(120), |seen| seen.account = account);
        assert_eq!(gist(&planned(&starting)), told, "it is usable in a moment");
    }
    assert_eq!(gist(&planned(&going(90_000))), "release, Gone");
}

#[test]
fn a_person_decides_which_channel_of_several_goes_with_the_object() {
    let several = with(deleting(unclear(Transport::Telegram, 5)), |seen| {
        looked(seen).unclaimed = ["a", "b"]
            .map(|word| remote(word, Transport::Telegram, "init", None))
            .to_vec();
    });
    let plan = planned(&several);
    assert_eq!(gist(&plan), "ChooseChannel");
    assert!(words(&plan).contains("abandon=true"));
    let answered = |answer: &str| {
        let answer = answer.to_owned();
        gist(&planned(&with(several.clone(), |seen| {
            seen.object.requests.resolve_create = Some(answer);
        })))
    };
    assert_eq!(answered("b"), "record b, Deleting");
    assert_eq!(answered("create"), "release, Gone");
    assert_eq!(answered("elsewhere"), "ChooseChannel");
    let old = with(several, |seen| {
        seen.object.requests.resolve_create = Some("create".into());
        seen.memory.handled.resolve_create = Some("create".into());
    });
    assert_eq!(
        gist(&planned(&old)),
        "ChooseChannel",
        "an answer to an earlier question is none to this one"
    );
}

#[test]
fn the_same_answer_lets_an_object_go_once_it_was_taken_away() {
    let mut seen = with(deleting(unclear(Transport::Telegram, 5)), |seen| {
        looked(seen).unclaimed = ["a", "b"]
            .map(|word| remote(word, Transport::Telegram, "init", None))
            .to_vec();
        seen.object.requests.resolve_create = Some("create".into());
        seen.memory.handled.resolve_create = Some("create".into());
    });
    let asked = planned(&seen);
    assert!(takes_answer_away(&asked), "{}", words(&asked));
    seen.object.requests.resolve_create = None;
    seen.memory = planned(&seen).memory;
    seen.object.requests.resolve_create = Some("create".into());
    assert_eq!(gist(&planned(&seen)), "release, Gone");
}
