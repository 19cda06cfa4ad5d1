//! Tests of the HTTP/2 codec against RFC 9113 and pipyjs/http.md: both roles talking to each other, tables of violations, floods, every
//! cut, and another implementation as the peer.
//!
//! Not for: time and I/O, which the codec does not know.
mod differential;
mod exchange;
mod floods;
mod fuzz;
mod leaving;
mod malformed;
mod pair;
mod peer;
mod property;
mod verdict;
mod violations;
mod windows;
mod wire;
