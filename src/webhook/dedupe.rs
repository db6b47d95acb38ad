//! Which deliveries have been dealt with, within bounded memory.

use std::collections::{HashSet, VecDeque};

/// The last deliveries by account and `idempotency_key`; the oldest are forgotten first. Keys are kept as 16 byte
/// digests, so that long ones cost no more.
#[derive(Debug)]
pub struct Dedupe {
    capacity: usize,
    known: HashSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Dedupe {
    /// Remembers at most so many deliveries (about 50 bytes each), at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            known: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Whether this delivery has been recorded.
    pub fn knows(&self, account: &str, key: &str) -> bool {
        self.known.contains(&digest(account, key))
    }

    /// Records a delivery; to be called once it has taken effect, so that a failed one may come again.
    pub fn record(&mut self, account: &str, key: &str) {
        let digest = digest(account, key);
        if !self.known.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// The account's length goes first, so that no two pairs read the same.
fn digest(account: &str, key: &str) -> [u8; 16] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(&(account.len() as u64).to_be_bytes());
    context.update(account.as_bytes());
    context.update(key.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&context.finish().as_ref()[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_known_once_recorded_and_only_under_its_account() {
        let mut dedupe = Dedupe::new(8);
        assert!(!dedupe.knows("a", "1"));
        dedupe.record("a", "1");
        assert!(dedupe.knows("a", "1"));
        assert!(!dedupe.knows("b", "1"));
        assert!(!dedupe.knows("a1", ""));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut dedupe = Dedupe::new(3);
        for key in ["1", "2", "2", "3", "4"] {
            dedupe.record("a", key);
        }
        assert!(!dedupe.knows("a", "1"));
        assert!(["2", "3", "4"].iter().all(|key| dedupe.knows("a", key)));
        assert_eq!((dedupe.known.len(), dedupe.order.len()), (3, 3));
    }
}
