//! Requests that must be understood, and what their heads say. Sources are named row by row.
use crate::property::{Seen, Tunnel, requests};
use ballast_codec::http1::{Limits, Method, RequestHead, Version};
use ballast_codec::split::split_everywhere;

/// `sent`, cut at every place, is these messages: method, target, version, body.
#[track_caller]
fn check(name: &str, sent: &[u8], expected: &[(Method, &str, Version, &str)]) -> Vec<RequestHead> {
    let seen = split_everywhere(sent, |pieces| requests(&Limits::default(), Tunnel::Refuse, pieces));
    let mut heads = Vec::new();
    let mut bodies = Vec::new();
    for step in seen {
        match step {
            Seen::Head(head) => {
                heads.push(head);
                bodies.push(Vec::new());
            }
            Seen::Body(data) => bodies.last_mut().expect("after a head").extend(data),
            Seen::End(_) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    let got: Vec<_> = heads
        .iter()
        .zip(&bodies)
        .map(|(head, body)| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            (head.method.clone(), text(&head.target), head.version, text(body))
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(method, target, version, body)| (method.clone(), target.to_string(), *version, body.to_string()))
        .collect();
    assert_eq!(got, expected, "{name}");
    heads
}

#[test]
fn start_lines() {
    use Method::*;
    use Version::*;
    check(
        "no headers (http.md 8)",
        b"GET / HTTP/1.1\r\n\r\n",
        &[(Get, "/", Http11, "")],
    );
    check("1.0", b"GET / HTTP/1.0\r\n\r\n", &[(Get, "/", Http10, "")]);
    check(
        "asterisk-form (http.md 8)",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        &[(Options, "*", Http11, "")],
    );
    check(
        "authority-form (http.md 1)",
        b"CONNECT a:443 HTTP/1.1\r\n\r\n",
        &[(Connect, "a:443", Http11, "")],
    );
    check(
        "absolute-form (http.md 1)",
        b"GET http://a:80/b?c HTTP/1.1\r\nHost: a:80\r\n\r\n",
        &[(Get, "http://a:80/b?c", Http11, "")],
    );
    check(
        "query stays (http.md 1)",
        b"GET /a%20b?x=1&y={}|\"<> HTTP/1.1\r\n\r\n",
        &[(Get, "/a%20b?x=1&y={}|\"<>", Http11, "")],
    );
    check(
        "UTF-8 target",
        "GET /é HTTP/1.1\r\n\r\n".as_bytes(),
        &[(Get, "/é", Http11, "")],
    );
    for method in [Get, Head, Post, Put, Patch, Delete, Connect, Options, Trace] {
        let line = format!("{} / HTTP/1.1\r\n\r\n", method.as_str());
        check(method.as_str(), line.as_bytes(), &[(method.clone(), "/", Http11, "")]);
        assert_eq!(Method::new(method.as_bytes()), method);
    }
}

#[test]
fn bodies() {
    use Method::*;
    use Version::*;
    let post = |body| (Post, "/", Http11, body);
    check(
        "length",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        &[post("hello")],
    );
    check("length 0", b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", &[post("")]);
    check(
        "leading zeros are digits (RFC 9110 8.6)",
        b"POST / HTTP/1.1\r\nContent-Length: 005\r\n\r\nhello",
        &[post("hello")],
    );
    check(
        "neither: no body (RFC 9112 6.3)",
        b"POST / HTTP/1.1\r\n\r\n",
        &[post("")],
    );
    check(
        "GET with a body",
        b"GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
        &[(Get, "/", Http11, "hi")],
    );
    let chunked = |body: &str| format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes();
    let name = "chunked (RFC 9112 7.1)";
    check(name, &chunked("5\r\nhello\r\n0\r\n\r\n"), &[post("hello")]);
    check(
        name,
        &chunked("a\r\n0123456789\r\nB\r\nhello world\r\n000\r\n\r\n"),
        &[post("0123456789hello world")],
    );
    check("empty", &chunked("0\r\n\r\n"), &[post("")]);
    check(
        "extensions are skipped (http.md 2)",
        &chunked("5;a=b;c=\"d e\";f\r\nhello\r\n0;last\r\n\r\n"),
        &[post("hello")],
    );
    check(
        "trailers are dropped (http.md 1)",
        &chunked("5\r\nhello\r\n0\r\nT: 1\r\nContent-Length: 9\r\n\r\n"),
        &[post("hello")],
    );
    check(
        "coding's case does not matter (RFC 9112 7)",
        b"POST / HTTP/1.1\r\ntransfer-ENCODING: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        &[post("x")],
    );
    check(
        "CONNECT of length 0 has no body",
        b"CONNECT a:1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        &[(Connect, "a:1", Http11, "")],
    );
}

#[test]
fn pipelined() {
    use Method::*;
    use Version::*;
    check(
        "three, framed three ways (RFC 9112 9.3.2)",
        b"GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiPUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
          2\r\nyo\r\n0\r\n\r\nGET /d HTTP/1.0\r\n\r\n",
        &[(Get, "/a", Http11, ""), (Post, "/b", Http11, "hi"), (Put, "/c", Http11, "yo"), (Get, "/d", Http10, "")],
    );
}

#[test]
fn headers_keep_spelling_and_order() {
    let sent = b"GET / HTTP/1.1\r\nHost: a\r\nX-CamelCase:\t v  w \t\r\nx-empty:\r\nX-Blank:  \r\nCookie: a=1\r\ncookie: b=2\r\nX-Obs: \xe9\r\n\r\n";
    let heads = check("headers", sent, &[(Method::Get, "/", Version::Http11, "")]);
    let headers = &heads[0].headers;
    let lines: Vec<_> = headers.iter().collect();
    // Names as sent, values trimmed at both ends (http.md 1).
    let expected: [(&[u8], &[u8]); 7] = [
        (b"Host", b"a"),
        (b"X-CamelCase", b"v  w"),
        (b"x-empty", b""),
        (b"X-Blank", b""),
        (b"Cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"X-Obs", b"\xe9"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(headers.get("x-camelcase"), Some(&b"v  w"[..]));
    assert_eq!(headers.get("X-EMPTY"), Some(&b""[..]));
    assert_eq!(headers.get("COOKIE"), Some(&b"b=2"[..]), "the last value wins");
    assert_eq!(headers.get_all("cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
    assert_eq!(
        (headers.get("none"), headers.contains("host"), headers.len()),
        (None, true, 7)
    );
}

#[test]
fn hosts() {
    // RFC 9110 7.2: uri-host [ ":" port ], possibly empty.
    for host in [
        "",
        "a",
        "a.b-c_d~e",
        "A%20b",
        "127.0.0.1:80",
        "a:",
        "[::1]",
        "[::1]:8080",
        "a!$&'()*+,;=b",
    ] {
        let sent = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let heads = check(host, sent.as_bytes(), &[(Method::Get, "/", Version::Http11, "")]);
        assert_eq!(heads[0].headers.get("host"), Some(host.as_bytes()));
    }
}

#[test]
fn what_heads_say_about_the_connection() {
    #[track_caller]
    fn check_head(lines: &str, version: &str, keep_alive: bool, upgrade: bool, expects: bool) {
        let sent = format!("GET / {version}\r\n{lines}\r\n");
        let seen = split_everywhere(sent.as_bytes(), |pieces| {
            requests(&Limits::default(), Tunnel::Refuse, pieces)
        });
        let Some(Seen::Head(head)) = seen.first() else {
            panic!("{seen:?}")
        };
        assert_eq!(
            (head.keep_alive(), head.is_upgrade(), head.expects_continue()),
            (keep_alive, upgrade, expects),
            "{lines} {version}"
        );
    }
    // RFC 9112 9.3; http.md 8 with its quirk taken back: compared without regard to case.
    check_head("", "HTTP/1.1", true, false, false);
    check_head("", "HTTP/1.0", false, false, false);
    check_head("Connection: close\r\n", "HTTP/1.1", false, false, false);
    check_head("connection: Close\r\n", "HTTP/1.1", false, false, false);
    check_head("Connection: foo, CLOSE ,bar\r\n", "HTTP/1.1", false, false, false);
    check_head("Connection: closed\r\n", "HTTP/1.1", true, false, false);
    check_head("Connection: keep-alive\r\n", "HTTP/1.0", true, false, false);
    check_head("Connection: Keep-Alive\r\n", "HTTP/1.0", true, false, false);
    check_head(
        "Connection: keep-alive\r\nConnection: close\r\n",
        "HTTP/1.1",
        false,
        false,
        false,
    );
    check_head("Connection: keep-alive, close\r\n", "HTTP/1.0", false, false, false);
    // RFC 9110 7.8: both lines, not on 1.0.
    check_head(
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "HTTP/1.1",
        true,
        true,
        false,
    );
    check_head(
        "Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\n",
        "HTTP/1.1",
        true,
        true,
        false,
    );
    check_head("Upgrade: websocket\r\n", "HTTP/1.1", true, false, false);
    check_head("Connection: upgrade\r\n", "HTTP/1.1", true, false, false);
    check_head(
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "HTTP/1.0",
        false,
        false,
        false,
    );
    // RFC 9110 10.1.1.
    check_head("Expect: 100-Continue\r\n", "HTTP/1.1", true, false, true);
    check_head("Expect: 100-continue\r\n", "HTTP/1.0", false, false, false);
}
