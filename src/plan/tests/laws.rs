//! Laws that hold whatever was seen.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{
    Account, Answer, Call, Claim, DeletionPolicy, Intent, Kind, Known, Management, Memory, Note, Plan, Remote,
    RemoteById, Seen, SinkOrder, Verdict, Wake, broken_law, plan, settle,
};
use super::stage::{at, fresh, id, known, written};
use super::tape::{Tape, bytes, cases};
use crate::model::{CreateOutcome, Transport};

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_is_lawful_and_the_same_world_has_the_same_plan(tape in bytes()) {
        let seen = Tape::of(tape).seen();
        let made = plan(&seen);
        prop_assert_eq!(broken_law(&seen, &made), None);
        prop_assert_eq!(plan(&seen), made);
    }

    #[test]
    fn every_answer_settles_into_a_lawful_plan_without_a_call(tape in bytes()) {
        let mut tape = Tape::of(tape);
        let seen = tape.seen();
        let made = plan(&seen);
        if let (Some(call), Ok(wish)) = (&made.call, &seen.wish) {
            let answer = tape.answer(call);
            let settled = settle(&seen, wish, &made, &answer);
            prop_assert!(settled.call.is_none());
            prop_assert_eq!(broken_law(&seen, &settled), None);
            let keeps = matches!(answer, Answer::Create(CreateOutcome::Unknown(_)));
            prop_assert!(!keeps || settled.note.is_none(), "what nobody knows keeps its intent");
        }
    }

    #[test]
    fn a_world_that_stands_still_comes_to_rest(tape in bytes()) {
        let mut seen = Tape::of(tape).seen();
        for _ in 0..6 {
            let made = plan(&seen);
            if made.call.is_some() || matches!(made.note, Some(Note::RemoveFinalizer)) {
                return Ok(());
            }
            let next = written(seen.clone(), &made);
            if next == seen {
                return Ok(());
            }
            seen = next;
        }
        prop_assert!(false, "still writing: {:#?}\n{:#?}", plan(&seen), seen);
    }

    #[test]
    fn who_cannot_look_or_is_not_let_in_changes_nothing_at_wazzup(tape in bytes()) {
        let mut tape = Tape::of(tape);
        let mut seen = tape.seen();
        seen.object.deleting = false;
        match tape.byte() % 3 {
            0 => seen.remote = Remote::NotAsked,
            1 => seen.remote = Remote::Hidden { fault: tape.fault(), in_a_row: 3 },
            _ => seen.account = Account::Pending,
        }
        let made = plan(&seen);
        prop_assert!(made.call.is_none() && made.note.is_none(), "{:?}", made);
    }

    #[test]
    fn a_plan_that_changes_nothing_is_not_made_again_at_once(tape in bytes()) {
        let seen = Tape::of(tape).seen();
        let made = plan(&seen);
        let at_once = matches!(made.wake, Wake::After(Duration::ZERO) | Wake::LookAfter(Duration::ZERO));
        let idle = made.call.is_none() && made.note.is_none() && made.memory == seen.memory;
        // A newer list is another thing to see.
        let newer = match &seen.remote {
            Remote::NotAsked => true,
            Remote::Looked(look) => !look.age.is_zero() && matches!(made.wake, Wake::LookAfter(_)),
            Remote::Hidden { .. } => false,
        };
        prop_assert!(!(idle && at_once) || newer, "{:#?}\n{:#?}", made, seen);
    }

    #[test]
    fn a_create_needs_a_free_hand_and_leaves_its_trace_first(tape in bytes()) {
        let seen = Tape::of(tape).seen();
        let made = plan(&seen);
        if matches!(made.call, Some(Call::Create { .. })) {
            prop_assert!(matches!(made.note, Some(Note::OpenIntent(_))));
            prop_assert!(seen.channel_id().is_none());
            prop_assert!(seen.wish.as_ref().is_ok_and(|wish| wish.adopt.is_none()));
        }
    }

    #[test]
    fn an_object_leaves_nothing_of_its_own_behind_unless_it_was_told_to(tape in bytes()) {
        let mut seen = Tape::of(tape).seen();
        seen.object.deleting = true;
        seen.object.finalizer = true;
        let made = plan(&seen);
        let kept = seen.wish.as_ref().is_ok_and(|wish| {
            wish.management == Management::Observe || wish.deletion_policy() == DeletionPolicy::Retain
        });
        let told = seen.object.abandon || seen.object.kind == Kind::Going || kept || seen.claim != Claim::Free;
        let seen_gone = matches!(&seen.remote, Remote::Looked(look) if look.mine.is_none() && look.by_id == RemoteById::Missing);
        if made.note == Some(Note::RemoveFinalizer) && seen.channel_id().is_some() {
            prop_assert!(told || seen_gone, "{:#?}\n{:#?}", made, seen);
        }
    }

    #[test]
    fn what_is_not_asked_for_decides_nothing(tape in bytes()) {
        let seen = Tape::of(tape).seen();
        let known = Known::of(&seen);
        let made = plan(&seen);
        let mut without = seen.clone();
        if let Remote::Looked(look) = &mut without.remote {
            if !known.needs_unclaimed() {
                look.unclaimed.clear();
            }
            if !known.needs_claimed() {
                look.claimed.clear();
            }
            if !known.needs_other_intents() {
                look.other_intents.clear();
            }
        }
        prop_assert_eq!(&plan(&without), &made);
        if !known.needs_list() {
            let blind = plan(&Seen { remote: Remote::NotAsked, ..seen });
            prop_assert_eq!((blind.note, blind.call, blind.sink), (made.note, made.call, made.sink));
        }
    }
}

