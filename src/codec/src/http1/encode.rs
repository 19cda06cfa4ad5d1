//! Heads and chunk framing into bytes.
//!
//! For: writing into one growing buffer; bodies are the caller's, uncopied. Not for: deciding whether to buffer, to chunk or to close.
//! Source: RFC 9112 3, 4, 5, 7.1; pipyjs/http.md section 3: start line, headers in order, then length or encoding, then `connection`.
use super::grammar::{is_target, is_value};
use super::headers::Field;
use super::hops::{self, Named};
use super::{Error, Headers, Method, RequestHead, ResponseHead, Version, reason_phrase};
use bytes::{BufMut, BytesMut};

/// Ends a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Ends a chunked body: the last chunk and an empty trailer block.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// How the head tells the length of the body. The head's own `content-length` and `transfer-encoding` lines are dropped,
/// but for `Given`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Neither line.
    Absent,
    /// `content-length`, in bytes.
    Length(u64),
    /// `transfer-encoding: chunked`.
    Chunked,
    /// The head's own `content-length`, if any (responses to HEAD).
    Given,
}

impl Framing {
    /// For a request whose whole body is at hand: a length if there is a body or the method usually has one (pipyjs/http.md 3).
    pub fn of_request(method: &Method, body_len: u64) -> Self {
        match method {
            _ if body_len > 0 => Self::Length(body_len),
            Method::Post | Method::Put | Method::Patch => Self::Length(0),
            _ => Self::Absent,
        }
    }

    /// For a response whose whole body is at hand. `to_head`: it answers HEAD; then the head's own length counts, if there is one.
    /// DEVIATES: upstream writes `content-length: 0` for 304 (test `deviates_no_length_for_304`).
    /// 1xx and 204 must not have one (RFC 9110 8.6); for 304 it would have to be that of the 200, which nobody knows.
    pub fn of_response(head: &ResponseHead, to_head: bool, body_len: u64) -> Self {
        match head.status {
            100..200 | 204 | 304 => Self::Absent,
            _ if to_head && head.headers.contains("content-length") => Self::Given,
            _ => Self::Length(body_len),
        }
    }
}

/// The `connection` line. The head's own `connection` and `keep-alive` lines are always dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection<'a> {
    /// `connection: keep-alive`
    KeepAlive,
    /// `connection: close`
    Close,
    /// This value, as a script gave it, or `upgrade`.
    Value(&'a [u8]),
    /// No such line.
    Absent,
}

/// Which lines of a head are sent, besides those that the encoder writes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// All: whoever made the head says what is in it.
    All,
    /// The head came over another connection: what was said about that one stays behind (RFC 9110 7.6.1), as with
    /// [`Headers::drop_hops`].
    PassedOn {
        /// The upgrade is passed on, too.
        keeps_upgrade: bool,
    },
}

/// Appends a request's head to `out`. One that came over HTTP/2 is written as 1.1, its `cookie` lines as one (RFC 9113 8.2.3).
/// # Errors
/// `Unsendable` for a method, target or `connection` value that would break the framing; `out` is as before then.
pub fn encode_request_head(
    head: &RequestHead,
    framing: Framing,
    connection: Connection<'_>,
    lines: Lines,
    out: &mut BytesMut,
) -> Result<(), Error> {
    if !head.method.is_sendable() {
        return Err(Error::Unsendable("method"));
    }
    if !is_target(&head.target) {
        return Err(Error::Unsendable("target"));
    }
    check_connection(connection)?;
    out.reserve(head.target.len() + head.headers.block().len() + 128);
    let received = received_request_line(head).unwrap_or(0);
    if received == 0 {
        out.extend_from_slice(head.method.as_bytes());
        out.put_u8(b' ');
        out.extend_from_slice(&head.target);
        out.put_u8(b' ');
        out.extend_from_slice(version_text(head.version));
        out.extend_from_slice(CHUNK_END);
    }
    let has_crumbs = head.version == Version::Http2 && head.headers.get_all("cookie").nth(1).is_some();
    if has_crumbs {
        out.extend_from_slice(b"cookie: ");
        for (at, crumb) in head.headers.get_all("cookie").enumerate() {
            out.extend_from_slice(if at == 0 { b"" } else { b"; " });
            out.extend_from_slice(crumb);
        }
        out.extend_from_slice(CHUNK_END);
    }
    let part = Part {
        headers: &head.headers,
        without_cookies: has_crumbs,
        framing,
        lines,
    };
    part.encode(received, connection, out);
    Ok(())
}

