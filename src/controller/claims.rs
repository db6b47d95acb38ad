//! Who owns which channel: one table over all objects, since the service keeps no mark of ours.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use kube::ResourceExt;

use super::caches::{Key, account_of, key_of};
use crate::{
    api::{Transport, WazzupChannel, names},
    cluster::memory,
    model::ChannelId,
    plan::Claim,
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
}

#[derive(Default)]
pub(super) struct Claims(Mutex<Table>);

#[derive(Default)]
struct Table {
    entries: HashMap<String, Entry>,
    by_id: HashMap<ChannelId, Vec<String>>,
    /// Objects that this process has let go, by uid, until the watch shows that they are gone.
    released: HashSet<String>,
}

#[derive(Clone, PartialEq)]
struct Entry {
    key: Key,
    created: Option<Timestamp>,
    id: Option<ChannelId>,
    in_status: bool,
    /// Claimed by this process before the watch could show it.
    local: bool,
    /// An unresolved create: in which account, of which transport.
    intent: Option<(Key, Transport)>,
    /// Its intent was written by this process before the watch could show it.
    local_intent: bool,
    /// A create without a clear answer: newcomers of this account matter.
    repeated: Option<Key>,
}

impl Claims {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what an object says of itself. Returns an id that it claims only now.
    pub(super) fn update(&self, channel: &WazzupChannel) -> Option<ChannelId> {
        let uid = channel.uid()?;
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
    /// intent from the moment it is there.
    pub(super) fn written(&self, channel: &WazzupChannel) {
        let Some(uid) = channel.uid() else { return };
        let entry = entry(channel, &uid);
        let entry = Entry {
            local_intent: entry.intent.is_some(),
            ..entry
        };
        self.table().put(&uid, entry);
    }

    /// Claims an id for an object before the watch shows it; nothing is claimed when another object was first.
    pub(super) fn take(&self, channel: &WazzupChannel, id: &ChannelId) -> Take {
        let Some(uid) = channel.uid() else { return Take::TooLate };
        let entry = Entry {
            id: Some(id.clone()),
            local: true,
            intent: None,
            ..entry(channel, &uid)
        };
        let mut table = self.table();
        let entry = Entry {
            local_intent: table.has_local_intent(&uid),
            ..entry
        };
        let known = table
            .entries
            .get(&uid)
            .is_some_and(|before| before.id.as_ref() == Some(id));
        if !known && table.others_claim(id, &uid) {
            return Take::TooLate;
        }
        table.put(&uid, entry);
        if known { Take::Known } else { Take::New }
    }

    /// Takes over what an object says of itself, and nothing that was claimed for it beyond that.
    pub(super) fn let_go(&self, channel: &WazzupChannel) {
        let Some(uid) = channel.uid() else { return };
        let entry = entry(channel, &uid);
        let mut table = self.table();
        let local_intent = entry.intent.is_some() && table.has_local_intent(&uid);
        table.put(&uid, Entry { local_intent, ..entry });
    }

    /// Forgets an object. Returns the one that holds its channel from now on.
    pub(super) fn remove(&self, channel: &WazzupChannel) -> Option<Key> {
        let uid = channel.uid()?;
        let mut table = self.table();
        table.released.remove(&uid);
        table.drop_entry(&uid)
    }

    /// Notes, before it is written, whether our finalizer goes: a view that is older must not have the channel deleted again.
    pub(super) fn release(&self, channel: &WazzupChannel, goes: bool) {
        let Some(uid) = channel.uid() else { return };
        let mut table = self.table();
        if goes {
            table.released.insert(uid);
        } else {
            table.released.remove(&uid);
        }
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

    /// How many other objects have an unresolved create of a transport in such accounts.
    pub(super) fn other_intents(&self, transport: Transport, uid: &str, in_account: impl Fn(&Key) -> bool) -> usize {
        let open: Vec<Key> = {
            let table = self.table();
            let others = table.entries.iter().filter(|(other, _)| *other != uid);
            let intents = others.filter_map(|(_, entry)| entry.intent.clone());
            intents
                .filter(|(_, of)| *of == transport)
                .map(|(account, _)| account)
                .collect()
        };
        open.iter().filter(|account| in_account(account)).count()
    }

    /// Objects with an unresolved or repeated create in an account.
    pub(super) fn unresolved(&self, account: &Key) -> Vec<Key> {
        let table = self.table();
        let open = table.entries.values().filter(|entry| {
            entry.intent.as_ref().is_some_and(|(key, _)| key == account) || entry.repeated.as_ref() == Some(account)
        });
        open.map(|entry| entry.key.clone()).collect()
    }
}

impl Table {
    fn put(&mut self, uid: &str, entry: Entry) -> Option<ChannelId> {
        let before = self.entries.get(uid).and_then(|before| before.id.clone());
        let new = entry.id.clone().filter(|id| before.as_ref() != Some(id));
        if before != entry.id {
            self.drop_entry(uid);
            if let Some(id) = &entry.id {
                self.by_id.entry(id.clone()).or_default().push(uid.to_owned());
            }
        }
        self.entries.insert(uid.to_owned(), entry);
        new
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
        repeated: repeated.then(|| account_of(channel)),
        key: key_of(channel),
        created: channel.metadata.creation_timestamp.as_ref().map(|time| time.0),
        in_status: in_status.is_some(),
        local: false,
        local_intent: false,
        intent: intent
            .filter(|_| id.is_none())
            .map(|_| (account_of(channel), channel.spec.transport)),
        id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;
    use serde_json::json;

    fn channel(name: &str, created: &str, spec_id: Option<&str>, status_id: Option<&str>) -> WazzupChannel {
        let mut object = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
            "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": created},
            "spec": {"transport": "telegram"},
        });
        if let Some(id) = spec_id {
            object["spec"]["channelId"] = json!(id);
        }
        if let Some(id) = status_id {
            object["status"] = json!({"channelId": id});
        }
        serde_json::from_value(object).unwrap()
    }

