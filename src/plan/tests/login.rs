//! A row for every status and reason, for every transport.

use std::time::Duration;

use super::super::{
    Account, Answer, Call, Management, Need, Plan, Refusal, RefusedCall, ReinitPolicy, Remote, RemoteById, Seen, Sink,
    SinkOrder, Supply, Wake, Webhooks, settle,
};
use super::stage::{after, at, fresh, gist, id, known, looked, need, planned, told, unclear, wished, words, written};
use crate::model::{Fault, Login, Phone, Transport};

const QR: [Transport; 4] = [Transport::Whatsapp, Transport::Tgapi, Transport::Viber, Transport::Max];

fn shown(seconds: i64) -> Sink {
    Sink::Shown {
        qr_at: Some(at(seconds)),
        pairing_code: false,
        link: false,
    }
}

/// Follows the planner through `passes`, each after the pause that it asked for, the world standing still.
fn calls(mut seen: Seen, passes: usize) -> Vec<(u64, String)> {
    let mut passed = Duration::ZERO;
    let mut made = Vec::new();
    for _ in 0..passes {
        let plan: Plan = planned(&seen);
        if plan.call.is_some() {
            made.push((passed.as_secs(), gist(&plan)));
        }
        let pause = match plan.wake {
            Wake::OnChange => Duration::from_secs(60),
            Wake::After(pause) | Wake::LookAfter(pause) => pause,
        };
        let answered = match &plan.call {
            Some(Call::Reinit(_)) => settle(&seen, seen.wish.as_ref().unwrap(), &plan, &Answer::Reinit(Ok(None))),
            _ => plan,
        };
        seen = after(written(seen, &answered), pause);
        passed += pause;
    }
    made
}

#[test]
fn an_active_channel_is_connected_whatever_its_reason() {
    for transport in Transport::ALL {
        for reason in [None, Some("qr"), Some("tomorrow")] {
            let seen = known(transport, "active", reason);
            assert_eq!(gist(&planned(&seen)), "Connected", "{transport}");
        }
    }
}

#[test]
fn each_status_and_reason_has_its_rung() {
    let token = Transport::Telegram;
    let rows: &[(Transport, &str, Option<&str>, &str)] = &[
        (token, "init", None, "Connecting"),
        (token, "init", Some("sync"), "Syncing"),
        (token, "init", Some("wait_for_code"), "EnterCode"),
        (Transport::Whatsapp, "init", Some("sync"), "Syncing"),
        (Transport::Whatsapp, "init", None, "Connecting"),
        (Transport::Whatsapp, "init", Some("qr"), "ScanQr"),
        (Transport::Tgapi, "init", Some("wait_for_password"), "EnterPassword"),
        (Transport::Tgapi, "init", Some("wait_for_code"), "EnterCode"),
        (Transport::Wapi, "init", None, "FollowLink"),
        (Transport::Vk, "init", None, "Connecting"),
        (token, "disabled", Some("unauthorized"), "reinit mine, Reinitializing"),
        (
            Transport::MaxBot,
            "disabled",
            Some("unauthorized"),
            "reinit mine, Reinitializing",
        ),
        (
            Transport::InstApi,
            "disabled",
            Some("unauthorized"),
            "reinit mine, Reinitializing",
        ),
        (Transport::Avito, "disabled", Some("unauthorized"), "FixCredentials"),
        (
            Transport::Whatsapp,
            "disabled",
            Some("unauthorized"),
            "reinit mine, Reinitializing",
        ),
        (
            Transport::Wapi,
            "disabled",
            Some("unauthorized"),
            "reinit mine, Reinitializing",
        ),
        (
            Transport::Vk,
            "disabled",
            Some("unauthorized"),
            "link mine, Reinitializing",
        ),
        (
            Transport::Viber,
            "disabled",
            Some("qridle"),
            "reinit mine, Reinitializing",
        ),
        (
            Transport::Whatsapp,
            "disabled",
            Some("openelsewhere"),
            "OpenedElsewhere",
        ),
        (Transport::Whatsapp, "disabled", Some("foreignphone"), "WrongPhone"),
        (token, "disabled", Some("not_enough_money"), "PayForChannel"),
        (token, "disabled", Some("blocked"), "ContactSupport"),
        (Transport::Wapi, "disabled", Some("rejected"), "ContactSupport"),
        (token, "disabled", None, "RemovedOrUnsubscribed"),
        (token, "disabled", Some("tomorrow"), "Unrecognized"),
        (token, "init", Some("tomorrow"), "Unrecognized"),
        (token, "paused", None, "Unrecognized"),
        (token, "init", Some("blocked"), "Unrecognized"),
    ];
    for (transport, status, reason, expected) in rows {
        let plan = planned(&known(*transport, status, *reason));
        assert_eq!(gist(&plan), *expected, "{transport} {status} {reason:?}");
    }
}

