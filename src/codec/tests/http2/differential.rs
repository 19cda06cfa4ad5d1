//! The same bytes for our server and that of the `h2` crate: both take them, or both end the connection; and both get the same requests.
//! Where they differ on purpose a row says why, and the test fails when such a row differs no more.
//!
//! Not for: codes of errors (`violations` has those, by the RFC), floods (bounds are our own), time.
use crate::property::{User, run, said, start};
use crate::wire::*;
use ballast_codec::http2::{Config, Event, Role};
use bytes::Bytes;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// What a server made of its input: the end of the connection, or the requests that came whole: number, target, body.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Failed,
    Requests(BTreeMap<u32, (String, Vec<u8>)>),
}

fn ours(pieces: &[Bytes]) -> Outcome {
    let seen = run(Role::Server, &Config::default(), User::Listens, pieces);
    if seen.failed.is_some() {
        return Outcome::Failed;
    }
    let (mut open, mut whole) = (BTreeMap::new(), BTreeMap::new());
    for event in seen.events {
        let (stream, end) = match event {
            Event::Request { stream, head, end } => {
                let line = format!("{} {}", head.method.as_str(), String::from_utf8_lossy(&head.target));
                open.insert(stream, (line, Vec::new()));
                (stream, end)
            }
            Event::Data { stream, bytes, end } => {
                open.entry(stream)
                    .and_modify(|(_, body)| body.extend_from_slice(&bytes));
                (stream, end)
            }
            Event::Trailers { stream, .. } => (stream, true),
            Event::Reset { stream, .. } => {
                open.remove(&stream);
                whole.remove(&stream);
                continue;
            }
            _ => continue,
        };
        if end && let Some(request) = open.remove(&stream) {
            whole.insert(stream, request);
        }
    }
    Outcome::Requests(whole)
}

fn theirs(sample: &[u8]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let done = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), serve(sample)).await });
    done.expect("it comes to an end")
}

/// The last frame of each sample; its answer tells that all before it was taken.
const LAST: &[u8; 8] = b"the last";

async fn serve(sample: &[u8]) -> Outcome {
    let (client, server) = duplex(1 << 20);
    let (mut reader, mut writer) = tokio::io::split(client);
    let asking = async {
        writer.write_all(sample).await.expect("there is room");
        let mut out = Vec::new();
        while !out.windows(8).any(|eight| eight == LAST) && reader.read_buf(&mut out).await.expect("a pipe") > 0 {}
        // What was taken is given out and read: all of it on this thread. The end of the input would take it back.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        // An error when the server has gone.
        writer.shutdown().await.ok();
        reader.read_to_end(&mut out).await.expect("a pipe");
        out
    };
    let serving = tokio::spawn(requests(server));
    let out = asking.await;
    let whole = serving.await.expect("no panic");
    let Some(whole) = whole else {
        return Outcome::Failed;
    };
    match said(&out, Role::Server).iter().any(|said| said.0 == 0 && said.1 != 0) {
        true => Outcome::Failed,
        false => Outcome::Requests(whole),
    }
}

/// What `h2` gives of a connection: requests that came whole; None if it is none of HTTP/2.
async fn requests(server: DuplexStream) -> Option<BTreeMap<u32, (String, Vec<u8>)>> {
    let mut connection = h2::server::Builder::new().handshake::<_, Bytes>(server).await.ok()?;
    let (mut bodies, mut held) = (Vec::new(), Vec::new());
    while let Some(Ok((request, respond))) = connection.accept().await {
        let id = respond.stream_id().as_u32();
        // Kept: dropping it would reset the stream.
        held.push(respond);
        let (head, mut body) = request.into_parts();
        let target = head
            .uri
            .path_and_query()
            .map_or_else(|| head.uri.to_string(), ToString::to_string);
        let line = format!("{} {target}", head.method);
        bodies.push(tokio::spawn(async move {
            let mut got = Vec::new();
            while let Some(bytes) = body.data().await {
                let bytes = bytes.ok()?;
                body.flow_control().release_capacity(bytes.len()).ok()?;
                got.extend_from_slice(&bytes);
            }
            body.trailers().await.ok()?;
            Some((id, (line, got)))
        }));
    }
    drop(connection);
    let mut whole = BTreeMap::new();
    for body in bodies {
        whole.extend(body.await.expect("no panic"));
    }
    Some(whole)
}

