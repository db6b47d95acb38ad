//! Carries out a plan's orders: what is Kubernetes' first, the one remote change last.

use std::time::Duration;

use kube::ResourceExt;

use super::{
    caches::account_of,
    call_log::{call_name, tell},
    claims::Take,
    context::Context,
    desk::{Desk, Standing},
    payload::{Payload, payload},
    publish::{Shown, publish},
    slots::aside,
    status,
};
use crate::{
    api::WazzupChannel,
    clock,
    cluster::{
        ClusterError, notes,
        sink::{self, Content},
    },
    model::{CreateOutcome, Credentials, Fault, Sensitive},
    plan::{Answer, Call, Note, Plan, Seen, SinkOrder, Wish, settle, was_there},
    wazzup::{Client, Lane},
};

/// Why a pass ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum PassError {
    /// Kubernetes refused or did not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The lease is no longer certain: nothing may be changed at Wazzup.
    #[error("this replica does not lead any more")]
    NotLeading,
    /// The limiter held the call back.
    #[error(transparent)]
    HeldBack(Fault),
    /// What the plan was made for has changed since.
    #[error("what the plan was made for changed during the pass")]
    Outdated,
    /// A plan broke a law, or the pass panicked. A defect; nothing was done.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The object and the plan as they are after the orders were carried out.
pub(super) struct Acted {
    pub(super) object: WazzupChannel,
    pub(super) plan: Plan,
    /// Whether Wazzup was asked for a change.
    pub(super) called: bool,
}

/// Carries out `plan`. A call is made only after everything that must be remembered of it is stored.
pub(super) async fn act(
    context: &Context,
    channel: &WazzupChannel,
    seen: &Seen,
    plan: Plan,
    desk: Option<&Desk>,
    standing: &Standing,
) -> Result<Acted, PassError> {
    let mut object = channel.clone();
    if plan.sink == SinkOrder::Withdraw && matches!(seen.sink, crate::plan::Sink::Shown { .. }) {
        withdraw(context, channel).await?;
    }
    let (Some(call), Some(desk), Some(client), Ok(wish)) = (&plan.call, desk, &standing.client, &seen.wish) else {
        if let Some(note) = &plan.note {
            object = write_note(context, &object, note, true).await?;
        }
        return Ok(Acted {
            object,
            plan,
            called: false,
        });
    };
    let payload = payload(context, channel, seen, wish, call, standing).await?;
    desk.pass_within(Lane::Person, Duration::from_secs(10))
        .await
        .map_err(PassError::HeldBack)?;
    // Asked before anything says that a call was made: an intent without its POST would cost the next leader a search.
    if !context.fence.allows() {
        return Err(PassError::NotLeading);
    }
    if let Some(note) = &plan.note {
        object = write_note(context, &object, note, true).await?;
    }
    object = match status::remember(context, &object, &plan.memory).await {
        Err(PassError::Cluster(error)) if error.is_not_found() => {
            forget(context, &object);
            return Err(error.into());
        }
        remembered => remembered?,
    };
    if !context.fence.holds() {
        return Err(PassError::NotLeading);
    }
    let since = clock::instant();
    let answer = send(context, client, desk, channel, wish, call, payload, since).await;
    tell(channel, call, &answer, since);
    let answer = claimed(context, &object, &plan, answer);
    let settled = settle(seen, wish, &plan, &answer);
    if let Some(note) = &settled.note {
        if let Note::RecordId(id) = note {
            context.qr.replay(&object, id);
        }
        match write_note_surely(context, &object, note).await? {
            Some(written) => {
                if matches!(note, Note::ClearIntent) {
                    written_down(context, &written);
                }
                object = written;
            }
            // What was let go stays so for an older view of it.
            None if matches!(note, Note::RemoveFinalizer) => {}
            None => {
                forget(context, &object);
                return Err(PassError::Outdated);
            }
        }
    }
    Ok(Acted {
        object,
        plan: settled,
        called: true,
    })
}

/// Takes the sink away, at most once a second of the version that the watch shows: one that is behind makes passes that want it
/// again.
async fn withdraw(context: &Context, channel: &WazzupChannel) -> Result<(), PassError> {
    let uid = channel.uid().unwrap_or_default();
    let shown = context
        .caches
        .sink_metadata(channel)
        .and_then(|shown| shown.resource_version);
    if !context.qr.is_withdrawn(&uid, shown.as_deref()) {
        sink::withdraw(&context.client, channel).await?;
        context.qr.withdrawn(uid, shown);
    }
    Ok(())
}

