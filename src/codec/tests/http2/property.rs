//! What must hold for any input at all: shared by the table tests, the mutation test and the fuzz targets of tests/fuzz.
//!
//! Source: style.md 2.9: cuts do not matter, memory is bounded, events come in an order that makes sense.
use ballast_codec::Chunks;
use ballast_codec::http1::{Method, RequestHead, ResponseHead};
use ballast_codec::http2::{Config, Connection, ConnectionError, Event, Role, SendError, StreamId};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;

/// What the user of the codec does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// Nothing but releasing what came.
    Listens,
    /// A server that answers each request when its head comes.
    Answers,
    /// A server that sends back what it gets. When that is written depends on when the output is taken, and so on the cuts.
    Echoes,
}

/// What a connection made of its input: all of it must be the same however the input is cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Pieces of data of one stream that followed each other are joined.
    pub(crate) events: Vec<Event>,
    pub(crate) failed: Option<ConnectionError>,
    /// RST_STREAM and GOAWAY that were sent: stream (0: GOAWAY) and code.
    pub(crate) said: Vec<(StreamId, u32)>,
    /// `finish` after all of it.
    pub(crate) is_whole: bool,
}

/// Bounds that short inputs reach.
pub(crate) fn small() -> Config {
    Config {
        stream_window: 300,
        connection_window: 70_000,
        max_concurrent_streams: 3,
        max_header_list_bytes: 512,
        max_field_bytes: 128,
        max_headers: 6,
        max_header_block_bytes: 400,
        max_continuations: 3,
        send_buffer_bytes: 64,
        max_control_bytes: 500,
        max_kept_bytes: 500,
        reset_budget: 4,
        ping_budget: 5,
        settings_budget: 4,
        priority_budget: 6,
        window_update_budget: 6,
        empty_frame_budget: 5,
    }
}

/// Runs one connection over these pieces. A client has sent four requests before: GET, HEAD, CONNECT, and a POST that goes on.
pub(crate) fn run(role: Role, config: &Config, user: User, pieces: &[Bytes]) -> Seen {
    let mut connection = Connection::new(role, config.clone());
    if role == Role::Client {
        for (method, target, end) in [
            ("GET", "/", true),
            ("HEAD", "/", true),
            ("CONNECT", "a:1", false),
            ("POST", "/", false),
        ] {
            let head = RequestHead {
                method: Method::new(method.as_bytes()),
                target: Bytes::from_static(target.as_bytes()),
                ..RequestHead::default()
            };
            connection.send_request(&head, end).expect("sent");
        }
    }
    let mut seen = Seen::default();
    let mut out = BytesMut::new();
    let mut input = Chunks::new();
    // What a connection begins with is there before any input, and without.
    take(&mut connection, &mut out);
    for piece in pieces {
        input.push(piece.clone());
        while seen.failed.is_none() {
            match connection.decode(&mut input) {
                Ok(Some(event)) => {
                    act(&mut connection, user, &event);
                    note(&mut seen.events, event);
                }
                Ok(None) => break,
                Err(error) => seen.failed = Some(error),
            }
            take(&mut connection, &mut out);
        }
        take(&mut connection, &mut out);
    }
    seen.is_whole = connection.finish().is_ok();
    if let Some(error) = seen.failed {
        assert_eq!(connection.decode(&mut input), Err(error), "an error lasts");
        assert!(connection.is_finished());
    }
    seen.said = said(&out, role);
    seen
}

fn act(connection: &mut Connection, user: User, event: &Event) {
    if let Event::Data { stream, bytes, .. } = event {
        connection.release(*stream, bytes.len());
    }
    if user == User::Listens {
        return;
    }
    let sent = match event {
        Event::Request { stream, .. } if user == User::Answers => {
            connection.send_response(*stream, &ResponseHead::default(), true)
        }
        _ if user == User::Answers => Ok(()),
        Event::Request { stream, end, .. } => connection.send_response(*stream, &ResponseHead::default(), *end),
        Event::Data { stream, bytes, end } => connection.send_data(*stream, bytes.clone(), *end).map(drop),
        Event::Trailers { stream, headers } => connection.send_trailers(*stream, headers.clone()),
        _ => Ok(()),
    };
    // A stream may have gone since; nothing else can be wrong.
    assert!(
        matches!(sent, Ok(()) | Err(SendError::Closed | SendError::Order)),
        "{sent:?}"
    );
}

fn take(connection: &mut Connection, out: &mut BytesMut) {
    let mut chunks = Chunks::new();
    connection.take_output(1 << 20, &mut chunks);
    chunks.iter().for_each(|chunk| out.extend_from_slice(chunk));
}

fn note(events: &mut Vec<Event>, event: Event) {
    if let (
        Some(Event::Data { stream, bytes, end }),
        Event::Data {
            stream: more_of,
            bytes: more,
            end: is_end,
        },
    ) = (events.last_mut(), &event)
        && stream == more_of
        && !*end
    {
        *bytes = [&bytes[..], more].concat().into();
        *end = *is_end;
        return;
    }
    events.push(event);
}

