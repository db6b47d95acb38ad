//! One pass over an account: its token, its list, its subscription.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use kube::ResourceExt;
use kube_runtime::controller::Action;

use super::{
    account_look::observe,
    account_status,
    act::PassError,
    caches::{Key, key_of},
    channel::wake_changed,
    context::Context,
    desk::{Changes, Desk, Snapshot},
    interval::{interval, next_list},
    recall::{Recall, Recalls},
    slots::aside,
    token::{Got, Purse, unread},
};
use crate::{
    api::{WazzupAccount, names},
    clock,
    cluster::{
        ClusterError,
        grants::StoredGrant,
        notes,
        secrets::{self, AccountKeys, Kept},
    },
    model::Fault,
    plan::{
        Webhooks,
        account::{self, AccountCall, AccountPlan, AccountSeen, Rows, Token, Tried},
        after_conflicts,
    },
    wazzup::{Lane, NewWebhook},
};

/// Runs a pass when there is a slot for it; a panic in it is an error of this pass alone.
pub(super) async fn reconcile(
    account: Arc<WazzupAccount>,
    context: Arc<Context>,
    recalls: Arc<Recalls>,
) -> Result<Action, PassError> {
    let key = key_of(&*account);
    let run = || guarded(&account, &key, &context, &recalls);
    let Some(result) = context.slots.run(&key, run).await else {
        return Ok(Action::await_change());
    };
    result
}

async fn guarded(
    account: &WazzupAccount,
    key: &Key,
    context: &Context,
    recalls: &Recalls,
) -> Result<Action, PassError> {
    let recall = recalls.of(key);
    let mut recall = recall.lock().await;
    let guarded = std::panic::AssertUnwindSafe(pass(account, key, context, &mut recall)).catch_unwind();
    // Nothing of a pass outlives the lease, its writes to Kubernetes included.
    let result = match context.fence.within(guarded).await {
        Some(caught) => caught.unwrap_or_else(|_| Err(PassError::Internal("the pass panicked".to_owned()))),
        None => Err(PassError::NotLeading),
    };
    context.metrics.pass("account", result.is_err());
    if result.is_ok() {
        context.conflicts.clear(account.uid());
    }
    if let Err(PassError::Internal(why)) = &result
        && let Err(error) = account_status::say(context, account, &account::internal_error(why), None).await
    {
        tracing::debug!(%error, "a defect could not be told");
    }
    result
}

/// When a pass that failed is tried again.
pub(super) fn after_error(account: &WazzupAccount, error: &PassError, context: &Context) -> Action {
    let (namespace, name) = key_of(account);
    tracing::debug!(namespace, account = name, %error, "a pass over an account ended early");
    match error {
        PassError::Cluster(error) if error.is_conflict() => {
            Action::requeue(after_conflicts(context.conflicts.count(account.uid())))
        }
        PassError::Cluster(error) if error.is_refused() => {
            tracing::error!(namespace, account = name, %error, "Kubernetes refuses what must be written");
            Action::requeue(Duration::from_secs(60))
        }
        // Nobody tells when a right is granted, and a grant that could not be stored exists nowhere else.
        PassError::Cluster(error) if error.is_forbidden() => {
            tracing::error!(namespace, account = name, %error, "Kubernetes does not let this be written");
            Action::requeue(Duration::from_secs(5))
        }
        PassError::Internal(_) => {
            tracing::error!(namespace, account = name, %error, "a defect of the operator: nothing was done");
            Action::requeue(Duration::from_secs(900))
        }
        PassError::Cluster(_) | PassError::HeldBack(_) | PassError::NotLeading | PassError::Outdated => {
            Action::requeue(Duration::from_secs(5))
        }
    }
}

