//! QR payloads: texts, pictures that somebody else encoded, and codes whose modules are anything at all.

use base64::{Engine, engine::general_purpose::STANDARD};
use png::{BitDepth, ColorType, Encoder};
use wazzup_operator::qr::{Picture, Unpaintable};

pub(super) const PAYLOAD_WORDS: &[&[u8]] = &[
    b"data:image/png;base64,",
    b"DATA:Image/PNG;charset=utf-8;base64,",
    b"data:image/svg+xml;utf8,",
    b"iVBORw0KGgo",
    b"tg://login?token=",
    b"https://",
    b"viber://",
    b"2@",
    b",",
    b"=",
    b"\n",
];

pub(super) const PNG_WORDS: &[&[u8]] = &[
    b"\x89PNG\r\n\x1a\n",
    b"\0\0\0\rIHDR",
    b"PLTE",
    b"tRNS",
    b"IDAT",
    b"\0\0\0\0IEND",
    b"acTL",
    b"fcTL",
    b"iCCP",
    b"zTXt",
    b"\x10\x06\0\0\x01",
    b"\0\0\x08\0",
    b"\x7f\xff\xff\xff",
];

/// What the product promises of a picture in an object.
const LARGEST_PNG: usize = 700 << 10;

/// Any text as a payload.
pub(super) fn payload(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some(picture) = painted(&text) else {
        return;
    };
    let (Some(png), Some(drawn)) = (&picture.png, &picture.text) else {
        return;
    };
    // Whatever we draw, a phone reads: our own scanner does.
    if !text.trim().starts_with("data:") && !text.trim().starts_with("iVBORw0KGgo") {
        let again = painted(&data_uri(png.reveal()));
        let again = again.and_then(|again| again.text);
        assert!(again.as_ref() == Some(drawn), "a code that was drawn is not read");
    }
}

/// Any bytes as the picture of a payload, mended so far that a decoder goes on.
pub(super) fn png(input: &[u8]) {
    painted(&data_uri(input));
    painted(&data_uri(&with_sums(input)));
}

/// Any bits as the modules of a code.
pub(super) fn modules(input: &[u8]) {
    let Some((version, bits)) = input.split_first() else {
        return;
    };
    let side = 21 + 4 * usize::from(*version % 40);
    let bit = |at: usize| bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
    let far = side - 7;
    // The corner marks and the timing lines make the scanner go on to what is in between.
    let dark = |x: usize, y: usize| {
        let mark = |left: usize, top: usize| {
            let (x, y) = (x.checked_sub(left)?, y.checked_sub(top)?);
            (x < 7 && y < 7).then(|| x.min(y).min(6 - x).min(6 - y) != 1)
        };
        let timing = |one: usize, along: usize| (one == 6 && along > 7 && along < side - 8).then_some(along % 2 == 0);
        mark(0, 0)
            .or_else(|| mark(far, 0))
            .or_else(|| mark(0, far))
            .or_else(|| timing(x, y))
            .or_else(|| timing(y, x))
            .unwrap_or_else(|| bit(y * side + x))
    };
    let pixels: Vec<u8> = (0..side * side)
        .map(|at| if dark(at % side, at / side) { 0 } else { 255 })
        .collect();
    let mut bytes = Vec::new();
    let width = u32::try_from(side).unwrap_or(21);
    let mut encoder = Encoder::new(&mut bytes, width, width);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels));
    assert!(written.is_ok());
    let picture = painted(&data_uri(&bytes));
    assert!(
        picture.is_some_and(|picture| picture.png.is_some()),
        "a good picture was refused"
    );
}

fn data_uri(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

/// The pictures of a payload, which must keep their promises.
fn painted(payload: &str) -> Option<Picture> {
    let picture = Picture::from_payload(payload);
    assert!(
        picture == Picture::from_payload(payload),
        "the same payload, the same pictures"
    );
    let picture = match picture {
        Ok(picture) => picture,
        Err(why) => {
            assert!(why != Unpaintable::Empty || payload.trim().is_empty());
            return None;
        }
    };
    if let Some(png) = &picture.png {
        assert!(png.reveal().starts_with(b"\x89PNG\r\n\x1a\n") && png.reveal().len() <= LARGEST_PNG);
    }
    if let Some(text) = &picture.text {
        let mut widths = text.reveal().lines().map(|line| line.chars().count());
        let first = widths.next();
        assert!(
            first.is_some() && widths.all(|width| Some(width) == first),
            "a ragged drawing"
        );
    }
    if let Some(link) = &picture.link {
        assert!(link.reveal().contains("://") && !link.reveal().contains(char::is_whitespace));
    }
    let other = |there: bool| there.then(String::new);
    let blotted = Picture {
        png: picture.png.is_some().then(|| Vec::new().into()),
        text: other(picture.text.is_some()).map(Into::into),
        link: other(picture.link.is_some()).map(Into::into),
    };
    assert_eq!(format!("{picture:?}"), format!("{blotted:?}"), "a code was printed");
    Some(picture)
}

/// The same bytes as PNG chunks with right check sums: a decoder stops at a wrong one.
fn with_sums(input: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut rest = input.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap_or(input);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let end = length.saturating_add(4).min(after.len());
        let (chunk, after) = after.split_at(end);
        let data = u32::try_from(chunk.len().saturating_sub(4)).unwrap_or(0);
        bytes.extend(data.to_be_bytes());
        bytes.extend(chunk);
        bytes.extend(crc(chunk).to_be_bytes());
        rest = after.get(4..).unwrap_or(&[]);
    }
    bytes
}

/// The check sum of a PNG chunk.
fn crc(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}