#[test]
fn each_law_catches_its_breach() {
    let ready = known(Transport::Telegram, "active", None);
    let make = |note: Option<Note>, call: Option<Call>| Plan {
        note,
        memory: Memory::default(),
        call,
        sink: SinkOrder::Keep,
        verdict: Verdict::Unsettled,
        wake: Wake::OnChange,
    };
    let intent = || {
        Some(Note::OpenIntent(Intent {
            at: at(0),
            nonce: "n".into(),
            baseline: Vec::new(),
            baseline_cut: false,
        }))
    };
    let create = || Some(Call::Create { alone: true });
    let reinit = |word: &str| Some(Call::Reinit(id(word)));
    let delete = |word: &str| {
        Some(Call::Delete {
            id: id(word),
            with_chats: false,
        })
    };
    let new = fresh(Transport::Telegram);
    let changed = |of: &Seen, change: &dyn Fn(&mut Seen)| {
        let mut seen = of.clone();
        change(&mut seen);
        seen
    };
    let going = changed(&ready, &|seen| seen.object.deleting = true);
    let going_without = changed(&new, &|seen| seen.object.deleting = true);
    assert_eq!(
        broken_law(&going_without, &make(intent(), create())),
        Some("nothing is made for an object that goes")
    );
    let breaches = vec![
        (ready.clone(), make(Some(Note::RemoveFinalizer), None)),
        (going.clone(), make(Some(Note::RemoveFinalizer), delete("mine"))),
        (going.clone(), make(intent(), create())),
        (ready.clone(), make(intent(), create())),
        (new.clone(), make(intent(), None)),
        (ready.clone(), make(Some(Note::ForgetId), reinit("mine"))),
        (
            changed(&ready, &|seen| seen.wish = Err("x".into())),
            make(None, reinit("mine")),
        ),
        (
            changed(&ready, &|seen| {
                seen.wish.as_mut().unwrap().management = Management::Observe;
            }),
            make(None, reinit("mine")),
        ),
        (
            changed(&ready, &|seen| seen.wish.as_mut().unwrap().suspend = true),
            make(None, reinit("mine")),
        ),
        (
            changed(&ready, &|seen| seen.account = Account::Pending),
            make(None, reinit("mine")),
        ),
        (
            changed(&ready, &|seen| seen.claim = Claim::HeldBy("a/b".into())),
            make(None, reinit("mine")),
        ),
        (
            changed(&ready, &|seen| seen.remote = Remote::NotAsked),
            make(None, reinit("mine")),
        ),
        (ready.clone(), make(None, reinit("theirs"))),
        (ready.clone(), make(None, delete("mine"))),
        (going.clone(), make(None, delete("theirs"))),
        (going, make(None, reinit("mine"))),
        (new, make(None, create())),
        (ready, make(None, Some(Call::OpenLink(None)))),
    ];
    for (number, (seen, unlawful)) in breaches.iter().enumerate() {
        assert!(
            broken_law(seen, unlawful).is_some(),
            "breach {number} went unseen: {unlawful:?}"
        );
    }
}
