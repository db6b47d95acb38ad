//! What a call leaves behind besides its answer.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    http::StatusCode,
    routing::{delete, get, patch, post},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    api::names,
    cluster::memory,
    controller::{
        Options,
        desk::{Changes, Snapshot},
        observe::observe,
        run, wish as wish_of,
    },
    leader::Fence,
    metrics::Metrics,
    model::ChannelId,
    plan::{self, Account, AccountTrouble, Look, Remote, RemoteById, Webhooks, plan},
    wazzup::{AllowedHosts, ApiUrl, install_tls},
};

/// A service whose list is made when it is asked for, and comes when the test lets it go.
#[derive(Default)]
struct Service {
    shown: Mutex<Vec<&'static str>>,
    asked: Notify,
    go: Notify,
}

impl Service {
    /// Serves it on a loopback port, with this answer to a deletion; returns its host.
    async fn start(self: &Arc<Self>, deletion: StatusCode) -> String {
        let service = self.clone();
        let list = move || {
            let service = service.clone();
            async move {
                let shown = service.shown.lock().unwrap().clone();
                let items = shown
                    .iter()
                    .map(|id| json!({"channel_id": id, "transport": "telegram"}));
                let list = json!({"data": items.collect::<Vec<_>>(), "meta": {"timestamp": 0}});
                service.asked.notify_one();
                service.go.notified().await;
                Json(list)
            }
        };
        let delete = delete(move || async move { (deletion, Json(json!({}))) });
        let router = Router::new()
            .route("/v2/channels", get(list))
            .route("/v2/channels/{id}", delete);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async { axum::serve(listener, router).await });
        host
    }
}

/// A context that may call this host, and whose API server never answers.
fn context(host: &str, stop: &CancellationToken) -> Context {
    context_of(Router::new().fallback(std::future::pending::<StatusCode>), host, stop)
}

/// The same, with this API server.
fn context_of(server: Router, host: &str, stop: &CancellationToken) -> Context {
    install_tls();
    let address = ([127, 0, 0, 1], 0).into();
    let options = Options {
        namespaces: Vec::new(),
        webhook_listen: address,
        webhook_url: None,
        metrics_listen: address,
        allowed_hosts: AllowedHosts::parse(&[host]).unwrap(),
        leader_elect: false,
        leader_namespace: "system".to_owned(),
        concurrency: 1,
        identity: "test".to_owned(),
    };
    let client = kube::Client::new(server, "system");
    run::build(client, options, Arc::new(Metrics::default()), Fence::open(), stop).unwrap()
}

/// The account's desk, with a client of that host.
fn desk_of(context: &Context, host: &str) -> (Arc<Desk>, Client) {
    let url = ApiUrl::parse(&format!("http://{host}"), &context.options.allowed_hosts).unwrap();
    let client = Client::new(context.http.clone(), url, Sensitive::new("token".to_owned()));
    let desk = context
        .desks
        .open(&("shop".to_owned(), "default".to_owned()), "account", 20);
    desk.set(|standing| standing.client = Some(client.clone()));
    (desk, client)
}