async fn pass(account: &WazzupAccount, key: &Key, context: &Context, recall: &mut Recall) -> Result<Action, PassError> {
    let deleting = account.metadata.deletion_timestamp.is_some();
    let finalizer = account.finalizers().iter().any(|one| one == names::ACCOUNT_FINALIZER);
    if deleting && !finalizer {
        context.desks.close(key);
        context.slots.forget(key);
        *recall = Recall::default();
        return Ok(Action::await_change());
    }
    let rate = u32::try_from(account.spec.rate_limit.requests_per_second)
        .unwrap_or(1)
        .clamp(1, 1_000);
    let desk = context.desks.open(key, &account.uid().unwrap_or_default(), rate);
    let (keys, lack) = match keys(context, account, recall).await {
        Ok(keys) => (keys, None),
        Err(error) if error.is_conflict() => return Err(error.into()),
        // Without its own Secret nothing is done, and it is told like one that the account names.
        Err(error) => (AccountKeys::random(), Some(own_secret_unread(account, &error))),
    };
    let purse = Purse {
        context,
        account,
        desk: &desk,
        keys: &keys,
    };
    let (mut got, looked) = loop {
        let got = match &lack {
            Some(lack) => Got::without(lack.clone()),
            None => purse.token(recall).await?,
        };
        if got.token != Token::Present {
            break (got, Looked::default());
        }
        let looked = list(context, account, key, &desk, recall).await;
        let denied = looked
            .snapshot
            .as_ref()
            .is_some_and(|snapshot| matches!(snapshot.result, Err(Fault::Denied { .. })));
        // A granted token may be revoked before its end: the plan says whether another is got.
        if !(denied && recall.deny()) {
            break (got, looked);
        }
    };
    recall.count(&mut got.token);
    let Looked { snapshot, repeat } = looked;
    let again = got.again;
    let seen = observe(&purse, key, got.token, snapshot.as_deref(), recall).await;
    let plan = account::plan(&seen);
    // A token is written down before channels use it: what they begin by it would else be taken for another token's.
    let anew = account_status::pins_anew(account, &plan);
    // Until what was planned for the rows is done, they count as not looked at.
    if anew || plan.call.is_some() || plan.unsettled {
        recall.verified = None;
    }
    if !anew {
        inform(context, key, &desk, &plan, account.spec.suspend);
    }
    let mut object = account.clone();
    if plan.finalizer == Some(true) {
        object = notes::set_finalizer(&context.client, &object, names::ACCOUNT_FINALIZER, true).await?;
    }
    if anew {
        account_status::say(context, &object, &plan, snapshot.as_deref()).await?;
        inform(context, key, &desk, &plan, account.spec.suspend);
    }
    if let Some(call) = &plan.call {
        carry_out(context, &desk, &seen, call, recall).await?;
    } else if matches!(seen.rows, Rows::Listed(_)) && !plan.unsettled {
        recall.tried = None;
    }
    if plan.finalizer == Some(false) {
        notes::set_finalizer(&context.client, &object, names::ACCOUNT_FINALIZER, false).await?;
        context.desks.close(key);
        *recall = Recall::default();
        return Ok(Action::await_change());
    }
    if !anew {
        account_status::say(context, &object, &plan, snapshot.as_deref()).await?;
    }
    let regular = next_list(account, &desk);
    let soonest = [plan.again, again, repeat]
        .into_iter()
        .flatten()
        .fold(regular, Duration::min);
    Ok(Action::requeue(soonest))
}

/// The account's keys, read anew only when their Secret is another one than it was. Nothing is made for an account that
/// goes: its namespace may be going too.
pub(super) async fn keys(
    context: &Context,
    account: &WazzupAccount,
    recall: &mut Recall,
) -> Result<AccountKeys, ClusterError> {
    let (namespace, name) = key_of(account);
    let shown = context.caches.secret_version(&namespace, &names::account_secret(&name));
    if let Some(kept) = recall.kept.as_ref().filter(|_| shown.is_some())
        && kept.version == shown
    {
        return Ok(kept.keys.clone());
    }
    let kept = if account.metadata.deletion_timestamp.is_some() {
        // A namespace that goes takes the Secret first; what this process knows of it serves until the end.
        let found = secrets::read_kept(&context.client, &namespace, &name).await?;
        found.unwrap_or_else(|| retained(recall.kept.take()))
    } else {
        secrets::ensure_kept(&context.client, account).await?
    };
    let keys = kept.keys.clone();
    recall.kept = Some(kept);
    Ok(keys)
}

/// What serves a going account whose own Secret is gone: what was known of it, or keys that are made up once. No grant can be
/// written there any more.
fn retained(known: Option<Kept>) -> Kept {
    let mut kept = known.unwrap_or_else(|| Kept {
        version: None,
        keys: AccountKeys::random(),
        grant: StoredGrant::default(),
    });
    kept.grant.version = None;
    kept
}

fn own_secret_unread(account: &WazzupAccount, error: &ClusterError) -> Token {
    let (namespace, name) = key_of(account);
    let secret = names::account_secret(&name);
    let why = format!(
        "Secret {secret}, in which the operator keeps what it needs for this account, could not be read or made: {error}; look at it: kubectl -n {namespace} get secret {secret}"
    );
    unread(error, why)
}

