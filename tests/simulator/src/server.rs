//! The world on a loopback port.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    faults::{Effect, Fault, strike},
    journal::{Entry, Journal, Sent},
    sender::Sender,
    world::{Answer, Dialect, Millis, Request, Timings, World},
};

/// How often the world ticks.
const TICK: Duration = Duration::from_millis(20);

/// How the service starts.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How answers look.
    pub dialect: Dialect,
    /// How long things take.
    pub timings: Timings,
    /// Where to listen; a loopback address, port 0 for a free one.
    pub listen: SocketAddr,
    /// Whether webhooks are sent at all.
    pub webhooks: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dialect: Dialect::Clean,
            timings: Timings::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            webhooks: true,
        }
    }
}

/// A running service; stops when it is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    _stop: DropGuard,
}

/// What the skin, the ticker and the sender share.
pub(crate) struct Shared {
    world: Mutex<World>,
    journal: Mutex<Journal>,
    faults: Mutex<Vec<Fault>>,
    copies: Mutex<u32>,
    patience: Mutex<Duration>,
    pub(crate) http: reqwest::Client,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Milliseconds since 1970.
    #[allow(
        clippy::disallowed_methods,
        clippy::unused_self,
        reason = "the simulator's one clock"
    )]
    pub(crate) fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }

    pub(crate) fn copies(&self) -> u32 {
        *lock(&self.copies)
    }

    /// How long an answer to a webhook is waited for.
    pub(crate) fn patience(&self) -> Duration {
        *lock(&self.patience)
    }

    pub(crate) fn note_webhook(&self, sent: Sent) {
        lock(&self.journal).webhooks.push(sent);
    }
}

impl Simulator {
    /// Starts on a loopback port.
    ///
    /// # Panics
    /// When the address is not a loopback one or cannot be bound.
    #[allow(clippy::panic, clippy::expect_used, reason = "a test harness")]
    pub async fn start(options: Options) -> Self {
        assert!(
            options.listen.ip().is_loopback(),
            "the simulator listens on loopback addresses only"
        );
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind(options.listen)
            .await
            .expect("the simulator's address can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new(options.dialect, options.timings)),
            journal: Mutex::default(),
            faults: Mutex::default(),
            copies: Mutex::new(1),
            patience: Mutex::new(Duration::from_secs(5)),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a plain HTTP client can be built"),
        });
        let stop = CancellationToken::new();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let ended = stop.clone();
        tokio::spawn(async move {
            // Open connections must not keep a stopped service alive.
            tokio::select! {
                _ = async { served.await } => {}
                () = async { ended.cancelled().await; tokio::time::sleep(TICK).await } => {}
            }
        });
        tokio::spawn(tick(shared.clone(), options.webhooks, stop.clone()));
        Self {
            shared,
            address,
            _stop: stop.drop_guard(),
        }
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `host:port`, as an allow-list wants it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Looks at or changes the world, at a time in its milliseconds.
    pub fn with<T>(&self, act: impl FnOnce(&mut World, Millis) -> T) -> T {
        act(&mut lock(&self.shared.world), self.shared.now())
    }

    /// What happened so far.
    pub fn journal(&self) -> Journal {
        lock(&self.shared.journal).clone()
    }

    /// Forgets what happened so far.
    pub fn clear_journal(&self) {
        *lock(&self.shared.journal) = Journal::default();
    }

