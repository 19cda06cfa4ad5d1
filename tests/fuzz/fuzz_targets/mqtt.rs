//! Fuzz target of the MQTT codec: no panic, and packets that were decoded are decoded again from what the encoder makes of them.
//!
//! Run: `cargo xtask fuzz mqtt`. Not run by `cargo test`.
#![no_main]

use ballast_codec::Chunks;
use ballast_codec::mqtt::{Decoder, Packet, encode};
use bytes::{Bytes, BytesMut};

fn decode(bytes: Bytes) -> Vec<Packet> {
    let mut input = Chunks::from(bytes);
    let mut decoder = Decoder::new(1 << 20);
    std::iter::from_fn(|| decoder.decode(&mut input).ok().flatten()).collect()
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for packet in decode(Bytes::copy_from_slice(input)) {
        let mut out = BytesMut::new();
        encode(&packet, &mut out).expect("what was decoded can be sent");
        // Alone, a packet is taken for one of 3.1.1.
        if packet.level == 4 {
            assert_eq!(decode(out.freeze()), [packet]);
        }
    }
});
