//! What heads and chunks look like on the wire: pipyjs/http.md section 3, RFC 9112 7.1.
use crate::property::{Seen, Tunnel, requests, responses};
use ballast_codec::http1::{
    Connection, Error, Expect, Framing, Headers, Limits, Lines, Method, RequestHead, ResponseHead, Scheme, Version,
    encode_chunk_start, encode_request_head, encode_response_head, reason_phrase,
};
use bytes::{Bytes, BytesMut};

fn headers(lines: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.push(name.as_bytes(), value.as_bytes()).expect("well-formed");
    }
    headers
}

fn text(out: &BytesMut) -> &str {
    std::str::from_utf8(out).expect("text")
}

#[track_caller]
fn request(head: &RequestHead, framing: Framing, connection: Connection<'_>, expected: &str) {
    let mut out = BytesMut::from("before|");
    encode_request_head(head, framing, connection, Lines::All, &mut out).expect("sendable");
    assert_eq!(text(&out), format!("before|{expected}"));
}

#[track_caller]
fn response(head: &ResponseHead, framing: Framing, connection: Connection<'_>, expected: &str) {
    let mut out = BytesMut::new();
    encode_response_head(head, framing, connection, Lines::All, &mut out).expect("sendable");
    assert_eq!(text(&out), expected);
}

#[test]
fn requests_on_the_wire() {
    let plain = RequestHead::default();
    request(&plain, Framing::Absent, Connection::Absent, "GET / HTTP/1.1\r\n\r\n");
    request(
        &plain,
        Framing::Absent,
        Connection::KeepAlive,
        "GET / HTTP/1.1\r\nconnection: keep-alive\r\n\r\n",
    );
    let head = RequestHead {
        method: Method::Post,
        target: Bytes::from_static(b"/a?b"),
        version: Version::Http10,
        scheme: Scheme::Absent,
        authority: Bytes::new(),
        headers: headers(&[
            ("Host", "a"),
            ("Content-Length", "99"),
            ("X-A", "1"),
            ("Transfer-Encoding", "chunked"),
            ("Keep-Alive", "timeout=5"),
            ("Connection", "x"),
            ("X-B", ""),
        ]),
    };
    let start = "POST /a?b HTTP/1.0\r\nHost: a\r\nX-A: 1\r\nX-B: \r\n";
    request(
        &head,
        Framing::Length(12),
        Connection::KeepAlive,
        &format!("{start}content-length: 12\r\nconnection: keep-alive\r\n\r\n"),
    );
    request(
        &head,
        Framing::Chunked,
        Connection::Close,
        &format!("{start}transfer-encoding: chunked\r\nconnection: close\r\n\r\n"),
    );
    request(
        &head,
        Framing::Absent,
        Connection::Value(b"upgrade"),
        &format!("{start}connection: upgrade\r\n\r\n"),
    );
    let other = RequestHead {
        method: Method::new(b"PURGE"),
        ..RequestHead::default()
    };
    request(&other, Framing::Absent, Connection::Absent, "PURGE / HTTP/1.1\r\n\r\n");
}

/// RFC 9113 8.2.3: crumbs are put together for a hop that is not HTTP/2; only then.
#[test]
fn heads_of_http2_are_written_as_http1() {
    let crumbs = [("cookie", "a=1"), ("host", "h"), ("cookie", "b=2"), ("cookie", "c=3")];
    let mut head = RequestHead {
        version: Version::Http2,
        scheme: Scheme::Https,
        authority: Bytes::from_static(b"h"),
        headers: headers(&crumbs),
        ..RequestHead::default()
    };
    let expected = "GET / HTTP/1.1\r\ncookie: a=1; b=2; c=3\r\nhost: h\r\n\r\n";
    request(&head, Framing::Absent, Connection::Absent, expected);
    head.headers = headers(&crumbs[..2]);
    let expected = "GET / HTTP/1.1\r\ncookie: a=1\r\nhost: h\r\n\r\n";
    request(&head, Framing::Absent, Connection::Absent, expected);
    let head = ResponseHead {
        version: Version::Http2,
        ..ResponseHead::default()
    };
    response(&head, Framing::Absent, Connection::Absent, "HTTP/1.1 200 OK\r\n\r\n");
}