const MALFORMED: Option<&str> = Some("RFC 9113 8.1.1: an error of the stream; `h2` ends the connection");
const TRAILERS: Option<&str> = Some("RFC 9113 8.1: malformed; `h2` leaves such headers out");
const ENDED: Option<&str> =
    Some("RFC 9113 5.1, half-closed (remote): an error of the stream; `h2` ends the connection");
const UPDATE: Option<&str> = Some("RFC 9113 6.9: an error of the stream; `h2` ends the connection");
const HOST: Option<&str> = Some("RFC 9113 8.3.1: proxies must not pass it on; `h2` leaves that to its user");

/// What it is, its frames for a new stream of this number, and why we take it differently.
type Row = (&'static str, fn(u32) -> Vec<u8>, Option<&'static str>);

fn get(id: u32) -> Vec<u8> {
    frame(HEADERS, END | EH, id, &of(GET, &[]))
}

fn post(id: u32) -> Vec<u8> {
    frame(HEADERS, EH, id, &of(POST, &[]))
}

/// A block with an authority, without which `h2` takes no request, and these lines.
fn of(start: &[u8], lines: &[(&str, &str)]) -> Vec<u8> {
    block(&[start, &line(":authority", "a")].concat(), lines)
}

fn with(id: u32, name: &str, value: &str) -> Vec<u8> {
    frame(HEADERS, END | EH, id, &of(GET, &[(name, value)]))
}