fn ids(snapshot: Option<Arc<Snapshot>>) -> Vec<String> {
    let snapshot = snapshot.unwrap();
    let listed = snapshot.result.as_ref().ok().unwrap();
    listed.channels.keys().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_list_that_began_before_a_deletion_shows_that_channel_no_more_unless_it_may_still_be_there() {
    let (others, all) = (["other"].as_slice(), ["other", "ours"].as_slice());
    for (deletion, left) in [
        (StatusCode::OK, others),
        (StatusCode::NOT_FOUND, others),
        (StatusCode::SERVICE_UNAVAILABLE, all),
    ] {
        let stop = CancellationToken::new();
        let service = Arc::new(Service::default());
        let host = service.start(deletion).await;
        let context = context(&host, &stop);
        let (desk, client) = desk_of(&context, &host);
        let object = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
            "metadata": {"name": "bot", "namespace": "shop"}, "spec": {"transport": "telegram"},
        });
        let object: WazzupChannel = serde_json::from_value(object).unwrap();
        let wish = wish_of(&object, false).unwrap();
        let call = Call::Delete {
            id: ChannelId::parse("ours").unwrap(),
            with_chats: false,
        };
        let told = Mutex::new(Changes::default());
        let look = || {
            desk.look(Some(clock::instant()), Lane::Person, |changes| {
                *told.lock().unwrap() = changes;
            })
        };

        *service.shown.lock().unwrap() = all.to_vec();
        service.go.notify_one();
        assert_eq!(ids(look().await), all);
        service.asked.notified().await;

        let during = async {
            service.asked.notified().await;
            let since = clock::instant();
            send(&context, &client, &desk, &object, &wish, &call, Payload::Nothing, since).await;
            assert_eq!(ids(desk.last()), left, "the last list, {deletion}");
            service.go.notify_one();
        };
        let (under_way, ()) = tokio::join!(look(), during);
        assert_eq!(ids(under_way), left, "a list that was under way, {deletion}");

        *service.shown.lock().unwrap() = others.to_vec();
        service.go.notify_one();
        assert_eq!(ids(look().await), others);
        let told = told.lock().unwrap();
        let gone: Vec<&str> = told.channels.iter().map(ChannelId::as_str).collect();
        assert_eq!(
            (gone, told.set),
            (vec!["ours"], true),
            "a later list tells it, {deletion}"
        );
        stop.cancel();
    }
}

#[tokio::test]
async fn a_list_that_was_under_way_when_the_token_changed_never_vouches_for_the_new_one() {
    let stop = CancellationToken::new();
    let service = Arc::new(Service::default());
    let host = service.start(StatusCode::OK).await;
    let context = context(&host, &stop);
    let (desk, _) = desk_of(&context, &host);
    let look = || desk.look(Some(clock::instant()), Lane::Person, |_| ());
    *service.shown.lock().unwrap() = vec!["theirs"];
    let changed = async {
        service.asked.notified().await;
        desk.forget_list();
        service.go.notify_one();
    };
    let (under_way, ()) = tokio::join!(look(), changed);
    assert!(under_way.is_none() && desk.last().is_none());
    service.go.notify_one();
    assert_eq!(ids(look().await), ["theirs"], "the next one is the new token's");
    stop.cancel();
}

/// An API server that takes so many writes, and knows the object no more after that.
fn forgetful(object: &WazzupChannel, known: usize) -> Router {
    let (object, writes) = (Arc::new(Mutex::new(object.clone())), Arc::new(AtomicUsize::new(0)));
    let write = move |Json(body): Json<serde_json::Value>| {
        let (object, before) = (object.clone(), writes.fetch_add(1, Ordering::Relaxed));
        async move {
            if before >= known {
                let gone = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404});
                return (StatusCode::NOT_FOUND, Json(gone));
            }
            let mut object = object.lock().unwrap();
            if let Some(intent) = body["metadata"]["annotations"][names::CREATE_INTENT].as_str() {
                let (name, intent) = (names::CREATE_INTENT.to_owned(), intent.to_owned());
                object.annotations_mut().insert(name, intent);
            }
            (StatusCode::OK, Json(serde_json::to_value(&*object).unwrap()))
        }
    };
    let objects = "/apis/wazzup24.com/v1alpha1/namespaces/shop/wazzupchannels/bot";
    let none = || async { (StatusCode::NOT_FOUND, Json(json!({"kind": "Status", "code": 404}))) };
    Router::new()
        .route(objects, patch(write.clone()))
        .route(&format!("{objects}/status"), patch(write))
        .fallback(none)
}

