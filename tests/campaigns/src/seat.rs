//! What one replica is started with.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use crate::{Front, clock::Clock};

/// A replica's place, which outlives its processes.
pub(crate) struct Seat {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) webhook_port: u16,
    pub(crate) metrics_port: u16,
    pub(crate) log: PathBuf,
    /// The clock that it runs by; none for the machine's.
    pub(crate) clock: Option<Clock>,
    /// Whether it is left as it is when it has ended.
    pub(crate) retired: AtomicBool,
}

/// A free port below those that the system gives to outgoing connections: one of them could take it while the operator
/// is down between two starts.
pub fn free_port() -> u16 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    loop {
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = 10_000 + u16::try_from(first.wrapping_add(next) % 20_000).unwrap_or(0);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Several replicas are reached at one address, a single one at its own.
pub(crate) async fn front_of(seats: &[Seat]) -> Option<Front> {
    if seats.len() < 2 {
        return None;
    }
    let urls = seats
        .iter()
        .map(|seat| format!("http://127.0.0.1:{}", seat.webhook_port));
    Some(Front::before(urls.collect()).await)
}

/// A kubeconfig that leads to a proxy, which knows the token.
pub(crate) fn kubeconfig_text(url: &str, namespace: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: proxy\nclusters: [{{name: proxy, cluster: {{server: \"{url}\"}}}}]\n\
         contexts: [{{name: proxy, context: {{cluster: proxy, user: proxy, namespace: {namespace}}}}}]\nusers: [{{name: proxy, user: {{}}}}]\n"
    )
}
