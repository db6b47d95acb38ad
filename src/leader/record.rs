//! What stands in the lease, and what may be concluded from it.

use std::time::{Duration, Instant};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{ResourceExt, api::ObjectMeta};

use super::Terms;
use crate::{api::names, clock};

/// The duration that a lease names which its holder has handed over. One that was only emptied, by whomever, is waited for:
/// its holder may not know it yet.
const HANDED_OVER: i32 = 1;

/// What a replica that does not lead has seen of the lease, and since when it has been so by its own clock.
#[derive(Default)]
pub(super) struct Sighting(Option<(Option<Said>, Instant)>);

/// What matters of a lease: which one it is, and what it says. Its labels do not matter.
type Said = (Option<String>, Option<LeaseSpec>);

fn said(lease: &Lease) -> Said {
    (lease.uid(), lease.spec.clone())
}

impl Sighting {
    /// Whether the lease may be taken, as it was found now.
    pub(super) fn frees(&mut self, found: Option<&Lease>, identity: &str, now: Instant, terms: &Terms) -> bool {
        let is = found.map(said);
        let first = self.0.is_none();
        let since = match &self.0 {
            Some((was, since)) if *was == is => *since,
            Some(_) | None => now,
        };
        let waited = now.duration_since(since);
        let Some(lease) = found else {
            // One that vanished may have a holder who does not know it yet.
            let free = first || waited >= terms.lease;
            if !first {
                self.0 = Some((is, since));
            }
            return free;
        };
        self.0 = Some((is, since));
        let spec = lease.spec.as_ref();
        let duration = spec.and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
        match holder(lease) {
            Some(holder) if holder == identity => true,
            None if duration == HANDED_OVER => true,
            Some(_) | None => {
                let lasts = Duration::from_secs(u64::try_from(duration).unwrap_or(0));
                // Written by hand it may say anything.
                waited >= lasts.clamp(terms.lease, terms.longest)
            }
        }
    }
}

pub(super) fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
    holder.filter(|holder| !holder.is_empty())
}

/// Whether a lease that was found is the one that was written, or was to be written; labels aside.
pub(super) fn is_the_same(found: &Lease, known: &Lease, tried: Option<&LeaseSpec>) -> bool {
    let says = found.spec.as_ref();
    found.uid() == known.uid() && (says == known.spec.as_ref() || (tried.is_some() && says == tried))
}

/// The lease as its holder writes it, after the one that was read. Its times are for people.
pub(super) fn held_by(identity: &str, before: Option<&Lease>, terms: &Terms) -> Lease {
    let now = MicroTime(clock::now());
    let mine = before.and_then(holder) == Some(identity);
    let spec = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
    let acquired = spec.acquire_time.clone().filter(|_| mine);
    after(
        before,
        LeaseSpec {
            holder_identity: Some(identity.to_owned()),
            lease_duration_seconds: i32::try_from(terms.lease.as_secs().max(2)).ok(),
            acquire_time: acquired.or(Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(
                spec.lease_transitions
                    .unwrap_or(0)
                    .max(0)
                    .saturating_add(i32::from(!mine)),
            ),
            ..spec
        },
    )
}

/// The lease as its holder leaves it.
pub(super) fn handed_over(before: &Lease) -> Lease {
    let spec = LeaseSpec {
        holder_identity: None,
        lease_duration_seconds: Some(HANDED_OVER),
        ..before.spec.clone().unwrap_or_default()
    };
    after(Some(before), spec)
}

/// Written only onto the version that was read.
fn after(before: Option<&Lease>, spec: LeaseSpec) -> Lease {
    Lease {
        metadata: before.map(|lease| lease.metadata.clone()).unwrap_or(ObjectMeta {
            name: Some(names::LEASE.to_owned()),
            ..ObjectMeta::default()
        }),
        spec: Some(spec),
    }
}
