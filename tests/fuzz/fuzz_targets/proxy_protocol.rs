//! Fuzz target of the codec `proxy_protocol`: the very properties that `cargo test -p ballast-codec` checks on mutated samples.
//!
//! Run: `cargo xtask fuzz proxy_protocol`. Not run by `cargo test`.
#![no_main]

#[allow(dead_code, reason = "each fuzz target takes one of the checks")]
#[path = "../../../src/codec/tests/net/property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // The last byte chooses the cuts; the rest is the sample.
    if let [sample @ .., seed] = input {
        property::check_proxy_protocol(sample, u64::from(*seed));
    }
});
