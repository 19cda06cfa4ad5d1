//! Test helper: one sample, cut at every place, must give one result.
//!
//! For: the tests and fuzz targets of every decoder of this crate. Not for: the product; it panics on purpose.
//! Source: style.md 2.9.
use crate::Chunks;
use bytes::Bytes;
use std::fmt::Debug;

/// Runs `decode` on `sample` whole, cut in two at every place, and byte by byte; returns the one result.
///
/// `decode` is given the sample as pieces, one after the other as a socket would, and returns whatever must not depend on the cuts
/// (body slices joined, frames in order, the error).
/// # Panics
/// When a cut changes the result; the message names the cut.
#[track_caller]
pub fn split_everywhere<T: PartialEq + Debug>(sample: &[u8], mut decode: impl FnMut(&[Bytes]) -> T) -> T {
    let sample = Bytes::copy_from_slice(sample);
    let whole = decode(std::slice::from_ref(&sample));
    for cut in 1..sample.len() {
        let halves = decode(&[sample.slice(..cut), sample.slice(cut..)]);
        assert_eq!(halves, whole, "cut after {cut} of {} bytes", sample.len());
    }
    let single: Vec<Bytes> = (0..sample.len()).map(|at| sample.slice(at..at + 1)).collect();
    assert_eq!(decode(&single), whole, "byte by byte");
    whole
}

/// Feeds `pieces` to `step` one at a time: `step` gets the chain with the next piece added and takes from it what it can.
pub fn feed(pieces: &[Bytes], mut step: impl FnMut(&mut Chunks)) {
    let mut chain = Chunks::new();
    for piece in pieces {
        chain.push(piece.clone());
        step(&mut chain);
    }
}
