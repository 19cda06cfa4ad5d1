//! Sans-I/O protocol machines: bytes to frames and back.
//!
//! For: decoders that are fed chunks of any size and yield frames, encoders that write into a buffer. Not for: sockets, timers, tasks,
//! scripts; those are the engine's. Nothing in here blocks, waits, spawns or does I/O, and every buffer has a bound.
//! Source: each module names its own.
#![forbid(unsafe_code)]

pub mod chunks;
pub mod client_hello;
pub mod detect;
pub mod dns;
pub mod dubbo;
pub mod hessian;
pub mod http1;
pub mod http2;
pub mod mqtt;
pub mod multipart;
pub mod proxy_protocol;
pub mod resp;
pub mod socks;
pub mod split;
pub mod thrift;
pub mod websocket;

pub use chunks::Chunks;
