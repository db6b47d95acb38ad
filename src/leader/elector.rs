//! Takes the lease, keeps it, hands it over.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Api, api::PostParams};
use tokio_util::sync::CancellationToken;

use super::{
    Terms,
    fence::{Fence, Until},
    record::{self, Sighting},
};
use crate::{api::names, clock};

/// Tries for the lease and keeps it.
pub struct Elector {
    leases: Api<Lease>,
    identity: String,
    fence: Fence,
    terms: Terms,
    /// The lease as this replica wrote it last, and what it tried to write since without an answer.
    held: Option<(Lease, Option<LeaseSpec>)>,
}

impl Elector {
    /// An elector in a namespace; `fence` opens while the lease is held. `identity` must be this process's alone.
    pub fn new(client: kube::Client, namespace: &str, identity: String, fence: Fence, terms: Terms) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            identity,
            fence,
            terms,
            held: None,
        }
    }

    /// Waits until the lease is held; `false` when asked to stop before.
    pub async fn acquire(&mut self, stop: &CancellationToken) -> bool {
        let mut sighting = Sighting::default();
        loop {
            // What was begun late counts from its beginning.
            let started = clock::instant();
            match tokio::time::timeout(self.terms.attempt, self.take(&mut sighting)).await {
                Ok(Ok(Some(lease))) => {
                    self.held = Some((lease, None));
                    self.fence.set(Until::Instant(started + self.terms.deadline));
                    return true;
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tell(&error),
                Err(_) => tracing::warn!("the API server did not answer in time when the lease was asked for"),
            }
            if self.pause(stop).await {
                return false;
            }
        }
    }

    /// Renews until asked to stop (`true`) or until the lease is lost (`false`).
    pub async fn keep(&mut self, stop: &CancellationToken) -> bool {
        loop {
            if self.pause(stop).await {
                return true;
            }
            let started = clock::instant();
            let left = match self.fence.until() {
                Until::Instant(end) => end.saturating_duration_since(started),
                Until::Not | Until::Always => Duration::ZERO,
            };
            if left.is_zero() {
                tracing::warn!("the lease was not renewed in time: this replica leads no more");
                return false;
            }
            match tokio::time::timeout(left.min(self.terms.attempt), self.renew()).await {
                Ok(Ok(true)) => self.fence.set(Until::Instant(started + self.terms.deadline)),
                Ok(Ok(false)) => {
                    // Strict, whatever our own clock says: somebody may have led meanwhile.
                    self.fence.set(Until::Not);
                    tracing::warn!("the lease is not as this replica wrote it: this replica leads no more");
                    return false;
                }
                Ok(Err(error)) => tell(&error),
                Err(_) => tracing::warn!("the API server did not answer in time when the lease was renewed"),
            }
        }
    }

    /// Hands the lease over, so that another replica need not wait for its end.
    pub async fn release(mut self) {
        self.fence.set(Until::Not);
        let attempt = self.terms.attempt;
        let written = async {
            if !self.is_as_known().await? {
                return Ok(());
            }
            match &self.held {
                Some((lease, _)) => self.write(&record::handed_over(lease)).await.map(|_| ()),
                None => Ok(()),
            }
        };
        match tokio::time::timeout(attempt, written).await {
            Ok(Ok(())) => tracing::info!("the lease is handed over"),
            Ok(Err(error)) => tracing::debug!(%error, "the lease could not be handed over; it ends by itself"),
            Err(_) => tracing::debug!("the lease could not be handed over in time; it ends by itself"),
        }
    }

    /// Whether it was asked to stop meanwhile.
    async fn pause(&self, stop: &CancellationToken) -> bool {
        tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(self.terms.retry) => false,
        }
    }

    /// One look and, where allowed, one write.
    async fn take(&self, sighting: &mut Sighting) -> Result<Option<Lease>, kube::Error> {
        let found = self.leases.get_opt(names::LEASE).await?;
        if !sighting.frees(found.as_ref(), &self.identity, clock::instant(), &self.terms) {
            return Ok(None);
        }
        let wanted = record::held_by(&self.identity, found.as_ref(), &self.terms);
        let written = match &found {
            None => self.leases.create(&params(), &wanted).await,
            Some(_) => self.write(&wanted).await,
        };
        match written {
            Ok(lease) => Ok(Some(lease)),
            // Not there is the namespace, where there was no lease.
            Err(error) if is_lost(&error) && (found.is_some() || !is_absent(&error)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One write onto the version that this replica wrote last. Who finds another one looks whether only labels differ.
    async fn renew(&mut self) -> Result<bool, kube::Error> {
        let mut touched = false;
        loop {
            if !self.is_as_known().await? {
                return Ok(false);
            }
            let Some((lease, _)) = &self.held else { return Ok(false) };
            let wanted = record::held_by(&self.identity, Some(lease), &self.terms);
            if let Some((_, tried)) = &mut self.held {
                tried.clone_from(&wanted.spec);
            }
            match self.write(&wanted).await {
                Ok(written) => {
                    self.held = Some((written, None));
                    return Ok(true);
                }
                Err(error) if is_lost(&error) && !touched => touched = true,
                Err(error) if is_lost(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// After a write without an answer: whether the lease is still as this replica wrote it, or wanted to.
    async fn is_as_known(&mut self) -> Result<bool, kube::Error> {
        let Some((known, tried)) = &mut self.held else {
            return Ok(false);
        };
        if tried.is_none() {
            return Ok(true);
        }
        let found = self.leases.get_opt(names::LEASE).await?;
        match found.filter(|found| record::is_the_same(found, known, tried.as_ref())) {
            Some(found) => {
                (*known, *tried) = (found, None);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn write(&self, lease: &Lease) -> Result<Lease, kube::Error> {
        self.leases.replace(names::LEASE, &params(), lease).await
    }
}

/// Somebody else was first, or has taken the lease away.
fn is_lost(error: &kube::Error) -> bool {
    is_absent(error) || matches!(error, kube::Error::Api(status) if status.code == 409)
}

fn is_absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

fn tell(error: &kube::Error) {
    tracing::warn!(%error, "the lease could not be taken or renewed: see that its namespace (--leader-namespace) is there and the Role is bound in it");
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}
