//! What can go wrong when one talks to Wazzup, by what it means for the caller.

use std::time::Duration;

use super::RemoteChannel;

/// Why a request never left: nothing can have happened at the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// The name did not resolve, the connection was refused, or TLS failed.
    Connect,
    /// The host is not on the operator's allow-list.
    HostNotAllowed,
    /// The limiter or the circuit breaker held it back.
    HeldBack,
}

/// A call that did not succeed. Texts are the service's own words, cut to 300 characters; they never hold what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// 401 or 403.
    #[error("access denied ({status}): {words}")]
    Denied {
        /// HTTP status code.
        status: u16,
        /// The service's words.
        words: String,
    },
    /// 404.
    #[error("not found: {words}")]
    Missing {
        /// The service's words.
        words: String,
    },
    /// Any other 4xx whose body is a well-formed error.
    #[error("refused ({status}): {words}")]
    Rejected {
        /// HTTP status code.
        status: u16,
        /// The service's words.
        words: String,
    },
    /// 429.
    #[error("throttled")]
    Throttled {
        /// What `Retry-After` asked for, capped.
        retry_after: Option<Duration>,
    },
    /// The request never left.
    #[error("not sent: {why}")]
    NotSent {
        /// Why.
        kind: NotSent,
        /// In words, without any secret.
        why: String,
    },
    /// Sent, but no answer that tells: timeout, reset, 5xx, a body that is not what the page promises, a 4xx that is not
    /// the service's own (a proxy's HTML page).
    #[error("no clear answer: {why}")]
    Unclear {
        /// In words, without any secret.
        why: String,
    },
}

/// How a `POST /v2/channels` ended. Only `Refused` and `NotSent` may be retried freely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateOutcome {
    /// 2xx with an id.
    Created(RemoteChannel),
    /// A well-formed 4xx: nothing was made.
    Refused(Fault),
    /// It never left, or the service's throttle turned it away.
    NotSent(Fault),
    /// Anything else: a channel may have been made.
    Unknown(Fault),
}
