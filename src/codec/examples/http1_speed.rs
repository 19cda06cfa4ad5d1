//! What the HTTP/1 codec costs per message: decode and encode, requests and responses, on one thread.
//!
//! For: seeing at the desk whether a change made the hot path slower. Not for: budgets; those are measured on the whole proxy by
//! tests/bench. Run: `cargo run --release -p ballast-codec --example http1_speed`.
#![allow(clippy::print_stdout, reason = "a program whose result is what it prints")]
use ballast_codec::Chunks;
use ballast_codec::http1::{
    Connection, Expect, Frame, Framing, Limits, Lines, RequestDecoder, ResponseDecoder, encode_request_head,
    encode_response_head,
};
use bytes::{Bytes, BytesMut};
use std::hint::black_box;
use std::time::Instant;

const SHORT: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const BROWSER: &[u8] = b"GET /productpage?u=normal HTTP/1.1\r\nHost: bookinfo.example.org\r\nConnection: keep-alive\r\n\
    Cache-Control: max-age=0\r\nUpgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate\r\n\
    Accept-Language: en-GB,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.26.3\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/html\r\n\
    Content-Length: 16\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"0123456789\"\r\n\
    Accept-Ranges: bytes\r\n\r\n0123456789abcdef";

fn main() {
    requests("request, 1 header", SHORT);
    requests("request, 10 headers", BROWSER);
    responses("response, 8 headers, 16 bytes", RESPONSE);
}

const ROUNDS: u32 = 1_000_000;

fn requests(name: &str, sent: &[u8]) {
    let received = BytesMut::from(sent).freeze();
    // A second handle, as a read buffer has one.
    let _other: Bytes = received.slice(..1);
    let mut decoder = RequestDecoder::new(Limits::default());
    let mut input = Chunks::new();
    let mut out = BytesMut::with_capacity(4096);
    measure(name, "decode", || {
        input.push(received.clone());
        while let Ok(Some(frame)) = decoder.decode(&mut input) {
            black_box(&frame);
        }
    });
    measure(name, "decode and encode", || {
        input.push(received.clone());
        while let Ok(Some(frame)) = decoder.decode(&mut input) {
            if let Frame::Head(head) = frame {
                out.clear();
                let written = encode_request_head(
                    &head,
                    Framing::Absent,
                    Connection::KeepAlive,
                    Lines::PassedOn { keeps_upgrade: false },
                    &mut out,
                );
                assert!(black_box(written).is_ok());
            }
        }
    });
}

fn responses(name: &str, sent: &[u8]) {
    let received = BytesMut::from(sent).freeze();
    let _other: Bytes = received.slice(..1);
    let mut decoder = ResponseDecoder::new(Limits::default());
    let mut input = Chunks::new();
    let mut out = BytesMut::with_capacity(4096);
    measure(name, "decode", || {
        decoder.expect(Expect::Other);
        input.push(received.clone());
        while let Ok(Some(frame)) = decoder.decode(&mut input) {
            black_box(&frame);
        }
    });
    measure(name, "decode and encode", || {
        decoder.expect(Expect::Other);
        input.push(received.clone());
        while let Ok(Some(frame)) = decoder.decode(&mut input) {
            if let Frame::Head(head) = frame {
                out.clear();
                let written = encode_response_head(
                    &head,
                    Framing::Length(16),
                    Connection::KeepAlive,
                    Lines::PassedOn { keeps_upgrade: false },
                    &mut out,
                );
                assert!(black_box(written).is_ok());
            }
        }
    });
}

/// Best of five runs: the others were disturbed.
fn measure(name: &str, what: &str, mut round: impl FnMut()) {
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            (0..ROUNDS).for_each(|_| round());
            start.elapsed()
        })
        .min()
        .unwrap_or_default();
    println!(
        "{name:32} {what:20} {:6.0} ns",
        best.as_nanos() as f64 / f64::from(ROUNDS)
    );
}
