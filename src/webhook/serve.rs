//! The receiver: `POST /webhooks/{account_key}/{token}`.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{Path, Request, State},
    http::{Method, StatusCode, header::CONTENT_LENGTH},
    routing::any,
};
use futures::StreamExt;
use jiff::Timestamp;
use ring::hmac;
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

use super::{
    dedupe::Dedupe,
    parse::{Parsed, Skipped, parse},
};
use crate::{
    connections::{self, Bounds},
    model::{Sensitive, WebhookEvent},
};

/// How a delivery was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It has taken effect (a QR is in its sink); it is never wanted again.
    Done,
    /// Not now: Wazzup gets a 503 and may send it again.
    Busy,
}

/// What became of a request, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// Delivered: so many events, and what was left out.
    Delivered {
        /// Events handed over.
        events: usize,
        /// Items left out.
        skipped: Skipped,
    },
    /// A delivery that had been dealt with before.
    Duplicate,
    /// A test request.
    Test,
    /// Not about channels.
    Ignored,
    /// 503: the inbox was busy.
    Busy,
    /// 503: too many in flight.
    Full,
    /// 400: not JSON, or the body broke off.
    NotJson,
    /// 408: the body took too long.
    TooSlow,
    /// 413.
    TooLarge,
    /// 404: wrong path, method, account or token.
    Unknown,
}

/// Who takes what the receiver receives.
pub trait Inbox: Send + Sync + 'static {
    /// The account's reference if this key and token belong together, else `None`; to be compared by [`same_token`].
    /// It is asked by anybody on the internet, so it must be cheap.
    fn admit(&self, account_key: &str, token: &Sensitive<String>) -> impl Future<Output = Option<String>> + Send;

    /// Takes the events of one delivery, in order. `account` is what [`Self::admit`] returned. Wazzup waits for
    /// this and a place in flight is taken meanwhile, so it must have a deadline of its own.
    fn deliver(&self, account: &str, events: Vec<WebhookEvent>) -> impl Future<Output = Delivery> + Send;

    /// The time.
    fn now(&self) -> Timestamp;

    /// Is told what became of each request; it must not block.
    fn note(&self, receipt: Receipt);
}

/// The receiver's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A body in bytes.
    pub body: usize,
    /// Requests in flight, beyond which 503 is answered.
    pub in_flight: usize,
    /// Connections.
    pub connections: Bounds,
    /// How long a body may take.
    pub read: Duration,
    /// Deliveries remembered.
    pub remembered: usize,
    /// How much of a body that is refused is thrown away, in bytes, and for how long, before the answer: most senders write to the
    /// end before they read, and one whose connection is closed under it takes that for a broken network and sends it all again.
    pub refused: (usize, Duration),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            in_flight: 64,
            connections: Bounds {
                most: 512,
                head: Duration::from_secs(10),
                life: Duration::from_secs(300),
                grace: Duration::from_secs(30),
            },
            read: Duration::from_secs(10),
            remembered: 20_000,
            refused: (16 << 20, Duration::from_secs(1)),
        }
    }
}

struct Receiver<I> {
    inbox: I,
    limits: Limits,
    in_flight: Semaphore,
    seen: Mutex<Dedupe>,
}

/// Whether two tokens are the same, in a time that does not depend on where they differ; an empty one is like none.
pub fn same_token(one: &Sensitive<String>, other: &Sensitive<String>) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"webhook token");
    let tag = hmac::sign(&key, one.reveal().as_bytes());
    hmac::verify(&key, other.reveal().as_bytes(), tag.as_ref()).is_ok() && !one.reveal().is_empty()
}

/// Serves with the default [`Limits`] until `shutdown` ends and what was in flight has been answered.
pub async fn serve(listener: TcpListener, inbox: impl Inbox, shutdown: impl Future<Output = ()> + Send) {
    serve_within(listener, inbox, Limits::default(), shutdown).await;
}

