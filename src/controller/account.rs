//! One pass over an account: its token, its list, its subscription.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use kube::ResourceExt;
use kube_runtime::controller::Action;

use super::{
    account_status,
    act::PassError,
    caches::{Key, key_of},
    channel::wake_changed,
    context::Context,
    desk::{Changes, Desk, Snapshot},
    interval::{interval, next_list},
    recall::{Recall, Recalls},
};
use crate::{
    api::{WazzupAccount, WebhooksMode, condition, names},
    clock,
    cluster::{
        notes,
        secrets::{self, AccountKeys},
    },
    model::{Fault, Sensitive},
    plan::{
        Webhooks,
        account::{
            self, AccountCall, AccountPlan, AccountSeen, AccountWish, Listing, Row, Rows, Token, WebhookMode,
            needs_rows,
        },
    },
    wazzup::{ApiUrl, Client, Lane, NewWebhook},
};

/// How often the subscription is verified.
const VERIFY: Duration = Duration::from_secs(3_600);

/// Runs a pass; a panic in it is an error of this pass alone.
pub(super) async fn reconcile(
    account: Arc<WazzupAccount>,
    context: Arc<Context>,
    recalls: Arc<Recalls>,
) -> Result<Action, PassError> {
    let key = key_of(&*account);
    let recall = recalls.of(&key);
    let mut recall = recall.lock().await;
    let caught = std::panic::AssertUnwindSafe(pass(&account, &key, &context, &mut recall))
        .catch_unwind()
        .await;
    let result = caught.unwrap_or_else(|_| Err(PassError::Internal("the pass panicked".to_owned())));
    context.metrics.pass("account", result.is_err());
    result
}

/// When a pass that failed is tried again.
pub(super) fn after_error(account: &WazzupAccount, error: &PassError) -> Action {
    let (namespace, name) = key_of(account);
    tracing::debug!(namespace, account = name, %error, "a pass over an account ended early");
    match error {
        PassError::Cluster(error) if error.is_conflict() => Action::requeue(Duration::from_millis(50)),
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
        return Ok(Action::await_change());
    }
    let rate = u32::try_from(account.spec.rate_limit.requests_per_second)
        .unwrap_or(1)
        .clamp(1, 1_000);
    let desk = context.desks.open(key, rate);
    let keys = keys(context, account, deleting).await?;
    let token = token(context, account, &desk, &keys, recall).await;
    let snapshot = if token == Token::Present {
        list(context, account, key, &desk, recall).await
    } else {
        None
    };
    let seen = observe(
        context,
        account,
        key,
        &desk,
        &keys,
        token,
        snapshot.as_deref(),
        recall,
        finalizer,
    )
    .await;
    let plan = account::plan(&seen);
    inform(context, key, &desk, &plan, account.spec.suspend);
    let mut object = account.clone();
    if plan.finalizer == Some(true) {
        object = notes::set_finalizer(&context.client, &object, names::ACCOUNT_FINALIZER, true).await?;
    }
    if let Some(call) = &plan.call {
        carry_out(context, &desk, &seen, call, recall).await?;
    }
    if plan.finalizer == Some(false) {
        notes::set_finalizer(&context.client, &object, names::ACCOUNT_FINALIZER, false).await?;
        context.desks.close(key);
        return Ok(Action::await_change());
    }
    account_status::say(context, &object, &plan, snapshot.as_deref()).await?;
    let regular = next_list(account, &desk);
    Ok(Action::requeue(plan.again.map_or(regular, |again| again.min(regular))))
}

/// The account's keys. Nothing is made for an account that goes: its namespace may be going too.
async fn keys(context: &Context, account: &WazzupAccount, deleting: bool) -> Result<AccountKeys, PassError> {
    if !deleting {
        return Ok(secrets::ensure_account_keys(&context.client, account).await?);
    }
    let (namespace, name) = key_of(account);
    let kept = secrets::read_account_keys(&context.client, &namespace, &name).await?;
    Ok(kept.unwrap_or_else(AccountKeys::random))
}