#[test]
fn a_missing_status_is_taken_from_a_telling_reason_and_from_nothing_else() {
    let seen = |reason| {
        let mut seen = known(Transport::Telegram, "active", reason);
        looked(&mut seen).mine.as_mut().unwrap().status = None;
        seen
    };
    assert_eq!(told(&planned(&seen(Some("not_enough_money")))), "PayForChannel");
    assert_eq!(told(&planned(&seen(Some("sync")))), "Syncing");
    assert_eq!(gist(&planned(&seen(Some("tomorrow")))), "Unrecognized");
    assert_eq!(gist(&planned(&seen(None))), "Unrecognized");
}

#[test]
fn unknown_words_are_kept_and_nothing_is_done() {
    let plan = planned(&known(Transport::Telegram, "paused", Some("siesta")));
    assert!(
        words(&plan).contains("status paused, reason siesta"),
        "{}",
        words(&plan)
    );
    assert_eq!((plan.call, plan.note, plan.sink), (None, None, SinkOrder::Keep));
}

#[test]
fn a_connected_channel_takes_its_qr_back_and_starts_its_budgets_anew() {
    let mut seen = known(Transport::Whatsapp, "active", None);
    seen.sink = shown(-5);
    seen.memory.reinits = 3;
    seen.memory.last_reinit_at = Some(at(-60));
    seen.memory.pairing_given = true;
    seen.object.requests.recreate = Some("now".into());
    let plan = planned(&seen);
    let there = plan.memory.handled.recreate.as_deref();
    assert_eq!(there, Some("now"), "not kept for the day on which it is lost");
    assert_eq!(plan.sink, SinkOrder::Withdraw);
    assert_eq!((plan.memory.reinits, plan.memory.last_reinit_at), (0, None));
    assert_eq!(plan.memory.qr_closed_at, Some(seen.now));
    assert!(!plan.memory.pairing_given);
}

#[test]
fn changed_credentials_reinitialize_an_active_channel_once() {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.credentials = Supply::Present { hash: "k:2".into() };
    assert_eq!(calls(seen, 5), [(0, "reinit mine, Reinitializing".to_owned())]);
}

#[test]
fn an_adopted_channel_is_not_reinitialized_for_credentials_nobody_changed() {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.memory.credentials_hash = None;
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Connected");
    assert_eq!(plan.memory.credentials_hash.as_deref(), Some("k:1"));
}

#[test]
fn new_credentials_that_were_refused_are_asked_for_while_the_channel_still_works() {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.memory.credentials_hash = Some("k:2".into());
    seen.credentials = Supply::Present { hash: "k:2".into() };
    seen.memory.refusal = Some(Refusal {
        call: RefusedCall::Reinit,
        at: at(-5),
        words: "no such bot".into(),
    });
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "FixCredentials");
    assert!(words(&plan).contains("no such bot"));
}

#[test]
fn a_logged_out_bot_is_tried_once_and_then_with_growing_pauses() {
    for transport in [Transport::Telegram, Transport::MaxBot, Transport::InstApi] {
        let times: Vec<u64> = calls(known(transport, "disabled", Some("unauthorized")), 12)
            .into_iter()
            .map(|(second, _)| second)
            .collect();
        assert_eq!(times[..4], [0, 60, 360, 2_160], "{transport}");
        assert!(
            times.windows(2).skip(3).all(|pair| pair[1] - pair[0] >= 3_600),
            "{times:?}"
        );
    }
}

