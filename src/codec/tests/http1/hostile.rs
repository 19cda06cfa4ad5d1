//! The hostile corpus: what must be refused, and as what. Expected outcomes come from RFC 9112 and pipyjs/http.md section 2.
//!
//! Each row runs alone and behind a good message, cut at every place: the good one is delivered, then the error.
use crate::property::{Seen, Tunnel, requests, responses};
use ballast_codec::http1::{Error, Expect, Limits, Method, Place};
use ballast_codec::split::split_everywhere;
use bytes::Bytes;

/// One input and the error that it ends in.
pub(crate) struct Row {
    name: &'static str,
    /// The sentence that the outcome rests on.
    rule: &'static str,
    pub(crate) sent: &'static [u8],
    error: Error,
}

const fn row(name: &'static str, rule: &'static str, sent: &'static [u8], error: Error) -> Row {
    Row {
        name,
        rule,
        sent,
        error,
    }
}

/// Requests that are refused before or in the head, or in the body's framing.
#[rustfmt::skip] // A row is a line.
pub(crate) const REQUESTS: &[Row] = &[
    // Start line.
    row("leading empty line", "http.md 2", b"\r\nGET / HTTP/1.1\r\n\r\n", Error::StartLine),
    row("leading line feed", "http.md 2", b"\nGET / HTTP/1.1\r\n\r\n", Error::StartLine),
    row("leading blank", "RFC 9112 3", b" GET / HTTP/1.1\r\n\r\n", Error::StartLine),
    row("TLS hello", "RFC 9112 3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Error::StartLine),
    row("NUL first", "RFC 9112 3", b"\0GET / HTTP/1.1\r\n\r\n", Error::StartLine),
    row("a response", "RFC 9112 3", b"HTTP/1.1 200 OK\r\n\r\n", Error::Method),
    row("lower-case method", "http.md 8", b"get / HTTP/1.1\r\n\r\n", Error::Method),
    row("mixed-case method", "http.md 2", b"Get / HTTP/1.1\r\n\r\n", Error::Method),
    row("unknown method", "http.md 8", b"BREW / HTTP/1.1\r\n\r\n", Error::Method),
    row("method of WebDAV", "http.md 2", b"PROPFIND / HTTP/1.1\r\n\r\n", Error::Method),
    row("longer method", "http.md 2", b"GETS / HTTP/1.1\r\n\r\n", Error::Method),
    row("method then tab", "RFC 9112 3", b"GET\t/ HTTP/1.1\r\n\r\n", Error::StartLine),
    row("method alone", "RFC 9112 3", b"GET\r\n\r\n", Error::StartLine),
    row("no target", "RFC 9112 3", b"GET HTTP/1.1\r\n\r\n", Error::StartLine),
    row("two blanks before target", "RFC 9112 3", b"GET  / HTTP/1.1\r\n\r\n", Error::StartLine),
    row("two blanks before version", "RFC 9112 3", b"GET /  HTTP/1.1\r\n\r\n", Error::StartLine),
    row("blank in target", "RFC 9112 3.2", b"GET /a b HTTP/1.1\r\n\r\n", Error::StartLine),
    row("tab in target", "RFC 9112 3.2", b"GET /a\tb HTTP/1.1\r\n\r\n", Error::StartLine),
    row("NUL in target", "RFC 9112 3.2", b"GET /a\0b HTTP/1.1\r\n\r\n", Error::StartLine),
    row("DEL in target", "RFC 9112 3.2", b"GET /a\x7fb HTTP/1.1\r\n\r\n", Error::StartLine),
    row("bare CR in target", "RFC 9112 2.2", b"GET /a\rb HTTP/1.1\r\n\r\n", Error::StartLine),
    row("target not UTF-8", "scripts see text", b"GET /\xff HTTP/1.1\r\n\r\n", Error::StartLine),
    row("HTTP/0.9", "RFC 9112 2.3", b"GET /\r\n\r\n", Error::StartLine),
    row("HTTP/1.2", "http.md 8", b"GET / HTTP/1.2\r\n\r\n", Error::Version),
    row("HTTP/2.0", "http.md 2", b"GET / HTTP/2.0\r\n\r\n", Error::Version),
    row("HTTP/1.10", "RFC 9112 2.3", b"GET / HTTP/1.10\r\n\r\n", Error::StartLine),
    row("HTTP/1", "RFC 9112 2.3", b"GET / HTTP/1\r\n\r\n", Error::StartLine),
    row("http/1.1", "RFC 9112 2.3", b"GET / http/1.1\r\n\r\n", Error::StartLine),
    row("blank after version", "RFC 9112 3", b"GET / HTTP/1.1 \r\n\r\n", Error::StartLine),
    row("version then words", "RFC 9112 3", b"GET / HTTP/1.1 x\r\n\r\n", Error::StartLine),
    // Line ends.
    row("line feeds only", "http.md 8", b"GET / HTTP/1.1\nHost: a\n\n", Error::BareLf),
    row("start line with bare LF", "http.md 2", b"GET / HTTP/1.1\nHost: a\r\n\r\n", Error::BareLf),
    row("header with bare LF", "http.md 2", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", Error::BareLf),
    row("empty line of one LF", "http.md 2", b"GET / HTTP/1.1\r\nHost: a\r\n\n", Error::BareLf),
    row("bare CR in value", "RFC 9112 2.2", b"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", Error::HeaderValue),
    row("two CR at the line end", "RFC 9112 2.2", b"GET / HTTP/1.1\r\nX: a\r\r\n\r\n", Error::HeaderValue),
    row("CR CR LF as empty line", "RFC 9112 2.2", b"GET / HTTP/1.1\r\nX: a\r\n\r\r\n\r\n", Error::HeaderName),
    // Header lines.
    row("folded line", "RFC 9112 5.2", b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", Error::HeaderName),
    row("folded by tab", "RFC 9112 5.2", b"GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n", Error::HeaderName),
    row("blank before the first header", "RFC 9112 2.2", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Error::HeaderName),
    row("blank before the colon", "RFC 9112 5.1", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Error::HeaderName),
    row("tab before the colon", "RFC 9112 5.1", b"GET / HTTP/1.1\r\nTransfer-Encoding\t: chunked\r\n\r\n", Error::HeaderName),
    row("empty name", "RFC 9110 5.1", b"GET / HTTP/1.1\r\n: a\r\n\r\n", Error::HeaderName),
    row("no colon", "http.md 8", b"GET / HTTP/1.1\r\nHost\r\n\r\n", Error::HeaderName),
    row("NUL in name", "RFC 9110 5.1", b"GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n", Error::HeaderName),
    row("obs-text in name", "RFC 9110 5.1", b"GET / HTTP/1.1\r\nH\xf6st: a\r\n\r\n", Error::HeaderName),
    row("bracket in name", "RFC 9110 5.6.2", b"GET / HTTP/1.1\r\nHost(): a\r\n\r\n", Error::HeaderName),
    row("NUL in value", "RFC 9110 5.5", b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", Error::HeaderValue),
    row("bell in value", "RFC 9110 5.5", b"GET / HTTP/1.1\r\nX: \x07\r\n\r\n", Error::HeaderValue),
    row("DEL in value", "RFC 9110 5.5", b"GET / HTTP/1.1\r\nX: a\x7f\r\n\r\n", Error::HeaderValue),
    row("vertical tab before chunked", "RFC 9110 5.5", b"POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", Error::HeaderValue),
    // Host.
    row("two hosts", "RFC 9112 3.2", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Error::Host),
    row("two equal hosts", "RFC 9112 3.2", b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", Error::Host),
    row("host with path", "RFC 9112 3.2", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Error::Host),
    row("host with user", "RFC 9112 3.2", b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Error::Host),
    row("host with a blank", "RFC 9112 3.2", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Error::Host),
    row("host with a bad port", "RFC 3986 3.2.3", b"GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", Error::Host),
    row("host with an open bracket", "RFC 3986 3.2.2", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", Error::Host),
    // Lengths.
    row("CL.TE", "RFC 9112 6.3, 11.2", b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", Error::LengthAndEncoding),
    row("TE.CL", "RFC 9112 6.3, 11.2", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nG", Error::LengthAndEncoding),
    row("TE and CL 0", "RFC 9112 6.3", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", Error::LengthAndEncoding),
    row("CL.CL", "RFC 9112 6.3", b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", Error::ContentLength),
    row("equal lengths", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\nhello", Error::ContentLength),
    row("list of lengths", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello", Error::ContentLength),
    row("length with plus", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello", Error::ContentLength),
    row("negative length", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello", Error::ContentLength),
    row("hexadecimal length", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\nhello", Error::ContentLength),
    row("length with blank inside", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: 5 5\r\n\r\nhello", Error::ContentLength),
    row("fraction as length", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: 5.0\r\n\r\nhello", Error::ContentLength),
    row("empty length", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", Error::ContentLength),
    row("quoted length", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: \"5\"\r\n\r\nhello", Error::ContentLength),
    row("length past 64 bits", "RFC 9110 8.6", b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551621\r\n\r\nhello", Error::ContentLength),
    row("underscore for hyphen is another header", "RFC 9110 5.1", b"POST / HTTP/1.1\r\nContent_Length: 5\r\n\r\nhello", Error::Method),
    // Transfer codings.
    row("gzip, chunked", "http.md 2", b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("chunked, identity", "RFC 9112 6.3", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("identity", "RFC 9112 6.3", b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", Error::TransferEncoding),
    row("xchunked", "RFC 9112 6.1", b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("chunkedx", "http.md 2", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("chunked with parameter", "http.md 2", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("chunked and comma", "http.md 2", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("quoted chunked", "http.md 2", b"POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("empty coding", "http.md 2", b"POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n", Error::TransferEncoding),
    row("chunked twice in one", "RFC 9112 6.1", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("TE.TE", "RFC 9112 6.1", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("TE.TE, both chunked", "RFC 9112 6.1", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("chunked on HTTP/1.0", "RFC 9112 6.1", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("CONNECT with a length", "RFC 9110 9.3.6", b"CONNECT a:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", Error::ConnectBody),
    row("CONNECT with chunks", "RFC 9110 9.3.6", b"CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Error::ConnectBody),
    // Preface of HTTP/2, damaged.
    row("half a preface, then GET", "RFC 9113 3.4", b"PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n\r\n", Error::Method),
];

/// Chunked bodies behind a good head: the head is delivered, then the error.
#[rustfmt::skip] // A row is a line.
const CHUNKED: &[Row] = &[
    row("empty size", "RFC 9112 7.1", b"\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("size with plus", "RFC 9112 7.1", b"+5\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("negative size", "RFC 9112 7.1", b"-5\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("size with 0x", "RFC 9112 7.1", b"0x5\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("blank before size", "RFC 9112 7.1", b" 5\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("blank after size", "RFC 9112 7.1", b"5 \r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("tab after size", "RFC 9112 7.1", b"5\t\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("underscore in size", "RFC 9112 7.1", b"1_0\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("size past 64 bits", "RFC 9112 7.1", b"10000000000000005\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("largest 64-bit size", "RFC 9112 7.1", b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("many leading zeros", "RFC 9112 7.1", b"0000000000000000000000005\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("size line with bare LF", "RFC 9112 7.1", b"5\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("CR then no LF", "RFC 9112 7.1", b"5\rXhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("extension with bare LF", "RFC 9112 7.1.1", b"5;a\nhello\r\n0\r\n\r\n", Error::ChunkExtension),
    row("extension with NUL", "RFC 9112 7.1.1", b"5;a\0\r\nhello\r\n0\r\n\r\n", Error::ChunkExtension),
    row("extension with bare CR", "RFC 9112 7.1.1", b"5;a\rb\r\nhello\r\n0\r\n\r\n", Error::ChunkSize),
    row("data without CRLF", "RFC 9112 7.1", b"5\r\nhello0\r\n\r\n", Error::ChunkEnd),
    row("data too long", "RFC 9112 7.1", b"4\r\nhello\r\n0\r\n\r\n", Error::ChunkEnd),
    row("data, then bare LF", "RFC 9112 7.1", b"5\r\nhello\n0\r\n\r\n", Error::ChunkEnd),
    row("data, then CR CR", "RFC 9112 7.1", b"5\r\nhello\r\r\n0\r\n\r\n", Error::ChunkEnd),
    row("trailer without colon", "RFC 9112 7.1.2", b"0\r\nT\r\n\r\n", Error::HeaderName),
    row("trailer with bare LF", "RFC 9112 7.1.2", b"0\r\nT: 1\n\r\n", Error::BareLf),
    row("trailer folded", "RFC 9112 5.2", b"0\r\nT: 1\r\n 2\r\n\r\n", Error::HeaderName),
    row("trailer with NUL", "RFC 9110 5.5", b"0\r\nT: \0\r\n\r\n", Error::HeaderValue),
    row("last chunk, then bare LF", "RFC 9112 7.1", b"0\r\n\n", Error::BareLf),
    row("last chunk, then a request", "RFC 9112 7.1", b"0\r\nGET / HTTP/1.1\r\n\r\n", Error::HeaderName),
    row("end in the size", "RFC 9112 8", b"5", Error::Truncated(Place::Body)),
    row("end in the data", "RFC 9112 8", b"5\r\nhel", Error::Truncated(Place::Body)),
    row("end after the data", "RFC 9112 8", b"5\r\nhello\r\n", Error::Truncated(Place::Body)),
    row("end before the last empty line", "RFC 9112 8", b"5\r\nhello\r\n0\r\n", Error::Truncated(Place::Body)),
    row("end in a trailer", "RFC 9112 8", b"0\r\nT: 1\r\n", Error::Truncated(Place::Body)),
];

/// Responses that are refused.
#[rustfmt::skip] // A row is a line.
pub(crate) const RESPONSES: &[Row] = &[
    row("leading empty line", "http.md 2", b"\r\nHTTP/1.1 200 OK\r\n\r\n", Error::StartLine),
    row("no second blank", "http.md 2", b"HTTP/1.1 200\r\n\r\n", Error::StartLine),
    row("two blanks before the code", "RFC 9112 4", b"HTTP/1.1  200 OK\r\n\r\n", Error::StartLine),
    row("two digits", "RFC 9112 4", b"HTTP/1.1 20 OK\r\n\r\n", Error::StartLine),
    row("four digits", "RFC 9112 4", b"HTTP/1.1 2000 OK\r\n\r\n", Error::StartLine),
    row("code below 100", "RFC 9110 15", b"HTTP/1.1 099 X\r\n\r\n", Error::StartLine),
    row("letters as code", "RFC 9112 4", b"HTTP/1.1 abc OK\r\n\r\n", Error::StartLine),
    row("NUL in reason", "RFC 9112 4", b"HTTP/1.1 200 O\0K\r\n\r\n", Error::StartLine),
    row("bare CR in reason", "RFC 9112 2.2", b"HTTP/1.1 200 O\rK\r\n\r\n", Error::StartLine),
    row("HTTP/1.2", "http.md 2", b"HTTP/1.2 200 OK\r\n\r\n", Error::Version),
    row("HTTP/2.0", "http.md 2", b"HTTP/2.0 200 OK\r\n\r\n", Error::Version),
    row("lower-case name", "RFC 9112 2.3", b"http/1.1 200 OK\r\n\r\n", Error::StartLine),
    row("garbage", "http.md 8", b"SSH-2.0-x\r\n", Error::StartLine),
    row("line feeds only", "http.md 2", b"HTTP/1.1 200 OK\n\n", Error::BareLf),
    row("folded line", "RFC 9112 5.2", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", Error::HeaderName),
    row("blank before the colon", "RFC 9112 5.1", b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n", Error::HeaderName),
    row("length and coding", "RFC 9112 6.3", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Error::LengthAndEncoding),
    row("two lengths", "RFC 9112 6.3", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", Error::ContentLength),
    row("coding of its own", "http.md 2", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", Error::TransferEncoding),
    row("chunked on HTTP/1.0", "RFC 9112 6.1", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Error::TransferEncoding),
    row("bytes after 204", "RFC 9112 6.3", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", Error::StartLine),
    row("end in the head", "RFC 9112 8", b"HTTP/1.1 200 OK\r\nContent-", Error::Truncated(Place::Head)),
    row("end in the body", "RFC 9112 8", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", Error::Truncated(Place::Body)),
];

#[test]
fn the_corpus_is_large_enough() {
    assert!(REQUESTS.len() + CHUNKED.len() + RESPONSES.len() >= 120);
}

#[test]
fn bad_requests_are_refused() {
    let limits = Limits::default();
    for row in REQUESTS {
        let seen = split_everywhere(row.sent, |pieces| requests(&limits, Tunnel::Refuse, pieces));
        assert_eq!(
            seen.last(),
            Some(&Seen::Failed(row.error.clone())),
            "{}: {}",
            row.name,
            row.rule
        );
        assert!(row.error.status() >= 400);
    }
}

#[test]
fn a_good_request_before_a_bad_one_is_delivered() {
    let limits = Limits::default();
    for row in REQUESTS {
        let sent = [
            &b"POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"[..],
            row.sent,
        ]
        .concat();
        let seen = split_everywhere(&sent, |pieces| requests(&limits, Tunnel::Refuse, pieces));
        assert!(
            matches!(&seen[..3], [Seen::Head(head), Seen::Body(body), Seen::End(tail)]
                if head.method == Method::Post && body == b"hi" && tail.body_size == 2),
            "{}: {seen:?}",
            row.name
        );
        assert_eq!(
            seen.last(),
            Some(&Seen::Failed(row.error.clone())),
            "{}: {}",
            row.name,
            row.rule
        );
    }
}

#[test]
fn bad_chunks_are_refused() {
    let limits = Limits::default();
    for row in CHUNKED {
        let asked = [
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            row.sent,
        ]
        .concat();
        let seen = split_everywhere(&asked, |pieces| requests(&limits, Tunnel::Refuse, pieces));
        assert!(matches!(seen.first(), Some(Seen::Head(_))), "{}", row.name);
        assert_eq!(
            seen.last(),
            Some(&Seen::Failed(row.error.clone())),
            "request, {}: {}",
            row.name,
            row.rule
        );
        assert!(
            !seen.iter().any(|step| matches!(step, Seen::End(_))),
            "{}: a broken body never ends well",
            row.name
        );

        let answered = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", row.sent].concat();
        let seen = split_everywhere(&answered, |pieces| responses(&limits, &[Expect::Other], pieces));
        assert_eq!(
            seen.last(),
            Some(&Seen::Failed(row.error.clone())),
            "response, {}: {}",
            row.name,
            row.rule
        );
    }
}

#[test]
fn bad_responses_are_refused() {
    let limits = Limits::default();
    for row in RESPONSES {
        let seen = split_everywhere(row.sent, |pieces| responses(&limits, &[Expect::Other], pieces));
        assert_eq!(
            seen.last(),
            Some(&Seen::Failed(row.error.clone())),
            "{}: {}",
            row.name,
            row.rule
        );
    }
}

#[test]
fn every_byte_is_judged_in_names_and_values() {
    // RFC 9110 5.6.2 (tchar) and 5.5 (field-content; obs-text is opaque data).
    const TCHAR: &[u8] = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let accepted = |sent: Vec<u8>| {
        let seen = requests(&Limits::default(), Tunnel::Refuse, &[Bytes::from(sent)]);
        matches!(seen.as_slice(), [Seen::Head(_), Seen::End(_)])
    };
    for byte in 0..=255u8 {
        // A colon in a name ends it, and is no error.
        let name = accepted([b"GET / HTTP/1.1\r\nX", &[byte][..], b"Y: a\r\n\r\n"].concat());
        assert_eq!(name, TCHAR.contains(&byte) || byte == b':', "byte {byte:#x} in a name");
        let value = accepted([b"GET / HTTP/1.1\r\nX: a", &[byte][..], b"b\r\n\r\n"].concat());
        assert_eq!(
            value,
            matches!(byte, b'\t' | b' '..=b'~' | 0x80..),
            "byte {byte:#x} in a value"
        );
    }
}
