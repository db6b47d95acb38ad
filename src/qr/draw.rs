//! From what a QR says to a PNG and to text.

use qrcode::{Color, EcLevel, QrCode, render::unicode::Dense1x2};

use super::Unpaintable;

/// Black on white, both from the fixed part of the 256-colour table: a theme moves the first sixteen.
const BLACK_ON_WHITE: &str = "\u{1b}[38;5;16;48;5;231m";
const RESET: &str = "\u{1b}[0m";
/// Light modules around the code, as the standard wants.
const QUIET_ZONE: usize = 4;
/// Pixels per module in our own PNG.
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
    let colors = code.to_colors();
    let (modules, side) = (code.width(), (code.width() + 2 * QUIET_ZONE) * MODULE);
    let dark = |x: usize, y: usize| {
        let inside = |at: usize| (at / MODULE).checked_sub(QUIET_ZONE).filter(|at| *at < modules);
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if colors[y * modules + x] == Color::Dark)
    };
    // A side is a multiple of eight, so no row ends in the midst of a byte.
    let rows = (0..side).flat_map(|y| {
        (0..side / 8).map(move |byte| (0..8).fold(0_u8, |bits, bit| bits << 1 | u8::from(!dark(byte * 8 + bit, y))))
    });
    let pixels: Vec<u8> = rows.collect();
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
