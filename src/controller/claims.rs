//! Who owns which channel: one table over all objects, since the service keeps no mark of ours.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::ResourceExt;

use super::caches::{Key, account_of, key_of};
use crate::{
    api::{Transport, WazzupChannel, names},
    clock,
    cluster::memory,
    model::ChannelId,
    plan::{Claim, Intent},
};

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// The object has the id from now on.
    New,
    /// It had it before.
    Known,
    /// Another object was first.
    TooLate,
    /// The object was seen with another channel since the pass began.
    Outgrown,
}

/// What an object's own word has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// An id that it claims only now.
    pub(super) new: Option<ChannelId>,
    /// Who holds from now on the channel that it had.
    pub(super) heir: Option<Key>,
}

#[derive(Default)]
pub(super) struct Claims(Mutex<Table>);

#[derive(Default)]
struct Table {
    entries: HashMap<String, Entry>,
    by_id: HashMap<ChannelId, Vec<String>>,
    /// Since when this process has known of an object's open intent, by uid: its nonce and the time.
    watched: HashMap<String, (String, Instant)>,
    /// Objects that this process has let go, by uid, until the watch shows that they are gone.
    released: HashSet<String>,
}

#[derive(Clone, PartialEq)]
struct Entry {
    key: Key,
    account: Key,
    transport: Transport,
    created: Option<Timestamp>,
    id: Option<ChannelId>,
    in_status: bool,
    /// Claimed by this process before the watch could show it.
    local: bool,
    /// An unresolved create.
    intent: Option<Intent>,
    /// Its intent was written by this process before the watch could show it.
    local_intent: bool,
    /// A create without a clear answer: newcomers of its account matter.
    repeated: bool,
}

impl Claims {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what an object says of itself.
    pub(super) fn update(&self, channel: &WazzupChannel) -> Told {
        let Some(uid) = channel.uid() else {
            return Told::default();
        };
        let mut entry = entry(channel, &uid);
        let mut table = self.table();
        if entry.id.is_none()
            && let Some(before) = table.entries.get(&uid).filter(|before| before.local)
        {
            entry.id.clone_from(&before.id);
            entry.local = true;
        }
        if entry.id.is_none()
            && entry.intent.is_none()
            && let Some(before) = table.entries.get(&uid).filter(|before| before.local_intent)
        {
            entry.intent.clone_from(&before.intent);
            entry.local_intent = true;
        }
        table.put(&uid, entry)
    }

    /// Takes over what this process has just written, before the watch shows it: another object's search must count an
    /// intent from the moment it is there. Returns who holds from now on what it had.
    pub(super) fn written(&self, channel: &WazzupChannel) -> Option<Key> {
        let uid = channel.uid()?;
        let entry = entry(channel, &uid);
        let entry = Entry {
            local_intent: entry.intent.is_some(),
            ..entry
        };
        self.table().put(&uid, entry).heir
    }

    /// Claims an id for an object before the watch shows it; nothing is claimed when another object was first.
    pub(super) fn take(&self, channel: &WazzupChannel, id: &ChannelId) -> Take {
        let Some(uid) = channel.uid() else { return Take::TooLate };
        self.table().take(channel, &uid, id)
    }

    /// The same, of a channel that a search has found. A pass whose view is older than the watch's would take one more
    /// beside the object's own, and when it fails let go of both.
    pub(super) fn take_found(&self, channel: &WazzupChannel, id: &ChannelId) -> Take {
        let Some(uid) = channel.uid() else { return Take::TooLate };
        let mut table = self.table();
        if table.shown_with(&uid).is_some_and(|shown| shown != *id) {
            return Take::Outgrown;
        }
        table.take(channel, &uid, id)
    }

    /// Takes over what an object says of itself, and not the channel that was taken for it: that could not be written down.
    /// What the watch has shown since is newer than this view, and stays. Returns who else searches in its account: what is
    /// free again was hidden from them, and no list will tell them of it. The object itself waits for its watch.
    pub(super) fn let_go(&self, channel: &WazzupChannel, id: &ChannelId) -> Vec<Key> {
        let Some(uid) = channel.uid() else { return Vec::new() };
        let entry = entry(channel, &uid);
        let mut table = self.table();
        let taken = |now: &Entry| now.local && now.id.as_ref() == Some(id);
        if table.entries.get(&uid).is_some_and(taken) {
            let local_intent = entry.intent.is_some() && table.has_local_intent(&uid);
            table.put(&uid, Entry { local_intent, ..entry });
        }
        let mut waiting = table.unresolved(&account_of(channel));
        waiting.retain(|key| *key != key_of(channel));
        waiting
    }

