//! The table of HTTP/2 inputs. Each is what follows the preface and the first SETTINGS; the path of its requests is /x.

use crate::http2_frames::*;

/// What must become of an input, beside that it is no worse than with the peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// RFC 9113 calls it an error of the connection, or it is a known attack: the connection ends, nothing is passed on.
    EndsConnection,
    /// RFC 9113 calls it malformed, or an error of the stream: nothing is passed on.
    NotPassed,
    /// Nothing is wrong with it: it is passed on, and the connection goes on.
    Good,
    /// Harmless to the connection, which goes on.
    GoesOn,
    /// Left to us: it is passed on only if all peers do.
    AsPeers,
    /// A flood that RFC 9113 leaves to us: the connection ends if it does with a peer.
    Flood,
}
use Rule::{AsPeers, EndsConnection, Flood, GoesOn, Good, NotPassed};

/// One connection's bytes.
pub(crate) struct Input {
    pub(crate) name: &'static str,
    pub(crate) rule: Rule,
    pub(crate) bytes: Vec<u8>,
    /// Preface and SETTINGS are its own, and nothing can follow it.
    pub(crate) is_raw: bool,
    /// Why we pass what a peer refuses, or go on where a peer ends the connection.
    pub(crate) lenient: Option<&'static str>,
}

impl Input {
    fn lenient(mut self, why: &'static str) -> Input {
        self.lenient = Some(why);
        self
    }

    fn raw(mut self) -> Input {
        self.is_raw = true;
        self
    }

    /// All that is sent.
    pub(crate) fn wire(&self) -> Vec<u8> {
        match self.is_raw {
            true => self.bytes.clone(),
            false => [PREFACE, &frame(SETTINGS, 0, 0, &[]), &self.bytes].concat(),
        }
    }
}

fn input(name: &'static str, rule: Rule, frames: &[Vec<u8>]) -> Input {
    Input {
        name,
        rule,
        bytes: frames.concat(),
        is_raw: false,
        lenient: None,
    }
}

fn get() -> Vec<u8> {
    request("GET", "/x")
}

fn post() -> Vec<u8> {
    request("POST", "/x")
}

/// A whole request of this block.
fn one(block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END | EH, 1, block)
}

/// A good GET with this header more.
fn with(name: &[u8], value: &[u8]) -> Vec<u8> {
    one(&[get(), line(name, value)].concat())
}

/// A POST with these headers, and this body.
fn body(lines: &[(&[u8], &[u8])], body: &[u8]) -> Vec<u8> {
    [
        frame(HEADERS, EH, 1, &[post(), block(lines)].concat()),
        frame(DATA, END, 1, body),
    ]
    .concat()
}

/// A request of these pseudo headers alone.
fn pseudo(lines: &[(&[u8], &[u8])]) -> Vec<u8> {
    one(&block(lines))
}

fn path(path: &[u8]) -> Vec<u8> {
    pseudo(&[
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"a"),
    ])
}

fn authority(authority: &[u8]) -> Vec<u8> {
    pseudo(&[
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/x"),
        (b":authority", authority),
    ])
}

fn settings(name: u16, value: u32) -> Vec<u8> {
    frame(
        SETTINGS,
        0,
        0,
        &[&name.to_be_bytes()[..], &value.to_be_bytes()].concat(),
    )
}

fn window(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

/// `part(n)` for each n.
fn many(count: u32, part: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..count).flat_map(part).collect()
}

/// A block in frames of as many bytes as are allowed.
fn long(block: &[u8]) -> Vec<u8> {
    let pieces: Vec<&[u8]> = block.chunks(16_384).collect();
    let last = pieces.len() - 1;
    let frames = pieces.iter().enumerate().map(|(nth, piece)| match nth {
        0 => frame(HEADERS, END | if last == 0 { EH } else { 0 }, 1, piece),
        _ => frame(CONTINUATION, if nth == last { EH } else { 0 }, 1, piece),
    });
    frames.flatten().collect()
}