#[test]
fn responses_on_the_wire() {
    let plain = ResponseHead::default();
    response(
        &plain,
        Framing::Length(0),
        Connection::KeepAlive,
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n",
    );
    let unknown = ResponseHead {
        status: 299,
        ..ResponseHead::default()
    };
    response(&unknown, Framing::Absent, Connection::Absent, "HTTP/1.1 299 OK\r\n\r\n");
    let named = ResponseHead {
        status: 502,
        reason: Bytes::from_static(b"Connection Refused"),
        ..ResponseHead::default()
    };
    response(
        &named,
        Framing::Length(0),
        Connection::Close,
        "HTTP/1.1 502 Connection Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let given = ResponseHead {
        headers: headers(&[("Content-Length", "7"), ("Connection", "close")]),
        ..ResponseHead::default()
    };
    response(
        &given,
        Framing::Given,
        Connection::Absent,
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
    );
    response(
        &given,
        Framing::Length(3),
        Connection::Absent,
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n",
    );
}

#[test]
fn a_received_head_goes_on_as_it_came() {
    let sent = "GET /x HTTP/1.1\r\nHost: a\r\nX-CaseD: v w\r\nConnection: x\r\nX-Loose:   l  \r\nX-Tight:t\r\nX-Empty:\r\nContent-Length: 0\r\nY: 1\r\nZ: 2\r\n\r\n";
    let seen = requests(&Limits::default(), Tunnel::Refuse, &[Bytes::from(sent)]);
    let Some(Seen::Head(head)) = seen.first() else {
        panic!("{seen:?}")
    };
    let start =
        "GET /x HTTP/1.1\r\nHost: a\r\nX-CaseD: v w\r\nX-Loose: l\r\nX-Tight: t\r\nX-Empty: \r\nY: 1\r\nZ: 2\r\n";
    request(
        head,
        Framing::Absent,
        Connection::KeepAlive,
        &format!("{start}connection: keep-alive\r\n\r\n"),
    );
    let mut changed = head.clone();
    changed.headers.push(b"X-New", b" n ").unwrap();
    changed.headers.set("x-cased", b"other").unwrap();
    assert_eq!((changed.headers.remove("Y"), changed.headers.remove("y")), (1, 0));
    request(
        &changed,
        Framing::Absent,
        Connection::Absent,
        "GET /x HTTP/1.1\r\nHost: a\r\nx-cased: other\r\nX-Loose: l\r\nX-Tight: t\r\nX-Empty: \r\nZ: 2\r\nX-New: n\r\n\r\n",
    );
    assert_ne!(&changed, head);
}

