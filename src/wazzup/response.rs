//! What an answer means: pure functions from status, headers and bytes to a value or a [`Fault`].

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::wire;
use crate::model::{ChannelId, CreateOutcome, Fault, RemoteChannel, Sensitive, Transport};

/// `Retry-After` is obeyed up to this; a longer one is asked again.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// An HTTP answer, read whole. `Debug` is not derived: a body may hold tokens.
#[derive(Clone, Default)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// `Content-Type`, used for words alone: what counts is whether the body parses.
    pub content_type: Option<String>,
    /// `Retry-After`: seconds, or an HTTP date.
    pub retry_after: Option<String>,
    /// `Date`: against it an HTTP date is measured, so that no clock of ours matters.
    pub date: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Values that were sent and must not come back in an error text.
    pub hidden: Vec<Sensitive<String>>,
}

/// The account's channels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelList {
    /// Each channel once, in the service's order.
    pub channels: Vec<RemoteChannel>,
    /// Items without a usable id. While there are any, absence from the list proves nothing.
    pub unreadable: usize,
}

/// One subscription: one event to one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// The service's id of the row.
    pub id: String,
    /// The event.
    pub event: String,
    /// Where it is delivered; it may hold a token, ours or another integration's.
    pub url: Sensitive<String>,
}

impl Answer {
    /// `Ok` for a 2xx, else the fault that the status means.
    fn accepted(&self) -> Result<(), Fault> {
        let words = || wire::error_words(&self.body, &self.hidden);
        let status = self.status;
        match status {
            200..=299 => Ok(()),
            401 | 403 => Err(Fault::Denied {
                status,
                words: words().unwrap_or_else(|| self.shape()),
            }),
            404 => Err(Fault::Missing {
                words: words().unwrap_or_else(|| self.shape()),
            }),
            429 => Err(Fault::Throttled {
                retry_after: self.pause(),
            }),
            400..=499 if status != 408 => Err(match words() {
                Some(words) => Fault::Rejected { status, words },
                None => self.unclear(&format!("HTTP {status} with {}, not the service's own", self.shape())),
            }),
            300..=399 => Err(self.unclear(&format!("HTTP {status}; redirects are not followed"))),
            _ => Err(self.unclear(&match words() {
                Some(words) => format!("HTTP {status}: {words}"),
                None => format!("HTTP {status} with {}", self.shape()),
            })),
        }
    }

    fn unclear(&self, why: &str) -> Fault {
        Fault::Unclear {
            why: wire::words_of(why, &self.hidden),
        }
    }

    /// What kind of body came, for a text.
    fn shape(&self) -> String {
        if self.body.is_empty() {
            return "an empty body".to_owned();
        }
        let kind = self.content_type.as_deref().unwrap_or("no content type");
        wire::words_of(&format!("a body of {kind}"), &self.hidden)
    }

    fn pause(&self) -> Option<Duration> {
        let asked = self.retry_after.as_deref()?.trim();
        let pause = if let Ok(seconds) = asked.parse::<u64>() {
            Duration::from_secs(seconds)
        } else {
            let until = http_date(asked)?;
            let sent = http_date(self.date.as_deref()?.trim())?;
            Duration::try_from(until.duration_since(sent)).unwrap_or(Duration::ZERO)
        };
        Some(pause.min(LONGEST_RETRY_AFTER))
    }

    fn json(&self) -> Result<Value, Fault> {
        self.accepted()?;
        let value = serde_json::from_slice::<Value>(&self.body).ok();
        value.filter(Value::is_object).ok_or_else(|| {
            self.unclear(&format!(
                "HTTP {} with {}, not a JSON object",
                self.status,
                self.shape()
            ))
        })
    }

    /// The items of `data`, which must be there.
    fn items<T>(&self, read: impl FnOnce(Vec<&Value>) -> Result<T, Fault>) -> Result<T, Fault> {
        let body = self.json()?;
        match wire::items(&body) {
            Some(items) => read(items),
            None => Err(self.unclear(&format!("HTTP {} without data", self.status))),
        }
    }

    /// Reads `GET /v2/channels`.
    pub fn channel_list(&self) -> Result<ChannelList, Fault> {
        self.items(|items| {
            let mut list = ChannelList::default();
            let mut seen = std::collections::HashSet::with_capacity(items.len());
            for item in items {
                match wire::channel(item) {
                    Some(channel) if seen.insert(channel.id.clone()) => list.channels.push(channel),
                    Some(_) => {}
                    None => list.unreadable += 1,
                }
            }
            Ok(list)
        })
    }

