//! The status of an account, written only when it differs.

use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{context::Context, desk::Snapshot};
use crate::{
    api::{UnmanagedChannel, WazzupAccount, condition, merge, names},
    clock,
    cluster::{ClusterError, api, patch, within},
    plan::{Standing, account::AccountPlan},
};

/// How many unmanaged channels a status names.
const NAMED: usize = 50;

/// Whether a plan pins the account to a token that its status does not hold.
pub(super) fn pins_anew(account: &WazzupAccount, plan: &AccountPlan) -> bool {
    let known = account.status.as_ref().and_then(|status| status.token_hash.as_ref());
    plan.pin.as_ref().is_some_and(|pin| known != Some(&pin.token))
}

/// Says what a plan means, and counts the account's channels.
pub(super) async fn say(
    context: &Context,
    account: &WazzupAccount,
    plan: &AccountPlan,
    snapshot: Option<&Snapshot>,
) -> Result<(), ClusterError> {
    let before = account.status.clone().unwrap_or_default();
    let mut status = before.clone();
    let generation = account.metadata.generation.unwrap_or(0);
    if let Some(rows) = &plan.rows {
        status.webhook_ids.clone_from(rows);
    }
    if let Some(pin) = &plan.pin {
        status.remote_account_id = pin.remote.as_ref().map(ToString::to_string);
        status.token_hash = Some(pin.token.clone());
    }
    // What another customer's token lists is nobody's business here.
    let own = plan.pin.is_some();
    if let Some(Ok(listed)) = snapshot.filter(|_| own).map(|snapshot| &snapshot.result) {
        let unmanaged: Vec<_> = listed
            .channels
            .values()
            .filter(|channel| !context.claims.is_claimed(&channel.id))
            .collect();
        let total = listed.channels.len();
        status.channels = i32::try_from(total).ok();
        status.unmanaged = i32::try_from(unmanaged.len()).ok();
        status.managed = i32::try_from(total - unmanaged.len()).ok();
        status.unmanaged_channels = unmanaged
            .into_iter()
            .take(NAMED)
            .map(|channel| UnmanagedChannel {
                id: channel.id.to_string(),
                transport: channel.transport.chars().take(64).collect(),
                name: channel
                    .name
                    .as_ref()
                    .or(channel.phone.as_ref())
                    .map(|name| name.chars().take(256).collect()),
                status: channel
                    .status
                    .as_ref()
                    .map(|status| status.as_str().chars().take(64).collect()),
            })
            .collect();
    }
    if let Some(facts) = &plan.facts {
        status.observed_generation = Some(generation);
        let wanted = facts
            .iter()
            .map(|fact| {
                let standing = match fact.standing {
                    Standing::True => "True",
                    Standing::False => "False",
                    Standing::Unknown => "Unknown",
                };
                (fact.kind, standing, fact.reason, fact.message.clone())
            })
            .collect();
        status.conditions = merge(&before.conditions, wanted, false, generation, clock::now());
    }
    let Some(change) = patch::diff(&serde_json::to_value(&before)?, &serde_json::to_value(&status)?) else {
        return Ok(());
    };
    let body = json!({ "metadata": { "resourceVersion": account.resource_version() }, "status": change });
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let accounts = api::<WazzupAccount>(&context.client, &account.namespace().unwrap_or_default());
    within(accounts.patch_status(&account.name_any(), &params, &Patch::Merge(body))).await?;
    for type_ in ["Authenticated", "WebhooksSubscribed"] {
        let (was, is) = (
            condition(&before.conditions, type_),
            condition(&status.conditions, type_),
        );
        if let Some(is) = is
            && is.status == "False"
            && is.reason != "Subscribing"
            && was.is_none_or(|was| was.status != is.status || was.reason != is.reason)
        {
            context.announcer.say(account, true, &is.reason, &is.message).await;
        }
    }
    Ok(())
}
