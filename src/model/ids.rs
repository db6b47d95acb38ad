//! Identifiers, parsed once at the door.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(&'static str);

/// A channel's id at Wazzup: an opaque word. Production uses UUIDs, the documentation's examples are shortened ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelId(String);

/// The digits-only id of an end-customer account at Wazzup; the cabinet shows it with a dash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RemoteAccountId(String);

/// A phone number as the pairing endpoint wants it: digits alone, no `+`.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone(String);

/// An id travels in URL paths, so it may hold nothing that would change one.
fn word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl ChannelId {
    /// Parses an id: 1 to 128 letters, digits, `-` or `_`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if word(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId("a channel id has 1 to 128 letters, digits, '-' or '_'"))
        }
    }

    /// The id as Wazzup writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RemoteAccountId {
    /// Parses an account id, with or without the cabinet's dash.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let digits: String = text.chars().filter(|letter| *letter != '-').collect();
        if !digits.is_empty() && digits.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(InvalidId("an account id has 1 to 32 digits"))
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Phone {
    /// Parses a phone number: 5 to 15 digits.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if (5..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId("a phone number has 5 to 15 digits and nothing else, no '+'"))
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RemoteAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(<redacted>)")
    }
}

impl TryFrom<String> for ChannelId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<ChannelId> for String {
    fn from(id: ChannelId) -> Self {
        id.0
    }
}

impl TryFrom<String> for RemoteAccountId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<RemoteAccountId> for String {
    fn from(id: RemoteAccountId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_id_cannot_change_a_path() {
        for hostile in ["", "../x", "a/b", "a%2eb", "a b", "a\r\nb", "ид", &"x".repeat(129)] {
            assert!(ChannelId::parse(hostile).is_err(), "{hostile:?}");
        }
        assert!(ChannelId::parse("808e0654-d0f5-4926-a7fa-0123456789ab").is_ok());
        assert!(ChannelId::parse("0b1f701-1e21-4ae8-b105-5028f6a").is_ok());
    }

    #[test]
    fn an_account_id_is_the_same_with_or_without_its_dash() {
        assert_eq!(RemoteAccountId::parse("1234-5678"), RemoteAccountId::parse("12345678"));
        assert!(RemoteAccountId::parse("12a").is_err());
    }

    #[test]
    fn a_phone_has_digits_alone() {
        assert!(Phone::parse("79999999999").is_ok());
        for wrong in ["+79999999999", "7 999", "1234", "", "1234567890123456"] {
            assert!(Phone::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
