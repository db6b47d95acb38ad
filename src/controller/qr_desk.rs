//! Puts QR codes into their sinks: on every replica, before the service gets its 200.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use kube::ResourceExt;
use tokio::sync::Mutex as AsyncMutex;

use super::{
    caches::{Caches, Key, account_of},
    claims::Claims,
    queue::Queue,
};
use crate::{
    api::WazzupChannel,
    clock,
    cluster::{
        memory,
        sink::{self, Content, Written},
    },
    metrics::Metrics,
    model::{ChannelId, QrPayload},
    plan::{QrRuling, Sink, rule_on_qr},
    qr::Picture,
    webhook::Delivery,
};

/// At most one write a second for a channel: rotations in between are superseded.
const BETWEEN: Duration = Duration::from_secs(1);
/// A sink is looked up by its name, and withdrawn in the version that is shown, at most so often: a watch that is behind makes
/// passes without end that want it.
const AGAIN: Duration = Duration::from_secs(1);
/// Events for an id that nobody claims yet are kept this long.
const EARLY: Duration = Duration::from_secs(300);
/// So many of them.
const EARLY_KEPT: usize = 1_000;
/// Channels whose last QR is remembered; beyond it, those that are not being written are forgotten.
const KEPT: usize = 4_096;

pub(super) struct QrDesk {
    client: kube::Client,
    caches: Arc<Caches>,
    claims: Arc<Claims>,
    channels: Arc<Queue<WazzupChannel>>,
    metrics: Arc<Metrics>,
    lines: Mutex<HashMap<ChannelId, Arc<Line>>>,
    early: Mutex<HashMap<ChannelId, (Instant, Key, QrPayload)>>,
    /// Channels, by uid, whose QR met a foreign object of the sink's name: the watches hide it.
    met: Mutex<HashSet<String>>,
    /// What was last found by the sink's name, by uid.
    looked: Mutex<HashMap<String, (Instant, Sink)>>,
    /// What was last withdrawn, by uid: the version that the watch showed of it.
    withdrawn: Mutex<HashMap<String, (Instant, String)>>,
    /// Replays under way.
    replaying: AtomicUsize,
}

/// What is known of one channel's QR codes.
#[derive(Default)]
struct Line {
    newest: Mutex<Option<QrPayload>>,
    written: AsyncMutex<Option<Instant>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl QrDesk {
    pub(super) fn new(
        client: kube::Client,
        caches: Arc<Caches>,
        claims: Arc<Claims>,
        channels: Arc<Queue<WazzupChannel>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            client,
            caches,
            claims,
            channels,
            metrics,
            lines: Mutex::default(),
            early: Mutex::default(),
            met: Mutex::default(),
            looked: Mutex::default(),
            withdrawn: Mutex::default(),
            replaying: AtomicUsize::new(0),
        }
    }

    /// Takes a QR that came under the URL of `account`.
    pub(super) async fn deliver(self: &Arc<Self>, account: &Key, id: &ChannelId, payload: QrPayload) -> Delivery {
        let owner = || self.claims.owner(id).and_then(|key| self.caches.channel(&key));
        if let Some(channel) = owner() {
            return self.show(account, &channel, id, payload).await;
        }
        self.keep_early(account, id, payload);
        // It may have been claimed between the two.
        if let Some(channel) = owner() {
            self.replay(&channel, id);
        }
        Delivery::Done
    }

