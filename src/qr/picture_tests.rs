//! Pictures are drawn, read and refused as phones would.

#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;

const LOGIN: &str = "2@kD9v0Qm3/7hQ==,WlR0c2VjcmV0,AbCdEf123456==,0";

fn png_of(text: &str) -> Vec<u8> {
    draw::png(&draw::code(text.as_bytes()).unwrap()).unwrap()
}

fn data_uri(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

fn picture(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// Reads a terminal text as a camera would: each half block becomes pixels, the colours are those of the sequences.
fn scanned_from_terminal(text: &str) -> String {
    let mut rows: Vec<Vec<bool>> = Vec::new();
    for line in text.lines() {
        let line = line.strip_prefix("\u{1b}[38;5;16;48;5;231m").unwrap();
        let line = line.strip_suffix("\u{1b}[0m").unwrap();
        let halves = |block| match block {
            ' ' => (false, false),
            '▀' => (true, false),
            '▄' => (false, true),
            '█' => (true, true),
            other => panic!("{other:?} in the drawing"),
        };
        rows.push(line.chars().map(|block| halves(block).0).collect());
        rows.push(line.chars().map(|block| halves(block).1).collect());
    }
    let (width, height) = (rows[0].len(), rows.len());
    let mut image = rqrr::PreparedImage::prepare_from_bitmap(width * 4, height * 4, |x, y| rows[y / 4][x / 4]);
    let grids = image.detect_grids();
    grids[0].decode().unwrap().1
}

fn text_of(picture: &Picture) -> &str {
    picture.text.as_ref().unwrap().reveal()
}

#[test]
fn a_delivered_png_is_kept_as_it_is_and_drawn_for_the_terminal() {
    let bytes = png_of(LOGIN);
    let picture = Picture::from_payload(&data_uri(&bytes)).unwrap();
    assert_eq!(picture.png.as_ref().unwrap().reveal(), &bytes);
    assert_eq!(scanned_from_terminal(text_of(&picture)), LOGIN);
    assert_eq!(picture.link, None);
}

#[test]
fn a_text_code_is_drawn_in_both_ways() {
    let picture = Picture::from_payload("LYY1WZNL").unwrap();
    assert_eq!(scanned_from_terminal(text_of(&picture)), "LYY1WZNL");
    let png = picture.png.unwrap().into_inner();
    let again = Picture::from_payload(&data_uri(&png)).unwrap();
    assert_eq!(scanned_from_terminal(text_of(&again)), "LYY1WZNL");
}

#[test]
fn every_drawing_has_its_quiet_zone() {
    let picture = Picture::from_payload("x").unwrap();
    let lines: Vec<&str> = text_of(&picture).lines().collect();
    let blank = |line: &str| line.chars().filter(|letter| "▀▄█".contains(*letter)).count() == 0;
    assert!(blank(lines[0]) && blank(lines[1]) && !blank(lines[2]));
    assert!(
        lines
            .iter()
            .all(|line| line.contains("231m    ") && line.contains("    \u{1b}[0m"))
    );
}

#[test]
fn a_payload_is_taken_in_every_spelling_of_base64() {
    let bytes = png_of(LOGIN);
    let encoded = STANDARD.encode(&bytes);
    let url_safe = encoded.replace('+', "-").replace('/', "_");
    for spelling in [
        format!("DATA:image/PNG;charset=x;BASE64,{encoded}"),
        format!("data:image/png;base64,{}", encoded.trim_end_matches('=')),
        format!("data:image/png;base64,{url_safe}"),
        format!(" {}\r\n{}\n", &encoded[..40], &encoded[40..]),
    ] {
        let picture = Picture::from_payload(&spelling).unwrap();
        assert_eq!(picture.png.unwrap().reveal(), &bytes);
    }
}

#[test]
fn a_transparent_code_on_nothing_is_read_as_on_white() {
    let code = draw::code(LOGIN.as_bytes()).unwrap();
    let (modules, colors) = (code.width(), code.to_colors());
    let side = (modules + 8) * 4;
    let mut pixels = Vec::new();
    for at in 0..side * side {
        let (x, y) = ((at % side) / 4, (at / side) / 4);
        let inside = (4..modules + 4).contains(&x) && (4..modules + 4).contains(&y);
        let dark = inside && colors[(y - 4) * modules + x - 4] == qrcode::Color::Dark;
        pixels.extend([0, 0, 0, if dark { 255 } else { 0 }]);
    }
    let side = u32::try_from(side).unwrap();
    let bytes = picture(side, side, png::ColorType::Rgba, &pixels);
    let picture = Picture::from_payload(&data_uri(&bytes)).unwrap();
    assert_eq!(scanned_from_terminal(text_of(&picture)), LOGIN);
}

/// The encoder writes no interlaced picture, so its seven passes are written here, uncompressed.
#[test]
fn an_interlaced_picture_is_read_like_any_other() {
    let code = draw::code(LOGIN.as_bytes()).unwrap();
    let (modules, colors) = (code.width(), code.to_colors());
    let side = modules * 3;
    let pixel = |x: usize, y: usize| match colors[y / 3 * modules + x / 3] {
        qrcode::Color::Dark => 0_u8,
        qrcode::Color::Light => 255,
    };
    let passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let mut rows = Vec::new();
    for (left, top, across, down) in passes {
        for y in (top..side).step_by(down) {
            rows.push(0);
            rows.extend((left..side).step_by(across).map(|x| pixel(x, y)));
        }
    }
    let length = u16::try_from(rows.len()).unwrap();
    let mut data = vec![0x78, 0x01, 1];
    data.extend(length.to_le_bytes().iter().chain(&(!length).to_le_bytes()));
    data.extend(&rows);
    let (low, high) = rows.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    data.extend((high << 16 | low).to_be_bytes());
    let width = u32::try_from(side).unwrap();
    let mut info = png::Info::with_size(width, width);
    info.interlaced = true;
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::with_info(&mut bytes, info)
        .unwrap()
        .write_header()
        .unwrap();
    writer.write_chunk(png::chunk::IDAT, &data).unwrap();
    drop(writer);
    bytes.extend(b"\0\0\0\0IEND\xae\x42\x60\x82");
    let picture = Picture::from_payload(&data_uri(&bytes)).unwrap();
    assert_eq!(scanned_from_terminal(text_of(&picture)), LOGIN);
}

#[test]
fn a_picture_without_a_qr_is_shown_as_a_picture_alone() {
    let bytes = picture(3, 2, png::ColorType::Grayscale, &[0; 6]);
    let shown = Picture::from_payload(&data_uri(&bytes)).unwrap();
    assert_eq!((shown.png.is_some(), shown.text), (true, None));
}

#[test]
fn what_cannot_be_shown_says_why() {
    let why = |payload: &str| Picture::from_payload(payload).unwrap_err();
    assert_eq!(why(" "), Unpaintable::Empty);
    assert_eq!(why("data:image/png;base64"), Unpaintable::NoData);
    assert_eq!(why("data:image/jpeg;base64,AAAA"), Unpaintable::NotPng);
    assert_eq!(why(&data_uri(b"GIF89a")), Unpaintable::NotPng);
    assert_eq!(why("data:image/png;base64,"), Unpaintable::NotPng);
    assert_eq!(why("data:image/png,abc"), Unpaintable::BrokenBase64);
    assert_eq!(why("data:image/png;base64,iVBORw0K!"), Unpaintable::BrokenBase64);
    let bytes = png_of(LOGIN);
    assert_eq!(why(&data_uri(&bytes[..bytes.len() / 2])), Unpaintable::BrokenPng);
    assert_eq!(why(&"x".repeat(3000)), Unpaintable::TextTooLong);
}

#[test]
fn sizes_are_bounded() {
    let why = |bytes: &[u8]| Picture::from_payload(&data_uri(bytes)).unwrap_err();
    let wide = picture(2049, 1, png::ColorType::Grayscale, &[0; 2049]);
    assert_eq!(why(&wide), Unpaintable::TooManyPixels);
    let mut long = png_of("x");
    long.resize(payload::LARGEST_PNG + 1, 0);
    assert_eq!(why(&long), Unpaintable::TooManyBytes);
    long.resize(4 << 20, 0);
    assert_eq!(why(&long), Unpaintable::TooManyBytes);
}

#[test]
fn a_link_is_offered_where_the_code_is_one() {
    for link in ["https://a.example/x", "tg://login?token=abc"] {
        let picture = Picture::from_payload(&data_uri(&png_of(link))).unwrap();
        assert_eq!(picture.link.unwrap().reveal(), link);
    }
    assert_eq!(Picture::from_payload("javascript:x").unwrap().link, None);
}

#[test]
fn a_printed_picture_shows_nothing() {
    let picture = Picture::from_payload("https://canary.example").unwrap();
    let printed = format!("{picture:?}");
    assert!(!printed.contains("canary") && !printed.contains('█') && printed.len() < 120);
}

/// Corner marks side by side, as many as a picture holds: what a search for codes would combine in threes.
#[test]
fn a_picture_full_of_corner_marks_is_looked_through_at_once() {
    let side = 2048_usize;
    let mut packed = vec![0xff_u8; side * side / 8];
    for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
        let (column, row) = (x % 9, y % 9);
        let mark =
            column < 7 && row < 7 && column.min(row).min(6_usize.abs_diff(column)).min(6_usize.abs_diff(row)) != 1;
        if mark {
            packed[(y * side + x) / 8] &= !(0x80 >> (x % 8));
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2048, 2048);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&packed).unwrap();
    writer.finish().unwrap();
    let began = std::time::Instant::now();
    let shown = Picture::from_payload(&data_uri(&bytes)).unwrap();
    assert!(shown.png.is_some() && shown.text.is_none());
    let took = began.elapsed();
    assert!(took < std::time::Duration::from_secs(60), "{took:?}");
}

#[test]
fn a_code_of_every_size_and_scale_is_read() {
    for length in [1, 40, 240, 600, 1500, 2900] {
        let text = "7".repeat(length);
        let bytes = png_of(&text);
        let drawn = Picture::from_payload(&data_uri(&bytes)).unwrap();
        assert_eq!(scanned_from_terminal(text_of(&drawn)), text);
        let grey = scan::decode(&bytes).unwrap();
        for scale in [3, 5] {
            let smaller = grey.scaled(scale, 8);
            assert_eq!(
                scan::read(&smaller).as_deref(),
                Some(text.as_bytes()),
                "{length} at {scale}/8"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_brings_the_painter_down(payload in "\\PC{0,200}") {
        let _ = Picture::from_payload(&payload);
    }

    #[test]
    fn no_bytes_bring_the_painter_down(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let mut disguised = b"\x89PNG\r\n\x1a\n".to_vec();
        disguised.extend(&bytes);
        let _ = Picture::from_payload(&data_uri(&bytes));
        let _ = Picture::from_payload(&data_uri(&disguised));
    }

    #[test]
    fn no_bent_picture_brings_the_painter_down(at in 0_usize..400, bit in 0_u32..8, cut in 1_usize..400) {
        let mut bytes = png_of(LOGIN);
        let length = bytes.len();
        bytes[at % length] ^= 1 << bit;
        let _ = Picture::from_payload(&data_uri(&bytes));
        let _ = Picture::from_payload(&data_uri(&bytes[..cut % length]));
    }

    #[test]
    fn no_pixels_bring_the_painter_down(seed in any::<u64>(), flips in 0_usize..4000) {
        let code = draw::code(LOGIN.as_bytes()).unwrap();
        let (modules, colors) = (code.width(), code.to_colors());
        let side = (modules + 8) * 3;
        let mut pixels: Vec<u8> = (0..side * side).map(|at| {
            let (x, y) = ((at % side) / 3, (at / side) / 3);
            let inside = (4..modules + 4).contains(&x) && (4..modules + 4).contains(&y);
            if inside && colors[(y - 4) * modules + x - 4] == qrcode::Color::Dark { 0 } else { 255 }
        }).collect();
        let mut state = seed;
        for _ in 0..flips {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(state >> 33).unwrap() % pixels.len();
            pixels[at] = !pixels[at];
        }
        let side = u32::try_from(side).unwrap();
        let bytes = picture(side, side, png::ColorType::Grayscale, &pixels);
        prop_assert!(Picture::from_payload(&data_uri(&bytes)).is_ok());
    }

    #[test]
    fn every_text_that_fits_reads_back_from_both_drawings(text in "[ -~]{1,300}") {
        prop_assume!(!text.trim().is_empty() && !text.to_ascii_lowercase().starts_with("data:"));
        let drawn = Picture::from_payload(&text).unwrap();
        prop_assert_eq!(scanned_from_terminal(text_of(&drawn)), text.trim());
        let png = drawn.png.clone().unwrap().into_inner();
        let again = Picture::from_payload(&data_uri(&png)).unwrap();
        prop_assert_eq!(scanned_from_terminal(text_of(&again)), text.trim());
    }
}

#[test]
fn the_largest_picture_fits_an_object_with_all_that_is_stored_beside_it() {
    let densest = draw::code(&[b'1'; 7_089]).unwrap();
    let payload = payload::LARGEST_PNG / 3 * 4 + payload::BESIDE;
    let stored = payload + payload::LARGEST_PNG + draw::text(&densest).len();
    assert!(stored <= 1 << 20, "{stored} bytes");
}
