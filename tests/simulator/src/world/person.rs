//! What people do: scan, follow a link, pay or not, log out, work in the cabinet.

use serde_json::json;

use super::{Millis, World, life::Phase};

/// Why a person's act had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonError {
    /// No channel shows that QR (any more).
    DeadQr,
    /// No such link.
    DeadLink,
    /// No such channel.
    NoChannel,
}

impl World {
    /// Scans a QR with a phone. Which channel it is, only the QR tells.
    pub fn scan(&mut self, payload: &str, phone: &str, now: Millis) -> Result<String, PersonError> {
        let found = self
            .channels
            .values()
            .find(|channel| !channel.deleted && channel.qr() == Some(payload));
        let channel = found.ok_or(PersonError::DeadQr)?;
        let (id, transport, owner) = (channel.id.clone(), channel.transport.clone(), channel.phone.clone());
        if owner.is_some_and(|owner| owner != phone) {
            self.settle(&id, "disabled", Some("foreignphone"), now);
        } else if self.passwords.contains_key(&transport) {
            if let Some(channel) = self.channels.get_mut(&id) {
                channel.phase = Phase::Password(phone.to_owned());
            }
            self.set(&id, "init", Some("wait_for_password"), now);
        } else {
            self.log_in(&id, phone, now);
        }
        Ok(id)
    }

    pub(crate) fn log_in(&mut self, id: &str, phone: &str, now: Millis) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.phase = Phase::Sync(now, phone.to_owned());
        }
        self.set(id, "init", Some("sync"), now);
    }

    /// Follows a link: a WABA channel's `url`, or one from the iframe endpoint.
    pub fn follow_link(&mut self, link: &str, now: Millis) -> Result<String, PersonError> {
        let of_channel = self
            .channels
            .values()
            .find(|channel| !channel.deleted && channel.url.as_deref() == Some(link));
        if let Some(id) = of_channel.map(|channel| channel.id.clone()) {
            self.log_in(&id, "12025550123", now);
            return Ok(id);
        }
        let rest = link
            .strip_prefix("https://app.wazzup24.com/iframe/")
            .ok_or(PersonError::DeadLink)?;
        let mut parts = rest.split('/');
        let (Some(account), Some(transport), Some(target)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(PersonError::DeadLink);
        };
        let (account, transport) = (account.to_owned(), transport.to_owned());
        let target = target.split('?').next().unwrap_or_default().to_owned();
        if !self.accounts.contains_key(&account) {
            return Err(PersonError::DeadLink);
        }
        let id = if target == "new" {
            self.make(&account, &transport, json!({}), now)
        } else {
            target
        };
        if !self.channels.contains_key(&id) {
            return Err(PersonError::DeadLink);
        }
        self.log_in(&id, "vk_community", now);
        Ok(id)
    }

    /// From now on a login to this transport asks for a two-factor password (`None`: not any more).
    pub fn set_two_factor(&mut self, transport: &str, password: Option<&str>) {
        self.keep_secret(password.unwrap_or_default());
        match password {
            Some(password) => self.passwords.insert(transport.to_owned(), password.to_owned()),
            None => self.passwords.remove(transport),
        };
    }

    /// Channels with this bot token, code or user token are not paid for.
    pub fn refuse_to_pay(&mut self, token: &str) {
        self.unpaid_tokens.insert(token.to_owned());
    }

    /// The channel was paid for.
    pub fn pay(&mut self, id: &str, now: Millis) -> Result<(), PersonError> {
        let channel = self.channels.get(id).ok_or(PersonError::NoChannel)?;
        let token = channel
            .credentials
            .get("telegram_token")
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned);
        if let Some(token) = token {
            self.unpaid_tokens.remove(&token);
        }
        self.connect(id, "paid", now);
        Ok(())
    }

    /// The messenger does not accept this token any more: creates and reinits with it are refused.
    pub fn revoke_bot(&mut self, token: &str) {
        self.refused_tokens.insert(token.to_owned());
    }

    /// Sets status and reason by hand; nothing happens by itself then.
    pub fn set_status(&mut self, id: &str, status: &str, reason: Option<&str>, now: Millis) -> Result<(), PersonError> {
        if !self.channels.contains_key(id) {
            return Err(PersonError::NoChannel);
        }
        self.settle(id, status, reason, now);
        Ok(())
    }

    /// Somebody makes a channel in the cabinet.
    pub fn create_in_cabinet(&mut self, account: &str, transport: &str, now: Millis) -> String {
        self.make(account, transport, json!({}), now)
    }

    /// Somebody deletes a channel in the cabinet, for good.
    pub fn delete_in_cabinet(&mut self, id: &str, now: Millis) -> Result<(), PersonError> {
        if !self.channels.contains_key(id) {
            return Err(PersonError::NoChannel);
        }
        self.emit(id, "channel.delete", &json!({"channel_id": id}), now);
        self.channels.remove(id);
        Ok(())
    }
}
