//! Mutation fuzzing that is the same in every run: seeded, a fixed number of rounds, no clock.
//!
//! The open-ended one is `cargo fuzz run http1` in tests/fuzz; what it finds is kept in its corpus folder, which is run here too.
use crate::hostile::{REQUESTS, RESPONSES};
use crate::property::check_any;
use fastrand::Rng;
use std::path::Path;

/// Pieces that parsers stumble over.
const DICTIONARY: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b": ",
    b";",
    b",",
    b"0",
    b"0\r\n\r\n",
    b"A\r\n",
    b"ffffffffffffffff",
    b"-1",
    b"+5",
    b"0x5",
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"CONNECT ",
    b"GET / HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 ",
    b"HTTP/1.1 101 \r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 \r\n",
    b"Host: a\r\n",
    b"Content-Length: ",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"Connection: close\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x80",
    b"\xff",
    b"\x0b",
    b"\x7f",
];

#[test]
fn mutated_samples_keep_every_property() {
    const ROUNDS: u64 = 40_000;
    let samples: Vec<&[u8]> = REQUESTS
        .iter()
        .map(|row| row.sent)
        .chain(RESPONSES.iter().map(|row| row.sent))
        .chain(GOOD.iter().copied())
        .collect();
    for round in 0..ROUNDS {
        let mut rng = Rng::with_seed(round);
        let mut bytes = rng.choice(&samples).expect("there are samples").to_vec();
        for _ in 0..rng.usize(1..6) {
            mutate(&mut bytes, &samples, &mut rng);
        }
        bytes.truncate(600);
        check_any(&bytes, round);
    }
}

#[test]
fn corpus_keeps_every_property() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/http1");
    let files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus is checked in")
        .map(|entry| entry.expect("readable").path())
        .collect();
    assert!(files.len() >= 10, "{} files in {}", files.len(), folder.display());
    for file in files {
        let bytes = std::fs::read(&file).expect("readable");
        for seed in 0..16 {
            check_any(&bytes, seed);
        }
    }
}

/// Samples without a fault, to start from.
const GOOD: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /c HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\nHTTP/1.0 200 OK\r\n\r\nrest",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00",
];

fn mutate(bytes: &mut Vec<u8>, samples: &[&[u8]], rng: &mut Rng) {
    let at = rng.usize(0..=bytes.len());
    match rng.u8(0..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
        1 if at < bytes.len() => bytes[at] = rng.u8(..),
        2 => drop(bytes.drain(at..(at + rng.usize(1..9)).min(bytes.len()))),
        3 => {
            let other = rng.choice(samples).expect("there are samples");
            bytes.truncate(at);
            bytes.extend_from_slice(&other[rng.usize(0..=other.len())..]);
        }
        4 => {
            let end = (at + rng.usize(1..40)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, copy));
        }
        _ => {
            let piece = rng.choice(DICTIONARY).expect("there are pieces");
            drop(bytes.splice(at..at, piece.iter().copied()));
        }
    }
}
