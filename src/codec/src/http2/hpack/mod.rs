//! HPACK: header compression of HTTP/2.
//!
//! For: lists of headers from and to blocks, with one table for each direction. Not for: what the headers mean (`field`, `head`).
//! Source: RFC 7541.
mod decode;
mod encode;
mod huffman;
mod integer;
mod table;
#[cfg(test)]
mod tests;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use table::Line;
