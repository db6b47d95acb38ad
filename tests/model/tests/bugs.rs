//! The checker must catch what went wrong once, or could: each defect perturbs one step of the modelled controller.

#![allow(missing_docs, reason = "tests")]

use model_check::{Bounds, Bug, scenarios, search};

/// More states than any of these searches needs.
const MOST: usize = 2_000_000;

/// What goes wrong; the defect; the scenario that shows it; the law that it breaks.
const TABLE: &[(&str, Bug, &str, &str)] = &[
    (
        "a create is sent before its intent is in the object",
        Bug::NoIntent,
        "a bot is created, and much goes wrong",
        "I2",
    ),
    (
        "the intent is written over what another replica has done",
        Bug::UnconditionalIntent,
        "a bot is created by a replica that goes on too long",
        "I1",
    ),
    (
        "a password is sent before it is written down that it was",
        Bug::CallBeforeMemory,
        "a channel with a two-factor password is kept",
        "twice",
    ),
    (
        "a list without the channel is believed at once",
        Bug::NoGrace,
        "a bot is created, and much goes wrong",
        "I1",
    ),
    (
        "one list without the channel is enough",
        Bug::OneList,
        "a bot is created, and much goes wrong",
        "I1",
    ),
    (
        "a channel that somebody else has scanned is taken for ours",
        Bug::ScannedAdopted,
        "a QR channel is created while people meddle",
        "I3",
    ),
    (
        "creates of two bots run side by side",
        Bug::NoLane,
        "two bots are created at once",
        "at once",
    ),
    (
        "the id that came with the answer is not stored",
        Bug::IdForgotten,
        "a bot is created, and much goes wrong",
        "I2",
    ),
    (
        "a replica goes on calling when its lease has run out",
        Bug::NoFence,
        "a bot is created by a replica that goes on too long",
        "without a lease",
    ),
    (
        "a replica without a lease stores an id over what another one has done",
        Bug::StaleRecord,
        "a bot is created by a replica that goes on too long",
        "I2",
    ),
    (
        "a replica without a lease tells over what another one remembers",
        Bug::StaleStatus,
        "a bot is created by a replica that goes on too long",
        "I2",
    ),
    (
        "the open creates of other objects are not counted",
        Bug::OthersIgnored,
        "two bots are created at once",
        "I3",
    ),
    (
        "an intent counts only when the watch shows it",
        Bug::IntentsByWatchAlone,
        "two bots are created at once",
        "I3",
    ),
    (
        "what was taken but could not be written down hides from its own search",
        Bug::OwnClaimHides,
        "a bot is created while people meddle",
        "I2",
    ),
    (
        "an answer is recorded though another object has taken the channel",
        Bug::TakenTwice,
        "two QR channels are created at once",
        "two objects",
    ),
    (
        "what another object has counts as nobody's",
        Bug::ClaimsIgnored,
        "two QR channels are created at once",
        "two objects",
    ),
    (
        "a create without an answer counts as not sent",
        Bug::UnclearIsNotSent,
        "a bot is created, and much goes wrong",
        "I2",
    ),
    (
        "what was there before the create counts as new",
        Bug::NoBaseline,
        "a bot is created while people meddle",
        "I3",
    ),
    (
        "what another object has while a create begins is not remembered",
        Bug::ClaimedForgotten,
        "a bot is created while another object leaves its own",
        "I3",
    ),
    (
        "what another object has is remembered only where a list shows it, which may be old",
        Bug::ClaimedAsListed,
        "a bot is created while another object gets its own and leaves it",
        "I3",
    ),
    (
        "a list that was asked for within the grace proves that nothing was made",
        Bug::KeptListOfNow,
        "a bot's create is not answered while lists are kept for another object",
        "I1",
    ),
    (
        "an object goes before its unclear create was searched",
        Bug::ReleasedUnsearched,
        "a bot is created while people meddle",
        "I2",
    ),
    (
        "a deletion without an answer counts as done",
        Bug::UnclearDeleteIsDone,
        "a bot is kept",
        "I2",
    ),
    (
        "one look that lacks the channel is enough to make it again",
        Bug::LossAtFirstLook,
        "a bot is kept",
        "I1",
    ),
    (
        "nobody watches for what may still come of an unclear create",
        Bug::NoTwins,
        "a bot is created while people meddle",
        "I2",
    ),
    (
        "that a reinit had no answer is forgotten",
        Bug::ReinitAnswerLost,
        "a bot is kept",
        "no rest",
    ),
    (
        "a password that has served is never used again",
        Bug::PasswordServesOnce,
        "a channel with a two-factor password is kept",
        "no rest",
    ),
    (
        "a channel that is found counts as made with the Secret of today",
        Bug::SecretOfToday,
        "a bot is created while its Secret changes",
        "no rest",
    ),
    (
        "the same answer is never taken for another question",
        Bug::AnswerServesOnce,
        "a QR channel is asked about more than once",
        "no rest",
    ),
    (
        "an answer that the create's question had is never heard by the deletion's",
        Bug::DeletionDeaf,
        "a QR channel is asked about, and again when it goes",
        "no rest",
    ),
    (
        "a channel that is gone takes the watch for its twin along",
        Bug::WatchGoesAlong,
        "a bot is lost at the service while its twin is on its way",
        "I2",
    ),
    (
        "a create after an intent whose process ended leaves no hash of its Secret",
        Bug::HashLost,
        "a bot's create is not sent, the next one not answered, and its Secret changes",
        "no rest",
    ),
];

#[test]
fn every_defect_is_caught() {
    let all = scenarios(Bounds::Short);
    let mut missed = Vec::new();
    for (what, bug, name, law) in TABLE {
        let named = all.iter().find(|named| named.name == *name).unwrap();
        let found = search(named.scenario, *bug, MOST);
        match found.violations.first() {
            Some(violation) if violation.law.contains(law) => {
                println!(
                    "{what}: {} ({} states, {} steps)",
                    violation.law,
                    found.states,
                    violation.story.len()
                );
            }
            other => missed.push(format!("{what}: {other:?} after {} states", found.states)),
        }
    }
    println!("{} of {} defects caught", TABLE.len() - missed.len(), TABLE.len());
    assert_eq!(missed, Vec::<String>::new());
}

#[test]
fn the_table_holds_every_defect() {
    for bug in Bug::ALL {
        assert_eq!(TABLE.iter().filter(|(_, row, _, _)| *row == bug).count(), 1, "{bug:?}");
    }
}
