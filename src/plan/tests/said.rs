//! Beside what is done: the words that people are told, what becomes of the sink, when to look again, what is remembered.

#![allow(clippy::large_stack_arrays, reason = "a table reads best in one piece")]

use std::time::Duration;

use super::super::{
    Account, Answer, Intent, Look, Management, Note, ReadyWhen, Refusal, RefusedCall, ReinitPolicy, Remote, RemoteById,
    Repeated, Seen, Sink, SinkOrder, Supply, Timing, Wake, Webhooks, reasons, report, settle,
};
use super::stage::{adopted, at, fresh, gist, id, known, look, looked, planned, remote, unclear, wished, words};
use crate::model::{Phone, Transport};

fn with(mut seen: Seen, change: impl FnOnce(&mut Seen)) -> Seen {
    change(&mut seen);
    seen
}

fn shown(link: bool, pairing_code: bool) -> Sink {
    Sink::Shown {
        qr_at: (!link).then(|| at(-5)),
        pairing_code,
        link,
    }
}

/// A channel that two looks did not show.
fn lost(transport: Transport) -> Seen {
    with(known(transport, "active", None), |seen| {
        seen.memory.missing_since = Some(at(-10));
        seen.remote = Remote::Looked(Look {
            by_id: RemoteById::Missing,
            ..look()
        });
    })
}

#[test]
fn each_message_tells_what_is_wrong_and_the_command_that_mends_it() {
    let whatsapp = known(Transport::Whatsapp, "init", Some("qr"));
    let waba = known(Transport::Wapi, "init", None);
    let password = known(Transport::Tgapi, "init", Some("wait_for_password"));
    let elsewhere = known(Transport::Whatsapp, "disabled", Some("openelsewhere"));
    let foreign = known(Transport::Whatsapp, "disabled", Some("foreignphone"));
    let other = with(known(Transport::Telegram, "active", None), |seen| {
        looked(seen).mine.as_mut().unwrap().transport = "viber".into();
    });
    let rows: &[(Seen, &[&str])] = &[
        (
            other,
            &["channel mine at Wazzup is of transport viber", "says telegram"],
        ),
        (
            with(known(Transport::Vk, "init", None), |seen| {
                seen.sink = shown(true, false);
            }),
            &["get configmap shop-qr -o jsonpath='{.data.link}'"],
        ),
        (
            with(waba.clone(), |seen| seen.memory.url = Some("https://x".into())),
            &["get wazzupchannel shop -o jsonpath='{.status.url}'"],
        ),
        (
            with(waba, |seen| seen.memory.reinits = 1),
            &["told no authorization link", "reinit-requested-at="],
        ),
        (
            with(fresh(Transport::Whatsapp), |seen| {
                seen.account = Account::Usable {
                    webhooks: Webhooks::Off,
                };
            }),
            &["--webhook-url", "spec.webhooks.mode"],
        ),
        (
            with(whatsapp.clone(), |seen| {
                seen.sink = shown(false, false);
                seen.object.requests.pairing = Some("now".into());
            }),
            &["{.data.qr\\.txt}", "set spec.pairing.phone"],
        ),
        (
            with(whatsapp, |seen| seen.sink = shown(false, true)),
            &["{.data.pairing-code}", "{.data.qr\\.txt}"],
        ),
        (password, &["--from-literal=password=PASSWORD", "generic shop-2fa"]),
        (elsewhere, &["another Wazzup account", "reinit-requested-at="]),
        (foreign, &["another phone", "reinit-requested-at="]),
    ];
    for (seen, expected) in rows {
        let words = words(&planned(seen));
        for part in *expected {
            assert!(words.contains(part), "'{part}' is not in: {words}");
        }
    }
}

#[test]
fn candidates_are_listed_with_what_a_person_knows_them_by() {
    let seen = with(unclear(Transport::Telegram, 5), |seen| {
        let mut found = ["a", "b", "c"].map(|word| remote(word, Transport::Telegram, "active", None));
        found[0].phone = Some("79990000000".into());
        found[1].phone = Some(String::new());
        looked(seen).unclaimed = found.to_vec();
    });
    let words = words(&planned(&seen));
    assert!(words.contains("channels: a (79990000000), b, c;"), "{words}");
    assert!(words.ends_with("wazzup24.com/resolve-create=a"), "{words}");
}

