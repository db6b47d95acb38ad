//! From a PNG's bytes to what its QR says.

use std::{io::Cursor, panic::catch_unwind};

use png::{ColorType, Decoder, InterlaceInfo, Limits, Transformations, expand_interlaced_row};

use super::Unpaintable;

/// A side may have so many pixels.
const LONGEST_SIDE: u32 = 2048;

/// A grey picture.
pub(super) struct Grey {
    width: usize,
    pixels: Vec<u8>,
}

/// Decodes a PNG of bounded size; whatever is broken in it is an error. Row by row: a few bytes may claim the largest
/// picture, so no more of it is held than its grey pixels.
pub(super) fn decode(bytes: &[u8]) -> Result<Grey, Unpaintable> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 4 << 20 });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(|_| Unpaintable::BrokenPng)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > LONGEST_SIDE || height > LONGEST_SIDE {
        return Err(Unpaintable::TooManyPixels);
    }
    let (width, height) = (width as usize, height as usize);
    let (color, _) = reader.output_color_type();
    let mut pixels = vec![255; width * height];
    let mut top = 0;
    while let Some(row) = reader.next_interlaced_row().map_err(|_| Unpaintable::BrokenPng)? {
        let grey: Vec<u8> = match color {
            ColorType::Grayscale => row.data().to_vec(),
            ColorType::Rgb | ColorType::Rgba | ColorType::GrayscaleAlpha | ColorType::Indexed => {
                let samples = row.data().chunks_exact(color.samples());
                samples.map(|pixel| brightness(color, pixel)).collect()
            }
        };
        match row.interlace() {
            InterlaceInfo::Null(_) => {
                let line = pixels.iter_mut().skip(top).take(width);
                line.zip(grey).for_each(|(pixel, grey)| *pixel = grey);
                top += width;
            }
            InterlaceInfo::Adam7(place) => expand_interlaced_row(&mut pixels, width, &grey, place, 8),
        }
    }
    Ok(Grey { width, pixels })
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

/// A square of dark and light modules somewhere in a picture.
struct Square<'picture> {
    picture: &'picture Grey,
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    modules: usize,
}

/// What the QR in the picture says; `None` when there is none.
///
/// The picture was drawn by a machine: upright, with nothing dark around the code. So the code is laid out by its edges,
/// in time that grows with the pixels alone. A search for codes as in photographs takes minutes over a picture made of
/// corner marks, and whoever knows a webhook's address may send one.
pub(super) fn read(picture: &Grey) -> Option<Vec<u8>> {
    let [left, right, top, bottom] = extent(picture)?;
    let (width, height) = (right - left + 1, bottom - top + 1);
    if width.abs_diff(height) > width / 16 {
        return None;
    }
    // 40 versions, of 21 to 177 modules a side.
    let squares = (21..=177)
        .step_by(4)
        .filter(|modules| width >= *modules && height >= *modules);
    let mut squares: Vec<Square<'_>> = squares
        .map(|modules| Square {
            picture,
            left,
            top,
            width,
            height,
            modules,
        })
        .collect();
    squares.sort_by_cached_key(Square::faults_per_mille);
    squares.iter().take(3).find_map(Square::decode)
}

/// The smallest rectangle that holds whatever is dark: left, right, top, bottom. Row by row, as pixels lie in memory.
fn extent(picture: &Grey) -> Option<[usize; 4]> {
    let rows = picture.pixels.chunks_exact(picture.width.max(1));
    let dark = rows.enumerate().filter_map(|(y, row)| {
        let first = row.iter().position(|pixel| is_dark(*pixel))?;
        let last = row.iter().rposition(|pixel| is_dark(*pixel))?;
        Some([first, last, y, y])
    });
    dark.reduce(|[left, right, top, _], [first, last, _, y]| [left.min(first), right.max(last), top, y])
}

fn is_dark(pixel: u8) -> bool {
    pixel < 128
}

impl Grey {
    /// The same picture, every side times `part` / `whole`, by nearest pixel.
    #[cfg(test)]
    pub(super) fn scaled(&self, part: usize, whole: usize) -> Self {
        let height = self.pixels.len() / self.width;
        let (width, height) = (self.width * part / whole, height * part / whole);
        let pixel = |x: usize, y: usize| self.pixels[(y * whole / part) * self.width + x * whole / part];
        Self {
            width,
            pixels: (0..width * height).map(|at| pixel(at % width, at / width)).collect(),
        }
    }

    fn dark(&self, x: usize, y: usize) -> bool {
        self.pixels.get(y * self.width + x).is_some_and(|pixel| is_dark(*pixel))
    }
}

impl Square<'_> {
    /// Whether the middle of a module is dark.
    fn module(&self, x: usize, y: usize) -> bool {
        let middle = |at: usize, length: usize| (2 * at + 1) * length / (2 * self.modules);
        self.picture
            .dark(self.left + middle(x, self.width), self.top + middle(y, self.height))
    }

    /// How much of the three corner marks and the two timing lines is not as every code of this size has it.
    fn faults_per_mille(&self) -> usize {
        let far = self.modules - 7;
        let mut faults = 0;
        for (left, top) in [(0, 0), (far, 0), (0, far)] {
            for (x, y) in (0..7).flat_map(|y| (0..7).map(move |x| (x, y))) {
                let ring = x.min(y).min(6 - x).min(6 - y);
                faults += usize::from(self.module(left + x, top + y) != (ring != 1));
            }
        }
        for at in 8..self.modules - 8 {
            faults += usize::from(self.module(at, 6) != (at % 2 == 0));
            faults += usize::from(self.module(6, at) != (at % 2 == 0));
        }
        faults * 1000 / (3 * 49 + 2 * (self.modules - 16))
    }

    fn decode(&self) -> Option<Vec<u8>> {
        // The decoder does arithmetic on whatever it reads; a code made to trip it must not take the caller along.
        let decoded = catch_unwind(|| {
            let grid = rqrr::SimpleGrid::from_func(self.modules, |x, y| self.module(x, y));
            let mut content = Vec::new();
            rqrr::Grid::new(grid).decode_to(&mut content).ok().map(|_| content)
        });
        decoded.ok().flatten().filter(|content| !content.is_empty())
    }
}
