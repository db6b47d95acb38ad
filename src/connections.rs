//! Connections of the two listeners: a bounded number, none idle or stuck for long, all ended well on shutdown.
//!
//! `axum::serve` sets no deadline for request heads and no bound on connections, and these doors stand open to others.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};

/// How long to wait when the machine is out of sockets.
const BREATH: Duration = Duration::from_millis(100);

/// What a listener bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Connections, beyond which new ones wait.
    pub most: usize,
    /// How long a request's head may take, and how long a connection may be idle.
    pub head: Duration,
    /// How long a connection may live: a peer that never reads its answers would otherwise hold a place for ever.
    pub life: Duration,
    /// How long what is in flight may take to end after that, or on shutdown.
    pub grace: Duration,
}

/// Serves until `shutdown` ends; then no connection is taken, and those in flight are waited for.
pub async fn run(listener: TcpListener, router: Router, bounds: Bounds, shutdown: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(bounds.most));
    let (stop, stopped) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = next => accepted,
        };
        let (Ok(place), Ok((stream, _))) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let (router, stopped) = (router.clone(), stopped.clone());
        tokio::spawn(async move {
            connection(stream, router, bounds, stopped).await;
            drop(place);
        });
    }
    drop(listener);
    drop(stopped);
    // Every connection holds a receiver; the channel is closed when the last has ended.
    let _ = stop.send(());
    stop.closed().await;
}

async fn connection(stream: TcpStream, router: Router, bounds: Bounds, mut stopped: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(64 << 10);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // How a connection ends is its peer's affair; hyper's errors could quote what was sent.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
        () = tokio::time::sleep(bounds.life) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(bounds.grace, connection).await;
}
