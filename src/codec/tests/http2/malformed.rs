//! Messages that are none, and servers that break rules. Source: named in each row, of RFC 9113 where nothing else is said.
use crate::property::{User, run};
use crate::verdict::Hit::{Connection, Nobody, Stream};
use crate::verdict::{CLOSED, PROTOCOL, Row, check, data, get};
use crate::wire::*;
use ballast_codec::http2::{Config, Role};
use ballast_codec::split::split_everywhere;

fn bad_request(rule: &'static str, what: &'static str, start: &[u8], lines: &[(&str, &str)]) -> Row {
    Row(
        rule,
        what,
        vec![frame(HEADERS, END | EH, 1, &block(start, lines)), get(3)],
        Stream(1, PROTOCOL),
    )
}

fn good_request(rule: &'static str, what: &'static str, start: &[u8], lines: &[(&str, &str)]) -> Row {
    Row(
        rule,
        what,
        vec![frame(HEADERS, END | EH, 1, &block(start, lines)), get(3)],
        Nobody,
    )
}

#[test]
fn malformed_requests() {
    let bad = |rule, what, lines: &[(&str, &str)]| bad_request(rule, what, GET, lines);
    let good = |rule, what, lines: &[(&str, &str)]| good_request(rule, what, GET, lines);
    let connect: &[(&str, &str)] = &[(":method", "CONNECT"), (":authority", "a:443")];
    check(
        Role::Server,
        vec![
            good("8.3", "no header at all", &[]),
            bad("8.2", "upper case", &[("X-a", "1")]),
            bad("8.2", "empty name", &[("", "1")]),
            bad("8.2", "blank in a name", &[("a b", "1")]),
            bad("8.2", "colon in a name", &[("a:b", "1")]),
            bad("8.2", "name beyond ASCII", &[("\u{e9}", "1")]),
            bad("8.2.1", "line feed in a value", &[("a", "1\n2")]),
            bad("8.2.1", "carriage return in a value", &[("a", "1\r2")]),
            bad("8.2.1", "zero in a value", &[("a", "1\u{0}2")]),
            bad("8.2.1", "blank before a value", &[("a", " 1")]),
            bad("8.2.1", "tab after a value", &[("a", "1\t")]),
            good(
                "8.2.1",
                "empty value, tab inside, bytes beyond ASCII",
                &[("a", ""), ("b", "1\t2"), ("c", "\u{e9}")],
            ),
            bad("8.2.2", "connection", &[("connection", "close")]),
            bad("8.2.2", "keep-alive", &[("keep-alive", "1")]),
            bad("8.2.2", "proxy-connection", &[("proxy-connection", "close")]),
            bad("8.2.2", "transfer-encoding", &[("transfer-encoding", "chunked")]),
            bad("8.2.2", "upgrade", &[("upgrade", "h2c")]),
            bad("8.2.2", "te", &[("te", "trailers, deflate")]),
            good("8.2.2", "te: trailers", &[("te", "trailers")]),
            good("8.2.3", "cookie crumbs", &[("cookie", "a=1"), ("cookie", "b=2")]),
            bad(
                "8.3",
                "pseudo header after a header",
                &[("a", "1"), (":authority", "h")],
            ),
            bad("8.3", "pseudo header after host", &[("host", "h"), (":authority", "h")]),
            bad("8.3", "unknown pseudo header", &[(":name", "1")]),
            bad("8.3", "pseudo header of responses", &[(":status", "200")]),
            bad(
                "8441 4",
                "extended CONNECT, which we do not announce",
                &[(":protocol", "websocket")],
            ),
            bad("8.3", "method twice", &[(":method", "GET")]),
            bad("8.3", "path twice", &[(":path", "/")]),
            bad("8.3", "scheme twice", &[(":scheme", "http")]),
            bad("8.3", "authority twice", &[(":authority", "h"), (":authority", "h")]),
            bad_request("8.3.1", "no method", &[0x86, 0x84], &[]),
            bad_request("8.3.1", "no scheme", &[0x82, 0x84], &[]),
            bad_request("8.3.1", "no path", &[0x82, 0x86], &[]),
            bad_request("8.3.1", "empty path", &[0x82, 0x86], &[(":path", "")]),
            bad_request("8.3.1", "path without a slash", &[0x82, 0x86], &[(":path", "a")]),
            bad_request("8.3.1", "blank in a path", &[0x82, 0x86], &[(":path", "/a b")]),
            bad_request("8.3.1", "asterisk without OPTIONS", &[0x82, 0x86], &[(":path", "*")]),
            good_request(
                "8.3.1",
                "asterisk with OPTIONS",
                &[0x86],
                &[(":method", "OPTIONS"), (":path", "*")],
            ),
            bad_request("8.3.1", "blank in a method", &[0x86, 0x84], &[(":method", "GE T")]),
            good_request("8.3.1", "another method", &[0x86, 0x84], &[(":method", "PROPFIND")]),
            bad_request("8.3.1", "malformed scheme", &[0x82, 0x84], &[(":scheme", "ht tp")]),
            bad("8.3.1", "user in an authority", &[(":authority", "a@h")]),
            bad("8.3.1", "empty authority", &[(":authority", "")]),
            good(
                "8.3.1",
                "authority and the same host",
                &[(":authority", "h.x:1"), ("host", "H.x:1")],
            ),
            bad(
                "8.3.1",
                "authority and another host",
                &[(":authority", "h"), ("host", "g")],
            ),
            bad("8.3.1", "host twice", &[("host", "h"), ("host", "h")]),
            bad("8.3.1", "malformed host", &[("host", "a/b")]),
            good_request("8.5", "CONNECT", &[], connect),
            bad_request("8.5", "CONNECT with a path and no scheme", &[0x84], connect),
            bad_request("8.5", "CONNECT with a scheme and no path", &[0x86], connect),
            bad_request("8.5", "CONNECT without authority", &[], &connect[..1]),
            bad("8.1.1", "length without a body", &[("content-length", "1")]),
            good("8.1.1", "length 0 without a body", &[("content-length", "0")]),
            bad("8.1.1", "length that is none", &[("content-length", "+0")]),
            bad(
                "8.1.1",
                "two lengths",
                &[("content-length", "0"), ("content-length", "0")],
            ),
        ],
    );
}

