//! The short way to a head: one pass over bytes that lie in one chunk and have no fault.
//!
//! For: the layout that `parse` finds, several times quicker. Not for: errors, or heads of which more is to come. Whatever is not quite
//! plain is left to `parse` and `Gather`, which alone decide; so what is found here must be what they would have found
//! (test `scans_as_it_parses`, and each cut of each sample).
//! Source: RFC 9112 2.2, 3, 4, 5; RFC 9110 5.5, 5.6.2.
use super::grammar::is_token_byte;
use super::headers::Field;
use super::method::Method;
use super::parse::Layout;
use super::{Limits, Version};
use std::ops::Range;

/// Lines that most heads have at most: one allocation for their places.
const USUAL_LINES: usize = 8;

/// A word of which each byte is 1.
const ONES: u64 = u64::from_le_bytes([1; 8]);

/// The bit of each byte that no ASCII has.
const HIGH: u64 = ONES << 7;

static IS_TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_token_byte(byte as u8);
        byte += 1;
    }
    table
};

/// The parts of a request head at the start of `bytes`.
pub(super) fn request(bytes: &[u8], limits: &Limits) -> Option<Layout> {
    let target_at = Method::line_start(bytes)?;
    let target_end = end_of_visible(bytes, target_at);
    let version = match bytes.get(target_end..)?.first_chunk::<11>()? {
        b" HTTP/1.1\r\n" => Version::Http11,
        b" HTTP/1.0\r\n" => Version::Http10,
        _ => return None,
    };
    let lines_at = target_end + 11;
    if target_end == target_at || lines_at - 2 > limits.max_head_bytes {
        return None;
    }
    layout(bytes, lines_at, version, 0, target_at..target_end, limits)
}

/// The parts of a response head at the start of `bytes`.
pub(super) fn response(bytes: &[u8], limits: &Limits) -> Option<Layout> {
    let &[
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        b'1',
        b'.',
        minor,
        b' ',
        ref code @ ..,
        b' ',
    ] = bytes.first_chunk::<13>()?
    else {
        return None;
    };
    let version = match minor {
        b'1' => Version::Http11,
        b'0' => Version::Http10,
        _ => return None,
    };
    if !code.iter().all(u8::is_ascii_digit) || code.first() == Some(&b'0') {
        return None;
    }
    let status = code.iter().fold(0, |sum, &digit| sum * 10 + u16::from(digit - b'0'));
    let reason_end = end_of_line(bytes, 13)?;
    if reason_end > limits.max_head_bytes {
        return None;
    }
    layout(bytes, reason_end + 2, version, status, 13..reason_end, limits)
}

/// Reads the header lines, which begin at `at`.
fn layout(
    bytes: &[u8],
    mut at: usize,
    version: Version,
    status: u16,
    text: Range<usize>,
    limits: &Limits,
) -> Option<Layout> {
    let mut fields = Vec::with_capacity(USUAL_LINES);
    loop {
        let name_at = at;
        while IS_TOKEN[usize::from(*bytes.get(at)?)] {
            at += 1;
        }
        if at == name_at {
            break;
        }
        if bytes.get(at) != Some(&b':') || fields.len() == limits.max_headers {
            return None;
        }
        let name_len = at - name_at;
        at += 1;
        while is_blank(*bytes.get(at)?) {
            at += 1;
        }
        let value_at = at;
        let line_end = end_of_line(bytes, at)?;
        let mut value_end = line_end;
        while value_end > value_at && is_blank(*bytes.get(value_end - 1)?) {
            value_end -= 1;
        }
        if line_end - name_at > limits.max_head_bytes {
            return None;
        }
        let value_len = value_end - value_at;
        fields.push(Field {
            name_at: name_at as u32,
            name_len: name_len as u32,
            // Where nothing is does not matter; the parser says so with a 0.
            value_at: if value_len == 0 { 0 } else { value_at as u32 },
            value_len: value_len as u32,
        });
        at = line_end + 2;
    }
    let end = at + 2;
    // Limits::clamped keeps this far below 4 GiB, so no position was cut off.
    if bytes.get(at..end) != Some(b"\r\n") || end > limits.max_total_head_bytes {
        return None;
    }
    Some(Layout {
        end,
        version,
        status,
        text,
        fields,
    })
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Where the line ends whose text goes on at `at`: at CR LF, with nothing before it that a value may not have.
fn end_of_line(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = first_byte(bytes, at, |word| below(word, b' ') | equal(word, 0x7f));
        match bytes.get(at..)? {
            [b'\t', ..] => at += 1,
            [b'\r', b'\n', ..] => return Some(at),
            _ => return None,
        }
    }
}

