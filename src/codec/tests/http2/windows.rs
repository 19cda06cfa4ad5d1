//! Flow control: windows open when the user releases, close when the peer does, and data waits its turn. Source: RFC 9113 5.2, 6.9.
use crate::pair::{Pair, output, request};
use crate::property::{User, run, start};
use crate::wire::*;
use ballast_codec::Chunks;
use ballast_codec::http1::ResponseHead;
use ballast_codec::http2::{Config, Connection, ErrorCode, Event, Role, Room, StreamId};
use bytes::Bytes;
use std::collections::HashMap;

/// Bytes of data in these events, by stream.
fn amounts(events: &[Event]) -> HashMap<StreamId, usize> {
    let mut amounts = HashMap::new();
    for event in events {
        if let Event::Data { stream, bytes, .. } = event {
            *amounts.entry(*stream).or_default() += bytes.len();
        }
    }
    amounts
}

fn config(stream: u32, connection: u32) -> Config {
    Config {
        stream_window: stream,
        connection_window: connection,
        ..Config::default()
    }
}

/// A pair with these windows for requests, and uploads started on it.
fn uploads(stream_window: u32, connection_window: u32, count: usize) -> (Pair, Vec<StreamId>) {
    let mut pair = Pair::new(Config::default(), config(stream_window, connection_window));
    let streams = (0..count)
        .map(|_| {
            pair.client
                .send_request(&request("POST", "/", &[]), false)
                .expect("sent")
        })
        .collect();
    pair.serve();
    (pair, streams)
}

#[test]
fn the_window_opens_when_bytes_are_released() {
    let (mut pair, streams) = uploads(1000, 100_000, 1);
    let stream = streams[0];
    let sent = pair.client.send_data(stream, Bytes::from(vec![b'x'; 5000]), true);
    assert_eq!(sent, Ok(Room::Left));
    assert_eq!(amounts(&pair.serve())[&stream], 1000);
    assert_eq!(pair.answer(), []);
    assert_eq!(pair.serve(), [], "nothing without a release");
    pair.server.release(stream, 499);
    assert_eq!(output(&mut pair.server), "", "not worth a frame");
    pair.server.release(stream, 1);
    pair.answer();
    assert_eq!(amounts(&pair.serve())[&stream], 500);
    // More than was given counts as what was given.
    pair.server.release(stream, usize::MAX);
    pair.answer();
    assert_eq!(amounts(&pair.serve())[&stream], 1000);
    for _ in 0..3 {
        pair.server.release(stream, 1000);
        pair.answer();
        pair.serve();
    }
    assert!(!pair.client.has_output());
    pair.server
        .send_response(stream, &ResponseHead::default(), true)
        .expect("sent");
    assert!(!pair.server.is_open(stream));
}

#[test]
fn the_connections_window_holds_for_all_streams() {
    let (mut pair, streams) = uploads(60_000, 65_535, 4);
    for &stream in &streams {
        pair.client
            .send_data(stream, Bytes::from(vec![b'x'; 60_000]), true)
            .expect("sent");
    }
    let events = pair.serve();
    let got = amounts(&events);
    assert_eq!(got.values().sum::<usize>(), 65_535);
    // Each in its turn: no stream is a frame ahead of another.
    let (least, most) = (got.values().min().copied(), got.values().max().copied());
    assert!(
        got.len() == 4 && most.unwrap_or(0) - least.unwrap_or(0) <= 16_384,
        "{got:?}"
    );
    // A reset gives back what the user had of it, a release of an ended stream counts for the connection.
    pair.server.reset(streams[0], ErrorCode::CANCEL);
    pair.server.release(streams[1], got[&streams[1]]);
    pair.server.release(streams[0], 60_000);
    pair.answer();
    let more: usize = amounts(&pair.serve()).values().sum();
    assert!(more >= got[&streams[0]] + got[&streams[1]] && more <= 65_535, "{more}");
}

#[test]
fn windows_may_become_negative() {
    let mut pair = Pair::new(config(2000, 100_000), Config::default());
    let stream = pair.client.send_request(&request("GET", "/", &[]), true).expect("sent");
    pair.serve();
    pair.server
        .send_response(stream, &ResponseHead::default(), false)
        .expect("sent");
    pair.server
        .send_data(stream, Bytes::from(vec![b'x'; 6000]), true)
        .expect("sent");
    assert_eq!(amounts(&pair.answer())[&stream], 2000);
    // By hand: the window was 2000, is 500 now, so 1500 below zero.
    let frames = [
        settings(&[(4, 500)]),
        frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0x05, 0xdc]),
    ]
    .concat();
    feed(&mut pair.server, frames);
    assert_eq!(data_of(&mut pair.server), 0);
    feed(&mut pair.server, frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 1]));
    assert_eq!(data_of(&mut pair.server), 1);
    feed(&mut pair.server, settings(&[(4, 1500)]));
    assert_eq!(data_of(&mut pair.server), 1000);
    feed(&mut pair.server, settings(&[(4, 1_000_000)]));
    assert_eq!(data_of(&mut pair.server), 2999);
    assert!(!pair.server.is_open(stream));
}

fn feed(connection: &mut Connection, frames: Vec<u8>) {
    let mut input = Chunks::from(Bytes::from(frames));
    while connection.decode(&mut input).expect("good").is_some() {}
}

/// Bytes of DATA in the output.
fn data_of(connection: &mut Connection) -> usize {
    let out = output(connection);
    let (mut at, mut sum) = (0, 0);
    while at < out.len() {
        let len = u32::from_be_bytes([0, out[at], out[at + 1], out[at + 2]]) as usize;
        if out[at + 3] == DATA {
            sum += len;
        }
        at += 9 + len;
    }
    sum
}

