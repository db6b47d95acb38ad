//! One function for each endpoint of the documentation.

use serde_json::{Map, Value, json};

use super::{
    Answer, Millis, Request, World,
    dialect::envelope,
    life::{Phase, QR_TRANSPORTS},
    strict::{self, check, error, invalid, missing, object, optional, required},
    subscriptions::row,
};

/// The transports of `POST /v2/channels` (Channels page; `vk` comes by iframe link).
const TRANSPORTS: [&str; 9] = [
    "whatsapp", "wapi", "telegram", "tgapi", "instAPI", "viber", "avito", "max", "maxbot",
];
/// The transports of `POST /v2/iframe-links/channels`.
const IFRAME: [&str; 7] = ["whatsapp", "wapi", "tgapi", "maxbot", "max", "vk", "cian"];

type Result<T> = std::result::Result<T, Answer>;

impl World {
    /// Answers a request.
    pub fn apply(&mut self, request: &Request, now: Millis) -> Answer {
        self.route(request, now).unwrap_or_else(|refusal| refusal)
    }

    fn route(&mut self, request: &Request, now: Millis) -> Result<Answer> {
        let path: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        if path == ["v2", "oauth", "token"] && request.method == "POST" {
            return self.token(request, now);
        }
        let account = self.account_of(request.authorization.as_deref(), now).ok_or_else(|| {
            error(
                401,
                "OAUTH_TOKEN_UNKNOWN_OR_REVOKED",
                "The token is unknown or was revoked",
                &[],
            )
        })?;
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["v2", "channels"]) => Ok(self.list(&account, now)),
            ("POST", ["v2", "channels"]) => self.create(&account, request, now),
            ("GET", ["v2", "channels", id]) => self.show(&account, id, now),
            ("DELETE", ["v2", "channels", id]) => self.delete(&account, id, request, now),
            ("POST", ["v2", "channels", id, "reinit"]) => self.reinit(&account, id, request, now),
            ("POST", ["v2", "channels", id, "auth", "2fa"]) => self.two_factor(&account, id, request, now),
            ("POST", ["v2", "channels", id, "pairing-code"]) => self.pairing(&account, id, request, now),
            ("POST", ["v2", "iframe-links", "channels"]) => self.iframe(&account, request, now),
            ("GET", ["v2", "webhooks"]) => {
                let rows: Vec<Value> = self.rows(&account).iter().map(row).collect();
                Ok(Answer {
                    status: 200,
                    body: envelope(&json!(rows), now),
                })
            }
            ("POST", ["v2", "webhooks"]) => self.subscribe(&account, request, now),
            ("PATCH", ["v2", "webhooks"]) => self.repoint(&account, request, now),
            ("DELETE", ["v2", "webhooks"]) => self.unsubscribe(&account, request, now),
            _ => Err(missing("route")),
        }
    }

    fn list(&self, account: &str, now: Millis) -> Answer {
        let listed = self
            .channels
            .values()
            .filter(|channel| channel.account == account && self.is_shown(channel));
        let items: Vec<Value> = listed.map(|channel| self.dialect.channel(channel)).collect();
        Answer {
            status: 200,
            body: envelope(&json!(items), now),
        }
    }

    fn is_shown(&self, channel: &super::Channel) -> bool {
        !channel.deleted || (self.dialect.lists_deleted() && !channel.chats_deleted)
    }

    fn own(&self, account: &str, id: &str) -> Result<()> {
        let channel = self
            .channels
            .get(id)
            .filter(|channel| channel.account == account && self.is_shown(channel));
        channel.map(|_| ()).ok_or_else(|| missing("channel"))
    }

    fn show(&self, account: &str, id: &str, now: Millis) -> Result<Answer> {
        self.own(account, id)?;
        let item = self.channels.get(id).map(|channel| self.dialect.channel(channel));
        Ok(Answer {
            status: 200,
            body: envelope(&json!([item]), now),
        })
    }

    fn create(&mut self, account: &str, request: &Request, now: Millis) -> Result<Answer> {
        let body = object(request.content_type.as_deref(), &request.body)?;
        check(&body, &[required("transport"), required("credentials")])?;
        let transport = strict::text(&body, "transport")?.to_owned();
        if !TRANSPORTS.contains(&transport.as_str()) {
            return Err(invalid(&[format!(
                "transport must be one of {}",
                TRANSPORTS.join(", ")
            )]));
        }
        let credentials = self.credentials(&transport, &body)?;
        let id = self.make(account, &transport, credentials, now);
        let mut item = json!({"channel_id": id, "transport": transport});
        if let Some(url) = self.channels.get(&id).and_then(|channel| channel.url.clone()) {
            item["url"] = json!(url);
        }
        Ok(Answer {
            status: self.dialect.created(),
            body: envelope(&json!([item]), now),
        })
    }

    /// `credentials` must be there, an object, and hold the transport's fields and no others.
    fn credentials(&mut self, transport: &str, body: &Map<String, Value>) -> Result<Value> {
        let Some(Value::Object(credentials)) = body.get("credentials") else {
            return Err(invalid(&["credentials must be an object".to_owned()]));
        };
        let names: &[&'static str] = match transport {
            "avito" => &["code"],
            "instAPI" => &["username", "page_id", "inst_id", "user_token"],
            "telegram" => &["telegram_token"],
            "maxbot" => &["access_token"],
            _ => &[],
        };
        let fields: Vec<_> = names.iter().copied().map(required).collect();
        check(credentials, &fields)?;
        for name in names {
            let value = strict::text(credentials, name)?;
            // An Instagram account's name and numbers are no secrets; the service shows them itself.
            if ["code", "user_token", "telegram_token", "access_token"].contains(name) {
                self.keep_secret(value);
            }
            if self.refused_tokens.contains(value) {
                return Err(error(
                    400,
                    "VALIDATION_FAILED",
                    "The messenger refused the credentials",
                    &[format!("{name} is invalid")],
                ));
            }
        }
        if transport == "telegram" {
            let token = strict::text(credentials, "telegram_token")?;
            let well_formed = token.split_once(':').is_some_and(|(number, secret)| {
                !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && secret.len() >= 10
            });
            if !well_formed {
                return Err(invalid(&["telegram_token is invalid".to_owned()]));
            }
        }
        if transport == "avito" {
            let code = strict::text(credentials, "code")?.to_owned();
            if !self.used_codes.insert(code) {
                return Err(error(
                    400,
                    "VALIDATION_FAILED",
                    "The authorization code was used before",
                    &["code is invalid".to_owned()],
                ));
            }
        }
        Ok(Value::Object(credentials.clone()))
    }

    fn reinit(&mut self, account: &str, id: &str, request: &Request, now: Millis) -> Result<Answer> {
        self.own(account, id)?;
        let body = object(request.content_type.as_deref(), &request.body)?;
        check(&body, &[required("credentials")])?;
        let Some(channel) = self.channels.get(id).filter(|channel| !channel.deleted) else {
            return Err(missing("channel"));
        };
        let transport = channel.transport.clone();
        if transport == "vk" {
            return Err(invalid(&[
                "vk is reconnected by POST /v2/iframe-links/channels".to_owned()
            ]));
        }
        let credentials = self.credentials(&transport, &body)?;
        self.restart(id, credentials, now);
        let Some(channel) = self.channels.get(id) else {
            return Err(missing("channel"));
        };
        let item = json!({
            "channel_id": id, "transport": transport, "state": channel.status, "phone": channel.phone.clone().unwrap_or_default(),
            "messenger_id": channel.phone.clone().unwrap_or_default(), "tariff": "max", "name": channel.name.clone().unwrap_or_default(),
        });
        Ok(Answer {
            status: 200,
            body: envelope(&json!([item]), now),
        })
    }

    fn two_factor(&mut self, account: &str, id: &str, request: &Request, now: Millis) -> Result<Answer> {
        self.own(account, id)?;
        let body = object(request.content_type.as_deref(), &request.body)?;
        check(&body, &[required("two_factor_code"), required("transport")])?;
        let (code, transport) = (
            strict::text(&body, "two_factor_code")?,
            strict::text(&body, "transport")?,
        );
        self.keep_secret(code);
        let Some(channel) = self.channels.get(id).filter(|channel| channel.transport == transport) else {
            return Err(invalid(&["transport is not the channel's".to_owned()]));
        };
        let Phase::Password(phone) = channel.phase.clone() else {
            return Err(error(
                400,
                "CHANNEL_STATE",
                "The channel does not wait for a password",
                &[],
            ));
        };
        if self.passwords.get(transport).is_some_and(|password| password != code) {
            return Err(error(
                400,
                "VALIDATION_FAILED",
                "The messenger refused the password",
                &["two_factor_code is invalid".to_owned()],
            ));
        }
        self.log_in(id, &phone, now);
        Ok(Answer {
            status: 200,
            body: envelope(&Value::Null, now),
        })
    }

    fn pairing(&mut self, account: &str, id: &str, request: &Request, now: Millis) -> Result<Answer> {
        self.own(account, id)?;
        let body = object(request.content_type.as_deref(), &request.body)?;
        check(&body, &[optional("pairing_phone"), required("transport")])?;
        let phone = strict::text(&body, "pairing_phone")?.to_owned();
        if !phone.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid(&[
                "pairing_phone must be a number string without '+'".to_owned()
            ]));
        }
        if strict::text(&body, "transport")? != "whatsapp" {
            return Err(invalid(&["transport must be whatsapp".to_owned()]));
        }
        if self
            .channels
            .get(id)
            .is_none_or(|channel| channel.transport != "whatsapp" || channel.qr().is_none())
        {
            return Err(error(400, "QR_EXPIRED", "The QR code has expired", &[]));
        }
        let code = format!("LYY{:05}", self.next());
        self.keep_secret(&code);
        let item = json!({"pairing_code": code, "pairing_phone": phone});
        Ok(Answer {
            status: 200,
            body: envelope(&json!([item]), now),
        })
    }

    fn delete(&mut self, account: &str, id: &str, request: &Request, now: Millis) -> Result<Answer> {
        self.own(account, id)?;
        let mut with_chats = false;
        for (name, value) in &request.query {
            match (name.as_str(), value.as_str()) {
                ("delete_chats", "true") => with_chats = true,
                ("delete_chats", "false") => with_chats = false,
                ("delete_chats", _) => return Err(invalid(&["delete_chats must be a boolean".to_owned()])),
                (other, _) => return Err(invalid(&[format!("property {other} should not exist")])),
            }
        }
        if self.channels.get(id).is_some_and(|channel| channel.deleted) {
            return Err(error(400, "CHANNEL_DELETED", "The channel was deleted before", &[]));
        }
        self.emit(id, "channel.delete", &json!({"channel_id": id}), now);
        if let Some(channel) = self.channels.get_mut(id) {
            channel.deleted = true;
            channel.chats_deleted = with_chats;
            channel.phase = Phase::Settled;
            "disabled".clone_into(&mut channel.status);
            channel.reason = None;
        }
        Ok(Answer {
            status: 200,
            body: envelope(&Value::Null, now),
        })
    }

    fn iframe(&mut self, account: &str, request: &Request, now: Millis) -> Result<Answer> {
        let body = object(request.content_type.as_deref(), &request.body)?;
        check(&body, &[required("options")])?;
        let Some(Value::Object(options)) = body.get("options") else {
            return Err(invalid(&["options must be an object".to_owned()]));
        };
        check(options, &[optional("transport"), optional("channel_id")])?;
        let transport = if options.contains_key("transport") {
            strict::text(options, "transport")?
        } else {
            "choose"
        };
        if transport != "choose" && !IFRAME.contains(&transport) {
            return Err(invalid(&[format!("transport must be one of {}", IFRAME.join(", "))]));
        }
        let transport = transport.to_owned();
        let target = if options.contains_key("channel_id") {
            let id = strict::text(options, "channel_id")?.to_owned();
            self.own(account, &id)?;
            id
        } else {
            "new".to_owned()
        };
        let token = format!("link-{:08}", self.next());
        let link = format!("https://app.wazzup24.com/iframe/{account}/{transport}/{target}?token={token}");
        self.keep_secret(&token);
        Ok(Answer {
            status: 200,
            body: envelope(&json!({"link": link}), now),
        })
    }

    /// Whether a transport is connected by QR.
    pub fn is_qr(transport: &str) -> bool {
        QR_TRANSPORTS.contains(&transport)
    }
}