async fn write_note(
    context: &Context,
    object: &WazzupChannel,
    note: &Note,
    conditional: bool,
) -> Result<WazzupChannel, PassError> {
    // Two searches may find one channel at the same time: the first to claim it has it, the other looks again.
    let taken = match note {
        Note::RecordId(id) => context.claims.take_found(object, id),
        Note::OpenIntent(_) | Note::ClearIntent | Note::ForgetId | Note::RemoveFinalizer => Take::Known,
    };
    if matches!(taken, Take::TooLate | Take::Outgrown) {
        return Err(PassError::Outdated);
    }
    let write = notes::carry_out(&context.client, object, note, conditional);
    let written = match note {
        Note::RemoveFinalizer => context.claims.releasing(object, write).await,
        Note::RecordId(_) | Note::OpenIntent(_) | Note::ClearIntent | Note::ForgetId => write.await,
    };
    let written = match written {
        Ok(written) => written,
        Err(error) => {
            if let (Take::New, Note::RecordId(id)) = (taken, note) {
                for waiting in context.claims.let_go(object, id) {
                    context.channels.wake(&waiting);
                }
            }
            if error.is_not_found() && !matches!(note, Note::RemoveFinalizer) {
                forget(context, object);
            }
            return Err(error.into());
        }
    };
    match note {
        Note::RecordId(id) => context.qr.replay(&written, id),
        Note::OpenIntent(_) | Note::ClearIntent | Note::ForgetId => written_down(context, &written),
        Note::RemoveFinalizer => {}
    }
    Ok(written)
}

/// What an object says of itself counts before the watch shows it; who was told that its channel is held may have it then.
fn written_down(context: &Context, object: &WazzupChannel) {
    if let Some(heir) = context.claims.written(object) {
        context.channels.wake(&heir);
    }
}

/// A channel whose answer came after another object had found it in a list and taken it for its own: what this create has
/// led to is as unknown as if no answer had come.
fn claimed(context: &Context, object: &WazzupChannel, plan: &Plan, answer: Answer) -> Answer {
    match answer {
        // What was there before is nobody's to take, and the plan says so.
        Answer::Create(CreateOutcome::Created(made)) if was_there(plan, &made.id) => {
            Answer::Create(CreateOutcome::Created(made))
        }
        Answer::Create(CreateOutcome::Created(made)) if context.claims.take(object, &made.id) == Take::TooLate => {
            let why = format!("channel {} was taken by another object in the meantime", made.id);
            Answer::Create(CreateOutcome::Unknown(Fault::Unclear { why }))
        }
        answer => answer,
    }
}

/// What follows a remote change must not be lost to somebody else's edit or to a moment's trouble. A replica that leads no
/// more writes it only where nobody has gone on since: its intent is still there for the one that leads.
///
/// Returns the object as it is then; `None` when it is gone.
async fn write_note_surely(
    context: &Context,
    object: &WazzupChannel,
    note: &Note,
) -> Result<Option<WazzupChannel>, PassError> {
    let write = write_again(context, object, note);
    match note {
        Note::RemoveFinalizer => context.claims.releasing(object, write).await,
        Note::RecordId(_) | Note::OpenIntent(_) | Note::ClearIntent | Note::ForgetId => write.await,
    }
}

