//! The headers of one block, while they are being decoded.
//!
//! For: judging each header, and collecting them in the form in which heads are kept: names and values one after the other as HTTP/1
//! would write them, and a list of places. Not for: what a whole head must have (`head`).
//! Source: RFC 9113 8.2, 8.3, 10.5.1; RFC 9110 5.
use super::Config;
use super::hpack::Line;
use crate::http1::framing::parse_length;
use crate::http1::grammar::{is_host, is_target, is_token, is_token_byte, is_value};
use crate::http1::headers::Field;
use crate::http1::{MAX_HEADERS, Method, Scheme};
use bytes::BytesMut;

/// What a header is, from its name and value alone; kept with entries of the table, so that each is judged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Host,
    ContentLength,
    Method,
    Scheme,
    Authority,
    Path,
    Status,
    /// Not a name of RFC 9110 in lower case, or a pseudo header that nobody knows.
    BadName,
    /// Control bytes, blanks around it, or not what this header's value must be.
    BadValue,
    /// About the connection: not allowed (RFC 9113 8.2.2).
    ConnectionSpecific,
}

/// Bytes of header names: tokens, but no upper case (RFC 9113 8.2).
static NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = is_token_byte(octet as u8) && !(octet as u8).is_ascii_uppercase();
        octet += 1;
    }
    table
};

/// Judges one header.
pub(super) fn classify(name: &[u8], value: &[u8]) -> Kind {
    let of_value = |good: bool, kind: Kind| if good { kind } else { Kind::BadValue };
    match name {
        [b':', ..] => match name {
            b":method" => of_value(is_token(value), Kind::Method),
            b":scheme" => of_value(is_scheme(value), Kind::Scheme),
            b":authority" => of_value(!value.is_empty() && is_host(value), Kind::Authority),
            // A fragment stays with the client (RFC 9110 4.2.5): who sends one wants two readers to differ.
            b":path" => of_value(is_target(value) && !value.contains(&b'#'), Kind::Path),
            b":status" => of_value(status(value).is_some(), Kind::Status),
            _ => Kind::BadName,
        },
        b"" => Kind::BadName,
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
            Kind::ConnectionSpecific
        }
        b"te" if !value.eq_ignore_ascii_case(b"trailers") => Kind::ConnectionSpecific,
        b"host" => of_value(is_host(value), Kind::Host),
        b"content-length" => of_value(parse_length(value).is_some(), Kind::ContentLength),
        _ if !name.iter().all(|&octet| NAME_BYTES[usize::from(octet)]) => Kind::BadName,
        _ if matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']) => Kind::BadValue,
        _ => of_value(is_value(value), Kind::Plain),
    }
}

fn is_scheme(value: &[u8]) -> bool {
    let is_rest = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
    value.first().is_some_and(u8::is_ascii_alphabetic) && value.iter().all(is_rest)
}

fn status(value: &[u8]) -> Option<u16> {
    let &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = value else {
        return None;
    };
    Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
}

/// A range of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: u32,
    pub(super) len: u32,
}

/// `:path`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Path {
    #[default]
    Absent,
    /// `/`, which needs no bytes.
    Root,
    At(Place),
}

/// What a block has said so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) method: Option<Method>,
    pub(super) scheme: Scheme,
    pub(super) path: Path,
    pub(super) authority: Option<Place>,
    pub(super) status: Option<u16>,
    pub(super) content_length: Option<u64>,
    /// The first broken rule.
    pub(super) malformed: Option<&'static str>,
    /// A bound of `Config` was passed; nothing is kept any more.
    pub(super) too_large: bool,
    has_host: bool,
    has_plain: bool,
    has_pseudo: bool,
    bytes: usize,
}

impl Seen {
    pub(super) fn has_pseudo(&self) -> bool {
        self.has_pseudo
    }
}

/// The collector. One for each connection: its buffers are reused.
#[derive(Debug)]
pub(super) struct Fields {
    /// `name: value CRLF` of each header. Heads are cut off its front, so many of them share one allocation.
    pub(super) buf: BytesMut,
    pub(super) list: Vec<Field>,
    pub(super) seen: Seen,
    max_bytes: usize,
    max_field_bytes: usize,
    max_count: usize,
}

/// Room that is made for heads at once.
const BUFFER_BYTES: usize = 4096;