/// Appends a response's head to `out`. An empty reason is replaced by the standard one, or `OK` (pipyjs/http.md 1).
/// # Errors
/// `Unsendable` for a status outside 100 to 999, or a reason or `connection` value that would break the framing; `out` is as before then.
pub fn encode_response_head(
    head: &ResponseHead,
    framing: Framing,
    connection: Connection<'_>,
    lines: Lines,
    out: &mut BytesMut,
) -> Result<(), Error> {
    if !(100..1000).contains(&head.status) {
        return Err(Error::Unsendable("status"));
    }
    if !is_value(&head.reason) {
        return Err(Error::Unsendable("reason"));
    }
    check_connection(connection)?;
    out.reserve(head.headers.block().len() + 128);
    let received = received_status_line(head).unwrap_or(0);
    if received == 0 {
        out.extend_from_slice(version_text(head.version));
        out.put_u8(b' ');
        out.extend_from_slice(itoa::Buffer::new().format(head.status).as_bytes());
        out.put_u8(b' ');
        match head.reason.is_empty() {
            true => out.extend_from_slice(reason_phrase(head.status).unwrap_or("OK").as_bytes()),
            false => out.extend_from_slice(&head.reason),
        }
        out.extend_from_slice(CHUNK_END);
    }
    let part = Part {
        headers: &head.headers,
        without_cookies: false,
        framing,
        lines,
    };
    part.encode(received, connection, out);
    Ok(())
}

/// Appends what stands before a chunk's data: its size in upper-case hex. After the data comes `CHUNK_END`; at the end `LAST_CHUNK`.
///
/// An empty chunk would end the body: for `len` 0 nothing is written, and the caller writes no `CHUNK_END`.
pub fn encode_chunk_start(len: usize, out: &mut BytesMut) {
    if len == 0 {
        return;
    }
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        let digit = (len >> (place * 4) & 0xf) as u8;
        out.put_u8(if digit < 10 { b'0' + digit } else { b'A' + digit - 10 });
    }
    out.extend_from_slice(CHUNK_END);
}

fn check_connection(connection: Connection<'_>) -> Result<(), Error> {
    match connection {
        Connection::Value(value) if !is_value(value) => Err(Error::Unsendable("connection value")),
        _ => Ok(()),
    }
}

/// What is written here is 1.1 unless it shall be 1.0.
fn version_text(version: Version) -> &'static [u8] {
    match version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 | Version::Http2 => b"HTTP/1.1",
    }
}

/// Length of the received start line, its end included, if that is what would be written.
fn received_request_line(head: &RequestHead) -> Option<usize> {
    if head.version == Version::Http2 {
        return None;
    }
    let block = head.headers.block();
    let rest = block.strip_prefix(head.method.as_bytes())?.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(&*head.target)?.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(version_text(head.version))?.strip_prefix(CHUNK_END)?;
    Some(block.len() - rest.len())
}

/// As `received_request_line`.
fn received_status_line(head: &ResponseHead) -> Option<usize> {
    let block = head.headers.block();
    let rest = block.strip_prefix(version_text(head.version))?.strip_prefix(b" ")?;
    let (status, rest) = rest.split_first_chunk::<3>()?;
    let value = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    // An empty reason is replaced.
    if !status.iter().all(u8::is_ascii_digit) || value(status) != head.status || head.reason.is_empty() {
        return None;
    }
    let rest = rest
        .strip_prefix(b" ")?
        .strip_prefix(&*head.reason)?
        .strip_prefix(CHUNK_END)?;
    Some(block.len() - rest.len())
}

