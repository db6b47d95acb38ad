//! Pictures of any size, as data URIs.

use base64::{Engine, engine::general_purpose::STANDARD};

const HEAD: &str = "data:image/png;base64,";

/// A valid picture without any pattern, of about so many bytes.
pub(super) fn noise(bytes: usize) -> String {
    let side = bytes.isqrt();
    let mut state = 1_u32;
    let mut pixels = Vec::with_capacity(side * side);
    for _ in 0..side * side {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        pixels.push(state.to_be_bytes()[0]);
    }
    let mut file = Vec::new();
    let length = u32::try_from(side).unwrap();
    let mut encoder = png::Encoder::new(&mut file, length, length);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    format!("{HEAD}{}", STANDARD.encode(file))
}

/// Begins like a picture and is so many characters long.
pub(super) fn long(length: usize) -> String {
    format!("{HEAD}iVBORw0KGgo{}", "A".repeat(length))
}

/// A small file that says it is a hundred thousand pixels wide and high.
pub(super) fn vast() -> String {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\x86\xa0\0\x01\x86\xa0\x08\0\0\0\0".to_vec();
    let sum = check_sum(&file[12..]);
    file.extend(sum.to_be_bytes());
    file.extend(b"\0\0\0\0IDAT");
    file.extend(check_sum(b"IDAT").to_be_bytes());
    format!("{HEAD}{}", STANDARD.encode(file))
}

fn check_sum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                (sum >> 1) ^ 0xEDB8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noise_has_about_the_size_that_was_asked_for() {
        let uri = noise(390_000);
        assert!((500_000..540_000).contains(&uri.len()), "{}", uri.len());
        // The check sum of "IEND", as it ends every such file.
        assert_eq!(check_sum(b"IEND"), 0xAE42_6082);
    }
}
