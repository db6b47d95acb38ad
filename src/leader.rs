//! The lease: one replica changes things at Wazzup, and knows by its own clock how long it may.
//!
//! Every write carries the resourceVersion that was read, expiry is judged by the monotonic clock since the record last
//! changed, and whoever cannot renew stops before others may begin.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use tokio_util::sync::CancellationToken;

use crate::{api::names, clock};

/// How long a lease lasts that nobody renews.
const LEASE: Duration = Duration::from_secs(30);
/// How long a leader that cannot renew goes on.
const RENEW_DEADLINE: Duration = Duration::from_secs(24);
/// How often it renews, and others look.
const RETRY: Duration = Duration::from_secs(3);
/// How long one try may take: a call that gets no answer must leave time for another before the lease is given up.
const TRY: Duration = Duration::from_secs(10);

/// Whether this replica may change things at Wazzup, and until when.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Mutex<Until>>);

#[derive(Clone, Copy, Debug)]
enum Until {
    Not,
    Instant(Instant),
    Always,
}

impl Fence {
    /// Closed until the lease is held.
    pub fn closed() -> Self {
        Self(Arc::new(Mutex::new(Until::Not)))
    }

    /// Open for good: there is no other replica.
    pub fn open() -> Self {
        Self(Arc::new(Mutex::new(Until::Always)))
    }

    fn until(&self) -> Until {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, until: Until) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Whether a remote change may begin now.
    pub fn allows(&self) -> bool {
        match self.until() {
            Until::Not => false,
            Until::Instant(end) => clock::instant() < end,
            Until::Always => true,
        }
    }

    /// Runs a call that must not outlive the lease; `None` when it had to be cut.
    pub async fn bounded<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        match self.until() {
            Until::Not => None,
            Until::Instant(end) => tokio::time::timeout(end.saturating_duration_since(clock::instant()), call)
                .await
                .ok(),
            Until::Always => Some(call.await),
        }
    }
}

/// What was read, and since when it has been so.
struct Sighting {
    version: Option<String>,
    since: Instant,
}

/// Tries for the lease and keeps it.
pub struct Elector {
    leases: Api<Lease>,
    identity: String,
    fence: Fence,
}

impl Elector {
    /// An elector in a namespace; `fence` opens while the lease is held.
    pub fn new(client: kube::Client, namespace: &str, identity: String, fence: Fence) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            identity,
            fence,
        }
    }

    /// Waits until the lease is held; `false` when asked to stop before.
    pub async fn acquire(&self, stop: &CancellationToken) -> bool {
        let mut sighting = Sighting {
            version: None,
            since: clock::instant(),
        };
        loop {
            if self.attempt(&mut sighting, TRY).await {
                return true;
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// Renews until asked to stop (`true`) or until the lease is lost (`false`).
    pub async fn keep(&self, stop: &CancellationToken) -> bool {
        let mut sighting = Sighting {
            version: None,
            since: clock::instant(),
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => return true,
                () = tokio::time::sleep(RETRY) => {}
            }
            let left = match self.fence.until() {
                Until::Instant(end) => end.saturating_duration_since(clock::instant()),
                Until::Not | Until::Always => Duration::ZERO,
            };
            self.attempt(&mut sighting, left).await;
            if !self.fence.allows() {
                return false;
            }
        }
    }

    /// Hands the lease over, so that another replica need not wait for its end.
    pub async fn release(&self) {
        self.fence.set(Until::Not);
        let Ok(Ok(Some(mut lease))) = tokio::time::timeout(RETRY, self.leases.get_opt(names::LEASE)).await else {
            return;
        };
        if holder(&lease) != Some(&self.identity) {
            return;
        }
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
        }
        let params = params();
        let written = self.leases.replace(names::LEASE, &params, &lease);
        if let Ok(Err(error)) = tokio::time::timeout(RETRY, written).await {
            tracing::debug!(%error, "the lease could not be handed over; it ends by itself");
        }
    }

    /// One look and, where allowed, one write. What was begun late counts from its beginning.
    async fn attempt(&self, sighting: &mut Sighting, patience: Duration) -> bool {
        let started = clock::instant();
        match tokio::time::timeout(patience.min(TRY), self.step(sighting)).await {
            Ok(Ok(true)) => {
                self.fence.set(Until::Instant(started + RENEW_DEADLINE));
                true
            }
            Ok(Ok(false)) => {
                // Somebody else holds it: strict, whatever our own clock says.
                self.fence.set(Until::Not);
                false
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the lease could not be taken or renewed: see that its namespace (--leader-namespace) is there and the Role is bound in it");
                false
            }
            Err(_) => false,
        }
    }

    async fn step(&self, sighting: &mut Sighting) -> Result<bool, kube::Error> {
        let Some(found) = self.leases.get_opt(names::LEASE).await? else {
            return won(self.leases.create(&params(), &self.record(None)).await);
        };
        let version = found.resource_version();
        if sighting.version != version {
            *sighting = Sighting {
                version,
                since: clock::instant(),
            };
        }
        let mine = holder(&found) == Some(&self.identity);
        let free = holder(&found).is_none_or(String::is_empty);
        let lasts = found
            .spec
            .as_ref()
            .and_then(|spec| spec.lease_duration_seconds)
            .unwrap_or(0);
        let lasts = Duration::from_secs(u64::try_from(lasts).unwrap_or(0)).max(LEASE);
        if mine || free || sighting.since.elapsed() >= lasts {
            won(self
                .leases
                .replace(names::LEASE, &params(), &self.record(Some(&found)))
                .await)
        } else {
            Ok(false)
        }
    }

    fn record(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime(clock::now());
        let spec = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let mine = spec.holder_identity.as_ref() == Some(&self.identity);
        let acquired: Option<MicroTime> = if mine { spec.acquire_time.clone() } else { None };
        Lease {
            metadata: ObjectMeta {
                name: Some(names::LEASE.to_owned()),
                resource_version: before.and_then(ResourceExt::resource_version),
                ..before.map(|lease| lease.metadata.clone()).unwrap_or_default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(LEASE.as_secs()).ok(),
                acquire_time: acquired.or(Some(now.clone())),
                renew_time: Some(now),
                lease_transitions: Some(spec.lease_transitions.unwrap_or(0) + i32::from(!mine)),
                ..spec
            }),
        }
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref())
}

/// A conflict means that somebody else was first.
fn won(written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}
