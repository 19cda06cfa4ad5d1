//! Frames, settings and states: what a client must not do, and the code that each answer has.
//! Source: named in each row, of RFC 9113 where nothing else is said.
use crate::property::{User, run, start};
use crate::verdict::Hit::{Connection, Nobody, Stream};
use crate::verdict::{CLOSED, FLOW, PROTOCOL, Row, SIZE, check, data, get, post, reset};
use crate::wire::*;
use ballast_codec::http2::{Config, ErrorCode, Event, Role};
use ballast_codec::split::split_everywhere;

#[test]
fn frames() {
    let big = vec![0; 16_385];
    let ack = frame(SETTINGS, END, 0, &[]);
    check(
        Role::Server,
        vec![
            Row(
                "4.1",
                "unknown type, unknown flags, reserved bit",
                vec![
                    frame(99, 0xff, 0x8000_0001, b"x"),
                    frame(PING, 0xf0, 0x8000_0000, &[0; 8]),
                ],
                Nobody,
            ),
            Row(
                "4.2",
                "DATA larger than allowed",
                vec![post(1), data(0, 1, &big)],
                Connection(SIZE),
            ),
            Row(
                "4.2",
                "unknown type larger than allowed",
                vec![frame(99, 0, 0, &big)],
                Connection(SIZE),
            ),
            Row("6.1", "DATA on stream 0", vec![data(0, 0, b"x")], Connection(PROTOCOL)),
            Row(
                "6.1",
                "DATA with padding only",
                vec![post(1), data(PADDED | END, 1, &[2, 0, 0])],
                Nobody,
            ),
            Row(
                "6.1",
                "DATA with more padding than frame",
                vec![post(1), data(PADDED, 1, &[3, 0, 0])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.1",
                "padded DATA of no bytes",
                vec![post(1), data(PADDED, 1, &[])],
                Connection(SIZE),
            ),
            Row("6.2", "HEADERS on stream 0", vec![get(0)], Connection(PROTOCOL)),
            Row(
                "6.2",
                "HEADERS with padding and priority",
                vec![frame(
                    HEADERS,
                    END | EH | PADDED | PRIO,
                    1,
                    &[&[1, 0, 0, 0, 3, 9], GET, &[0]].concat(),
                )],
                Nobody,
            ),
            Row(
                "6.2",
                "HEADERS with more padding than frame",
                vec![frame(HEADERS, END | EH | PADDED, 1, &[4, 0x82, 0x86, 0x84])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.2",
                "padded HEADERS of no bytes",
                vec![frame(HEADERS, END | EH | PADDED, 1, &[])],
                Connection(SIZE),
            ),
            Row(
                "6.2",
                "HEADERS too short for its priority",
                vec![frame(HEADERS, END | EH | PRIO, 1, &[0; 4])],
                Connection(SIZE),
            ),
            Row(
                "7540 5.3.1",
                "HEADERS that depends on itself",
                vec![frame(HEADERS, END | EH | PRIO, 1, &[&[0, 0, 0, 1, 9], GET].concat())],
                Stream(1, PROTOCOL),
            ),
            Row(
                "6.3",
                "PRIORITY on stream 0",
                vec![frame(PRIORITY, 0, 0, &[0; 5])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.3",
                "PRIORITY in every state",
                vec![
                    frame(PRIORITY, 0, 1, &[0; 5]),
                    get(1),
                    frame(PRIORITY, 0, 1, &[0; 5]),
                    frame(PRIORITY, 0, 2, &[0; 5]),
                ],
                Nobody,
            ),
            Row(
                "6.3",
                "PRIORITY of a wrong size",
                vec![get(1), frame(PRIORITY, 0, 1, &[0; 4])],
                Stream(1, SIZE),
            ),
            Row(
                "6.3",
                "PRIORITY of a wrong size, idle",
                vec![frame(PRIORITY, 0, 1, &[0; 4])],
                Connection(SIZE),
            ),
            Row(
                "7540 5.3.1",
                "PRIORITY that depends on itself",
                vec![get(1), frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])],
                Stream(1, PROTOCOL),
            ),
            Row("6.4", "RST_STREAM on stream 0", vec![reset(0)], Connection(PROTOCOL)),
            Row(
                "6.4",
                "RST_STREAM on an idle stream",
                vec![reset(1)],
                Connection(PROTOCOL),
            ),
            Row(
                "6.4",
                "RST_STREAM of a wrong size",
                vec![get(1), frame(RST_STREAM, 0, 1, &[0; 5])],
                Connection(SIZE),
            ),
            Row(
                "6.5",
                "SETTINGS on a stream",
                vec![frame(SETTINGS, 0, 1, &[])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.5",
                "SETTINGS of a wrong size",
                vec![frame(SETTINGS, 0, 0, &[0; 5])],
                Connection(SIZE),
            ),
            Row(
                "6.5",
                "acknowledgement with content",
                vec![frame(SETTINGS, END, 0, &[0; 6])],
                Connection(SIZE),
            ),
            Row("6.5", "acknowledgement", vec![ack.clone(), ack], Nobody),
            Row(
                "6.6",
                "PUSH_PROMISE from a client",
                vec![frame(PUSH_PROMISE, EH, 1, &[0, 0, 0, 2])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.7",
                "PING on a stream",
                vec![frame(PING, 0, 1, &[0; 8])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.7",
                "PING of a wrong size",
                vec![frame(PING, 0, 0, &[0; 7])],
                Connection(SIZE),
            ),
            Row(
                "6.8",
                "GOAWAY on a stream",
                vec![frame(GOAWAY, 0, 1, &[0; 8])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.8",
                "GOAWAY too short",
                vec![frame(GOAWAY, 0, 0, &[0; 7])],
                Connection(SIZE),
            ),
            Row(
                "6.8",
                "GOAWAY with a text, then more",
                vec![frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\0bye"), get(1)],
                Nobody,
            ),
            Row(
                "6.9",
                "WINDOW_UPDATE of a wrong size",
                vec![frame(WINDOW_UPDATE, 0, 0, &[0; 3])],
                Connection(SIZE),
            ),
            Row(
                "6.9",
                "WINDOW_UPDATE of 0 for all",
                vec![frame(WINDOW_UPDATE, 0, 0, &[0; 4])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.9",
                "WINDOW_UPDATE of 0 for one",
                vec![get(1), frame(WINDOW_UPDATE, 0, 1, &[0; 4])],
                Stream(1, PROTOCOL),
            ),
            Row(
                "6.9",
                "WINDOW_UPDATE on an idle stream",
                vec![frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.9.1",
                "window above 2^31-1, for all",
                vec![frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])],
                Connection(FLOW),
            ),
            Row(
                "6.9.1",
                "window above 2^31-1, for one",
                vec![get(1), frame(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff])],
                Stream(1, FLOW),
            ),
            Row(
                "6.10",
                "CONTINUATION without HEADERS",
                vec![frame(CONTINUATION, EH, 1, GET)],
                Connection(PROTOCOL),
            ),
            Row(
                "6.10",
                "CONTINUATION after a whole block",
                vec![get(1), frame(CONTINUATION, EH, 1, &[])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.10",
                "CONTINUATION of another stream",
                vec![frame(HEADERS, END, 1, GET), frame(CONTINUATION, EH, 3, &[])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.10",
                "PING inside a block",
                vec![frame(HEADERS, END, 1, GET), frame(PING, 0, 0, &[0; 8])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.10",
                "unknown type inside a block",
                vec![frame(HEADERS, END, 1, GET), frame(99, 0, 1, &[])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.10",
                "a block in pieces, some empty",
                vec![
                    frame(HEADERS, END, 1, &[]),
                    frame(CONTINUATION, 0, 1, &GET[..1]),
                    frame(CONTINUATION, 0, 1, &GET[1..]),
                    frame(CONTINUATION, EH, 1, &[]),
                ],
                Nobody,
            ),
            Row(
                "4.3",
                "a block that cannot be decoded",
                vec![frame(HEADERS, END | EH, 1, &[0xff])],
                Connection(ErrorCode::COMPRESSION_ERROR),
            ),
            Row(
                "4.3",
                "the same in trailers",
                vec![post(1), frame(HEADERS, END | EH, 1, &[0x80])],
                Connection(ErrorCode::COMPRESSION_ERROR),
            ),
            Row(
                "4.3",
                "the same on a stream that we have reset",
                vec![
                    post(1),
                    frame(WINDOW_UPDATE, 0, 1, &[0; 4]),
                    frame(HEADERS, END | EH, 1, &[0x80]),
                ],
                Connection(ErrorCode::COMPRESSION_ERROR),
            ),
        ],
    );
}

#[test]
fn settings_values() {
    check(
        Role::Server,
        vec![
            Row(
                "6.5.2",
                "good ones, unknown ones",
                vec![settings(&[
                    (1, 0),
                    (2, 1),
                    (3, 0),
                    (4, 0x7fff_ffff),
                    (5, 16_777_215),
                    (6, 0),
                    (0xf00, 9),
                ])],
                Nobody,
            ),
            Row(
                "6.5.2",
                "push neither 0 nor 1",
                vec![settings(&[(2, 2)])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.5.2",
                "window above 2^31-1",
                vec![settings(&[(4, 0x8000_0000)])],
                Connection(FLOW),
            ),
            Row(
                "6.5.2",
                "frame size too small",
                vec![settings(&[(5, 16_383)])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.5.2",
                "frame size too large",
                vec![settings(&[(5, 16_777_216)])],
                Connection(PROTOCOL),
            ),
            Row(
                "6.9.2",
                "change that takes a stream's window above 2^31-1",
                vec![
                    get(1),
                    frame(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0, 0]),
                    settings(&[(4, 0x7fff_ffff)]),
                ],
                Connection(FLOW),
            ),
        ],
    );
    check(
        Role::Client,
        vec![Row(
            "6.5.2",
            "server that allows push",
            vec![settings(&[(2, 1)])],
            Connection(PROTOCOL),
        )],
    );
}

#[test]
fn states_of_streams() {
    check(
        Role::Server,
        vec![
            Row(
                "5.1",
                "DATA on an idle stream",
                vec![data(0, 1, b"x")],
                Connection(PROTOCOL),
            ),
            Row(
                "5.1",
                "DATA after the end",
                vec![get(1), data(0, 1, b"x")],
                Stream(1, CLOSED),
            ),
            Row("5.1", "HEADERS after the end", vec![get(1), get(1)], Stream(1, CLOSED)),
            Row(
                "5.1",
                "RST_STREAM, WINDOW_UPDATE after the end",
                vec![get(1), frame(WINDOW_UPDATE, 0, 1, &[0, 0, 9, 0]), reset(1)],
                Nobody,
            ),
            Row(
                "5.1",
                "DATA after a reset",
                vec![post(1), reset(1), data(0, 1, b"x")],
                Stream(1, CLOSED),
            ),
            Row(
                "5.1",
                "HEADERS after a reset",
                vec![post(1), reset(1), get(1)],
                Connection(CLOSED),
            ),
            Row(
                "5.1",
                "WINDOW_UPDATE and RST_STREAM after a reset",
                vec![post(1), reset(1), frame(WINDOW_UPDATE, 0, 1, &[0, 0, 9, 0]), reset(1)],
                Nobody,
            ),
            Row("5.1.1", "even number", vec![get(2)], Connection(PROTOCOL)),
            Row(
                "5.1.1",
                "a number that was passed over",
                vec![get(5), get(3)],
                Connection(PROTOCOL),
            ),
            Row("5.1.1", "gaps", vec![get(1), get(9), get(0x7fff_ffff)], Nobody),
            Row(
                "8.1",
                "trailers that do not end",
                vec![post(1), frame(HEADERS, EH, 1, &[])],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.1",
                "trailers",
                vec![post(1), data(0, 1, b"x"), frame(HEADERS, END | EH, 1, &line("a", "b"))],
                Nobody,
            ),
            Row(
                "8.1",
                "trailers with a pseudo header",
                vec![post(1), frame(HEADERS, END | EH, 1, &[0x84])],
                Stream(1, PROTOCOL),
            ),
            Row(
                "8.1",
                "trailers with upper case",
                vec![post(1), frame(HEADERS, END | EH, 1, &line("A", "b"))],
                Stream(1, PROTOCOL),
            ),
        ],
    );
}

#[test]
fn what_late_frames_mean_after_our_own_reset() {
    // The window update of 0 makes us reset stream 1; what the peer sent before it knew is ignored, once each.
    let late = [
        post(1),
        frame(WINDOW_UPDATE, 0, 1, &[0; 4]),
        data(0, 1, b"late"),
        frame(HEADERS, END | EH, 1, &line("a", "b")),
        get(3),
    ];
    let sample = [start(), late.concat()].concat();
    let seen = split_everywhere(&sample, |pieces| {
        run(Role::Server, &Config::default(), User::Listens, pieces)
    });
    assert_eq!((seen.said, seen.failed), (vec![(1, 1)], None));
    assert!(
        matches!(seen.events.last(), Some(Event::Request { stream: 3, .. })),
        "{:?}",
        seen.events
    );
}
