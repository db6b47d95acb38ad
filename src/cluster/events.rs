//! Kubernetes events: best effort, never in the way of a pass.

use kube::Resource;
use kube_runtime::events::{Event, EventType, Recorder, Reporter};

/// The API server refuses an event whose note has more than 1024 bytes.
const LONGEST_NOTE: usize = 1_000;

/// The beginning of a note that fits, whole characters alone.
fn cut(note: &str) -> String {
    let mut end = note.len().min(LONGEST_NOTE);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    note[..end].to_owned()
}

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
            note: Some(cut(note)),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let published = super::within(self.0.publish(&event, &object.object_ref(&()))).await;
        if let Err(error) = published {
            tracing::debug!(%error, "an event could not be published");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_by_bytes_and_never_within_a_character() {
        assert_eq!(cut("as it is"), "as it is");
        assert_eq!(cut(&"n".repeat(2_000)).len(), 1_000);
        let cyrillic = format!("a{}", "ж".repeat(2_000));
        assert_eq!(cut(&cyrillic).len(), 999);
        assert!(cyrillic.starts_with(&cut(&cyrillic)));
    }
}