/// Gets the token; a changed one makes a new client, since what the old one saw may be another customer's.
async fn token(
    context: &Context,
    account: &WazzupAccount,
    desk: &Desk,
    keys: &AccountKeys,
    recall: &mut Recall,
) -> Token {
    let Some(client_token) = &account.spec.auth.client_token else {
        return Token::Invalid(
            "this version of the operator supports spec.auth.clientToken alone: use it with a client_access_token"
                .to_owned(),
        );
    };
    let namespace = account.namespace().unwrap_or_default();
    let (name, entry) = (&client_token.secret_ref.name, &client_token.secret_ref.key);
    let values = match secrets::read(&context.client, &namespace, name).await {
        Ok(Some(values)) => values,
        // A namespace that goes takes the Secret first; the token that is still in memory lets the channels go as well.
        Ok(None) if account.metadata.deletion_timestamp.is_some() && desk.standing().client.is_some() => {
            return Token::Present;
        }
        Ok(None) => {
            return Token::Missing(format!(
                "Secret {name} does not exist: kubectl -n {namespace} create secret generic {name} --from-literal={entry}=TOKEN"
            ));
        }
        Err(error) => return Token::Hidden(error.to_string()),
    };
    let Some(token) = values.get(entry).filter(|token| !token.reveal().is_empty()) else {
        return Token::Missing(format!(
            "Secret {name} has no key {entry}, or an empty one: store the client_access_token there"
        ));
    };
    let base = match ApiUrl::parse(&account.spec.api_url, &context.options.allowed_hosts) {
        Ok(base) => base,
        Err(error) => return Token::Invalid(format!("spec.apiUrl: {error}")),
    };
    let used = (account.spec.api_url.clone(), keys.hash(&[("token", token)]));
    if recall.token.as_ref() != Some(&used) || desk.standing().client.is_none() {
        let client = Client::new(context.http.clone(), base, token.clone());
        desk.forget_list();
        desk.set(|standing| {
            standing.client = Some(client);
            standing.keys = Some(keys.clone());
        });
        recall.token = Some(used);
        recall.verified = None;
    }
    Token::Present
}

/// The regular list, or a sooner one after an event that another replica received.
async fn list(
    context: &Context,
    account: &WazzupAccount,
    key: &Key,
    desk: &Desk,
    recall: &mut Recall,
) -> Option<Arc<Snapshot>> {
    let event_at = account.annotations().get(names::EVENT_AT).cloned();
    let poked = event_at.is_some() && event_at != recall.event_at;
    recall.event_at = event_at;
    let interval = interval(account);
    let now = clock::instant();
    let not_before = if poked {
        Some(now)
    } else {
        now.checked_sub(interval.mul_f64(0.9))
    };
    let lane = if poked { Lane::Webhook } else { Lane::Refresh };
    desk.look(not_before, lane, |changes: Changes| {
        wake_changed(context, key, &changes, None);
    })
    .await
}

#[allow(clippy::too_many_arguments, reason = "each is a part of what is seen")]
async fn observe(
    context: &Context,
    account: &WazzupAccount,
    key: &Key,
    desk: &Desk,
    keys: &AccountKeys,
    token: Token,
    snapshot: Option<&Snapshot>,
    recall: &mut Recall,
    finalizer: bool,
) -> AccountSeen {
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
    let verified = recall.verified.is_some_and(|at| at.elapsed() < VERIFY) && subscribed && !deleting;
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
        finalizer,
        wish: mode.map(|mode| AccountWish {
            mode,
            suspend: account.spec.suspend,
        }),
        token,
        listing,
        url: url_prefix
            .as_ref()
            .map(|prefix| Sensitive::new(format!("{prefix}{}", keys.webhook_token.reveal()))),
        url_prefix,
        rows,
        known_rows,
        dependents,
    }
}

async fn rows(desk: &Desk) -> Rows {
    let Some(client) = desk.standing().client else {
        return Rows::NotAsked;
    };
    desk.gate.pass(Lane::Refresh).await;
    let since = clock::instant();
    let result = client.list_webhooks().await;
    desk.note("list_webhooks", &result, since);
    match result {
        Ok(rows) => Rows::Listed(
            rows.into_iter()
                .map(|row| Row {
                    id: row.id,
                    event: row.event,
                    url: row.url,
                })
                .collect(),
        ),
        Err(fault) => Rows::Failed(fault),
    }
}

/// Tells the channels what they may do, and wakes them when that changed.
fn inform(context: &Context, key: &Key, desk: &Desk, plan: &AccountPlan, suspend: bool) {
    let before = desk.standing();
    desk.set(|standing| {
        standing.trouble.clone_from(&plan.trouble);
        standing.suspend = suspend;
        if plan.webhooks.is_some() {
            standing.webhooks = plan.webhooks;
        } else if standing.webhooks.is_none() {
            standing.webhooks = Some(Webhooks::Pending);
        }
    });
    let after = desk.standing();
    if before.trouble != after.trouble || before.webhooks != after.webhooks || before.suspend != suspend {
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
    desk.gate
        .pass_within(Lane::Refresh, Duration::from_secs(10))
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
            ("create_webhooks", client.create_webhooks(&rows).await)
        }
        (AccountCall::Subscribe(_), None) => return Ok(()),
        (AccountCall::Unsubscribe(ids), _) => ("delete_webhooks", client.delete_webhooks(ids).await),
    };
    desk.note(operation, &result, since);
    result.map_err(PassError::HeldBack)
}
