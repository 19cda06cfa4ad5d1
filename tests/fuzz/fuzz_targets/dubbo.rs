//! Fuzz target of the Dubbo codec: no panic, and frames that were decoded are encoded to the same bytes.
//!
//! Run: `cargo xtask fuzz dubbo`. Not run by `cargo test`.
#![no_main]

use ballast_codec::Chunks;
use ballast_codec::dubbo::{Decoder, Head, Part, encode_head};
use bytes::{Bytes, BytesMut};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut chunks = Chunks::from(Bytes::copy_from_slice(input));
    let mut decoder = Decoder::new();
    let mut out = BytesMut::new();
    let (mut open, mut body) = (Head::default(), BytesMut::new());
    while let Ok(Some(part)) = decoder.decode(&mut chunks) {
        match part {
            Part::Start(head) => open = head,
            Part::Body(bytes) => body.extend_from_slice(&bytes),
            Part::End => {
                encode_head(&open, body.len() as u32, &mut out);
                out.extend_from_slice(&body.split());
            }
        }
    }
    assert!(input.starts_with(&out));
});
