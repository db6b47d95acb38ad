//! The client against the simulated service, in every dialect and under every fault.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test harness answers a surprise with a panic"
)]

use std::time::Duration;

use control_plane::eventually;
use wazzup_operator::{
    model::{ChannelId, CreateOutcome, Credentials, Fault, NotSent, Phone, Reason, Sensitive, Status, Transport},
    wazzup::{AllowedHosts, ApiUrl, Client, Deadlines, HttpClient, NewWebhook, install_tls},
};
use wazzup_simulator::{Dialect, Effect, Options, Simulator, Timings};

const ACCOUNT: &str = "12345678";
const TOKEN: &str = "canary-token";

async fn service(dialect: Dialect) -> (Simulator, Client) {
    install_tls();
    let simulator = Simulator::start(Options {
        dialect,
        timings: Timings {
            start: 0,
            ..Timings::default()
        },
        ..Options::default()
    })
    .await;
    simulator.with(|world, _| world.add_account(ACCOUNT, TOKEN));
    let client = client(&simulator, TOKEN);
    (simulator, client)
}

fn client(simulator: &Simulator, token: &str) -> Client {
    let allowed = AllowedHosts::parse(&[simulator.host()]).unwrap();
    let base = ApiUrl::parse(&simulator.url(), &allowed).unwrap();
    let deadlines = Deadlines {
        connect: Duration::from_secs(5),
        call: Duration::from_secs(5),
        create: Duration::from_secs(5),
    };
    Client::new(
        HttpClient::with_deadlines(deadlines).unwrap(),
        base,
        Sensitive::new(token.to_owned()),
    )
}

fn credentials(transport: Transport) -> Credentials {
    let value = || Sensitive::new("100200300:AAAAAAAAAAAA".to_owned());
    Credentials(transport.credential_keys().iter().map(|key| (*key, value())).collect())
}

async fn create(client: &Client, transport: Transport) -> CreateOutcome {
    client.create_channel(transport, &credentials(transport)).await
}

async fn created(client: &Client, transport: Transport) -> ChannelId {
    match create(client, transport).await {
        CreateOutcome::Created(channel) => channel.id,
        other => panic!("{transport}: {other:?}"),
    }
}

#[tokio::test]
async fn a_channel_of_every_transport_is_made_listed_shown_reinitialized_and_deleted() {
    for dialect in Dialect::ALL {
        let (simulator, client) = service(dialect).await;
        for transport in Transport::ALL
            .into_iter()
            .filter(|transport| *transport != Transport::Vk)
        {
            let id = created(&client, transport).await;
            let list = client.list_channels().await.unwrap();
            assert_eq!(list.unreadable, 0, "{dialect:?}");
            let listed = list.channels.iter().find(|channel| channel.id == id).unwrap();
            assert!(listed.is(transport), "{dialect:?} {listed:?}");
            assert_eq!(&client.get_channel(&id).await.unwrap(), listed);
            if transport != Transport::Avito {
                client.reinit_channel(&id, &credentials(transport)).await.unwrap();
            }
            client.delete_channel(&id, true).await.unwrap();
            let again = client.delete_channel(&id, true).await;
            assert!(matches!(again, Err(Fault::Missing { .. })), "{dialect:?} {again:?}");
        }
        let refused = simulator
            .journal()
            .requests
            .iter()
            .filter(|entry| entry.status == 400)
            .count();
        assert_eq!(refused, 0, "{dialect:?}: every request is well-formed");
    }
}

#[tokio::test]
async fn every_status_and_reason_means_the_same_in_every_dialect() {
    for dialect in Dialect::ALL {
        let (simulator, client) = service(dialect).await;
        let id = created(&client, Transport::Whatsapp).await;
        for (status, reason) in [
            ("active", None),
            ("init", None),
            ("disabled", None),
            ("init", Some(Reason::Qr)),
            ("init", Some(Reason::Sync)),
            ("init", Some(Reason::WaitForPassword)),
            ("init", Some(Reason::WaitForCode)),
            ("disabled", Some(Reason::Blocked)),
            ("disabled", Some(Reason::NotEnoughMoney)),
            ("disabled", Some(Reason::Rejected)),
            ("disabled", Some(Reason::Unauthorized)),
            ("disabled", Some(Reason::ForeignPhone)),
            ("disabled", Some(Reason::QrIdle)),
            ("disabled", Some(Reason::OpenElsewhere)),
        ] {
            let word = reason.as_ref().map(Reason::as_str);
            simulator
                .with(|world, now| world.set_status(id.as_str(), status, word, now))
                .unwrap();
            let shown = client.get_channel(&id).await.unwrap();
            assert_eq!(
                shown.status,
                Some(Status::parse(status)),
                "{dialect:?} {status} {word:?}"
            );
            assert_eq!(shown.reason, reason, "{dialect:?} {status}");
        }
    }
}