    /// Adds a rule.
    pub fn fault(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// Removes all rules.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// How long an answer to a webhook is waited for before it is sent again; 5 s unless it is set.
    pub fn set_webhook_patience(&self, patience: Duration) {
        *lock(&self.shared.patience) = patience;
    }

    /// How many times each webhook is sent: 0 loses them, 2 repeats them.
    pub fn set_webhook_copies(&self, copies: u32) {
        *lock(&self.shared.copies) = copies;
    }
}

async fn tick(shared: Arc<Shared>, webhooks: bool, stop: CancellationToken) {
    let mut sender = Sender::new(shared.clone(), stop.clone());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
        let events: Vec<_> = {
            let mut world = lock(&shared.world);
            let events = world.tick(shared.now());
            events.into_iter().map(|event| (world.targets(&event), event)).collect()
        };
        if webhooks {
            for (targets, event) in events {
                sender.send(&event, targets);
            }
        }
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let request = Request {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: query(uri.query().unwrap_or_default()),
        authorization: header(header::AUTHORIZATION),
        content_type: header(header::CONTENT_TYPE),
        body: body.to_vec(),
    };
    if request.path.starts_with("/person/") {
        return json_response(&by_hand(&shared, &request), None);
    }
    let effect = strike(&mut lock(&shared.faults), &request.method, &request.path);
    let account = lock(&shared.world).account_of(request.authorization.as_deref(), shared.now());
    let done = match &effect {
        Some(Effect::DropBefore | Effect::Status { .. } | Effect::Redirect(..)) => None,
        Some(
            Effect::DropAfter
            | Effect::Truncate
            | Effect::Slow(_)
            | Effect::StatusAfter(_)
            | Effect::EmptyList
            | Effect::LaggingList(_),
        )
        | None => Some(lock(&shared.world).apply(&request, shared.now())),
    };
    if let Some(Effect::Slow(pause)) = &effect {
        tokio::time::sleep(*pause).await;
    }
    let response = respond(&shared, effect, done);
    lock(&shared.journal).requests.push(Entry {
        at: shared.now(),
        method: request.method,
        path: request.path,
        query: uri.query().unwrap_or_default().to_owned(),
        account,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        status: response.as_ref().map_or(0, |response| response.status().as_u16()),
    });
    response.unwrap_or_else(broken)
}

/// The answer; `None` for a connection that is closed instead.
fn respond(shared: &Shared, effect: Option<Effect>, done: Option<Answer>) -> Option<Response> {
    let plain = |done: Option<Answer>| done.map(|answer| json_response(&answer, None));
    match effect {
        None | Some(Effect::Slow(_)) => plain(done),
        Some(Effect::DropBefore | Effect::DropAfter) => None,
        Some(Effect::Truncate) => {
            let text = done.map(|answer| answer.body.to_string()).unwrap_or_default();
            let half = Bytes::from(text.as_bytes()[..text.len() / 2].to_vec());
            let parts = [Ok(half), Err(std::io::Error::other("broken off"))];
            let body = Body::from_stream(futures::stream::iter(parts).boxed());
            Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .body(body)
                .ok()
        }
        Some(Effect::Status {
            code,
            retry_after,
            body,
        }) => {
            let kind = if body.starts_with('<') {
                "text/html"
            } else {
                "application/json"
            };
            let mut response = Response::builder().status(code).header(header::CONTENT_TYPE, kind);
            if let Some(seconds) = retry_after {
                response = response.header(header::RETRY_AFTER, seconds);
            }
            response.body(Body::from(body)).ok()
        }
        Some(Effect::Redirect(code, to)) => Response::builder()
            .status(code)
            .header(header::LOCATION, to)
            .body(Body::empty())
            .ok(),
        Some(Effect::StatusAfter(code)) => Some(json_response(
            &Answer {
                status: code,
                body: json!({"code": "INTERNAL", "title": "Internal", "detail": "", "errors": []}),
            },
            None,
        )),
        Some(Effect::EmptyList) => plain(done.map(|answer| Answer {
            body: json!({"data": [], "meta": {"timestamp": 0}}),
            ..answer
        })),
        Some(Effect::LaggingList(lag)) => plain(done.map(|answer| lagging(shared, answer, lag))),
    }
}

/// Leaves channels out that are younger than `lag`.
fn lagging(shared: &Shared, mut answer: Answer, lag: Duration) -> Answer {
    let world = lock(&shared.world);
    let lag = Millis::try_from(lag.as_millis()).unwrap_or(Millis::MAX);
    let old = shared.now().saturating_sub(lag);
    if let Some(items) = answer.body.get_mut("data").and_then(Value::as_array_mut) {
        items.retain(|item| {
            let id = item.get("channel_id").and_then(Value::as_str).unwrap_or_default();
            world.channel(id).is_none_or(|channel| channel.created <= old)
        });
    }
    answer
}

fn json_response(answer: &Answer, retry_after: Option<u64>) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    response.body(Body::from(answer.body.to_string())).unwrap_or_default()
}

/// A body that fails at once closes the connection.
fn broken() -> Response {
    let body = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("closed")) });
    Response::new(Body::from_stream(body.boxed()))
}

/// The person's acts for those who play by hand: `POST /person/scan {"qr" or "channel_id", "phone"}`, `/person/follow {"link"}`,
/// `/person/status {"channel_id", "status", "reason"}`, `/person/delete {"channel_id"}`.
fn by_hand(shared: &Shared, request: &Request) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let now = shared.now();
    let mut world = lock(&shared.world);
    let done = match request.path.as_str() {
        "/person/scan" => {
            // By the text of the QR, or simply by the channel that shows one.
            let shown = world
                .channel(&field("channel_id"))
                .and_then(|channel| channel.qr())
                .map(str::to_owned);
            world.scan(&shown.unwrap_or_else(|| field("qr")), &field("phone"), now)
        }
        "/person/follow" => world.follow_link(&field("link"), now),
        "/person/status" => {
            let (id, reason) = (field("channel_id"), field("reason"));
            let reason = (!reason.is_empty()).then_some(reason.as_str());
            world
                .set_status(&id, &field("status"), reason, now)
                .map(|()| id.clone())
        }
        "/person/delete" => world
            .delete_in_cabinet(&field("channel_id"), now)
            .map(|()| field("channel_id")),
        _ => {
            return Answer {
                status: 404,
                body: json!({"error": "known: /person/scan, /person/follow, /person/status, /person/delete"}),
            };
        }
    };
    match done {
        Ok(id) => Answer {
            status: 200,
            body: json!({"channel_id": id}),
        },
        Err(error) => Answer {
            status: 409,
            body: json!({"error": format!("{error:?}")}),
        },
    }
}

fn query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