    /// Reads `GET /v2/channels/{channel_id}`; an answer about another channel is no answer.
    pub fn channel(&self, id: &ChannelId) -> Result<RemoteChannel, Fault> {
        self.items(|items| {
            let mut channels = items.into_iter().filter_map(wire::channel);
            channels
                .find(|channel| channel.id == *id)
                .ok_or_else(|| self.unclear("the answer does not hold the channel that was asked for"))
        })
    }

    /// Reads `POST /v2/channels`. A channel of another transport, or two of them, cannot be told to be ours.
    pub fn created(&self, transport: Transport) -> CreateOutcome {
        match self.new_channel(transport) {
            Ok(channel) => CreateOutcome::Created(channel),
            Err(fault @ (Fault::Denied { .. } | Fault::Missing { .. } | Fault::Rejected { .. })) => {
                CreateOutcome::Refused(fault)
            }
            Err(fault @ (Fault::NotSent { .. } | Fault::Throttled { .. })) => CreateOutcome::NotSent(fault),
            Err(fault @ Fault::Unclear { .. }) => CreateOutcome::Unknown(fault),
        }
    }

    fn new_channel(&self, transport: Transport) -> Result<RemoteChannel, Fault> {
        let ChannelList { mut channels, .. } = self.channel_list()?;
        match (channels.pop(), channels.is_empty()) {
            (Some(mut channel), true) if channel.transport.is_empty() || channel.is(transport) => {
                transport.as_str().clone_into(&mut channel.transport);
                Ok(channel)
            }
            (Some(_), true) => Err(self.unclear("the new channel is of another transport")),
            (Some(_), false) => Err(self.unclear("the answer holds more than one new channel")),
            (None, _) => Err(self.unclear("the answer holds no id of a new channel")),
        }
    }

    /// Reads a reinit: the page shows the channel, but an answer without one is as good.
    pub fn reinitialized(&self, id: &ChannelId) -> Result<Option<RemoteChannel>, Fault> {
        self.done()?;
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let items = wire::items(&body).unwrap_or_default();
        let mut channels = items.into_iter().filter_map(wire::channel);
        Ok(channels.find(|channel| channel.id == *id))
    }

    /// Reads an answer that has nothing to tell (`data: null`): a JSON object, or nothing at all.
    pub fn done(&self) -> Result<(), Fault> {
        self.accepted()?;
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        self.json().map(|_| ())
    }

    /// Reads `POST /v2/channels/{channel_id}/pairing-code`.
    pub fn pairing_code(&self) -> Result<Sensitive<String>, Fault> {
        self.items(|items| {
            let codes = items.into_iter().filter_map(Value::as_object);
            let mut codes = codes.filter_map(|item| wire::text(item, "pairing_code"));
            codes
                .next()
                .map(Sensitive::new)
                .ok_or_else(|| self.unclear("the answer holds no pairing code"))
        })
    }

    /// Reads `POST /v2/iframe-links/channels`: an `https` link.
    pub fn iframe_link(&self) -> Result<Sensitive<String>, Fault> {
        self.items(|items| {
            let links = items.into_iter().filter_map(Value::as_object);
            let mut links = links.filter_map(|item| wire::link(item, "link"));
            links
                .next()
                .filter(|link| link.starts_with("https://") || link.starts_with("http://"))
                .map(Sensitive::new)
                .ok_or_else(|| self.unclear("the answer holds no link"))
        })
    }

    /// Reads `GET /v2/webhooks`. Items that are no subscription are passed over, but one without an id makes the whole
    /// list unclear: to overlook it would be to subscribe again and again.
    pub fn webhook_rows(&self) -> Result<Vec<WebhookRow>, Fault> {
        self.items(|items| {
            let mut rows = Vec::with_capacity(items.len());
            for item in items.into_iter().filter_map(Value::as_object) {
                let words = (wire::text(item, "event"), wire::link(item, "url"));
                let (Some(event), Some(url)) = words else { continue };
                let Some(id) = wire::text(item, "id") else {
                    return Err(self.unclear("a subscription has no id"));
                };
                rows.push(WebhookRow {
                    id,
                    event,
                    url: Sensitive::new(url),
                });
            }
            Ok(rows)
        })
    }
}

/// RFC 9110 wants `Sun, 06 Nov 1994 08:49:37 GMT`, which RFC 2822 readers take.
fn http_date(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
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
}
