//! Multipart bodies: parts out of bytes, as they come.
//!
//! For: parts of any `multipart/...` with their headers, bodies passed on piece by piece. Not for: parts inside of parts (decode their
//! bodies again), transfer encodings, what a part means. Source: RFC 2046 section 5.1, RFC 7578, RFC 9110 section 5.6.6 (parameters).
use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// Longest boundary (RFC 2046 section 5.1.1).
pub const MAX_BOUNDARY_BYTES: usize = 70;
/// Most bytes of the headers of one part.
pub const MAX_HEADER_BYTES: usize = 16 << 10;
/// Most blanks between a boundary and the end of its line.
const MAX_PADDING_BYTES: usize = 256;
/// Most parameters of a header; others are not looked at, for each is compared with those before it.
const MAX_PARAMETERS: usize = 64;

/// What a body is made of, in order: for each part `Part`, `Body` as often as bytes come, `PartEnd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A part begins: its headers, names in lower case.
    Part(Vec<(String, String)>),
    /// Bytes of its body; never empty.
    Body(Bytes),
    /// It is complete.
    PartEnd,
}

/// Why bytes are no multipart body. Nothing is decoded after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A header line without a colon, or with a name that is none.
    #[error("malformed header of a part")]
    Header,
    /// See [`MAX_HEADER_BYTES`].
    #[error("the headers of a part are longer than {MAX_HEADER_BYTES} bytes")]
    TooLong,
    /// The body ends before its last boundary.
    #[error("the body ends before its last boundary")]
    Truncated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first boundary: what stands there is not for us.
    Preamble,
    /// Behind a boundary; the buffer begins with the end of that line.
    Headers,
    /// Behind the headers; the buffer begins with the end of the empty line, which may belong to the next boundary.
    BodyStart,
    Body,
    /// Behind the last boundary.
    Epilogue,
}

/// Bytes into parts.
#[derive(Debug)]
pub struct Decoder {
    /// CRLF, two dashes, the boundary.
    delimiter: Vec<u8>,
    state: State,
    buffer: BytesMut,
    failed: Option<Error>,
}

/// A boundary in a buffer.
enum Found {
    /// Nowhere; so many bytes are surely none of it.
    No(usize),
    /// At this place perhaps: more input tells.
    Perhaps(usize),
    /// At this place, to that one: another part follows.
    Next(usize, usize),
    /// At this place: the last one.
    Last(usize),
}

impl Decoder {
    /// The boundary as [`boundary`] gives it.
    pub fn new(boundary: &str) -> Self {
        Self {
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            state: State::Preamble,
            // The first boundary may be the first thing in the body.
            buffer: BytesMut::from(&b"\r\n"[..]),
            failed: None,
        }
    }

    /// Takes more of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state != State::Epilogue && self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame; None when more input is needed. To be called until then: only so the buffer stays short.
    /// # Errors
    /// See [`Error`]; the same one from then on.
    pub fn decode(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let frame = self.step();
        if let Err(error) = frame {
            self.failed = Some(error);
            self.buffer.clear();
        }
        frame
    }

