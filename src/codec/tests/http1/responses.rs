//! Responses that must be understood, and how long their bodies are: RFC 9112 6.3, pipyjs/http.md section 2.
use crate::property::{Seen, responses};
use ballast_codec::Chunks;
use ballast_codec::http1::{Expect, Frame, Limits, ResponseDecoder};
use ballast_codec::split::split_everywhere;
use bytes::Bytes;

/// `sent`, cut at every place and followed by the end of input, is these messages: status, reason, body; then these tunnel bytes.
#[track_caller]
fn check(name: &str, expect: &[Expect], sent: &[u8], expected: &[(u16, &str, &str)], tunnel: &str) {
    let seen = split_everywhere(sent, |pieces| responses(&Limits::default(), expect, pieces));
    let mut got: Vec<(u16, String, String)> = Vec::new();
    let mut ends = 0;
    let mut raw = String::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for step in &seen {
        match step {
            Seen::Head(head) => got.push((head.status, text(&head.reason), String::new())),
            Seen::Body(data) => got.last_mut().expect("after a head").2.push_str(&text(data)),
            Seen::End(_) => ends += 1,
            Seen::Raw(data) => raw.push_str(&text(data)),
            Seen::Failed(error) => panic!("{name}: {error}"),
        }
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|(status, reason, body)| (*status, reason.to_string(), body.to_string()))
        .collect();
    assert_eq!(
        (got, ends, raw.as_str()),
        (expected.clone(), expected.len(), tunnel),
        "{name}"
    );
}

use Expect::{Connect, Head, Other};

#[test]
fn framings() {
    check(
        "length",
        &[Other],
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        &[(200, "OK", "hi")],
        "",
    );
    check(
        "length 0",
        &[Other],
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        &[(200, "OK", "")],
        "",
    );
    check(
        "empty reason",
        &[Other],
        b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        &[(200, "", "")],
        "",
    );
    check(
        "long reason",
        &[Other],
        b"HTTP/1.1 404 Not \xe9 here\r\nContent-Length: 0\r\n\r\n",
        &[(404, "Not \u{fffd} here", "")],
        "",
    );
    check(
        "unregistered code",
        &[Other],
        b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
        &[(999, "X", "")],
        "",
    );
    check(
        "chunked with a trailer",
        &[Other],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n",
        &[(200, "OK", "abc")],
        "",
    );
    check(
        "until the end",
        &[Other],
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        &[(200, "OK", "HTTP/1.1 200 OK\r\n\r\n")],
        "",
    );
    check(
        "until the end, empty",
        &[Other],
        b"HTTP/1.0 200 OK\r\n\r\n",
        &[(200, "OK", "")],
        "",
    );
}

#[test]
fn bodiless() {
    // http.md 2, row "bodiless": whatever the headers say.
    for status in [204, 304] {
        let sent =
            format!("HTTP/1.1 {status} X\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        check(
            "status",
            &[Other, Other],
            sent.as_bytes(),
            &[(status, "X", ""), (200, "OK", "hi")],
            "",
        );
    }
    check(
        "HEAD with a length, then GET",
        &[Head, Other],
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        &[(200, "OK", ""), (200, "OK", "hi")],
        "",
    );
    check(
        "HEAD, chunked",
        &[Head],
        b"HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n",
        &[(404, "X", "")],
        "",
    );
    check(
        "HEAD without a length",
        &[Head, Other],
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 204 X\r\n\r\n",
        &[(200, "OK", ""), (204, "X", "")],
        "",
    );
}

#[test]
fn interim_responses_answer_nothing() {
    check(
        "100, then 201 (http.md 8)",
        &[Other],
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nhi",
        &[(100, "Continue", ""), (201, "Created", "hi")],
        "",
    );
    check(
        "103 before the answer to HEAD",
        &[Head],
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        &[(103, "Early Hints", ""), (200, "OK", "")],
        "",
    );
}

#[test]
fn tunnels() {
    check(
        "CONNECT accepted",
        &[Connect],
        b"HTTP/1.1 200 OK\r\n\r\nraw bytes",
        &[(200, "OK", "")],
        "raw bytes",
    );
    check(
        "lengths do not count then (RFC 9110 9.3.6)",
        &[Connect],
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw",
        &[(200, "OK", "")],
        "raw",
    );
    check(
        "CONNECT refused",
        &[Connect, Other],
        b"HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nno!HTTP/1.1 204 X\r\n\r\n",
        &[(403, "No", "no!"), (204, "X", "")],
        "",
    );
    check(
        "upgrade",
        &[Other],
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/",
        &[(101, "Switching Protocols", "")],
        "HTTP/",
    );
}

#[test]
fn expectations_are_counted() {
    let mut decoder = ResponseDecoder::new(Limits::default());
    decoder.expect(Other);
    decoder.expect(Other);
    let mut input = Chunks::from(Bytes::from_static(
        b"HTTP/1.1 100 X\r\n\r\nHTTP/1.1 204 X\r\n\r\nHTTP/1.1 200 X\r\n\r\nx",
    ));
    let mut pending = Vec::new();
    while let Some(frame) = decoder.decode(&mut input).unwrap() {
        if matches!(frame, Frame::Head(_)) {
            pending.push(decoder.pending());
        }
    }
    assert_eq!(pending, [2, 1, 0]);
    assert!(decoder.reads_until_eof() && !decoder.is_idle());
    assert!(matches!(decoder.finish(), Ok(Some(Frame::End(tail))) if tail.body_size == 1 && tail.head_size == 18));
    assert_eq!(decoder.finish(), Ok(None), "one end only");
    decoder.reset();
    assert!(decoder.is_idle() && decoder.finish() == Ok(None));
}
