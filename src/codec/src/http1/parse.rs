//! A complete head block into a head.
//!
//! For: strict syntax over `httparse`, which is laxer about line ends, empty lines and the status line; those were or are judged here.
//! Source: RFC 9112 3, 4, 5; pipyjs/http.md 2.
use super::headers::Field;
use super::method::common_prefix;
use super::{Error, Headers, MAX_HEADERS, Method, RequestHead, ResponseHead, Version};
use bytes::Bytes;
use httparse::Header;
use std::mem::MaybeUninit;

/// Parses a block that ends with an empty line and has CRLF line ends only.
/// # Errors
/// `StartLine`, `Method`, `Version`, `HeaderName`, `HeaderValue`.
pub(super) fn request(block: &Bytes) -> Result<RequestHead, Error> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let end = parsed
        .parse_with_uninit_headers(block, &mut lines)
        .map_err(|error| refine(error, block))?;
    let (Some(target), Some(version), true) = (parsed.path, parsed.version, end.is_complete()) else {
        return Err(Error::StartLine);
    };
    Ok(RequestHead {
        method: Method::of_line(block).ok_or(Error::Method)?,
        target: block.slice_ref(target.as_bytes()),
        version: version_of(version),
        headers: headers(block, parsed.headers),
    })
}

/// Parses a block that ends with an empty line and has CRLF line ends only.
/// # Errors
/// As `request`. `HTTP/1.1 200` without a second blank is a `StartLine` error.
pub(super) fn response(block: &Bytes) -> Result<ResponseHead, Error> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let end = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, block, &mut lines)
        .map_err(|error| refine(error, block))?;
    let (Some(status), Some(version), true) = (parsed.code, parsed.version, end.is_complete()) else {
        return Err(Error::StartLine);
    };
    if status < 100 || block.get(12) != Some(&b' ') {
        return Err(Error::StartLine);
    }
    // `httparse` blanks a reason with obs-text; the bytes of the line are the truth.
    let line_end = memchr::memchr(b'\r', block).unwrap_or(block.len());
    Ok(ResponseHead {
        status,
        reason: block.slice(13.min(line_end)..line_end),
        version: version_of(version),
        headers: headers(block, parsed.headers),
    })
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

/// The parser's slices as positions in `block`: it yields slices of it only.
fn headers(block: &Bytes, parsed: &[Header<'_>]) -> Headers {
    let base = block.as_ptr().addr();
    // Limits::clamped keeps a block far below 4 GiB.
    let at = |part: &[u8]| part.as_ptr().addr().wrapping_sub(base) as u32;
    let fields = parsed.iter().map(|line| Field {
        name_at: at(line.name.as_bytes()),
        name_len: line.name.len() as u32,
        // An empty value may be any empty slice; its place must still be inside.
        value_at: if line.value.is_empty() { 0 } else { at(line.value) },
        value_len: line.value.len() as u32,
    });
    Headers::from_block(block.clone(), fields.collect())
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
