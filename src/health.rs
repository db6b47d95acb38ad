//! `/metrics`, `/healthz`, `/readyz`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    connections::{self, Bounds},
    metrics::Metrics,
};

/// The kubelet asks here, so strangers must not be able to hold all places: none keeps one for long.
const BOUNDS: Bounds = Bounds {
    most: 128,
    head: Duration::from_secs(5),
    life: Duration::from_secs(60),
    grace: Duration::from_secs(5),
};

/// Ready means that events are received and take effect; leadership has nothing to do with it.
#[derive(Clone, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    /// The caches are filled and the receiver listens.
    pub fn ready(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, health: Health, stop: CancellationToken) {
    serve_within(listener, metrics, health, BOUNDS, stop).await;
}

async fn serve_within(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    health: Health,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let router = Router::new()
        .route("/metrics", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state((metrics, health));
    connections::run(listener, router, bounds, stop.cancelled_owned()).await;
}

async fn page(State((metrics, _)): State<(Arc<Metrics>, Health)>) -> impl IntoResponse {
    (
        [(
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        metrics.render(),
    )
}

async fn ready(State((_, health)): State<(Arc<Metrics>, Health)>) -> impl IntoResponse {
    if health.0.load(Ordering::Acquire) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the caches are being filled\n")
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    async fn open(bounds: Bounds) -> (std::net::SocketAddr, Health) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, health) = (listener.local_addr().unwrap(), Health::default());
        let stop = CancellationToken::new();
        tokio::spawn(serve_within(listener, Arc::default(), health.clone(), bounds, stop));
        (address, health)
    }

    async fn ask(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        // Who is shown out reads nothing, or that the connection was reset.
        if stream.write_all(request.as_bytes()).await.is_ok() {
            let _ = stream.read_to_string(&mut answer).await;
        }
        answer
    }

    /// A busy machine may cut off an honest one too, who asks again.
    async fn served(address: std::net::SocketAddr) {
        let asking = async {
            while !ask(address, "/healthz").await.contains(" 200 ") {
                tokio::task::yield_now().await;
            }
        };
        let served = tokio::time::timeout(Duration::from_secs(20), asking).await;
        assert!(served.is_ok(), "nobody else is served");
    }

    #[tokio::test]
    async fn ready_is_told_once_it_is_so() {
        let (address, health) = open(BOUNDS).await;
        assert!(ask(address, "/healthz").await.contains(" 200 "));
        assert!(ask(address, "/readyz").await.contains(" 503 "));
        health.ready();
        assert!(ask(address, "/readyz").await.contains(" 200 "));
        assert!(ask(address, "/metrics").await.contains("# EOF"));
        assert!(ask(address, "/else").await.contains(" 404 "));
    }

    #[tokio::test]
    async fn who_says_nothing_and_who_reads_nothing_is_shown_out_and_others_are_served() {
        let bounds = Bounds {
            most: 2,
            head: Duration::from_millis(200),
            life: Duration::from_millis(600),
            grace: Duration::from_millis(200),
        };
        let (address, _) = open(bounds).await;
        let _idle = TcpStream::connect(address).await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /metrics HTTP/1.1\r\nhost").await.unwrap();
        served(address).await;
        // Questions without end whose answers nobody takes: they fill every buffer on the way.
        let deaf = || async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let question = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
            tokio::spawn(async move { while stream.write_all(&question).await.is_ok() {} });
        };
        deaf().await;
        deaf().await;
        served(address).await;
    }
}
