//! Frames by hand. Source: RFC 9113 4.1.
use bytes::BytesMut;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// END_STREAM, and ACK.
pub(crate) const END: u8 = 1;
/// END_HEADERS
pub(crate) const EH: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const PRIO: u8 = 0x20;

/// GET / over http, without authority.
pub(crate) const GET: &[u8] = &[0x82, 0x86, 0x84];
/// POST / over http.
pub(crate) const POST: &[u8] = &[0x83, 0x86, 0x84];
/// 200
pub(crate) const OK: &[u8] = &[0x88];

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [
        &[len[1], len[2], len[3], kind, flags][..],
        &stream.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// A header as a literal that is not kept, in letters.
pub(crate) fn line(name: &str, value: &str) -> Vec<u8> {
    let mut out = BytesMut::from(&b"\0"[..]);
    for text in [name, value] {
        match text.len() {
            0..127 => out.extend_from_slice(&[text.len() as u8]),
            len => {
                let rest = len - 127;
                out.extend_from_slice(&[
                    127,
                    (rest & 0x7f) as u8 | 0x80,
                    (rest >> 7 & 0x7f) as u8 | 0x80,
                    (rest >> 14) as u8,
                ]);
            }
        }
        out.extend_from_slice(text.as_bytes());
    }
    out.to_vec()
}

/// A header block: these octets, then these lines.
pub(crate) fn block(start: &[u8], lines: &[(&str, &str)]) -> Vec<u8> {
    let lines = lines.iter().flat_map(|(name, value)| line(name, value));
    start.iter().copied().chain(lines).collect()
}

/// Settings.
pub(crate) fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = pairs
        .iter()
        .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    frame(SETTINGS, 0, 0, &payload)
}
