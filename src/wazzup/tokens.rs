//! How a partner gets an end-customer's token: `POST /v2/oauth/token`.
//!
//! The service reads the partner's e-mail and password as HTTP Basic, wants `requested_subject` as digits alone, and
//! wraps its answer in `data`. A rotated refresh token may or may not come back.

use std::{fmt, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};

use super::{
    http::{Authorization, HttpClient, Manner},
    request::{Method, Request},
    response::Answer,
    url::ApiUrl,
    wire,
};
use crate::model::{Fault, RemoteAccountId, Sensitive};

const PATH: &str = "/v2/oauth/token";
/// What everybody asks for; whether less suffices is not documented.
const SCOPE: &str = "transport,crm";
/// `expires_in` of a `client_access_token`, where an answer does not tell.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// The partner's login.
#[derive(Clone)]
pub struct Partner {
    /// E-mail of the partner cabinet.
    pub email: Sensitive<String>,
    /// Its password.
    pub password: Sensitive<String>,
}

/// A fresh `client_access_token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGrant {
    /// The token.
    pub access_token: Sensitive<String>,
    /// The next refresh token, when the service rotated it.
    pub refresh_token: Option<Sensitive<String>>,
    /// How long the token serves.
    pub expires_in: Duration,
}

/// The token endpoint as one partner sees it. It neither paces nor retries.
pub struct TokenClient {
    http: HttpClient,
    base: ApiUrl,
    partner: Partner,
}

impl fmt::Debug for TokenClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenClient({})", self.base)
    }
}

impl TokenClient {
    /// The endpoint under that address, for that partner.
    pub const fn new(http: HttpClient, base: ApiUrl, partner: Partner) -> Self {
        Self { http, base, partner }
    }

    async fn send(&self, request: Request) -> Result<Answer, Fault> {
        let Partner { email, password } = &self.partner;
        let pair = STANDARD.encode(format!("{}:{}", email.reveal(), password.reveal()));
        let request = request.hiding([password.clone(), Sensitive::new(pair.clone())]);
        let authorization = Authorization::Basic(Sensitive::new(pair));
        self.http.send(&self.base, &authorization, request, Manner::Small).await
    }

    /// The partner's own token, good for an exchange and nothing else.
    pub async fn machine_token(&self) -> Result<Sensitive<String>, Fault> {
        self.send(machine_token()).await?.machine_token()
    }

    /// Exchanges a machine token for one of an end-customer account.
    pub async fn exchange(&self, machine: &Sensitive<String>, account: &RemoteAccountId) -> Result<TokenGrant, Fault> {
        self.send(exchange(machine, account)).await?.token_grant()
    }

    /// Exchanges a refresh token, which serves once, for an access token and the next refresh token.
    pub async fn refresh(&self, refresh_token: &Sensitive<String>, client_id: &str) -> Result<TokenGrant, Fault> {
        self.send(refresh(refresh_token, client_id)).await?.token_grant()
    }
}

fn machine_token() -> Request {
    Request::new(Method::Post, PATH)
        .with_body(json!({"grant_type": "client_credentials", "client_credentials_data": {"scope": SCOPE}}))
}

fn exchange(machine: &Sensitive<String>, account: &RemoteAccountId) -> Request {
    Request::new(Method::Post, PATH)
        .with_body(json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "token_exchange_data": {
                "subject_token": machine.reveal(),
                "subject_token_type": "urn:wazzup:oauth:token-type:machine_token",
                "requested_subject": account.as_str(),
                "scope": SCOPE,
            },
        }))
        .hiding([machine.clone()])
}

fn refresh(refresh_token: &Sensitive<String>, client_id: &str) -> Request {
    Request::new(Method::Post, PATH)
        .with_body(json!({
            "grant_type": "refresh_token",
            "refresh_token_data": {"refresh_token": refresh_token.reveal(), "client_id": client_id},
        }))
        .hiding([refresh_token.clone()])
}

/// Too long for a text of the service, and it must be whole: a cut token opens nothing.
fn secret(object: &Map<String, Value>, field: &str) -> Option<Sensitive<String>> {
    let text = object.get(field)?.as_str()?.trim();
    let whole = !text.is_empty() && text.len() <= 16_384 && text.bytes().all(|byte| byte.is_ascii_graphic());
    whole.then(|| Sensitive::new(text.to_owned()))
}

impl Answer {
    /// Reads the answer to `client_credentials`.
    pub fn machine_token(&self) -> Result<Sensitive<String>, Fault> {
        self.first(|data| secret(data, "access_token"))
    }

    /// Reads the answer to a token exchange or a refresh.
    pub fn token_grant(&self) -> Result<TokenGrant, Fault> {
        self.first(|data| {
            let seconds = wire::text(data, "expires_in").and_then(|text| text.parse::<f64>().ok());
            let seconds = seconds.filter(|seconds| (1.0..=31_536_000.0).contains(seconds));
            Some(TokenGrant {
                access_token: secret(data, "access_token")?,
                refresh_token: secret(data, "refresh_token"),
                expires_in: seconds.map_or(LIFETIME, Duration::from_secs_f64),
            })
        })
    }

    fn first<T>(&self, read: impl Fn(&Map<String, Value>) -> Option<T>) -> Result<T, Fault> {
        self.items(|items| {
            let mut found = items.into_iter().filter_map(Value::as_object).filter_map(&read);
            found
                .next()
                .ok_or_else(|| self.unclear("the answer holds no access token"))
        })
    }
}

/// The account that a token says it belongs to: the claim `child_id` of a JWT, unverified. A guard against mistakes, no
/// proof; `None` for an opaque token.
pub fn token_owner(token: &Sensitive<String>) -> Option<RemoteAccountId> {
    let mut parts = token.reveal().trim().split('.');
    let payload = parts
        .nth(1)
        .filter(|_| parts.next().is_some() && parts.next().is_none())?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    RemoteAccountId::parse(&wire::text(claims.as_object()?, "child_id")?).ok()
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
