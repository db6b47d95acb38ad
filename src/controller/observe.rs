//! Asks both sides and writes nothing.

use std::{sync::Arc, time::Duration};

use kube::{Api, ResourceExt};

use super::{
    caches::{account_of, grants, key_of},
    context::Context,
    desk::{Changes, Desk, Listed, Standing},
    slots::aside,
    supplies, validate,
};
use crate::{
    api::{WazzupAccount, WazzupChannel, names},
    clock,
    cluster::{ClusterError, access, api, memory, secrets, sink, within},
    model::ChannelId,
    plan::{
        Account, AccountTrouble, Claim, Kind, Known, Look, Memory, Object, Remote, RemoteById, Seen, Sink, Stall,
        Supply, Webhooks, Wish, must_look_up_sink, needs_password,
    },
    wazzup::Lane,
};

/// What was seen, and the desk over which it was.
pub(super) struct Observation {
    pub(super) seen: Seen,
    pub(super) desk: Option<Arc<Desk>>,
    pub(super) standing: Standing,
}

/// Looks at everything that a plan for this channel may need. `carried` is what a call of this pass left to remember.
pub(super) async fn observe(context: &Context, channel: &WazzupChannel, carried: Option<Memory>) -> Observation {
    let account_key = account_of(channel);
    let known = context.caches.account(&account_key);
    let uid = known.as_ref().and_then(|account| account.metadata.uid.as_deref());
    let desk = context.desks.of(&account_key, uid);
    let standing = desk.as_ref().map(|desk| desk.standing()).unwrap_or_default();
    let mut memory = carried.unwrap_or_else(|| memory::read(channel.status.as_ref()));
    if let Some(keys) = &standing.keys {
        // A hash made with a lost key tells nothing, which is not the same as a changed value.
        for hash in [&mut memory.credentials_hash, &mut memory.two_factor_hash] {
            if hash.as_deref().is_some_and(|hash| !keys.made(hash)) {
                *hash = None;
            }
        }
    }
    let account = account(context, channel, &standing).await;
    // The account's pass follows its edit, and a channel must not be faster than that.
    let suspend = known.is_some_and(|account| account.spec.suspend);
    let wish = validate::wish(channel, suspend || standing.suspend);
    let mut seen = Seen {
        now: clock::now(),
        nonce: secrets::hex(&secrets::random::<8>()),
        intent_watched: Duration::ZERO,
        timing: context.timing,
        object: object(context, channel, &account).await,
        wish,
        memory,
        account,
        remote: Remote::NotAsked,
        claim: Claim::Free,
        credentials: Supply::NotNeeded,
        two_factor: Supply::NotNeeded,
        sink: context.caches.sink(channel),
    };
    let uid = channel.uid().unwrap_or_default();
    set_time(context, &mut seen);
    if let Some(id) = seen.channel_id() {
        seen.claim = context.claims.held_by(id, &uid);
    }
    if let (Account::Usable { .. }, Some(desk), Some(keys), Ok(wish)) =
        (&seen.account, &desk, &standing.keys, seen.wish.clone())
    {
        if !seen.object.deleting {
            seen.credentials = supplies::credentials(context, channel, wish.transport, keys).await;
        }
        if Known::of(&seen).needs_list() {
            seen.remote = look(context, desk, channel, &seen, &wish, &standing).await;
            // A look may take half a minute, and its list's age is of now.
            set_time(context, &mut seen);
        }
        if needs_password(&seen) {
            seen.two_factor = supplies::password(context, channel, keys).await;
        }
        seen.sink = find_hidden_sink(context, channel, &seen, &wish).await;
    }
    Observation { seen, desk, standing }
}

fn set_time(context: &Context, seen: &mut Seen) {
    seen.now = clock::now();
    if let Some(intent) = &seen.object.intent {
        seen.intent_watched = context.claims.intent_watched(&seen.object.uid, &intent.nonce);
    }
}

async fn object(context: &Context, channel: &WazzupChannel, account: &Account) -> Object {
    let annotations = channel.annotations();
    let uid = channel.uid().unwrap_or_default();
    let deleting = channel.metadata.deletion_timestamp.is_some();
    let finalizer =
        channel.finalizers().iter().any(|one| one == names::CHANNEL_FINALIZER) && !context.claims.is_released(&uid);
    let going = deleting && finalizer;
    Object {
        namespace: channel.namespace().unwrap_or_default(),
        name: channel.name_any(),
        generation: channel.metadata.generation.unwrap_or(0),
        observed_generation: channel
            .status
            .as_ref()
            .and_then(|status| status.observed_generation)
            .unwrap_or(-1),
        deleting,
        finalizer,
        namespace_terminating: going
            && matches!(account, Account::Trouble(..))
            && namespace_terminating(context, channel).await,
        kind: if going { kind(context).await } else { Kind::Stays },
        abandon: annotations.get(names::ABANDON).is_some_and(|value| value == "true"),
        requests: memory::requests(annotations),
        intent: annotations
            .get(names::CREATE_INTENT)
            .and_then(|text| memory::read_intent(text, &uid)),
        channel_id: annotations
            .get(names::CHANNEL_ID)
            .and_then(|id| ChannelId::parse(id).ok()),
        uid,
    }
}