#[test]
fn peers_that_ignore_windows() {
    let open = frame(HEADERS, EH, 1, POST);
    let data = |len| frame(DATA, 0, 1, &vec![0; len]);
    let limits = config(30_000, 65_535);
    let listens = |frames: Vec<Vec<u8>>, config: &Config| {
        let seen = run(
            Role::Server,
            config,
            User::Listens,
            &[[start(), frames.concat()].concat().into()],
        );
        (seen.failed.map(|error| error.code), seen.said)
    };
    // Before it has acknowledged our settings, a peer may use the default window.
    assert_eq!(
        listens(vec![open.clone(), data(16_384), data(16_384)], &limits),
        (None, vec![])
    );
    let ack = frame(SETTINGS, END, 0, &[]);
    let mut connection = Connection::new(Role::Server, limits);
    feed(&mut connection, [start(), ack, open, data(16_384)].concat());
    feed(&mut connection, data(13_616));
    output(&mut connection);
    let mut input = Chunks::from(Bytes::from(data(1)));
    let event = connection.decode(&mut input);
    let code = ErrorCode::FLOW_CONTROL_ERROR;
    assert_eq!(
        event,
        Ok(Some(Event::Reset {
            stream: 1,
            code,
            by_peer: false
        }))
    );
    assert_eq!(output(&mut connection), frame(RST_STREAM, 0, 1, &[0, 0, 0, 3]));
    let wide = config(1 << 20, 65_535);
    let mut connection = Connection::new(Role::Server, wide);
    feed(&mut connection, [start(), frame(HEADERS, EH, 1, POST)].concat());
    (0..3).for_each(|_| feed(&mut connection, data(16_384)));
    feed(&mut connection, data(16_383));
    let error = connection
        .decode(&mut Bytes::from(data(1)).into())
        .expect_err("too much");
    assert_eq!(error.code, code);
}

/// Padding counts for the windows, and nobody has to release it.
#[test]
fn padding_is_given_back() {
    let padded = frame(DATA, PADDED, 1, &[&[200][..], &[b'x'; 4], &[0; 200]].concat());
    let mut connection = Connection::new(Role::Server, config(400, 65_535));
    feed(
        &mut connection,
        [start(), frame(SETTINGS, END, 0, &[]), frame(HEADERS, EH, 1, POST)].concat(),
    );
    output(&mut connection);
    for _ in 0..50 {
        feed(&mut connection, padded.clone());
        connection.release(1, 4);
        let out = output(&mut connection);
        assert!(out.len() == 13 && out[3] == WINDOW_UPDATE, "{out:x?}");
    }
}

/// Small pieces first come, large ones wait; the user is told to stop, and to go on.
#[test]
fn room_comes_and_goes() {
    let server = Config {
        send_buffer_bytes: 10_000,
        ..Config::default()
    };
    let mut pair = Pair::new(config(4000, 100_000), server);
    let stream = pair.client.send_request(&request("GET", "/", &[]), true).expect("sent");
    pair.serve();
    pair.server
        .send_response(stream, &ResponseHead::default(), false)
        .expect("sent");
    assert_eq!(pair.server.room(stream), 10_000);
    assert_eq!(
        pair.server.send_data(stream, Bytes::from(vec![b'x'; 9000]), false),
        Ok(Room::Left)
    );
    assert_eq!(
        pair.server.send_data(stream, Bytes::from(vec![b'y'; 9000]), false),
        Ok(Room::Full)
    );
    assert_eq!(pair.server.room(stream), 0);
    let mut got = Vec::new();
    let mut rooms = 0;
    for _ in 0..10 {
        for event in pair.answer() {
            if let Event::Data { bytes, .. } = event {
                got.extend_from_slice(&bytes);
                pair.client.release(stream, bytes.len());
            }
        }
        let before = 18_000 - got.len();
        for event in pair.serve() {
            assert_eq!(event, Event::Room { stream });
            assert!(before <= 9000, "{before} bytes wait");
            rooms += 1;
        }
    }
    assert_eq!(rooms, 1);
    assert_eq!(got, [vec![b'x'; 9000], vec![b'y'; 9000]].concat());
    pair.server.send_data(stream, Bytes::new(), true).expect("sent");
    assert!(matches!(pair.answer()[..], [Event::Data { end: true, .. }]));
}

/// As much as is asked for and not a frame more, and control frames whatever is asked for.
#[test]
fn output_in_portions() {
    let mut pair = Pair::new(Config::default(), Config::default());
    let streams: Vec<_> = (0..3)
        .map(|_| pair.client.send_request(&request("GET", "/", &[]), true).expect("sent"))
        .collect();
    pair.serve();
    for &stream in &streams {
        pair.server
            .send_response(stream, &ResponseHead::default(), false)
            .expect("sent");
        pair.server
            .send_data(stream, Bytes::from(vec![b'x'; 50_000]), true)
            .expect("sent");
    }
    let mut chunks = Chunks::new();
    pair.server.take_output(0, &mut chunks);
    assert_eq!(chunks.len(), 3 * 10, "the heads");
    chunks.clear();
    pair.server.take_output(1, &mut chunks);
    assert_eq!(chunks.len(), 16_384 + 9);
    let mut all = 16_384;
    while pair.server.has_output() {
        chunks.clear();
        pair.server.take_output(20_000, &mut chunks);
        assert!(chunks.len() <= 2 * (16_384 + 9));
        all += chunks.len();
    }
    // Four frames for each.
    assert_eq!(all, 150_000 + 11 * 9);
    assert_eq!(pair.server.open_streams(), 0);
}
