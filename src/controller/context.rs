//! What a pass may use.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    caches::{Caches, Key, account_of},
    claims::Claims,
    desks::Desks,
    lanes::{Behind, Lanes},
    partners::Partners,
    pokes::Pokes,
    qr_desk::QrDesk,
    queue::Queue,
    slots::Slots,
    supplies::HashCache,
};
use crate::{
    api::{WazzupAccount, WazzupChannel},
    clock,
    cluster::events::Announcer,
    leader::Fence,
    metrics::Metrics,
    model::ChannelId,
    plan::Timing,
    wazzup::{AllowedHosts, HttpClient},
};

/// What an administrator decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Namespaces to watch; empty means all.
    pub namespaces: Vec<String>,
    /// Where webhooks are received.
    pub webhook_listen: std::net::SocketAddr,
    /// The public base URL under which the receiver is reached.
    pub webhook_url: Option<String>,
    /// Where metrics and health are served.
    pub metrics_listen: std::net::SocketAddr,
    /// Hosts that may be called.
    pub allowed_hosts: AllowedHosts,
    /// Whether to wait for the lease.
    pub leader_elect: bool,
    /// The lease's namespace.
    pub leader_namespace: String,
    /// Passes at once.
    pub concurrency: u16,
    /// This replica's name.
    pub identity: String,
}

/// Shared by all passes.
pub(super) struct Context {
    pub(super) client: kube::Client,
    pub(super) caches: Arc<Caches>,
    pub(super) claims: Arc<Claims>,
    pub(super) desks: Desks,
    pub(super) lanes: Lanes,
    pub(super) slots: Slots,
    pub(super) partners: Partners,
    pub(super) qr: Arc<QrDesk>,
    pub(super) pokes: Arc<Pokes>,
    pub(super) marks: Marks,
    pub(super) conflicts: Conflicts,
    pub(super) hashes: HashCache,
    pub(super) channels: Arc<Queue<WazzupChannel>>,
    pub(super) accounts: Arc<Queue<WazzupAccount>>,
    pub(super) fence: Fence,
    pub(super) http: HttpClient,
    pub(super) options: Options,
    pub(super) timing: Timing,
    pub(super) announcer: Announcer,
    pub(super) metrics: Arc<Metrics>,
}

impl Context {
    /// The account at Wazzup behind an account object.
    pub(super) fn behind(&self, account: &Key) -> Behind {
        Behind::of(account, self.desks.get(account).as_deref())
    }

    /// Unresolved creates of other objects, of the same transport, in the same account at Wazzup: of each, what it knows to be
    /// older than itself.
    pub(super) fn other_intents(&self, channel: &WazzupChannel) -> Vec<Vec<ChannelId>> {
        let own = self.behind(&account_of(channel));
        let uid = channel.metadata.uid.as_deref().unwrap_or_default();
        self.claims
            .other_intents(channel.spec.transport, uid, |account| self.behind(account) == own)
    }

    /// What other objects claim, of the same transport, in the same account at Wazzup.
    pub(super) fn others_channels(&self, channel: &WazzupChannel) -> Vec<ChannelId> {
        let own = self.behind(&account_of(channel));
        let uid = channel.metadata.uid.as_deref().unwrap_or_default();
        self.claims
            .others_channels(channel.spec.transport, uid, |account| self.behind(account) == own)
    }
}

/// Since when a channel's state at Wazzup may have changed without a list that shows it: hints for a sooner look, never a
/// ground for a decision. Lost at a restart, when everything is looked at anyway.
#[derive(Default)]
pub(super) struct Marks(Mutex<HashMap<String, Mark>>);

#[derive(Clone, Copy)]
struct Mark {
    /// When it happened: a list that began later shows it.
    announced: Instant,
    /// When the next list may begin.
    since: Instant,
    repeats: usize,
}

/// A look that does not show what was announced is repeated after these pauses.
const REPEATS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(10)];

/// How far apart lists begin for which anybody may ask.
const APART: Duration = Duration::from_secs(1);

impl Marks {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Mark>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something happened to a channel just now.
    pub(super) fn set(&self, uid: &str) {
        self.hint(uid, None);
    }

    /// Something happened, as somebody says who may say it very often: no list begins sooner than a second after `last_list` did.
    pub(super) fn hint(&self, uid: &str, last_list: Option<Instant>) {
        let announced = clock::instant();
        let since = last_list.map_or(announced, |last| announced.max(last + APART));
        self.with(|marks| {
            let mark = Mark {
                announced,
                since,
                repeats: 0,
            };
            marks.insert(uid.to_owned(), mark);
        });
    }

    /// A plan wants a list of its own, once. What was announced before goes on being repeated.
    pub(super) fn want(&self, uid: &str) {
        self.with(|marks| {
            let now = clock::instant();
            let wanted = || Mark {
                announced: now,
                since: now,
                repeats: REPEATS.len(),
            };
            marks.entry(uid.to_owned()).or_insert_with(wanted);
        });
    }

    /// A list older than this does not tell about the channel.
    pub(super) fn look_after(&self, uid: &str) -> Option<Instant> {
        self.with(|marks| marks.get(uid).map(|mark| mark.since))
    }

    /// The pause before a look is repeated, three times at most; the mark then goes.
    pub(super) fn repeat(&self, uid: &str) -> Option<Duration> {
        self.with(|marks| {
            let mark = marks.get_mut(uid)?;
            let pause = REPEATS.get(mark.repeats).copied();
            mark.repeats += 1;
            match pause {
                // The next look must be one that begins after the pause.
                Some(pause) => mark.since = clock::instant() + pause,
                None => {
                    marks.remove(uid);
                }
            }
            pause
        })
    }

    /// What was announced until then is seen.
    pub(super) fn clear_until(&self, uid: &str, seen: Instant) {
        self.with(|marks| {
            if marks.get(uid).is_some_and(|mark| mark.announced <= seen) {
                marks.remove(uid);
            }
        });
    }

    /// The object is gone.
    pub(super) fn clear(&self, uid: &str) {
        self.with(|marks| marks.remove(uid));
    }
}

/// Conflicts in a row, by the object's uid: how far a view is behind cannot be seen, only that it is.
#[derive(Default)]
pub(super) struct Conflicts(Mutex<HashMap<String, u32>>);

impl Conflicts {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, u32>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One more; how many there were in a row.
    pub(super) fn count(&self, uid: Option<String>) -> u32 {
        self.with(|counts| {
            let count = counts.entry(uid.unwrap_or_default()).or_default();
            *count = count.saturating_add(1);
            *count
        })
    }

    /// A pass ended without one.
    pub(super) fn clear(&self, uid: Option<String>) {
        self.with(|counts| counts.remove(&uid.unwrap_or_default()));
    }
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;