/// A list, and when it is wanted again before its time.
#[derive(Default)]
struct Looked {
    snapshot: Option<Arc<Snapshot>>,
    repeat: Option<Duration>,
}

/// The regular list, or a sooner one after an event that another replica received; one that does not show what was
/// announced is repeated.
async fn list(context: &Context, account: &WazzupAccount, key: &Key, desk: &Desk, recall: &mut Recall) -> Looked {
    let uid = account.uid().unwrap_or_default();
    let event_at = account.annotations().get(names::EVENT_AT).cloned();
    let poked = event_at.is_some() && event_at != recall.event_at;
    recall.event_at = event_at;
    if poked {
        desk.announced();
        context.marks.set(&uid);
    }
    let now = clock::instant();
    let marked = context.marks.look_after(&uid);
    let announced = marked.filter(|since| *since <= now);
    let not_before = announced.or_else(|| now.checked_sub(interval(account).mul_f64(0.9)));
    let lane = if announced.is_some() {
        Lane::Webhook
    } else {
        Lane::Refresh
    };
    let mut shown = false;
    let snapshot = desk
        .look(not_before, lane, |changes: Changes| {
            shown = changes.all || changes.set || !changes.channels.is_empty();
            wake_changed(context, key, &changes, None);
        })
        .await;
    if let Some(snapshot) = snapshot.as_ref().filter(|_| shown) {
        context.marks.clear_until(&uid, snapshot.started);
    }
    let repeat = match announced {
        Some(_) if !shown => context.marks.repeat(&uid),
        // Not yet due, or announced while the list was under way.
        Some(_) | None => {
            let due = context.marks.look_after(&uid);
            due.map(|since| since.saturating_duration_since(clock::instant()))
        }
    };
    Looked { snapshot, repeat }
}

/// Tells the channels what they may do, and wakes them when that changed.
fn inform(context: &Context, key: &Key, desk: &Desk, plan: &AccountPlan, suspend: bool) {
    let before = desk.standing();
    desk.set(|standing| {
        if plan.decides() {
            standing.trouble.clone_from(&plan.trouble);
        }
        standing.suspend = suspend;
        if let Some(pin) = &plan.pin {
            standing.vetted = true;
            standing.remote.clone_from(&pin.remote);
        }
        if plan.webhooks.is_some() {
            standing.webhooks = plan.webhooks;
        } else if standing.webhooks.is_none() {
            standing.webhooks = Some(Webhooks::Pending);
        }
    });
    let after = desk.standing();
    if before.trouble != after.trouble
        || before.webhooks != after.webhooks
        || before.suspend != suspend
        || before.vetted != after.vetted
    {
        for channel in context.caches.channels_of(key) {
            context.channels.wake(&key_of(&*channel));
        }
    }
}

async fn carry_out(
    context: &Context,
    desk: &Desk,
    seen: &AccountSeen,
    call: &AccountCall,
    recall: &mut Recall,
) -> Result<(), PassError> {
    let Some(client) = desk.standing().client else {
        return Ok(());
    };
    desk.pass_within(Lane::Refresh, Duration::from_secs(10))
        .await
        .map_err(PassError::HeldBack)?;
    if !context.fence.allows() {
        return Err(PassError::NotLeading);
    }
    // Whatever comes of it, the next pass looks at the rows again.
    recall.verified = None;
    let since = clock::instant();
    let (operation, result): (_, Result<(), Fault>) = match (call, &seen.url) {
        (AccountCall::Subscribe(events), Some(url)) => {
            let rows: Vec<NewWebhook> = events
                .iter()
                .map(|event| NewWebhook {
                    event: (*event).to_owned(),
                    url: url.clone(),
                })
                .collect();
            ("create_webhooks", aside(client.create_webhooks(&rows)).await)
        }
        (AccountCall::Subscribe(_), None) => return Ok(()),
        (AccountCall::Unsubscribe(ids), _) => ("delete_webhooks", aside(client.delete_webhooks(ids)).await),
    };
    desk.note(operation, &result, since);
    // Told by the next pass, which looks at the rows first: an answer that was lost may have had its effect.
    let before = recall.tried.as_ref().map_or(0, |(_, tried)| tried.in_a_row);
    let tried = Tried {
        subscribing: matches!(call, AccountCall::Subscribe(_)),
        in_a_row: before.saturating_add(1),
        ago: Duration::ZERO,
        fault: result.err(),
    };
    recall.tried = Some((clock::instant(), tried));
    Ok(())
}