/// The lines of a head that are sent.
struct Part<'a> {
    headers: &'a Headers,
    /// Those have been written.
    without_cookies: bool,
    framing: Framing,
    lines: Lines,
}

impl Part<'_> {
    /// `received`: so many bytes of the received block are to stand before the lines.
    fn encode(&self, received: usize, connection: Connection<'_>, out: &mut BytesMut) {
        let before = out.len();
        if self.encode_lines(received, None, out) {
            // Seldom: one of the lines names others, which may have been written already.
            out.truncate(before);
            self.encode_lines(received, Some(&Named::of(self.headers)), out);
        }
        match self.framing {
            Framing::Length(bytes) => encode_line(b"content-length", itoa::Buffer::new().format(bytes).as_bytes(), out),
            Framing::Chunked => encode_line(b"transfer-encoding", b"chunked", out),
            Framing::Absent | Framing::Given => {}
        }
        match connection {
            Connection::KeepAlive => return out.extend_from_slice(b"connection: keep-alive\r\n\r\n"),
            Connection::Close => out.extend_from_slice(b"connection: close\r\n"),
            Connection::Value(value) => encode_line(b"connection", value, out),
            Connection::Absent => {}
        }
        out.extend_from_slice(CHUNK_END);
    }

    /// Appends the lines but for those named; yields whether there may be names that have not been asked for.
    fn encode_lines(&self, received: usize, named: Option<&Named>, out: &mut BytesMut) -> bool {
        let (headers, block) = (self.headers, self.headers.block());
        // Lines that follow each other in the received block and stand there just as they would be written are copied in one go.
        let mut run = 0..received;
        let mut names_more = false;
        for field in headers.fields() {
            if self.is_dropped(field, named, &mut names_more)
                || (self.without_cookies && headers.name(field).eq_ignore_ascii_case(b"cookie"))
            {
                continue;
            }
            match received_line(block, field) {
                Some(line) if line.start == run.end => run.end = line.end,
                Some(line) => {
                    out.extend_from_slice(block.get(run).unwrap_or_default());
                    run = line;
                }
                None => {
                    out.extend_from_slice(block.get(run).unwrap_or_default());
                    run = 0..0;
                    encode_line(headers.name(field), headers.value(field), out);
                }
            }
        }
        out.extend_from_slice(block.get(run).unwrap_or_default());
        names_more
    }

    fn is_dropped(&self, field: &Field, named: Option<&Named>, names_more: &mut bool) -> bool {
        let headers = self.headers;
        let is = |name: &[u8]| headers.name(field).eq_ignore_ascii_case(name);
        // The length of a name rules most lines out before any comparison.
        let is_one = match (field.name_len, self.lines) {
            (10, _) if is(b"connection") => {
                *names_more |= self.lines != Lines::All && hops::names_more(headers.value(field));
                true
            }
            (10, _) => is(b"keep-alive"),
            (14, _) if is(b"content-length") => self.framing != Framing::Given,
            (17, _) => is(b"transfer-encoding"),
            (2 | 7 | 14 | 16, Lines::PassedOn { keeps_upgrade }) => hops::is_hop(headers, field, keeps_upgrade),
            _ => false,
        };
        is_one || named.is_some_and(|named| self.is_named(field, named))
    }

    #[cold]
    fn is_named(&self, field: &Field, named: &Named) -> bool {
        let keeps_upgrade = self.lines == Lines::PassedOn { keeps_upgrade: true };
        named.has(self.headers, field, keeps_upgrade)
    }
}

/// The whole line of `field` in the received block, if it reads `name: value CRLF` there.
fn received_line(block: &[u8], field: &Field) -> Option<std::ops::Range<usize>> {
    let start = field.name_at as usize;
    let colon = start + field.name_len as usize;
    let end = colon + 2 + field.value_len as usize;
    let fits = field.value_at as usize == colon + 2
        && block.get(colon..colon + 2) == Some(b": ")
        && block.get(end..end + 2) == Some(CHUNK_END);
    fits.then_some(start..end + 2)
}

fn encode_line(name: &[u8], value: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(CHUNK_END);
}