/// As [`serve`], with limits of one's own.
pub async fn serve_within<I: Inbox>(
    listener: TcpListener,
    inbox: I,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let receiver = Arc::new(Receiver {
        inbox,
        limits,
        in_flight: Semaphore::new(limits.in_flight),
        seen: Mutex::new(Dedupe::new(limits.remembered)),
    });
    let router = Router::new()
        .route("/webhooks/{account_key}/{token}", any(answer::<I>))
        .fallback(stranger::<I>)
        .with_state(receiver);
    connections::run(listener, router, limits.connections, shutdown).await;
}

async fn stranger<I: Inbox>(State(receiver): State<Arc<Receiver<I>>>) -> StatusCode {
    receiver.inbox.note(Receipt::Unknown);
    StatusCode::NOT_FOUND
}

async fn answer<I: Inbox>(
    State(receiver): State<Arc<Receiver<I>>>,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    request: Request,
) -> StatusCode {
    let receipt = match path {
        Ok(Path((account_key, token))) if request.method() == Method::POST => {
            receiver.receive(&account_key, Sensitive::new(token), request).await
        }
        _ => Receipt::Unknown,
    };
    receiver.inbox.note(receipt);
    match receipt {
        Receipt::Delivered { .. } | Receipt::Duplicate | Receipt::Test | Receipt::Ignored => StatusCode::OK,
        Receipt::Busy | Receipt::Full => StatusCode::SERVICE_UNAVAILABLE,
        Receipt::NotJson => StatusCode::BAD_REQUEST,
        Receipt::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Receipt::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Receipt::Unknown => StatusCode::NOT_FOUND,
    }
}

impl<I: Inbox> Receiver<I> {
    /// Strangers are turned away before they cost a place or a buffer.
    async fn receive(&self, account_key: &str, token: Sensitive<String>, request: Request) -> Receipt {
        let Some(account) = self.inbox.admit(account_key, &token).await else {
            return Receipt::Unknown;
        };
        let Ok(_place) = self.in_flight.try_acquire() else {
            return Receipt::Full;
        };
        let announced = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let mut stream = Body::into_data_stream(request.into_body());
        let read = if announced.is_some_and(|length: usize| length > self.limits.body) {
            Err(Receipt::TooLarge)
        } else {
            let read = timeout(self.limits.read, self.read(&mut stream)).await;
            read.unwrap_or(Err(Receipt::TooSlow))
        };
        let body = match read {
            Ok(body) => body,
            Err(Receipt::TooLarge) => {
                let (most, patience) = self.limits.refused;
                let _ = timeout(patience, throw_away(stream, most)).await;
                return Receipt::TooLarge;
            }
            Err(receipt) => return receipt,
        };
        match parse(&body, self.inbox.now()) {
            Ok(Parsed::Test) => Receipt::Test,
            Ok(Parsed::Ignored) => Receipt::Ignored,
            Ok(Parsed::Events { events, skipped }) => self.hand_over(&account, events, skipped).await,
            Err(_) => Receipt::NotJson,
        }
    }

    async fn read(&self, stream: &mut BodyDataStream) -> Result<Vec<u8>, Receipt> {
        let mut read = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Receipt::NotJson)?;
            if read.len() + chunk.len() > self.limits.body {
                return Err(Receipt::TooLarge);
            }
            read.extend_from_slice(&chunk);
        }
        Ok(read)
    }

    /// A duplicate that overtakes its first is delivered twice, which does no harm; one that follows a failure is not lost.
    async fn hand_over(&self, account: &str, events: Vec<WebhookEvent>, skipped: Skipped) -> Receipt {
        let key = events.first().and_then(|event| event.idempotency_key.clone());
        if key.as_deref().is_some_and(|key| self.seen().knows(account, key)) {
            return Receipt::Duplicate;
        }
        let count = events.len();
        if count > 0 && self.inbox.deliver(account, events).await == Delivery::Busy {
            return Receipt::Busy;
        }
        if let Some(key) = key {
            self.seen().record(account, &key);
        }
        Receipt::Delivered { events: count, skipped }
    }

    /// Nothing is left half done under this lock.
    fn seen(&self) -> std::sync::MutexGuard<'_, Dedupe> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn throw_away(mut stream: BodyDataStream, most: usize) {
    let mut left = most;
    while let Some(Ok(chunk)) = stream.next().await {
        match left.checked_sub(chunk.len()) {
            Some(less) => left = less,
            None => return,
        }
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
