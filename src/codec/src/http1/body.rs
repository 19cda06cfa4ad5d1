//! A body of any framing, piece by piece.
//!
//! Source: RFC 9112 6.3, 7.1.
use super::chunked::{Chunked, Piece};
use super::framing::Length;
use super::gather::Gather;
use super::{Error, Limits, parse};
use crate::Chunks;
use bytes::Bytes;

/// What is left of a body.
#[derive(Debug)]
pub(super) enum Body {
    /// That many bytes.
    Known(u64),
    /// Chunks.
    Chunked(Chunked),
    /// The trailer block after the last chunk.
    Trailers,
    /// Whatever comes until the connection ends.
    UntilEof,
}

/// What one step gives.
pub(super) enum Step {
    /// Body bytes, not empty.
    Data(Bytes),
    /// The body is complete.
    End,
    /// More input is needed.
    Starved,
}

impl Body {
    /// `None`: there is no body.
    pub(super) fn new(length: Length) -> Option<Self> {
        match length {
            Length::None => None,
            Length::Known(bytes) => Some(Self::Known(bytes)),
            Length::Chunked => Some(Self::Chunked(Chunked::new())),
            Length::UntilEof => Some(Self::UntilEof),
        }
    }

    /// Takes the next piece. Trailers are checked and dropped.
    /// # Errors
    /// Those of the chunked coding and, for trailers, of a header block.
    pub(super) fn next(&mut self, input: &mut Chunks, gather: &mut Gather, limits: &Limits) -> Result<Step, Error> {
        loop {
            match self {
                Self::Known(0) => return Ok(Step::End),
                Self::Known(left) => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX);
                    let Some(data) = input.take_front(most) else {
                        return Ok(Step::Starved);
                    };
                    *left -= data.len() as u64;
                    return Ok(Step::Data(data));
                }
                Self::Chunked(chunked) => match chunked.next(input, limits)? {
                    Some(Piece::Data(data)) => return Ok(Step::Data(data)),
                    Some(Piece::Last) => *self = Self::Trailers,
                    None => return Ok(Step::Starved),
                },
                Self::Trailers => {
                    let Some(block) = gather.next(input, limits, false, |_| Ok(true))? else {
                        return Ok(Step::Starved);
                    };
                    if block.len() > 2 {
                        parse::trailers(&block)?;
                    }
                    return Ok(Step::End);
                }
                Self::UntilEof => return Ok(input.pop_front().map_or(Step::Starved, Step::Data)),
            }
        }
    }
}
