//! Fuzz target of the multipart decoder: no panic, and the same parts whole as byte by byte. The first line of the input is the boundary.
//!
//! Run: `cargo xtask fuzz multipart`. Not run by `cargo test`.
#![no_main]

use ballast_codec::multipart::{Decoder, Error, Frame, MAX_BOUNDARY_BYTES, boundary, parameters};

/// Headers and body of each part, and how it ended.
fn decode<'a>(boundary: &str, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<(Frame, Vec<u8>)>, Result<(), Error>) {
    let mut decoder = Decoder::new(boundary);
    let mut parts = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.decode() {
                Ok(Some(Frame::Body(bytes))) => {
                    let (_, body): &mut (Frame, Vec<u8>) = parts.last_mut().expect("a body is of a part");
                    body.extend_from_slice(&bytes);
                }
                Ok(Some(frame)) => parts.push((frame, Vec::new())),
                Ok(None) => break,
                Err(error) => return (parts, Err(error)),
            }
        }
    }
    (parts, decoder.finish())
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (line, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let line = String::from_utf8_lossy(line);
    let named = boundary(&line).unwrap_or_else(|| "b".to_owned());
    assert!(named.len() <= MAX_BOUNDARY_BYTES);
    let whole = decode(&named, std::iter::once(body));
    assert_eq!(decode(&named, body.chunks(1)), whole);
    for (frame, _) in &whole.0 {
        if let Frame::Part(headers) = frame {
            headers.iter().for_each(|(_, value)| drop(parameters(value)));
        }
    }
});