#[test]
fn lengths_of_bodies() {
    let announce = |length| frame(HEADERS, EH, 1, &block(POST, &[("content-length", length)]));
    let trailers = frame(HEADERS, END | EH, 1, &line("a", "b"));
    check(
        Role::Server,
        vec![
            Row(
                "8.1.1",
                "as announced",
                vec![announce("3"), data(0, 1, b"ab"), data(PADDED | END, 1, b"\x01c\0")],
                Nobody,
            ),
            Row(
                "8.1.1",
                "as announced, then trailers",
                vec![announce("2"), data(0, 1, b"ab"), trailers.clone()],
                Nobody,
            ),
            Row(
                "8.1.1",
                "too much",
                vec![announce("3"), data(0, 1, b"abcd")],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.1.1",
                "too little",
                vec![announce("3"), data(END, 1, b"ab")],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.1.1",
                "too little before trailers",
                vec![announce("3"), data(0, 1, b"ab"), trailers],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.1.1",
                "none at all",
                vec![announce("3"), data(END, 1, b"")],
                Stream(1, PROTOCOL),
            ),
        ],
    );
}

#[test]
fn prefaces_and_first_frames() {
    for (what, sample, good) in [
        ("another protocol", &b"GET / HTTP/1.1\r\n\r\n"[..], false),
        (
            "a wrong last byte",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r\0\0\0\x04\0\0\0\0\0",
            false,
        ),
        (
            "PING first",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0",
            false,
        ),
        (
            "an acknowledgement first",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\x01\0\0\0\0",
            false,
        ),
        (
            "settings first",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            true,
        ),
    ] {
        let seen = split_everywhere(sample, |pieces| {
            run(Role::Server, &Config::default(), User::Listens, pieces)
        });
        let expected = (!good).then_some(PROTOCOL);
        assert_eq!(seen.failed.map(|error| error.code), expected, "{what}");
    }
    let seen = run(Role::Client, &Config::default(), User::Listens, &[get(1).into()]);
    assert_eq!(
        seen.failed.map(|error| error.code),
        Some(PROTOCOL),
        "server without settings"
    );
}

