//! The chunked transfer coding, decoding side.
//!
//! Source: RFC 9112 7.1; pipyjs/http.md section 2: extensions are skipped, within a bound; blanks around the size are refused.
use super::grammar::is_value_byte;
use super::{Error, Limits};
use crate::Chunks;
use bytes::Bytes;

/// Most digits of a chunk size: 2^60 - 1, so that no sum of sizes overflows.
const MAX_SIZE_DIGITS: u8 = 15;

/// Where in the coding the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// In the size, after that many digits.
    Size { digits: u8 },
    /// In an extension.
    Extension,
    /// After the CR of a size line.
    SizeLf,
    /// In the data; `left` bytes to go.
    Data,
    /// After the data.
    DataCr,
    /// After the CR that follows the data.
    DataLf,
}

/// One chunked body.
#[derive(Debug)]
pub(super) struct Chunked {
    step: Step,
    left: u64,
    extension_bytes: usize,
}

/// What a piece of chunked input gives.
pub(super) enum Piece {
    /// Body bytes.
    Data(Bytes),
    /// The last chunk's line has ended; the trailer block follows.
    Last,
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self {
            step: Step::Size { digits: 0 },
            left: 0,
            extension_bytes: 0,
        }
    }

    /// Takes the next piece. `None`: more input is needed.
    /// # Errors
    /// `ChunkSize`, `ChunkExtension`, `ChunkEnd`.
    pub(super) fn next(&mut self, input: &mut Chunks, limits: &Limits) -> Result<Option<Piece>, Error> {
        while !input.is_empty() {
            if self.step == Step::Data {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                let Some(data) = input.take_front(most) else { break };
                self.left -= data.len() as u64;
                if self.left == 0 {
                    self.step = Step::DataCr;
                }
                return Ok(Some(Piece::Data(data)));
            }
            let mut used = 0;
            let mut last = false;
            for &byte in input.front() {
                used += 1;
                last = self.frame_byte(byte, limits)?;
                if last || self.step == Step::Data {
                    break;
                }
            }
            input.advance(used);
            if last {
                return Ok(Some(Piece::Last));
            }
        }
        Ok(None)
    }

    /// Takes one byte outside the data; yields whether it ended the last chunk's line.
    fn frame_byte(&mut self, byte: u8, limits: &Limits) -> Result<bool, Error> {
        self.step = match (self.step, byte) {
            (Step::Size { digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == MAX_SIZE_DIGITS {
                    return Err(Error::ChunkSize);
                }
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                self.left = self.left << 4 | u64::from(digit);
                Step::Size { digits: digits + 1 }
            }
            (Step::Size { digits: 1.. }, b'\r') | (Step::Extension, b'\r') => Step::SizeLf,
            (Step::Size { digits: 1.. }, b';') => Step::Extension,
            (Step::Size { .. }, _) => return Err(Error::ChunkSize),
            (Step::Extension, _) => {
                self.extension_bytes += 1;
                if !is_value_byte(byte) || self.extension_bytes > limits.max_chunk_extension_bytes {
                    return Err(Error::ChunkExtension);
                }
                Step::Extension
            }
            (Step::SizeLf, b'\n') if self.left == 0 => return Ok(true),
            (Step::SizeLf, b'\n') => Step::Data,
            (Step::SizeLf, _) => return Err(Error::ChunkSize),
            (Step::DataCr, b'\r') => Step::DataLf,
            (Step::DataLf, b'\n') => Step::Size { digits: 0 },
            (Step::DataCr | Step::DataLf | Step::Data, _) => return Err(Error::ChunkEnd),
        };
        Ok(false)
    }
}
