//! Every JSON example of the Channels page: requests are taken word by word, answers have the examples' shape.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod bench;

use bench::{Bench, shape};
use serde_json::{Value, json};
use wazzup_simulator::Dialect;

fn page() -> Bench {
    Bench::new(Dialect::Page)
}

#[track_caller]
fn assert_like(answer: &Value, example: &str) {
    let example: Value = serde_json::from_str(example).unwrap();
    assert_eq!(shape(answer), shape(&example));
}

const TELEGRAM: &str = r#"{
"transport": "telegram",
"credentials": {
"telegram_token": "6945215375:AAHffBHffYyCEeT7ffVv0ff8AKhfz4"
}
}"#;

#[test]
fn creating_a_telegram_bot() {
    let answer = page().call("POST", "/v2/channels", TELEGRAM);
    assert_eq!(answer.status, 200);
    assert_like(
        &answer.body,
        r#"{ "data": [ { "channel_id": "0b1f701-1e21-4ae8-b105-5028f6a", "transport": "telegram" } ],
            "meta": { "timestamp": 1759483774 } }"#,
    );
    assert_eq!(answer.body["data"][0]["transport"], "telegram");
    let id = answer.body["data"][0]["channel_id"].as_str().unwrap();
    assert_eq!(
        id.split('-').map(str::len).collect::<Vec<_>>(),
        [7, 4, 4, 4, 7],
        "the example's ids are no UUIDs"
    );
}

#[test]
fn the_qr_webhook() {
    let mut bench = page();
    let id = bench.create("whatsapp", "{}");
    let events = bench.pass(200);
    let event = events.iter().find(|event| event.event == "channel.qr_update").unwrap();
    assert_like(
        &event.body,
        r#"{ "event": "channel.qr_update", "data": [ { "channel_id": "656cc30c-7d6d-4ec4-a3d9-87abbeaf92",
            "platform": "whatsapp", "qr_code": "data:image/png;base64,iVBORw0KGg....." } ],
            "meta": { "idempotency_key": "daa4e9e6-ca92-41a2-a91b-8cf212f687", "timestamp": 1760947913 } }"#,
    );
    let item = &event.body["data"][0];
    assert_eq!(
        (item["channel_id"].as_str(), item["platform"].as_str()),
        (Some(id.as_str()), Some("whatsapp"))
    );
    assert!(
        item["qr_code"]
            .as_str()
            .unwrap()
            .starts_with("data:image/png;base64,iVBORw0KGg")
    );
}

#[test]
fn creating_a_waba_channel_gives_its_link() {
    let answer = page().call("POST", "/v2/channels", r#"{ "transport": "wapi", "credentials": {} }"#);
    assert_like(
        &answer.body,
        r#"{ "data": [ { "channel_id": "b7936d81-1053-4c1c-9b9c-6ef6cf2", "transport": "wapi",
            "url": "https://gs.tc.im/5GYyg" } ], "meta": { "timestamp": 1762944046 } }"#,
    );
}

#[test]
fn passing_two_factor_authentication() {
    let mut bench = page();
    bench.world.set_two_factor("tgapi", Some("1234"));
    let id = bench.create("tgapi", "{}");
    bench.pass(200);
    let qr = bench.qr(&id);
    bench.world.scan(&qr, "79990000000", bench.now).unwrap();
    let events = bench.pass(1);
    let event = events
        .iter()
        .find(|event| event.event == "channel.status_update")
        .unwrap();
    let item = &event.body["data"][0];
    assert_eq!(
        (item["status"].as_str(), item["reason"].as_str()),
        (Some("init"), Some("wait_for_password"))
    );
    let answer = bench.call(
        "POST",
        &format!("/v2/channels/{id}/auth/2fa"),
        r#"{ "two_factor_code": "1234", "transport": "tgapi" }"#,
    );
    assert_eq!(answer.status, 200);
    assert_like(&answer.body, r#"{ "data": null, "meta": { "timestamp": 1759312346 } }"#);
    bench.pass(200);
    assert_eq!(
        bench.state(&id),
        "active/-",
        "the channel is transitioning to the active status"
    );
}

#[test]
fn reinitializing_a_telegram_bot() {
    let mut bench = page();
    let id = bench.create("telegram", r#"{"telegram_token":"1:AAAAAAAAAAAA"}"#);
    bench.pass(200);
    let answer = bench.call(
        "POST",
        &format!("/v2/channels/{id}/reinit"),
        r#"{ "credentials": { "telegram_token": "69321575:AAEOaVAKzUlTtkoSVVcciE3jIpgHd8" } }"#,
    );
    assert_like(
        &answer.body,
        r#"{ "data": [ { "channel_id": "db72fd40-bc63-4d4b-9e14-a9a3457182f", "transport": "telegram",
            "state": "active", "phone": "just_a_test_bot", "messenger_id": "just_a_test_bot", "tariff": "max",
            "name": "just_a_test_bot" } ], "meta": { "timestamp": 1763041358 } }"#,
    );
    assert_eq!(answer.body["data"][0].get("status"), None, "the example has none");
}

