//! Fuzz target of the Thrift codec: no panic, and messages that were decoded are decoded again from what the encoder makes of them.
//!
//! Run: `cargo xtask fuzz thrift`. Not run by `cargo test`.
#![no_main]

use ballast_codec::Chunks;
use ballast_codec::thrift::{Decoder, Message, encode};
use bytes::{Bytes, BytesMut};

fn decode(bytes: Bytes) -> Vec<Message> {
    let mut input = Chunks::from(bytes);
    let mut decoder = Decoder::new(1 << 20);
    std::iter::from_fn(|| decoder.decode(&mut input).ok().flatten()).collect()
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for message in decode(Bytes::copy_from_slice(input)) {
        let mut out = BytesMut::new();
        encode(&message, &mut out);
        let again = decode(out.freeze());
        // As text, for NaN is not equal to itself.
        assert_eq!(format!("{again:?}"), format!("{:?}", [message]));
    }
});
