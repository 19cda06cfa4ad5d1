//! Tests of the HTTP/1 codec against RFC 9112 and pipyjs/http.md: tables of samples, each cut at every place, and mutation fuzzing.
//!
//! Not for: time and I/O, which the codec does not know.
mod deviations;
mod encode;
mod fuzz;
mod hops;
mod hostile;
mod property;
mod requests;
mod responses;
mod rest;
mod sizes;
mod tunnels;