    fn step(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            match self.state {
                State::Epilogue => {
                    self.buffer.clear();
                    return Ok(None);
                }
                State::Headers => match self.headers()? {
                    None => return Ok(None),
                    Some(headers) => {
                        self.state = State::BodyStart;
                        return Ok(Some(Frame::Part(headers)));
                    }
                },
                State::BodyStart => {
                    if self.buffer.len() < 2 {
                        return Ok(None);
                    }
                    match self.find() {
                        Found::Perhaps(0) | Found::No(0) => return Ok(None),
                        Found::Next(0, _) | Found::Last(0) => {}
                        _ => drop(self.buffer.split_to(2)),
                    }
                    self.state = State::Body;
                }
                State::Preamble | State::Body => {
                    let is_part = self.state == State::Body;
                    let found = self.find();
                    let (Found::No(body) | Found::Perhaps(body) | Found::Next(body, _) | Found::Last(body)) = found;
                    if body > 0 {
                        let bytes = self.buffer.split_to(body);
                        if is_part {
                            return Ok(Some(Frame::Body(bytes.freeze())));
                        }
                        continue;
                    }
                    match found {
                        Found::No(_) | Found::Perhaps(_) => return Ok(None),
                        Found::Next(_, end) => {
                            drop(self.buffer.split_to(end));
                            self.state = State::Headers;
                        }
                        Found::Last(_) => self.state = State::Epilogue,
                    }
                    if is_part {
                        return Ok(Some(Frame::PartEnd));
                    }
                }
            }
        }
    }

    /// The first boundary in the buffer.
    fn find(&self) -> Found {
        let mut from = 0;
        while let Some(rest) = self.buffer.get(from..) {
            let Some(at) = memmem::find(rest, &self.delimiter) else {
                break;
            };
            let at = from + at;
            let tail = self.buffer.get(at + self.delimiter.len()..).unwrap_or_default();
            if tail.starts_with(b"--") {
                return Found::Last(at);
            }
            let padding = tail.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            match tail.get(padding..).unwrap_or_default() {
                // However the input is cut: a line with more blanks is none.
                _ if padding > MAX_PADDING_BYTES => from = at + 2,
                [b'\r', b'\n', ..] => return Found::Next(at, at + self.delimiter.len() + padding),
                [] | [b'\r'] => return Found::Perhaps(at),
                [b'-'] if padding == 0 => return Found::Perhaps(at),
                // A line that only begins like one.
                _ => from = at + 2,
            }
        }
        // What the delimiter may begin with stays back.
        let rest = self.buffer.get(from..).unwrap_or_default();
        let longest = rest.len().min(self.delimiter.len() - 1);
        let kept = (1..=longest).rev().find(|kept| {
            let end = rest.get(rest.len() - kept..).unwrap_or_default();
            self.delimiter.starts_with(end)
        });
        Found::No(self.buffer.len() - kept.unwrap_or(0))
    }

    /// The headers, when the empty line behind them is there.
    fn headers(&mut self) -> Result<Option<Vec<(String, String)>>, Error> {
        let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") else {
            return match self.buffer.len() > MAX_HEADER_BYTES + 3 {
                true => Err(Error::TooLong),
                false => Ok(None),
            };
        };
        if end > MAX_HEADER_BYTES {
            return Err(Error::TooLong);
        }
        // The end of the empty line stays: see `State::BodyStart`.
        let block = self.buffer.split_to(end + 2);
        let mut headers: Vec<(String, String)> = Vec::new();
        let text = String::from_utf8_lossy(&block);
        for line in text.split("\r\n").filter(|line| !line.is_empty()) {
            if line.starts_with([' ', '\t']) {
                // Folded (RFC 5322 section 2.2.3).
                let (_, value) = headers.last_mut().ok_or(Error::Header)?;
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(Error::Header)?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Error::Header);
            }
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Some(headers))
    }

    /// The body has ended.
    /// # Errors
    /// `Truncated` when its last boundary has not come; an earlier error again.
    pub fn finish(&self) -> Result<(), Error> {
        match self.failed {
            Some(error) => Err(error),
            None if self.state == State::Epilogue => Ok(()),
            None => Err(Error::Truncated),
        }
    }
}

/// The boundary that a `content-type` names; None when it is no multipart type, or names none that is allowed.
pub fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = parameters(content_type);
    let kind = kind.get(..10)?;
    if !kind.eq_ignore_ascii_case("multipart/") {
        return None;
    }
    let (_, boundary) = parameters.into_iter().find(|(name, _)| name == "boundary")?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let is_good = (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()) && boundary.bytes().all(is_allowed);
    (is_good && !boundary.ends_with(' ')).then_some(boundary)
}

