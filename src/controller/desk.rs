//! One desk for each account: its client, its pace, its last list. One list serves all channels.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Mutex as AsyncMutex;

use super::{census::lane_word, deletions::Deletions, slots::aside};
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

#[derive(Clone, Default)]
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
    /// Of which token it is: how often the lists had been forgotten when it was read.
    pub(super) epoch: u64,
}

pub(super) struct Desk {
    /// The uid of the account that it serves.
    pub(super) account: String,
    pub(super) gate: Gate,
    standing: Mutex<Standing>,
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    /// How often the lists were forgotten: one that was under way then is another token's.
    forgotten: AtomicU64,
    /// Channels that were deleted by a call, until a list that began later.
    deletions: Deletions,
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

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(super) fn new(account: &str, rate: u32, metrics: Arc<Metrics>) -> Self {
        Self {
            account: account.to_owned(),
            gate: Gate::new(rate),
            standing: Mutex::default(),
            snapshot: Mutex::default(),
            forgotten: AtomicU64::default(),
            deletions: Deletions::default(),
            listing: AsyncMutex::default(),
            trust: Mutex::default(),
            metrics,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        // Read first: a token that changes in between makes it too old, never too new.
        let epoch = self.epoch();
        Standing {
            epoch,
            ..lock(&self.standing).clone()
        }
    }

    /// How often the lists were forgotten, each time for another token.
    pub(super) fn epoch(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
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
        let mut last = lock(&self.snapshot);
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        *last = None;
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
        let found = aside(self.look_anew(not_before, lane, tell)).await?;
        // While this waited for its turn to go on, a deletion may have taken something out of the list.
        let last = self.last().filter(|last| last.started >= found.started);
        Some(last.unwrap_or(found))
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
        let forgotten = self.forgotten.load(Ordering::Acquire);
        let client = self.standing().client?;
        self.wait(lane).await;
        let started = clock::instant();
        let result = client.list_channels().await;
        self.gate.note(&result);
        self.metrics.call("list_channels", &result, started.elapsed());
        // Held until the list is there for all: a deletion in between would find neither it nor the one before.
        let mut last = lock(&self.snapshot);
        if self.forgotten.load(Ordering::Acquire) != forgotten {
            return None;
        }
        let before = last.clone();
        let failures = match &result {
            Ok(_) => 0,
            // Throttling says nothing about the channels, and nothing flaps over it.
            Err(Fault::Throttled { .. }) => before.as_ref().map_or(0, |before| before.failures),
            Err(_) => before.as_ref().map_or(1, |before| before.failures.saturating_add(1)),
        };
        let mut listed = result.map(Listed::from);
        let vanished = self.deletions.take_out(started, &mut listed);
        let snapshot = Arc::new(Snapshot {
            started,
            result: listed,
            failures,
        });
        let mut changes = changes(before.as_deref(), &snapshot);
        changes.set |= !vanished.is_empty();
        changes.channels.extend(vanished);
        *last = Some(snapshot.clone());
        drop(last);
        tell(changes);
        Some(snapshot)
    }

    /// A call has deleted a channel: a list that began before tells nothing of it any more. Its object goes, and whoever
    /// looked at such a list next would find a channel that is nobody's.
    pub(super) fn deleted(&self, id: &ChannelId) {
        self.deletions.add(id);
        let mut last = lock(&self.snapshot);
        if let Some(Snapshot {
            started,
            result: Ok(listed),
            failures,
        }) = last.as_deref()
            && listed.channels.contains_key(id)
        {
            let (started, failures, mut listed) = (*started, *failures, listed.clone());
            listed.channels.remove(id);
            self.deletions.was_shown(id);
            *last = Some(Arc::new(Snapshot {
                started,
                result: Ok(listed),
                failures,
            }));
        }
    }

    fn good_enough(&self, not_before: Option<Instant>) -> Option<Arc<Snapshot>> {
        let last = self.last()?;
        let pause = pause_after(last.failures);
        let fresh = not_before.is_none_or(|wanted| last.started >= wanted);
        let resting = last.result.is_err() && last.started.elapsed() < pause;
        // A failure is an answer until its pause is over: asking again at once would hammer.
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

    /// As [`Self::pass`], with an end to its patience.
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
#[path = "desk_tests.rs"]
mod tests;