/// The first ones, `GOOD` of them, break no rule.
#[rustfmt::skip] // A row a line.
const ROWS: &[Row] = &[
    ("GET", get, None),
    ("POST", |id| [post(id), frame(DATA, 0, id, b"hello "), frame(DATA, END, id, b"world")].concat(), None),
    ("padded DATA", |id| [post(id), frame(DATA, END | PADDED, id, b"\x03body\0\0\0")].concat(), None),
    ("padded HEADERS", |id| frame(HEADERS, END | EH | PADDED, id, &[&[2][..], &of(GET, &[]), &[0, 0]].concat()), None),
    ("HEADERS with a priority", |id| frame(HEADERS, END | EH | PRIO, id, &[&[0, 0, 0, 0, 9][..], &of(GET, &[])].concat()), None),
    ("trailers", |id| [post(id), frame(DATA, 0, id, b"x"), frame(HEADERS, END | EH, id, &line("x-t", "v"))].concat(), None),
    ("CONTINUATION", |id| [frame(HEADERS, END, id, &of(GET, &[])), frame(CONTINUATION, EH, id, &line("x", "y"))].concat(), None),
    ("a length that fits", |id| [frame(HEADERS, EH, id, &of(POST, &[("content-length", "5")])), frame(DATA, END, id, b"hello")].concat(), None),
    ("PING", |_| frame(PING, 0, 0, b"12345678"), None),
    ("SETTINGS", |_| settings(&[(3, 10), (4, 70_000)]), None),
    ("an unknown frame", |id| frame(99, 0xff, id, b"what"), None),
    ("PRIORITY", |id| frame(PRIORITY, 0, id, &[0, 0, 0, 0, 9]), None),
    ("a window update", |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]), None),
    ("a request that is reset", |id| [post(id), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])].concat(), None),
    ("an indexed header", |id| frame(HEADERS, END | EH, id, &[&of(GET, &[])[..], b"\x40\x01a\x01b\xbe"].concat()), None),
    ("a table of no bytes", |id| frame(HEADERS, END | EH, id, &[&[0x20][..], &of(GET, &[])].concat()), None),
    // What must not be.
    ("an even number", |id| get(id + 1), None),
    ("a number that went down", |id| [get(id + 4), get(id + 2)].concat(), None),
    ("DATA on an idle stream", |id| frame(DATA, 0, id, b"x"), None),
    ("DATA on stream 0", |_| frame(DATA, 0, 0, b"x"), None),
    ("HEADERS on stream 0", |_| get(0), None),
    ("RST_STREAM on an idle stream", |id| frame(RST_STREAM, 0, id, &[0; 4]), None),
    ("RST_STREAM of 3 bytes", |id| [post(id), frame(RST_STREAM, 0, id, &[0; 3])].concat(), None),
    ("WINDOW_UPDATE on an idle stream", |id| frame(WINDOW_UPDATE, 0, id, &[0, 0, 0, 1]), None),
    ("WINDOW_UPDATE of 0", |_| frame(WINDOW_UPDATE, 0, 0, &[0; 4]), None),
    ("a window beyond 2^31", |_| frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), None),
    ("PING of 7 bytes", |_| frame(PING, 0, 0, &[0; 7]), None),
    ("PING on a stream", |id| frame(PING, 0, id, &[0; 8]), None),
    ("SETTINGS of 5 bytes", |_| frame(SETTINGS, 0, 0, &[0; 5]), None),
    ("SETTINGS on a stream", |id| frame(SETTINGS, 0, id, &[]), None),
    ("a window of 2^31 in SETTINGS", |_| settings(&[(4, 1 << 31)]), None),
    ("push allowed twice over", |_| settings(&[(2, 2)]), None),
    ("a frame size of 16383", |_| settings(&[(5, 16_383)]), None),
    ("a frame of 16385 bytes", |id| [post(id), frame(DATA, 0, id, &[0; 16_385])].concat(), None),
    ("PUSH_PROMISE", |id| [post(id), frame(PUSH_PROMISE, EH, id, &[0, 0, 0, 2, 0x82])].concat(), None),
    ("CONTINUATION of nothing", |id| frame(CONTINUATION, EH, id, &line("x", "y")), None),
    ("PING in a block", |id| [frame(HEADERS, END, id, &of(GET, &[])), frame(PING, 0, 0, &[0; 8])].concat(), None),
    ("another stream in a block", |id| [frame(HEADERS, END, id, &of(GET, &[])), get(id + 2)].concat(), None),
    ("padding longer than DATA", |id| [post(id), frame(DATA, END | PADDED, id, &[9, 0])].concat(), None),
    ("padding longer than HEADERS", |id| frame(HEADERS, END | EH | PADDED, id, &[9, 0x82]), None),
    ("an index of 0", |id| frame(HEADERS, END | EH, id, &[0x80]), None),
    ("an index beyond the table", |id| frame(HEADERS, END | EH, id, &[0xff, 0x40]), None),
    ("a table larger than allowed", |id| frame(HEADERS, END | EH, id, &[&[0x3f, 0xe2, 0x1f][..], &of(GET, &[])].concat()), None),
    ("Huffman padded by zeros", |id| frame(HEADERS, END | EH, id, &[&of(GET, &[])[..], &[0, 1, b'a', 0x81, 0x18]].concat()), None),
    ("an upper-case name", |id| with(id, "X-A", "b"), MALFORMED),
    ("CR LF in a value", |id| with(id, "x-a", "b\r\nx-b: c"), MALFORMED),
    ("NUL in a value", |id| with(id, "x-a", "b\0c"), MALFORMED),
    ("a blank in a name", |id| with(id, "x a", "b"), MALFORMED),
    ("connection", |id| with(id, "connection", "close"), None),
    ("transfer-encoding", |id| with(id, "transfer-encoding", "chunked"), None),
    ("te: gzip", |id| with(id, "te", "gzip"), None),
    ("te: trailers", |id| with(id, "te", "trailers"), None),
    ("an unknown pseudo header", |id| with(id, ":x", "b"), MALFORMED),
    ("a status", |id| with(id, ":status", "200"), None),
    ("two paths", |id| with(id, ":path", "/again"), None),
    ("a late pseudo header", |id| frame(HEADERS, END | EH, id, &[line("x", "y"), of(GET, &[])].concat()), None),
    ("no method", |id| frame(HEADERS, END | EH, id, &of(&[0x86, 0x84], &[])), None),
    ("no path", |id| frame(HEADERS, END | EH, id, &of(&[0x82, 0x86], &[])), None),
    ("a length that is too large", |id| [frame(HEADERS, EH, id, &of(POST, &[("content-length", "9")])), frame(DATA, END, id, b"hello")].concat(), None),
    ("a length that is too small", |id| [frame(HEADERS, EH, id, &of(POST, &[("content-length", "2")])), frame(DATA, END, id, b"hello")].concat(), None),
    ("a length that is none", |id| [frame(HEADERS, EH, id, &of(POST, &[("content-length", "x")])), frame(DATA, END, id, b"hello")].concat(), None),
    ("trailers without the end", |id| [post(id), frame(HEADERS, EH, id, &line("x-t", "v"))].concat(), None),
    ("a pseudo header in trailers", |id| [post(id), frame(HEADERS, END | EH, id, &line(":path", "/"))].concat(), TRAILERS),
    ("DATA after the end", |id| [get(id), frame(DATA, END, id, b"late")].concat(), ENDED),
    ("HEADERS after the end", |id| [get(id), get(id)].concat(), ENDED),
    ("DATA after a reset", |id| [post(id), frame(RST_STREAM, 0, id, &[0, 0, 0, 8]), frame(DATA, END, id, b"late")].concat(), None),
    ("a stream window beyond 2^31", |id| [post(id), frame(WINDOW_UPDATE, 0, id, &[0x7f, 0xff, 0xff, 0xff])].concat(), None),
    ("a stream window update of 0", |id| [post(id), frame(WINDOW_UPDATE, 0, id, &[0; 4])].concat(), UPDATE),
    ("a stream that depends on itself", |id| frame(HEADERS, END | EH | PRIO, id, &[&id.to_be_bytes()[..], &[9], &of(GET, &[])].concat()), None),
    ("a path without a slash", |id| frame(HEADERS, END | EH, id, &of(&[&[0x82, 0x86][..], &line(":path", "x")].concat(), &[])), None),
    ("a host that differs", |id| with(id, "host", "b"), HOST),
    ("GOAWAY", |_| frame(GOAWAY, 0, 0, &[0; 8]), None),
];

