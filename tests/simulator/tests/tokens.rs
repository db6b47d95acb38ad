//! `POST /v2/oauth/token`: how a partner gets an end-customer's token.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod bench;

use base64::{Engine, engine::general_purpose::STANDARD};
use bench::{ACCOUNT, Bench};
use serde_json::{Value, json};
use wazzup_simulator::{
    Dialect,
    world::{Answer, Request},
};

fn partner() -> Bench {
    let mut bench = Bench::new(Dialect::Clean);
    bench.world.set_partner(ACCOUNT, "partner@example.com", "password");
    bench
}

fn ask(bench: &mut Bench, login: &str, body: &Value) -> Answer {
    let request = Request {
        authorization: Some(format!("Basic {}", STANDARD.encode(login))),
        ..Bench::request("POST", "/v2/oauth/token", &body.to_string())
    };
    bench.send(&request)
}

const LOGIN: &str = "partner@example.com:password";

fn machine() -> Value {
    json!({"grant_type": "client_credentials", "client_credentials_data": {"scope": "client.oauth.exchange"}})
}

fn exchange(subject_token: &str, account: &str) -> Value {
    json!({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "token_exchange_data": {
        "subject_token": subject_token, "subject_token_type": "urn:wazzup:oauth:token-type:machine_token",
        "requested_subject": account, "scope": "client.channels"}})
}

fn lists(bench: &mut Bench, token: &str) -> u16 {
    let request = Request {
        authorization: Some(format!("Bearer {token}")),
        ..Bench::request("GET", "/v2/channels", "")
    };
    bench.send(&request).status
}

#[test]
fn a_machine_token_is_exchanged_for_one_that_serves_until_it_expires() {
    let mut bench = partner();
    let answer = ask(&mut bench, LOGIN, &machine());
    let token = answer.body["data"]["access_token"].as_str().unwrap().to_owned();
    assert_eq!(lists(&mut bench, &token), 401, "a machine token lists nothing");
    let answer = ask(&mut bench, LOGIN, &exchange(&token, ACCOUNT));
    let access = answer.body["data"]["access_token"].as_str().unwrap().to_owned();
    assert_eq!(lists(&mut bench, &access), 200);
    bench.pass(bench.world.timings.token_seconds * 1_000);
    assert_eq!(lists(&mut bench, &access), 401);
}

#[test]
fn a_refresh_token_serves_once() {
    let mut bench = partner();
    bench.world.grant_refresh_token(ACCOUNT, "seed");
    let refresh = |token: &str| json!({"grant_type": "refresh_token", "refresh_token_data": {"refresh_token": token, "client_id": "c"}});
    let first = ask(&mut bench, LOGIN, &refresh("seed"));
    assert_eq!(first.status, 200);
    assert_eq!(ask(&mut bench, LOGIN, &refresh("seed")).status, 401, "it was used");
    let next = first.body["data"]["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&mut bench, LOGIN, &refresh(&next)).status, 200);
}

#[test]
fn wrong_logins_accounts_tokens_and_fields_are_refused() {
    let mut bench = partner();
    bench.world.add_account("87654321", "theirs");
    assert_eq!(ask(&mut bench, "partner@example.com:wrong", &machine()).status, 401);
    let answer = ask(&mut bench, LOGIN, &machine());
    let token = answer.body["data"]["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&mut bench, LOGIN, &exchange("forged", ACCOUNT)).status, 401);
    assert_eq!(ask(&mut bench, LOGIN, &exchange(&token, "87654321")).status, 403);
    assert_eq!(ask(&mut bench, LOGIN, &exchange(&token, "8765-4321")).status, 400);
    assert_eq!(ask(&mut bench, LOGIN, &json!({"grant_type": "password"})).status, 400);
    assert_eq!(
        ask(&mut bench, LOGIN, &json!({"grant_type": "client_credentials"})).status,
        400
    );
}
