//! Which protocol a connection begins with: HTTP/1, HTTP/2 or TLS. Looks, and consumes nothing.
//!
//! For: `detectProtocol`. Not for: checking that what follows is well-formed.
//! Source: pipyjs/filters.md section 6; RFC 9112 section 3, RFC 9113 section 3.4, RFC 8446 section 5.1.

/// Longest method. Real ones have up to 17 letters (`VERSION-CONTROL` and the like).
const MAX_METHOD_BYTES: usize = 32;
/// Longest request target; a head that is longer is refused behind us anyway.
const MAX_TARGET_BYTES: usize = 64 << 10;
/// The client's connection preface.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const VERSION: &[u8] = b"HTTP/1.";

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A whole request line of HTTP/1.
    Http,
    /// The preface of HTTP/2.
    Http2,
    /// A handshake record with a plausible version.
    Tls,
    /// None of them.
    Unknown,
}

/// Looks at the beginning of a connection. Keeps no byte.
#[derive(Debug, Default)]
pub struct Detector {
    seen: usize,
    http: Http,
    is_not_http2: bool,
    is_not_tls: bool,
    over: bool,
}

/// Where in a request line it is.
#[derive(Debug, Clone, Copy, Default)]
enum Http {
    #[default]
    Start,
    Method(usize),
    Target(usize),
    Version(usize),
    Not,
}

impl Detector {
    /// For a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes. `None`: more are needed; after an answer always.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Protocol> {
        if self.over {
            return None;
        }
        let found = bytes.iter().find_map(|byte| self.byte(*byte));
        self.over = found.is_some();
        found
    }

    fn byte(&mut self, byte: u8) -> Option<Protocol> {
        let at = self.seen;
        self.seen += 1;
        self.is_not_http2 |= PREFACE.get(at) != Some(&byte);
        self.is_not_tls |= !matches!((at, byte), (0, 22) | (1, 3) | (2, 0..=4));
        if !self.is_not_tls && at == 2 {
            return Some(Protocol::Tls);
        }
        if !self.is_not_http2 && self.seen == PREFACE.len() {
            return Some(Protocol::Http2);
        }
        self.http = match (self.http, byte) {
            (Http::Start, b'A'..=b'Z') => Http::Method(1),
            (Http::Method(len), b'A'..=b'Z' | b'-') if len < MAX_METHOD_BYTES => Http::Method(len + 1),
            (Http::Method(_), b' ') => Http::Target(0),
            (Http::Target(len), b' ') if len > 0 => Http::Version(0),
            (Http::Target(len), 0x21..=0x7e | 0x80..) if len < MAX_TARGET_BYTES => Http::Target(len + 1),
            (Http::Version(len), byte) if VERSION.get(len) == Some(&byte) => Http::Version(len + 1),
            (Http::Version(len), b'0'..=b'9') if len == VERSION.len() => return Some(Protocol::Http),
            _ => Http::Not,
        };
        let is_none = self.is_not_http2 && self.is_not_tls && matches!(self.http, Http::Not);
        is_none.then_some(Protocol::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::split_everywhere;

    #[test]
    fn beginnings() {
        let long = [&b"GET /"[..], &vec![b'a'; MAX_TARGET_BYTES + 1]].concat();
        for (sample, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], Some(Protocol::Http)),
            (b"GET / HTTP/1.0", Some(Protocol::Http)),
            (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", Some(Protocol::Http)),
            (b"VERSION-CONTROL /x?y=%20 HTTP/1.1\r\n", Some(Protocol::Http)),
            (b"GET / HTTP/1.", None),
            (b"GET /", None),
            (b"G", None),
            (b"", None),
            (b"GET / HTTP/2.0\r\n", Some(Protocol::Unknown)),
            (b"GET  / HTTP/1.1\r\n", Some(Protocol::Unknown)),
            (b"GET /\r\n", Some(Protocol::Unknown)),
            (b"get / HTTP/1.1\r\n", Some(Protocol::Unknown)),
            (b"AUTHENTICATEWITHAVERYLONGMETHODNAMEX / ", Some(Protocol::Unknown)),
            (PREFACE, Some(Protocol::Http2)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", None),
            (b"PRI * HTTP/1.1\r\n", Some(Protocol::Http)),
            (b"PRI * HTTP/2.0\r\n\r\nXM", Some(Protocol::Unknown)),
            (b"\x16\x03\x01\x02\x00\x01", Some(Protocol::Tls)),
            (b"\x16\x03", None),
            (b"\x16\x03\x05", Some(Protocol::Unknown)),
            (b"\x17\x03\x03", Some(Protocol::Unknown)),
            (b"\x80\x2e\x01", Some(Protocol::Unknown)),
            (b"SSH-2.0-OpenSSH\r\n", Some(Protocol::Unknown)),
            (b"\0\0\0\0", Some(Protocol::Unknown)),
        ] {
            let found = split_everywhere(sample, |pieces| {
                let mut detector = Detector::new();
                pieces.iter().filter_map(|piece| detector.push(piece)).next()
            });
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(sample));
        }
        let mut detector = Detector::new();
        assert_eq!(detector.push(&long), Some(Protocol::Unknown), "a target without end");
        assert_eq!(detector.push(b"GET / HTTP/1.1"), None, "it is over");
    }
}