    /// Forgets an object. Returns the one that holds its channel from now on.
    pub(super) fn remove(&self, channel: &WazzupChannel) -> Option<Key> {
        let uid = channel.uid()?;
        let mut table = self.table();
        table.released.remove(&uid);
        table.watched.remove(&uid);
        table.drop_entry(&uid)
    }

    /// Takes our finalizer away by `write`. It counts as gone from before that on, unless the write fails in any way: a
    /// view that is older must not have the channel deleted again. A repeat that fails takes nothing back.
    pub(super) async fn releasing<T, E>(
        &self,
        channel: &WazzupChannel,
        write: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let uid = channel.uid().unwrap_or_default();
        let first = self.table().released.insert(uid.clone());
        let written = write.await;
        if written.is_err() && first {
            self.table().released.remove(&uid);
        }
        written
    }

    /// Whether our finalizer was taken away by this process.
    pub(super) fn is_released(&self, uid: &str) -> bool {
        self.table().released.contains(uid)
    }

    /// Whether another object has the better claim to an id: one that has it in its status, then the older one.
    pub(super) fn held_by(&self, id: &ChannelId, uid: &str) -> Claim {
        let table = self.table();
        match table.holder(id) {
            Some((holder, entry)) if holder != uid => Claim::HeldBy(format!("{}/{}", entry.key.0, entry.key.1)),
            Some(_) | None => Claim::Free,
        }
    }

    /// The object that owns an id.
    pub(super) fn owner(&self, id: &ChannelId) -> Option<Key> {
        self.table().holder(id).map(|(_, entry)| entry.key.clone())
    }

    /// Whether any object claims an id.
    pub(super) fn is_claimed(&self, id: &ChannelId) -> bool {
        self.table().by_id.contains_key(id)
    }

    /// Whether another object than this one claims an id.
    pub(super) fn is_anothers(&self, id: &ChannelId, uid: &str) -> bool {
        self.table().others_claim(id, uid)
    }

    /// Unresolved creates of other objects, of a transport, in such accounts: of each, what was there before it.
    pub(super) fn other_intents(
        &self,
        transport: Transport,
        uid: &str,
        in_account: impl Fn(&Key) -> bool,
    ) -> Vec<Vec<ChannelId>> {
        let table = self.table();
        let open = table.others(transport, uid).filter(|entry| entry.intent.is_some());
        let accounts: HashSet<Key> = open.map(|entry| entry.account.clone()).collect();
        drop(table);
        let here: HashSet<Key> = accounts.into_iter().filter(in_account).collect();
        let table = self.table();
        let others = table
            .others(transport, uid)
            .filter(|entry| here.contains(&entry.account));
        let intents = others.filter_map(|entry| entry.intent.as_ref());
        intents.map(|intent| intent.baseline.clone()).collect()
    }

    /// What other objects claim of a transport in such accounts, whatever a list shows.
    pub(super) fn others_channels(
        &self,
        transport: Transport,
        uid: &str,
        in_account: impl Fn(&Key) -> bool,
    ) -> Vec<ChannelId> {
        let table = self.table();
        let having = table.others(transport, uid).filter_map(|entry| {
            let id = entry.id.clone()?;
            Some((entry.account.clone(), id))
        });
        let mut claims: Vec<(Key, ChannelId)> = having.collect();
        drop(table);
        // Asked once for each account, not for each of its objects.
        let mut known = HashMap::new();
        claims.retain(|(account, _)| *known.entry(account.clone()).or_insert_with(|| in_account(account)));
        claims.into_iter().map(|(_, id)| id).collect()
    }

    /// How long this process has known of an object's open intent; not at all is no time.
    pub(super) fn intent_watched(&self, uid: &str, nonce: &str) -> Duration {
        let table = self.table();
        let known = table.watched.get(uid).filter(|(known, _)| known == nonce);
        known.map_or(Duration::ZERO, |(_, since)| {
            clock::instant().saturating_duration_since(*since)
        })
    }

    /// Objects of an account that wait for what a create has made: of each, what was there before it.
    pub(super) fn searching(&self, account: &Key) -> Vec<Vec<ChannelId>> {
        let table = self.table();
        let here = table.entries.values().filter(|entry| entry.account == *account);
        let open = here.filter_map(|entry| entry.intent.as_ref());
        open.map(|intent| intent.baseline.clone()).collect()
    }

    /// Objects with an unresolved or repeated create in an account.
    pub(super) fn unresolved(&self, account: &Key) -> Vec<Key> {
        self.table().unresolved(account)
    }
}