async fn write_again(
    context: &Context,
    object: &WazzupChannel,
    note: &Note,
) -> Result<Option<WazzupChannel>, PassError> {
    let mut object = object.clone();
    let mut pause = Duration::from_millis(100);
    for _ in 0..8 {
        let leads = context.fence.holds();
        match notes::carry_out(&context.client, &object, note, !leads).await {
            Ok(written) => return Ok(Some(written)),
            Err(error) if error.is_not_found() => {
                left_behind(context, &object, note).await;
                return Ok(None);
            }
            Err(error) if error.is_conflict() && !leads => return Err(error.into()),
            Err(error) => {
                tracing::warn!(namespace = object.namespace(), channel = object.name_any(), %error, "a note that follows a change at Wazzup could not be written; it is tried again");
                // It changed, or another object has its name now.
                if error.is_conflict() || error.is_refused() {
                    match status::fetch(context, &object).await {
                        Ok(Some(fresh)) => object = fresh,
                        Ok(None) => {
                            left_behind(context, &object, note).await;
                            return Ok(None);
                        }
                        Err(error) => tracing::debug!(%error, "the object could not be read"),
                    }
                }
                if !error.is_conflict() {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
    }
    let written = notes::carry_out(&context.client, &object, note, !context.fence.holds()).await?;
    Ok(Some(written))
}

/// The object is gone, maybe since before the last claim that was made for it: the watch tells of it no more, and what it had open
/// would count for ever.
fn forget(context: &Context, object: &WazzupChannel) {
    if let Some(heir) = context.claims.remove(object) {
        context.channels.wake(&heir);
    }
}

/// The object vanished while its channel was being made, finalizer or not: the API server drops a finalizer that is written
/// at the moment of a deletion. The channel is nobody's then, which the account shows, and is told.
async fn left_behind(context: &Context, object: &WazzupChannel, note: &Note) {
    let Note::RecordId(id) = note else { return };
    let why = format!(
        "the object went while channel {id} was being made for it, and the channel is still at Wazzup: delete it there, or make a WazzupChannel with spec.channelId {id}"
    );
    tracing::warn!(namespace = object.namespace(), channel = object.name_any(), %id, "{why}");
    context.announcer.say(object, true, "LeftBehind", &why).await;
}

#[allow(clippy::too_many_arguments, reason = "each is a part of one call")]
async fn send(
    context: &Context,
    client: &Client,
    desk: &Desk,
    channel: &WazzupChannel,
    wish: &Wish,
    call: &Call,
    payload: Payload,
    since: std::time::Instant,
) -> Answer {
    let credentials = match &payload {
        Payload::Credentials(credentials) => credentials.clone(),
        Payload::Nothing | Payload::Password(_) => Credentials::empty(),
    };
    tracing::info!(
        call = call_name(call),
        namespace = channel.namespace(),
        channel = channel.name_any(),
        "asking Wazzup for a change"
    );
    match call {
        Call::Create { .. } => {
            let outcome = aside(client.create_channel(wish.transport, &credentials)).await;
            desk.note_create(&outcome, since);
            Answer::Create(outcome)
        }
        Call::Reinit(id) => {
            let result = aside(client.reinit_channel(id, &credentials)).await;
            desk.note("reinit_channel", &result, since);
            Answer::Reinit(result)
        }
        Call::SubmitTwoFactor(id) => {
            let password = match payload {
                Payload::Password(password) => password,
                Payload::Nothing | Payload::Credentials(_) => Sensitive::new(String::new()),
            };
            let result = aside(client.submit_two_factor(id, wish.transport, &password)).await;
            desk.note("submit_two_factor", &result, since);
            Answer::TwoFactor(result)
        }
        Call::RequestPairingCode(id, phone) => {
            let result = aside(client.request_pairing_code(id, phone)).await;
            desk.note("request_pairing_code", &result, since);
            let shown = publish(context, channel, result, Content::PairingCode).await;
            Answer::PairingCode(match shown {
                Shown::Yes => Ok(()),
                Shown::No(fault) | Shown::Perhaps(fault) => Err(fault),
            })
        }
        Call::OpenLink(id) => {
            let result = aside(client.create_iframe_link(wish.transport, id.as_ref())).await;
            desk.note("create_iframe_link", &result, since);
            match publish(context, channel, result, Content::Link).await {
                Shown::Yes => Answer::Link(Ok(())),
                Shown::No(fault) => Answer::Link(Err(fault)),
                Shown::Perhaps(fault) => Answer::LinkMayShow(fault),
            }
        }
        Call::Delete { id, with_chats } => {
            let result = aside(client.delete_channel(id, *with_chats)).await;
            desk.note("delete_channel", &result, since);
            if let Ok(()) | Err(Fault::Missing { .. }) = &result {
                context.desks.deleted(&context.behind(&account_of(channel)), id);
            }
            Answer::Delete(result)
        }
    }
}

#[cfg(test)]
#[path = "act_tests.rs"]
mod tests;