    /// An id was claimed: a QR that came before is shown now.
    pub(super) fn replay(self: &Arc<Self>, channel: &WazzupChannel, id: &ChannelId) {
        let Some((since, account, payload)) = lock(&self.early).remove(id) else {
            return;
        };
        if since.elapsed() > EARLY {
            return;
        }
        self.replaying.fetch_add(1, Ordering::AcqRel);
        let (desk, channel, id) = (self.clone(), channel.clone(), id.clone());
        #[allow(
            clippy::let_underscore_future,
            reason = "a replay that fails is a lost event, which the planner mends"
        )]
        let _ = tokio::spawn(async move {
            desk.show(&account, &channel, &id, payload).await;
            desk.replaying.fetch_sub(1, Ordering::AcqRel);
        });
    }

    fn keep_early(&self, account: &Key, id: &ChannelId, payload: QrPayload) {
        let mut early = lock(&self.early);
        early.retain(|_, (since, ..)| since.elapsed() <= EARLY);
        let newer = early.get(id).is_none_or(|(_, _, kept)| payload.at >= kept.at);
        if newer && (early.len() < EARLY_KEPT || early.contains_key(id)) {
            early.insert(id.clone(), (clock::instant(), account.clone(), payload));
        }
    }

    /// Whether a QR of this channel met a foreign object of its sink's name.
    pub(super) fn met_foreign(&self, uid: &str) -> bool {
        lock(&self.met).contains(uid)
    }

    /// The name is free, or the channel is gone.
    pub(super) fn forget_foreign(&self, uid: &str) {
        lock(&self.met).remove(uid);
    }

    /// What was found by the name of a channel's sink just now.
    pub(super) fn looked_up(&self, uid: &str) -> Option<Sink> {
        let looked = lock(&self.looked);
        let (_, found) = looked.get(uid).filter(|(since, _)| since.elapsed() <= AGAIN)?;
        Some(found.clone())
    }

    /// Keeps what was found for a moment.
    pub(super) fn found(&self, uid: &str, found: &Sink) {
        let mut looked = lock(&self.looked);
        looked.retain(|_, (since, _)| since.elapsed() <= AGAIN);
        looked.insert(uid.to_owned(), (clock::instant(), found.clone()));
    }

    /// Whether the sink was withdrawn just now, in the version that the watch shows.
    pub(super) fn is_withdrawn(&self, uid: &str, shown: Option<&str>) -> bool {
        let withdrawn = lock(&self.withdrawn);
        withdrawn
            .get(uid)
            .is_some_and(|(since, version)| since.elapsed() <= AGAIN && shown == Some(version.as_str()))
    }

    /// Keeps that for a moment.
    pub(super) fn withdrawn(&self, uid: String, shown: Option<String>) {
        let mut withdrawn = lock(&self.withdrawn);
        withdrawn.retain(|_, (since, _)| since.elapsed() <= AGAIN);
        if let Some(shown) = shown {
            withdrawn.insert(uid, (clock::instant(), shown));
        }
    }

    /// Whether no QR is held for a create that is under way, and none is just being shown that was.
    pub(super) fn settled(&self) -> bool {
        let accounts: Vec<Key> = {
            let early = lock(&self.early);
            let waiting = early.values().filter(|(since, ..)| since.elapsed() <= EARLY);
            waiting.map(|(_, account, _)| account.clone()).collect()
        };
        let open = accounts
            .iter()
            .any(|account| !self.claims.unresolved(account).is_empty());
        !open && self.replaying.load(Ordering::Acquire) == 0
    }

    fn line(&self, id: &ChannelId) -> Arc<Line> {
        let mut lines = lock(&self.lines);
        if lines.len() >= KEPT {
            lines.retain(|_, line| Arc::strong_count(line) > 1);
        }
        lines.entry(id.clone()).or_default().clone()
    }

    async fn show(&self, account: &Key, channel: &WazzupChannel, id: &ChannelId, payload: QrPayload) -> Delivery {
        if account_of(channel) != *account {
            self.metrics.qr_event("foreign");
            return Delivery::Done;
        }
        let line = self.line(id);
        {
            let mut newest = lock(&line.newest);
            if newest.as_ref().is_some_and(|known| known.at > payload.at) {
                self.metrics.qr_event("superseded");
                return Delivery::Done;
            }
            *newest = Some(payload);
        }
        let mut written = line.written.lock().await;
        if let Some(last) = *written {
            tokio::time::sleep(BETWEEN.saturating_sub(last.elapsed())).await;
        }
        // A later event that came meanwhile is written in place of this one, which shares its answer.
        let Some(newest) = lock(&line.newest).take() else {
            self.metrics.qr_event("superseded");
            return Delivery::Done;
        };
        let delivery = self.write(channel, &newest).await;
        match delivery {
            Delivery::Done => *written = Some(clock::instant()),
            Delivery::Busy => {
                lock(&line.newest).get_or_insert(newest);
            }
        }
        delivery
    }

    async fn write(&self, channel: &WazzupChannel, payload: &QrPayload) -> Delivery {
        let key = super::caches::key_of(channel);
        // The channel as it is now: it may have been connected, or gone, while this event waited.
        let Some(channel) = self.caches.channel(&key).filter(|now| now.uid() == channel.uid()) else {
            return Delivery::Done;
        };
        let closed_at = memory::read(channel.status.as_ref()).qr_closed_at;
        let ruling = rule_on_qr(payload.at, closed_at, &self.caches.sink(&channel), clock::now());
        self.metrics.qr_event(word(ruling));
        match ruling {
            QrRuling::Show => {}
            QrRuling::Superseded | QrRuling::Closed | QrRuling::NameTaken | QrRuling::Ahead => return Delivery::Done,
        }
        let picture = match Picture::from_payload(payload.code.reveal()) {
            Ok(picture) => picture,
            Err(error) => {
                tracing::warn!(namespace = key.0, channel = key.1, %error, "a QR event cannot be shown");
                self.metrics.qr_event("unpaintable");
                return Delivery::Done;
            }
        };
        let content = Content::Qr {
            code: payload.code.clone(),
            png: picture.png,
            text: picture.text,
            at: payload.at,
        };
        let shown = self.caches.sink_metadata(&channel);
        match sink::publish(&self.client, &channel, shown, &content).await {
            Ok(Written::Done) => {
                tracing::info!(namespace = key.0, channel = key.1, at = %payload.at, "a QR is shown");
                Delivery::Done
            }
            Ok(Written::NameTaken) => {
                lock(&self.met).insert(channel.uid().unwrap_or_default());
                self.channels.wake(&key);
                Delivery::Done
            }
            Err(error) if error.is_refused() => {
                tracing::warn!(namespace = key.0, channel = key.1, %error, "Kubernetes refuses the QR");
                Delivery::Done
            }
            Err(error) => {
                tracing::warn!(namespace = key.0, channel = key.1, %error, "a QR could not be stored");
                Delivery::Busy
            }
        }
    }
}

