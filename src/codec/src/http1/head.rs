//! Heads of requests and responses, and what they say about the connection. HTTP/2 has the same types: a proxy between the two converts
//! nothing.
//!
//! Source: RFC 9112 3, 4, 9.3; RFC 9110 7.6.1, 7.8, 10.1.1; RFC 9113 8.3; pipyjs/http.md section 1.
use super::{Headers, Method};
use bytes::Bytes;

/// Protocol version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// HTTP/1.0: closes after the response unless asked to keep the connection.
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2
    Http2,
}

impl Version {
    /// As it is sent, and as scripts see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// `:scheme` of an HTTP/2 request (RFC 9113 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scheme {
    /// None was sent: HTTP/1, or CONNECT. The HTTP/2 encoder sends `http` then.
    #[default]
    Absent,
    /// http
    Http,
    /// https
    Https,
    /// Any other, checked when decoded.
    Other(Box<[u8]>),
}

impl Scheme {
    /// The scheme of that name; an empty one is absent.
    pub fn new(name: &[u8]) -> Self {
        match name {
            b"" => Self::Absent,
            b"http" => Self::Http,
            b"https" => Self::Https,
            _ => Self::Other(name.into()),
        }
    }

    /// As sent; empty for `Absent`.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Absent => b"",
            Self::Http => b"http",
            Self::Https => b"https",
            Self::Other(name) => name,
        }
    }
}

/// Start line and headers of a request. `Default` is `GET / HTTP/1.1` without headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// What is asked for.
    pub method: Method,
    /// The raw target: path and query, absolute URL, `host:port` or `*`. UTF-8 without blanks and control bytes when decoded.
    pub target: Bytes,
    /// The sender's version.
    pub version: Version,
    /// HTTP/2 only.
    pub scheme: Scheme,
    /// `:authority`, HTTP/2 only; empty when it was not sent. A decoded head has it as `host` too.
    pub authority: Bytes,
    /// All header lines, `connection` included (what scripts may see is the filter's matter).
    pub headers: Headers,
}

impl Default for RequestHead {
    fn default() -> Self {
        Self {
            method: Method::Get,
            target: Bytes::from_static(b"/"),
            version: Version::Http11,
            scheme: Scheme::Absent,
            authority: Bytes::new(),
            headers: Headers::new(),
        }
    }
}

impl RequestHead {
    /// Whether the sender wants the connection to stay after this exchange (RFC 9112 9.3).
    pub fn keep_alive(&self) -> bool {
        keep_alive(self.version, &self.headers)
    }

    /// Whether it asks to change the protocol: `connection: upgrade` with `upgrade`, on HTTP/1.1 (RFC 9110 7.8).
    pub fn is_upgrade(&self) -> bool {
        is_upgrade(self.version, &self.headers)
    }

    /// Whether its `upgrade` is passed on: it asks for WebSocket, which is what a proxy can be a tunnel for, and for nothing else.
    /// Of a list the server could take `h2c`, and requests would go through the tunnel that nobody sees.
    pub fn passes_upgrade(&self) -> bool {
        self.is_upgrade() && self.headers.has_only_token("upgrade", "websocket")
    }

    /// Whether the sender waits for a 100 before it sends the body (RFC 9110 10.1.1; not on HTTP/1.0).
    pub fn expects_continue(&self) -> bool {
        self.version != Version::Http10 && self.headers.has_token("expect", "100-continue")
    }

    /// Whether this may become a tunnel; the decoder pauses after it.
    pub fn may_tunnel(&self) -> bool {
        self.method == Method::Connect || self.is_upgrade()
    }
}

/// Status line and headers of a response. `Default` is `HTTP/1.1 200` without headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100 to 999 when decoded.
    pub status: u16,
    /// Reason phrase; empty: the encoder writes the standard one.
    pub reason: Bytes,
    /// The sender's version.
    pub version: Version,
    /// All header lines, `connection` included.
    pub headers: Headers,
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self {
            status: 200,
            reason: Bytes::new(),
            version: Version::Http11,
            headers: Headers::new(),
        }
    }
}

impl ResponseHead {
    /// Whether the sender lets the connection stay (RFC 9112 9.3). A body that ends with the connection is not visible here:
    /// see `ResponseDecoder::reads_until_eof`.
    pub fn keep_alive(&self) -> bool {
        keep_alive(self.version, &self.headers)
    }

    /// Whether it changes the protocol: status 101.
    pub fn is_upgrade(&self) -> bool {
        self.status == 101
    }

    /// Whether its `upgrade` is for whoever asked: it changes the protocol, or says which one is required (RFC 9110 15.5.22).
    pub fn passes_upgrade(&self) -> bool {
        matches!(self.status, 101 | 426)
    }

    /// Whether another response to the same request follows: 1xx but 101.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}

/// DEVIATES: upstream compares `close` exactly; RFC 9110 7.6.1 does not (test `deviates_close_in_any_case`).
fn keep_alive(version: Version, headers: &Headers) -> bool {
    !headers.has_token("connection", "close")
        && (version != Version::Http10 || headers.has_token("connection", "keep-alive"))
}

fn is_upgrade(version: Version, headers: &Headers) -> bool {
    version == Version::Http11 && headers.contains("upgrade") && headers.has_token("connection", "upgrade")
}
