//! Mutation fuzzing that is the same in every run: seeded, a fixed number of rounds, no clock.
//!
//! The open-ended ones are `cargo xtask fuzz http2 hpack`; what they find is kept in their corpus folders, which are
//! run here too.
use crate::property::{check_any, check_blocks, start};
use crate::wire::*;
use fastrand::Rng;
use std::path::Path;

/// Frames and other pieces to put together.
fn pieces() -> Vec<Vec<u8>> {
    let long = "x".repeat(200);
    let mut pieces = vec![
        frame(HEADERS, END | EH, 1, GET),
        frame(HEADERS, EH, 1, POST),
        frame(HEADERS, EH, 3, POST),
        frame(HEADERS, END | EH, 5, GET),
        frame(HEADERS, END, 7, GET),
        frame(HEADERS, EH, 9, &block(POST, &[("content-length", "5")])),
        frame(HEADERS, EH | END, 11, &block(GET, &[("x", &long)])),
        frame(HEADERS, EH | END, 13, b"\x82\x86\x84\x40\x01a\x01b\xbe"),
        frame(HEADERS, EH | END, 15, b"\x3f\xe1\x01\x82\x86\x84\xbe"),
        frame(CONTINUATION, EH, 7, b"\x40\x01a\x01b"),
        frame(CONTINUATION, 0, 7, b""),
        frame(DATA, 0, 1, b"hello"),
        frame(DATA, END, 1, b"end"),
        frame(DATA, PADDED | END, 3, b"\x02hello\0\0"),
        frame(DATA, 0, 3, &[b'x'; 250]),
        frame(DATA, END, 9, b"hello"),
        frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]),
        frame(RST_STREAM, 0, 3, &[0, 0, 0, 7]),
        frame(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]),
        frame(WINDOW_UPDATE, 0, 3, &[0, 0, 0, 0]),
        frame(PING, 0, 0, b"ping ing"),
        frame(PING, END, 0, b"ping ing"),
        frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9]),
        frame(GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]),
        frame(SETTINGS, END, 0, &[]),
        frame(99, 0, 1, b"unknown"),
        frame(HEADERS, END | EH, 1, &line("grpc-status", "0")),
        settings(&[(4, 0), (1, 0)]),
        settings(&[(4, 100), (1, 4096)]),
        settings(&[(3, 1), (5, 16384)]),
    ];
    // The same from a server.
    for stream in [1, 3, 5, 7] {
        pieces.push(frame(HEADERS, EH, stream, OK));
        pieces.push(frame(HEADERS, EH, stream, &line(":status", "100")));
        pieces.push(frame(DATA, END, stream, b"hello"));
    }
    pieces
}

#[test]
fn mutated_frames_keep_every_property() {
    const ROUNDS: u64 = 6_000;
    let pieces = pieces();
    for round in 0..ROUNDS {
        let mut rng = Rng::with_seed(round);
        let mut sample = if round % 4 == 3 { settings(&[]) } else { start() };
        for _ in 0..rng.usize(1..14) {
            sample.extend_from_slice(rng.choice(&pieces).expect("there are some"));
        }
        for _ in 0..rng.usize(0..4) {
            mutate(&mut sample, &mut rng);
        }
        sample.truncate(1500);
        check_any(&sample, round);
    }
}

#[test]
fn mutated_blocks_keep_every_property() {
    const ROUNDS: u64 = 4_000;
    let starts: [&[u8]; 6] = [
        b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
        b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
        b"\x87\x82\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf\x84",
        b"\x3f\xe1\x01\x82\x86\x84",
        b"\x20\x3f\xe1\x1f\x82\x86\x84\xbe\xbf",
        b"\x82\x86\x04\x02/a\x40\x01a\x7f\x01bbbb",
    ];
    for round in 0..ROUNDS {
        let mut rng = Rng::with_seed(round);
        let mut sample = Vec::new();
        for _ in 0..rng.usize(1..6) {
            sample.extend_from_slice(rng.choice(&starts).expect("there are some"));
            sample.push(0xfe);
        }
        for _ in 0..rng.usize(0..5) {
            mutate(&mut sample, &mut rng);
        }
        check_blocks(&sample);
    }
}

/// Found by `cargo xtask fuzz http2`.
#[test]
fn no_input_at_all_keeps_every_property() {
    (0..4).for_each(|seed| check_any(b"", seed));
}

#[test]
fn corpus_keeps_every_property() {
    for (folder, least) in [("http2", 4), ("hpack", 2)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fuzz/corpus")
            .join(folder);
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).expect("the corpus is checked in") {
            let sample = std::fs::read(entry.expect("readable").path()).expect("readable");
            (0..6).for_each(|seed| check_any(&sample, seed));
            check_blocks(&sample);
            count += 1;
        }
        assert!(count >= least, "{count} files in {}", folder.display());
    }
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.usize(0..=bytes.len());
    match rng.u8(0..5) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
        1 if at < bytes.len() => bytes[at] = rng.u8(..),
        2 => drop(bytes.drain(at..(at + rng.usize(1..9)).min(bytes.len()))),
        3 => {
            let end = (at + rng.usize(1..40)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, copy));
        }
        _ => bytes.insert(at, *rng.choice(&[0, 1, 0x7f, 0x80, 0xff]).expect("some")),
    }
}
