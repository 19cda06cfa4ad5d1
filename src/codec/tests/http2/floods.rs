//! Peers that attack, each by one known flood: the connection ends with ENHANCE_YOUR_CALM, and a chatty but honest peer's does not.
//! Source: RFC 9113 10.5, and the CVE named in each row.
use crate::pair::{Pair, output, request};
use crate::property::{User, run, start};
use crate::wire::*;
use ballast_codec::http1::ResponseHead;
use ballast_codec::http2::{Config, Connection, ErrorCode, Event, Role};
use bytes::Bytes;

const CALM: ErrorCode = ErrorCode::ENHANCE_YOUR_CALM;

/// `part(n)` for each n below `count` after the preface; yields how the connection failed.
fn flood(count: u32, part: impl Fn(u32) -> Vec<u8>) -> Option<ErrorCode> {
    let frames = (0..count).flat_map(part);
    let sample: Vec<u8> = start().into_iter().chain(frames).collect();
    run(Role::Server, &Config::default(), User::Listens, &[Bytes::from(sample)])
        .failed
        .map(|error| error.code)
}

/// A row: `most` such parts are let through, and one more is not.
#[track_caller]
fn check(attack: &str, most: u32, part: impl Fn(u32) -> Vec<u8>) {
    assert_eq!(flood(most, &part), None, "{attack}: {most}");
    assert_eq!(flood(most + 1, &part), Some(CALM), "{attack}: {}", most + 1);
}

#[test]
fn every_flood_ends_the_connection() {
    let config = Config::default();
    let opened = |n: u32| frame(HEADERS, EH, n * 2 + 1, POST);
    let on_first = |n: u32, then: Vec<u8>| if n == 0 { opened(0) } else { then };
    check("rapid reset, CVE-2023-44487", config.reset_budget, |n| {
        [opened(n), frame(RST_STREAM, 0, n * 2 + 1, &[0, 0, 0, 8])].concat()
    });
    check("made you reset, CVE-2025-8671", config.reset_budget, |n| {
        [opened(n), frame(WINDOW_UPDATE, 0, n * 2 + 1, &[0; 4])].concat()
    });
    check(
        "streams above the limit",
        config.max_concurrent_streams + config.reset_budget,
        opened,
    );
    check("malformed requests", config.reset_budget, |n| {
        frame(HEADERS, EH | END, n * 2 + 1, &[0x82])
    });
    check("PING, CVE-2019-9512", config.ping_budget, |_| {
        frame(PING, 0, 0, &[0; 8])
    });
    check("PING acknowledgements", config.ping_budget, |_| {
        frame(PING, END, 0, &[0; 8])
    });
    // The first settings count.
    check("SETTINGS, CVE-2019-9515", config.settings_budget - 1, |_| settings(&[]));
    check("PRIORITY, CVE-2019-9513", config.priority_budget, |_| {
        frame(PRIORITY, 0, 1, &[0; 5])
    });
    check("unknown frames", config.priority_budget, |_| frame(99, 0, 1, &[0; 5]));
    check("window updates byte by byte", config.window_update_budget, |_| {
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])
    });
    check("window updates of the connection", config.window_update_budget, |_| {
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0])
    });
    check("window updates of a stream", config.window_update_budget + 1, |n| {
        on_first(n, frame(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]))
    });
    check("empty DATA, CVE-2019-9518", config.empty_frame_budget + 1, |n| {
        on_first(n, frame(DATA, 0, 1, &[]))
    });
    check("padding without data", config.empty_frame_budget + 1, |n| {
        on_first(n, frame(DATA, PADDED, 1, &[1, 0]))
    });
    check(
        "CONTINUATION, CVE-2024-27316",
        config.max_continuations + 1,
        |n| match n {
            0 => frame(HEADERS, END, 1, GET),
            n => frame(CONTINUATION, 0, 1, &line("a", &n.to_string())),
        },
    );
}

#[test]
fn large_continuations() {
    let part = |n| match n {
        0 => frame(
            HEADERS,
            END,
            1,
            &[&[0, 1, b'a', 0x7f, 0xff, 0xff, 0x7f][..], &[b'x'; 9000]].concat(),
        ),
        _ => frame(CONTINUATION, 0, 1, &[b'x'; 16_000]),
    };
    assert_eq!((flood(4, part), flood(5, part)), (None, Some(CALM)));
}

/// What nobody reads does not pile up.
#[test]
fn answers_that_are_not_read() {
    let config = Config {
        ping_budget: u32::MAX,
        ..Config::default()
    };
    let mut connection = Connection::new(Role::Server, config.clone());
    let pings = frame(PING, 0, 0, &[7; 8]).repeat(config.max_control_bytes / 17 + 1);
    let mut input = Bytes::from([start(), pings].concat()).into();
    assert_eq!(connection.decode(&mut input), Ok(Some(Event::Settings)));
    let error = connection.decode(&mut input).expect_err("a flood");
    assert_eq!(error.code, CALM);
    assert!(output(&mut connection).len() < config.max_control_bytes + 200);
}

