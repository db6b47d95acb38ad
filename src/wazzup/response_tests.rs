//! What each answer of the service is taken for.

use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
        content_type: Some("application/json".into()),
        ..Answer::default()
    }
}

fn id(text: &str) -> ChannelId {
    ChannelId::parse(text).unwrap()
}

fn is_unclear<T: std::fmt::Debug>(result: &Result<T, Fault>) -> bool {
    matches!(result, Err(Fault::Unclear { .. }))
}

#[test]
fn a_broken_item_does_not_spoil_the_list_but_shows_in_it() {
    let body = r#"{"data":[{"channel_id":"a","name":"first"},7,{"channel_id":"../x"},{"transport":"vk"},null,{"channel_id":"a"},{"channel_id":"b"}]}"#;
    let list = answer(200, body).channel_list().unwrap();
    let ids: Vec<&str> = list.channels.iter().map(|channel| channel.id.as_str()).collect();
    assert_eq!((ids, list.unreadable), (vec!["a", "b"], 4));
    assert_eq!(list.channels[0].name.as_deref(), Some("first"));
}

#[test]
fn an_empty_list_is_a_list_and_no_data_is_none() {
    assert_eq!(answer(200, r#"{"data":[]}"#).channel_list(), Ok(ChannelList::default()));
    for body in [
        "",
        "{}",
        "[]",
        r#"{"data":null}"#,
        r#"{"data":"x"}"#,
        "<html>",
        r#"{"data":["#,
    ] {
        assert!(is_unclear(&answer(200, body).channel_list()), "{body:?}");
    }
}

#[test]
fn a_channel_is_read_from_an_array_and_from_a_bare_object() {
    for body in [r#"{"data":[{"channel_id":"a"}]}"#, r#"{"data":{"channel_id":"a"}}"#] {
        assert_eq!(answer(200, body).channel(&id("a")).unwrap().id, id("a"));
        assert!(is_unclear(&answer(200, body).channel(&id("b"))));
    }
}

#[test]
fn each_status_means_one_fault() {
    let body = r#"{"code":"X","detail":"y"}"#;
    let words = "X: y".to_owned();
    let fault = |status| answer(status, body).done().unwrap_err();
    for status in [401, 403] {
        let words = words.clone();
        assert_eq!(fault(status), Fault::Denied { status, words });
    }
    for status in [400, 402, 409, 418, 422] {
        let words = words.clone();
        assert_eq!(fault(status), Fault::Rejected { status, words });
    }
    assert_eq!(fault(404), Fault::Missing { words });
    assert_eq!(fault(429), Fault::Throttled { retry_after: None });
    for status in [100, 301, 307, 408, 500, 502, 503, 504, 599] {
        assert!(matches!(fault(status), Fault::Unclear { .. }), "{status}");
    }
}

#[test]
fn a_4xx_page_of_somebody_else_is_unclear_unless_its_status_tells_enough() {
    for status in [400, 409, 422] {
        assert!(is_unclear(&answer(status, "<html>no</html>").done()), "{status}");
    }
    assert!(matches!(answer(401, "<html>").done(), Err(Fault::Denied { .. })));
    assert!(matches!(answer(404, "").done(), Err(Fault::Missing { .. })));
}

#[test]
fn retry_after_is_read_in_both_forms_and_capped() {
    let pause = |after: &str, date: Option<&str>| {
        let throttled = Answer {
            retry_after: Some(after.into()),
            date: date.map(str::to_owned),
            ..answer(429, "")
        };
        throttled.pause()
    };
    let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(pause("7", None), Some(Duration::from_secs(7)));
    assert_eq!(pause("86400", None), Some(LONGEST_RETRY_AFTER));
    let seven_later = "Sun, 06 Nov 1994 08:49:44 GMT";
    assert_eq!(pause(seven_later, date), Some(Duration::from_secs(7)));
    assert_eq!(pause("Sun, 06 Nov 1994 08:00:00 GMT", date), Some(Duration::ZERO));
    assert_eq!(pause(seven_later, None), None);
    assert_eq!(pause("soon", date), None);
    assert_eq!(pause("-1", date), None);
}

#[test]
fn a_create_is_made_only_when_one_channel_of_the_transport_is_named() {
    let created = |status, body| answer(status, body).created(Transport::Wapi);
    for status in [200, 201] {
        let outcome = created(
            status,
            r#"{"data":[{"channel_id":"a","transport":"wapi","url":"https://x.example/l"}]}"#,
        );
        let CreateOutcome::Created(channel) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(channel.url.as_deref(), Some("https://x.example/l"));
    }
    // A list shows whether that is the channel's id.
    let numbered = created(201, r#"{"data":[{"channel_id":42,"transport":"wapi"}]}"#);
    assert!(matches!(numbered, CreateOutcome::Unknown(_)), "{numbered:?}");
    let bare = created(201, r#"{"data":{"channel_id":"a"}}"#);
    assert_eq!(bare, CreateOutcome::Created(RemoteChannel::bare(id("a"), "wapi")));
    for body in [
        r#"{"data":[]}"#,
        r#"{"data":null}"#,
        r#"{"data":[{"transport":"wapi"}]}"#,
        r#"{"data":[{"channel_id":"a"},{"channel_id":"b"}]}"#,
        r#"{"data":[{"channel_id":"a","transport":"viber"}]}"#,
        "",
    ] {
        assert!(matches!(created(201, body), CreateOutcome::Unknown(_)), "{body}");
    }
}

#[test]
fn only_a_well_formed_refusal_or_a_throttle_lets_a_create_be_tried_again() {
    let created = |status, body| answer(status, body).created(Transport::Wapi);
    let error = r#"{"code":"X"}"#;
    for status in [400, 401, 403, 404, 409, 422] {
        assert!(matches!(created(status, error), CreateOutcome::Refused(_)), "{status}");
    }
    assert!(matches!(
        created(429, ""),
        CreateOutcome::NotSent(Fault::Throttled { .. })
    ));
    for status in [302, 408, 500, 503] {
        assert!(matches!(created(status, error), CreateOutcome::Unknown(_)), "{status}");
    }
    assert!(matches!(created(400, "<html>"), CreateOutcome::Unknown(_)));
}

#[test]
fn an_answer_with_nothing_to_tell_may_be_null_or_empty_but_not_a_page() {
    for body in ["", r#"{"data":null,"meta":{"timestamp":1}}"#, "{}"] {
        assert_eq!(answer(200, body).done(), Ok(()));
        assert_eq!(answer(200, body).reinitialized(&id("a")), Ok(None));
    }
    assert!(is_unclear(&answer(200, "<html>portal</html>").done()));
    assert!(is_unclear(&answer(200, "<html>portal</html>").reinitialized(&id("a"))));
    let told = answer(200, r#"{"data":[{"channel_id":"a","state":"active"}]}"#);
    assert!(
        told.reinitialized(&id("a"))
            .unwrap()
            .is_some_and(|channel| channel.was_scanned())
    );
}

#[test]
fn codes_and_links_are_read_and_never_printed() {
    let code = answer(200, r#"{"data":[{"pairing_code":"LYY1WZNL"}]}"#)
        .pairing_code()
        .unwrap();
    assert_eq!(
        (code.reveal().as_str(), format!("{code:?}").as_str()),
        ("LYY1WZNL", "<redacted>")
    );
    let link = answer(200, r#"{"data":{"link":"https://a.example/?token=t"}}"#)
        .iframe_link()
        .unwrap();
    assert_eq!(link.reveal(), "https://a.example/?token=t");
    assert!(is_unclear(
        &answer(200, r#"{"data":{"link":"javascript:x"}}"#).iframe_link()
    ));
    assert!(is_unclear(&answer(200, r#"{"data":[{}]}"#).pairing_code()));
}

#[test]
fn a_subscription_without_an_id_makes_the_list_unclear() {
    let rows = answer(
        200,
        r#"{"data":[{"id":7,"url":"https://a.example","event":"channel.create"},{"id":8}]}"#,
    );
    let rows = rows.webhook_rows().unwrap();
    assert_eq!((rows.len(), rows[0].id.as_str()), (1, "7"));
    assert!(is_unclear(
        &answer(
            200,
            r#"{"data":[{"url":"https://a.example","event":"channel.create"}]}"#
        )
        .webhook_rows()
    ));
}
