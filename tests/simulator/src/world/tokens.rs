//! `POST /v2/oauth/token`: machine token, token exchange, refresh.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};

use super::{
    Answer, Millis, Request, World,
    dialect::envelope,
    strict::{check, error, invalid, object, required, text},
};

type Result<T> = std::result::Result<T, Answer>;

/// The wording of the token exchange.
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const MACHINE_TOKEN: &str = "urn:wazzup:oauth:token-type:machine_token";

impl World {
    pub(crate) fn token(&mut self, request: &Request, now: Millis) -> Result<Answer> {
        let partner = partner(request.authorization.as_deref())
            .filter(|partner| {
                self.accounts
                    .values()
                    .any(|account| account.partner.as_ref() == Some(partner))
            })
            .ok_or_else(|| error(401, "INVALID_CREDENTIALS", "Wrong e-mail or password", &[]))?;
        let body = object(request.content_type.as_deref(), &request.body)?;
        let grant = text(&body, "grant_type")?.to_owned();
        let data = match grant.as_str() {
            "client_credentials" => self.machine_token(&body)?,
            EXCHANGE => self.exchange(&body, &partner, now)?,
            "refresh_token" => self.refresh(&body, now)?,
            _ => return Err(invalid(&["grant_type must be a known grant".to_owned()])),
        };
        Ok(Answer {
            status: 200,
            body: envelope(&data, now),
        })
    }

    fn machine_token(&mut self, body: &Map<String, Value>) -> Result<Value> {
        check(body, &[required("grant_type"), required("client_credentials_data")])?;
        let data = nested(body, "client_credentials_data")?;
        check(data, &[required("scope")])?;
        let token = format!("machine.{:08}", self.next());
        self.keep_secret(&token);
        Ok(json!({"access_token": token, "expires_in": 300}))
    }

    fn exchange(&mut self, body: &Map<String, Value>, partner: &(String, String), now: Millis) -> Result<Value> {
        check(body, &[required("grant_type"), required("token_exchange_data")])?;
        let data = nested(body, "token_exchange_data")?;
        check(
            data,
            &[
                required("subject_token"),
                required("subject_token_type"),
                required("requested_subject"),
                required("scope"),
            ],
        )?;
        let subject = text(data, "requested_subject")?;
        if !subject.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid(&["requested_subject must be a number string".to_owned()]));
        }
        if !text(data, "subject_token")?.starts_with("machine.") || text(data, "subject_token_type")? != MACHINE_TOKEN {
            return Err(error(
                401,
                "OAUTH_TOKEN_UNKNOWN_OR_REVOKED",
                "The machine token is not valid",
                &[],
            ));
        }
        let subject = subject.to_owned();
        if self
            .accounts
            .get(&subject)
            .is_none_or(|account| account.partner.as_ref() != Some(partner))
        {
            return Err(error(403, "ACCESS_DENIED", "The account is not this partner's", &[]));
        }
        Ok(self.mint(&subject, now))
    }

    fn refresh(&mut self, body: &Map<String, Value>, now: Millis) -> Result<Value> {
        check(body, &[required("grant_type"), required("refresh_token_data")])?;
        let data = nested(body, "refresh_token_data")?;
        check(data, &[required("refresh_token"), required("client_id")])?;
        let refresh = text(data, "refresh_token")?.to_owned();
        let found = self
            .accounts
            .iter()
            .find(|(_, account)| account.refresh_tokens.contains(&refresh));
        let Some(id) = found.map(|(id, _)| id.clone()) else {
            return Err(error(
                401,
                "OAUTH_TOKEN_UNKNOWN_OR_REVOKED",
                "The refresh token is unknown or was used",
                &[],
            ));
        };
        if let Some(account) = self.accounts.get_mut(&id) {
            account.refresh_tokens.remove(&refresh);
        }
        Ok(self.mint(&id, now))
    }

    fn mint(&mut self, account: &str, now: Millis) -> Value {
        let number = self.next();
        let seconds = self.timings.token_seconds;
        // A JWT whose claim `child_id` names the account, as the service's tokens are.
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({"child_id": account, "jti": number});
        let access = format!("{}.{}.signature", part(json!({"alg": "none"})), part(claims));
        let refresh = format!("refresh.{account}.{number}");
        self.keep_secret(&access);
        self.keep_secret(&refresh);
        let kept = self.accounts.entry(account.to_owned()).or_default();
        kept.tokens.insert(access.clone(), Some(now + seconds * 1_000));
        kept.refresh_tokens.insert(refresh.clone());
        json!({"access_token": access, "refresh_token": refresh, "expires_in": seconds})
    }

    /// Revokes all tokens of an account before their time; its refresh tokens stay.
    pub fn revoke_tokens_of(&mut self, account: &str) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.tokens.clear();
        }
    }

    /// Grants a refresh token, as a customer's consent would.
    pub fn grant_refresh_token(&mut self, account: &str, token: &str) {
        self.keep_secret(token);
        self.accounts
            .entry(account.to_owned())
            .or_default()
            .refresh_tokens
            .insert(token.to_owned());
    }
}

fn nested<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>> {
    body.get(name)
        .and_then(Value::as_object)
        .ok_or_else(|| invalid(&[format!("{name} must be an object")]))
}

fn partner(authorization: Option<&str>) -> Option<(String, String)> {
    let bytes = STANDARD.decode(authorization?.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (email, password) = text.split_once(':')?;
    Some((email.to_owned(), password.to_owned()))
}