/// RST_STREAM and GOAWAY among what was sent, whose framing is checked on the way.
pub(crate) fn said(mut out: &[u8], role: Role) -> Vec<(StreamId, u32)> {
    let mut said = Vec::new();
    if role == Role::Client {
        out = &out[24..];
    }
    while let [a, b, c, kind, _, s0, s1, s2, s3, rest @ ..] = out {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let payload = rest.get(..len).expect("whole frames are sent");
        match kind {
            3 => said.push((
                u32::from_be_bytes([*s0, *s1, *s2, *s3]),
                u32::from_be_bytes(payload.try_into().expect("four")),
            )),
            7 => said.push((0, u32::from_be_bytes(payload[4..8].try_into().expect("four")))),
            _ => {}
        }
        out = &rest[len..];
    }
    assert!(out.is_empty(), "a frame header was cut");
    said
}

/// All that must hold for any bytes. `seed` chooses the role, the user and the cuts.
///
/// Panics when something does not hold: that is the finding.
pub(crate) fn check_any(sample: &[u8], seed: u64) {
    let config = small();
    let sample = Bytes::copy_from_slice(sample);
    let (role, user) = match seed % 4 {
        0 => (Role::Server, User::Listens),
        1 => (Role::Server, User::Answers),
        2 => (Role::Server, User::Echoes),
        _ => (Role::Client, User::Listens),
    };
    let whole = run(role, &config, user, std::slice::from_ref(&sample));
    check_order(&whole, role, sample.len());
    for pieces in cuts(&sample, seed) {
        let cut = run(role, &config, user, &pieces);
        check_order(&cut, role, sample.len());
        if user != User::Echoes {
            assert_eq!(cut, whole, "{role:?} {user:?} from {pieces:?}");
        }
    }
}

/// Header blocks of any form: the sample, in frames of one header block each, for a server.
pub(crate) fn check_blocks(sample: &[u8]) {
    let mut wire = start();
    for (nth, block) in sample.split(|&byte| byte == 0xfe).enumerate().take(40) {
        let len = (block.len() as u32).to_be_bytes();
        wire.extend_from_slice(&[len[1], len[2], len[3], 1, 5]);
        wire.extend_from_slice(&(nth as u32 * 2 + 1).to_be_bytes());
        wire.extend_from_slice(block);
    }
    (0..3).for_each(|seed| check_any(&wire, seed));
}

/// The preface, and settings.
pub(crate) fn start() -> Vec<u8> {
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()
}

/// Byte by byte, in two, and in small irregular pieces.
fn cuts(sample: &Bytes, seed: u64) -> Vec<Vec<Bytes>> {
    let half = seed as usize % sample.len().max(1);
    let mut irregular = Vec::new();
    let (mut at, mut step) = (0, seed);
    while at < sample.len() {
        step = step.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let end = (at + 1 + (step >> 59) as usize).min(sample.len());
        irregular.push(sample.slice(at..end));
        at = end;
    }
    vec![
        (0..sample.len()).map(|at| sample.slice(at..at + 1)).collect(),
        vec![sample.slice(..half), sample.slice(half..)],
        irregular,
    ]
}

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Body,
    Ended,
    Gone,
}

/// Heads come before bodies, nothing after an end or a reset, and no byte out of nothing.
fn check_order(seen: &Seen, role: Role, sample_len: usize) {
    let mut streams: HashMap<StreamId, At> = HashMap::new();
    let mut body = 0;
    let after = |end: bool| if end { At::Ended } else { At::Body };
    for event in &seen.events {
        match event {
            Event::Request { stream, end, head } => {
                assert!(role == Role::Server && stream % 2 == 1, "{event:?}");
                assert!(!head.target.is_empty());
                assert_eq!(streams.insert(*stream, after(*end)), None, "{event:?}");
            }
            Event::Response { stream, head, end } => {
                assert!(role == Role::Client && [1, 3, 5, 7].contains(stream), "{event:?}");
                if head.is_interim() {
                    assert!(!end && !streams.contains_key(stream), "{event:?}");
                } else {
                    assert_eq!(streams.insert(*stream, after(*end)), None, "{event:?}");
                }
            }
            Event::Data { stream, bytes, end } => {
                assert!(!bytes.is_empty() || *end, "{event:?}");
                body += bytes.len();
                assert_eq!(streams.insert(*stream, after(*end)), Some(At::Body), "{event:?}");
            }
            Event::Trailers { stream, .. } => {
                assert_eq!(streams.insert(*stream, At::Ended), Some(At::Body), "{event:?}");
            }
            Event::Reset { stream, .. } => {
                assert_ne!(streams.insert(*stream, At::Gone), Some(At::Gone), "{event:?}");
            }
            Event::Goaway { .. } | Event::Pong(_) | Event::Room { .. } | Event::Settings => {}
        }
    }
    assert!(body <= sample_len, "more body than bytes");
    // The codec says GOAWAY exactly when it gives up.
    let goaways: Vec<u32> = seen.said.iter().filter(|said| said.0 == 0).map(|said| said.1).collect();
    let failed: Vec<u32> = seen.failed.iter().map(|error| error.code.0).collect();
    assert_eq!(goaways, failed);
}
