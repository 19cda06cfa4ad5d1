//! Fuzz target of the Hessian codec: no panic, bounded memory, and what the encoder makes of values is decoded again.
//!
//! Run: `cargo xtask fuzz hessian`. Not run by `cargo test`.
#![no_main]

use ballast_codec::hessian::{Decoder, Value, encode};
use bytes::{Bytes, BytesMut};

fn decode(bytes: Bytes) -> Vec<Value> {
    let mut decoder = Decoder::new(bytes);
    std::iter::from_fn(|| decoder.decode().ok().flatten()).collect()
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let values = decode(Bytes::copy_from_slice(input));
    let mut out = BytesMut::new();
    values.iter().for_each(|value| encode(value, &mut out));
    // Objects come back as maps: what is encoded then is the same.
    let mut again = BytesMut::new();
    decode(out.clone().freeze()).iter().for_each(|value| encode(value, &mut again));
    assert_eq!(again, out);
});
