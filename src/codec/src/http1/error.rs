//! What can be wrong with HTTP/1 bytes, and what a server answers then.
//!
//! Source: RFC 9112 2.2, 3, 5, 6.3, 7.1, 9.2, 11.2; pipyjs/http.md section 2.

/// Where the input ended too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a start line or a header block.
    Head,
    /// In a body of known length or in chunked framing.
    Body,
}

/// Why bytes are not acceptable HTTP/1. The decoder stays in this error; the connection is of no further use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The start line is not one of RFC 9112 3 or 4; a leading empty line counts.
    #[error("malformed start line; is this HTTP at all?")]
    StartLine,
    /// A method outside the list of pipyjs/http.md section 2; methods are case-sensitive.
    #[error("unknown method; known are GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE, in upper case")]
    Method,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("unsupported protocol version; only 1.0 and 1.1 are spoken here")]
    Version,
    /// Not a fault: the peer speaks HTTP/2 with prior knowledge (RFC 9113 3.4). The whole preface is still in the input.
    #[error("connection preface of http/2 on an http/1 decoder")]
    Http2Preface,
    /// Start line longer than `Limits::max_head_bytes`.
    #[error("start line longer than {0} bytes")]
    TargetTooLong(usize),
    /// One header line longer than `Limits::max_head_bytes`.
    #[error("header line longer than {0} bytes")]
    LineTooLong(usize),
    /// Header block (or trailer block) larger than `Limits::max_total_head_bytes`.
    #[error("header block larger than {0} bytes")]
    HeadTooLarge(usize),
    /// More header lines than `Limits::max_headers`.
    #[error("more than {0} header lines")]
    TooManyHeaders(usize),
    /// LF without CR before it (RFC 9112 2.2 lets a recipient accept it; two recipients that differ are smuggling).
    #[error("line feed without carriage return")]
    BareLf,
    /// Empty name, name that is no token, blank before the colon, no colon, folded line.
    #[error("malformed header name; blanks, folding and control bytes are refused")]
    HeaderName,
    /// Control byte or bare CR in a value.
    #[error("malformed header value; control bytes are refused")]
    HeaderValue,
    /// Not digits only, repeated, a list, or too large.
    #[error("malformed or repeated content-length")]
    ContentLength,
    /// Anything but one `chunked`, or sent by an HTTP/1.0 peer.
    #[error("unacceptable transfer-encoding; only chunked, once, on http/1.1")]
    TransferEncoding,
    /// `content-length` beside `transfer-encoding`.
    #[error("content-length beside transfer-encoding")]
    LengthAndEncoding,
    /// `host` repeated, no host and port, or another one than an absolute target names.
    #[error("malformed, repeated or contradictory host")]
    Host,
    /// No form of RFC 9112 3.2 that the method may have.
    #[error("request target of no known form")]
    Target,
    /// A CONNECT request that announces a body (RFC 9110 9.3.6).
    #[error("connect request with a body")]
    ConnectBody,
    /// A chunk size that is empty, no hexadecimal number, or too large.
    #[error("malformed chunk size")]
    ChunkSize,
    /// A chunk extension with control bytes, or more of them than `Limits::max_chunk_extension_bytes` in one message.
    #[error("malformed or oversized chunk extension")]
    ChunkExtension,
    /// No CRLF after a chunk's data.
    #[error("chunk data without line end")]
    ChunkEnd,
    /// The input ended inside a message.
    #[error("input ended in the {}", match .0 { Place::Head => "head", Place::Body => "body" })]
    Truncated(Place),
    /// Encoder only: this part of the start line would break the framing.
    #[error("cannot send this {0}: it holds blanks or control bytes")]
    Unsendable(&'static str),
}

impl Error {
    /// The status code that a server answers before it closes. For a bad response, a proxy answers 502 whatever this says.
    pub fn status(&self) -> u16 {
        match self {
            Self::Method => 501,
            Self::Version | Self::Http2Preface => 505,
            Self::TargetTooLong(_) => 414,
            Self::LineTooLong(_) | Self::HeadTooLarge(_) | Self::TooManyHeaders(_) => 431,
            Self::Unsendable(_) => 500,
            Self::StartLine
            | Self::BareLf
            | Self::HeaderName
            | Self::HeaderValue
            | Self::ContentLength
            | Self::TransferEncoding
            | Self::LengthAndEncoding
            | Self::Host
            | Self::Target
            | Self::ConnectBody
            | Self::ChunkSize
            | Self::ChunkExtension
            | Self::ChunkEnd
            | Self::Truncated(_) => 400,
        }
    }
}
