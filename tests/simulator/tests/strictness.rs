//! What is not documented is refused, in the service's error shape.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod bench;

use bench::{ACCOUNT, Bench, TOKEN};
use wazzup_simulator::{Dialect, world::Request};

const HOOK: &str = "https://hooks.example.com/x";

#[test]
fn unknown_missing_null_and_mistyped_fields_are_a_400_that_names_them() {
    let mut bench = Bench::new(Dialect::Clean);
    let qr = bench.create("whatsapp", "{}");
    let bot = bench.create("telegram", r#"{"telegram_token":"1:AAAAAAAAAAAA"}"#);
    let vk = bench.world.create_in_cabinet(ACCOUNT, "vk", bench.now);
    bench.pass(200);
    let create = |body: &str| ("POST", "/v2/channels".to_owned(), body.to_owned());
    let at = |id: &str, rest: &str, body: &str| ("POST", format!("/v2/channels/{id}/{rest}"), body.to_owned());
    let link = |body: &str| ("POST", "/v2/iframe-links/channels".to_owned(), body.to_owned());
    let hook = |method: &'static str, body: &str| (method, "/v2/webhooks".to_owned(), body.to_owned());
    let rows = [
        (create("{}"), "transport should not be empty"),
        (create(r#"{"transport":"whatsapp"}"#), "credentials should not be empty"),
        (
            create(r#"{"transport":"whatsapp","credentials":null}"#),
            "credentials should not be null",
        ),
        (
            create(r#"{"transport":"whatsapp","credentials":[]}"#),
            "credentials must be an object",
        ),
        (
            create(r#"{"transport":"whatsapp","credentials":{},"name":"x"}"#),
            "property name should not exist",
        ),
        (
            create(r#"{"transport":"whatsapp","credentials":{"code":"x"}}"#),
            "property code should not exist",
        ),
        (
            create(r#"{"transport":"sms","credentials":{}}"#),
            "transport must be one of",
        ),
        (
            create(r#"{"transport":"vk","credentials":{}}"#),
            "transport must be one of",
        ),
        (
            create(r#"{"transport":7,"credentials":{}}"#),
            "transport must be a string",
        ),
        (
            create(r#"{"transport":"telegram","credentials":{}}"#),
            "telegram_token should not be empty",
        ),
        (
            create(r#"{"transport":"telegram","credentials":{"telegram_token":null}}"#),
            "telegram_token should not be null",
        ),
        (
            create(r#"{"transport":"telegram","credentials":{"telegram_token":"x"}}"#),
            "telegram_token is invalid",
        ),
        (
            create(r#"{"transport":"telegram","credentials":{"access_token":"x"}}"#),
            "property access_token should not exist",
        ),
        (
            create(r#"{"transport":"maxbot","credentials":{"access_token":""}}"#),
            "access_token should not be empty",
        ),
        (
            create(r#"{"transport":"instAPI","credentials":{"username":"a"}}"#),
            "page_id should not be empty",
        ),
        (
            create(r#"{"transport":"avito","credentials":{}}"#),
            "code should not be empty",
        ),
        (create("[]"), "body must be an object"),
        (create("{"), "body must be JSON"),
        (at(&qr, "reinit", "{}"), "credentials should not be empty"),
        (
            at(&qr, "reinit", r#"{"credentials":{},"transport":"whatsapp"}"#),
            "property transport should not exist",
        ),
        (
            at(&bot, "reinit", r#"{"credentials":{}}"#),
            "telegram_token should not be empty",
        ),
        (at(&vk, "reinit", r#"{"credentials":{}}"#), "vk is reconnected by"),
        (
            at(&qr, "auth/2fa", r#"{"two_factor_code":"1"}"#),
            "transport should not be empty",
        ),
        (
            at(&qr, "auth/2fa", r#"{"two_factor_code":"1","transport":"tgapi"}"#),
            "transport is not the channel's",
        ),
        (
            at(
                &qr,
                "pairing-code",
                r#"{"pairing_phone":"+7999","transport":"whatsapp"}"#,
            ),
            "without '+'",
        ),
        (
            at(&qr, "pairing-code", r#"{"pairing_phone":7999,"transport":"whatsapp"}"#),
            "pairing_phone must be a string",
        ),
        (
            at(&qr, "pairing-code", r#"{"pairing_phone":"7999","transport":"viber"}"#),
            "transport must be whatsapp",
        ),
        (link("{}"), "options should not be empty"),
        (
            link(r#"{"options":{"transport":"telegram"}}"#),
            "transport must be one of",
        ),
        (
            link(r#"{"options":{"channel_id":null}}"#),
            "channel_id should not be null",
        ),
        (hook("POST", "{}"), "data should not be empty"),
        (hook("POST", r#"{"data":[]}"#), "data should not be empty"),
        (
            hook("POST", r#"{"data":[{"event":"channel.create"}]}"#),
            "url should not be empty",
        ),
        (
            hook("POST", r#"{"data":[{"event":"channel.other","url":"https://x"}]}"#),
            "event must be a known event",
        ),
        (
            hook("POST", r#"{"data":[{"event":"channel.create","url":"ftp"}]}"#),
            "url must be a URL",
        ),
        (
            hook("PATCH", r#"{"data":[{"url":"https://x","event":"channel.create"}]}"#),
            "id should not be empty",
        ),
        (
            hook("DELETE", r#"{"data":[{"id":"x","url":"https://x"}]}"#),
            "property url should not exist",
        ),
    ];
    for ((method, path, body), words) in rows {
        let answer = bench.call(method, &path, &body);
        assert_eq!(answer.status, 400, "{method} {path} {body}: {answer:?}");
        let fields: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["code", "detail", "errors", "title"], "{answer:?}");
        let errors = answer.body["errors"].to_string();
        assert!(
            errors.contains(words),
            "{method} {path} {body} should say '{words}': {errors}"
        );
    }
    assert_eq!(
        bench.world.channels_of(ACCOUNT).len(),
        3,
        "nothing was made by a refused request"
    );
}

#[test]
fn another_content_type_is_refused() {
    let mut bench = Bench::new(Dialect::Clean);
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let request = Request {
            content_type: kind.map(str::to_owned),
            ..Bench::request("POST", "/v2/channels", r#"{"transport":"viber","credentials":{}}"#)
        };
        assert_eq!(bench.send(&request).status, 400, "{kind:?}");
    }
    let request = Request {
        content_type: Some("application/json; charset=utf-8".to_owned()),
        ..Bench::request("POST", "/v2/channels", r#"{"transport":"viber","credentials":{}}"#)
    };
    assert_eq!(bench.send(&request).status, 200);
}

#[test]
fn a_token_that_is_not_the_accounts_is_a_401_and_other_accounts_channels_are_not_there() {
    let mut bench = Bench::new(Dialect::Clean);
    let id = bench.create("viber", "{}");
    for authorization in [None, Some("Bearer other"), Some(TOKEN), Some("Basic dG9rZW4=")] {
        let request = Request {
            authorization: authorization.map(str::to_owned),
            ..Bench::request("GET", "/v2/channels", "")
        };
        assert_eq!(bench.send(&request).status, 401, "{authorization:?}");
    }
    bench.world.add_account("87654321", "theirs");
    let theirs = |method: &str, path: &str| Request {
        authorization: Some("Bearer theirs".to_owned()),
        ..Bench::request(method, path, "")
    };
    assert_eq!(
        bench.send(&theirs("GET", "/v2/channels")).body["data"],
        serde_json::json!([])
    );
    assert_eq!(bench.send(&theirs("GET", &format!("/v2/channels/{id}"))).status, 404);
    assert_eq!(bench.send(&theirs("DELETE", &format!("/v2/channels/{id}"))).status, 404);
    bench.world.revoke_token(TOKEN);
    assert_eq!(bench.call("GET", "/v2/channels", "").status, 401);
}

#[test]
fn a_create_is_not_idempotent_and_an_avito_code_serves_once() {
    let mut bench = Bench::new(Dialect::Clean);
    let bot = r#"{"telegram_token":"1:AAAAAAAAAAAA"}"#;
    assert_ne!(bench.create("telegram", bot), bench.create("telegram", bot));
    bench.create("avito", r#"{"code":"once"}"#);
    let again = bench.call(
        "POST",
        "/v2/channels",
        r#"{"transport":"avito","credentials":{"code":"once"}}"#,
    );
    assert_eq!(again.status, 400);
}

#[test]
fn paths_and_methods_that_are_not_documented_are_not_there() {
    let mut bench = Bench::new(Dialect::Clean);
    let id = bench.create("viber", "{}");
    for (method, path) in [
        ("GET", "/v1/channels".to_owned()),
        ("PUT", format!("/v2/channels/{id}")),
        ("PATCH", format!("/v2/channels/{id}")),
        ("GET", "/v2/channels/unknown".to_owned()),
        ("POST", format!("/v2/channels/{id}/restart")),
        ("GET", "/".to_owned()),
    ] {
        assert_eq!(bench.call(method, &path, "").status, 404, "{method} {path}");
    }
    assert_eq!(
        bench
            .call("DELETE", &format!("/v2/channels/{id}?chats=true"), "")
            .status,
        400
    );
    assert_eq!(
        bench
            .call("DELETE", &format!("/v2/channels/{id}?delete_chats=yes"), "")
            .status,
        400
    );
}

#[test]
fn subscriptions_are_rows_with_ids() {
    let mut bench = Bench::new(Dialect::Clean);
    let body = format!(
        r#"{{"data":[{{"event":"channel.create","url":"{HOOK}"}},{{"event":"channel.delete","url":"{HOOK}"}}]}}"#
    );
    let made = bench.call("POST", "/v2/webhooks", &body);
    assert_eq!(made.body["data"].as_array().map(Vec::len), Some(2));
    let listed = bench.call("GET", "/v2/webhooks", "").body["data"].clone();
    assert_eq!(listed, made.body["data"]);
    let id = listed[0]["id"].as_str().unwrap();
    let moved = format!(r#"{{"data":[{{"id":"{id}","event":"channel.create","url":"{HOOK}/2"}}]}}"#);
    assert_eq!(bench.call("PATCH", "/v2/webhooks", &moved).status, 200);
    assert_eq!(bench.world.rows(ACCOUNT)[0].url, format!("{HOOK}/2"));
    let gone = format!(r#"{{"data":[{{"id":"{id}"}}]}}"#);
    assert_eq!(bench.call("DELETE", "/v2/webhooks", &gone).status, 200);
    assert_eq!(bench.call("DELETE", "/v2/webhooks", &gone).status, 404);
    assert_eq!(bench.world.rows(ACCOUNT).len(), 1);
}
