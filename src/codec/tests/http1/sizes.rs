//! Every bound, from both sides: the largest that passes, the smallest that does not. pipyjs/http.md section 2, row "size limit".
use crate::property::{Seen, Tunnel, requests, responses};
use ballast_codec::http1::{Error, Expect, Limits, MAX_HEADERS};
use ballast_codec::split::split_everywhere;
use bytes::Bytes;

const SMALL: Limits = Limits {
    max_head_bytes: 64,
    max_headers: 3,
    max_total_head_bytes: 200,
    max_chunk_extension_bytes: 8,
};

#[track_caller]
fn check(name: &str, sent: &[u8], expected: Option<(Error, u16)>) {
    let seen = split_everywhere(sent, |pieces| requests(&SMALL, Tunnel::Refuse, pieces));
    let failed = match seen.last() {
        Some(Seen::Failed(error)) => Some((error.clone(), error.status())),
        _ => None,
    };
    assert_eq!(failed, expected, "{name}");
}

/// A head of a start line and header lines of these lengths.
fn head(start: usize, lines: &[usize]) -> Vec<u8> {
    let mut sent = format!("GET /{} HTTP/1.1\r\n", "a".repeat(start - "GET / HTTP/1.1".len()));
    for line in lines {
        sent.push_str(&format!("X: {}\r\n", "v".repeat(line - 3)));
    }
    sent.push_str("\r\n");
    sent.into_bytes()
}

#[test]
fn bounds_of_heads() {
    check("start line at the limit", &head(64, &[]), None);
    check(
        "start line past it",
        &head(65, &[]),
        Some((Error::TargetTooLong(64), 414)),
    );
    check("header line at the limit", &head(20, &[64]), None);
    check(
        "header line past it",
        &head(20, &[65]),
        Some((Error::LineTooLong(64), 431)),
    );
    check(
        "header line far past it",
        &head(20, &[1000]),
        Some((Error::LineTooLong(64), 431)),
    );
    check("most headers", &head(20, &[9, 9, 9]), None);
    check(
        "one header more",
        &head(20, &[9, 9, 9, 9]),
        Some((Error::TooManyHeaders(3), 431)),
    );
    // 62 + 2, 64 + 2, 64 + 2, 2: two bytes below; one line of 2 bytes more meets the limit.
    check("whole head at the limit", &head(62, &[64, 64]), None);
    check(
        "whole head past it",
        &head(64, &[64, 64, 9]),
        Some((Error::HeadTooLarge(200), 431)),
    );
    check(
        "no line end at all",
        &[b"GET /", &[b'a'; 500][..]].concat(),
        Some((Error::TargetTooLong(64), 414)),
    );
    let endless = [head(20, &[9]), b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'v'; 500]].concat();
    check(
        "second head without line end",
        &endless,
        Some((Error::LineTooLong(64), 431)),
    );
}

#[test]
fn bounds_of_chunk_framing() {
    let chunked = |body: &str| format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes();
    check("extension at the limit", &chunked("1;1234567\r\nx\r\n0;\r\n\r\n"), None);
    check(
        "many extensions",
        &chunked("1;1234\r\nx\r\n1;5678\r\nx\r\n0;9\r\n\r\n"),
        Some((Error::ChunkExtension, 400)),
    );
    check(
        "extension past it",
        &chunked("1;123456789\r\nx\r\n0\r\n\r\n"),
        Some((Error::ChunkExtension, 400)),
    );
    check(
        "trailers at the limit",
        &chunked("0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"),
        None,
    );
    check(
        "one trailer more",
        &chunked("0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n"),
        Some((Error::TooManyHeaders(3), 431)),
    );
    let long = chunked(&format!("0\r\nA: {}\r\n\r\n", "v".repeat(62)));
    check("trailer past the limit", &long, Some((Error::LineTooLong(64), 431)));
}

#[test]
fn the_default_bounds() {
    let run = |sent: Vec<u8>| {
        let seen = requests(&Limits::default(), Tunnel::Refuse, &[Bytes::from(sent)]);
        match seen.last() {
            Some(Seen::Failed(error)) => Some(error.clone()),
            _ => None,
        }
    };
    // http.md 8: a 20 KB header is refused; 16 KB is the limit (http.md 2).
    assert_eq!(run(head(20, &[16 << 10])), None);
    assert_eq!(run(head(20, &[20 << 10])), Some(Error::LineTooLong(16 << 10)));
    assert_eq!(run(head(20 << 10, &[])), Some(Error::TargetTooLong(16 << 10)));
    assert_eq!(run(head(20, &[9; 100])), None);
    assert_eq!(run(head(20, &[9; 101])), Some(Error::TooManyHeaders(100)));
    assert_eq!(run(head(20, &[16 << 10; 5])), Some(Error::HeadTooLarge(64 << 10)));
}

#[test]
fn no_limits_pass_the_parser() {
    let limits = Limits {
        max_headers: usize::MAX,
        max_head_bytes: usize::MAX,
        max_total_head_bytes: usize::MAX,
        ..Limits::default()
    };
    let seen = requests(&limits, Tunnel::Refuse, &[Bytes::from(head(20, &[9; MAX_HEADERS]))]);
    assert!(matches!(seen.as_slice(), [Seen::Head(head), Seen::End(_)] if head.headers.len() == MAX_HEADERS));
    let seen = requests(&limits, Tunnel::Refuse, &[Bytes::from(head(20, &[9; MAX_HEADERS + 1]))]);
    assert_eq!(seen, [Seen::Failed(Error::TooManyHeaders(MAX_HEADERS))]);
}

#[test]
fn bounds_of_responses() {
    let sent = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "v".repeat(62));
    let seen = split_everywhere(sent.as_bytes(), |pieces| responses(&SMALL, &[Expect::Other], pieces));
    assert_eq!(seen, [Seen::Failed(Error::LineTooLong(64))]);
}

#[test]
fn a_large_body_is_passed_on_without_copies() {
    let body = Bytes::from(vec![b'b'; 1 << 20]);
    let mut input = ballast_codec::Chunks::new();
    input.push(Bytes::from(format!(
        "PUT / HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )));
    input.push(body.clone());
    let mut decoder = ballast_codec::http1::RequestDecoder::new(Limits::default());
    let head = decoder.decode(&mut input).unwrap();
    assert!(matches!(head, Some(ballast_codec::http1::Frame::Head(_))));
    let Some(ballast_codec::http1::Frame::Body(slice)) = decoder.decode(&mut input).unwrap() else {
        panic!("no body")
    };
    assert_eq!(
        (slice.as_ptr(), slice.len()),
        (body.as_ptr(), body.len()),
        "the very same memory"
    );
    assert_eq!(decoder.held_bytes(), 0);
}