impl Table {
    fn take(&mut self, channel: &WazzupChannel, uid: &str, id: &ChannelId) -> Take {
        let entry = Entry {
            id: Some(id.clone()),
            local: true,
            intent: None,
            local_intent: self.has_local_intent(uid),
            ..entry(channel, uid)
        };
        let before = self.entries.get(uid).and_then(|before| before.id.as_ref());
        let known = before == Some(id);
        if !known && self.others_claim(id, uid) {
            return Take::TooLate;
        }
        self.put(uid, entry);
        if known { Take::Known } else { Take::New }
    }

    fn put(&mut self, uid: &str, entry: Entry) -> Told {
        let before = self.entries.get(uid).and_then(|before| before.id.clone());
        let new = entry.id.clone().filter(|id| before.as_ref() != Some(id));
        let mut heir = None;
        if before != entry.id {
            heir = self.drop_entry(uid);
            if let Some(id) = &entry.id {
                self.by_id.entry(id.clone()).or_default().push(uid.to_owned());
            }
        }
        match &entry.intent {
            Some(intent) if self.watched.get(uid).is_some_and(|(nonce, _)| *nonce == intent.nonce) => {}
            Some(intent) => {
                let nonce = intent.nonce.clone();
                self.watched.insert(uid.to_owned(), (nonce, clock::instant()));
            }
            // An id that could not be stored brings the intent back, which has been known all the time.
            None if entry.local => {}
            None => {
                self.watched.remove(uid);
            }
        }
        self.entries.insert(uid.to_owned(), entry);
        Told { new, heir }
    }

    /// Returns who holds the entry's channel from now on.
    fn drop_entry(&mut self, uid: &str) -> Option<Key> {
        let id = self.entries.remove(uid)?.id?;
        if let Some(uids) = self.by_id.get_mut(&id) {
            uids.retain(|one| one != uid);
            if uids.is_empty() {
                self.by_id.remove(&id);
            }
        }
        self.holder(&id).map(|(_, entry)| entry.key.clone())
    }

    fn unresolved(&self, account: &Key) -> Vec<Key> {
        let here = self.entries.values().filter(|entry| entry.account == *account);
        let open = here.filter(|entry| entry.intent.is_some() || entry.repeated);
        open.map(|entry| entry.key.clone()).collect()
    }

    fn others<'a>(&'a self, transport: Transport, uid: &'a str) -> impl Iterator<Item = &'a Entry> {
        let others = self.entries.iter().filter(move |(other, _)| *other != uid);
        let entries = others.map(|(_, entry)| entry);
        entries.filter(move |entry| entry.transport == transport)
    }

    /// The channel that an object has by its own word.
    fn shown_with(&self, uid: &str) -> Option<ChannelId> {
        let entry = self.entries.get(uid).filter(|entry| !entry.local)?;
        entry.id.clone()
    }

    fn has_local_intent(&self, uid: &str) -> bool {
        self.entries.get(uid).is_some_and(|entry| entry.local_intent)
    }

    fn others_claim(&self, id: &ChannelId, uid: &str) -> bool {
        self.by_id
            .get(id)
            .is_some_and(|uids| uids.iter().any(|other| other != uid))
    }

    fn holder(&self, id: &ChannelId) -> Option<(&String, &Entry)> {
        let claimants: BTreeMap<_, _> = self
            .by_id
            .get(id)?
            .iter()
            .filter_map(|uid| {
                self.entries
                    .get(uid)
                    .map(|entry| ((!(entry.in_status || entry.local), entry.created, uid), entry))
            })
            .collect();
        claimants.into_iter().next().map(|((_, _, uid), entry)| (uid, entry))
    }
}

fn entry(channel: &WazzupChannel, uid: &str) -> Entry {
    let annotations = channel.annotations();
    let in_status = channel.status.as_ref().and_then(|status| status.channel_id.as_deref());
    let id = in_status
        .or(channel.spec.channel_id.as_deref())
        .or(annotations.get(names::CHANNEL_ID).map(String::as_str))
        .and_then(|id| ChannelId::parse(id).ok());
    let intent = annotations
        .get(names::CREATE_INTENT)
        .and_then(|text| memory::read_intent(text, uid));
    let repeated = (channel.status.as_ref())
        .and_then(|status| status.attempts.as_ref())
        .is_some_and(|attempts| attempts.create_repeated.is_some());
    Entry {
        repeated,
        key: key_of(channel),
        account: account_of(channel),
        transport: channel.spec.transport,
        created: channel.metadata.creation_timestamp.as_ref().map(|time| time.0),
        in_status: in_status.is_some(),
        local: false,
        local_intent: false,
        intent: intent.filter(|_| id.is_none()),
        id,
    }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