const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// All of them.
pub(crate) fn inputs() -> Vec<Input> {
    [
        beginnings(),
        frames(),
        streams(),
        blocks(),
        names(),
        pseudo_headers(),
        bodies(),
        compression(),
        floods(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[rustfmt::skip] // A row a line.
fn beginnings() -> Vec<Input> {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let get = frame(HEADERS, END | EH, 1, &get());
    vec![
        input("preface: wrong at its end", EndsConnection, &[b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(), settings.clone()]).raw(),
        input("preface: only half of it", AsPeers, &[PREFACE[..20].to_vec()]).raw(),
        input("preface: twice", EndsConnection, &[PREFACE.to_vec(), get.clone()]),
        input("preface: no SETTINGS after it", EndsConnection, &[PREFACE.to_vec(), get.clone(), get.clone()]).raw(),
        input("preface: an acknowledgement after it", EndsConnection, &[PREFACE.to_vec(), frame(SETTINGS, END, 0, &[]), get]).raw(),
        input("preface: HTTP/1 after it", EndsConnection, &[SMUGGLED.to_vec()]),
        input("preface: nothing after it", EndsConnection, &[PREFACE.to_vec()]).raw(),
        input("preface: half a frame after it", EndsConnection, &[PREFACE.to_vec(), settings[..5].to_vec()]).raw(),
    ]
}

#[rustfmt::skip] // A row a line.
fn frames() -> Vec<Input> {
    let open = frame(HEADERS, EH, 1, &post());
    vec![
        input("frame: DATA of 16385 bytes", EndsConnection, &[open.clone(), frame(DATA, END, 1, &[b'x'; 16_385])]),
        input("frame: HEADERS of 16385 bytes", EndsConnection, &[frame(HEADERS, END | EH, 1, &[0x82; 16_385])]),
        input("frame: unknown, of 16385 bytes", EndsConnection, &[frame(99, 0, 0, &[0; 16_385])]),
        input("frame: unknown", GoesOn, &[frame(99, 0xff, 1, b"what")]),
        input("frame: 16 MiB announced", EndsConnection, &[vec![0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]]),
        input("frame: SETTINGS of 5 bytes", EndsConnection, &[frame(SETTINGS, 0, 0, &[0; 5])]),
        input("frame: SETTINGS on a stream", EndsConnection, &[frame(SETTINGS, 0, 1, &[])]),
        input("frame: acknowledgement with content", EndsConnection, &[frame(SETTINGS, END, 0, &[0; 6])]),
        input("frame: PING of 7 bytes", EndsConnection, &[frame(PING, 0, 0, &[0; 7])]),
        input("frame: PING on a stream", EndsConnection, &[frame(PING, 0, 1, &[0; 8])]),
        input("frame: RST_STREAM of 3 bytes", EndsConnection, &[open.clone(), frame(RST_STREAM, 0, 1, &[0; 3])]),
        input("frame: WINDOW_UPDATE of 3 bytes", EndsConnection, &[frame(WINDOW_UPDATE, 0, 0, &[0; 3])]),
        input("frame: GOAWAY of 7 bytes", EndsConnection, &[frame(GOAWAY, 0, 0, &[0; 7])]),
        input("frame: GOAWAY on a stream", EndsConnection, &[frame(GOAWAY, 0, 1, &[0; 8])]),
        input("frame: PRIORITY of 4 bytes, of an idle stream", EndsConnection, &[frame(PRIORITY, 0, 1, &[0; 4])]),
        input("frame: HEADERS shorter than its priority", EndsConnection, &[frame(HEADERS, END | EH | PRIO, 1, &[0; 3])]),
        input("frame: padding longer than DATA", EndsConnection, &[open.clone(), frame(DATA, END | PADDED, 1, &[9, 0])]),
        input("frame: padding longer than HEADERS", EndsConnection, &[frame(HEADERS, END | EH | PADDED, 1, &[9, 0x82])]),
        input("frame: padded DATA of no bytes", EndsConnection, &[open.clone(), frame(DATA, END | PADDED, 1, &[])]),
        input("frame: PUSH_PROMISE", EndsConnection, &[frame(PUSH_PROMISE, EH, 1, &[0, 0, 0, 2, 0x82])]),
        input("frame: push allowed twice over", EndsConnection, &[settings(2, 2)]),
        input("frame: window of 2^31 in SETTINGS", EndsConnection, &[settings(4, 1 << 31)]),
        input("frame: frame size of 16383 in SETTINGS", EndsConnection, &[settings(5, 16_383)]),
        input("frame: frame size of 2^24 in SETTINGS", EndsConnection, &[settings(5, 1 << 24)]),
        input("frame: unknown setting", GoesOn, &[settings(0xfafa, 7)]),
        input("window: update of 0", EndsConnection, &[window(0, 0)]),
        input("window: beyond 2^31", EndsConnection, &[window(0, 0x7fff_ffff)]),
        input("window: of a stream, update of 0", NotPassed, &[open.clone(), window(1, 0)]),
        input("window: of a stream, beyond 2^31", NotPassed, &[open.clone(), window(1, 0x7fff_ffff)]),
        input("window: open stream pushed beyond by SETTINGS", EndsConnection, &[open.clone(), window(1, 0x7000_0000), settings(4, 0x7fff_ffff)]),
        input("window: more data than it", AsPeers, &[open, many(200, |_| frame(DATA, 0, 1, &[b'x'; 16_384]))]).lenient("it is passed on, and the window opened, as it comes"),
        input("goaway: traffic after it", GoesOn, &[frame(GOAWAY, 0, 0, &[0; 8])]).lenient("RFC 9113 6.8: a client's GOAWAY is about streams that we open"),
    ]
}

#[rustfmt::skip] // A row a line.
fn streams() -> Vec<Input> {
    let get = get();
    let headers = |stream| frame(HEADERS, END | EH, stream, &get);
    let open = frame(HEADERS, EH, 1, &post());
    vec![
        input("stream: an even number", EndsConnection, &[headers(2)]),
        input("stream: numbers that go down", EndsConnection, &[headers(5), headers(3)]),
        input("stream: a number that ended", AsPeers, &[headers(1), headers(1)]).lenient("RFC 9113 5.1: an error of the stream while the first request is being answered"),
        input("stream: HEADERS on 0", EndsConnection, &[headers(0)]),
        input("stream: DATA on 0", EndsConnection, &[frame(DATA, 0, 0, b"x")]),
        input("stream: DATA on an idle one", EndsConnection, &[frame(DATA, 0, 7, b"x")]),
        input("stream: RST_STREAM on 0", EndsConnection, &[frame(RST_STREAM, 0, 0, &[0; 4])]),
        input("stream: RST_STREAM on an idle one", EndsConnection, &[frame(RST_STREAM, 0, 7, &[0; 4])]),
        input("stream: WINDOW_UPDATE on an idle one", EndsConnection, &[window(7, 1)]),
        input("stream: PRIORITY on 0", EndsConnection, &[frame(PRIORITY, 0, 0, &[0; 5])]),
        input("stream: DATA after its end", AsPeers, &[headers(1), frame(DATA, END, 1, b"late")]).lenient("the request was whole before; the rest is an error of the stream"),
        input("stream: depends on itself", AsPeers, &[frame(HEADERS, END | EH | PRIO, 1, &[&[0, 0, 0, 1, 9][..], &get].concat())]),
        input("stream: PRIORITY of itself, idle", AsPeers, &[frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 9])]),
        input("stream: reset, then DATA", NotPassed, &[open.clone(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]), frame(DATA, END, 1, b"late")]),
        input("trailers: without the end", NotPassed, &[open.clone(), frame(HEADERS, EH, 1, &line(b"x-a", b"b"))]),
        input("trailers: with a pseudo header", NotPassed, &[open.clone(), one(&line(b":path", b"/smuggled"))]),
        input("trailers: with a coding", NotPassed, &[open.clone(), one(&line(b"transfer-encoding", b"chunked"))]),
        input("trailers: with CR LF", NotPassed, &[open, one(&line(b"x-a", b"b\r\n\r\nGET /smuggled HTTP/1.1\r\n"))]),
    ]
}

