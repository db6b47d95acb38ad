//! A real QR picture.

use base64::{Engine, engine::general_purpose::STANDARD};
use qrcode::{Color, QrCode};

/// Pixels for one module.
const SCALE: usize = 4;
/// Modules of white around it.
const QUIET: usize = 4;

/// The picture of a text as `data:image/png;base64,…`.
pub(crate) fn data_uri(text: &str) -> String {
    format!(
        "data:image/png;base64,{}",
        STANDARD.encode(png(text).unwrap_or_default())
    )
}

fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::new(text).ok()?;
    let (modules, colors) = (code.width(), code.to_colors());
    let side = (modules + 2 * QUIET) * SCALE;
    let mut pixels = vec![255_u8; side * side];
    for (at, _) in colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        let (left, top) = ((at % modules + QUIET) * SCALE, (at / modules + QUIET) * SCALE);
        for row in top..top + SCALE {
            pixels[row * side + left..row * side + left + SCALE].fill(0);
        }
    }
    let mut bytes = Vec::new();
    let length = u32::try_from(side).ok()?;
    let mut encoder = png::Encoder::new(&mut bytes, length, length);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(bytes)
}
