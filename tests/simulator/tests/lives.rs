//! Every status and reason of the page can be reached, and each is told by an event.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod bench;

use std::collections::BTreeSet;

use bench::{ACCOUNT, Bench};
use wazzup_simulator::Dialect;

const BOT: &str = r#"{"telegram_token":"1:AAAAAAAAAAAA"}"#;

fn clean() -> Bench {
    Bench::new(Dialect::Clean)
}

#[test]
fn a_secret_is_enough_for_some_transports() {
    for (transport, credentials) in [
        ("telegram", BOT),
        ("maxbot", r#"{"access_token":"x"}"#),
        ("avito", r#"{"code":"x"}"#),
        (
            "instAPI",
            r#"{"username":"shop","page_id":"1","inst_id":"2","user_token":"3"}"#,
        ),
    ] {
        let mut bench = clean();
        let id = bench.create(transport, credentials);
        assert_eq!(bench.state(&id), "init/-");
        bench.pass(200);
        assert_eq!(bench.state(&id), "active/-", "{transport}");
    }
}

#[test]
fn a_qr_rotates_runs_out_and_comes_back_with_a_reinit() {
    for transport in ["whatsapp", "tgapi", "viber", "max"] {
        let mut bench = clean();
        let id = bench.create(transport, "{}");
        bench.pass(200);
        assert_eq!(bench.state(&id), "init/qr");
        let mut seen = BTreeSet::from([bench.qr(&id)]);
        for _ in 1..bench.world.timings.qr_count {
            bench.pass(20_000);
            seen.insert(bench.qr(&id));
        }
        assert_eq!(seen.len(), 5, "each is another one");
        let last = bench.qr(&id);
        bench.pass(20_000);
        assert_eq!(bench.state(&id), "disabled/qridle");
        assert!(
            bench.world.scan(&last, "7999", bench.now).is_err(),
            "a dead QR serves nobody"
        );
        let path = format!("/v2/channels/{id}/reinit");
        assert_eq!(bench.call("POST", &path, r#"{"credentials":{}}"#).status, 200);
        bench.pass(200);
        assert_eq!(bench.state(&id), "init/qr");
        let qr = bench.qr(&id);
        bench.world.scan(&qr, "7999", bench.now).unwrap();
        assert_eq!(bench.state(&id), "init/sync");
        bench.pass(200);
        assert_eq!(bench.state(&id), "active/-");
        bench.call("POST", &path, r#"{"credentials":{}}"#);
        bench.pass(200);
        let qr = bench.qr(&id);
        bench.world.scan(&qr, "7000", bench.now).unwrap();
        assert_eq!(bench.state(&id), "disabled/foreignphone", "another phone");
    }
}

#[test]
fn an_outdated_qr_is_dead_as_soon_as_the_next_is_shown() {
    let mut bench = clean();
    let id = bench.create("viber", "{}");
    bench.pass(200);
    let first = bench.qr(&id);
    bench.pass(20_000);
    assert!(bench.world.scan(&first, "7999", bench.now).is_err());
}

#[test]
fn a_pairing_code_needs_a_living_qr() {
    let mut bench = clean();
    let id = bench.create("whatsapp", "{}");
    let path = format!("/v2/channels/{id}/pairing-code");
    let body = r#"{"pairing_phone":"79990000000","transport":"whatsapp"}"#;
    assert_eq!(bench.call("POST", &path, body).status, 400, "no QR yet");
    bench.pass(200);
    assert_eq!(bench.call("POST", &path, body).status, 200);
}

#[test]
fn a_wrong_two_factor_password_is_refused_and_the_right_one_serves() {
    let mut bench = clean();
    bench.world.set_two_factor("tgapi", Some("right"));
    let id = bench.create("tgapi", "{}");
    bench.pass(200);
    let qr = bench.qr(&id);
    bench.world.scan(&qr, "7999", bench.now).unwrap();
    assert_eq!(bench.state(&id), "init/wait_for_password");
    let path = format!("/v2/channels/{id}/auth/2fa");
    let wrong = bench.call("POST", &path, r#"{"two_factor_code":"wrong","transport":"tgapi"}"#);
    assert_eq!(wrong.status, 400);
    assert_eq!(bench.state(&id), "init/wait_for_password");
    let right = bench.call("POST", &path, r#"{"two_factor_code":"right","transport":"tgapi"}"#);
    assert_eq!(right.status, 200);
    let early = bench.call("POST", &path, r#"{"two_factor_code":"right","transport":"tgapi"}"#);
    assert_eq!(early.status, 400, "it does not wait for one any more");
}

#[test]
fn links_connect_waba_and_vkontakte() {
    let mut bench = clean();
    let id = bench.create("wapi", "{}");
    bench.pass(200);
    assert_eq!(bench.state(&id), "init/-");
    let link = bench.world.channel(&id).unwrap().url.clone().unwrap();
    bench.world.follow_link(&link, bench.now).unwrap();
    bench.pass(200);
    assert_eq!(bench.state(&id), "active/-");
    assert!(bench.world.channel(&id).unwrap().tier.is_some());
    let before = bench.world.channels_of(ACCOUNT).len();
    let answer = bench.call("POST", "/v2/iframe-links/channels", r#"{"options":{"transport":"vk"}}"#);
    assert_eq!(
        bench.world.channels_of(ACCOUNT).len(),
        before,
        "a link makes nothing by itself"
    );
    let link = answer.body["data"]["link"].as_str().unwrap().to_owned();
    let id = bench.world.follow_link(&link, bench.now).unwrap();
    bench.pass(200);
    assert_eq!(bench.state(&id), "active/-");
    assert!(
        bench
            .world
            .follow_link("https://elsewhere.example.com", bench.now)
            .is_err()
    );
}

#[test]
fn refused_unpaid_and_revoked_bots_say_so() {
    let mut bench = clean();
    bench.world.refuse_to_pay("1:AAAAAAAAAAAA");
    let id = bench.create("telegram", BOT);
    bench.pass(200);
    assert_eq!(bench.state(&id), "disabled/not_enough_money");
    bench.world.pay(&id, bench.now).unwrap();
    bench.pass(200);
    assert_eq!(bench.state(&id), "active/-");
    bench.world.revoke_bot("1:AAAAAAAAAAAA");
    let refused = bench.call(
        "POST",
        "/v2/channels",
        &format!(r#"{{"transport":"telegram","credentials":{BOT}}}"#),
    );
    assert_eq!(refused.status, 400);
}

#[test]
fn every_other_word_of_the_page_can_be_set_and_is_told_by_an_event() {
    let mut bench = clean();
    let id = bench.create("whatsapp", "{}");
    bench.pass(200);
    for (status, reason) in [
        ("init", Some("wait_for_code")),
        ("disabled", Some("blocked")),
        ("disabled", Some("rejected")),
        ("disabled", Some("unauthorized")),
        ("disabled", Some("openelsewhere")),
        ("disabled", None),
        ("active", None),
    ] {
        bench.world.set_status(&id, status, reason, bench.now).unwrap();
        let events = bench.pass(1);
        let event = events.iter().find(|event| event.event == "channel.status_update");
        let item = &event.unwrap_or_else(|| panic!("{status} {reason:?} was not told")).body["data"][0];
        assert_eq!(
            (item["status"].as_str(), item["reason"].as_str()),
            (Some(status), reason)
        );
    }
}

#[test]
fn creates_and_deletions_are_told_by_events_to_the_rows_of_their_account() {
    let mut bench = clean();
    bench.world.add_row(ACCOUNT, "channel.create", "https://a.example.com");
    bench.world.add_row(ACCOUNT, "channel.delete", "https://b.example.com");
    let id = bench.create("viber", "{}");
    bench.call("DELETE", &format!("/v2/channels/{id}"), "");
    let sent: Vec<(String, Vec<String>)> = bench
        .pass(1)
        .iter()
        .map(|event| (event.event.clone(), bench.world.targets(event)))
        .collect();
    assert_eq!(
        sent,
        [
            ("channel.create".to_owned(), vec!["https://a.example.com".to_owned()]),
            ("channel.delete".to_owned(), vec!["https://b.example.com".to_owned()]),
        ]
    );
}
