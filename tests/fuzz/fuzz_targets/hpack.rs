//! Fuzz target of header compression: the input is header blocks, which an HTTP/2 server is given in well-formed frames.
//!
//! Run: `cargo xtask fuzz hpack`. Not run by `cargo test`.
#![no_main]

#[path = "../../../src/codec/tests/http2/property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check_blocks(input));
