//! Fingerprints of states. Tens of millions are looked up, and a hash that withstands chosen keys would take most of the time:
//! here each word is multiplied in, and the halves of the product are folded onto each other.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hash, Hasher},
};

use crate::state::{NONE, Replica, State};

/// A table with quick hashes.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;
/// A set with quick hashes.
pub(crate) type Set<K> = HashSet<K, BuildHasherDefault<Quick>>;

const ODD: u128 = 0xA076_1D64_78BD_642F;
const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;

/// The hash.
#[derive(Default)]
pub(crate) struct Quick(u64);

impl Quick {
    fn mix(&mut self, word: u64) {
        let [low, high] = halves(u128::from(self.0.rotate_left(23) ^ word ^ FIRST) * ODD);
        self.0 = low ^ high ^ word;
    }
}

fn halves(of: u128) -> [u64; 2] {
    [of & u128::from(u64::MAX), of >> 64].map(|half| u64::try_from(half).unwrap_or(0))
}

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        let [low, high] = halves(u128::from(self.0 ^ FIRST) * ODD);
        low ^ high
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, it: u8) {
        self.mix(it.into());
    }

    fn write_u32(&mut self, it: u32) {
        self.mix(it.into());
    }

    fn write_u64(&mut self, it: u64) {
        self.mix(it);
    }

    fn write_usize(&mut self, it: usize) {
        self.mix(u64::try_from(it).unwrap_or(u64::MAX));
    }

    fn write_isize(&mut self, it: isize) {
        self.write_usize(it.cast_unsigned());
    }
}

/// A state's fingerprint. Which of two replicas has which number is the same to everybody, so the one that leads, or is there
/// at all, counts as the first.
pub(crate) fn print(state: &State) -> u64 {
    let [one, other] = &state.replicas;
    let swapped = other.leads || (*one == Replica::DOWN && *other != Replica::DOWN);
    let mut hasher = Quick::default();
    if swapped {
        let mut state = state.clone();
        state.replicas.swap(0, 1);
        for post in state.posts.iter_mut().filter(|post| post.open && post.client != NONE) {
            post.client = 1 - post.client;
        }
        state.tidy();
        state.hash(&mut hasher);
    } else {
        state.hash(&mut hasher);
    }
    hasher.finish()
}