#[tokio::test]
async fn links_codes_passwords_and_subscriptions_work_in_every_dialect() {
    for dialect in Dialect::ALL {
        let (simulator, client) = service(dialect).await;
        let waba = create(&client, Transport::Wapi).await;
        let CreateOutcome::Created(channel) = waba else {
            panic!("{waba:?}");
        };
        assert!(channel.url.unwrap().starts_with("https://"), "{dialect:?}");
        let link = client.create_iframe_link(Transport::Vk, None).await.unwrap();
        let vk = simulator
            .with(|world, now| world.follow_link(link.reveal(), now))
            .unwrap();
        let vk = ChannelId::parse(&vk).unwrap();
        client.create_iframe_link(Transport::Vk, Some(&vk)).await.unwrap();
        let phone = created(&client, Transport::Whatsapp).await;
        let code = client
            .request_pairing_code(&phone, &Phone::parse("79990000000").unwrap())
            .await
            .unwrap();
        assert_eq!(code.reveal().len(), 8);
        simulator.with(|world, _| world.set_two_factor("tgapi", Some("secret")));
        let personal = created(&client, Transport::Tgapi).await;
        simulator.with(|world, now| {
            let qr = world.channel(personal.as_str()).unwrap().qr().unwrap().to_owned();
            world.scan(&qr, "7999", now).unwrap();
        });
        let password = |word: &str| Sensitive::new(word.to_owned());
        let wrong = client
            .submit_two_factor(&personal, Transport::Tgapi, &password("wrong"))
            .await;
        assert!(matches!(wrong, Err(Fault::Rejected { status: 400, .. })), "{wrong:?}");
        client
            .submit_two_factor(&personal, Transport::Tgapi, &password("secret"))
            .await
            .unwrap();
        let row = NewWebhook {
            event: "channel.create".to_owned(),
            url: Sensitive::new("https://hooks.example.com/x".to_owned()),
        };
        client.create_webhooks(&[row]).await.unwrap();
        let rows = client.list_webhooks().await.unwrap();
        assert_eq!(rows.len(), 1);
        client.update_webhooks(&rows).await.unwrap();
        client.delete_webhooks(&[rows[0].id.clone()]).await.unwrap();
        assert!(client.list_webhooks().await.unwrap().is_empty());
    }
}

/// What became of a create, in one word.
fn word(outcome: &CreateOutcome) -> &'static str {
    match outcome {
        CreateOutcome::Created(_) => "created",
        CreateOutcome::Refused(_) => "refused",
        CreateOutcome::NotSent(_) => "not sent",
        CreateOutcome::Unknown(_) => "unknown",
    }
}

fn status(code: u16, body: &str) -> Effect {
    Effect::Status {
        code,
        retry_after: None,
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn a_create_is_told_apart_by_what_may_have_happened() {
    const ERROR: &str = r#"{"code":"VALIDATION_FAILED","title":"t","detail":"d","errors":["bad"]}"#;
    let rows: [(Effect, &str, usize); 12] = [
        (Effect::DropBefore, "unknown", 0),
        (Effect::DropAfter, "unknown", 1),
        (Effect::Truncate, "unknown", 1),
        (Effect::Slow(Duration::from_secs(15)), "unknown", 1),
        (Effect::StatusAfter(500), "unknown", 1),
        (Effect::StatusAfter(502), "unknown", 1),
        (status(500, ERROR), "unknown", 0),
        (status(503, "<html>busy</html>"), "unknown", 0),
        (status(400, "<html>proxy</html>"), "unknown", 0),
        (status(400, ERROR), "refused", 0),
        (status(403, ERROR), "refused", 0),
        (status(429, ERROR), "not sent", 0),
    ];
    for (effect, expected, made) in rows {
        let (simulator, client) = service(Dialect::Clean).await;
        simulator.fault(wazzup_simulator::Fault::once("POST", "/v2/channels", effect.clone()));
        let outcome = create(&client, Transport::Telegram).await;
        assert_eq!(word(&outcome), expected, "{effect:?}: {outcome:?}");
        eventually("the service to have acted", Duration::from_secs(60), || async {
            let count = simulator.with(|world, _| world.channels_of(ACCOUNT).len());
            if count == made {
                Ok(())
            } else {
                Err(format!("{effect:?}: {count}"))
            }
        })
        .await;
        let told = format!("{outcome:?}");
        assert!(!told.contains(TOKEN) && !told.contains("AAAAAAAAAAAA"), "{told}");
    }
}

#[tokio::test]
async fn a_list_that_is_wrong_in_any_way_is_a_fault_and_never_an_empty_list() {
    for effect in [
        Effect::DropBefore,
        Effect::DropAfter,
        Effect::Truncate,
        Effect::Slow(Duration::from_secs(15)),
        Effect::StatusAfter(500),
        status(200, "<html>login</html>"),
        status(200, "{}"),
        status(200, r#"{"data":null}"#),
    ] {
        let (simulator, client) = service(Dialect::Clean).await;
        created(&client, Transport::Viber).await;
        simulator.fault(wazzup_simulator::Fault::once("GET", "/v2/channels", effect.clone()));
        let listed = client.list_channels().await;
        assert!(matches!(listed, Err(Fault::Unclear { .. })), "{effect:?}: {listed:?}");
        assert_eq!(
            client.list_channels().await.unwrap().channels.len(),
            1,
            "and then it works"
        );
    }
}

#[tokio::test]
async fn a_wrong_token_is_a_denial_and_a_service_that_is_not_there_was_not_reached() {
    let (simulator, client_) = service(Dialect::Clean).await;
    let denied = client(&simulator, "another-token").list_channels().await;
    assert!(matches!(denied, Err(Fault::Denied { status: 401, .. })), "{denied:?}");
    let refused = create(&client(&simulator, "another-token"), Transport::Viber).await;
    assert_eq!(word(&refused), "refused");
    drop(simulator);
    eventually("the port to be closed", Duration::from_secs(60), || async {
        match create(&client_, Transport::Viber).await {
            CreateOutcome::NotSent(Fault::NotSent {
                kind: NotSent::Connect, ..
            }) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
