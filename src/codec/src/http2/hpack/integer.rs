//! Integers with a prefix of some bits. Source: RFC 7541 5.1.
use bytes::{BufMut, BytesMut};

/// Reads an integer whose first octet is `first`, of which the low `bits` count; `rest` are the octets after it and is moved on.
///
/// `None`: it does not end, or is above 2^28, which nothing in this crate is.
pub(super) fn read(first: u8, bits: u8, rest: &mut &[u8]) -> Option<usize> {
    let most = (1_usize << bits) - 1;
    let start = usize::from(first) & most;
    if start < most {
        return Some(start);
    }
    let mut value = start;
    for shift in [0, 7, 14, 21] {
        let (&octet, tail) = rest.split_first()?;
        *rest = tail;
        value += usize::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends `value` with a prefix of `bits`, the bits above it taken from `pattern`.
pub(super) fn put(out: &mut BytesMut, pattern: u8, bits: u8, value: usize) {
    let most = (1_usize << bits) - 1;
    if value < most {
        out.put_u8(pattern | value as u8);
        return;
    }
    out.put_u8(pattern | most as u8);
    let mut left = value - most;
    while left >= 0x80 {
        out.put_u8(0x80 | (left & 0x7f) as u8);
        left >>= 7;
    }
    out.put_u8(left as u8);
}
