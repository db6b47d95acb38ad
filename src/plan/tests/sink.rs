//! When the watch is not believed that there is no sink.

use super::{
    super::{Seen, Sink, must_look_up_sink},
    stage::{at, fresh, known},
};
use crate::model::Transport;

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
