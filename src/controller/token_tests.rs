//! How often a Secret that does not exist is looked for.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    controller::{Options, account::keys, run},
    leader::Fence,
    metrics::Metrics,
    wazzup::{AllowedHosts, install_tls},
};

/// A context whose API server knows no Secret of that name, counts who looks for it, and answers nothing else.
fn context(looks: &Arc<AtomicUsize>, stop: &CancellationToken) -> Context {
    install_tls();
    let looks = looks.clone();
    let none = move || async move {
        looks.fetch_add(1, Ordering::Relaxed);
        let status = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404});
        (StatusCode::NOT_FOUND, Json(status))
    };
    let server = Router::new()
        .route("/api/v1/namespaces/shop/secrets/{name}", get(none))
        .fallback(std::future::pending::<StatusCode>);
    let address = ([127, 0, 0, 1], 0).into();
    let options = Options {
        namespaces: Vec::new(),
        webhook_listen: address,
        webhook_url: None,
        metrics_listen: address,
        allowed_hosts: AllowedHosts::parse(&["localhost"]).unwrap(),
        leader_elect: false,
        leader_namespace: "system".to_owned(),
        concurrency: 1,
        identity: "test".to_owned(),
    };
    let client = kube::Client::new(server, "system");
    run::build(client, options, Arc::new(Metrics::default()), Fence::open(), stop).unwrap()
}

fn account(going: bool) -> WazzupAccount {
    let mut account: WazzupAccount = serde_json::from_value(json!({
        "apiVersion": "wazzup24.com/v1alpha1",
        "kind": "WazzupAccount",
        "metadata": {"name": "default", "namespace": "shop"},
        "spec": {"auth": {"clientToken": {"secretRef": {"name": "token", "key": "token"}}}},
    }))
    .unwrap();
    if going {
        account.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(clock::now()));
    }
    account
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_looked_for_once_a_second_and_at_once_by_an_account_that_goes() {
    let (looks, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let context = context(&looks, &stop);
    let desk = context
        .desks
        .open(&("shop".to_owned(), "default".to_owned()), "account", 20);
    let (stays, goes, keys) = (account(false), account(true), AccountKeys::random());
    let purse = |account| Purse {
        context: &context,
        account,
        desk: &desk,
        keys: &keys,
    };
    let mut recall = Recall::default();

    let first = purse(&stays).token(&mut recall).await.unwrap();
    assert!(matches!(first.token, Token::Missing(_)));
    assert_eq!((looks.load(Ordering::Relaxed), first.again), (1, None));

    let second = purse(&stays).token(&mut recall).await.unwrap();
    assert_eq!(second.token, first.token);
    assert_eq!(looks.load(Ordering::Relaxed), 1);
    assert!(
        second.again.is_some_and(|again| again <= AGAIN),
        "what it may have missed is looked at soon"
    );

    purse(&goes).token(&mut recall).await.unwrap();
    assert_eq!(looks.load(Ordering::Relaxed), 2, "it goes for good");

    let (_, place, lack) = recall.missed.clone().unwrap();
    let before = clock::instant().checked_sub(AGAIN + Duration::from_millis(1)).unwrap();
    recall.missed = Some((before, place, lack));
    purse(&stays).token(&mut recall).await.unwrap();
    assert_eq!(looks.load(Ordering::Relaxed), 3);
    stop.cancel();
}

#[tokio::test]
async fn a_going_account_whose_own_secret_is_gone_keeps_one_set_of_keys() {
    let (looks, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let context = context(&looks, &stop);
    let goes = account(true);
    let mut recall = Recall::default();
    let first = keys(&context, &goes, &mut recall).await.unwrap();
    let second = keys(&context, &goes, &mut recall).await.unwrap();
    assert_eq!(
        first.hash(&[]),
        second.hash(&[]),
        "or its token would be another one in each pass"
    );
    let mut kept = recall.kept.take().unwrap();
    kept.grant.version = Some("1".to_owned());
    recall.kept = Some(kept);
    let third = keys(&context, &goes, &mut recall).await.unwrap();
    assert_eq!(third.hash(&[]), first.hash(&[]));
    let version = recall.kept.unwrap().grant.version;
    assert_eq!(version, None, "nothing can be written into what is gone");
    stop.cancel();
}
