//! Two proxies between the operator and its two worlds. Each write that passes has a number; at a chosen one the operator's
//! process is killed, before the message arrives or after it took effect.
//!
//! The operator is the program as it is built: it only gets another kubeconfig and another API address.

#![allow(unreachable_pub, reason = "a module of each test program")]
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    path::{Path, PathBuf},
    process::Child,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use tokio::net::TcpListener;

/// When the operator is killed, relative to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It never arrives.
    Before,
    /// It took effect, and its answer never comes.
    After,
}

/// At which write, counted from 1, and when.
#[derive(Debug, Clone, Copy)]
pub struct KillAt {
    pub write: usize,
    pub moment: Moment,
}

#[derive(Default)]
struct Ledger {
    armed: bool,
    kill_at: Option<KillAt>,
    /// The writes since it was armed, in order: method and path.
    writes: Vec<String>,
    killed: bool,
    operator: Option<Child>,
}

/// What both proxies share: the count of writes and the process.
#[derive(Clone, Default)]
pub struct Trap(Arc<Mutex<Ledger>>);

impl Trap {
    fn with<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// Counts from now on, and kills where it was told.
    pub fn arm(&self, kill_at: Option<KillAt>) {
        self.with(|ledger| {
            ledger.armed = true;
            ledger.kill_at = kill_at;
        });
    }

    /// Whether the chosen message came, and the operator died of it.
    pub fn sprung(&self) -> bool {
        self.with(|ledger| ledger.killed)
    }

    /// The writes that were counted.
    pub fn writes(&self) -> Vec<String> {
        self.with(|ledger| ledger.writes.clone())
    }

    /// The process that is to be killed; one that was there before is killed now.
    pub fn hold(&self, operator: Child) {
        self.kill();
        self.with(|ledger| ledger.operator = Some(operator));
    }

    /// Whether a process is there and has not ended.
    pub fn alive(&self) -> bool {
        self.with(|ledger| {
            let operator = ledger.operator.as_mut();
            operator.is_some_and(|operator| matches!(operator.try_wait(), Ok(None)))
        })
    }

    /// Kills the operator as a machine's failure would.
    pub fn kill(&self) {
        let operator = self.with(|ledger| ledger.operator.take());
        if let Some(mut operator) = operator {
            let _ = operator.kill();
            let _ = operator.wait();
        }
    }

    /// Counts a write; says whether the operator must die around it.
    fn count(&self, what: String) -> Option<Moment> {
        self.with(|ledger| {
            if !ledger.armed || ledger.killed {
                return None;
            }
            ledger.writes.push(what);
            let here = ledger.kill_at.filter(|kill_at| kill_at.write == ledger.writes.len())?;
            ledger.killed = true;
            Some(here.moment)
        })
    }
}

/// Writes that matter: what only tells people, and the lease, are no steps of a flow.
fn counts(method: &Method, path: &str) -> bool {
    let write = !matches!(*method, Method::GET | Method::HEAD);
    write && !path.contains("/events") && !path.contains("/leases")
}

#[derive(Clone)]
enum Behind {
    Kubernetes(kube::Client),
    Wazzup(reqwest::Client, String),
}

#[derive(Clone)]
struct Proxy {
    trap: Trap,
    behind: Behind,
}

/// Starts the proxy to Kubernetes; returns its address.
pub async fn before_kubernetes(client: kube::Client, trap: Trap) -> String {
    serve(Proxy {
        trap,
        behind: Behind::Kubernetes(client),
    })
    .await
}

/// Starts the proxy to Wazzup; returns its address.
pub async fn before_wazzup(url: String, trap: Trap) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    serve(Proxy {
        trap,
        behind: Behind::Wazzup(http, url),
    })
    .await
}

async fn serve(proxy: Proxy) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(pass).with_state(proxy);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let moment = if counts(&parts.method, &path) {
        proxy.trap.count(format!("{} {}", parts.method, parts.uri.path()))
    } else {
        None
    };
    if moment == Some(Moment::Before) {
        proxy.trap.kill();
        return dead();
    }
    let body = to_bytes(body, 32 << 20).await.unwrap_or_default();
    let answer = match &proxy.behind {
        Behind::Kubernetes(client) => to_kubernetes(client, &parts.method, &path, &parts.headers, body.to_vec()).await,
        Behind::Wazzup(http, url) => {
            to_wazzup(http, url, parts.method.clone(), &path, &parts.headers, body.to_vec()).await
        }
    };
    if moment == Some(Moment::After) {
        proxy.trap.kill();
        return dead();
    }
    answer.unwrap_or_else(dead)
}

/// Nobody is there any more to read this.
fn dead() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

async fn to_kubernetes(
    client: &kube::Client,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Vec<u8>,
) -> Option<Response> {
    let mut request = axum::http::Request::builder()
        .method(method)
        .uri(path.parse::<Uri>().ok()?);
    for name in [header::CONTENT_TYPE, header::ACCEPT] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let request = request.body(kube::client::Body::from(body)).ok()?;
    let (parts, body) = client.send(request).await.ok()?.into_parts();
    Some(Response::from_parts(parts, Body::new(body)))
}

async fn to_wazzup(
    http: &reqwest::Client,
    url: &str,
    method: Method,
    path: &str,
    headers: &HeaderMap,
    body: Vec<u8>,
) -> Option<Response> {
    let mut request = http.request(method, format!("{url}{path}")).body(body);
    for name in [header::CONTENT_TYPE, header::ACCEPT, header::AUTHORIZATION] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.ok()?;
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(header::CONTENT_TYPE) {
        response = response.header(header::CONTENT_TYPE, kind);
    }
    response.body(Body::from(answer.bytes().await.ok()?)).ok()
}

/// A kubeconfig that leads to the proxy; the proxy knows the token.
pub fn kubeconfig(folder: &Path, namespace: &str, proxy: &str) -> PathBuf {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: proxy\nclusters: [{{name: proxy, cluster: {{server: \"{proxy}\"}}}}]\n\
         contexts: [{{name: proxy, context: {{cluster: proxy, user: proxy, namespace: {namespace}}}}}]\nusers: [{{name: proxy, user: {{}}}}]\n"
    );
    let path = folder.join(format!("kubeconfig-proxy-{namespace}"));
    std::fs::write(&path, text).unwrap();
    path
}
