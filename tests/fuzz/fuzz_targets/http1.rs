//! Fuzz target of the HTTP/1 codec: the very properties that `cargo test -p ballast-codec` checks on mutated samples.
//!
//! Run: `cargo xtask fuzz http1`. Not run by `cargo test`.
#![no_main]

#[path = "../../../src/codec/tests/http1/property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // The last byte chooses the cuts; the rest is the sample.
    if let [sample @ .., seed] = input {
        property::check_any(sample, u64::from(*seed));
    }
});