/// A header's value without its parameters, and these: names in lower case, values without quotes.
pub fn parameters(value: &str) -> (&str, Vec<(String, String)>) {
    let (value, mut rest) = value.split_once(';').unwrap_or((value, ""));
    let mut all = Vec::new();
    while !rest.is_empty() && all.len() < MAX_PARAMETERS {
        let (name, after) = match rest.find(['=', ';']) {
            Some(at) if rest.get(at..).is_some_and(|rest| rest.starts_with('=')) => rest.split_at(at),
            Some(at) => {
                // A name alone says nothing.
                rest = rest.get(at + 1..).unwrap_or_default();
                continue;
            }
            None => break,
        };
        let after = after.get(1..).unwrap_or_default().trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, left) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), left)
            }
        };
        let name = name.trim().to_ascii_lowercase();
        if !name.is_empty() && all.iter().all(|(known, _)| *known != name) {
            all.push((name, value));
        }
        rest = left;
    }
    (value.trim(), all)
}

/// What stands up to the closing quote, and what follows the semicolon behind it.
///
/// A backslash escapes quotes and backslashes only: some clients send paths of Windows as they are.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => {
                let left = text.get(at + 1..).unwrap_or_default();
                return (value, left.split_once(';').map_or("", |(_, left)| left));
            }
            '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            _ => value.push(char),
        }
    }
    (value, "")
}

