//! The client against real sockets: what it puts on the wire, and what it makes of a service that misbehaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test harness answers a surprise with a panic"
)]

mod raw_service;

use std::time::{Duration, Instant};

use raw_service::{Manner, Service, http};
use tokio::net::TcpListener;
use wazzup_operator::{
    model::{ChannelId, CreateOutcome, Credentials, Fault, NotSent, Phone, Sensitive, Transport},
    wazzup::{AllowedHosts, ApiUrl, Client, Deadlines, HttpClient, NewWebhook, WebhookRow, install_tls},
};

const TOKEN: &str = "canary-token";

fn client_with(base: &str, token: &str) -> Client {
    install_tls();
    let deadlines = Deadlines {
        connect: Duration::from_secs(5),
        call: Duration::from_secs(5),
        create: Duration::from_secs(5),
    };
    let authority = base.split("://").nth(1).unwrap();
    let allowed = AllowedHosts::parse(&[authority]).unwrap();
    let base = ApiUrl::parse(base, &allowed).unwrap();
    let http = HttpClient::with_deadlines(deadlines).unwrap();
    Client::new(http, base, Sensitive::new(token.to_owned()))
}

fn client(base: &str) -> Client {
    client_with(base, TOKEN)
}

fn client_of(service: &Service) -> Client {
    client(&service.base())
}

fn id() -> ChannelId {
    ChannelId::parse("db72fd40").unwrap()
}

async fn create(client: &Client) -> CreateOutcome {
    let outcome = client.create_channel(Transport::Whatsapp, &Credentials::empty()).await;
    assert!(!format!("{outcome:?}").contains(TOKEN), "{outcome:?}");
    outcome
}

fn not_sent(outcome: &CreateOutcome) -> bool {
    let connect = NotSent::Connect;
    matches!(outcome, CreateOutcome::NotSent(Fault::NotSent { kind, .. }) if *kind == connect)
}

fn unknown(outcome: &CreateOutcome) -> bool {
    matches!(outcome, CreateOutcome::Unknown(Fault::Unclear { .. }))
}

#[tokio::test]
async fn a_create_that_found_no_connection_was_not_sent() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = create(&client(&format!("http://{free}"))).await;
    assert!(not_sent(&refused), "{refused:?}");

    let nowhere = create(&client("https://wazzup.invalid:443")).await;
    assert!(not_sent(&nowhere), "{nowhere:?}");
}

