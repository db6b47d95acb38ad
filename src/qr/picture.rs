//! The pictures of one payload.

use super::{draw, payload, payload::Payload, scan};
use crate::model::Sensitive;

/// Why a payload cannot be shown. It never quotes the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unpaintable {
    /// Nothing in it.
    #[error("the QR payload is empty")]
    Empty,
    /// A data URI that ends before its data.
    #[error("the QR payload is a data URI without data")]
    NoData,
    /// Another kind of picture.
    #[error("the QR payload is not a PNG picture")]
    NotPng,
    /// The data cannot be decoded.
    #[error("the QR payload is not valid base64")]
    BrokenBase64,
    /// A PNG that does not decode.
    #[error("the QR picture is a broken PNG")]
    BrokenPng,
    /// It would not fit an object.
    #[error("the QR picture is larger than 410 KiB")]
    TooManyBytes,
    /// Wider or higher than the limit.
    #[error("the QR picture is wider or higher than 2048 pixels")]
    TooManyPixels,
    /// No QR holds so much.
    #[error("the code is too long for a QR")]
    TextTooLong,
}

/// What people are shown. `Debug` shows none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// A PNG that a browser shows: the delivered one, or ours of a text code.
    pub png: Option<Sensitive<Vec<u8>>>,
    /// Lines of half blocks with colour sequences, for a terminal; `None` when no QR was found in the picture.
    pub text: Option<Sensitive<String>>,
    /// What the QR says, where that is a link that can be opened instead of scanned.
    pub link: Option<Sensitive<String>>,
}

impl Picture {
    /// The pictures of a payload as delivered: `data:image/png;base64,…` (or its base64 alone), or a plain text code.
    pub fn from_payload(payload: &str) -> Result<Self, Unpaintable> {
        match payload::read(payload)? {
            Payload::Text(text) => {
                let code = draw::code(text.as_bytes())?;
                Ok(Self {
                    png: Some(draw::png(&code)?.into()),
                    text: Some(draw::text(&code).into()),
                    link: link(text.as_bytes()),
                })
            }
            Payload::Png(bytes) => {
                let content = scan::read(&scan::decode(&bytes)?);
                let code = content.as_deref().and_then(|content| draw::code(content).ok());
                Ok(Self {
                    png: Some(bytes.into()),
                    text: code.map(|code| draw::text(&code).into()),
                    link: content.as_deref().and_then(link),
                })
            }
        }
    }
}

/// `tg://login?token=…` and web links; anything else can only be scanned.
fn link(content: &[u8]) -> Option<Sensitive<String>> {
    let text = std::str::from_utf8(content).ok()?;
    let opens = ["https://", "tg://", "viber://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    let clean = !text.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    (opens && clean).then(|| Sensitive::new(text.to_owned()))
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
