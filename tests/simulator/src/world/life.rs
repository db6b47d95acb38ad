//! What a channel does by itself.

use serde_json::{Value, json};

use super::{Millis, World};
use crate::picture;

/// A channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// Its account.
    pub account: String,
    /// Its transport.
    pub transport: String,
    /// `active`, `init`, `disabled`.
    pub status: String,
    /// The reason, if any.
    pub reason: Option<String>,
    /// Phone number, or a bot's name.
    pub phone: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// URL, or authorization URL.
    pub url: Option<String>,
    /// WABA tier.
    pub tier: Option<String>,
    /// What it was created or reinitialized with.
    pub credentials: Value,
    /// Whether it was deleted (and perhaps is still listed).
    pub deleted: bool,
    /// Whether its chats were deleted with it.
    pub chats_deleted: bool,
    /// When it was made.
    pub created: Millis,
    /// How often it was reinitialized.
    pub reinits: u32,
    pub(crate) phase: Phase,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Starting up since then.
    Starting(Millis),
    /// Showing the n-th QR since then.
    Qr { since: Millis, count: u32, payload: String },
    /// Waits for the two-factor password; the phone that scanned.
    Password(String),
    /// Catching up since then; the phone that scanned.
    Sync(Millis, String),
    /// Nothing happens by itself.
    Settled,
}

pub(crate) const QR_TRANSPORTS: [&str; 4] = ["whatsapp", "tgapi", "viber", "max"];
pub(crate) const SECRET_TRANSPORTS: [&str; 4] = ["telegram", "maxbot", "avito", "instAPI"];

impl Channel {
    /// The QR that is shown now.
    pub fn qr(&self) -> Option<&str> {
        match &self.phase {
            Phase::Qr { payload, .. } => Some(payload),
            Phase::Starting(_) | Phase::Password(_) | Phase::Sync(..) | Phase::Settled => None,
        }
    }
}

impl World {
    /// Makes a channel and lets it start.
    pub(crate) fn make(&mut self, account: &str, transport: &str, credentials: Value, now: Millis) -> String {
        let id = self.new_id();
        let number = self.serial;
        let channel = Channel {
            id: id.clone(),
            account: account.to_owned(),
            transport: transport.to_owned(),
            status: "init".to_owned(),
            reason: None,
            phone: None,
            username: None,
            name: None,
            url: (transport == "wapi").then(|| format!("https://gs.tc.im/{number:x}")),
            tier: None,
            credentials,
            deleted: false,
            chats_deleted: false,
            created: now,
            reinits: 0,
            phase: Phase::Starting(now),
        };
        self.channels.insert(id.clone(), channel);
        self.emit(
            &id,
            "channel.create",
            &json!({"channel_id": id, "transport": transport}),
            now,
        );
        if self.timings.start == 0 {
            self.live(&id, now);
        }
        id
    }

    pub(crate) fn live(&mut self, id: &str, now: Millis) {
        let Some(channel) = self.channels.get(id).filter(|channel| !channel.deleted) else {
            return;
        };
        let timings = self.timings;
        match channel.phase.clone() {
            Phase::Starting(since) if now >= since + timings.start => self.begin(id, now),
            Phase::Qr { since, count, .. } if now >= since + timings.qr => {
                if count >= timings.qr_count {
                    self.settle(id, "disabled", Some("qridle"), now);
                } else {
                    self.show_qr(id, count + 1, now);
                }
            }
            Phase::Sync(since, phone) if now >= since + timings.sync => self.connect(id, &phone, now),
            Phase::Starting(_) | Phase::Qr { .. } | Phase::Sync(..) | Phase::Password(_) | Phase::Settled => {}
        }
    }

    /// The first state after a start.
    fn begin(&mut self, id: &str, now: Millis) {
        let Some(channel) = self.channels.get(id) else { return };
        let (transport, credentials) = (channel.transport.clone(), channel.credentials.clone());
        let token = ["telegram_token", "access_token", "code", "user_token"]
            .iter()
            .find_map(|field| credentials.get(field).and_then(Value::as_str))
            .unwrap_or_default()
            .to_owned();
        if QR_TRANSPORTS.contains(&transport.as_str()) {
            self.set(id, "init", Some("qr"), now);
            self.show_qr(id, 1, now);
        } else if self.unpaid_tokens.contains(&token) {
            self.settle(id, "disabled", Some("not_enough_money"), now);
        } else if self.refused_tokens.contains(&token) {
            self.settle(id, "disabled", Some("unauthorized"), now);
        } else if SECRET_TRANSPORTS.contains(&transport.as_str()) {
            let name = match transport.as_str() {
                "instAPI" => credentials
                    .get("username")
                    .and_then(Value::as_str)
                    .unwrap_or("insta")
                    .to_owned(),
                "avito" => "avito_shop".to_owned(),
                "maxbot" => "max_shop_bot".to_owned(),
                _ => format!("bot_{}", token.split(':').next().unwrap_or("x")),
            };
            self.connect(id, &name, now);
        } else if let Some(channel) = self.channels.get_mut(id) {
            // wapi waits for its link to be followed.
            channel.phase = Phase::Settled;
        }
    }

    pub(crate) fn connect(&mut self, id: &str, phone: &str, now: Millis) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.phone = Some(phone.to_owned());
            channel.username = Some(phone.to_owned());
            channel.name = Some(phone.to_owned());
            channel.url = None;
            channel.tier = (channel.transport == "wapi").then(|| "TIER_250".to_owned());
        }
        self.settle(id, "active", None, now);
    }

    pub(crate) fn settle(&mut self, id: &str, status: &str, reason: Option<&str>, now: Millis) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.phase = Phase::Settled;
        }
        self.set(id, status, reason, now);
    }

    /// Changes status and reason, and says so.
    pub(crate) fn set(&mut self, id: &str, status: &str, reason: Option<&str>, now: Millis) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.status == status && channel.reason.as_deref() == reason {
            return;
        }
        status.clone_into(&mut channel.status);
        channel.reason = reason.map(str::to_owned);
        let item = json!({"channel_id": id, "status": status, "reason": reason});
        self.emit(id, "channel.status_update", &item, now);
    }

    pub(crate) fn show_qr(&mut self, id: &str, count: u32, now: Millis) {
        let payload = format!("wazzup-login-{}-{}", id, self.next());
        self.keep_secret(&payload);
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.phase = Phase::Qr {
            since: now,
            count,
            payload: payload.clone(),
        };
        let transport = channel.transport.clone();
        let item = json!({"channel_id": id, "platform": transport, "qr_code": picture::data_uri(&payload)});
        self.emit(id, "channel.qr_update", &item, now);
    }

    /// Starts a channel anew.
    pub(crate) fn restart(&mut self, id: &str, credentials: Value, now: Millis) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if credentials.as_object().is_some_and(|fields| !fields.is_empty()) {
            channel.credentials = credentials;
        }
        channel.reinits += 1;
        channel.phase = Phase::Starting(now);
        if channel.transport == "wapi" {
            channel.url = Some(format!("https://gs.tc.im/again-{}", channel.reinits));
        }
        self.set(id, "init", None, now);
    }
}