#[test]
fn what_the_sink_shows_goes_with_the_login_it_belongs_to() {
    let qr = |status, reason| {
        with(known(Transport::Whatsapp, status, reason), |seen| {
            seen.sink = shown(false, false);
        })
    };
    let idle = qr("disabled", Some("qridle"));
    let password = with(known(Transport::Tgapi, "init", Some("wait_for_password")), |seen| {
        seen.sink = shown(false, false);
    });
    let rows: &[(&str, Seen, SinkOrder)] = &[
        ("waits for a scan", qr("init", Some("qr")), SinkOrder::Keep),
        ("catches up", qr("init", Some("sync")), SinkOrder::Keep),
        ("active", qr("active", None), SinkOrder::Withdraw),
        ("removed", qr("disabled", None), SinkOrder::Withdraw),
        (
            "only on request",
            with(idle.clone(), |seen| wished(seen).reinit = ReinitPolicy::OnRequest),
            SinkOrder::Withdraw,
        ),
        ("a fresh QR", idle.clone(), SinkOrder::Withdraw),
        (
            "a pause before a fresh QR",
            with(idle.clone(), |seen| {
                seen.memory.reinits = 1;
                seen.memory.last_reinit_at = Some(at(-5));
            }),
            SinkOrder::Withdraw,
        ),
        (
            "no fresh QR is left",
            with(idle.clone(), |seen| seen.memory.reinits = 3),
            SinkOrder::Withdraw,
        ),
        (
            "logged out again",
            with(qr("disabled", Some("unauthorized")), |seen| seen.memory.reinits = 1),
            SinkOrder::Withdraw,
        ),
        (
            "a reinit by request",
            with(qr("init", Some("qr")), |seen| {
                seen.object.requests.reinit = Some("now".into());
            }),
            SinkOrder::Withdraw,
        ),
        ("no password is there", password.clone(), SinkOrder::Withdraw),
        (
            "a new password",
            with(password.clone(), |seen| {
                seen.two_factor = Supply::Present { hash: "k:7".into() };
            }),
            SinkOrder::Withdraw,
        ),
        (
            "a password that was sent",
            with(password, |seen| {
                seen.two_factor = Supply::Present { hash: "k:7".into() };
                seen.memory.two_factor_hash = Some("k:7".into());
            }),
            SinkOrder::Withdraw,
        ),
        ("gone", lost(Transport::Whatsapp), SinkOrder::Withdraw),
        (
            "active, the last reinit unanswered",
            with(known(Transport::Telegram, "active", None), |seen| {
                seen.memory.reinits = 1;
                seen.memory.reinit_unanswered = Some(at(-1));
            }),
            SinkOrder::Withdraw,
        ),
        (
            "suspended",
            with(idle.clone(), |seen| wished(seen).suspend = true),
            SinkOrder::Withdraw,
        ),
        (
            "observed",
            with(idle, |seen| wished(seen).management = Management::Observe),
            SinkOrder::Keep,
        ),
    ];
    for (what, seen, expected) in rows {
        assert_eq!(planned(seen).sink, *expected, "{what}");
    }
}

#[test]
fn a_sink_is_closed_only_when_one_was_open() {
    let active = known(Transport::Whatsapp, "active", None);
    assert_eq!(planned(&active).memory.qr_closed_at, None);
    let open = with(active, |seen| seen.sink = shown(false, false));
    assert_eq!(planned(&open).memory.qr_closed_at, Some(at(0)));
    let waiting = with(known(Transport::Whatsapp, "init", Some("qr")), |seen| {
        seen.sink = shown(false, false);
    });
    assert_eq!(planned(&waiting).memory.qr_closed_at, None);
}

