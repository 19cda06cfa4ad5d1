//! The Huffman code of header strings, both ways.
//!
//! The code is canonical: the lengths of its words say all, the tables are made from them when this is compiled.
//! Source: RFC 7541 5.2, appendix B.
use bytes::{BufMut, BytesMut};

/// Bits of the word of each octet; the end-of-string symbol has 30.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28,
    28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15,
    6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22,
    20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23,
    23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22,
    22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26,
    27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27,
    26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// Most bits of a word.
const LONGEST: usize = 30;

/// First word of each length, and where its octet stands in `SORTED`.
struct Lengths {
    first_word: [u32; LONGEST + 1],
    first_place: [u16; LONGEST + 1],
    count: [u16; LONGEST + 1],
}

const BY_LENGTH: Lengths = by_length();
/// Octets by the length of their word, then by value.
const SORTED: [u8; 256] = sorted();
/// The word of each octet.
static WORDS: [u32; 256] = words();
/// For each octet of input: the symbol that begins with it and the length of its word; length 0 for words of more than 8 bits.
static SHORT: [(u8, u8); 256] = short();

const fn by_length() -> Lengths {
    let mut table = Lengths {
        first_word: [0; LONGEST + 1],
        first_place: [0; LONGEST + 1],
        count: [0; LONGEST + 1],
    };
    let mut octet = 0;
    while octet < 256 {
        table.count[LENGTHS[octet] as usize] += 1;
        octet += 1;
    }
    let mut len = 1;
    while len <= LONGEST {
        table.first_word[len] = (table.first_word[len - 1] + table.count[len - 1] as u32) << 1;
        table.first_place[len] = table.first_place[len - 1] + table.count[len - 1];
        len += 1;
    }
    table
}

const fn sorted() -> [u8; 256] {
    let mut next = by_length().first_place;
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let len = LENGTHS[octet] as usize;
        table[next[len] as usize] = octet as u8;
        next[len] += 1;
        octet += 1;
    }
    table
}

const fn words() -> [u32; 256] {
    let mut next = by_length().first_word;
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let len = LENGTHS[octet] as usize;
        table[octet] = next[len];
        next[len] += 1;
        octet += 1;
    }
    table
}

const fn short() -> [(u8, u8); 256] {
    let words = words();
    let mut table = [(0, 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let len = LENGTHS[octet];
        if len <= 8 {
            let start = (words[octet] as usize) << (8 - len);
            let mut at = start;
            while at < start + (1 << (8 - len)) {
                table[at] = (octet as u8, len);
                at += 1;
            }
        }
        octet += 1;
    }
    table
}

/// Bytes of `text` once encoded.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|&octet| usize::from(LENGTHS[usize::from(octet)])).sum();
    bits.div_ceil(8)
}

/// Appends `text`, encoded.
pub(super) fn encode(text: &[u8], out: &mut BytesMut) {
    let mut bits: u64 = 0;
    let mut count = 0;
    for &octet in text {
        let octet = usize::from(octet);
        bits = bits << LENGTHS[octet] | u64::from(WORDS[octet]);
        count += LENGTHS[octet];
        // At most 31 bits stay, and a word has at most 30.
        if count >= 32 {
            count -= 32;
            out.put_u32((bits >> count) as u32);
        }
    }
    while count >= 8 {
        count -= 8;
        out.put_u8((bits >> count) as u8);
    }
    if count > 0 {
        // Filled up with the first bits of the end-of-string symbol, which are ones.
        out.put_u8((bits << (8 - count)) as u8 | (0xff >> count));
    }
}

