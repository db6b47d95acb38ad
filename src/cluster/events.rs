//! Kubernetes events: best effort, never in the way of a pass.

use kube::Resource;
use kube_runtime::events::{Event, EventType, Recorder, Reporter};

/// One recorder for the life of the process: repeats become one series only if they come from the same one.
#[derive(Clone)]
pub struct Announcer(Recorder);

impl Announcer {
    /// For this replica.
    pub fn new(client: kube::Client, instance: String) -> Self {
        Self(Recorder::new(
            client,
            Reporter {
                controller: "wazzup-operator".into(),
                instance: Some(instance),
            },
        ))
    }

    /// Says that something happened to an object.
    pub async fn say<K: Resource<DynamicType = ()>>(&self, object: &K, warning: bool, reason: &str, note: &str) {
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(note.chars().take(1_000).collect()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let published = super::within(self.0.publish(&event, &object.object_ref(&()))).await;
        if let Err(error) = published {
            tracing::debug!(%error, "an event could not be published");
        }
    }
}
