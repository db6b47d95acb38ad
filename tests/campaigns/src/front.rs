//! What a Service is to the replicas: one address whose requests go to one after the other, or to a chosen one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
};
use tokio::net::TcpListener;

/// One address for all replicas; who does not accept connections is passed over, as one that is not ready would be.
#[derive(Clone)]
pub struct Front {
    url: String,
    shared: Arc<Shared>,
    listening: tokio::task::AbortHandle,
}

struct Shared {
    replicas: Vec<String>,
    only: Mutex<Option<usize>>,
    shut: Mutex<BTreeSet<usize>>,
    turn: AtomicUsize,
    http: reqwest::Client,
}

impl Front {
    /// Serves until it is closed.
    pub async fn before(replicas: Vec<String>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A kept connection may belong to a process that has ended since.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let shared = Arc::new(Shared {
            replicas,
            only: Mutex::default(),
            shut: Mutex::default(),
            turn: AtomicUsize::default(),
            http: http.build().unwrap(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = shared.clone();
        let router = Router::new().fallback(move |request| hand_on(served.clone(), request));
        let listening = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { url, shared, listening }
    }

    /// Nobody is let in any more.
    pub fn close(&self) {
        self.listening.abort();
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether a replica is no endpoint: one that is not ready yet, or that was asked to end.
    pub fn shut(&self, replica: usize, shut: bool) {
        let mut all = self.shared.shut.lock().unwrap();
        if shut {
            all.insert(replica);
        } else {
            all.remove(&replica);
        }
    }

    /// Sends everything to this replica from now on; `None`: to one after the other.
    pub fn only(&self, replica: Option<usize>) {
        *self.shared.only.lock().unwrap() = replica;
    }
}

async fn hand_on(shared: Arc<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 4 << 20).await.unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let (all, only) = (shared.replicas.len(), *shared.only.lock().unwrap());
    let turn = shared.turn.fetch_add(1, Ordering::Relaxed);
    let shut = shared.shut.lock().unwrap().clone();
    let open = (0..all)
        .map(|next| (turn + next) % all)
        .filter(|replica| !shut.contains(replica));
    let order: Vec<usize> = only.map_or_else(|| open.collect(), |one| vec![one]);
    for replica in order {
        let asked = shared
            .http
            .request(parts.method.clone(), format!("{}{path}", shared.replicas[replica]))
            .headers(parts.headers.clone())
            .body(body.clone());
        match asked.send().await {
            Ok(answer) => return status(answer.status()),
            Err(error) if error.is_connect() => {}
            Err(_) => break,
        }
    }
    status(StatusCode::BAD_GATEWAY)
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