/// An operator of chosen namespaces may have no right to look at what belongs to none; it asks before it tries.
async fn may_look(context: &Context, group: &str, resource: &str, name: &str) -> Result<bool, ClusterError> {
    if context.options.namespaces.is_empty() {
        return Ok(true);
    }
    access::may_get(&context.client, group, resource, name).await
}

/// Only words a message: without the right to look (namespaced mode) the longer message is shown.
async fn namespace_terminating(context: &Context, channel: &WazzupChannel) -> bool {
    use k8s_openapi::api::core::v1::Namespace;
    let name = channel.namespace().unwrap_or_default();
    if !matches!(may_look(context, "", "namespaces", &name).await, Ok(true)) {
        return false;
    }
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let found = within(namespaces.get_metadata_opt(&name)).await;
    found
        .ok()
        .flatten()
        .is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some())
}

/// Whether our CRD is being removed. Who may not look (namespaced mode) deletes as the policy says.
async fn kind(context: &Context) -> Kind {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    const NAME: &str = "wazzupchannels.wazzup24.com";
    match may_look(context, "apiextensions.k8s.io", "customresourcedefinitions", NAME).await {
        Ok(true) => {}
        Ok(false) => return Kind::Stays,
        Err(error) => return Kind::Hidden(error.to_string()),
    }
    let kinds: Api<CustomResourceDefinition> = Api::all(context.client.clone());
    match within(kinds.get_metadata_opt(NAME)).await {
        Ok(Some(kind)) if kind.metadata.deletion_timestamp.is_none() => Kind::Stays,
        Ok(Some(_)) => Kind::Going,
        // A kind ends after the last of its objects: this answer is not to be believed while there is one.
        Ok(None) => Kind::Hidden("its kind is not found".to_owned()),
        Err(error) if error.is_forbidden() => Kind::Stays,
        Err(error) => Kind::Hidden(error.to_string()),
    }
}

async fn account(context: &Context, channel: &WazzupChannel, standing: &Standing) -> Account {
    let key = account_of(channel);
    let watched = &context.options.namespaces;
    if !(watched.is_empty() || watched.contains(&key.0)) {
        let why = format!(
            "WazzupAccount {} is in namespace {}, which this operator does not watch (--namespace): name one of a watched namespace in spec.accountRef of a new object",
            key.1, key.0
        );
        return Account::Trouble(AccountTrouble::NotFound, why);
    }
    let Some(account) = context.caches.account(&key) else {
        // An account that the watch does not show may just have been made: then it wakes its channels.
        return match within(api::<WazzupAccount>(&context.client, &key.0).get_metadata_opt(&key.1)).await {
            Ok(None) => Account::Trouble(
                AccountTrouble::NotFound,
                format!(
                    "WazzupAccount {} does not exist in namespace {}: create it, or name another in spec.accountRef of a new object",
                    key.1, key.0
                ),
            ),
            Ok(Some(_)) | Err(_) => Account::Pending,
        };
    };
    if !grants(&account, &channel.namespace().unwrap_or_default()) {
        let own = channel.namespace().unwrap_or_default();
        let mut granted = account.spec.allowed_namespaces.clone();
        granted.push(own.clone());
        let grant = serde_json::json!({"spec": {"allowedNamespaces": granted}});
        let why = format!(
            "WazzupAccount {}/{} does not grant namespace {own}: kubectl -n {} patch wazzupaccount {} --type=merge -p '{}'",
            key.0, key.1, key.0, key.1, grant
        );
        return Account::Trouble(AccountTrouble::NotAllowed, why);
    }
    match (&standing.trouble, &standing.client) {
        (Some((trouble, why)), _) => Account::Trouble(
            *trouble,
            format!("WazzupAccount {}/{} cannot be used: {why}", key.0, key.1),
        ),
        // Before a list has shown whose token it is, nothing is done with it.
        (None, Some(_)) if standing.vetted => Account::Usable {
            webhooks: standing.webhooks.unwrap_or(Webhooks::Pending),
        },
        (None, None | Some(_)) => Account::Pending,
    }
}