/// A few bytes that stand for a lot: 431, and the table stays in step.
#[test]
fn header_bombs() {
    let large = "x".repeat(3000);
    let bomb: Vec<u8> = [&[0x82, 0x86, 0x84, 0x40][..], &line("a", &large)[1..], &[0xbe; 200]].concat();
    let after = frame(HEADERS, END | EH, 5, &[0x82, 0x86, 0x84, 0xbe]);
    let late = frame(DATA, END, 3, b"late");
    let sample = [
        start(),
        frame(HEADERS, END | EH, 1, &bomb),
        frame(HEADERS, EH, 3, &bomb),
        late,
        after,
    ]
    .concat();
    let mut connection = Connection::new(Role::Server, Config::default());
    let mut input = Bytes::from(sample).into();
    assert_eq!(connection.decode(&mut input), Ok(Some(Event::Settings)));
    let event = connection.decode(&mut input);
    let Ok(Some(Event::Request { stream: 5, head, .. })) = event else {
        panic!("{event:?}")
    };
    assert_eq!(head.headers.get("a"), Some(large.as_bytes()));
    let sent = output(&mut connection);
    // 431 for each, in letters the first time; and a reset with NO_ERROR for the one that goes on.
    let answers = [
        frame(HEADERS, END | EH, 1, b"\x08\x83\x69\x90\xff"),
        frame(HEADERS, END | EH, 3, b"\x48\x83\x69\x90\xff"),
        frame(RST_STREAM, 0, 3, &[0; 4]),
    ];
    assert!(sent.ends_with(&answers.concat()), "{sent:x?}");
}

#[test]
fn limits_of_header_lists() {
    let config = Config::default();
    for (what, lines, good) in [
        (
            "a long header",
            vec![("a", "x".repeat(config.max_field_bytes - 1))],
            true,
        ),
        ("a longer one", vec![("a", "x".repeat(config.max_field_bytes))], false),
        ("many headers", vec![("a", String::new()); config.max_headers], true),
        (
            "more headers",
            vec![("a", String::new()); config.max_headers + 1],
            false,
        ),
    ] {
        let lines: Vec<(&str, &str)> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let block = block(GET, &lines);
        let (first, rest) = block.split_at(block.len().min(16_384));
        let sample = [start(), frame(HEADERS, END, 1, first), frame(CONTINUATION, EH, 1, rest)].concat();
        let seen = run(Role::Server, &config, User::Listens, &[sample.into()]);
        assert_eq!(seen.events.len(), 1 + usize::from(good), "{what}");
        assert_eq!(seen.failed, None, "{what}");
    }
}

/// Who reads in small pieces, and says so each time, is no attacker: what we send pays for it.
#[test]
fn window_updates_that_follow_data() {
    let mut pair = Pair::new(Config::default(), Config::default());
    let body = Bytes::from(vec![b'x'; 16 << 10]);
    for _ in 0..100 {
        let stream = pair.client.send_request(&request("GET", "/", &[]), true).expect("sent");
        pair.serve();
        pair.server
            .send_response(stream, &ResponseHead::default(), false)
            .expect("sent");
        pair.server.send_data(stream, body.clone(), false).expect("sent");
        assert!(output(&mut pair.server).len() > body.len());
        let told = [0, stream]
            .map(|id| frame(WINDOW_UPDATE, 0, id, &[0, 0, 1, 0]))
            .concat();
        let mut told = Bytes::from(told.repeat(body.len() / 256)).into();
        assert_eq!(pair.server.decode(&mut told), Ok(None));
        pair.server.send_data(stream, Bytes::new(), true).expect("sent");
        output(&mut pair.server);
    }
}

/// Bytes that cannot be sent yet do not keep the block that they were cut from.
#[test]
fn waiting_bytes_keep_no_block() {
    let client = Config {
        stream_window: 1,
        ..Config::default()
    };
    let mut pair = Pair::new(client, Config::default());
    let stream = pair.client.send_request(&request("GET", "/", &[]), true).expect("sent");
    pair.serve();
    pair.server
        .send_response(stream, &ResponseHead::default(), false)
        .expect("sent");
    let block = Bytes::from(vec![b'x'; 60_000]);
    for at in (0..block.len()).step_by(1000) {
        pair.server
            .send_data(stream, block.slice(at..at + 1), false)
            .expect("sent");
    }
    assert!(block.is_unique());
}

/// Useful frames, completed streams and time give budgets back.
#[test]
fn honest_peers_may_be_chatty() {
    let config = Config {
        reset_budget: 3,
        ping_budget: 3,
        window_update_budget: 20,
        ..Config::default()
    };
    let mut pair = Pair::new(Config::default(), config);
    for round in 0..200 {
        let given_up = pair.client.send_request(&request("GET", "/", &[]), true).expect("sent");
        pair.client.reset(given_up, ErrorCode::CANCEL);
        let stream = pair.client.send_request(&request("GET", "/", &[]), true).expect("sent");
        assert!(pair.client.ping([round; 8]));
        assert_eq!(pair.serve().len(), 3);
        pair.server
            .send_response(stream, &ResponseHead::default(), false)
            .expect("sent");
        pair.server
            .send_data(stream, Bytes::from_static(b"x"), true)
            .expect("sent");
        assert_eq!(pair.answer().len(), 3);
    }
    // Without anything useful, time helps: half of it is forgiven.
    for _ in 0..20 {
        pair.server.refill();
        let given_up = pair.client.send_request(&request("GET", "/", &[]), true).expect("sent");
        pair.client.reset(given_up, ErrorCode::CANCEL);
        assert_eq!(pair.serve().len(), 2);
    }
}