#[tokio::test]
async fn what_an_object_had_open_counts_no_more_once_it_is_gone() {
    let object = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
        "metadata": {"name": "bot", "namespace": "shop", "uid": "bot"}, "spec": {"transport": "whatsapp"},
    });
    let object: WazzupChannel = serde_json::from_value(object).unwrap();
    let refused = (StatusCode::BAD_REQUEST, json!({"code": "NO", "detail": "no"}));
    let item = json!({"channel_id": "made", "transport": "whatsapp", "status": "init"});
    let made = (StatusCode::CREATED, json!({"data": [item], "meta": {"timestamp": 0}}));
    for (status, body) in [refused, made] {
        let stop = CancellationToken::new();
        let answer = move || async move { (status, Json(body)) };
        let service = Router::new().route("/v2/channels", post(answer));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async { axum::serve(listener, service).await });
        let context = context_of(forgetful(&object, 2), &host, &stop);
        let (desk, _) = desk_of(&context, &host);
        let mut seen = observe(&context, &object, None).await.seen;
        seen.account = Account::Usable {
            webhooks: Webhooks::Ready,
        };
        seen.remote = Remote::Looked(Look {
            age: Duration::ZERO,
            mine: None,
            by_id: RemoteById::NotAsked,
            unclaimed: Vec::new(),
            claimed: Vec::new(),
            empty: true,
            complete: true,
            other_intents: Vec::new(),
        });
        let planned = plan(&seen);
        assert_eq!(planned.call, Some(Call::Create { alone: false }));
        let acted = act(&context, &object, &seen, planned, Some(&desk), &desk.standing()).await;
        assert!(matches!(acted, Err(PassError::Outdated)), "{status}: the pass is over");
        let open = context.claims.other_intents(object.spec.transport, "another", |_| true);
        assert!(
            open.is_empty(),
            "{status}: no other object of its transport waits for it"
        );
        assert!(
            !context.claims.is_claimed(&ChannelId::parse("made").unwrap()),
            "{status}"
        );
        stop.cancel();
    }
}

#[tokio::test]
async fn who_finds_a_channel_for_an_object_that_is_gone_leaves_it_to_who_searches() {
    let channel = |name: &str| -> WazzupChannel {
        let intent = plan::Intent {
            at: clock::now(),
            nonce: name.to_owned(),
            baseline: Vec::new(),
            baseline_cut: false,
        };
        let intent = memory::write_intent(&intent, name).unwrap();
        let object = json!({
            "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
            "metadata": {"name": name, "namespace": "shop", "uid": name, "annotations": {names::CREATE_INTENT: intent}},
            "spec": {"transport": "whatsapp"},
        });
        serde_json::from_value(object).unwrap()
    };
    let (gone, searches) = (channel("bot"), channel("other"));
    let stop = CancellationToken::new();
    let context = context_of(forgetful(&gone, 0), "localhost", &stop);
    let mut woken = context.channels.listen(None);
    context.claims.update(&gone);
    context.claims.update(&searches);
    let id = ChannelId::parse("found").unwrap();
    let written = write_note(&context, &gone, &Note::RecordId(id.clone()), true).await;
    assert!(matches!(written, Err(PassError::Cluster(error)) if error.is_not_found()));
    assert!(!context.claims.is_claimed(&id));
    let account = ("shop".to_owned(), "default".to_owned());
    assert_eq!(
        context.claims.unresolved(&account),
        [("shop".to_owned(), "other".to_owned())]
    );
    assert!(woken.try_recv().is_ok(), "the other one is woken");
    stop.cancel();
}

#[tokio::test]
async fn a_status_credits_the_generation_that_was_planned_for() {
    let object = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupChannel",
        "metadata": {"name": "bot", "namespace": "shop", "uid": "bot", "generation": 1}, "spec": {"transport": "whatsapp"},
    });
    let mut object: WazzupChannel = serde_json::from_value(object).unwrap();
    let stop = CancellationToken::new();
    let context = context_of(forgetful(&object, 0), "localhost", &stop);
    let mut seen = observe(&context, &object, None).await.seen;
    seen.account = Account::Trouble(AccountTrouble::NotFound, "there is none".to_owned());
    let planned = plan(&seen);
    // Edited before its status could be written.
    object.metadata.generation = Some(2);
    let said = plan::report(&seen, &planned);
    let status = status::status(
        &object,
        &object.status.clone().unwrap_or_default(),
        &seen,
        &planned,
        &said,
    );
    assert_eq!(status.observed_generation, Some(1));
    stop.cancel();
}
