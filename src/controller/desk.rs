//! One desk for each account: its client, its pace, its last list. One list serves all channels.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Mutex as AsyncMutex;

use super::{caches::Key, census::lane_word, slots::aside};
use crate::{
    clock,
    cluster::secrets::AccountKeys,
    metrics::Metrics,
    model::{ChannelId, CreateOutcome, Fault, RemoteAccountId, RemoteChannel},
    plan::{AccountTrouble, Webhooks},
    wazzup::{ChannelList, Client, Gate, Lane},
};

/// A list, or why there is none.
pub(super) struct Snapshot {
    /// When it was asked for: it shows everything that happened before.
    pub(super) started: Instant,
    pub(super) result: Result<Listed, Fault>,
    /// Failures in a row, this one included.
    pub(super) failures: u32,
}

#[derive(Default)]
pub(super) struct Listed {
    pub(super) channels: BTreeMap<ChannelId, RemoteChannel>,
    pub(super) unreadable: usize,
}

/// What a list showed that the one before did not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Channels that appeared, changed or vanished.
    pub(super) channels: Vec<ChannelId>,
    /// Whether the set of channels changed.
    pub(super) set: bool,
    /// Whether everything must be looked at: the first list, or the first one after failures, or a lasting failure.
    pub(super) all: bool,
    /// Whether the token was refused, and was not before.
    pub(super) denied: bool,
}

/// What channels may know of their account.
#[derive(Clone, Default)]
pub(super) struct Standing {
    pub(super) client: Option<Client>,
    pub(super) keys: Option<AccountKeys>,
    pub(super) webhooks: Option<Webhooks>,
    pub(super) trouble: Option<(AccountTrouble, String)>,
    pub(super) suspend: bool,
    /// Whether a list has shown that the client's token is this account's.
    pub(super) vetted: bool,
    /// The account at Wazzup, where it is known.
    pub(super) remote: Option<RemoteAccountId>,
}

pub(super) struct Desk {
    pub(super) gate: Gate,
    standing: Mutex<Standing>,
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    listing: AsyncMutex<()>,
    trust: Mutex<Trust>,
    metrics: Arc<Metrics>,
}

/// Whether events arrive.
#[derive(Default)]
struct Trust {
    /// When the last one came.
    event: Option<Instant>,
    /// Since when a list has shown a change that no event announced.
    doubt: Option<Instant>,
}

/// A change that a list shows this long after an event counts as announced.
const EVENT_SERVES: Duration = Duration::from_secs(10);

/// All desks.
pub(super) struct Desks {
    desks: Mutex<HashMap<Key, Arc<Desk>>>,
    metrics: Arc<Metrics>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desks {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            desks: Mutex::default(),
            metrics,
        }
    }

    pub(super) fn get(&self, account: &Key) -> Option<Arc<Desk>> {
        lock(&self.desks).get(account).cloned()
    }

    pub(super) fn open(&self, account: &Key, rate: u32) -> Arc<Desk> {
        let desk = lock(&self.desks)
            .entry(account.clone())
            .or_insert_with(|| Arc::new(Desk::new(rate, self.metrics.clone())))
            .clone();
        desk.gate.set_rate(rate);
        desk
    }

    pub(super) fn all(&self) -> Vec<Arc<Desk>> {
        lock(&self.desks).values().cloned().collect()
    }

    pub(super) fn close(&self, account: &Key) {
        lock(&self.desks).remove(account);
    }
}

impl Desk {
    fn new(rate: u32, metrics: Arc<Metrics>) -> Self {
        Self {
            gate: Gate::new(rate),
            standing: Mutex::default(),
            snapshot: Mutex::default(),
            listing: AsyncMutex::default(),
            trust: Mutex::default(),
            metrics,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        lock(&self.standing).clone()
    }

    /// Changes what channels may know; the change is made under a lock and must be quick.
    pub(super) fn set(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut lock(&self.standing));
    }

