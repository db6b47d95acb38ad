//! What a pass over an account sees; nothing is written.

use std::{collections::BTreeSet, time::Duration};

use kube::ResourceExt;

use super::{
    caches::{Key, key_of},
    desk::{Desk, Listed, Snapshot},
    recall::Recall,
    slots::aside,
    token::Purse,
};
use crate::{
    api::{WebhooksMode, condition, names},
    clock,
    model::{ChannelId, RemoteAccountId, Sensitive},
    plan::{
        account::{AccountSeen, AccountWish, Listing, Row, Rows, Token, Tried, WebhookMode, needs_rows},
        identity::IdentitySeen,
    },
    wazzup::Lane,
};

/// How often the subscription is verified.
const VERIFY: Duration = Duration::from_secs(3_600);
/// How long the event of a change that a list has shown may take; the subscription is then verified.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at everything that a plan for this account may need; the token and the list were got before.
pub(super) async fn observe(
    purse: &Purse<'_>,
    key: &Key,
    token: Token,
    snapshot: Option<&Snapshot>,
    recall: &mut Recall,
) -> AccountSeen {
    let Purse {
        context,
        account,
        desk,
        keys,
    } = purse;
    let deleting = account.metadata.deletion_timestamp.is_some();
    let mode = match account.spec.webhooks.mode {
        WebhooksMode::Managed => Ok(WebhookMode::Managed),
        WebhooksMode::External => Ok(WebhookMode::External),
        WebhooksMode::Disabled => Ok(WebhookMode::Disabled),
        WebhooksMode::Unknown => {
            Err("spec.webhooks.mode has a value that this version of the operator does not know".to_owned())
        }
    };
    let known_rows = account
        .status
        .as_ref()
        .map(|status| status.webhook_ids.clone())
        .unwrap_or_default();
    let url_prefix = context.options.webhook_url.as_ref().map(|base| {
        format!(
            "{}/webhooks/{}/",
            base.trim_end_matches('/'),
            names::account_key(&key.0, &key.1)
        )
    });
    let listing = match snapshot.map(|snapshot| (&snapshot.result, snapshot.failures)) {
        None => Listing::NotAsked,
        Some((Err(fault), in_a_row)) => Listing::Failed {
            fault: fault.clone(),
            in_a_row,
        },
        Some((Ok(listed), _)) => Listing::Listed {
            unreadable: listed.unreadable,
        },
    };
    let subscribed = account
        .status
        .as_ref()
        .and_then(|status| condition(&status.conditions, "WebhooksSubscribed"))
        .is_some_and(|condition| condition.reason == "Subscribed" && condition.status == "True");
    // What was said of an earlier spec has to be said anew, whatever the edit was.
    let observed = account.status.as_ref().and_then(|status| status.observed_generation);
    let said = observed == account.metadata.generation;
    let verified = said
        && recall.verified.is_some_and(|at| at.elapsed() < VERIFY)
        && subscribed
        && !deleting
        && !desk.doubts(PATIENCE);
    let wanted = mode
        .as_ref()
        .is_ok_and(|mode| needs_rows(deleting, *mode, url_prefix.is_some(), known_rows.len()));
    let healthy = matches!(listing, Listing::Listed { .. });
    let rows = if wanted && !verified && (healthy || deleting) {
        rows(desk).await
    } else {
        Rows::NotAsked
    };
    recall.verified = match &rows {
        Rows::Listed(_) => Some(clock::instant()),
        Rows::NotAsked => recall.verified,
        Rows::Failed(_) => None,
    };
    let dependents = if deleting {
        let channels = context.caches.channels_of(key);
        channels
            .iter()
            .map(|channel| key_of(&**channel))
            .map(|(namespace, name)| format!("{namespace}/{name}"))
            .collect()
    } else {
        Vec::new()
    };
    AccountSeen {
        deleting,
        finalizer: account.finalizers().iter().any(|one| one == names::ACCOUNT_FINALIZER),
        wish: mode.map(|mode| AccountWish {
            mode,
            suspend: account.spec.suspend,
        }),
        token,
        identity: snapshot
            .and_then(|snapshot| snapshot.result.as_ref().ok())
            .map(|listed| identity(purse, key, listed, recall)),
        vetted: desk.standing().vetted,
        remedies: purse.remedies(),
        listing,
        url: url_prefix
            .as_ref()
            .map(|prefix| Sensitive::new(format!("{prefix}{}", keys.webhook_token.reveal()))),
        url_prefix,
        rows,
        known_rows,
        tried: recall.tried.as_ref().map(|(at, tried)| Tried {
            ago: at.elapsed(),
            ..tried.clone()
        }),
        dependents,
    }
}

async fn rows(desk: &Desk) -> Rows {
    let Some(client) = desk.standing().client else {
        return Rows::NotAsked;
    };
    desk.pass(Lane::Refresh).await;
    let since = clock::instant();
    let result = aside(client.list_webhooks()).await;
    desk.note("list_webhooks", &result, since);
    match result {
        Ok(rows) => Rows::Listed(
            rows.into_iter()
                .map(|row| Row::listed(row.id, &row.event, row.url))
                .collect(),
        ),
        Err(fault) => Rows::Failed(fault),
    }
}

/// Whose account a list is: what its object is known to have held, and what the list shows of that.
fn identity(purse: &Purse<'_>, key: &Key, listed: &Listed, recall: &Recall) -> IdentitySeen {
    let status = purse.account.status.clone().unwrap_or_default();
    let channels = purse.context.caches.channels_of(key);
    let held = channels.iter().filter_map(|channel| {
        let status = channel.status.as_ref();
        let lost = status.is_some_and(|status| status.attempts.as_ref().is_some_and(|attempts| attempts.loss_believed));
        let noted = channel.annotations().get(names::CHANNEL_ID).cloned();
        status
            .and_then(|status| status.channel_id.clone())
            .or(noted)
            .filter(|_| !lost)
    });
    let unmanaged = status.unmanaged_channels.iter().map(|channel| channel.id.clone());
    let mut known: BTreeSet<ChannelId> = held
        .chain(unmanaged)
        .filter_map(|id| ChannelId::parse(&id).ok())
        .collect();
    let searching = purse.context.claims.searching(key);
    let open = searching.len();
    known.extend(searching.into_iter().flatten());
    let auth = &purse.account.spec.auth;
    let named = auth.white_label.as_ref().map(|white_label| &white_label.account_id);
    IdentitySeen {
        object: key.clone(),
        pinned: status.remote_account_id.and_then(|id| RemoteAccountId::parse(&id).ok()),
        pinned_before: status.token_hash.is_some(),
        last_token: status.token_hash.filter(|hash| purse.keys.made(hash)),
        named: named.and_then(|id| RemoteAccountId::parse(id).ok()),
        claimed: recall.owner.clone(),
        token: recall
            .source
            .as_ref()
            .map(|source| source.stem.clone())
            .unwrap_or_default(),
        listed: known.iter().filter(|id| listed.channels.contains_key(id)).count(),
        known: known.len(),
        open,
        complete: listed.unreadable == 0,
        confirm: purse.account.annotations().get(names::CONFIRM_ACCOUNT).cloned(),
    }
}
