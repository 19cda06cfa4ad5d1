//! Request methods.
//!
//! Source: RFC 9110 9.3, RFC 5789; pipyjs/http.md section 2 (the list, and that it is closed for decoding).
use super::Error;
use super::grammar::{is_token, is_token_byte};
use bytes::Bytes;

/// A request method. The decoder yields the named ones only; `Other` is what a script asked to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Method {
    /// GET, what a request without a method is.
    #[default]
    Get,
    /// HEAD: the response has no body.
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// CONNECT: a 2xx response turns the connection into a tunnel.
    Connect,
    /// OPTIONS
    Options,
    /// TRACE
    Trace,
    /// Any other token; made by `Method::new`. The encoder checks that it is one.
    Other(Bytes),
}

/// Each method as a request line starts with it.
const LINES: [(&[u8], Method); 9] = [
    (b"GET ", Method::Get),
    (b"POST ", Method::Post),
    (b"HEAD ", Method::Head),
    (b"PUT ", Method::Put),
    (b"DELETE ", Method::Delete),
    (b"PATCH ", Method::Patch),
    (b"OPTIONS ", Method::Options),
    (b"CONNECT ", Method::Connect),
    (b"TRACE ", Method::Trace),
];

impl Method {
    /// The method that a script or a caller named; upper case for the known ones, anything else is `Other`.
    pub fn new(name: &[u8]) -> Self {
        LINES
            .iter()
            .find(|(line, _)| line.strip_suffix(b" ") == Some(name))
            .map_or_else(
                || Self::Other(Bytes::copy_from_slice(name)),
                |(_, method)| method.clone(),
            )
    }

    /// Its bytes, as sent.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Get => b"GET",
            Self::Head => b"HEAD",
            Self::Post => b"POST",
            Self::Put => b"PUT",
            Self::Patch => b"PATCH",
            Self::Delete => b"DELETE",
            Self::Connect => b"CONNECT",
            Self::Options => b"OPTIONS",
            Self::Trace => b"TRACE",
            Self::Other(name) => name,
        }
    }

    /// Its text; `Other` that is no UTF-8 gives an empty text (the encoder refuses it anyway).
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Whether the encoder may send it.
    pub(crate) fn is_sendable(&self) -> bool {
        !matches!(self, Self::Other(name) if !is_token(name))
    }

    /// Bytes of the method and the blank that the line starts with.
    pub(super) fn line_start(line: &[u8]) -> Option<usize> {
        let start = LINES.iter().find(|(start, _)| line.starts_with(start));
        start.map(|(start, _)| start.len())
    }

    /// The method of a line that starts with one and a blank.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        LINES
            .iter()
            .find(|(start, _)| line.starts_with(start))
            .map(|(_, method)| method.clone())
    }
}

/// The first bytes that an HTTP/2 client sends (RFC 9113 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Judges the first bytes of a request as soon as they tell: garbage is refused without waiting for a line end.
///
/// Yields whether they are enough to go on. `preface`: whether an HTTP/2 preface is possible here (start of a connection).
/// The verdict depends on the first wrong byte only, so it is the same however the input is cut.
/// # Errors
/// `Method` or `StartLine`; `Http2Preface` once all of it has arrived.
pub(super) fn check_request_start(line: &[u8], preface: bool) -> Result<bool, Error> {
    if LINES.iter().any(|(start, _)| line.starts_with(start)) {
        return Ok(true);
    }
    let mut longest = 0;
    for (start, _) in &LINES {
        longest = longest.max(common_prefix(line, start));
    }
    if preface {
        let common = common_prefix(line, PREFACE);
        if common == PREFACE.len() {
            return Err(Error::Http2Preface);
        }
        longest = longest.max(common);
    }
    match line.get(longest) {
        None => Ok(false),
        Some(&byte) if is_token_byte(byte) || (byte == b' ' && longest > 0) => Err(Error::Method),
        Some(_) => Err(Error::StartLine),
    }
}

/// How many bytes `a` and `b` share at their start.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}
