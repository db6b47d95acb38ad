//! The status of a channel: what is remembered, mirrored and said, written only when it differs.

use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{act::PassError, caches::key_of, context::Context};
use crate::{
    api::{QrStatus, WazzupChannel, WazzupChannelStatus, condition, merge, names},
    clock,
    cluster::{ClusterError, api, memory, patch, sink as sinks, within},
    plan::{Memory, Plan, Report, Seen, Sink, SinkOrder, Standing, internal_error, report},
};

/// Stores what must be remembered of a call before it is made, only if the object is still as it was seen. Where nothing is new
/// that is still asked for: no call is made on an old view.
pub(super) async fn remember(
    context: &Context,
    object: &WazzupChannel,
    remembered: &Memory,
) -> Result<WazzupChannel, PassError> {
    let mut status = object.status.clone().unwrap_or_default();
    memory::write(remembered, &mut status);
    let body = change(object, &status)?.unwrap_or_else(|| json!({}));
    Ok(send(context, object, body, true).await?)
}

/// Says what a plan means. After a call what it changed must not be lost to somebody else's edit, so the write is repeated
/// on the object as it is then; not by a replica that leads no more, for another one may have gone on from there.
pub(super) async fn say(
    context: &Context,
    object: &WazzupChannel,
    seen: &Seen,
    plan: &Plan,
    called: bool,
) -> Result<(), PassError> {
    let said = report(seen, plan);
    let mut object = object.clone();
    for _ in 0..5 {
        let before = object.status.clone().unwrap_or_default();
        let status = status(&object, &before, seen, plan, &said);
        match write(context, &object, &status, true).await {
            Ok(written) => {
                if written.is_some() {
                    announce(context, &object, &before, &status).await;
                }
                return Ok(());
            }
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) if error.is_conflict() && called && context.fence.holds() => {
                match fetch(context, &object).await? {
                    Some(fresh) => object = fresh,
                    None => return Ok(()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Says that a pass met a defect.
pub(super) async fn say_defect(context: &Context, object: &WazzupChannel, why: &str) -> Result<(), ClusterError> {
    let before = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or(0);
    let said = internal_error(why);
    let mut status = before.clone();
    status.conditions = merge(
        &before.conditions,
        told(&said),
        said.keep_others,
        generation,
        clock::now(),
    );
    write(context, object, &status, true).await.map(|_| ())
}

/// The object as the API server has it now; `None` when it is gone.
pub(super) async fn fetch(context: &Context, object: &WazzupChannel) -> Result<Option<WazzupChannel>, ClusterError> {
    let namespace = object.namespace().unwrap_or_default();
    let fresh = within(api::<WazzupChannel>(&context.client, &namespace).get_opt(&object.name_any())).await?;
    Ok(fresh.filter(|fresh| fresh.uid() == object.uid()))
}

/// The status that an object gets, from the one that it had, what its plan remembers and what is said.
pub fn status(
    object: &WazzupChannel,
    before: &WazzupChannelStatus,
    seen: &Seen,
    plan: &Plan,
    said: &Report,
) -> WazzupChannelStatus {
    let mut status = before.clone();
    if let Some(mirror) = &said.mirror {
        let cut = |field: &Option<String>, most: usize| field.as_ref().map(|text| text.chars().take(most).collect());
        status.status = cut(&mirror.status, 64);
        status.reason = cut(&mirror.reason, 64);
        status.phone = cut(&mirror.phone, 256);
        status.username = cut(&mirror.username, 256);
        status.messenger_id = cut(&mirror.messenger_id, 256);
        status.name = cut(&mirror.name, 256);
        status.tier = cut(&mirror.tier, 64);
        status.tariff = cut(&mirror.tariff, 64);
    }
    let shown = matches!(seen.sink, Sink::Shown { .. }) && plan.sink == SinkOrder::Keep;
    status.qr = Some(QrStatus {
        name: shown.then(|| sinks::place(object).name),
        closed_at: None,
    });
    memory::write(&plan.memory, &mut status);
    // What was planned for: the object may have been edited since.
    let generation = seen.object.generation;
    if said.observed {
        status.observed_generation = Some(generation);
    }
    status.conditions = merge(
        &before.conditions,
        told(said),
        said.keep_others,
        generation,
        clock::now(),
    );
    status
}

fn told(said: &Report) -> Vec<(&'static str, &'static str, &'static str, String)> {
    let facts = said.facts.iter();
    facts
        .map(|fact| (fact.kind, standing(fact.standing), fact.reason, fact.message.clone()))
        .collect()
}

const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::True => "True",
        Standing::False => "False",
        Standing::Unknown => "Unknown",
    }
}

async fn write(
    context: &Context,
    object: &WazzupChannel,
    status: &WazzupChannelStatus,
    conditional: bool,
) -> Result<Option<WazzupChannel>, ClusterError> {
    match change(object, status)? {
        None => Ok(None),
        Some(change) => send(context, object, change, conditional).await.map(Some),
    }
}

fn change(object: &WazzupChannel, status: &WazzupChannelStatus) -> Result<Option<Value>, ClusterError> {
    let before = serde_json::to_value(object.status.clone().unwrap_or_default())?;
    Ok(patch::diff(&before, &serde_json::to_value(status)?))
}

async fn send(
    context: &Context,
    object: &WazzupChannel,
    change: Value,
    conditional: bool,
) -> Result<WazzupChannel, ClusterError> {
    let mut body = json!({ "status": change });
    if conditional && let Some(version) = object.resource_version() {
        body["metadata"] = json!({ "resourceVersion": version });
    }
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let channels = api::<WazzupChannel>(&context.client, &object.namespace().unwrap_or_default());
    within(channels.patch_status(&object.name_any(), &params, &Patch::Merge(body))).await
}

/// One event for each transition of what people wait for.
async fn announce(
    context: &Context,
    object: &WazzupChannel,
    before: &WazzupChannelStatus,
    after: &WazzupChannelStatus,
) {
    let twins = |status: &WazzupChannelStatus| status.attempts.clone().unwrap_or_default().suspected_twins;
    let known = twins(before);
    for twin in twins(after).iter().filter(|twin| !known.contains(twin)) {
        context.metrics.suspected_twin();
        let own = after.channel_id.as_deref().unwrap_or_default();
        let note = format!(
            "channel {twin} turned up after a create without a clear answer, or after a channel that Wazzup did not show any more: it may be a twin of {own}. If it is nobody's, delete it at Wazzup; to keep it, make a WazzupChannel with spec.channelId {twin}"
        );
        context.announcer.say(object, true, "SuspectedTwin", &note).await;
    }
    let (namespace, name) = key_of(object);
    let mut logged = false;
    for type_ in ["ActionRequired", "Stalled", "Connected"] {
        let (was, is) = (
            condition(&before.conditions, type_),
            condition(&after.conditions, type_),
        );
        let Some(is) = is else { continue };
        let same = was.is_some_and(|was| was.status == is.status && was.reason == is.reason);
        if !same && !logged {
            logged = true;
            // The same words as in the condition, which hold no secret.
            tracing::info!(
                namespace,
                channel = name,
                id = after.channel_id,
                condition = type_,
                status = is.status,
                reason = is.reason,
                why = is.message,
                "a condition changed"
            );
        }
        if !same && type_ == "Connected" && is.status == "True" {
            let begun = was.map_or(object.metadata.creation_timestamp.as_ref(), |was| {
                Some(&was.last_transition_time)
            });
            let took = begun.map(|begun| clock::now().duration_since(begun.0));
            context
                .metrics
                .connected(took.and_then(|took| took.try_into().ok()).unwrap_or_default());
        }
        if !same && type_ == "ActionRequired" && is.reason == "ChooseChannel" {
            context.metrics.intent("asked");
        }
        let worth = type_ != "Connected" || is.status == "True";
        // A person is called when there is something to scan, not when it is on its way.
        let shown = |status: &WazzupChannelStatus| status.qr.as_ref().is_some_and(|qr| qr.name.is_some());
        let called = if type_ == "ActionRequired" && is.reason == "ScanQr" {
            shown(after) && !(same && shown(before))
        } else {
            !same && worth
        };
        if called {
            context
                .announcer
                .say(object, type_ != "Connected", &is.reason, &is.message)
                .await;
        }
    }
}