const GOOD: usize = 16;

/// A good request before and after a row.
fn sample(rows: &[&Row]) -> Vec<u8> {
    let mut sample = start();
    for (nth, row) in rows.iter().enumerate() {
        let id = nth as u32 * 10 + 1;
        sample.extend(get(id));
        sample.extend(row.1(id + 2));
    }
    sample.extend(get(rows.len() as u32 * 10 + 1));
    sample.extend(frame(PING, 0, 0, LAST));
    sample
}

#[test]
fn each_row_alone() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let sample = sample(&[row]);
        let (ours, theirs) = (ours(&[sample.clone().into()]), theirs(&sample));
        if (ours == theirs) != row.2.is_none() {
            wrong.push(format!("{} ({:?}): ours {ours:?}, theirs {theirs:?}", row.0, row.2));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sequences of rows on which both agree alone, cut anywhere.
#[test]
fn sequences_of_rows() {
    const ROUNDS: u64 = 500;
    let agreed: Vec<&Row> = ROWS.iter().filter(|row| row.2.is_none()).collect();
    for seed in 0..ROUNDS {
        let mut rng = Rng::with_seed(seed);
        let rows: Vec<&Row> = (0..rng.usize(2..8))
            // Most of the first rows, which are good: others would end nearly all connections at once.
            .map(|_| match rng.u8(0..4) {
                0 => agreed[rng.usize(..agreed.len())],
                _ => agreed[rng.usize(..GOOD)],
            })
            .collect();
        let sample = Bytes::from(sample(&rows));
        let (mut pieces, mut at) = (Vec::new(), 0);
        while at < sample.len() {
            let end = (at + rng.usize(1..100)).min(sample.len());
            pieces.push(sample.slice(at..end));
            at = end;
        }
        let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
        assert_eq!(ours(&pieces), theirs(&sample), "seed {seed}: {names:?}");
    }
}
