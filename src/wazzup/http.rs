//! How bytes travel: connections, TLS, deadlines, body caps.
//!
//! What never left is told from what may have arrived by `reqwest::Error::is_connect`: it is set when the connector
//! failed (name, refused port, TLS, connect deadline), which is before the first byte of the request. Any other failure
//! counts as sent, a cancelled connection included.

use std::{error::Error, time::Duration};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};

use super::{
    request::{Method, Request},
    response::Answer,
    url::ApiUrl,
    wire,
};
use crate::model::{Fault, NotSent, Sensitive};

/// How long an idle connection is kept. Services close idle ones after 5 s or more, and a request that meets such a
/// closing ends unclear.
const IDLE: Duration = Duration::from_secs(4);

/// How long a call may take, its body included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Name, TCP and TLS; must be shorter than the others, so that what was not sent is known as such.
    pub connect: Duration,
    /// Any call but a create.
    pub call: Duration,
    /// A create; it ends before the lease does.
    pub create: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(20),
            create: Duration::from_secs(25),
        }
    }
}

/// The HTTP client could not be set up: no TLS provider, or no certificates on this machine.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client: {0}")]
pub struct HttpSetupError(String);

/// The connections shared by all accounts; cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient {
    pooled: reqwest::Client,
    /// Creates get a fresh connection each: on a kept one the service's closing it would look like a lost answer.
    fresh: reqwest::Client,
    deadlines: Deadlines,
}

/// How a call is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// A small answer.
    Small,
    /// A list, which may be long.
    List,
    /// A create.
    Create,
}

/// What a call proves its right with.
#[derive(Debug, Clone)]
pub(super) enum Authorization {
    /// A `client_access_token`.
    Bearer(Sensitive<String>),
    /// The partner's `email:password` in Base64.
    Basic(Sensitive<String>),
}

/// Installs rustls' ring provider for the process; a second call does nothing.
pub fn install_tls() {
    // An error means that a provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl HttpClient {
    /// A client with the default deadlines; [`install_tls`] must have been called.
    pub fn new() -> Result<Self, HttpSetupError> {
        Self::with_deadlines(Deadlines::default())
    }

    /// A client with deadlines of one's own.
    pub fn with_deadlines(deadlines: Deadlines) -> Result<Self, HttpSetupError> {
        // reqwest panics without a provider, so this is asked before.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(HttpSetupError("no TLS provider is installed".to_owned()));
        }
        let build = |kept: usize| {
            reqwest::Client::builder()
                .user_agent(concat!("wazzup-operator/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .referer(false)
                .connect_timeout(deadlines.connect)
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(kept)
                .build()
                .map_err(|error| HttpSetupError(root_cause(&error)))
        };
        Ok(Self {
            pooled: build(32)?,
            fresh: build(0)?,
            deadlines,
        })
    }

    /// Sends a request and reads the answer whole, within the deadline and the body cap of its manner.
    pub(super) async fn send(
        &self,
        base: &ApiUrl,
        authorization: &Authorization,
        request: Request,
        manner: Manner,
    ) -> Result<Answer, Fault> {
        let (client, allowed, cap) = match manner {
            Manner::Small => (&self.pooled, self.deadlines.call, 1 << 20),
            Manner::List => (&self.pooled, self.deadlines.call, 16 << 20),
            Manner::Create => (&self.fresh, self.deadlines.create, 1 << 20),
        };
        let deadline = Instant::now() + allowed;
        let mut hidden = request.hidden.clone();
        let (Authorization::Bearer(secret) | Authorization::Basic(secret)) = authorization;
        hidden.push(secret.clone());
        let outgoing = prepared(client, base, authorization, request)?;
        let response = match timeout_at(deadline, outgoing.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(fault_of(&error, &hidden)),
            Err(_) => return Err(too_slow(allowed)),
        };
        let mut answer = head(&response, hidden);
        match timeout_at(deadline, body(response, cap)).await {
            Ok(Ok(body)) => answer.body = body,
            // The status of a refusal stands without its body.
            Ok(Err(_)) | Err(_) if answer.status >= 400 => {}
            Ok(Err(why)) => {
                return Err(Fault::Unclear {
                    why: wire::words_of(&why, &answer.hidden),
                });
            }
            Err(_) => return Err(too_slow(allowed)),
        }
        Ok(answer)
    }
}

fn prepared(
    client: &reqwest::Client,
    base: &ApiUrl,
    authorization: &Authorization,
    request: Request,
) -> Result<reqwest::RequestBuilder, Fault> {
    let mut url = format!("{base}{}", request.path);
    for (index, (name, value)) in request.query.iter().enumerate() {
        url.push(if index == 0 { '?' } else { '&' });
        url.extend([name, "=", value]);
    }
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    };
    let mut outgoing = client
        .request(method, url)
        .header(AUTHORIZATION, authorization.header()?)
        .header(reqwest::header::ACCEPT, "application/json");
    if let Some(body) = request.body {
        outgoing = outgoing.header(CONTENT_TYPE, "application/json").body(body.to_string());
    }
    Ok(outgoing)
}

impl Authorization {
    /// A token that no header can carry is as good as a wrong one: the Secret must change.
    fn header(&self) -> Result<HeaderValue, Fault> {
        let (scheme, secret) = match self {
            Self::Bearer(token) => ("Bearer", token.reveal().trim()),
            Self::Basic(pair) => ("Basic", pair.reveal().as_str()),
        };
        let value = HeaderValue::from_str(&format!("{scheme} {secret}")).ok();
        let mut value = value.filter(|_| !secret.is_empty()).ok_or_else(|| Fault::Denied {
            status: 401,
            words: "the access token is empty or holds characters that no HTTP header can carry; nothing was sent"
                .into(),
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn head(response: &reqwest::Response, hidden: Vec<Sensitive<String>>) -> Answer {
    let text = |headers: &HeaderMap, name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| Some(value.to_str().ok()?.to_owned()))
    };
    let headers = response.headers();
    Answer {
        status: response.status().as_u16(),
        content_type: text(headers, CONTENT_TYPE),
        retry_after: text(headers, RETRY_AFTER),
        date: text(headers, DATE),
        body: Vec::new(),
        hidden,
    }
}

async fn body(mut response: reqwest::Response, cap: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= cap => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(format!("the answer is longer than {cap} bytes")),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("the answer broke off: {}", root_cause(&error))),
        }
    }
}

fn fault_of(error: &reqwest::Error, hidden: &[Sensitive<String>]) -> Fault {
    let why = wire::words_of(&root_cause(error), hidden);
    if error.is_connect() || error.is_builder() {
        let what = if error.is_dns() {
            "name resolution"
        } else {
            "connection"
        };
        Fault::NotSent {
            kind: NotSent::Connect,
            why: format!("{what} failed: {why}"),
        }
    } else {
        Fault::Unclear {
            why: format!("no answer: {why}"),
        }
    }
}

fn too_slow(allowed: Duration) -> Fault {
    Fault::Unclear {
        why: format!("no whole answer within {allowed:?}"),
    }
}

/// The innermost error: the outer ones name the URL and say little.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
