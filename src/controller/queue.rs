//! What wakes passes: one queue for each kind and watched namespace.

use std::sync::{Mutex, PoisonError};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::Resource;
use kube_runtime::reflector::ObjectRef;

use super::caches::Key;

/// A queue that takes wake-ups while somebody listens: a replica that does not lead drops them, since a new leader looks at
/// everything.
pub(super) struct Queue<K: Resource<DynamicType = ()>> {
    senders: Mutex<Vec<(Option<String>, UnboundedSender<ObjectRef<K>>)>>,
}

impl<K: Resource<DynamicType = ()>> Default for Queue<K> {
    fn default() -> Self {
        Self {
            senders: Mutex::new(Vec::new()),
        }
    }
}

impl<K: Resource<DynamicType = ()>> Queue<K> {
    /// Starts to listen for one watched namespace, or for all.
    pub(super) fn listen(&self, namespace: Option<String>) -> UnboundedReceiver<ObjectRef<K>> {
        let (sender, receiver) = unbounded();
        self.senders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((namespace, sender));
        receiver
    }

    /// Wakes the pass of an object.
    pub(super) fn wake(&self, (namespace, name): &Key) {
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = senders
            .iter()
            .find(|(watched, _)| watched.as_deref().is_none_or(|watched| watched == namespace));
        if let Some((_, sender)) = sender {
            // Nobody listens any more only when the process is about to end.
            let _ = sender.unbounded_send(ObjectRef::new(name).within(namespace));
        }
    }

    /// Ends the queues: passes under way end, no new ones begin.
    pub(super) fn close(&self) {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
