//! Who led when, from the record of what passed.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use wazzup_operator::api::names;

use crate::{
    Life, Side,
    life::PATIENCE,
    proxy::{Message, label},
};

/// How long a leader may act after its last write of the lease, with what a message may take on a loaded machine; shorter
/// than the lease.
const ACTS: Duration = Duration::from_secs(29);

/// The lease's object.
pub fn leases(life: &Life) -> Api<Lease> {
    Api::namespaced(life.client.clone(), &life.namespace)
}

/// The replica whose name stands in the lease.
pub async fn holder(life: &Life) -> Option<usize> {
    let lease = leases(life).get_opt(names::LEASE).await.unwrap()?;
    let holder = lease.spec?.holder_identity?;
    holder.strip_prefix("replica-")?.split('-').next()?.parse().ok()
}

fn took_effect(message: &Message) -> bool {
    message.status.is_some_and(|status| status < 300)
}

/// A write of the lease that was answered, or may have taken effect without.
fn writes_the_lease(message: &Message) -> bool {
    let writes = message.side == Side::Kubernetes && matches!(message.label.as_str(), "POST leases" | "PUT leases");
    writes && (took_effect(message) || message.status.is_none() && message.fault.is_some())
}

/// Who had written the lease last before that message.
pub fn leader_at(messages: &[Message], before: usize) -> Option<usize> {
    let lease = messages[..before].iter().rfind(|message| writes_the_lease(message));
    lease.and_then(|message| message.replica)
}

/// Waits until another replica has written the lease after that message.
pub async fn until_another_leads(life: &Life, than: usize, after: usize) {
    control_plane::eventually("another leader", PATIENCE, || async {
        let messages = life.wire.messages();
        let written = messages[after..]
            .iter()
            .any(|message| writes_the_lease(message) && took_effect(message) && message.replica != Some(than));
        if written { Ok(()) } else { Err("none".to_owned()) }
    })
    .await;
}

/// What a leader alone does: changes at Wazzup, and what a pass writes to Kubernetes. A QR's sink and `event-at` are written
/// by every replica, and events only tell.
fn is_a_leaders(message: &Message) -> bool {
    let to_kubernetes = [
        "PATCH wazzupchannels",
        "PATCH wazzupchannels/status",
        "PATCH wazzupaccounts/status",
        "DELETE configmaps",
    ];
    match message.side {
        Side::Wazzup => label::is_step(Side::Wazzup, &message.label),
        // What is kept for an account: its refresh token serves once.
        Side::Kubernetes => {
            let kept = message.label == "PATCH secrets" && message.path.ends_with(&names::account_secret("default"));
            kept || to_kubernetes.contains(&message.label.as_str())
        }
    }
}

/// No side effect but the leader's, none before there was one, and none later than its lease lasts. Whose a message was that a
/// process sent in its last moment cannot always be found out.
pub fn assert_only_the_leader_acted(life: &Life) {
    let messages = life.wire.messages();
    let mut led: Option<&Message> = None;
    let (mut acts, mut unknown, mut wrong) = (0, 0, Vec::new());
    for message in &messages {
        if writes_the_lease(message) {
            led = Some(message);
        }
        if !is_a_leaders(message) {
            continue;
        }
        let Some(lease) = led else {
            wrong.push(format!("{} by {:?}, before any lease", message.label, message.replica));
            continue;
        };
        acts += 1;
        if message.replica.is_none() {
            unknown += 1;
            continue;
        }
        let late = message.at.duration_since(lease.at);
        if message.replica != lease.replica || late > ACTS {
            wrong.push(format!(
                "{} by {:?}, {} ms after the last write of the lease by {:?}",
                message.label,
                message.replica,
                late.as_millis(),
                lease.replica
            ));
        }
    }
    assert!(unknown < life.starts(), "{}: {unknown} acts of nobody", life.namespace);
    assert!(acts > unknown, "{}: nothing was judged", life.namespace);
    assert!(wrong.is_empty(), "{}: {wrong:#?}", life.namespace);
}