#[test]
fn a_logged_out_avito_channel_is_reinitialized_only_with_a_new_code() {
    let mut seen = known(Transport::Avito, "disabled", Some("unauthorized"));
    assert_eq!(calls(seen.clone(), 8), []);
    seen.credentials = Supply::Present { hash: "k:2".into() };
    assert_eq!(calls(seen, 8).len(), 1);
}

#[test]
fn credentials_that_are_missing_or_cannot_be_read_are_never_sent() {
    let mut seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
    seen.credentials = Supply::Missing("Secret bot has no key telegram_token".into());
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "FixCredentials");
    assert!(words(&plan).contains("--from-literal=telegram_token=VALUE"));
    seen.credentials = Supply::Hidden("forbidden".into());
    assert_eq!(gist(&planned(&seen)), "BackingOff");
}

#[test]
fn an_idle_qr_is_renewed_three_times_with_growing_pauses_and_never_again() {
    for transport in QR {
        let made = calls(known(transport, "disabled", Some("qridle")), 40);
        let times: Vec<u64> = made.iter().map(|(second, _)| *second).collect();
        assert_eq!(times.len(), 3, "{transport}: {made:?}");
        assert!(times[1] - times[0] >= 60 && times[2] - times[1] >= 300, "{times:?}");
        let mut spent = known(transport, "disabled", Some("qridle"));
        spent.memory.reinits = 3;
        spent.sink = shown(-100);
        let plan = planned(&spent);
        assert_eq!(
            (need(&plan), plan.sink),
            (Some(Need::RequestNewQr), SinkOrder::Withdraw)
        );
        assert!(words(&plan).contains("reinit-requested-at"));
    }
}

#[test]
fn a_logged_out_qr_channel_gets_one_new_qr() {
    for transport in QR {
        assert_eq!(
            calls(known(transport, "disabled", Some("unauthorized")), 20).len(),
            1,
            "{transport}"
        );
    }
}

#[test]
fn a_logged_out_waba_channel_is_reinitialized_once_and_then_shows_its_link() {
    let seen = known(Transport::Wapi, "disabled", Some("unauthorized"));
    assert_eq!(calls(seen.clone(), 20).len(), 1);
    let plan = planned(&after(written(seen.clone(), &planned(&seen)), Duration::from_secs(60)));
    assert_eq!(gist(&plan), "FollowLink");
}

#[test]
fn a_lost_qr_event_costs_one_reinit_after_two_minutes_out_of_the_same_budget() {
    let made = calls(known(Transport::Max, "init", Some("qr")), 40);
    let times: Vec<u64> = made.iter().map(|(second, _)| *second).collect();
    assert_eq!(times.len(), 3, "{made:?}");
    assert_eq!(times[0], 120);
    let mut spent = known(Transport::Max, "init", Some("qr"));
    spent.memory.reinits = 3;
    spent.memory.qr_since = Some(at(-121));
    assert_eq!(gist(&planned(&spent)), "RequestNewQr");
}

#[test]
fn a_shown_qr_is_waited_for_without_a_call_and_says_how_to_read_it() {
    for (transport, kind, command) in [
        (
            Transport::Whatsapp,
            "configmap",
            "kubectl -n shops get configmap shop-qr -o jsonpath='{.data.qr\\.txt}'",
        ),
        (
            Transport::Viber,
            "secret",
            "kubectl -n shops get secret shop-qr -o jsonpath='{.data.qr\\.txt}' | base64 -d",
        ),
    ] {
        let mut seen = known(transport, "init", Some("qr"));
        seen.sink = shown(-5);
        wished(&mut seen).sink.0 = kind;
        let plan = planned(&seen);
        assert_eq!(gist(&plan), "ScanQr");
        assert!(words(&plan).contains(command), "{}", words(&plan));
        assert_eq!(calls(seen, 100), []);
    }
}

