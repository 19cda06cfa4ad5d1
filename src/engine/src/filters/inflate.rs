//! Decompression in pieces: however much a few bytes stand for, one call gives a bounded part of it.
//! Formats: gzip (RFC 1952), deflate with the header of zlib (RFC 1950) or, as some senders do, without it (RFC 1951),
//! brotli (RFC 7932). For `decompress`, `decompressHTTP`.

use crate::data::Data;
use crate::limits;
use brotli_decompressor::Decompressor;
use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use flate2::{FlushDecompress, Status};
use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Compressed bytes that have come so far.
#[derive(Clone, Default)]
struct Input(Rc<RefCell<Pending>>);

#[derive(Default)]
struct Pending {
    data: Data,
    chunk: Bytes,
    /// Nothing more will come.
    ended: bool,
}

/// What a decoder reads from: an error of kind WouldBlock means that more is to come.
struct Source {
    input: Input,
    /// The chunk that the decoder looks at.
    current: Bytes,
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.is_empty() {
            let mut pending = self.input.0.borrow_mut();
            match pending.data.pop_chunk() {
                Some(chunk) => self.current = chunk,
                None if pending.ended => {}
                None => return Err(io::ErrorKind::WouldBlock.into()),
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount.min(self.current.len()));
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// One compressed body.
pub(super) struct Inflater {
    input: Input,
    decoder: Decoder,
    /// A piece is put together here.
    piece: Vec<u8>,
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<Source>>),
    /// Decided by its first byte.
    Unknown,
    /// True once its end has been seen.
    Deflate(flate2::Decompress, bool),
    /// Boxed: the decoder is some kilobytes of state.
    Brotli(Box<Decompressor<Source>>),
}

impl Inflater {
    /// By the names of `content-encoding` (RFC 9110 section 8.4.1) and of `decompress`, in lower case.
    pub(super) fn of(coding: &[u8]) -> Option<Self> {
        let input = Input::default();
        let source = Source {
            input: input.clone(),
            current: Bytes::new(),
        };
        let decoder = match coding {
            b"gzip" | b"x-gzip" => Decoder::Gzip(Box::new(MultiGzDecoder::new(source))),
            b"deflate" | b"inflate" => Decoder::Unknown,
            b"br" | b"brotli" => Decoder::Brotli(Box::new(Decompressor::new(source, limits::READ_BYTES))),
            _ => return None,
        };
        let piece = vec![0; limits::INFLATE_BYTES];
        Some(Inflater { input, decoder, piece })
    }

    /// More of the body.
    pub(super) fn push(&mut self, data: Data) {
        self.input.0.borrow_mut().data.append(data);
    }

    /// The body is complete.
    pub(super) fn finish(&mut self) {
        self.input.0.borrow_mut().ended = true;
    }

    /// The next piece, at most `limits::INFLATE_BYTES`; empty: it takes more input, or the body is done.
    ///
    /// # Errors  Corrupt or truncated input.
    pub(super) fn pull(&mut self) -> io::Result<Bytes> {
        let mut piece = std::mem::take(&mut self.piece);
        let pulled = self.fill(&mut piece);
        let pulled = pulled.map(|count| Bytes::copy_from_slice(piece.get(..count).unwrap_or_default()));
        self.piece = piece;
        pulled
    }

    fn fill(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(space) = piece.get_mut(filled..).filter(|space| !space.is_empty()) {
            match self.read(space) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What was decoded before it comes out first; the next call meets the error again, or finds no more.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if let Decoder::Unknown = self.decoder {
            let Some(first) = self.first_byte()? else { return Ok(0) };
            // RFC 1950 2.2: the low half of the first byte is 8.
            self.decoder = Decoder::Deflate(flate2::Decompress::new(first & 0x0f == 8), false);
        }
        match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.read(space),
            Decoder::Brotli(decoder) => decoder.read(space),
            Decoder::Deflate(decoder, done) => inflate(&self.input, decoder, done, space),
            Decoder::Unknown => Ok(0),
        }
    }

    /// None: the body ended without one.
    fn first_byte(&self) -> io::Result<Option<u8>> {
        let pending = self.input.0.borrow();
        match pending.data.chunks().next().and_then(|chunk| chunk.first()) {
            Some(first) => Ok(Some(*first)),
            None if pending.ended => Ok(None),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// `Decompress` itself, for its readers do not tell a truncated stream from a complete one.
fn inflate(input: &Input, decoder: &mut flate2::Decompress, done: &mut bool, space: &mut [u8]) -> io::Result<usize> {
    let mut pending = input.0.borrow_mut();
    loop {
        if *done {
            return Ok(0);
        }
        if pending.chunk.is_empty() {
            match pending.data.pop_chunk() {
                Some(chunk) => pending.chunk = chunk,
                None if pending.ended => {}
                None => return Err(io::ErrorKind::WouldBlock.into()),
            }
        }
        let (read, written) = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(&pending.chunk, space, FlushDecompress::None);
        let status = status.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let (read, written) = (decoder.total_in() - read, decoder.total_out() - written);
        pending.chunk.advance(read as usize);
        *done = status == Status::StreamEnd;
        if written > 0 {
            return Ok(written as usize);
        }
        if read == 0 && !*done {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Inflater;
    use crate::data::Data;
    use crate::limits;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::{self, Write};

    const TEXT: &[u8] = b"hello world, hello world, hello again and again and again";

    /// All that comes out; the input comes in two pieces.
    fn inflate(coding: &str, input: &[u8], cut: usize) -> io::Result<Vec<u8>> {
        let mut inflater = Inflater::of(coding.as_bytes()).expect("a known coding");
        let mut all = Vec::new();
        let mut drain = |inflater: &mut Inflater| -> io::Result<()> {
            loop {
                let piece = inflater.pull()?;
                assert!(piece.len() <= limits::INFLATE_BYTES);
                if piece.is_empty() {
                    return Ok(());
                }
                all.extend_from_slice(&piece);
            }
        };
        let (first, second) = input.split_at(cut);
        for part in [first, second] {
            inflater.push(Data::from(part.to_vec()));
            drain(&mut inflater)?;
        }
        inflater.finish();
        drain(&mut inflater)?;
        Ok(all)
    }

    fn samples() -> Vec<(&'static str, &'static str, Vec<u8>)> {
        let gzip = |text: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text).expect("writes into memory");
            encoder.finish().expect("writes into memory")
        };
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).expect("writes into memory");
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(TEXT).expect("writes into memory");
        let (first, second) = TEXT.split_at(20);
        vec![
            ("gzip", "gzip", gzip(TEXT)),
            ("two members", "x-gzip", [gzip(first), gzip(second)].concat()),
            ("zlib", "inflate", zlib.finish().expect("writes into memory")),
            ("raw", "deflate", raw.finish().expect("writes into memory")),
        ]
    }

    #[test]
    fn input_may_be_cut_anywhere() {
        for (name, coding, input) in samples() {
            for cut in 0..=input.len() {
                let got = inflate(coding, &input, cut);
                assert_eq!(got.expect("valid input"), TEXT, "{name} cut at {cut}");
            }
        }
    }

    #[test]
    fn truncated_input_is_an_error() {
        for (name, coding, input) in samples() {
            // A stream of several members may end after each of them.
            let member = input[1..].windows(3).position(|bytes| bytes == b"\x1f\x8b\x08");
            for length in (1..input.len()).filter(|length| member.is_none_or(|member| member + 1 != *length)) {
                let got = inflate(coding, &input[..length], length / 2);
                assert!(got.is_err(), "{name} of {length} bytes: {got:?}");
            }
        }
    }
}
