//! What one replica is started with.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use crate::{Front, clock::Clock, port::Port};

/// A replica's place, which outlives its processes.
pub(crate) struct Seat {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) webhook_port: Port,
    pub(crate) metrics_port: Port,
    pub(crate) log: PathBuf,
    /// The clock that it runs by; none for the machine's.
    pub(crate) clock: Option<Clock>,
    /// Whether it is left as it is when it has ended.
    pub(crate) retired: AtomicBool,
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