/// Appends what `text` says. At most 8/5 of its length is written.
///
/// `None`, with something appended: padding of more than 7 bits or of anything but ones, or the end-of-string symbol.
pub(super) fn decode(text: &[u8], out: &mut BytesMut) -> Option<()> {
    let start = out.len();
    out.resize(start + text.len() * 8 / 5 + 1, 0);
    let mut places = out.get_mut(start..)?.iter_mut();
    let mut written = 0;
    let mut rest = text;
    // The next bits, at the top; `count` of them are valid, what is below them is zero.
    let mut bits: u64 = 0;
    let mut count = 0;
    loop {
        if count < 32 {
            if let Some((&word, tail)) = rest.split_first_chunk::<4>() {
                bits |= u64::from(u32::from_be_bytes(word)) << (32 - count);
                count += 32;
                rest = tail;
            } else {
                while let Some((&octet, tail)) = rest.split_first() {
                    bits |= u64::from(octet) << (56 - count);
                    count += 8;
                    rest = tail;
                }
            }
        }
        let (mut symbol, mut len) = SHORT[(bits >> 56) as usize];
        if len == 0 {
            match long_symbol(bits) {
                Some(long) => (symbol, len) = long,
                // All ones: the end-of-string symbol, or padding if little is left.
                None => len = LONGEST as u8,
            }
        }
        if u32::from(len) > count {
            break;
        }
        if len == LONGEST as u8 && bits >> 34 == 0x3fff_ffff {
            return None;
        }
        *places.next()? = symbol;
        written += 1;
        bits <<= len;
        count -= u32::from(len);
    }
    out.truncate(start + written);
    // What is left is padding: less than an octet, all ones.
    let is_padding = count < 8 && bits == !(u64::MAX.checked_shr(count).unwrap_or(0));
    is_padding.then_some(())
}

/// The symbol at the top of `bits`, whose word is longer than 8 bits, and its length.
#[cold]
fn long_symbol(bits: u64) -> Option<(u8, u8)> {
    (9..=LONGEST).find_map(|len| {
        let word = (bits >> (64 - len)) as u32;
        let nth = word.checked_sub(BY_LENGTH.first_word[len])?;
        if nth >= u32::from(BY_LENGTH.count[len]) {
            return None;
        }
        let place = usize::from(BY_LENGTH.first_place[len]) + nth as usize;
        SORTED.get(place).map(|&octet| (octet, len as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        encode(text, &mut out);
        assert_eq!(out.len(), encoded_len(text));
        out
    }

    fn decoded(text: &[u8]) -> Option<BytesMut> {
        let mut out = BytesMut::new();
        decode(text, &mut out).map(|()| out)
    }

    /// RFC 7541 appendix B: some words of each kind, and the length of the last ones.
    #[test]
    fn words_are_those_of_the_table() {
        for (octet, word, len) in [
            (0, 0x1ff8, 13),
            (1, 0x7f_ffd8, 23),
            (b' ', 0x14, 6),
            (b'0', 0x0, 5),
            (b'a', 0x3, 5),
            (b'z', 0x7b, 7),
            (b'\\', 0x7fff0, 19),
            (b'~', 0x1ffd, 13),
            (127, 0xfff_fffc, 28),
            (249, 0xfff_fffe, 28),
            (255, 0x3ff_ffee, 26),
        ] {
            assert_eq!((WORDS[octet as usize], LENGTHS[octet as usize]), (word, len), "{octet}");
        }
    }

    #[test]
    fn every_octet_and_pair_comes_back() {
        for first in 0..=255 {
            assert_eq!(decoded(&encoded(&[first])).as_deref(), Some(&[first][..]));
            for second in 0..=255 {
                let text = [first, second, b'a', first];
                assert_eq!(decoded(&encoded(&text)).as_deref(), Some(&text[..]));
            }
        }
    }

    /// RFC 7541 5.2: padding longer than 7 bits, padding of zeros, the end-of-string symbol.
    #[test]
    fn bad_padding_is_refused() {
        assert_eq!(decoded(&[]).as_deref(), Some(&b""[..]));
        for bad in [
            &[0xff][..],
            &[0xff, 0xff, 0xff, 0xff],
            &[0x1f, 0xff],
            &[0x00],
            &[0x18],
            &[0xff, 0xff, 0xff, 0xfc],
            &[0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(decoded(bad), None, "{bad:x?}");
        }
        assert_eq!(decoded(&[0x1f]).as_deref(), Some(&b"a"[..]));
        assert_eq!(decoded(&[0x07]).as_deref(), Some(&b"0"[..]));
    }
}
