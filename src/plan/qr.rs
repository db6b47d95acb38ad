//! Whether a QR event is shown.

use std::time::Duration;

use jiff::Timestamp;

use super::{Seen, Sink, Wish};
use crate::model::{Login, Status};

/// An event dated further ahead than this is refused: it would outrank every true one.
const AHEAD: Duration = Duration::from_secs(300);

/// A QR is followed by the next one, or is dead, within this.
const LIFE: Duration = Duration::from_secs(60);

/// Up to which time the QR codes of a login that ends now are shut out. They bear the service's time, and our clock may be
/// ahead of it: then the next login's would be shut out, too, but for what the one that was `shown` can have lived.
pub(super) fn closed_at(shown: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let dead = shown.and_then(|shown| shown.checked_add(LIFE).ok());
    dead.map_or(now, |dead| dead.min(now))
}

/// What becomes of a QR event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QrRuling {
    /// It is the newest: show it.
    Show,
    /// A newer one is shown already.
    Superseded,
    /// The login it belongs to is over.
    Closed,
    /// The sink's name is taken by a foreign object.
    NameTaken,
    /// It is dated in the future.
    Ahead,
}

/// Rules on a QR event dated `at`. Wire times are whole seconds, so a login closed within that second does not shut the
/// event out: a picture too many is withdrawn by the next pass, a picture too few costs the person minutes.
pub fn rule_on_qr(at: Timestamp, closed_at: Option<Timestamp>, sink: &Sink, now: Timestamp) -> QrRuling {
    if Duration::try_from(at.duration_since(now)).is_ok_and(|ahead| ahead > AHEAD) {
        return QrRuling::Ahead;
    }
    if closed_at.is_some_and(|closed| at.as_second() < closed.as_second()) {
        return QrRuling::Closed;
    }
    match sink {
        Sink::Foreign => QrRuling::NameTaken,
        Sink::Absent => QrRuling::Show,
        Sink::Shown { qr_at, .. } => match qr_at {
            Some(shown) if at < *shown => QrRuling::Superseded,
            Some(_) | None => QrRuling::Show,
        },
    }
}

/// A QR event comes within this of its channel.
const PROMPT: Duration = Duration::from_secs(10);

/// Whether the sink must be looked up by its name: the watch that shows none may be behind, and hides a foreign object.
/// `met` tells that a write came upon one, or that the status says so.
pub fn must_look_up_sink(seen: &Seen, wish: &Wish, met: bool) -> bool {
    if seen.sink != Sink::Absent || seen.object.deleting {
        return false;
    }
    let late = |since: Timestamp| Duration::try_from(seen.now.duration_since(since)).is_ok_and(|late| late >= PROMPT);
    // A link that cannot be written is lost; it may be asked for while none is given, or once more.
    let link = seen.memory.link_at.is_none() || seen.object.requests.reinit != seen.memory.handled.reinit || met;
    match (wish.transport.login(), seen.remote_channel()) {
        (Login::Iframe, Some(remote)) => link && remote.status != Some(Status::Active),
        // It comes before its channel.
        (Login::Iframe, None) => link && seen.channel_id().is_none(),
        (Login::Qr, Some(remote)) => match remote.status {
            Some(Status::Active) => false,
            // While it is on its way, it meets a foreign object by itself.
            Some(Status::Init) => met || seen.memory.qr_since.is_some_and(late),
            Some(Status::Disabled | Status::Other(_)) | None => true,
        },
        (Login::Qr, None) | (Login::Secret { .. } | Login::Link, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn shown(at: i64) -> Sink {
        Sink::Shown {
            qr_at: Some(second(at)),
            pairing_code: false,
            link: false,
        }
    }

    #[test]
    fn a_login_that_ends_shuts_out_no_more_than_its_own_codes_however_far_our_clock_is_ahead() {
        assert_eq!(closed_at(Some(second(980)), second(1_000)), second(1_000));
        assert_eq!(closed_at(Some(second(980)), second(1_300)), second(1_040));
        assert_eq!(
            closed_at(None, second(1_000)),
            second(1_000),
            "a link, or a pairing code alone"
        );
        let closed = Some(closed_at(Some(second(980)), second(1_300)));
        let rule = |at: i64| rule_on_qr(second(at), closed, &Sink::Absent, second(at + 300));
        assert_eq!(rule(980), QrRuling::Closed, "what was shown comes once more");
        assert_eq!(rule(1_039), QrRuling::Closed);
        assert_eq!(rule(1_060), QrRuling::Show, "the next login's");
    }

    #[test]
    fn only_the_newest_qr_of_an_open_login_is_shown() {
        let now = second(1_000);
        let rule = |at: i64, closed: Option<i64>, sink: &Sink| rule_on_qr(second(at), closed.map(second), sink, now);
        assert_eq!(rule(990, None, &Sink::Absent), QrRuling::Show);
        assert_eq!(rule(990, None, &shown(980)), QrRuling::Show);
        assert_eq!(rule(970, None, &shown(980)), QrRuling::Superseded);
        assert_eq!(rule(970, Some(980), &Sink::Absent), QrRuling::Closed);
        assert_eq!(rule(980, Some(980), &Sink::Absent), QrRuling::Show);
        assert_eq!(rule(990, None, &Sink::Foreign), QrRuling::NameTaken);
        assert_eq!(rule(1_299, None, &Sink::Absent), QrRuling::Show);
        assert_eq!(rule(1_300, None, &Sink::Absent), QrRuling::Show);
        assert_eq!(rule(1_301, None, &Sink::Absent), QrRuling::Ahead);
        assert_eq!(
            rule(980, None, &shown(980)),
            QrRuling::Show,
            "of the same second, the later"
        );
        assert_eq!(rule(990, Some(980), &Sink::Absent), QrRuling::Show);
    }
}
