//! A complete head block into a head.
//!
//! For: strict syntax over `httparse`, which is laxer about line ends, empty lines and the status line; those were or are judged here.
//! Source: RFC 9112 3, 4, 5; pipyjs/http.md 2.
use super::headers::Field;
use super::method::common_prefix;
use super::{Error, Headers, MAX_HEADERS, Method, RequestHead, ResponseHead, Scheme, Version};
use bytes::Bytes;
use httparse::Header;
use std::mem::MaybeUninit;
use std::ops::Range;

/// A head as positions in the bytes that it was read from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bytes of the head, the empty line included.
    pub(super) end: usize,
    pub(super) version: Version,
    /// 0 for requests.
    pub(super) status: u16,
    /// The target, or the reason.
    pub(super) text: Range<usize>,
    pub(super) fields: Vec<Field>,
}

impl Layout {
    /// Bytes of the head, the empty line included.
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// The head, out of exactly the bytes that it was read from.
    /// # Errors
    /// `Method`, if the line does not start with one.
    pub(super) fn into_request(self, block: Bytes) -> Result<RequestHead, Error> {
        Ok(RequestHead {
            method: Method::of_line(&block).ok_or(Error::Method)?,
            target: block.slice(self.text),
            version: self.version,
            scheme: Scheme::Absent,
            authority: Bytes::new(),
            headers: Headers::from_block(block, self.fields),
        })
    }

    /// The head, out of exactly the bytes that it was read from.
    pub(super) fn into_response(self, block: Bytes) -> ResponseHead {
        let reason = match block.get(self.text.clone()) {
            // The usual one needs no reference count.
            Some(b"OK") => Bytes::from_static(b"OK"),
            _ => block.slice(self.text),
        };
        ResponseHead {
            status: self.status,
            reason,
            version: self.version,
            headers: Headers::from_block(block, self.fields),
        }
    }
}

/// Finds the parts of a request head at the start of `bytes`. `None`: it is not complete. Line ends are not judged: see `is_strict`.
/// # Errors
/// `StartLine`, `Version`, `HeaderName`, `HeaderValue`, `TooManyHeaders`.
pub(super) fn request(bytes: &[u8]) -> Result<Option<Layout>, Error> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let status = parsed
        .parse_with_uninit_headers(bytes, &mut lines)
        .map_err(|error| refine(error, bytes))?;
    let httparse::Status::Complete(end) = status else {
        return Ok(None);
    };
    let (Some(target), Some(version)) = (parsed.path, parsed.version) else {
        return Err(Error::StartLine);
    };
    let target_at = position(bytes, target.as_bytes());
    Ok(Some(Layout {
        end,
        version: version_of(version),
        status: 0,
        text: target_at..target_at + target.len(),
        fields: fields(bytes, parsed.headers),
    }))
}

/// Finds the parts of a response head at the start of `bytes`, as `request` does.
/// # Errors
/// As `request`. `HTTP/1.1 200` without a second blank is a `StartLine` error.
pub(super) fn response(bytes: &[u8]) -> Result<Option<Layout>, Error> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let status = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, bytes, &mut lines)
        .map_err(|error| refine(error, bytes))?;
    let httparse::Status::Complete(end) = status else {
        return Ok(None);
    };
    let (Some(code), Some(version)) = (parsed.code, parsed.version) else {
        return Err(Error::StartLine);
    };
    if code < 100 || bytes.get(12) != Some(&b' ') {
        return Err(Error::StartLine);
    }
    // `httparse` blanks a reason with obs-text; the bytes of the line are the truth. The blank at 12 is before the line's end.
    let line_end = memchr::memchr(b'\r', bytes).map_or(end, |at| at.clamp(13, end));
    Ok(Some(Layout {
        end,
        version: version_of(version),
        status: code,
        text: 13..line_end,
        fields: fields(bytes, parsed.headers),
    }))
}

/// Checks a trailer block: header lines and an empty line.
/// # Errors
/// `HeaderName`, `HeaderValue`.
pub(super) fn trailers(block: &[u8]) -> Result<(), Error> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
    match httparse::parse_headers(block, &mut lines) {
        Ok(status) if status.is_complete() => Ok(()),
        Ok(_) => Err(Error::HeaderName),
        Err(error) => Err(refine(error, &[])),
    }
}

/// Judges the first bytes of a response as soon as they tell.
/// # Errors
/// `StartLine` for what is no `HTTP/`, `Version` for another version.
pub(super) fn check_response_start(line: &[u8]) -> Result<bool, Error> {
    const NAME: &[u8] = b"HTTP/1.";
    if line.starts_with(b"HTTP/1.1") {
        return Ok(true);
    }
    match (common_prefix(line, NAME), line.get(NAME.len())) {
        (same, _) if same < NAME.len() => match line.get(same) {
            None => Ok(false),
            Some(b'0'..=b'9') if same == 5 => Err(Error::Version),
            Some(_) => Err(Error::StartLine),
        },
        (_, None) => Ok(false),
        (_, Some(b'0' | b'1')) => Ok(true),
        (_, Some(b'2'..=b'9')) => Err(Error::Version),
        (_, Some(_)) => Err(Error::StartLine),
    }
}

fn version_of(minor: u8) -> Version {
    if minor == 0 { Version::Http10 } else { Version::Http11 }
}

/// Where `part`, a slice of `bytes`, begins in it. The parser yields no other slices but empty ones, whose place does not matter.
fn position(bytes: &[u8], part: &[u8]) -> usize {
    if part.is_empty() {
        0
    } else {
        part.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr())
    }
}

fn fields(bytes: &[u8], parsed: &[Header<'_>]) -> Vec<Field> {
    // Limits::clamped keeps an accepted head far below 4 GiB: a position that is cut off here belongs to one that is refused.
    let field = |line: &Header<'_>| Field {
        name_at: position(bytes, line.name.as_bytes()) as u32,
        name_len: line.name.len() as u32,
        value_at: position(bytes, line.value) as u32,
        value_len: line.value.len() as u32,
    };
    parsed.iter().map(field).collect()
}

fn refine(error: httparse::Error, block: &[u8]) -> Error {
    match error {
        // A wrong line end: behind the version it is the start line's fault, else that of a header line.
        httparse::Error::NewLine if !block.is_empty() && !start_line_ends_well(block) => Error::StartLine,
        httparse::Error::HeaderName | httparse::Error::NewLine => Error::HeaderName,
        httparse::Error::HeaderValue => Error::HeaderValue,
        httparse::Error::TooManyHeaders => Error::TooManyHeaders(MAX_HEADERS),
        httparse::Error::Version if names_a_version(block) => Error::Version,
        httparse::Error::Version | httparse::Error::Status | httparse::Error::Token => Error::StartLine,
    }
}

/// Whether the start line ends in one of our versions, or begins with one as status lines do.
fn start_line_ends_well(block: &[u8]) -> bool {
    let line = block.split(|&byte| byte == b'\r').next().unwrap_or_default();
    line.starts_with(b"HTTP/1.") || line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}

/// Whether the start line is `method target HTTP/<digit>.<digit>`: well-formed, but not ours. (Status lines were judged by their first bytes.)
fn names_a_version(block: &[u8]) -> bool {
    let line = block.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(_), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return false;
    };
    !target.is_empty()
        && matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}