#[test]
fn a_changed_start_line_is_written_as_it_is_now() {
    let row = |change: fn(&mut RequestHead), expected: &str| {
        let sent = Bytes::from("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        let seen = requests(&Limits::default(), Tunnel::Refuse, &[sent]);
        let Some(Seen::Head(head)) = seen.first() else {
            panic!("{seen:?}")
        };
        let mut head = head.clone();
        change(&mut head);
        request(
            &head,
            Framing::Absent,
            Connection::Absent,
            &format!("{expected}\r\nHost: x\r\n\r\n"),
        );
    };
    row(|_| {}, "GET /a HTTP/1.1");
    row(|head| head.method = Method::Put, "PUT /a HTTP/1.1");
    row(|head| head.method = Method::new(b"GE"), "GE /a HTTP/1.1");
    row(|head| head.target = Bytes::from_static(b"/"), "GET / HTTP/1.1");
    row(|head| head.target = Bytes::from_static(b"/ab"), "GET /ab HTTP/1.1");
    row(|head| head.version = Version::Http10, "GET /a HTTP/1.0");
    row(|head| head.version = Version::Http2, "GET /a HTTP/1.1");

    let row = |sent: &str, change: fn(&mut ResponseHead), expected: &str| {
        let sent = Bytes::from(format!("{sent}\r\nA: b\r\nContent-Length: 0\r\n\r\n"));
        let seen = responses(&Limits::default(), &[Expect::Other], &[sent]);
        let Some(Seen::Head(head)) = seen.first() else {
            panic!("{seen:?}")
        };
        let mut head = head.clone();
        change(&mut head);
        response(
            &head,
            Framing::Absent,
            Connection::Absent,
            &format!("{expected}\r\nA: b\r\n\r\n"),
        );
    };
    row("HTTP/1.1 200 OK", |_| {}, "HTTP/1.1 200 OK");
    row("HTTP/1.0 200 Fine", |_| {}, "HTTP/1.0 200 Fine");
    row("HTTP/1.1 200 ", |_| {}, "HTTP/1.1 200 OK");
    row("HTTP/1.1 200 OK", |head| head.status = 201, "HTTP/1.1 201 OK");
    row(
        "HTTP/1.1 200 OK",
        |head| head.reason = Bytes::from_static(b"O"),
        "HTTP/1.1 200 O",
    );
    row("HTTP/1.1 200 OK", |head| head.reason = Bytes::new(), "HTTP/1.1 200 OK");
    row(
        "HTTP/1.1 404 OK",
        |head| head.reason = Bytes::new(),
        "HTTP/1.1 404 Not Found",
    );
    row(
        "HTTP/1.0 200 OK",
        |head| head.version = Version::Http11,
        "HTTP/1.1 200 OK",
    );
}

#[test]
fn framing_by_kind_of_message() {
    // http.md 3: content-length for requests, responses, HEAD; RFC 9110 8.6 for 204 and 304.
    assert_eq!(Framing::of_request(&Method::Get, 0), Framing::Absent);
    assert_eq!(Framing::of_request(&Method::Get, 1), Framing::Length(1));
    for method in [Method::Post, Method::Put, Method::Patch] {
        assert_eq!(Framing::of_request(&method, 0), Framing::Length(0));
    }
    let with = |status, lines: &[(&str, &str)]| ResponseHead {
        status,
        headers: headers(lines),
        ..ResponseHead::default()
    };
    assert_eq!(
        Framing::of_response(&with(200, &[("content-length", "9")]), false, 3),
        Framing::Length(3)
    );
    assert_eq!(
        Framing::of_response(&with(200, &[("content-length", "9")]), true, 0),
        Framing::Given
    );
    assert_eq!(Framing::of_response(&with(200, &[]), true, 4), Framing::Length(4));
    for status in [100, 101, 204, 304] {
        assert_eq!(
            Framing::of_response(&with(status, &[("content-length", "9")]), true, 0),
            Framing::Absent,
            "{status}"
        );
    }
}

#[test]
fn chunk_sizes_are_upper_case_hex() {
    for (len, expected) in [
        (1, "1\r\n"),
        (9, "9\r\n"),
        (10, "A\r\n"),
        (16, "10\r\n"),
        (0xbeef, "BEEF\r\n"),
        (0x10000, "10000\r\n"),
        (0, ""),
    ] {
        let mut out = BytesMut::new();
        encode_chunk_start(len, &mut out);
        assert_eq!(text(&out), expected);
    }
}

#[test]
fn nothing_that_breaks_the_framing_is_sent() {
    let mut headers = Headers::new();
    for (name, value, error) in [
        (&b"X"[..], &b"a\r\nY: b"[..], Error::HeaderValue),
        (b"X", b"a\nb", Error::HeaderValue),
        (b"X", b"a\0", Error::HeaderValue),
        (b"", b"a", Error::HeaderName),
        (b"X Y", b"a", Error::HeaderName),
        (b"X:", b"a", Error::HeaderName),
        (b"X\r\nY", b"a", Error::HeaderName),
    ] {
        assert_eq!(headers.push(name, value), Err(error.clone()));
        assert!(headers.is_empty());
    }
    assert_eq!(headers.set("a b", b""), Err(Error::HeaderName));
    let mut out = BytesMut::new();
    for (method, target) in [
        (&b"GET /"[..], &b"/"[..]),
        (b"", b"/"),
        (b"GET", b""),
        (b"GET", b"/ HTTP/1.1\r\nX: y"),
        (b"GET", b"/a b"),
        (b"GET", b"/\0"),
    ] {
        let head = RequestHead {
            method: Method::new(method),
            target: Bytes::copy_from_slice(target),
            ..RequestHead::default()
        };
        let result = encode_request_head(&head, Framing::Absent, Connection::Absent, Lines::All, &mut out);
        assert!(matches!(result, Err(Error::Unsendable(_))), "{head:?}");
    }
    for (status, reason) in [(99, &b""[..]), (1000, b""), (200, b"OK\r\nX: y")] {
        let head = ResponseHead {
            status,
            reason: Bytes::copy_from_slice(reason),
            ..ResponseHead::default()
        };
        assert!(matches!(
            encode_response_head(&head, Framing::Absent, Connection::Absent, Lines::All, &mut out),
            Err(Error::Unsendable(_))
        ));
    }
    let bad = Connection::Value(b"x\r\nY: z");
    assert!(encode_request_head(&RequestHead::default(), Framing::Absent, bad, Lines::All, &mut out).is_err());
    assert!(encode_response_head(&ResponseHead::default(), Framing::Absent, bad, Lines::All, &mut out).is_err());
    assert!(out.is_empty(), "a refused head leaves no bytes");
}

#[test]
fn phrases() {
    // RFC 9110 15.
    for (status, phrase) in [
        (100, "Continue"),
        (200, "OK"),
        (404, "Not Found"),
        (413, "Content Too Large"),
        (504, "Gateway Timeout"),
    ] {
        assert_eq!(reason_phrase(status), Some(phrase));
    }
    assert_eq!(reason_phrase(299), None);
}