    pub(super) fn last(&self) -> Option<Arc<Snapshot>> {
        lock(&self.snapshot).clone()
    }

    /// A client of another account's token must not be judged by the old one's list.
    pub(super) fn forget_list(&self) {
        *lock(&self.snapshot) = None;
    }

    /// An event came: the subscription works.
    pub(super) fn announced(&self) {
        *lock(&self.trust) = Trust {
            event: Some(clock::instant()),
            doubt: None,
        };
    }

    /// A list has shown a change; its event may have come before, or may be on its way.
    pub(super) fn changed(&self) {
        let mut trust = lock(&self.trust);
        if trust.event.is_none_or(|at| at.elapsed() > EVENT_SERVES) {
            trust.doubt.get_or_insert_with(clock::instant);
        }
    }

    /// Whether a change has waited for its event for that long; asked once, it is forgotten.
    pub(super) fn doubts(&self, patience: Duration) -> bool {
        let mut trust = lock(&self.trust);
        let stale = trust.doubt.is_some_and(|since| since.elapsed() >= patience);
        if stale {
            trust.doubt = None;
        }
        stale
    }

    /// A list that was asked for at or after `not_before`: the last one, one that is under way, or a new one. After a
    /// failure the next one waits for a growing pause, whoever asks. Changes are handed to `tell` by whoever listed.
    pub(super) async fn look(
        &self,
        not_before: Option<Instant>,
        lane: Lane,
        tell: impl FnOnce(Changes),
    ) -> Option<Arc<Snapshot>> {
        if let Some(snapshot) = self.good_enough(not_before) {
            return Some(snapshot);
        }
        aside(self.look_anew(not_before, lane, tell)).await
    }

    async fn look_anew(
        &self,
        not_before: Option<Instant>,
        lane: Lane,
        tell: impl FnOnce(Changes),
    ) -> Option<Arc<Snapshot>> {
        let _turn = self.listing.lock().await;
        if let Some(snapshot) = self.good_enough(not_before) {
            return Some(snapshot);
        }
        let client = self.standing().client?;
        self.wait(lane).await;
        let started = clock::instant();
        let result = client.list_channels().await;
        self.gate.note(&result);
        self.metrics.call("list_channels", &result, started.elapsed());
        let before = self.last();
        let failures = match &result {
            Ok(_) => 0,
            // Throttling says nothing about the channels, and nothing flaps over it.
            Err(Fault::Throttled { .. }) => before.as_ref().map_or(0, |before| before.failures),
            Err(_) => before.as_ref().map_or(1, |before| before.failures.saturating_add(1)),
        };
        let snapshot = Arc::new(Snapshot {
            started,
            result: result.map(Listed::from),
            failures,
        });
        let changes = changes(before.as_deref(), &snapshot);
        *lock(&self.snapshot) = Some(snapshot.clone());
        tell(changes);
        Some(snapshot)
    }

    fn good_enough(&self, not_before: Option<Instant>) -> Option<Arc<Snapshot>> {
        let last = self.last()?;
        let pause = pause_after(last.failures);
        let fresh = not_before.is_none_or(|wanted| last.started >= wanted);
        let resting = last.result.is_err() && last.started.elapsed() < pause;
        // Even a failure that is fresh enough is an answer: asking again at once would hammer.
        (fresh && last.result.is_ok() || resting).then_some(last)
    }

    /// Waits until a request may go.
    pub(super) async fn pass(&self, lane: Lane) {
        aside(self.wait(lane)).await;
    }

    async fn wait(&self, lane: Lane) {
        let since = clock::instant();
        self.gate.pass(lane).await;
        self.metrics.limited(lane_word(lane), since.elapsed());
    }

    /// The same, with an end to its patience.
    pub(super) async fn pass_within(&self, lane: Lane, patience: Duration) -> Result<(), Fault> {
        let since = clock::instant();
        let passed = aside(self.gate.pass_within(lane, patience)).await;
        self.metrics.limited(lane_word(lane), since.elapsed());
        passed
    }

