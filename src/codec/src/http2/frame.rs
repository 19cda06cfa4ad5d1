//! Frames as bytes.
//!
//! For: the nine octets before each payload, and writing the frames of fixed form. Not for: what frames mean.
//! Source: RFC 9113 4.1, 6.
use super::ErrorCode;
use bytes::{BufMut, BytesMut};

/// Octets before each payload.
pub(super) const HEADER_BYTES: usize = 9;

/// Types of frames; any other number is allowed and ignored.
pub(super) mod kind {
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
}

/// Flags. ACK has the value of END_STREAM.
pub(super) mod flag {
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// Names of settings (RFC 9113 6.5.2).
pub(super) mod setting {
    pub(crate) const HEADER_TABLE_SIZE: u16 = 1;
    pub(crate) const ENABLE_PUSH: u16 = 2;
    pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(crate) const MAX_FRAME_SIZE: u16 = 5;
    pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// What stands before a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FrameHeader {
    pub(super) len: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl FrameHeader {
    /// Reads the nine octets. The reserved bit is ignored.
    pub(super) fn read(octets: &[u8; HEADER_BYTES]) -> Self {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = *octets;
        Self {
            len: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff,
        }
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The nine octets. `len` is below 2^24: no caller has more than a frame.
    pub(super) fn octets(self) -> [u8; HEADER_BYTES] {
        let [_, a, b, c] = (self.len as u32).to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, s0, s1, s2, s3]
    }
}

/// Appends a frame's first nine octets.
pub(super) fn put_header(out: &mut BytesMut, len: usize, kind: u8, flags: u8, stream: u32) {
    let header = FrameHeader {
        len,
        kind,
        flags,
        stream,
    };
    out.extend_from_slice(&header.octets());
}

/// Appends RST_STREAM.
pub(super) fn put_reset(out: &mut BytesMut, stream: u32, code: ErrorCode) {
    put_header(out, 4, kind::RST_STREAM, 0, stream);
    out.put_u32(code.0);
}

/// Appends WINDOW_UPDATE.
pub(super) fn put_window_update(out: &mut BytesMut, stream: u32, increment: u32) {
    put_header(out, 4, kind::WINDOW_UPDATE, 0, stream);
    out.put_u32(increment);
}

/// Appends PING.
pub(super) fn put_ping(out: &mut BytesMut, flags: u8, payload: [u8; 8]) {
    put_header(out, 8, kind::PING, flags, 0);
    out.extend_from_slice(&payload);
}

/// Appends GOAWAY. The text is for whoever reads a capture.
pub(super) fn put_goaway(out: &mut BytesMut, last: u32, code: ErrorCode, why: &str) {
    put_header(out, 8 + why.len(), kind::GOAWAY, 0, 0);
    out.put_u32(last);
    out.put_u32(code.0);
    out.extend_from_slice(why.as_bytes());
}

/// Appends SETTINGS.
pub(super) fn put_settings(out: &mut BytesMut, settings: &[(u16, u32)]) {
    put_header(out, settings.len() * 6, kind::SETTINGS, 0, 0);
    for &(name, value) in settings {
        out.put_u16(name);
        out.put_u32(value);
    }
}

/// The settings of a payload, whose length is a multiple of six.
pub(super) fn settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload
        .as_chunks::<6>()
        .0
        .iter()
        .map(|&[n0, n1, v0, v1, v2, v3]| (u16::from_be_bytes([n0, n1]), u32::from_be_bytes([v0, v1, v2, v3])))
}

/// A number of four octets with the reserved bit ignored; 0 if there are fewer.
pub(super) fn read_u31(octets: &[u8]) -> u32 {
    read_u32(octets) & 0x7fff_ffff
}

/// A number of four octets; 0 if there are fewer.
pub(super) fn read_u32(octets: &[u8]) -> u32 {
    octets.first_chunk().map_or(0, |&octets| u32::from_be_bytes(octets))
}
