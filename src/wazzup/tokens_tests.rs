//! What the token endpoint is asked, and how its answers are read.

use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        content_type: Some("application/json".into()),
        body: body.as_bytes().to_vec(),
        ..Answer::default()
    }
}

fn account() -> RemoteAccountId {
    RemoteAccountId::parse("1234-5678").unwrap()
}

#[test]
fn an_exchange_names_the_account_by_digits_alone() {
    let request = exchange(&Sensitive::new("machine".into()), &account());
    let body = request.body.unwrap();
    assert_eq!(body["token_exchange_data"]["requested_subject"], "12345678");
    assert_eq!(body["token_exchange_data"]["scope"], "transport,crm");
}

#[test]
fn a_refresh_carries_the_client_id_and_hides_the_token() {
    let request = refresh(&Sensitive::new("canary".into()), "client");
    assert_eq!(
        request.body.as_ref().unwrap()["refresh_token_data"],
        json!({"refresh_token": "canary", "client_id": "client"})
    );
    assert_eq!(request.hidden, [Sensitive::new("canary".to_owned())]);
}

#[test]
fn a_grant_is_read_with_or_without_a_new_refresh_token_and_lifetime() {
    let grant = answer(
        200,
        r#"{"data":{"access_token":"a","refresh_token":"r","expires_in":60},"meta":{}}"#,
    );
    let grant = grant.token_grant().unwrap();
    assert_eq!(grant.refresh_token, Some(Sensitive::new("r".into())));
    assert_eq!(grant.expires_in, Duration::from_secs(60));
    let bare = answer(201, r#"{"data":[{"access_token":"a"}]}"#).token_grant().unwrap();
    assert_eq!((bare.refresh_token, bare.expires_in), (None, LIFETIME));
}

#[test]
fn an_answer_without_a_whole_token_is_unclear_whatever_else_it_holds() {
    for body in [
        "",
        "<html>",
        "null",
        "{}",
        r#"{"data":null}"#,
        r#"{"data":{}}"#,
        r#"{"data":{"access_token":null}}"#,
        r#"{"data":{"access_token":7}}"#,
        r#"{"data":{"access_token":""}}"#,
        r#"{"data":{"access_token":"two words"}}"#,
        r#"{"access_token":"top"}"#,
    ] {
        for read in [
            answer(200, body).token_grant().err(),
            answer(200, body).machine_token().err(),
        ] {
            assert!(matches!(read, Some(Fault::Unclear { .. })), "{body}: {read:?}");
        }
    }
    let lifetimes = ["0", "-5", "\"soon\"", "1e300", "null", "{}"];
    for lifetime in lifetimes {
        let body = format!(r#"{{"data":{{"access_token":"a","expires_in":{lifetime}}}}}"#);
        assert_eq!(
            answer(200, &body).token_grant().unwrap().expires_in,
            LIFETIME,
            "{lifetime}"
        );
    }
}

#[test]
fn a_refusal_is_told_in_the_services_words() {
    let refused = answer(401, r#"{"code":"OAUTH_TOKEN_UNKNOWN_OR_REVOKED","detail":"used"}"#).token_grant();
    assert!(matches!(refused, Err(Fault::Denied { status: 401, .. })), "{refused:?}");
}

#[test]
fn the_owner_of_a_token_is_its_claim_whether_number_or_text() {
    let jwt = |claims: &str| Sensitive::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims)));
    assert_eq!(token_owner(&jwt(r#"{"child_id":12345678}"#)), Some(account()));
    assert_eq!(token_owner(&jwt(r#"{"child_id":"1234-5678"}"#)), Some(account()));
    for opaque in [
        jwt("{}"),
        jwt("[]"),
        jwt(r#"{"child_id":"x"}"#),
        Sensitive::new("opaque".into()),
        Sensitive::new("a.b.c.d".into()),
        Sensitive::new("..".into()),
    ] {
        assert_eq!(token_owner(&opaque), None);
    }
}