#[tokio::test]
async fn a_create_that_failed_at_tls_was_not_sent() {
    let plain = Service::start(Manner::Blurt(b"HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let outcome = create(&client(&format!("https://{}", plain.address))).await;
    assert!(not_sent(&outcome), "{outcome:?}");

    let closing = Service::start(Manner::CloseAtOnce).await;
    let outcome = create(&client(&format!("https://{}", closing.address))).await;
    assert!(not_sent(&outcome), "{outcome:?}");

    let mute = Service::start(Manner::Silent).await;
    let outcome = create(&client(&format!("https://{}", mute.address))).await;
    assert!(not_sent(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_create_that_may_have_arrived_is_unknown() {
    let half = "HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{\"data\":[{\"channel_id\":\"a\"".to_owned();
    for manner in [
        Manner::CloseAtOnce,
        Manner::CloseAfterRequest,
        Manner::AnswerAndClose("HTTP/1.1 20".to_owned()),
        Manner::AnswerAndClose(half),
        Manner::AnswerAndClose("SSH-2.0-x\r\n".to_owned()),
        Manner::Silent,
        Manner::Dribble,
        Manner::Flood,
        Manner::Answer(http("503 Service Unavailable", r#"{"code":"BUSY"}"#)),
        Manner::Answer(http("408 Request Timeout", r#"{"code":"SLOW"}"#)),
        Manner::Answer(http("201 Created", r#"{"data":[]}"#)),
        Manner::Answer(http("400 Bad Request", "<html>proxy</html>")),
    ] {
        let service = Service::start(manner).await;
        #[allow(clippy::disallowed_methods, reason = "a test measures real time")]
        let began = Instant::now();
        let outcome = create(&client_of(&service)).await;
        assert!(unknown(&outcome), "{outcome:?}");
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_create_is_sent_once_whatever_happens() {
    let service = Service::start(Manner::CloseAfterRequest).await;
    assert!(unknown(&create(&client_of(&service)).await));
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_create_that_was_refused_or_throttled_says_so() {
    let service = Service::start(Manner::Answer(http(
        "422 Unprocessable",
        r#"{"code":"X","detail":"no"}"#,
    )))
    .await;
    let words = "X: no".to_owned();
    let refused = CreateOutcome::Refused(Fault::Rejected { status: 422, words });
    assert_eq!(create(&client_of(&service)).await, refused);

    let throttle = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let service = Service::start(Manner::Answer(throttle.to_owned())).await;
    let retry_after = Some(Duration::from_secs(7));
    let throttled = CreateOutcome::NotSent(Fault::Throttled { retry_after });
    assert_eq!(create(&client_of(&service)).await, throttled);
}

#[tokio::test]
async fn a_create_never_rides_on_a_kept_connection() {
    let service = Service::start(Manner::Answer(http("200 OK", r#"{"data":[{"channel_id":"a"}]}"#))).await;
    let client = client_of(&service);
    client.list_channels().await.unwrap();
    client.list_channels().await.unwrap();
    assert!(matches!(create(&client).await, CreateOutcome::Created(_)));
    assert!(matches!(create(&client).await, CreateOutcome::Created(_)));
    let connections: Vec<usize> = service.requests().iter().map(|(number, _)| *number).collect();
    assert_eq!(connections, [0, 0, 1, 2]);
}

#[tokio::test]
async fn a_request_holds_what_the_page_names_and_nothing_more() {
    let service = Service::start(Manner::Answer(http("200 OK", r#"{"data":null}"#))).await;
    let client = client_of(&service);
    let credentials = Credentials(vec![("telegram_token", Sensitive::new("1:A".to_owned()))]);
    let _ = client.create_channel(Transport::Telegram, &credentials).await;
    client.delete_channel(&id(), false).await.unwrap();
    client.delete_webhooks(&["7".to_owned()]).await.unwrap();
    let requests: Vec<String> = service.requests().into_iter().map(|(_, request)| request).collect();

    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v2/channels HTTP/1.1\r\n"), "{head}");
    for header in [
        "authorization: Bearer canary-token",
        "content-type: application/json",
        "accept: application/json",
        concat!("user-agent: wazzup-operator/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let expected = serde_json::json!({"transport": "telegram", "credentials": {"telegram_token": "1:A"}});
    assert_eq!(body, expected);

    assert!(requests[1].starts_with("DELETE /v2/channels/db72fd40?delete_chats=false HTTP/1.1\r\n"));
    assert!(requests[2].starts_with("DELETE /v2/webhooks HTTP/1.1\r\n"));
    assert!(requests[2].ends_with(r#"{"data":[{"id":"7"}]}"#));
}

#[tokio::test]
async fn every_call_reads_its_answer() {
    let answer = |body: &str| Manner::Answer(http("200 OK", body));
    let channel = answer(r#"{"data":[{"channel_id":"db72fd40","transport":"tgapi","status":"init","reason":"qr"}]}"#);
    let service = Service::start(channel).await;
    let client = client_of(&service);
    assert_eq!(client.list_channels().await.unwrap().channels.len(), 1);
    assert_eq!(client.get_channel(&id()).await.unwrap().transport, "tgapi");
    let reinit = client.reinit_channel(&id(), &Credentials::empty()).await.unwrap();
    assert_eq!(reinit.unwrap().id, id());
    let password = Sensitive::new("pw".to_owned());
    client
        .submit_two_factor(&id(), Transport::Tgapi, &password)
        .await
        .unwrap();

    let service = Service::start(answer(r#"{"data":[{"pairing_code":"LYY1WZNL"}]}"#)).await;
    let phone = Phone::parse("79999999999").unwrap();
    let code = client_of(&service).request_pairing_code(&id(), &phone).await.unwrap();
    assert_eq!(code.reveal(), "LYY1WZNL");

    let service = Service::start(answer(r#"{"data":{"link":"https://a.example/x"}}"#)).await;
    let link = client_of(&service)
        .create_iframe_link(Transport::Vk, Some(&id()))
        .await
        .unwrap();
    assert_eq!(link.reveal(), "https://a.example/x");

    let rows = r#"{"data":[{"id":"7","url":"https://a.example/w","event":"channel.create"}]}"#;
    let service = Service::start(answer(rows)).await;
    let client = client_of(&service);
    let rows: Vec<WebhookRow> = client.list_webhooks().await.unwrap();
    assert_eq!(rows[0].url.reveal(), "https://a.example/w");
    let new = NewWebhook {
        event: rows[0].event.clone(),
        url: rows[0].url.clone(),
    };
    client.create_webhooks(&[new]).await.unwrap();
    client.update_webhooks(&rows).await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_takes_no_token_away() {
    let elsewhere = Service::start(Manner::Answer(http("200 OK", r#"{"data":[]}"#))).await;
    let target = elsewhere.address;
    let redirect =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
    let service = Service::start(Manner::Answer(redirect)).await;
    assert!(matches!(
        client_of(&service).list_channels().await,
        Err(Fault::Unclear { .. })
    ));
    assert!(unknown(&create(&client_of(&service)).await));
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_list_may_be_long_and_other_answers_may_not() {
    let padding = "x".repeat(2 << 20);
    let body = format!(r#"{{"data":[{{"channel_id":"db72fd40","more":"{padding}"}}]}}"#);
    let service = Service::start(Manner::Answer(http("200 OK", &body))).await;
    assert_eq!(client_of(&service).list_channels().await.unwrap().channels.len(), 1);
    let one = client_of(&service).get_channel(&id()).await;
    assert!(matches!(one, Err(Fault::Unclear { why }) if why.contains("longer than 1048576")));

    let flood = Service::start(Manner::Flood).await;
    let list = client_of(&flood).list_channels().await;
    assert!(matches!(list, Err(Fault::Unclear { why }) if why.contains("longer than 16777216")));
}

#[tokio::test]
async fn the_deadline_covers_the_body_and_a_refusal_stands_without_one() {
    let service = Service::start(Manner::Dribble).await;
    let list = client_of(&service).list_channels().await;
    assert!(matches!(list, Err(Fault::Unclear { why }) if why.contains("within 5s")));

    let cut = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 500\r\n\r\n{\"code\":".to_owned();
    let service = Service::start(Manner::AnswerAndClose(cut)).await;
    let list = client_of(&service).list_channels().await;
    assert!(matches!(list, Err(Fault::Denied { status: 401, .. })), "{list:?}");
}

#[tokio::test]
async fn what_was_sent_does_not_come_back_in_words() {
    let echo = http(
        "400 Bad Request",
        r#"{"detail":"canary-token may not use canary-password"}"#,
    );
    let service = Service::start(Manner::Answer(echo)).await;
    let password = Sensitive::new("canary-password".to_owned());
    let refused = client_of(&service)
        .submit_two_factor(&id(), Transport::Tgapi, &password)
        .await;
    let words = "<redacted> may not use <redacted>".to_owned();
    assert_eq!(refused, Err(Fault::Rejected { status: 400, words }));
}

#[tokio::test]
async fn a_token_that_cannot_travel_is_denied_before_anything_is_sent() {
    let service = Service::start(Manner::Answer(http("200 OK", r#"{"data":[]}"#))).await;
    for token in ["", " \n", "a\nb", "a\u{7f}b"] {
        let client = client_with(&service.base(), token);
        assert!(
            matches!(client.list_channels().await, Err(Fault::Denied { .. })),
            "{token:?}"
        );
        assert!(matches!(create(&client).await, CreateOutcome::Refused(_)), "{token:?}");
    }
    assert!(service.requests().is_empty());
    let padded = client_with(&service.base(), "token\n");
    padded.list_channels().await.unwrap();
}

/// Runs the test named first once more, in a process whose environment names a proxy where nobody listens.
#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "every_call_reads_its_answer"]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
