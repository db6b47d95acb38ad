//! From what a QR says to a PNG and to text.

use qrcode::{Color, EcLevel, QrCode, render::unicode::Dense1x2};

use super::Unpaintable;

/// Black on white, both from the fixed part of the 256-colour table: a theme moves the first sixteen.
const BLACK_ON_WHITE: &str = "\u{1b}[38;5;16;48;5;231m";
const RESET: &str = "\u{1b}[0m";
/// Light modules around the code, as the standard wants.
const QUIET_ZONE: usize = 4;
/// Pixels per module in our own PNG: of one bit each, a byte.
const MODULE: usize = 8;

/// A QR of the lowest error correction: it is shown on screens, where small is what helps.
pub(super) fn code(content: &[u8]) -> Result<QrCode, Unpaintable> {
    QrCode::with_error_correction_level(content, EcLevel::L).map_err(|_| Unpaintable::TextTooLong)
}

/// Half blocks in explicit colours, so that it scans on dark and light terminals alike.
pub(super) fn text(code: &QrCode) -> String {
    let plain = code.render::<Dense1x2>().module_dimensions(1, 1).build();
    let mut text = String::new();
    for line in plain.lines() {
        text.extend([BLACK_ON_WHITE, line, RESET, "\n"]);
    }
    text
}

/// A black and white PNG, one bit per pixel.
pub(super) fn png(code: &QrCode) -> Result<Vec<u8>, Unpaintable> {
    let (modules, side) = (code.width(), (code.width() + 2 * QUIET_ZONE) * MODULE);
    let blank = vec![u8::MAX; side / 8];
    let mut pixels = blank.repeat(QUIET_ZONE * MODULE);
    for row in code.to_colors().chunks_exact(modules) {
        let mut line = blank.clone();
        for (byte, color) in line.iter_mut().skip(QUIET_ZONE).zip(row) {
            if *color == Color::Dark {
                *byte = 0;
            }
        }
        pixels.extend(line.repeat(MODULE));
    }
    pixels.extend(blank.repeat(QUIET_ZONE * MODULE));
    let pixels_per_side = u32::try_from(side).map_err(|_| Unpaintable::TextTooLong)?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels_per_side, pixels_per_side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .map_err(|_| Unpaintable::TextTooLong)?;
    Ok(bytes)
}