#[test]
fn a_pairing_code_is_asked_for_once_per_login_and_again_on_request_or_after_a_refusal_with_the_next_qr() {
    let mut seen = known(Transport::Whatsapp, "init", Some("qr"));
    wished(&mut seen).pairing_phone = Some(Phone::parse("79001234567").unwrap());
    assert_eq!(gist(&planned(&seen)), "ScanQr", "no QR, no code");
    seen.sink = shown(-5);
    assert_eq!(gist(&planned(&seen)), "pair mine 79001234567, ScanQr");
    // Asked, and no answer yet or refused: not with the same QR, but with the next.
    seen = written(seen.clone(), &planned(&seen));
    assert_eq!(gist(&planned(&seen)), "ScanQr");
    seen.sink = shown(-1);
    assert_eq!(gist(&planned(&seen)), "pair mine 79001234567, ScanQr");
    // Given: no rotation asks again, a person does.
    seen = written(seen.clone(), &planned(&seen));
    seen.memory.pairing_given = true;
    seen.sink = shown(0);
    assert_eq!(gist(&planned(&seen)), "ScanQr");
    seen.object.requests.pairing = Some("now".into());
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "pair mine 79001234567, ScanQr");
    assert_eq!(plan.memory.handled.pairing.as_deref(), Some("now"));
}

#[test]
fn each_two_factor_password_is_submitted_once() {
    let mut seen = known(Transport::Tgapi, "init", Some("wait_for_password"));
    assert_eq!(gist(&planned(&seen)), "EnterPassword");
    seen.two_factor = Supply::Present { hash: "k:pw".into() };
    assert_eq!(calls(seen.clone(), 20), [(0, "password mine, Connecting".to_owned())]);
    seen.memory.two_factor_hash = Some("k:pw".into());
    seen.memory.refusal = Some(Refusal {
        call: RefusedCall::TwoFactor,
        at: at(-5),
        words: "wrong password".into(),
    });
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "EnterPassword");
    assert!(words(&plan).contains("wrong password"));
    seen.two_factor = Supply::Present { hash: "k:other".into() };
    assert_eq!(gist(&planned(&seen)), "password mine, Connecting");
    seen.two_factor = Supply::Hidden("forbidden".into());
    assert_eq!(gist(&planned(&seen)), "Connecting");
}

#[test]
fn nothing_is_hammered_where_only_a_person_can_help() {
    for reason in [
        "openelsewhere",
        "foreignphone",
        "not_enough_money",
        "blocked",
        "rejected",
    ] {
        for transport in Transport::ALL {
            assert_eq!(
                calls(known(transport, "disabled", Some(reason)), 50),
                [],
                "{transport} {reason}"
            );
        }
    }
    for transport in Transport::ALL {
        assert_eq!(calls(known(transport, "disabled", None), 50), [], "{transport}");
        assert_eq!(
            calls(known(transport, "init", Some("wait_for_code")), 50),
            [],
            "{transport}"
        );
    }
}

#[test]
fn a_request_reinitializes_from_every_state_once_per_value() {
    for transport in Transport::ALL {
        for (status, reason) in [
            ("active", None),
            ("init", Some("qr")),
            ("disabled", Some("openelsewhere")),
            ("disabled", Some("foreignphone")),
            ("disabled", Some("tomorrow")),
            ("disabled", None),
        ] {
            let mut seen = known(transport, status, reason);
            wished(&mut seen).reinit = ReinitPolicy::OnRequest;
            seen.object.requests.reinit = Some("now".into());
            let plan = planned(&seen);
            let verb = if transport == Transport::Vk { "link" } else { "reinit" };
            assert_eq!(
                gist(&plan),
                format!("{verb} mine, Reinitializing"),
                "{transport} {status} {reason:?}"
            );
            assert_eq!(plan.memory.handled.reinit.as_deref(), Some("now"));
            let next = planned(&written(seen, &plan));
            let pending_link = transport == Transport::Vk && (status, reason) == ("active", None);
            assert!(
                next.call.is_none() || pending_link,
                "{transport} {status} {reason:?}: {}",
                gist(&next)
            );
        }
    }
}