/// A client has sent GET on 1, HEAD on 3, CONNECT on 5 and the head of a POST on 7.
#[test]
fn what_servers_do_wrong() {
    let head = |stream, lines: &[(&str, &str)]| frame(HEADERS, EH, stream, &block(OK, lines));
    let refused = vec![
        frame(GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]),
        frame(HEADERS, EH | END, 1, OK),
    ];
    check(
        Role::Client,
        vec![
            Row(
                "8.4",
                "PUSH_PROMISE",
                vec![frame(PUSH_PROMISE, EH, 1, &[0, 0, 0, 2, 0x82])],
                Connection(PROTOCOL),
            ),
            Row(
                "5.1.1",
                "HEADERS on a stream of its own",
                vec![head(2, &[])],
                Connection(PROTOCOL),
            ),
            Row(
                "5.1.1",
                "HEADERS on an idle stream",
                vec![head(9, &[])],
                Connection(PROTOCOL),
            ),
            Row(
                "5.1",
                "DATA on an idle stream",
                vec![data(0, 9, b"x")],
                Connection(PROTOCOL),
            ),
            Row(
                "5.1",
                "WINDOW_UPDATE on an even stream",
                vec![frame(WINDOW_UPDATE, 0, 2, &[0, 0, 0, 1])],
                Connection(PROTOCOL),
            ),
            Row("8.1", "DATA before a head", vec![data(0, 1, b"x")], Stream(1, PROTOCOL)),
            Row(
                "8.1",
                "a response and the next one's head",
                vec![head(1, &[]), data(END, 1, b"x"), head(1, &[])],
                Connection(CLOSED),
            ),
            Row(
                "8.1",
                "DATA after a whole response",
                vec![head(1, &[]), data(END, 1, b"x"), data(0, 1, b"x")],
                Connection(CLOSED),
            ),
            Row(
                "8.1",
                "interim responses",
                vec![
                    frame(HEADERS, EH, 1, &line(":status", "100")),
                    frame(HEADERS, EH, 1, &line(":status", "103")),
                    head(1, &[]),
                ],
                Nobody,
            ),
            Row(
                "8.1",
                "interim response that ends",
                vec![frame(HEADERS, EH | END, 1, &line(":status", "100"))],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.6",
                "status 101",
                vec![frame(HEADERS, EH, 1, &line(":status", "101"))],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.3.2",
                "no status",
                vec![frame(HEADERS, EH, 1, &line("a", "b"))],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.3.2",
                "status of two digits",
                vec![frame(HEADERS, EH, 1, &line(":status", "20"))],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.3.2",
                "status below 100",
                vec![frame(HEADERS, EH, 1, &line(":status", "099"))],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.3",
                "pseudo header of requests",
                vec![frame(HEADERS, EH, 1, &[0x88, 0x84])],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.3",
                "pseudo header after a header",
                vec![frame(HEADERS, EH, 1, &[&line("a", "b")[..], OK].concat())],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.2.2",
                "connection",
                vec![head(1, &[("connection", "close")])],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.1.1",
                "length of a response to HEAD",
                vec![frame(HEADERS, EH | END, 3, &block(OK, &[("content-length", "9")]))],
                Nobody,
            ),
            Row(
                "8.1.1",
                "body of a response to HEAD",
                vec![head(3, &[("content-length", "1")]), data(END, 3, b"x")],
                Stream(3, PROTOCOL),
            ),
            Row(
                "8.1.1",
                "body of a 304",
                vec![frame(HEADERS, EH, 1, &[0x8b]), data(END, 1, b"x")],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.1.1",
                "length without a body",
                vec![frame(HEADERS, EH | END, 1, &block(OK, &[("content-length", "9")]))],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.1.1",
                "shorter body than announced",
                vec![head(1, &[("content-length", "2")]), data(END, 1, b"x")],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.5",
                "tunnel, whatever its length says",
                vec![head(5, &[("content-length", "1")]), data(0, 5, b"xyz")],
                Nobody,
            ),
            Row("6.8", "GOAWAY: earlier streams go on", refused, Nobody),
        ],
    );
}
