//! What the HTTP/2 codec costs per exchange: a server that takes requests of 32 streams at a time and answers each with a few bytes,
//! then the client's side of the same, on one thread.
//!
//! For: seeing at the desk whether a change made the hot path slower. Not for: budgets; those are measured on the whole proxy by
//! tests/bench. Run: `cargo run --release -p ballast-codec --example http2_speed [rounds]`.
#![allow(clippy::print_stdout, reason = "a program whose result is what it prints")]
use ballast_codec::Chunks;
use ballast_codec::http1::{Headers, RequestHead, ResponseHead};
use ballast_codec::http2::{Config, Connection, Event, Role};
use bytes::{Bytes, BytesMut};
use std::hint::black_box;
use std::time::{Duration, Instant};

const STREAMS: u32 = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(30_000);
    let request = RequestHead {
        headers: headers(&[("host", "127.0.0.1:8080"), ("user-agent", "h2load nghttp2/1.52.0")])?,
        ..RequestHead::default()
    };
    let response = ResponseHead {
        headers: headers(&[
            ("server", "ballast"),
            ("content-type", "text/plain"),
            ("content-length", "5"),
        ])?,
        ..ResponseHead::default()
    };
    let mut client = Connection::new(Role::Client, Config::default());
    let mut server = Connection::new(Role::Server, Config::default());
    let (mut on_client, mut on_server) = (Duration::ZERO, Duration::ZERO);
    let (mut wire, mut block, mut bytes) = (Chunks::new(), BytesMut::new(), 0);
    let mut exchanges = 0_u64;
    for _ in 0..rounds {
        let start = Instant::now();
        while let Some(event) = client.decode(&mut wire)? {
            if let Event::Data { stream, bytes, .. } = black_box(event) {
                client.release(stream, bytes.len());
            }
        }
        for _ in 0..STREAMS {
            client.send_request(&request, true)?;
        }
        client.take_output(64 << 10, &mut wire);
        on_client += start.elapsed();
        wire = received(&wire, &mut block);
        let start = Instant::now();
        while let Some(event) = server.decode(&mut wire)? {
            if let Event::Request { stream, head, .. } = event {
                black_box(&head);
                server.send_response(stream, &response, false)?;
                server.send_data(stream, Bytes::from_static(b"hello"), true)?;
                exchanges += 1;
            }
        }
        server.take_output(64 << 10, &mut wire);
        on_server += start.elapsed();
        wire = received(&wire, &mut block);
        bytes += wire.len();
    }
    println!(
        "server {:6.0} ns an exchange",
        on_server.as_nanos() as f64 / exchanges as f64
    );
    println!(
        "client {:6.0} ns an exchange",
        on_client.as_nanos() as f64 / exchanges as f64
    );
    println!("{:.1} bytes an answer", bytes as f64 / exchanges as f64);
    Ok(())
}

/// What was sent, as a socket gives it: one piece of a block that lives on.
fn received(sent: &Chunks, block: &mut BytesMut) -> Chunks {
    sent.iter().for_each(|chunk| block.extend_from_slice(chunk));
    block.split().freeze().into()
}

fn headers(lines: &[(&str, &str)]) -> Result<Headers, ballast_codec::http1::Error> {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.push(name.as_bytes(), value.as_bytes())?;
    }
    Ok(headers)
}
