//! Answers of the API. An input is a line `status|content type`, then the body.

use std::{collections::HashSet, time::Duration};

use wazzup_operator::{
    model::{ChannelId, CreateOutcome, Fault, RemoteChannel, Transport},
    wazzup::Answer,
};

pub(super) const WORDS: &[&[u8]] = &[
    b"200|application/json\n",
    b"400|application/json\n",
    b"401|\n",
    b"404|text/html\n",
    b"503|text/html; charset=utf-8\n",
    b"{\"data\":[",
    b"{\"data\":{",
    b"\"channel_id\":\"a\"",
    b"\"transport\":\"telegram\"",
    b"\"status\":\"disabled\"",
    b"\"state\":\"qridle\"",
    b"\"reason\":\"null\"",
    b"\"url\":\"https://",
    b"\"pairing_code\":\"ABCD-EFGH\"",
    b"\"link\":\"https://",
    b"\"access_token\":\"t\"",
    b"\"refresh_token\":\"t\"",
    b"\"expires_in\":3600",
    b"\"event\":\"channel.create\"",
    b"\"id\":\"r\"",
    b"{\"code\":\"",
    b"\"errors\":[",
    b"\"message\":[",
    b"kanarie",
    b"pass word",
];

pub(super) const DATE_WORDS: &[&[u8]] = &[
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"\n",
    b"120",
    b"-0000",
    b"+9999",
    b"Dec",
    b"(",
    b"9999",
];

/// Values that were sent: none may come back in a text.
const SENT: [&str; 2] = ["kanarie", "pass word"];
/// The longest words of a fault, in characters.
const LONGEST_WORDS: usize = 300;

pub(super) fn answer(input: &[u8]) {
    let (head, body) = split(input, b'\n');
    let (status, content_type) = split(head, b'|');
    let status = String::from_utf8_lossy(status).trim().parse().unwrap_or(200);
    let content_type = String::from_utf8_lossy(content_type).into_owned();
    let answer = Answer {
        status,
        content_type: (!content_type.is_empty()).then_some(content_type),
        retry_after: None,
        date: None,
        body: body.to_vec(),
        hidden: SENT.map(|sent| sent.to_owned().into()).into(),
    };
    lists(&answer);
    creates(&answer);
    others(&answer);
}

fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == at) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

/// What is wrong must be told in a few words, without what was sent, and only a 2xx is no fault.
fn fair<T>(answer: &Answer, result: Result<T, Fault>) -> Option<T> {
    match result {
        Ok(value) => {
            assert!(
                (200..300).contains(&answer.status),
                "HTTP {} taken for good",
                answer.status
            );
            Some(value)
        }
        Err(fault) => {
            fair_fault(&fault);
            None
        }
    }
}

fn fair_fault(fault: &Fault) {
    let words = match fault {
        Fault::Denied { words, .. } | Fault::Missing { words } | Fault::Rejected { words, .. } => words,
        Fault::NotSent { why, .. } | Fault::Unclear { why } => why,
        Fault::Throttled { retry_after } => {
            assert!(retry_after.is_none_or(|pause| pause <= Duration::from_secs(60)));
            return;
        }
    };
    assert!(
        words.chars().count() <= LONGEST_WORDS,
        "{} characters",
        words.chars().count()
    );
    assert!(!words.chars().any(char::is_control), "a control character in {words:?}");
    for text in [fault.to_string(), format!("{fault:?}")] {
        for sent in SENT {
            assert!(!text.contains(sent), "what was sent came back: {text:?}");
        }
    }
}

fn bounded(channel: &RemoteChannel) {
    assert_eq!(ChannelId::parse(channel.id.as_str()).as_ref(), Ok(&channel.id));
    let texts = [
        &channel.phone,
        &channel.username,
        &channel.messenger_id,
        &channel.name,
        &channel.tier,
        &channel.tariff,
    ];
    for text in texts.into_iter().flatten().chain([&channel.transport]) {
        assert!(
            text.chars().count() <= 512 && !text.chars().any(char::is_control),
            "{text:?}"
        );
    }
    let url = channel.url.as_deref().unwrap_or_default();
    assert!(url.len() <= 4_096 && !url.chars().any(char::is_control), "{url:?}");
}

fn lists(answer: &Answer) {
    let Some(list) = fair(answer, answer.channel_list()) else {
        return;
    };
    assert!(list.channels.len() + list.unreadable <= answer.body.len());
    let ids: HashSet<&ChannelId> = list.channels.iter().map(|channel| &channel.id).collect();
    assert_eq!(ids.len(), list.channels.len(), "a channel twice");
    for channel in &list.channels {
        bounded(channel);
    }
    for channel in list.channels.iter().take(3) {
        let found = fair(answer, answer.channel(&channel.id));
        assert_eq!(found.as_ref(), Some(channel), "the list and the look by id differ");
        let reinitialized = fair(answer, answer.reinitialized(&channel.id)).flatten();
        assert_eq!(reinitialized.as_ref(), Some(channel));
    }
}

fn creates(answer: &Answer) {
    for transport in [Transport::Telegram, Transport::Whatsapp] {
        match answer.created(transport) {
            CreateOutcome::Created(channel) => {
                assert!((200..300).contains(&answer.status));
                assert!(channel.is(transport), "{channel:?} is another's");
                bounded(&channel);
            }
            CreateOutcome::Refused(fault) => {
                assert!((400..500).contains(&answer.status) && answer.status != 408);
                fair_fault(&fault);
            }
            CreateOutcome::NotSent(fault) => {
                assert_eq!(answer.status, 429);
                fair_fault(&fault);
            }
            CreateOutcome::Unknown(fault) => fair_fault(&fault),
        }
    }
}

fn others(answer: &Answer) {
    fair(answer, answer.done());
    if let Some(code) = fair(answer, answer.pairing_code()) {
        let code = code.reveal();
        assert!(!code.is_empty() && code.chars().count() <= 512 && !code.chars().any(char::is_control));
    }
    if let Some(link) = fair(answer, answer.iframe_link()) {
        assert!(link.reveal().starts_with("http") && link.reveal().len() <= 4_096);
    }
    for row in fair(answer, answer.webhook_rows()).unwrap_or_default() {
        assert!(!row.id.is_empty() && !row.event.is_empty() && row.url.reveal().len() <= 4_096);
    }
    for token in [
        fair(answer, answer.machine_token()),
        fair(answer, answer.token_grant()).map(|grant| {
            assert!((Duration::from_secs(1)..=Duration::from_secs(31_536_000)).contains(&grant.expires_in));
            grant.access_token
        }),
    ]
    .into_iter()
    .flatten()
    {
        let token = token.reveal();
        assert!(!token.is_empty() && token.len() <= 16_384 && token.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}

/// `Retry-After`, then on a second line `Date`.
pub(super) fn retry_after(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (after, date) = text.split_once('\n').unwrap_or((&text, ""));
    let answer = Answer {
        status: 429,
        retry_after: Some(after.to_owned()),
        date: (!date.is_empty()).then(|| date.to_owned()),
        ..Answer::default()
    };
    let Err(Fault::Throttled { retry_after }) = answer.done() else {
        unreachable!("a 429 is a throttle");
    };
    let most = Duration::from_secs(60);
    assert!(retry_after.is_none_or(|pause| pause <= most), "{retry_after:?}");
    if let Ok(seconds) = after.trim().parse::<u64>() {
        assert_eq!(retry_after, Some(Duration::from_secs(seconds).min(most)));
    } else if date.is_empty() {
        assert_eq!(retry_after, None, "a date without a clock to measure it");
    }
}