#[test]
fn what_waits_for_a_time_wakes_at_that_time() {
    let awaited = with(known(Transport::Max, "init", Some("qr")), |seen| {
        seen.memory.qr_since = Some(at(-30));
    });
    assert_eq!(planned(&awaited).wake, Wake::After(Duration::from_secs(90)));
    let tried = |transport| {
        with(known(transport, "disabled", Some("unauthorized")), |seen| {
            seen.memory.reinits = 1;
            seen.memory.last_reinit_at = Some(at(-20));
            seen.memory.reinit_unanswered = Some(at(-20));
        })
    };
    for transport in [Transport::Telegram, Transport::Avito] {
        let plan = planned(&tried(transport));
        assert_eq!(gist(&plan), "FixCredentials", "{transport}");
        assert_eq!(plan.wake, Wake::After(Duration::from_secs(40)), "{transport}");
    }
    let second = with(tried(Transport::Telegram), |seen| seen.memory.reinits = 2);
    assert_eq!(planned(&second).wake, Wake::After(Duration::from_secs(280)));
}

#[test]
fn what_is_held_back_is_told_and_nothing_of_it_is_remembered() {
    let pairing = with(known(Transport::Whatsapp, "init", Some("qr")), |seen| {
        seen.sink = shown(false, false);
        wished(seen).pairing_phone = Some(Phone::parse("79990000000").unwrap());
        wished(seen).suspend = true;
    });
    let plan = planned(&pairing);
    assert_eq!(
        (gist(&plan).as_str(), words(&plan).as_str()),
        ("Suspended", "would ask for a pairing code")
    );
    assert_eq!(plan.memory.pairing_asked_for, None);
    let found = with(unclear(Transport::Telegram, 5), |seen| {
        wished(seen).suspend = true;
        looked(seen).unclaimed = vec![remote("new", Transport::Telegram, "init", None)];
    });
    let plan = adopted(&found);
    assert_eq!(gist(&plan), "record new, Suspended");
    assert_eq!(words(&plan), "would adopt the channel");
    let observed = |status, reason| {
        with(known(Transport::Telegram, status, reason), |seen| {
            wished(seen).management = Management::Observe;
            wished(seen).adopt = Some(id("mine"));
            seen.object.finalizer = false;
            seen.object.channel_id = None;
            seen.memory.channel_id = None;
        })
    };
    assert_eq!(gist(&planned(&observed("active", None))), "Connected");
    let plan = planned(&observed("disabled", Some("unauthorized")));
    assert_eq!(words(&plan), "would reinitialize the channel");
    assert_eq!(plan.memory.channel_id, Some(id("mine")));
}

#[test]
fn a_channel_is_recorded_until_finalizer_id_and_intent_are_as_they_should_be() {
    let recorded = known(Transport::Telegram, "active", None);
    assert_eq!(gist(&planned(&recorded)), "Connected");
    let open = with(recorded.clone(), |seen| {
        seen.object.intent = Some(Intent {
            at: at(-5),
            nonce: "before".into(),
            baseline: Vec::new(),
            baseline_cut: false,
        });
    });
    let other = with(recorded.clone(), |seen| seen.object.channel_id = Some(id("other")));
    let free = with(recorded, |seen| seen.object.finalizer = false);
    for seen in [open, other, free] {
        assert_eq!(gist(&planned(&seen)), "record mine, Connected");
    }
}

#[test]
fn what_was_asked_for_and_closed_outlives_the_channel() {
    let seen = with(lost(Transport::Telegram), |seen| {
        seen.memory.handled.reinit = Some("monday".into());
        seen.memory.qr_closed_at = Some(at(-99));
        seen.memory.reinits = 2;
    });
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "forget, Creating");
    assert_eq!(plan.memory.handled.reinit.as_deref(), Some("monday"));
    assert_eq!((plan.memory.qr_closed_at, plan.memory.reinits), (Some(at(-99)), 0));
}

