//! Seeded mutations: the same seed makes the same inputs on every machine.

/// Random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall as the seed says.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Words that mean something to every target.
const COMMON: &[&[u8]] = &[
    b"\0",
    b"\xff\xfe",
    b"null",
    b"-1",
    b"1e309",
    b"18446744073709551616",
    b"9223372036854775807",
    b"\xd0\x96",
    b"\\u0000",
    b"\\ud800",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"true",
    b"\"",
    b"\r\n",
];

/// All words, a target's own and those for every target, in the form of libFuzzer.
pub fn dictionary(words: &[&[u8]]) -> String {
    let escaped = |word: &[u8]| word.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let all = words.iter().chain(COMMON);
    all.map(|word| format!("\"{}\"\n", escaped(word))).collect()
}

/// No mutation makes an input longer than this.
pub const LONGEST: usize = 64 << 10;

/// A mutation of one input, perhaps spliced with another: one to eight changes.
pub fn mutated(dice: &mut Dice, input: &[u8], other: &[u8], words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=dice.below(8) {
        change(dice, &mut bytes, other, words);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(dice: &mut Dice, bytes: &mut Vec<u8>, other: &[u8], words: &[&[u8]]) {
    let at = dice.below(bytes.len() + 1);
    let until = at + dice.below((bytes.len() - at).min(64) + 1);
    match dice.below(8) {
        // One bit.
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        // One byte.
        1 => {
            let byte = dice.byte();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        // A word put in, or over what is there.
        2 | 3 => {
            let all = words.len() + COMMON.len();
            let pick = dice.below(all);
            let word = words.get(pick).copied().unwrap_or_else(|| COMMON[pick - words.len()]);
            let over = if dice.below(2) == 0 { at } else { until };
            bytes.splice(at..over, word.iter().copied());
        }
        // A piece out.
        4 => {
            bytes.drain(at..until);
        }
        // A piece again, once or many times.
        5 => {
            let piece = bytes[at..until].to_vec();
            let times = [1, 2, 200][dice.below(3)];
            bytes.splice(at..at, piece.repeat(times));
        }
        // The end cut off.
        6 => bytes.truncate(at),
        // A piece of another input.
        _ => {
            let from = dice.below(other.len() + 1);
            let to = from + dice.below(other.len() - from + 1);
            bytes.splice(at..until, other[from..to].iter().copied());
        }
    }
}