    /// Notes how a call ended, for the pace and for the metrics.
    pub(super) fn note<T>(&self, operation: &'static str, result: &Result<T, Fault>, since: Instant) {
        self.gate.note(result);
        self.metrics.call(operation, result, since.elapsed());
    }

    /// The same for a create.
    pub(super) fn note_create(&self, outcome: &CreateOutcome, since: Instant) {
        let result = match outcome {
            CreateOutcome::Created(_) => Ok(()),
            CreateOutcome::Refused(fault) | CreateOutcome::NotSent(fault) | CreateOutcome::Unknown(fault) => {
                Err(fault.clone())
            }
        };
        self.metrics.create(outcome);
        self.note("create_channel", &result, since);
    }
}

/// How long a failed list is an answer: 1 s, 2 s, … 5 min.
pub(super) fn pause_after(failures: u32) -> Duration {
    Duration::from_secs(1_u64 << failures.saturating_sub(1).min(9)).min(Duration::from_secs(300))
}

impl From<ChannelList> for Listed {
    fn from(list: ChannelList) -> Self {
        let channels = list
            .channels
            .into_iter()
            .map(|channel| (channel.id.clone(), channel))
            .collect();
        Self {
            channels,
            unreadable: list.unreadable,
        }
    }
}

fn changes(before: Option<&Snapshot>, now: &Snapshot) -> Changes {
    match (before.map(|before| &before.result), &now.result) {
        (None | Some(Err(_)), Ok(_)) => Changes {
            all: true,
            set: true,
            ..Changes::default()
        },
        (was, Err(fault)) => Changes {
            all: now.failures == 1 || now.failures == 3,
            denied: matches!(fault, Fault::Denied { .. }) && !matches!(was, Some(Err(Fault::Denied { .. }))),
            ..Changes::default()
        },
        (Some(Ok(before)), Ok(now)) => {
            let mut changes = Changes::default();
            for (id, channel) in &now.channels {
                let known = before.channels.get(id);
                if known != Some(channel) {
                    changes.channels.push(id.clone());
                    changes.set |= known.is_none();
                }
            }
            let gone = before.channels.keys().filter(|id| !now.channels.contains_key(*id));
            for id in gone {
                changes.channels.push(id.clone());
                changes.set = true;
            }
            changes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;

    fn snapshot(channels: &[(&str, Status)]) -> Snapshot {
        let channels = channels
            .iter()
            .map(|(id, status)| {
                let id = ChannelId::parse(id).unwrap();
                let channel = RemoteChannel {
                    status: Some(status.clone()),
                    ..RemoteChannel::bare(id.clone(), "telegram")
                };
                (id, channel)
            })
            .collect();
        Snapshot {
            started: clock::instant(),
            result: Ok(Listed {
                channels,
                unreadable: 0,
            }),
            failures: 0,
        }
    }

    #[test]
    fn a_list_tells_what_appeared_changed_and_vanished_and_nothing_else() {
        let before = snapshot(&[
            ("same", Status::Active),
            ("changed", Status::Init),
            ("gone", Status::Active),
        ]);
        let now = snapshot(&[
            ("same", Status::Active),
            ("changed", Status::Active),
            ("new", Status::Init),
        ]);
        let changes = changes(Some(&before), &now);
        let ids: Vec<&str> = changes.channels.iter().map(ChannelId::as_str).collect();
        assert_eq!(ids, ["changed", "new", "gone"]);
        assert!(changes.set && !changes.all);
        assert_eq!(
            super::changes(
                Some(&now),
                &snapshot(&[
                    ("same", Status::Active),
                    ("changed", Status::Active),
                    ("new", Status::Init)
                ])
            ),
            Changes::default()
        );
    }

    #[test]
    fn the_pause_after_failures_grows_to_five_minutes() {
        assert_eq!(pause_after(1), Duration::from_secs(1));
        assert_eq!(pause_after(4), Duration::from_secs(8));
        assert_eq!(pause_after(40), Duration::from_secs(300));
    }
}