/// A character of a header's name (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::split_everywhere;

    /// Parts as (headers, body), and how it ended.
    type Parts = (Vec<(Vec<(String, String)>, String)>, Result<(), Error>);

    fn decode(body: &str, boundary: &str) -> Parts {
        split_everywhere(body.as_bytes(), |pieces| {
            let mut decoder = Decoder::new(boundary);
            let (mut parts, mut open) = (Vec::new(), None);
            for piece in pieces {
                decoder.push(piece);
                loop {
                    match decoder.decode() {
                        Ok(Some(Frame::Part(headers))) => {
                            assert!(open.replace((headers, String::new())).is_none());
                        }
                        Ok(Some(Frame::Body(bytes))) => {
                            assert!(!bytes.is_empty());
                            let (_, body) = open.as_mut().expect("a part is open");
                            body.push_str(&String::from_utf8_lossy(&bytes));
                        }
                        Ok(Some(Frame::PartEnd)) => parts.push(open.take().expect("a part is open")),
                        Ok(None) => break,
                        Err(error) => return (parts, Err(error)),
                    }
                }
            }
            (parts, decoder.finish())
        })
    }

    fn part(headers: &[(&str, &str)], body: &str) -> (Vec<(String, String)>, String) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        (headers.iter().map(own).collect(), body.to_owned())
    }

    /// RFC 2046 section 5.1.1: its example; RFC 7578 section 4.2: a form; and the corners of the grammar.
    #[test]
    fn bodies() {
        for (body, boundary, parts) in [
            (
                "This is the preamble.\r\n--simple boundary\r\n\r\nimplicitly typed\r\nends without a line break.\r\n\
                 --simple boundary\r\nContent-type: text/plain; charset=us-ascii\r\n\r\nends with one.\r\n\r\n\
                 --simple boundary--\r\n\r\nThis is the epilogue.\r\n--simple boundary\r\n",
                "simple boundary",
                vec![
                    part(&[], "implicitly typed\r\nends without a line break."),
                    part(
                        &[("content-type", "text/plain; charset=us-ascii")],
                        "ends with one.\r\n",
                    ),
                ],
            ),
            (
                "--AaB03x\r\nContent-Disposition: form-data;\r\n name=\"field1\"\r\n\r\nJoe\r\n--AaB03x--",
                "AaB03x",
                vec![part(&[("content-disposition", "form-data; name=\"field1\"")], "Joe")],
            ),
            // The blank line's end may be the boundary's; a part may be empty.
            (
                "--b\r\n\r\n--b\r\nA: 1\r\n\r\n--b--",
                "b",
                vec![part(&[], ""), part(&[("a", "1")], "")],
            ),
            ("--b\r\n\r\n\r\n--b--", "b", vec![part(&[], "")]),
            // Blanks behind a boundary; lines that only begin like one.
            (
                "--b \t\r\n\r\n\r\n--bc\r\n-\r\n--\r\n--b-\r\n--b x\r\n--b--",
                "b",
                vec![part(&[], "\r\n--bc\r\n-\r\n--\r\n--b-\r\n--b x")],
            ),
            ("--b--", "b", vec![]),
        ] {
            assert_eq!(decode(body, boundary), (parts, Ok(())), "{body:?}");
        }
    }

    #[test]
    fn what_is_wrong() {
        let long = format!("--b\r\nA: {}", "x".repeat(MAX_HEADER_BYTES));
        for (body, error) in [
            ("", Error::Truncated),
            ("no boundary", Error::Truncated),
            ("--b\r\nA: 1\r\n", Error::Truncated),
            ("--b\r\n\r\nbody", Error::Truncated),
            ("--b\r\n\r\nbody\r\n--b\r\n", Error::Truncated),
            ("--b\r\nno colon\r\n\r\n", Error::Header),
            ("--b\r\n: 1\r\n\r\n", Error::Header),
            ("--b\r\nA B: 1\r\n\r\n", Error::Header),
            ("--b\r\n folded\r\n\r\n", Error::Header),
            ("--b\r\nA: 1\r\n--b--", Error::Truncated),
        ] {
            assert_eq!(decode(body, "b").1, Err(error), "{body:?}");
        }
        let mut decoder = Decoder::new("b");
        decoder.push(long.as_bytes());
        assert_eq!(decoder.decode(), Err(Error::TooLong));
    }

    /// The same whether the input is cut among them or not.
    #[test]
    fn blanks_behind_a_boundary() {
        for (blanks, parts) in [(MAX_PADDING_BYTES, 2), (MAX_PADDING_BYTES + 1, 1)] {
            let body = format!("--b\r\n\r\none\r\n--b{}\r\n\r\ntwo\r\n--b--", " ".repeat(blanks));
            let (found, ended) = decode(&body, "b");
            assert_eq!((found.len(), ended), (parts, Ok(())), "{blanks} blanks");
        }
    }

    #[test]
    fn boundaries() {
        for (text, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Mixed; charset=utf-8; Boundary=\"a b\"", Some("a b")),
            ("multipart/mixed;boundary=a;x=y", Some("a")),
            ("multipart/mixed", None),
            ("text/plain; boundary=a", None),
            ("multipart/mixed; boundary=\"a \"", None),
            ("multipart/mixed; boundary=\"\"", None),
            ("multipart/mixed; boundary=a\"b", None),
            ("é/é; boundary=a", None),
        ] {
            assert_eq!(boundary(text).as_deref(), expected, "{text}");
        }
        assert!(boundary(&format!("multipart/mixed; boundary={}", "a".repeat(71))).is_none());
    }

    #[test]
    fn parameters_of_headers() {
        for (text, value, expected) in [
            ("form-data", "form-data", vec![]),
            (
                r#"form-data; Name="a;b\"c\\"; filename="C:\dir\f" ; x=1"#,
                "form-data",
                vec![("name", r#"a;b"c\"#), ("filename", r"C:\dir\f"), ("x", "1")],
            ),
            ("a; b; c = d ;=e;;f=\"open", "a", vec![("c", "d"), ("f", "open")]),
            ("a; b=1; b=2", "a", vec![("b", "1")]),
        ] {
            let (found, all) = parameters(text);
            let all: Vec<(&str, &str)> = all
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!((found, all), (value, expected), "{text}");
        }
        let many: String = (0..10_000).map(|nth| format!(";p{nth}=")).collect();
        assert_eq!(parameters(&many).1.len(), MAX_PARAMETERS);
    }

    /// Damaged bodies: no panic, and the same parts whole as byte by byte (see `decode`).
    #[test]
    fn damaged_bodies() {
        let mut random = fastrand::Rng::with_seed(20);
        let sample = "x\r\n--b\r\nA: 1\r\n\r\none\r\n--b \r\n\r\n\r\n--b\r\n\r\n--b--";
        for _ in 0..2000 {
            let mut damaged = sample.as_bytes().to_vec();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(..damaged.len());
                let byte = *random.choice(b"\r\n-b :\tA").expect("there are some");
                match random.u8(..3) {
                    0 => damaged[at] = byte,
                    1 => damaged.insert(at, byte),
                    _ => drop(damaged.remove(at)),
                }
            }
            decode(&String::from_utf8_lossy(&damaged), "b").1.ok();
        }
    }
}
