//! Writes DER: what keys, signatures and certificates are made of. Not for reading (x509.rs does).
//! Source: X.690 sections 8 and 10.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BITS: u8 = 0x03;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const PRINTABLE: u8 = 0x13;
pub(crate) const IA5: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// An element: tag, length, contents.
pub(crate) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len().to_be_bytes();
    let digits = len.split_at(len.iter().take_while(|byte| **byte == 0).count()).1;
    let mut all = Vec::with_capacity(contents.len() + 6);
    all.push(tag);
    if contents.len() < 0x80 {
        all.push(contents.len() as u8);
    } else {
        all.push(0x80 | digits.len() as u8);
        all.extend(digits);
    }
    all.extend(contents);
    all
}

/// A SEQUENCE of elements.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// An INTEGER that is not negative, from its big-endian bytes.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.split_at(zeros).1;
    let mut contents = Vec::with_capacity(digits.len() + 1);
    // The first bit is the sign; zero has one byte.
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        contents.push(0);
    }
    contents.extend(digits);
    element(INTEGER, &contents)
}

/// A BIT STRING of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BITS, &[&[0], bytes].concat())
}

/// An OBJECT IDENTIFIER from dotted numbers; None when it is not one.
pub(crate) fn oid(text: &str) -> Option<Vec<u8>> {
    let numbers: Option<Vec<u64>> = text.split('.').map(|number| number.parse().ok()).collect();
    let numbers = numbers?;
    let (&[first, second], rest) = numbers.split_first_chunk::<2>()?;
    if first > 2 || second > 39 && first < 2 {
        return None;
    }
    let mut contents = Vec::new();
    for number in std::iter::once(first.checked_mul(40)?.checked_add(second)?).chain(rest.iter().copied()) {
        let groups = (64 - number.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            contents.push((number >> (7 * group)) as u8 & 0x7f | more);
        }
    }
    Some(element(OID, &contents))
}

#[cfg(test)]
mod tests {
    use super::{OCTETS, element, oid, unsigned};

    /// Expected bytes: X.690 8.1.3 and 8.3, RFC 5280 and RFC 8017 for the identifiers.
    #[test]
    fn elements() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let all = element(OCTETS, &vec![7; len]);
            let head: &[u8] = match len {
                0x80 => &[4, 0x81, 0x80],
                0xff => &[4, 0x81, 0xff],
                0x100 => &[4, 0x82, 1, 0],
                0x1_0000 => &[4, 0x83, 1, 0, 0],
                short => &[4, short as u8],
            };
            assert_eq!(all, [head, &vec![7; len]].concat(), "{len}");
        }
        for (bytes, expected) in [
            (&[][..], &[2, 1, 0][..]),
            (&[0, 0], &[2, 1, 0]),
            (&[0x7f], &[2, 1, 0x7f]),
            (&[0x80], &[2, 2, 0, 0x80]),
            (&[0, 1, 0], &[2, 2, 1, 0]),
        ] {
            assert_eq!(unsigned(bytes), expected, "{bytes:?}");
        }
        for (text, expected) in [
            ("2.5.4.3", Some(&[6, 3, 0x55, 4, 3][..])),
            (
                "1.2.840.113549.1.1.11",
                Some(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]),
            ),
            ("2.999", Some(&[6, 2, 0x88, 0x37])),
            ("1", None),
            ("3.1", None),
            ("1.40", None),
            ("1.x", None),
        ] {
            assert_eq!(oid(text).as_deref(), expected, "{text}");
        }
    }
}
