//! Whole exchanges between our two sides. Source: RFC 9113 8.1, 8.3, 5.2; pipyjs/http.md sections 1 and 5.
use crate::pair::{Pair, headers, request};
use ballast_codec::http1::{ResponseHead, Version};
use ballast_codec::http2::{Config, ErrorCode, Event, Room, SendError};
use bytes::Bytes;

#[test]
fn a_request_and_its_response() {
    let mut pair = Pair::new(Config::default(), Config::default());
    let sent = request(
        "GET",
        "/a?b",
        &[
            ("Host", "example.org"),
            ("X-One", "1"),
            ("Connection", "X-One"),
            ("HTTP2-Settings", "AAMAAABk"),
            ("Accept", "*/*"),
        ],
    );
    let stream = pair.client.send_request(&sent, true).expect("sent");
    let events = pair.serve();
    let [
        Event::Request {
            stream: 1,
            head,
            end: true,
        },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((stream, head.version, head.method.as_str()), (1, Version::Http2, "GET"));
    assert_eq!(
        (&head.target[..], &head.authority[..]),
        (&b"/a?b"[..], &b"example.org"[..])
    );
    assert_eq!(head.scheme.as_bytes(), b"http");
    // What `connection` names belongs to the connection that it came over.
    assert_eq!(head.headers, headers(&[("host", "example.org"), ("accept", "*/*")]));

    let answer = ResponseHead {
        status: 201,
        headers: headers(&[
            ("Content-Type", "text/plain"),
            ("Keep-Alive", "5"),
            ("Transfer-Encoding", "chunked"),
        ]),
        ..ResponseHead::default()
    };
    pair.server.send_response(1, &answer, false).expect("sent");
    assert_eq!(
        pair.server.send_data(1, Bytes::from_static(b"hi"), true),
        Ok(Room::Left)
    );
    assert!(!pair.server.is_open(1));
    assert_eq!(pair.server.send_data(1, Bytes::new(), true), Err(SendError::Closed));
    let expected = ResponseHead {
        status: 201,
        version: Version::Http2,
        headers: headers(&[("content-type", "text/plain")]),
        ..ResponseHead::default()
    };
    let data = Event::Data {
        stream: 1,
        bytes: Bytes::from_static(b"hi"),
        end: true,
    };
    let response = Event::Response {
        stream: 1,
        head: expected,
        end: false,
    };
    assert_eq!(pair.answer(), [response, data]);
    assert!(pair.client.is_idle() && pair.server.is_idle());
}

#[test]
fn interim_responses_trailers_and_resets() {
    let mut pair = Pair::new(Config::default(), Config::default());
    let one = pair
        .client
        .send_request(&request("POST", "/", &[]), false)
        .expect("sent");
    let two = pair
        .client
        .send_request(&request("POST", "/", &[]), false)
        .expect("sent");
    pair.client
        .send_trailers(one, headers(&[("X-Sum", "1")]))
        .expect("sent");
    pair.client.reset(two, ErrorCode::CANCEL);
    let events = pair.serve();
    let reset = Event::Reset {
        stream: two,
        code: ErrorCode::CANCEL,
        by_peer: true,
    };
    let trailers = Event::Trailers {
        stream: one,
        headers: headers(&[("x-sum", "1")]),
    };
    assert!(matches!(
        events[..2],
        [Event::Request { stream: 1, .. }, Event::Request { stream: 3, .. }]
    ));
    assert_eq!(events[2..], [trailers, reset]);

    for status in [100, 103, 200] {
        let head = ResponseHead {
            status,
            ..ResponseHead::default()
        };
        pair.server.send_response(one, &head, false).expect("sent");
    }
    assert_eq!(
        pair.server.send_response(one, &ResponseHead::default(), false),
        Err(SendError::Order)
    );
    pair.server
        .send_trailers(one, headers(&[("grpc-status", "0")]))
        .expect("sent");
    let status = |event: &Event| match event {
        Event::Response { head, .. } => head.status,
        Event::Trailers { .. } => 1,
        _ => 0,
    };
    assert_eq!(pair.answer().iter().map(status).collect::<Vec<_>>(), [100, 103, 200, 1]);
}

/// Cookie crumbs stay apart (pipyjs/http.md 1); CONNECT has no path, or nothing else; an absolute target is taken apart.
#[test]
fn forms_of_requests() {
    let mut pair = Pair::new(Config::default(), Config::default());
    let crumbs = [
        ("host", "h"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("te", "gzip, trailers"),
    ];
    for head in [
        request("GET", "/", &crumbs),
        request("CONNECT", "a:443", &[("host", "a:443")]),
        // `connect_to_a_path`: the far end of a tunnel that has a name.
        request("CONNECT", "/agents/1", &[("host", "hub")]),
        request("CONNECT", "/agents/2", &[]),
        request("GET", "https://a.b:1/x?y", &[("host", "other")]),
        request("OPTIONS", "*", &[]),
        request("PURGE", "/", &[]),
    ] {
        pair.client.send_request(&head, true).expect("sent");
    }
    let events = pair.serve();
    let seen: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Request { head, .. } => format!(
                "{} {} {} {}",
                head.method.as_str(),
                String::from_utf8_lossy(head.scheme.as_bytes()),
                String::from_utf8_lossy(&head.authority),
                String::from_utf8_lossy(&head.target)
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [
            "GET http h /",
            "CONNECT  a:443 a:443",
            "CONNECT http hub /agents/1",
            "CONNECT http  /agents/2",
            "GET https a.b:1 /x?y",
            "OPTIONS http  *",
            "PURGE http  /"
        ]
    );
    let Event::Request { head, .. } = &events[0] else {
        unreachable!()
    };
    assert_eq!(
        head.headers,
        headers(&[("host", "h"), ("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")])
    );
}