#[test]
fn reinit_policy_on_request_leaves_every_logged_out_channel_alone_and_says_how_to_ask() {
    for transport in Transport::ALL {
        for reason in ["unauthorized", "qridle"] {
            let mut seen = known(transport, "disabled", Some(reason));
            wished(&mut seen).reinit = ReinitPolicy::OnRequest;
            let plan = planned(&seen);
            assert!(
                words(&plan).contains("reinit-requested-at"),
                "{transport} {reason}: {}",
                words(&plan)
            );
            assert_eq!(calls(seen, 20), [], "{transport} {reason}");
        }
    }
}

#[test]
fn without_webhooks_a_channel_that_waits_for_a_qr_says_how_to_enable_them() {
    let mut seen = known(Transport::Whatsapp, "init", Some("qr"));
    seen.account = Account::Usable {
        webhooks: Webhooks::Off,
    };
    assert_eq!(gist(&planned(&seen)), "EnableWebhooks");
}

#[test]
fn a_waba_link_is_kept_from_the_create_until_the_channel_is_active() {
    let mut seen = known(Transport::Wapi, "init", None);
    seen.memory.url = Some("https://login".into());
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "FollowLink");
    assert_eq!(plan.memory.url.as_deref(), Some("https://login"));
    let mut seen = known(Transport::Wapi, "active", None);
    seen.memory.url = Some("https://login".into());
    assert_eq!(planned(&seen).memory.url, None);
}

#[test]
fn a_channel_of_another_transport_is_never_touched() {
    let mut seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
    looked(&mut seen).mine.as_mut().unwrap().transport = "viber".into();
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "Stalled/InvalidSpec");
}

#[test]
fn who_cannot_look_says_so_after_three_times_and_changes_nothing() {
    for in_a_row in 1..=4 {
        let mut seen = known(Transport::Telegram, "disabled", Some("unauthorized"));
        seen.remote = Remote::Hidden {
            fault: Fault::Unclear { why: "timeout".into() },
            in_a_row,
        };
        let expected = if in_a_row >= 3 { "CannotLook!" } else { "CannotLook" };
        assert_eq!(gist(&planned(&seen)), expected);
    }
}

#[test]
fn an_id_known_only_from_the_manifest_or_the_annotation_is_recorded_in_passing() {
    let mut seen = known(Transport::Telegram, "active", None);
    seen.memory.channel_id = None;
    seen.object.channel_id = None;
    seen.object.finalizer = false;
    wished(&mut seen).adopt = Some(id("mine"));
    let plan = planned(&seen);
    assert_eq!(gist(&plan), "record mine, Connected");
    let mut restored = known(Transport::Telegram, "active", None);
    restored.memory.channel_id = None;
    restored.object.finalizer = false;
    assert_eq!(gist(&planned(&restored)), "record mine, Connected");
}

#[test]
fn every_transport_has_exactly_one_way_in() {
    for transport in Transport::ALL {
        let secret = matches!(transport.login(), Login::Secret { .. });
        assert_eq!(secret, !transport.credential_keys().is_empty(), "{transport}");
    }
}

#[test]
fn a_look_that_was_asked_for_is_echoed_whatever_it_showed() {
    let mut gone = known(Transport::Telegram, "active", None);
    looked(&mut gone).mine = None;
    looked(&mut gone).by_id = RemoteById::Missing;
    gone.memory.loss_believed = true;
    let mut observed = known(Transport::Telegram, "disabled", Some("unauthorized"));
    wished(&mut observed).management = Management::Observe;
    let mut keyless = fresh(Transport::Telegram);
    keyless.credentials = Supply::Missing("Secret bot".into());
    let mut taken = known(Transport::Whatsapp, "init", Some("qr"));
    taken.sink = Sink::Foreign;
    for mut seen in [gone, observed, keyless, taken, unclear(Transport::Telegram, 5)] {
        seen.object.requests.sync = Some("now".into());
        let plan = planned(&seen);
        assert_eq!(plan.memory.handled.sync.as_deref(), Some("now"), "{plan:?}");
        seen.remote = Remote::Hidden {
            fault: Fault::Unclear { why: "timeout".into() },
            in_a_row: 1,
        };
        assert_eq!(planned(&seen).memory.handled.sync, None, "nobody has looked");
    }
}
