//! From a PNG's bytes to what its QR says.

use std::{io::Cursor, panic::catch_unwind};

use png::{ColorType, Decoder, Limits, Transformations};

use super::Unpaintable;

/// A side may have so many pixels.
const LONGEST_SIDE: u32 = 2048;

/// A grey picture.
pub(super) struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Decodes a PNG of bounded size; whatever is broken in it is an error.
pub(super) fn decode(bytes: &[u8]) -> Result<Grey, Unpaintable> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 32 << 20 });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(|_| Unpaintable::BrokenPng)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > LONGEST_SIDE || height > LONGEST_SIDE {
        return Err(Unpaintable::TooManyPixels);
    }
    let mut raw = vec![0; reader.output_buffer_size().ok_or(Unpaintable::TooManyPixels)?];
    let frame = reader.next_frame(&mut raw).map_err(|_| Unpaintable::BrokenPng)?;
    let samples = frame.color_type.samples();
    let pixels = raw[..frame.buffer_size()]
        .chunks_exact(samples)
        .map(|pixel| brightness(frame.color_type, pixel))
        .collect();
    Ok(Grey {
        width: frame.width as usize,
        height: frame.height as usize,
        pixels,
    })
}

/// What is transparent is seen on white.
fn brightness(color: ColorType, pixel: &[u8]) -> u8 {
    let (grey, alpha) = match (color, pixel) {
        (ColorType::Rgb, [red, green, blue]) => (mean(*red, *green, *blue), 255),
        (ColorType::Rgba, [red, green, blue, alpha]) => (mean(*red, *green, *blue), *alpha),
        (ColorType::GrayscaleAlpha, [grey, alpha]) => (*grey, *alpha),
        _ => (pixel.first().copied().unwrap_or(255), 255),
    };
    let seen = (u32::from(grey) * u32::from(alpha) + 255 * (255 - u32::from(alpha))) / 255;
    u8::try_from(seen).unwrap_or(255)
}

fn mean(red: u8, green: u8, blue: u8) -> u8 {
    let sum = u16::from(red) + 2 * u16::from(green) + u16::from(blue);
    u8::try_from(sum / 4).unwrap_or(255)
}

/// What the first readable QR in the picture says; `None` when there is none.
pub(super) fn read(picture: &Grey) -> Option<Vec<u8>> {
    // The reader does arithmetic on whatever shapes it finds; a picture made to trip it must not take the caller along.
    catch_unwind(|| {
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(picture.width, picture.height, |x, y| {
            picture.pixels.get(y * picture.width + x).copied().unwrap_or(255)
        });
        image.detect_grids().iter().find_map(|grid| {
            let mut content = Vec::new();
            grid.decode_to(&mut content).ok()?;
            (!content.is_empty()).then_some(content)
        })
    })
    .ok()
    .flatten()
}