impl Fields {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            buf: BytesMut::new(),
            list: Vec::new(),
            seen: Seen::default(),
            max_bytes: config.max_header_list_bytes,
            max_field_bytes: config.max_field_bytes,
            max_count: config.max_headers.min(MAX_HEADERS),
        }
    }

    /// Starts a block.
    pub(super) fn start(&mut self) {
        self.seen = Seen::default();
        self.list.clear();
        self.buf.clear();
        if self.buf.capacity() < 512 {
            self.buf.reserve(BUFFER_BYTES);
        }
    }

    /// Where a literal is written to.
    pub(super) fn buf(&mut self) -> &mut BytesMut {
        &mut self.buf
    }

    /// Adds one of the static table's pseudo headers with a value, without a copy. False: it is none of those.
    pub(super) fn put_static_pseudo(&mut self, index: usize) -> bool {
        let size = match index {
            2 => 42,
            3 => 43,
            4 => 38,
            6 => 43,
            7 => 44,
            8..=14 => 42,
            _ => return false,
        };
        if !self.count(size) {
            return true;
        }
        match index {
            2 => self.method(Method::Get),
            3 => self.method(Method::Post),
            4 => self.path(Path::Root),
            6 => self.scheme(Scheme::Http),
            7 => self.scheme(Scheme::Https),
            _ => {
                const STATUS: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
                self.status(STATUS.get(index - 8).copied().unwrap_or(0));
            }
        }
        true
    }

    /// Adds a header from a table.
    pub(super) fn put(&mut self, line: Line<'_>) {
        if self.count(line.size) {
            let start = self.buf.len();
            self.buf.extend_from_slice(line.bytes);
            self.add(line.kind, start, line.name_len);
        }
    }

    /// Adds the line that has just been written to the end of the buffer, from `start`.
    pub(super) fn add_written(&mut self, start: usize, name_len: usize, size: usize, kind: Kind) {
        if self.count(size) {
            self.add(kind, start, name_len);
        }
    }

    /// Counts a header; false: there is too much already, and nothing is to be kept.
    fn count(&mut self, size: usize) -> bool {
        self.seen.bytes += size;
        let is_too_large =
            self.seen.bytes > self.max_bytes || size > self.max_field_bytes + 32 || self.list.len() >= self.max_count;
        if self.seen.too_large || is_too_large {
            self.seen.too_large = true;
            self.list.clear();
            self.buf.clear();
            return false;
        }
        true
    }

    fn fault(&mut self, why: &'static str) {
        self.seen.malformed.get_or_insert(why);
    }

    /// Notes that a pseudo header came; `again`: that one was there already.
    fn pseudo(&mut self, again: bool) {
        self.seen.has_pseudo = true;
        if again {
            self.fault("repeated pseudo header");
        }
        if self.seen.has_plain {
            self.fault("pseudo header after a header");
        }
    }

    fn method(&mut self, method: Method) {
        self.pseudo(self.seen.method.is_some());
        self.seen.method = Some(method);
    }

    fn scheme(&mut self, scheme: Scheme) {
        self.pseudo(self.seen.scheme != Scheme::Absent);
        self.seen.scheme = scheme;
    }

    fn path(&mut self, path: Path) {
        self.pseudo(self.seen.path != Path::Absent);
        self.seen.path = path;
    }

    fn status(&mut self, status: u16) {
        self.pseudo(self.seen.status.is_some());
        self.seen.status = Some(status);
    }

    /// Adds the line at the end of the buffer, from `start`.
    fn add(&mut self, kind: Kind, start: usize, name_len: usize) {
        let value_at = start + name_len + 2;
        // The bounds of Config keep every place far below 4 GiB.
        let value = Place {
            at: value_at as u32,
            len: (self.buf.len() - 2).saturating_sub(value_at) as u32,
        };
        match kind {
            Kind::Plain => {}
            Kind::Method => {
                let method = Method::new(self.text(value));
                self.buf.truncate(start);
                return self.method(method);
            }
            Kind::Scheme => {
                let scheme = Scheme::new(self.text(value));
                self.buf.truncate(start);
                return self.scheme(scheme);
            }
            Kind::Status => {
                let status = status(self.text(value));
                self.buf.truncate(start);
                return self.status(status.unwrap_or(0));
            }
            Kind::Path => return self.path(Path::At(value)),
            Kind::Authority => {
                self.pseudo(self.seen.authority.is_some());
                self.seen.authority = Some(value);
                return self.line(start, name_len, value);
            }
            Kind::Host => {
                if self.seen.has_host {
                    self.fault("repeated host");
                }
                self.seen.has_host = true;
                if let Some(authority) = self.seen.authority {
                    // It has been put into the list as `host` already.
                    self.seen.has_plain = true;
                    if !self.text(authority).eq_ignore_ascii_case(self.text(value)) {
                        self.fault("host and :authority differ");
                    }
                    self.buf.truncate(start);
                    return;
                }
            }
            Kind::ContentLength => {
                let length = parse_length(self.text(value));
                if self.seen.content_length.is_some() {
                    self.fault("repeated content-length");
                }
                self.seen.content_length = length;
            }
            Kind::BadName => self.fault("malformed or unknown header name"),
            Kind::BadValue => self.fault("malformed header value"),
            Kind::ConnectionSpecific => self.fault("header about the connection"),
        }
        self.seen.has_plain = true;
        self.line(start, name_len, value);
    }

    fn line(&mut self, start: usize, name_len: usize, value: Place) {
        self.list.push(Field {
            name_at: start as u32,
            name_len: name_len as u32,
            value_at: value.at,
            value_len: value.len,
        });
    }

    fn text(&self, place: Place) -> &[u8] {
        let start = place.at as usize;
        self.buf.get(start..start + place.len as usize).unwrap_or_default()
    }
}