#[test]
fn numbers_at_their_edges() {
    let baseline = |count: usize| {
        let seen = with(fresh(Transport::Telegram), |seen| {
            looked(seen).unclaimed = (0..count)
                .map(|number| remote(&format!("c{number}"), Transport::Telegram, "active", None))
                .collect();
        });
        match planned(&seen).note {
            Some(Note::OpenIntent(intent)) => (intent.baseline.len(), intent.baseline_cut),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (baseline(299), baseline(300), baseline(301)),
        ((299, false), (300, false), (300, true))
    );
    let newcomers = |count: usize| {
        let seen = with(unclear(Transport::Max, 200), |seen| {
            looked(seen).other_intents = vec![Vec::new(); 2];
            looked(seen).unclaimed = (0..count)
                .map(|number| remote(&format!("n{number}"), Transport::Max, "init", Some("qr")))
                .collect();
        });
        gist(&planned(&seen))
    };
    assert_eq!(newcomers(3), "Connecting", "one is taken");
    assert_eq!(newcomers(4), "ChooseChannel");
    assert_eq!(Timing::DEFAULT.create_grace, Duration::from_secs(115));
}

#[test]
fn neither_the_own_channel_nor_one_that_was_there_is_a_twin_and_a_day_is_a_day() {
    let seen = |age: i64| {
        with(known(Transport::Telegram, "active", None), |seen| {
            seen.memory.repeated = Some(Repeated {
                at: at(-age),
                known: vec![id("old")],
            });
            looked(seen).unclaimed = ["mine", "old", "twin"]
                .map(|word| remote(word, Transport::Telegram, "active", None))
                .to_vec();
        })
    };
    assert_eq!(planned(&seen(86_000)).memory.twins, [id("twin")]);
    assert_eq!(planned(&seen(86_400)).memory.twins, []);
}

#[test]
fn after_an_answer_no_note_is_written_twice_and_an_old_refusal_is_forgotten() {
    let pairing = with(known(Transport::Whatsapp, "init", Some("qr")), |seen| {
        seen.sink = shown(false, false);
        seen.object.finalizer = false;
        wished(seen).pairing_phone = Some(Phone::parse("79990000000").unwrap());
    });
    let plan = planned(&pairing);
    assert_eq!(gist(&plan), "record mine, pair mine 79990000000, ScanQr");
    let fault = crate::model::Fault::Unclear { why: "deadline".into() };
    for answer in [Ok(()), Err(fault)] {
        let settled = settle(
            &pairing,
            pairing.wish.as_ref().unwrap(),
            &plan,
            &Answer::PairingCode(answer),
        );
        assert_eq!(gist(&settled), "ScanQr");
    }
    let link = with(known(Transport::Vk, "disabled", Some("unauthorized")), |seen| {
        seen.memory.refusal = Some(Refusal {
            call: RefusedCall::Link,
            at: at(-4_000),
            words: "no".into(),
        });
    });
    let plan = planned(&link);
    assert_eq!(gist(&plan), "link mine, Reinitializing");
    let settled = settle(&link, link.wish.as_ref().unwrap(), &plan, &Answer::Link(Ok(())));
    assert_eq!(settled.memory.refusal, None);
}

#[test]
fn an_object_that_goes_is_not_ready_whatever_it_waits_for() {
    let seen = with(known(Transport::Whatsapp, "init", Some("qr")), |seen| {
        wished(seen).ready_when = ReadyWhen::Provisioned;
    });
    assert_eq!(report(&seen, &planned(&seen)).facts[0].reason, "Provisioned");
    let going = with(seen, |seen| seen.object.deleting = true);
    assert_eq!(report(&going, &planned(&going)).facts[0].reason, "Deleting");
}

#[test]
fn a_link_that_nobody_followed_is_believed_to_have_made_nothing_only_by_a_whole_list() {
    let going = |complete| {
        let seen = with(unclear(Transport::Vk, 5), |seen| {
            seen.object.deleting = true;
            seen.memory.missing_since = Some(at(-1));
            looked(seen).complete = complete;
        });
        gist(&planned(&seen))
    };
    assert_eq!(
        (going(true).as_str(), going(false).as_str()),
        ("release, Gone", "Deleting")
    );
}

#[test]
fn the_lists_of_reasons_hold_what_is_decided_and_what_is_said() {
    let channel = reasons::of_channel();
    for expected in [
        ("Ready", "Connected"),
        ("ActionRequired", "ScanQr"),
        ("Reconciling", "Creating"),
        ("Stalled", "Rejected"),
    ] {
        assert!(channel.contains(&expected), "{expected:?}");
    }
    let account = reasons::of_account();
    for expected in [("Ready", "Listed"), ("WebhooksSubscribed", "NoPublicUrl")] {
        assert!(account.contains(&expected), "{expected:?}");
    }
}
