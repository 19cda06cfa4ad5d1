//! Fuzz target of the RESP codec: no panic, and what was decoded is decoded again from what the encoder makes of it.
//!
//! Run: `cargo xtask fuzz resp`. Not run by `cargo test`.
#![no_main]

use ballast_codec::Chunks;
use ballast_codec::resp::{Decoder, Value, encode};
use bytes::{Bytes, BytesMut};

fn decode(bytes: Bytes) -> Vec<Value> {
    let mut input = Chunks::new();
    input.push(bytes);
    let mut decoder = Decoder::new(1 << 20);
    std::iter::from_fn(|| decoder.decode(&mut input).ok().flatten()).collect()
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let values = decode(Bytes::copy_from_slice(input));
    let mut out = BytesMut::new();
    values.iter().for_each(|value| encode(value, &mut out));
    assert_eq!(decode(out.freeze()), values);
});