#[rustfmt::skip] // A row a line.
fn blocks() -> Vec<Input> {
    let (get, half) = (get(), frame(HEADERS, END, 1, &get()));
    let rest = |stream| frame(CONTINUATION, EH, stream, &line(b"x-a", b"b"));
    vec![
        input("block: in two frames", Good, &[half.clone(), rest(1)]),
        input("block: another stream's HEADERS in it", EndsConnection, &[half.clone(), frame(HEADERS, END | EH, 3, &get), rest(1)]),
        input("block: DATA in it", EndsConnection, &[half.clone(), frame(DATA, 0, 1, b"x"), rest(1)]),
        input("block: PING in it", EndsConnection, &[half.clone(), frame(PING, 0, 0, &[0; 8]), rest(1)]),
        input("block: an unknown frame in it", EndsConnection, &[half.clone(), frame(99, 0, 1, b""), rest(1)]),
        input("block: goes on on another stream", EndsConnection, &[half.clone(), rest(3)]),
        input("block: goes on on stream 0", EndsConnection, &[half.clone(), rest(0)]),
        input("block: CONTINUATION of nothing", EndsConnection, &[rest(1)]),
        input("block: CONTINUATION after its end", EndsConnection, &[frame(HEADERS, END | EH, 1, &get), rest(1)]),
        input("block: never ends", EndsConnection, &[PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[]), half]).raw(),
        input("block: 100,000 empty CONTINUATIONs", EndsConnection, &[frame(HEADERS, END, 1, &get), many(100_000, |_| frame(CONTINUATION, 0, 1, &[]))]),
        input("block: 10 MB of CONTINUATIONs", EndsConnection, &[frame(HEADERS, END, 1, &get), many(640, |_| frame(CONTINUATION, 0, 1, &[0x82; 16_384]))]),
        input("block: one header of 100 KB", NotPassed, &[long(&[get.clone(), line(b"x-a", &[b'a'; 100_000])].concat())]),
        input("block: 4,000 headers", NotPassed, &[long(&[get.clone(), line(b"a", b"b").repeat(4000)].concat())]),
        input("block: a path of 100 KB", NotPassed, &[long(&request("GET", &format!("/{}", "x".repeat(100_000))))]),
        input("block: few bytes that stand for 8 MB", NotPassed, &[long(&[&get[..], &[0x40], &line(b"a", &[b'x'; 4000])[1..], &[0xbe; 2000]].concat())]),
    ]
}

