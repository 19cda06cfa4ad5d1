//! HTTP/1.0 and HTTP/1.1, both directions.
//!
//! For: turning received chunks into heads, body slices and ends, and heads into bytes. Body slices are never copied; a head is one
//! slice of the input and a list of ranges. Not for: deciding what to answer, time-outs, back-pressure, HTTP/2.
//!
//! A decoder is used so: push what was read into `Chunks`, call `decode` until it yields `None`, and `finish` when the peer closed.
//! Frames come in the order of the bytes: a good message before a bad one is delivered, then the error, for ever.
//!
//! Source: RFC 9112, RFC 9110; pipyjs/http.md sections 1 to 4. Where the page is laxer than the RFC, its row "Deviate, for safety" rules.
mod body;
mod chunked;
mod encode;
mod error;
pub(crate) mod framing;
mod gather;
pub(crate) mod grammar;
mod head;
pub(crate) mod headers;
mod hops;
mod machine;
pub(crate) mod method;
mod parse;
mod reason;
mod request;
mod response;
mod scan;
mod target;

pub use encode::{
    CHUNK_END, Connection, Framing, LAST_CHUNK, Lines, encode_chunk_start, encode_request_head, encode_response_head,
};
pub use error::{Error, Place};
pub use head::{RequestHead, ResponseHead, Scheme, Version};
pub use headers::Headers;
pub use method::Method;
pub use reason::reason_phrase;
pub use request::RequestDecoder;
pub use response::{Expect, ResponseDecoder};

use bytes::Bytes;

/// No decoder takes more header lines than this, whatever its `Limits` say.
pub const MAX_HEADERS: usize = 128;

/// Bounds of one decoder. All in bytes or lines; a peer that passes one gets an error, and at most
/// `max_total_head_bytes` is buffered. Values that make no sense (a line of 3 bytes, a head of 4 GiB) are brought into range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest start line or header line, without its line end (`maxHeaderSize`; pipyjs/http.md 2).
    pub max_head_bytes: usize,
    /// Most header lines of one head or trailer block; never above `MAX_HEADERS`.
    pub max_headers: usize,
    /// Largest start line and header block together, line ends included; also the largest trailer block.
    pub max_total_head_bytes: usize,
    /// Most bytes of chunk extensions in one message (they are skipped).
    pub max_chunk_extension_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_head_bytes: 16 << 10,
            max_headers: 100,
            max_total_head_bytes: 64 << 10,
            max_chunk_extension_bytes: 16 << 10,
        }
    }
}

impl Limits {
    /// Brought into the range that the machines can keep: enough for a start line's first bytes, and 32-bit positions.
    fn clamped(self) -> Self {
        Self {
            max_head_bytes: self.max_head_bytes.clamp(64, 16 << 20),
            max_headers: self.max_headers.min(MAX_HEADERS),
            max_total_head_bytes: self.max_total_head_bytes.clamp(128, 64 << 20),
            max_chunk_extension_bytes: self.max_chunk_extension_bytes,
        }
    }
}

/// What a decoder yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<H> {
    /// A complete start line and header block.
    Head(H),
    /// A slice of the body, never empty, without any framing.
    Body(Bytes),
    /// The message is complete.
    End(Tail),
    /// Bytes of a tunnel (after CONNECT, 101 or `start_raw`): no HTTP any more.
    Raw(Bytes),
}

/// Sizes of a complete message. Trailers were read, checked and dropped (pipyjs/http.md 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tail {
    /// Bytes of start line and header block, the empty line included.
    pub head_size: usize,
    /// Bytes of the body, without chunk framing.
    pub body_size: u64,
}
