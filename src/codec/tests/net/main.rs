//! Mutation fuzzing of the small protocols around connections (SOCKS, PROXY, ClientHello, detection, DNS): seeded, a fixed number of
//! rounds, no clock. The open-ended ones are `cargo fuzz run socks` and so on in tests/fuzz; what they find is kept in corpus/net there.
mod property;

use fastrand::Rng;
use property::check_all;
use std::path::Path;

/// Well-formed beginnings.
const GOOD: &[&[u8]] = &[
    b"\x04\x01\0\x50\x42\x66\x07\x63Fred\0GET /",
    b"\x04\x01\x01\xbb\0\0\0\x01\0example.com\0",
    b"\x05\x02\x00\x02\x05\x01\0\x01\x01\x02\x03\x04\x1f\x90rest",
    b"\x05\x01\x00\x05\x01\0\x03\x0bexample.com\0\x50",
    b"\x05\0\x05\0\0\x03\x02ab\0\0rest",
    b"\0\x5a\0\0\0\0\0\0rest",
    b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET /",
    b"PROXY TCP6 ::1 2001:db8::2 1 2\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\x0a\0\0\x01\x0a\0\0\x02\x1f\x90\0\x50\x04\0\0rest",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0rest",
    b"\x16\x03\x01\0\x4b\x01\0\0\x47\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\x02\x13\x01\x01\0\0\x1c\
      \0\0\0\x0c\0\x0a\0\0\x07foo.bar\0\x10\0\x08\0\x06\x02h2\x02h3",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x12\x34\x81\x80\0\x01\0\x03\0\0\0\x01\x01a\x02bc\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x01\x02\x03\x04\
      \xc0\x0c\0\x0f\0\x01\0\0\0\x05\0\x05\0\x0a\x01m\xc0\xc0\x0e\0\x10\0\x01\0\0\0\x05\0\x03\x02hi\0\0\x29\x10\0\0\0\0\0\0\0",
];

/// Pieces that parsers stumble over.
const DICTIONARY: &[&[u8]] = &[
    b"\0",
    b"\x01",
    b"\x03",
    b"\x04",
    b"\x05",
    b"\xff",
    b"\xc0\x0c",
    b"\xc0\xff",
    b"\x3f",
    b"\xff\xff",
    b"\r\n",
    b"\n",
    b" ",
    b"PROXY ",
    b"TCP4 ",
    b"TCP6 ",
    b"\x16\x03\x01",
    b"HTTP/1.1",
    b"\\",
    b".",
    b"::1",
];

fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.usize(0..=bytes.len());
    match rng.u8(0..6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
        1 if at < bytes.len() => bytes[at] = rng.u8(..),
        2 => drop(bytes.drain(at..(at + rng.usize(1..9)).min(bytes.len()))),
        3 => bytes.truncate(at),
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

#[test]
fn mutated_samples_keep_every_property() {
    const ROUNDS: u64 = 30_000;
    for round in 0..ROUNDS {
        let mut rng = Rng::with_seed(round);
        let mut bytes = rng.choice(GOOD).expect("there are samples").to_vec();
        for _ in 0..rng.usize(0..6) {
            mutate(&mut bytes, &mut rng);
        }
        bytes.truncate(600);
        check_all(&bytes, round);
    }
}

#[test]
fn corpus_keeps_every_property() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/net");
    let files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus is checked in")
        .map(|entry| entry.expect("readable").path())
        .collect();
    assert!(files.len() >= 5, "{} files in {}", files.len(), folder.display());
    for file in files {
        let bytes = std::fs::read(&file).expect("readable");
        (0..16).for_each(|seed| check_all(&bytes, seed));
    }
}