/// The first byte from `at` on that is no visible ASCII; the end when all are.
fn end_of_visible(bytes: &[u8], at: usize) -> usize {
    first_byte(bytes, at, |word| below(word, b'!') | equal(word, 0x7f) | word & HIGH)
}

/// The first byte from `at` on that `odd` marks with its highest bit; the end when there is none. Marks behind the first one may be wrong.
fn first_byte(bytes: &[u8], mut at: usize, odd: impl Fn(u64) -> u64) -> usize {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let marks = odd(u64::from_le_bytes(*word));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    // Nothing is before the lowest byte, so its mark is right.
    let found = rest.iter().position(|&byte| odd(u64::from(byte)) & 0x80 != 0);
    found.map_or(bytes.len(), |place| at + place)
}

/// Marks the bytes of `word` below `limit`, which is at most 0x80; behind the first one, also others.
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH
}

/// Marks the bytes of `word` that are `byte`; behind the first one, also others.
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const REQUESTS: [&str; 4] = [
        "GET /some/path HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
        "POST /a?b=c HTTP/1.0\r\nhost:x\r\nX-A:  \t two words \t\r\nEmpty:\r\nBlank:   \r\nContent-Length: 3\r\n\r\nabc",
        "OPTIONS * HTTP/1.1\r\n\r\n",
        "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n",
    ];
    const RESPONSES: [&str; 3] = [
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 17:14:42 GMT\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 404 Not\tfound, sorry\r\n\r\n",
        "HTTP/1.1 204 \r\nA: b\r\n\r\n",
    ];
    /// What mutations put in: everything that some rule speaks of.
    const BYTES: &[u8] = b"\r\n\t :/,;0149AZaz!~\"(\x00\x1f\x7f\x80\xff";

    /// What the long way says of a head that lies in one chunk: `Gather` judges its line ends and sizes before the parser sees it.
    fn long_way(
        bytes: &[u8],
        limits: &Limits,
        read: fn(&[u8]) -> Result<Option<Layout>, super::super::Error>,
    ) -> Option<Layout> {
        let layout = read(bytes).ok()??;
        let head = bytes.get(..layout.end)?;
        let lines: Vec<&[u8]> = head.split_inclusive(|&byte| byte == b'\n').collect();
        let is_kept = head.ends_with(b"\r\n\r\n")
            && lines
                .iter()
                .all(|line| line.ends_with(b"\r\n") && line.len() - 2 <= limits.max_head_bytes)
            && lines.len() - 2 <= limits.max_headers
            && head.len() <= limits.max_total_head_bytes;
        is_kept.then_some(layout)
    }

    #[track_caller]
    fn check(bytes: &[u8], limits: &Limits) -> bool {
        let text = String::from_utf8_lossy(bytes);
        let mut scanned = 0;
        if let Some(found) = request(bytes, limits) {
            assert_eq!(Some(found), long_way(bytes, limits, parse::request), "{text:?}");
            scanned += 1;
        }
        if let Some(found) = response(bytes, limits) {
            assert_eq!(Some(found), long_way(bytes, limits, parse::response), "{text:?}");
            scanned += 1;
        }
        scanned > 0
    }

    #[test]
    fn scans_as_it_parses() {
        let limits = Limits::default();
        for sample in REQUESTS.iter().chain(&RESPONSES) {
            assert!(check(sample.as_bytes(), &limits), "{sample:?} is plain");
            for at in 0..sample.len() {
                assert!(!check(&sample.as_bytes()[..at], &limits) || sample[..at].contains("\r\n\r\n"));
                for byte in 0..=255 {
                    let mut changed = sample.as_bytes().to_vec();
                    changed[at] = byte;
                    check(&changed, &limits);
                    changed.insert(at, byte);
                    check(&changed, &limits);
                }
                for &first in BYTES {
                    for &second in BYTES {
                        let mut changed = sample.as_bytes().to_vec();
                        changed.splice(at..at + 1, [first, second]);
                        check(&changed, &limits);
                    }
                }
            }
        }
    }

    #[test]
    fn keeps_each_bound() {
        let sample = b"GET /0123456789 HTTP/1.1\r\nA: 1\r\nBcd: 012345678901234567890\r\n\r\n";
        let mut accepted = 0;
        for max_head_bytes in 0..40 {
            for max_headers in 0..4 {
                for max_total_head_bytes in sample.len() - 2..=sample.len() {
                    let limits = Limits {
                        max_head_bytes,
                        max_headers,
                        max_total_head_bytes,
                        ..Limits::default()
                    };
                    let found = request(sample, &limits);
                    assert_eq!(found, long_way(sample, &limits, parse::request), "{limits:?}");
                    accepted += usize::from(found.is_some());
                }
            }
        }
        // The longest line has 26 bytes, and two lines follow the first.
        assert_eq!(accepted, (40 - 26) * 2);
    }
}
