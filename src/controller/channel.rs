//! One pass over a channel: observe, plan, act, report.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use kube::ResourceExt;
use kube_runtime::controller::Action;

use super::{
    act::{self, Acted, PassError},
    caches::{Key, account_of, key_of},
    context::Context,
    desk::Changes,
    observe::{Observation, observe},
    slots::aside,
    status,
};
use crate::{
    api::WazzupChannel,
    clock,
    plan::{Call, Memory, Note, Plan, Seen, Verdict, Wake, after_conflicts, broken_law, plan},
};

/// How long a pass that met a defect rests.
const DEFECT: Duration = Duration::from_secs(900);

/// Runs a pass when there is a slot for it; a panic in it is an error of this pass alone.
pub(super) async fn reconcile(channel: Arc<WazzupChannel>, context: Arc<Context>) -> Result<Action, PassError> {
    let account = account_of(&channel);
    let run = || guarded(&channel, &context);
    let Some(result) = context.slots.run(&account, run).await else {
        return Ok(Action::await_change());
    };
    result
}

async fn guarded(channel: &WazzupChannel, context: &Context) -> Result<Action, PassError> {
    let guarded = std::panic::AssertUnwindSafe(pass(channel, context)).catch_unwind();
    // Nothing of a pass outlives the lease, its writes to Kubernetes included.
    let result = match context.fence.within(guarded).await {
        Some(caught) => caught.unwrap_or_else(|_| Err(PassError::Internal("the pass panicked".to_owned()))),
        None => Err(PassError::NotLeading),
    };
    context.metrics.pass("channel", result.is_err());
    if result.is_ok() {
        context.conflicts.clear(channel.uid());
    }
    if let Err(PassError::Internal(why)) = &result
        && let Err(error) = status::say_defect(context, channel, why).await
    {
        tracing::debug!(%error, "a defect could not be told");
    }
    result
}

/// When a pass that failed is tried again.
#[allow(clippy::needless_pass_by_value, reason = "the signature that the runtime calls")]
pub(super) fn after_error(channel: Arc<WazzupChannel>, error: &PassError, context: Arc<Context>) -> Action {
    let (namespace, name) = key_of(&*channel);
    let pause = match error {
        PassError::Cluster(error) if error.is_conflict() => after_conflicts(context.conflicts.count(channel.uid())),
        PassError::Outdated => Duration::from_secs(1),
        PassError::Cluster(error) if error.is_refused() => {
            tracing::error!(namespace, channel = name, %error, "Kubernetes refuses what must be written");
            Duration::from_secs(60)
        }
        PassError::Cluster(_) | PassError::HeldBack(_) | PassError::NotLeading => Duration::from_secs(5),
        PassError::Internal(_) => {
            tracing::error!(namespace, channel = name, %error, "a defect of the operator: nothing was done");
            DEFECT
        }
    };
    tracing::debug!(namespace, channel = name, %error, "a pass ended early");
    Action::requeue(pause)
}

async fn pass(channel: &WazzupChannel, context: &Context) -> Result<Action, PassError> {
    let (mut channel, mut carried, mut changed) = (channel.clone(), None, false);
    loop {
        let begun = clock::instant();
        let (acted, seen) = once(&channel, context, carried.take()).await?;
        let uid = channel.uid().unwrap_or_default();
        changed |= acted.called;
        if acted.called {
            context.marks.set(&uid);
        }
        let had_finalizer = seen.object.finalizer;
        if let (Verdict::Gone(why), true) = (&acted.plan.verdict, seen.object.deleting) {
            if had_finalizer {
                let (namespace, name) = key_of(&channel);
                tracing::info!(namespace, channel = name, why, "the object is released");
                context.announcer.say(&channel, false, "Released", why).await;
            }
            context.marks.clear(&uid);
            return Ok(Action::await_change());
        }
        // A create says nothing about the state: the look that follows does, and one status tells both.
        if acted.called && acted.plan.verdict == Verdict::Unsettled {
            channel = acted.object;
            carried = Some(acted.plan.memory);
            continue;
        }
        status::say(context, &acted.object, &seen, &acted.plan, changed).await?;
        return Ok(next(context, &uid, &acted.plan, begun));
    }
}

async fn once(channel: &WazzupChannel, context: &Context, carried: Option<Memory>) -> Result<(Acted, Seen), PassError> {
    let mut observation = observe(context, channel, carried.clone()).await;
    let mut planned = lawful(&observation)?;
    // A create that carries credentials sees the account only when no other one is in flight.
    let mut _lane = None;
    if matches!(planned.call, Some(Call::Create { alone: true } | Call::OpenLink(None))) {
        let behind = context.behind(&account_of(channel));
        _lane = Some(aside(context.lanes.enter(behind, channel.spec.transport)).await);
        observation = observe(context, channel, carried).await;
        planned = lawful(&observation)?;
    }
    let Observation { seen, desk, standing } = observation;
    count_intent(context, &seen, &planned);
    let acted = act::act(context, channel, &seen, planned, desk.as_deref(), &standing).await?;
    Ok((acted, seen))
}

/// Counts what became of a create that had no clear answer, when this pass decides it.
fn count_intent(context: &Context, seen: &Seen, plan: &Plan) {
    if seen.object.intent.is_none() || seen.channel_id().is_some() {
        return;
    }
    match &plan.note {
        Some(Note::RecordId(_)) => context.metrics.intent("found"),
        Some(Note::OpenIntent(_)) => context.metrics.intent("repeated"),
        Some(Note::ClearIntent | Note::ForgetId | Note::RemoveFinalizer) | None => {}
    }
}

fn lawful(observation: &Observation) -> Result<Plan, PassError> {
    let planned = plan(&observation.seen);
    match broken_law(&observation.seen, &planned) {
        None => Ok(planned),
        Some(law) => Err(PassError::Internal(format!("a plan would break a law: {law}"))),
    }
}

/// When the next pass begins, if nothing wakes one before.
fn next(context: &Context, uid: &str, plan: &Plan, begun: Instant) -> Action {
    let repeat = if plan.verdict == Verdict::Connected {
        // What was announced since wakes a pass of its own.
        context.marks.clear_until(uid, begun);
        None
    } else {
        context.marks.repeat(uid)
    };
    let wished = match plan.wake {
        Wake::OnChange => None,
        Wake::After(pause) => Some(pause),
        Wake::LookAfter(pause) => {
            context.marks.want(uid);
            Some(pause)
        }
    };
    match (wished, repeat) {
        (None, None) => Action::await_change(),
        (Some(pause), None) | (None, Some(pause)) => Action::requeue(pause),
        (Some(wished), Some(repeat)) => Action::requeue(wished.min(repeat)),
    }
}

/// Wakes the channels that a list shows differently, and those that wait for a newcomer.
pub(super) fn wake_changed(context: &Context, account: &Key, changes: &Changes, but: Option<&Key>) {
    let mut keys: Vec<Key> = if changes.all {
        context
            .caches
            .channels_of(account)
            .iter()
            .map(|channel| key_of(&**channel))
            .collect()
    } else {
        changes
            .channels
            .iter()
            .filter_map(|id| context.claims.owner(id))
            .collect()
    };
    if changes.set {
        keys.extend(context.claims.unresolved(account));
    }
    for key in keys.iter().filter(|key| Some(*key) != but) {
        context.channels.wake(key);
    }
    if changes.set || changes.denied {
        context.accounts.wake(account);
    }
    if !changes.channels.is_empty()
        && let Some(desk) = context.desks.get(account)
    {
        desk.changed();
    }
}
