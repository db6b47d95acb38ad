//! Messengers, and how a channel of each is connected.

use std::{fmt, str::FromStr};

/// A channel type as `POST /v2/channels` names it (Channels page, "Creating a channel"); `vk` comes by iframe link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// `WhatsApp` by QR or pairing code.
    Whatsapp,
    /// WhatsApp Business API (WABA) by link.
    Wapi,
    /// Telegram bot by token.
    Telegram,
    /// Telegram personal account by QR.
    Tgapi,
    /// Instagram API by page and user token.
    InstApi,
    /// Viber by QR.
    Viber,
    /// Avito by authorization code.
    Avito,
    /// MAX by QR.
    Max,
    /// MAX bot by token.
    MaxBot,
    /// `VKontakte` by iframe link.
    Vk,
}

/// What connects a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// Credentials from a Secret, under the API's own key names, are all it takes.
    Secret {
        /// The keys that the Secret must hold.
        keys: &'static [&'static str],
        /// Whether the same credentials may be sent again (an Avito code serves once).
        reusable: bool,
    },
    /// A person scans a QR code that arrives by webhook.
    Qr,
    /// A person follows the link in the channel's `url`.
    Link,
    /// A person follows a link from `POST /v2/iframe-links/channels`; the channel is found afterwards.
    Iframe,
}

/// A word that names no transport known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown transport")]
pub struct UnknownTransport;

impl Transport {
    /// Every transport, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Whatsapp,
        Self::Wapi,
        Self::Telegram,
        Self::Tgapi,
        Self::InstApi,
        Self::Viber,
        Self::Avito,
        Self::Max,
        Self::MaxBot,
        Self::Vk,
    ];

    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Wapi => "wapi",
            Self::Telegram => "telegram",
            Self::Tgapi => "tgapi",
            Self::InstApi => "instAPI",
            Self::Viber => "viber",
            Self::Avito => "avito",
            Self::Max => "max",
            Self::MaxBot => "maxbot",
            Self::Vk => "vk",
        }
    }

    /// What connects a channel of this transport.
    pub const fn login(self) -> Login {
        match self {
            Self::Telegram => Login::Secret {
                keys: &["telegram_token"],
                reusable: true,
            },
            Self::MaxBot => Login::Secret {
                keys: &["access_token"],
                reusable: true,
            },
            Self::Avito => Login::Secret {
                keys: &["code"],
                reusable: false,
            },
            Self::InstApi => Login::Secret {
                keys: &["username", "page_id", "inst_id", "user_token"],
                reusable: true,
            },
            Self::Whatsapp | Self::Tgapi | Self::Viber | Self::Max => Login::Qr,
            Self::Wapi => Login::Link,
            Self::Vk => Login::Iframe,
        }
    }

    /// The Secret keys that this transport needs; none for the transports that a person connects.
    pub const fn credential_keys(self) -> &'static [&'static str] {
        match self.login() {
            Login::Secret { keys, .. } => keys,
            Login::Qr | Login::Link | Login::Iframe => &[],
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Transport {
    type Err = UnknownTransport;
    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        Self::ALL
            .into_iter()
            .find(|transport| transport.as_str() == text)
            .ok_or(UnknownTransport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_is_read_back_by_its_name() {
        for transport in Transport::ALL {
            assert_eq!(transport.as_str().parse(), Ok(transport));
        }
        assert_eq!("cian".parse::<Transport>(), Err(UnknownTransport));
    }
}