    fn id(text: &str) -> ChannelId {
        ChannelId::parse(text).unwrap()
    }

    #[test]
    fn the_object_with_the_id_in_its_status_wins_then_the_older_one() {
        let claims = Claims::default();
        claims.update(&channel("old", "2026-01-01T00:00:00Z", Some("x"), None));
        claims.update(&channel("young", "2026-02-01T00:00:00Z", Some("x"), None));
        assert_eq!(claims.held_by(&id("x"), "young"), Claim::HeldBy("shop/old".into()));
        assert_eq!(claims.held_by(&id("x"), "old"), Claim::Free);
        claims.update(&channel("young", "2026-02-01T00:00:00Z", Some("x"), Some("x")));
        assert_eq!(claims.held_by(&id("x"), "old"), Claim::HeldBy("shop/young".into()));
    }

    #[test]
    fn of_two_objects_made_in_the_same_second_exactly_one_wins() {
        let claims = Claims::default();
        for name in ["one", "two"] {
            claims.update(&channel(name, "2026-01-01T00:00:00Z", Some("x"), None));
        }
        let free = ["one", "two"].map(|uid| claims.held_by(&id("x"), uid) == Claim::Free);
        assert_eq!(free.iter().filter(|free| **free).count(), 1);
    }

    #[test]
    fn of_two_searches_that_find_one_channel_the_first_has_it_until_it_lets_go() {
        let claims = Claims::default();
        let [one, two] = ["one", "two"].map(|name| channel(name, "2026-01-01T00:00:00Z", None, None));
        assert_eq!(claims.take(&one, &id("x")), Take::New);
        assert_eq!(claims.take(&one, &id("x")), Take::Known);
        assert_eq!(claims.take(&two, &id("x")), Take::TooLate);
        assert!(claims.is_anothers(&id("x"), "two") && !claims.is_anothers(&id("x"), "one"));
        claims.let_go(&one);
        assert_eq!(claims.take(&two, &id("x")), Take::New);
    }

    #[test]
    fn a_claim_made_here_outlives_a_stale_view_and_ends_with_its_object() {
        let claims = Claims::default();
        let object = channel("a", "2026-01-01T00:00:00Z", None, None);
        assert_eq!(claims.take(&object, &id("x")), Take::New);
        claims.update(&object);
        claims.update(&object);
        assert!(claims.is_claimed(&id("x")));
        assert_eq!(claims.owner(&id("x")), Some(("shop".into(), "a".into())));
        assert_eq!(claims.remove(&object), None);
        assert!(!claims.is_claimed(&id("x")));
    }

    #[test]
    fn an_object_that_was_let_go_stays_so_for_an_older_view_until_it_is_gone() {
        let claims = Claims::default();
        let object = channel("a", "2026-01-01T00:00:00Z", None, Some("x"));
        claims.release(&object, true);
        claims.update(&object);
        assert!(claims.is_released("a"));
        claims.release(&object, false);
        assert!(!claims.is_released("a"), "the write failed");
        claims.release(&object, true);
        claims.remove(&object);
        assert!(!claims.is_released("a"));
    }

    #[test]
    fn who_comes_after_a_holder_that_went_is_named_so_that_it_can_be_woken() {
        let claims = Claims::default();
        let holder = channel("old", "2026-01-01T00:00:00Z", Some("x"), Some("x"));
        claims.update(&holder);
        claims.update(&channel("young", "2026-02-01T00:00:00Z", Some("x"), None));
        let young = ("shop".to_owned(), "young".to_owned());
        assert_eq!(claims.remove(&holder), Some(young));
    }

    #[test]
    fn an_intent_counts_from_the_moment_it_is_written_until_it_is_known_to_be_gone() {
        let claims = Claims::default();
        let before = channel("a", "2026-01-01T00:00:00Z", None, None);
        let intent = plan::Intent {
            at: Timestamp::UNIX_EPOCH,
            nonce: "n".into(),
            baseline: Vec::new(),
            baseline_cut: false,
        };
        let mut after = before.clone();
        let text = memory::write_intent(&intent, "a").unwrap();
        after.annotations_mut().insert(names::CREATE_INTENT.to_owned(), text);
        let open = || claims.other_intents(Transport::Telegram, "b", |_| true);
        claims.update(&before);
        assert_eq!(open(), 0);
        claims.written(&after);
        claims.update(&before);
        assert_eq!(open(), 1, "the watch is late");
        claims.take(&after, &id("x"));
        assert_eq!(open(), 0, "its channel was found");
        claims.let_go(&after);
        claims.update(&before);
        assert_eq!(open(), 1, "the id could not be written, and the watch is still late");
        claims.update(&after);
        claims.update(&before);
        assert_eq!(open(), 0, "the watch has shown it, and then that it is gone");
        claims.update(&after);
        claims.let_go(&after);
        claims.update(&before);
        assert_eq!(open(), 0, "what the watch has shown is the watch's to take back");
        claims.written(&after);
        claims.written(&before);
        claims.update(&before);
        assert_eq!(open(), 0, "this process has taken it back");
    }
}
