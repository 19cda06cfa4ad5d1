//! Ends of connections, limits of streams, pings, and the upgrade from HTTP/1. Source: RFC 9113 5.1.2, 6.7, 6.8; RFC 7540 3.2.
use crate::pair::{Pair, output, request};
use crate::wire::*;
use ballast_codec::http1::ResponseHead;
use ballast_codec::http2::{Config, Connection, ErrorCode, Event, Role, SendError};
use bytes::Bytes;

#[test]
fn a_server_leaves_in_order() {
    let mut pair = Pair::new(Config::default(), Config::default());
    let get = request("GET", "/", &[]);
    let one = pair.client.send_request(&get, true).expect("sent");
    pair.serve();
    pair.server.shutdown();
    // On its way before the client knows.
    let two = pair.client.send_request(&get, true).expect("sent");
    assert_eq!(pair.serve().len(), 1);
    assert!(!pair.server.is_finished());
    let goaway = |last| Event::Goaway {
        last,
        code: ErrorCode::NO_ERROR,
    };
    assert_eq!(pair.answer(), [goaway((1 << 31) - 1)]);
    assert_eq!(pair.client.send_request(&get, true), Err(SendError::GoingAway));
    assert!(!pair.client.can_open());
    // The answer to the PING is there: now it is final.
    assert_eq!(pair.serve(), []);
    assert_eq!(pair.answer(), [goaway(two)]);
    for stream in [one, two] {
        assert!(!pair.server.is_finished() && !pair.client.is_finished());
        pair.server
            .send_response(stream, &ResponseHead::default(), true)
            .expect("sent");
        pair.answer();
    }
    assert!(pair.server.is_finished() && pair.client.is_finished());
}

#[test]
fn requests_above_the_last_stream_may_be_sent_again() {
    let mut pair = Pair::new(Config::default(), Config::default());
    let get = request("GET", "/", &[]);
    let one = pair.client.send_request(&get, true).expect("sent");
    pair.serve();
    pair.server.shutdown();
    pair.server.shutdown();
    let two = pair.client.send_request(&get, true).expect("sent");
    let three = pair.client.send_request(&get, false).expect("sent");
    let refused = |stream| Event::Reset {
        stream,
        code: ErrorCode::REFUSED_STREAM,
        by_peer: true,
    };
    let events = pair.answer();
    assert_eq!(events.len(), 4, "{events:?}");
    assert_eq!(events[2..], [refused(two), refused(three)]);
    assert_eq!(pair.client.send_data(three, Bytes::new(), true), Err(SendError::Closed));
    assert!(pair.client.is_open(one) && !pair.client.is_open(two));
    // The server does not take them either, and the connection goes on for the first one.
    assert_eq!(pair.serve(), []);
    pair.server
        .send_response(one, &ResponseHead::default(), true)
        .expect("sent");
    assert!(matches!(pair.answer()[..], [Event::Response { end: true, .. }]));
    assert!(pair.client.is_finished());
}

#[test]
fn a_client_leaves() {
    let mut pair = Pair::new(Config::default(), Config::default());
    let stream = pair.client.send_request(&request("GET", "/", &[]), true).expect("sent");
    pair.client.shutdown();
    assert_eq!(
        pair.client.send_request(&request("GET", "/", &[]), true),
        Err(SendError::GoingAway)
    );
    assert_eq!(pair.serve().len(), 2);
    pair.server
        .send_response(stream, &ResponseHead::default(), true)
        .expect("sent");
    assert_eq!(pair.answer().len(), 1);
    assert!(pair.client.is_finished() && pair.server.is_finished());
}

#[test]
fn a_client_keeps_to_the_limit_of_streams() {
    let server = Config {
        max_concurrent_streams: 2,
        ..Config::default()
    };
    let mut pair = Pair::new(Config::default(), server);
    assert_eq!(pair.client.max_streams(), 2);
    let get = request("GET", "/", &[]);
    let one = pair.client.send_request(&get, true).expect("sent");
    pair.client.send_request(&get, true).expect("sent");
    assert_eq!(pair.client.send_request(&get, true), Err(SendError::TooManyStreams));
    pair.serve();
    pair.server
        .send_response(one, &ResponseHead::default(), true)
        .expect("sent");
    pair.answer();
    assert_eq!(pair.client.send_request(&get, true), Ok(5));
}