const fn word(ruling: QrRuling) -> &'static str {
    match ruling {
        QrRuling::Show => "shown",
        QrRuling::Superseded => "superseded",
        QrRuling::Closed => "closed",
        QrRuling::NameTaken => "name_taken",
        QrRuling::Ahead => "ahead",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_found_by_a_sinks_name_serves_its_own_channel_for_a_second() {
        let nowhere = axum::Router::new().fallback(std::future::pending::<axum::http::StatusCode>);
        let client = kube::Client::new(nowhere, "shop");
        let caches = Arc::new(Caches { scopes: Vec::new() });
        let desk = QrDesk::new(client, caches, Arc::default(), Arc::default(), Arc::default());
        assert_eq!(desk.looked_up("a"), None);
        desk.found("a", &Sink::Foreign);
        assert_eq!(desk.looked_up("a"), Some(Sink::Foreign));
        assert_eq!(desk.looked_up("b"), None);
        let before = clock::instant().checked_sub(AGAIN + Duration::from_millis(1)).unwrap();
        lock(&desk.looked).insert("a".to_owned(), (before, Sink::Foreign));
        assert_eq!(desk.looked_up("a"), None);
        desk.found("b", &Sink::Absent);
        assert!(!lock(&desk.looked).contains_key("a"), "none is kept for longer");
    }

    #[tokio::test]
    async fn a_sink_is_withdrawn_once_a_second_in_the_version_that_is_shown() {
        let nowhere = axum::Router::new().fallback(std::future::pending::<axum::http::StatusCode>);
        let client = kube::Client::new(nowhere, "shop");
        let caches = Arc::new(Caches { scopes: Vec::new() });
        let desk = QrDesk::new(client, caches, Arc::default(), Arc::default(), Arc::default());
        assert!(!desk.is_withdrawn("a", Some("1")));
        desk.withdrawn("a".to_owned(), Some("1".to_owned()));
        assert!(desk.is_withdrawn("a", Some("1")));
        assert!(!desk.is_withdrawn("a", Some("2")), "shown anew");
        assert!(!desk.is_withdrawn("b", Some("1")));
        let before = clock::instant().checked_sub(AGAIN + Duration::from_millis(1)).unwrap();
        lock(&desk.withdrawn).insert("a".to_owned(), (before, "1".to_owned()));
        assert!(
            !desk.is_withdrawn("a", Some("1")),
            "a lost event must not hide it for long"
        );
    }
}