const CHANNEL: &str = r#"{ "data": [ { "channel_id": "0b1f7601-1e21-4ae8-b105-51d028182a", "transport": "telegram",
    "state": "active", "status": "active", "reason": "null", "phone": "My_Ferret2_Bot",
    "messenger_id": "My_Ferret2_Bot", "tariff": "max", "name": "My_Ferret2_Bot" } ],
    "meta": { "timestamp": 1759485254 } }"#;

#[test]
fn one_channel_and_the_list_have_the_same_items() {
    let mut bench = page();
    let id = bench.create("telegram", r#"{"telegram_token":"1:AAAAAAAAAAAA"}"#);
    bench.pass(200);
    let one = bench.call("GET", &format!("/v2/channels/{id}"), "");
    assert_like(&one.body, CHANNEL);
    assert_eq!(one.body["data"][0]["reason"], "null", "a string, to the letter");
    let all = bench.call("GET", "/v2/channels", "");
    assert_eq!(all.body["data"], one.body["data"]);
}

#[test]
fn deleting_a_channel() {
    for query in ["", "?delete_chats=true", "?delete_chats=false"] {
        let mut bench = page();
        let id = bench.create("viber", "{}");
        let answer = bench.call("DELETE", &format!("/v2/channels/{id}{query}"), "");
        assert_eq!(answer.status, 200);
        assert_like(&answer.body, r#"{ "data": null, "meta": { "timestamp": 1759485643 } }"#);
        assert_eq!(bench.call("GET", &format!("/v2/channels/{id}"), "").status, 404);
    }
}

#[test]
fn asking_for_a_pairing_code() {
    let mut bench = page();
    let id = bench.create("whatsapp", "{}");
    bench.pass(200);
    let answer = bench.call(
        "POST",
        &format!("/v2/channels/{id}/pairing-code"),
        r#"{ "pairing_phone": "79999999999", "transport": "whatsapp" }"#,
    );
    assert_like(
        &answer.body,
        r#"{ "data": [ { "pairing_code": "LYY1WZNL", "pairing_phone": "79999999999" } ],
            "meta": { "timestamp": 1759319225 } }"#,
    );
    assert_eq!(answer.body["data"][0]["pairing_code"].as_str().map(str::len), Some(8));
}

#[test]
fn the_other_dialects_tell_the_same_facts_with_other_keys() {
    let shown = |dialect| {
        let mut bench = Bench::new(dialect);
        let id = bench.create("telegram", r#"{"telegram_token":"1:AAAAAAAAAAAA"}"#);
        bench.pass(200);
        let item = bench.call("GET", &format!("/v2/channels/{id}"), "").body["data"][0].clone();
        let keys: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        (item, keys.join(" "))
    };
    let (clean, keys) = shown(Dialect::Clean);
    assert_eq!(
        keys,
        "channel_id messenger_id name phone reason state status tier transport username"
    );
    assert_eq!((&clean["status"], &clean["reason"]), (&json!("active"), &Value::Null));
    let (production, keys) = shown(Dialect::Production);
    assert_eq!(
        keys, "channel_id name phone state status transport",
        "reason is not there at all"
    );
    assert_eq!(production["status"], "active");
    let mut bench = Bench::new(Dialect::Production);
    let made = bench.call("POST", "/v2/channels", TELEGRAM);
    assert_eq!(made.status, 201);
    let id = made.body["data"][0]["channel_id"].as_str().unwrap().to_owned();
    bench.call("DELETE", &format!("/v2/channels/{id}?delete_chats=false"), "");
    let listed = bench.call("GET", "/v2/channels", "").body["data"][0].clone();
    assert_eq!(
        (&listed["status"], &listed["state"]),
        (&json!("disabled"), &Value::Null),
        "deleted, and still listed"
    );
    assert_eq!(bench.call("DELETE", &format!("/v2/channels/{id}"), "").status, 400);
}
