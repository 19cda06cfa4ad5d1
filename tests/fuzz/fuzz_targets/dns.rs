//! Fuzz target of the codec `dns`: the very properties that `cargo test -p ballast-codec` checks on mutated samples.
//!
//! Run: `cargo xtask fuzz dns`. Not run by `cargo test`.
#![no_main]

#[allow(dead_code, reason = "each fuzz target takes one of the checks")]
#[path = "../../../src/codec/tests/net/property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|sample: &[u8]| property::check_dns(sample));
