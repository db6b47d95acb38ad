//! A channel as Wazzup shows it.

use super::{ChannelId, Transport};

/// `status` of a channel (Channels page, "Get channel information"); an unknown word is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// `active`
    Active,
    /// `init`: starting up.
    Init,
    /// `disabled`: removed from subscription, logged out, or deleted while keeping messages.
    Disabled,
    /// Any other word, as written.
    Other(String),
}

/// `reason` of a status (Channels page); the deprecated `state` is read with the same words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// `wait_for_password`: the messenger's two-factor password is needed.
    WaitForPassword,
    /// `wait_for_code`: a code that no documented endpoint takes.
    WaitForCode,
    /// `qr`: a QR waits to be scanned.
    Qr,
    /// `sync`: the service is catching up.
    Sync,
    /// `blocked`: blocked by the messenger.
    Blocked,
    /// `not_enough_money`: unpaid.
    NotEnoughMoney,
    /// `rejected`: the WABA channel was rejected.
    Rejected,
    /// `unauthorized`: logged out, or the credentials no longer serve.
    Unauthorized,
    /// `foreignphone`: scanned with another phone.
    ForeignPhone,
    /// `qridle`: the QR ran out unscanned.
    QrIdle,
    /// `openelsewhere`: authorized in another Wazzup account.
    OpenElsewhere,
    /// Any other word, as written.
    Other(String),
}

/// One item of `GET /v2/channels`. Only the id is certain: the rest is missing in the documentation's own examples and
/// in production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteChannel {
    /// The id.
    pub id: ChannelId,
    /// The transport's name as written; open, since the service knows more transports than this operator.
    pub transport: String,
    /// `status`, or what the deprecated `state` tells when it is missing.
    pub status: Option<Status>,
    /// `reason`; `null`, `"null"`, empty and absent are `None`, then derived from `state` where that tells.
    pub reason: Option<Reason>,
    /// Phone number; a bot's user name for bots.
    pub phone: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// The channel's identifier in the messenger.
    pub messenger_id: Option<String>,
    /// The channel's name.
    pub name: Option<String>,
    /// The channel's URL, or its authorization URL while it is connecting.
    pub url: Option<String>,
    /// WABA messaging tier, `TIER_…`.
    pub tier: Option<String>,
    /// Price plan.
    pub tariff: Option<String>,
}

impl RemoteChannel {
    /// A channel of which only the id and the transport are known.
    pub fn bare(id: ChannelId, transport: &str) -> Self {
        Self {
            id,
            transport: transport.to_owned(),
            status: None,
            reason: None,
            phone: None,
            username: None,
            messenger_id: None,
            name: None,
            url: None,
            tier: None,
            tariff: None,
        }
    }

    /// Whether the channel is of this transport.
    pub fn is(&self, transport: Transport) -> bool {
        self.transport == transport.as_str()
    }

    /// Whether a person has ever logged in: an unscanned channel has neither phone nor messenger identity.
    pub fn was_scanned(&self) -> bool {
        let told = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.is_empty());
        self.status == Some(Status::Active) || told(&self.phone) || told(&self.username) || told(&self.messenger_id)
    }
}

impl Status {
    /// Reads a status word, case aside.
    pub fn parse(word: &str) -> Self {
        match folded(word).as_str() {
            "active" => Self::Active,
            "init" => Self::Init,
            "disabled" => Self::Disabled,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// The API's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Init => "init",
            Self::Disabled => "disabled",
            Self::Other(word) => word,
        }
    }
}

impl Reason {
    /// Reads a reason or a `state` word; case and underscores aside, since the old vocabulary spells `notEnoughMoney`.
    pub fn parse(word: &str) -> Self {
        match folded(word).as_str() {
            "waitforpassword" => Self::WaitForPassword,
            "waitforcode" => Self::WaitForCode,
            "qr" => Self::Qr,
            "sync" => Self::Sync,
            "blocked" => Self::Blocked,
            "notenoughmoney" => Self::NotEnoughMoney,
            "rejected" => Self::Rejected,
            "unauthorized" => Self::Unauthorized,
            "foreignphone" => Self::ForeignPhone,
            "qridle" => Self::QrIdle,
            "openelsewhere" => Self::OpenElsewhere,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// The API's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::WaitForPassword => "wait_for_password",
            Self::WaitForCode => "wait_for_code",
            Self::Qr => "qr",
            Self::Sync => "sync",
            Self::Blocked => "blocked",
            Self::NotEnoughMoney => "not_enough_money",
            Self::Rejected => "rejected",
            Self::Unauthorized => "unauthorized",
            Self::ForeignPhone => "foreignphone",
            Self::QrIdle => "qridle",
            Self::OpenElsewhere => "openelsewhere",
            Self::Other(word) => word,
        }
    }

    /// The status under which the documentation lists this reason; `None` for words it does not know.
    pub const fn implied_status(&self) -> Option<Status> {
        match self {
            Self::WaitForPassword | Self::WaitForCode | Self::Qr | Self::Sync => Some(Status::Init),
            Self::Blocked
            | Self::NotEnoughMoney
            | Self::Rejected
            | Self::Unauthorized
            | Self::ForeignPhone
            | Self::QrIdle
            | Self::OpenElsewhere => Some(Status::Disabled),
            Self::Other(_) => None,
        }
    }
}

fn folded(word: &str) -> String {
    word.chars()
        .filter(|letter| *letter != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_old_vocabulary_mean_the_same() {
        assert_eq!(Reason::parse("openElsewhere"), Reason::OpenElsewhere);
        assert_eq!(Reason::parse("notEnoughMoney"), Reason::NotEnoughMoney);
        assert_eq!(Reason::parse("onModeration"), Reason::Other("onModeration".into()));
        assert_eq!(Status::parse("Active"), Status::Active);
        assert_eq!(Status::parse("paused"), Status::Other("paused".into()));
    }
}