#[test]
fn a_server_refuses_what_is_above_its_limit() {
    let config = Config {
        max_concurrent_streams: 1,
        ..Config::default()
    };
    let mut server = Connection::new(Role::Server, config);
    let frames = [
        crate::property::start(),
        frame(HEADERS, END | EH, 1, GET),
        frame(HEADERS, EH, 3, POST),
    ]
    .concat();
    let mut input = Bytes::from(frames).into();
    assert_eq!(server.decode(&mut input), Ok(Some(Event::Settings)));
    assert!(matches!(
        server.decode(&mut input),
        Ok(Some(Event::Request { stream: 1, .. }))
    ));
    assert_eq!(server.decode(&mut input), Ok(None));
    assert!(output(&mut server).ends_with(&frame(RST_STREAM, 0, 3, &[0, 0, 0, 7])));
}

#[test]
fn pings() {
    let mut pair = Pair::new(Config::default(), Config::default());
    assert!(pair.client.ping(*b"abcdefgh"));
    assert_eq!(pair.serve(), []);
    assert_eq!(pair.answer(), [Event::Pong(*b"abcdefgh")]);
    let answered = (0..20).filter(|_| pair.server.ping([0; 8])).count();
    assert_eq!(answered, 16, "more than that are not left unanswered");
}

#[test]
fn nothing_can_be_sent_on_a_failed_connection() {
    let mut client = Connection::new(Role::Client, Config::default());
    let stream = client.send_request(&request("POST", "/", &[]), false).expect("sent");
    let error = client
        .decode(&mut Bytes::from(frame(PING, 0, 0, &[0; 8])).into())
        .expect_err("no settings");
    assert_eq!(error.code, ErrorCode::PROTOCOL_ERROR);
    assert_eq!(
        client.send_data(stream, Bytes::from_static(b"x"), true),
        Err(SendError::Closed)
    );
    assert_eq!(
        client.send_request(&request("GET", "/", &[]), true),
        Err(SendError::GoingAway)
    );
    assert!(!client.ping([0; 8]) && client.is_finished());
    client.reset(stream, ErrorCode::CANCEL);
    client.shutdown();
    let out = output(&mut client);
    let text = error.why.as_bytes();
    let goaway = [&[0, 0, 0, 0, 0, 0, 0, 1][..], text].concat();
    assert!(out.ends_with(&frame(GOAWAY, 0, 0, &goaway)), "{out:?}");
}

#[test]
fn input_that_ends_too_early() {
    let whole = [
        crate::property::start(),
        frame(HEADERS, EH, 1, POST),
        frame(DATA, END, 1, b"hello"),
    ]
    .concat();
    let ends = [33, 33 + 12, whole.len()];
    for len in 0..=whole.len() {
        let mut server = Connection::new(Role::Server, Config::default());
        let mut input = Bytes::copy_from_slice(&whole[..len]).into();
        while server.decode(&mut input).expect("good so far").is_some() {}
        assert_eq!(server.finish().is_ok(), ends.contains(&len), "after {len} bytes");
    }
}

#[test]
fn upgrade_from_http1() {
    // HTTP2-Settings of nghttp: 100 streams, window of 65535.
    let mut server = Connection::upgraded(Config::default(), b"AAMAAABkAAQAAP__").expect("good settings");
    assert_eq!(server.open_streams(), 1);
    server.send_response(1, &ResponseHead::default(), false).expect("sent");
    server
        .send_data(1, Bytes::from(vec![b'x'; 70_000]), true)
        .expect("sent");
    let settings = output(&mut server);
    assert!(
        settings.len() > 65_535 && settings.len() < 66_000,
        "{} bytes",
        settings.len()
    );
    let mut input = Bytes::from([crate::property::start(), frame(HEADERS, END | EH, 3, GET)].concat()).into();
    assert_eq!(server.decode(&mut input), Ok(Some(Event::Settings)));
    assert!(matches!(
        server.decode(&mut input),
        Ok(Some(Event::Request { stream: 3, .. }))
    ));
    for bad in ["AAM", "AAMAAABkAAQAAP__AA", "A*MAAABk", "AAIAAAAC"] {
        assert!(
            Connection::upgraded(Config::default(), bad.as_bytes()).is_err(),
            "{bad}"
        );
    }
    assert!(Connection::upgraded(Config::default(), b"").is_ok());
}
