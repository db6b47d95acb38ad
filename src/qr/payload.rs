//! What a payload is: an embedded PNG, or a text code.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::Unpaintable;

/// A PNG may have so many bytes: with the payload beside it in base64, and the drawing for a terminal, it still fits an
/// object of 1 MiB.
pub(super) const LARGEST_PNG: usize = 410 << 10;
/// What a payload may have beside its base64: its head, line breaks.
pub(super) const BESIDE: usize = 1024;

/// How every PNG begins once it is in base64.
const PNG_IN_BASE64: &str = "iVBORw0KGgo";
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A payload, told apart.
pub(super) enum Payload {
    /// Bytes that begin like a PNG; nothing more is known of them.
    Png(Vec<u8>),
    /// A text code.
    Text(String),
}

pub(super) fn read(payload: &str) -> Result<Payload, Unpaintable> {
    let payload = payload.trim();
    if payload.is_empty() {
        return Err(Unpaintable::Empty);
    }
    let encoded = if starts_with(payload, "data:") {
        let (header, data) = payload.split_once(',').ok_or(Unpaintable::NoData)?;
        let mut words = header["data:".len()..].split(';').map(str::trim);
        if !words
            .next()
            .is_some_and(|media| media.eq_ignore_ascii_case("image/png"))
        {
            return Err(Unpaintable::NotPng);
        }
        if !words.any(|word| word.eq_ignore_ascii_case("base64")) {
            return Err(Unpaintable::BrokenBase64);
        }
        data
    } else if payload.starts_with(PNG_IN_BASE64) {
        payload
    } else {
        return Ok(Payload::Text(payload.to_owned()));
    };
    if encoded.len() > LARGEST_PNG / 3 * 4 + BESIDE {
        return Err(Unpaintable::TooManyBytes);
    }
    let bytes = decode(encoded).ok_or(Unpaintable::BrokenBase64)?;
    if bytes.len() > LARGEST_PNG {
        return Err(Unpaintable::TooManyBytes);
    }
    if !bytes.starts_with(PNG_SIGNATURE) {
        return Err(Unpaintable::NotPng);
    }
    Ok(Payload::Png(bytes))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Either alphabet, with or without padding and line breaks: senders differ.
fn decode(encoded: &str) -> Option<Vec<u8>> {
    let joined: String = encoded.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if joined.contains(['-', '_']) {
        alphabet::URL_SAFE
    } else {
        alphabet::STANDARD
    };
    GeneralPurpose::new(&alphabet, config).decode(joined).ok()
}
