//! What is believed and told of a sink.

use super::{
    super::{Refusal, RefusedCall, Seen, Sink, must_look_up_sink},
    stage::{at, fresh, known, planned, wished, words},
};
use crate::model::{Phone, Transport};

fn looks(seen: &Seen, met: bool) -> bool {
    must_look_up_sink(seen, seen.wish.as_ref().unwrap(), met)
}

#[test]
fn a_sink_is_looked_up_where_a_link_or_a_late_qr_could_be_lost() {
    let waiting = |since: Option<i64>| {
        let mut seen = known(Transport::Whatsapp, "init", Some("qr"));
        seen.memory.qr_since = since.map(at);
        seen
    };
    assert!(!looks(&waiting(None), false), "the event comes by itself");
    assert!(!looks(&waiting(Some(-9)), false));
    assert!(
        looks(&waiting(Some(-10)), false),
        "it was shown where the watch does not see it, or met a foreign object on another replica"
    );
    assert!(looks(&waiting(None), true), "a write met a foreign object");
    for (status, wanted) in [("active", false), ("disabled", true), ("paused", true)] {
        assert_eq!(
            looks(&known(Transport::Whatsapp, status, None), false),
            wanted,
            "{status}"
        );
        assert_eq!(looks(&known(Transport::Vk, status, None), false), wanted, "{status}");
    }
    assert!(looks(&known(Transport::Vk, "init", None), false));
    assert!(looks(&fresh(Transport::Vk), false), "its link comes before its channel");
    let mut given = fresh(Transport::Vk);
    given.memory.link_at = Some(at(-5));
    assert!(!looks(&given, false), "no other link is asked for");
    given.object.requests.reinit = Some("now".into());
    assert!(looks(&given, false));
    assert!(!looks(&fresh(Transport::Whatsapp), true));
    assert!(!looks(&known(Transport::Telegram, "disabled", None), true));
    let mut going = waiting(Some(-60));
    going.object.deleting = true;
    assert!(!looks(&going, true));
    let mut shown = waiting(Some(-60));
    shown.sink = Sink::Shown {
        qr_at: None,
        pairing_code: false,
        link: false,
    };
    assert!(!looks(&shown, true));
}

#[test]
fn why_there_is_no_pairing_code_is_told_to_those_alone_who_asked_for_one() {
    let told = |transport: Transport, phone: bool, asked: bool, refused: Option<RefusedCall>| {
        let mut seen = known(transport, "init", Some("qr"));
        seen.sink = Sink::Shown {
            qr_at: Some(at(-5)),
            pairing_code: false,
            link: false,
        };
        seen.memory.pairing_asked_for = Some(at(-5));
        seen.object.requests.pairing = asked.then(|| "now".to_owned());
        seen.memory.refusal = refused.map(|call| Refusal {
            call,
            at: at(-5),
            words: "busy".into(),
        });
        if phone {
            wished(&mut seen).pairing_phone = Phone::parse("79990001122").ok();
        }
        let words = words(&planned(&seen));
        (
            words.contains("needs the phone's number"),
            words.contains("gave no pairing code: busy"),
        )
    };
    let whatsapp = Transport::Whatsapp;
    let refused = Some(RefusedCall::PairingCode);
    assert_eq!(told(whatsapp, false, true, None), (true, false));
    assert_eq!(told(whatsapp, false, false, None), (false, false));
    assert_eq!(told(whatsapp, true, true, None), (false, false));
    assert_eq!(told(Transport::Viber, false, true, None), (false, false));
    assert_eq!(told(whatsapp, true, false, refused), (false, true));
    assert_eq!(told(whatsapp, false, false, refused), (false, false));
    assert_eq!(told(whatsapp, true, false, Some(RefusedCall::Reinit)), (false, false));
}