#[rustfmt::skip] // A row a line.
fn names() -> Vec<Input> {
    vec![
        input("name: upper case", NotPassed, &[with(b"X-A", b"b")]),
        input("name: empty", NotPassed, &[with(b"", b"b")]),
        input("name: a blank in it", NotPassed, &[with(b"x a", b"b")]),
        input("name: a colon in it", NotPassed, &[with(b"x:a", b"b")]),
        input("name: a colon at its end", NotPassed, &[with(b"x-a:", b"b")]),
        input("name: CR LF in it", NotPassed, &[with(b"x-a: b\r\n\r\nget /smuggled http/1.1\r\nx", b"b")]),
        input("name: LF in it", NotPassed, &[with(b"x-a\nx-b", b"b")]),
        input("name: NUL in it", NotPassed, &[with(b"x\0a", b"b")]),
        input("name: a byte that is no ASCII", NotPassed, &[with(b"x\xffa", b"b")]),
        input("name: a slash in it", NotPassed, &[with(b"x/a", b"b")]),
        input("value: CR LF and a header", NotPassed, &[with(b"x-a", b"b\r\nx-b: c")]),
        input("value: CR LF and a request", NotPassed, &[with(b"x-a", &[b"b\r\n\r\n", SMUGGLED].concat())]),
        input("value: CR", NotPassed, &[with(b"x-a", b"b\rc")]),
        input("value: LF", NotPassed, &[with(b"x-a", b"b\nc")]),
        input("value: NUL", NotPassed, &[with(b"x-a", b"b\0c")]),
        input("value: a control byte", AsPeers, &[with(b"x-a", b"b\x01c")]),
        input("value: a blank before it", AsPeers, &[with(b"x-a", b" b")]),
        input("value: a blank after it", AsPeers, &[with(b"x-a", b"b ")]),
        input("value: a cookie with CR LF", NotPassed, &[with(b"cookie", b"a=b\r\n\r\nGET /smuggled HTTP/1.1\r\n")]),
        input("value: cookies in crumbs", Good, &[one(&[get(), line(b"cookie", b"a=1"), line(b"cookie", b"b=2")].concat())]),
        input("hop: connection", NotPassed, &[with(b"connection", b"close")]),
        input("hop: keep-alive", NotPassed, &[with(b"keep-alive", b"5")]),
        input("hop: proxy-connection", NotPassed, &[with(b"proxy-connection", b"close")]),
        input("hop: upgrade", NotPassed, &[with(b"upgrade", b"websocket")]),
        input("hop: transfer-encoding: identity", NotPassed, &[with(b"transfer-encoding", b"identity")]),
        input("hop: te: gzip", NotPassed, &[with(b"te", b"gzip")]),
        input("hop: te: trailers, chunked", NotPassed, &[with(b"te", b"trailers, chunked")]),
        input("hop: te: trailers", Good, &[with(b"te", b"trailers")]),
        input("host: twice", NotPassed, &[one(&[get(), line(b"host", b"a"), line(b"host", b"a")].concat())]),
        input("host: other than :authority", NotPassed, &[with(b"host", b"b")]),
        input("host: as :authority", Good, &[with(b"host", b"a")]),
        input("host: with CR LF", NotPassed, &[with(b"host", b"a\r\nx-b: c")]),
        input("host: with a blank", NotPassed, &[with(b"host", b"a b")]),
        input("host: without :authority", Good, &[pseudo(&[(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/x"), (b"host", b"a")])]),
        input("host: neither it nor :authority", AsPeers, &[pseudo(&[(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/x")])]).lenient("pipyjs/http.md 8: a request without any header is answered; PipyJS itself sends such ones"),
    ]
}

#[rustfmt::skip] // A row a line.
fn pseudo_headers() -> Vec<Input> {
    let (method, scheme, target, a): (&[u8], &[u8], &[u8], &[u8]) = (b":method", b":scheme", b":path", b":authority");
    vec![
        input("pseudo: no method", NotPassed, &[pseudo(&[(scheme, b"http"), (target, b"/x"), (a, b"a")])]),
        input("pseudo: no scheme", NotPassed, &[pseudo(&[(method, b"GET"), (target, b"/x"), (a, b"a")])]),
        input("pseudo: no path", NotPassed, &[pseudo(&[(method, b"GET"), (scheme, b"http"), (a, b"a")])]),
        input("pseudo: two methods", NotPassed, &[one(&[line(method, b"GET"), get()].concat())]),
        input("pseudo: two schemes", NotPassed, &[one(&[line(scheme, b"http"), get()].concat())]),
        input("pseudo: two paths", NotPassed, &[one(&[line(target, b"/smuggled"), get()].concat())]),
        input("pseudo: two authorities", NotPassed, &[one(&[line(a, b"a"), get()].concat())]),
        input("pseudo: after a header", NotPassed, &[one(&[line(b"x-a", b"b"), get()].concat())]),
        input("pseudo: unknown", NotPassed, &[with(b":x", b"b")]),
        input("pseudo: a status", NotPassed, &[one(&[line(b":status", b"200"), get()].concat())]),
        input("pseudo: a protocol, unasked", NotPassed, &[one(&[line(b":protocol", b"websocket"), get()].concat())]),
        input("pseudo: upper case", NotPassed, &[one(&[line(b":Path", b"/x"), get()].concat())]),
        input("method: empty", NotPassed, &[pseudo(&[(method, b""), (scheme, b"http"), (target, b"/x"), (a, b"a")])]),
        input("method: a request in it", NotPassed, &[pseudo(&[(method, b"GET /smuggled HTTP/1.1\r\nx:"), (scheme, b"http"), (target, b"/x"), (a, b"a")])]),
        input("method: a blank in it", NotPassed, &[pseudo(&[(method, b"GET /smuggled"), (scheme, b"http"), (target, b"/x"), (a, b"a")])]),
        // DEVIATES from RFC 9113 8.5 and both peers: tunnels between scripts name their far end by a path, as over HTTP/1. It is
        // one request with one target, for whoever gets it.
        input("method: CONNECT with a path", Good, &[pseudo(&[(method, b"CONNECT"), (scheme, b"http"), (target, b"/x"), (a, b"a:1")])]),
        input("scheme: a request in it", NotPassed, &[pseudo(&[(method, b"GET"), (scheme, b"http://a/smuggled HTTP/1.1\r\nx: "), (target, b"/x"), (a, b"a")])]),
        input("scheme: an address in it", NotPassed, &[pseudo(&[(method, b"GET"), (scheme, b"http://b/?"), (target, b"/x"), (a, b"a")])]),
        input("path: empty", NotPassed, &[path(b"")]),
        input("path: a blank in it", NotPassed, &[path(b"/x y")]),
        input("path: a version in it", NotPassed, &[path(b"/smuggled HTTP/1.1")]),
        input("path: CR LF in it", NotPassed, &[path(b"/x HTTP/1.1\r\nx-a: b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")]),
        input("path: LF in it", NotPassed, &[path(b"/x\ny")]),
        input("path: CR in it", NotPassed, &[path(b"/x\ry")]),
        input("path: NUL in it", NotPassed, &[path(b"/x\0y")]),
        input("path: a tab in it", NotPassed, &[path(b"/x\ty")]),
        input("path: a byte that is no ASCII", AsPeers, &[path(b"/x\xffy")]),
        input("path: without a slash", NotPassed, &[path(b"x")]),
        input("path: an asterisk, for GET", AsPeers, &[path(b"*")]),
        input("path: an address", AsPeers, &[path(b"http://b/smuggled")]),
        input("path: a fragment", AsPeers, &[path(b"/x#y")]),
        input("authority: empty", AsPeers, &[authority(b"")]),
        input("authority: CR LF in it", NotPassed, &[authority(b"a\r\n\r\nGET /smuggled HTTP/1.1\r\n")]),
        input("authority: a blank in it", NotPassed, &[authority(b"a b")]),
        input("authority: a slash in it", AsPeers, &[authority(b"a/smuggled")]),
        input("authority: a user in it", AsPeers, &[authority(b"u@a")]),
        input("authority: a port that is none", AsPeers, &[authority(b"a:b")]),
    ]
}

#[rustfmt::skip] // A row a line.
fn bodies() -> Vec<Input> {
    let chunked = [b"0\r\n\r\n", SMUGGLED].concat();
    let (length, coding): (&[u8], &[u8]) = (b"content-length", b"transfer-encoding");
    vec![
        input("body: as long as said", Good, &[body(&[(length, b"5")], b"01234")]),
        input("body: of unknown length", Good, &[body(&[], b"01234")]),
        input("body: shorter than said", NotPassed, &[body(&[(length, b"10")], b"01234")]),
        input("body: longer than said", NotPassed, &[body(&[(length, b"3")], b"01234")]),
        input("body: 0 said, and a request", NotPassed, &[body(&[(length, b"0")], SMUGGLED)]),
        input("body: said, but none", NotPassed, &[frame(HEADERS, END | EH, 1, &[post(), line(length, b"5")].concat())]),
        input("body: two lengths, equal", NotPassed, &[body(&[(length, b"5"), (length, b"5")], b"01234")]),
        input("body: two lengths, different", NotPassed, &[body(&[(length, b"5"), (length, b"40")], b"01234")]),
        input("body: lengths in a list", NotPassed, &[body(&[(length, b"5, 5")], b"01234")]),
        input("body: a length with a plus", NotPassed, &[body(&[(length, b"+5")], b"01234")]),
        input("body: a negative length", NotPassed, &[body(&[(length, b"-5")], b"01234")]),
        input("body: a length of letters", NotPassed, &[body(&[(length, b"five")], b"01234")]),
        input("body: a length beyond 64 bits", NotPassed, &[body(&[(length, b"18446744073709551621")], b"01234")]),
        input("body: a length, then CR LF and a coding", NotPassed, &[body(&[(length, b"5\r\ntransfer-encoding: chunked")], &chunked)]),
        input("body: an empty length", NotPassed, &[body(&[(length, b"")], b"01234")]),
        input("body: chunked", NotPassed, &[body(&[(coding, b"chunked")], &chunked)]),
        input("body: chunked, and a length", NotPassed, &[body(&[(coding, b"chunked"), (length, b"40")], &chunked)]),
        input("body: chunked, in upper case", NotPassed, &[body(&[(b"Transfer-Encoding", b"chunked")], &chunked)]),
        input("body: chunked by CR LF in a value", NotPassed, &[body(&[(b"x-a", b"b\r\ntransfer-encoding: chunked")], &chunked)]),
        input("body: chunked by CR LF in a name", NotPassed, &[body(&[(b"x-a: b\r\ntransfer-encoding", b"chunked")], &chunked)]),
        input("body: in chunks, though nobody said so", Good, &[body(&[], &chunked)]),
    ]
}

#[rustfmt::skip] // A row a line.
fn compression() -> Vec<Input> {
    let get = get();
    let after = |bytes: &[u8]| one(&[&get[..], bytes].concat());
    vec![
        input("table: index 0", EndsConnection, &[after(&[0x80])]),
        input("table: an index beyond it", EndsConnection, &[after(&[0xff, 0x40])]),
        input("table: an index beyond 32 bits", EndsConnection, &[after(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])]),
        input("table: a name beyond it", EndsConnection, &[after(&[0x7f, 0x40, 1, b'a'])]),
        input("table: larger than allowed", EndsConnection, &[one(&[&[0x3f, 0xe2, 0x1f][..], &get].concat())]),
        input("table: resized after a header", EndsConnection, &[after(&[0x20])]),
        input("table: resized within bounds", Good, &[one(&[&[0x20, 0x3f, 0xe1, 0x1f][..], &get].concat())]),
        input("string: longer than its block", EndsConnection, &[after(&[0, 1, b'a', 0x70, b'b'])]),
        input("string: a length beyond 64 bits", EndsConnection, &[after(&[0, 1, b'a', 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])]),
        input("string: Huffman, padded by zeros", EndsConnection, &[after(&[0, 1, b'a', 0x81, 0x18])]),
        input("string: Huffman, padded by a byte", EndsConnection, &[after(&[0, 1, b'a', 0x82, 0x1f, 0xff])]),
        input("string: Huffman, its end in it", EndsConnection, &[after(&[0, 1, b'a', 0x84, 0xff, 0xff, 0xff, 0xff])]),
        input("block: cut in a header", EndsConnection, &[after(&[0, 1])]),
        input("block: empty", NotPassed, &[one(&[])]),
    ]
}

#[rustfmt::skip] // A row a line.
fn floods() -> Vec<Input> {
    let (get, post) = (get(), post());
    let open = frame(HEADERS, EH, 1, &post);
    vec![
        input("flood: SETTINGS, CVE-2019-9515", EndsConnection, &[many(100_000, |_| settings(3, 100))]),
        input("flood: acknowledgements", EndsConnection, &[many(100_000, |_| frame(SETTINGS, END, 0, &[]))]),
        input("flood: PING, CVE-2019-9512", EndsConnection, &[many(100_000, |_| frame(PING, 0, 0, &[0; 8]))]),
        input("flood: answers to PING", EndsConnection, &[many(100_000, |_| frame(PING, END, 0, &[0; 8]))]),
        input("flood: PRIORITY, CVE-2019-9513", EndsConnection, &[many(100_000, |n| frame(PRIORITY, 0, 3, &[0, 0, 0, 5, n as u8]))]),
        input("flood: unknown frames", EndsConnection, &[many(100_000, |_| frame(99, 0, 0, &[]))]),
        input("flood: GOAWAY", EndsConnection, &[many(100_000, |_| frame(GOAWAY, 0, 0, &[0; 8]))]),
        input("flood: rapid reset, CVE-2023-44487", EndsConnection, &[many(10_000, |n| { [frame(HEADERS, END | EH, n * 2 + 1, &get), frame(RST_STREAM, 0, n * 2 + 1, &[0, 0, 0, 8])].concat() })]),
        input("flood: made you reset, CVE-2025-8671", EndsConnection, &[many(10_000, |n| { [frame(HEADERS, EH, n * 2 + 1, &post), window(n * 2 + 1, 0)].concat() })]),
        input("flood: malformed requests", EndsConnection, &[many(10_000, |n| { frame(HEADERS, END | EH, n * 2 + 1, &line(b"x-a", b"b")) })]),
        input("flood: requests without an end", Flood, &[many(10_000, |n| frame(HEADERS, EH, n * 2 + 1, &post))]),
        input("flood: DATA of no bytes, CVE-2019-9518", EndsConnection, &[open.clone(), many(100_000, |_| frame(DATA, 0, 1, &[]))]),
        input("flood: padding only", EndsConnection, &[open.clone(), many(100_000, |_| frame(DATA, PADDED, 1, &[1, 0]))]),
        input("flood: RST_STREAM of one that ended", EndsConnection, &[open.clone(), many(100_000, |_| frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]))]),
        input("flood: windows byte by byte, CVE-2019-9511", EndsConnection, &[many(100_000, |_| window(0, 1))]),
        input("flood: windows of the connection", EndsConnection, &[many(100_000, |_| window(0, 256))]),
        input("flood: windows of a stream", EndsConnection, &[open.clone(), many(100_000, |_| window(1, 256))]),
        input("flood: windows of one that ended", EndsConnection, &[open, frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]), many(100_000, |_| window(1, 256))]),
    ]
}