async fn look(
    context: &Context,
    desk: &Desk,
    channel: &WazzupChannel,
    seen: &Seen,
    wish: &Wish,
    standing: &Standing,
) -> Remote {
    let uid = channel.uid().unwrap_or_default();
    let asked = seen.object.requests.sync.is_some() && seen.object.requests.sync != seen.memory.handled.sync;
    let (not_before, lane) = match (asked, context.marks.look_after(&uid)) {
        (true, _) => (Some(clock::instant()), Lane::Person),
        (false, Some(since)) => (Some(since.min(clock::instant())), Lane::Webhook),
        (false, None) => (None, Lane::Refresh),
    };
    let account_key = account_of(channel);
    let tell = |changes: Changes| super::channel::wake_changed(context, &account_key, &changes, Some(&key_of(channel)));
    let Some(snapshot) = desk.look(not_before, lane, tell).await else {
        return Remote::NotAsked;
    };
    // A list of the next token says nothing to a pass that still holds the one before.
    if desk.epoch() != standing.epoch {
        return Remote::NotAsked;
    }
    match &snapshot.result {
        Err(fault) => Remote::Hidden {
            fault: fault.clone(),
            in_a_row: snapshot.failures,
        },
        Ok(listed) => {
            let by_id = match seen.channel_id() {
                Some(id) if !listed.channels.contains_key(id) => by_id(desk, standing, id).await,
                Some(_) | None => RemoteById::NotAsked,
            };
            Remote::Looked(seen_from(
                context,
                channel,
                seen,
                wish,
                snapshot.started.elapsed(),
                listed,
                by_id,
            ))
        }
    }
}

async fn by_id(desk: &Desk, standing: &Standing, id: &ChannelId) -> RemoteById {
    let Some(client) = &standing.client else {
        return RemoteById::NotAsked;
    };
    if let Err(fault) = desk.pass_within(Lane::Refresh, Duration::from_secs(10)).await {
        return RemoteById::Hidden(fault);
    }
    let since = clock::instant();
    let result = aside(client.get_channel(id)).await;
    desk.note("get_channel", &result, since);
    match result {
        Ok(channel) => RemoteById::Found(channel),
        Err(crate::model::Fault::Missing { .. }) => RemoteById::Missing,
        Err(fault) => RemoteById::Hidden(fault),
    }
}

fn seen_from(
    context: &Context,
    channel: &WazzupChannel,
    seen: &Seen,
    wish: &Wish,
    age: Duration,
    listed: &Listed,
    by_id: RemoteById,
) -> Look {
    let known = Known::of(seen);
    // What this process took for the object itself, and could not write down, is still to be found.
    let unclaimed = if known.needs_unclaimed() {
        let ours = listed.channels.values().filter(|found| found.is(wish.transport));
        ours.filter(|found| !context.claims.is_anothers(&found.id, &seen.object.uid))
            .cloned()
            .collect()
    } else {
        Vec::new()
    };
    Look {
        age,
        mine: seen.channel_id().and_then(|id| listed.channels.get(id)).cloned(),
        by_id,
        unclaimed,
        claimed: if known.needs_claimed() {
            let mut claimed = context.others_channels(channel);
            // What the list shows is of this account, whichever of its objects the claim came through.
            let shown = listed.channels.values().filter(|found| found.is(wish.transport));
            let theirs = shown.filter(|found| context.claims.is_anothers(&found.id, &seen.object.uid));
            claimed.extend(theirs.map(|found| found.id.clone()));
            claimed
        } else {
            Vec::new()
        },
        empty: listed.channels.is_empty(),
        complete: listed.unreadable == 0,
        // Counted only where it decides: it walks over all objects.
        other_intents: if known.needs_other_intents() {
            context.other_intents(channel)
        } else {
            Vec::new()
        },
    }
}

/// The sink as it is, where what the watch shows of it may be wrong.
async fn find_hidden_sink(context: &Context, channel: &WazzupChannel, seen: &Seen, wish: &Wish) -> Sink {
    let uid = &seen.object.uid;
    let met = context.qr.met_foreign(uid) || is_told(channel, Stall::QrSinkNameTaken.as_str());
    if !must_look_up_sink(seen, wish, met) {
        if seen.object.deleting || seen.sink != Sink::Absent {
            context.qr.forget_foreign(uid);
        }
        return seen.sink.clone();
    }
    if let Some(found) = context.qr.looked_up(uid) {
        return found;
    }
    match sink::look(&context.client, channel).await {
        Ok(found) => {
            context.qr.found(uid, &found);
            if found != Sink::Foreign {
                context.qr.forget_foreign(uid);
            }
            found
        }
        // What was found before counts until somebody sees that it is gone.
        Err(_) if met => Sink::Foreign,
        Err(_) => Sink::Absent,
    }
}

fn is_told(channel: &WazzupChannel, reason: &str) -> bool {
    let conditions = channel.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.reason == reason)
}
