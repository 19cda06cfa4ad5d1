//! Finds the end of a header block, however the input is cut.
//!
//! For: one contiguous slice per head, of the input itself when the head lies in one chunk (the usual case), else a bounded copy.
//! Line ends and sizes are judged on the way, each byte once. Source: RFC 9112 2.2, 3, 5; pipyjs/http.md 2.
use super::{Error, Limits};
use crate::Chunks;
use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// What has been seen of the block that is being gathered.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// Earlier chunks of the block, copied together. Bound: `max_total_head_bytes` + 1.
    held: BytesMut,
    /// Bytes already searched for line ends.
    searched: usize,
    line_start: usize,
    lines: usize,
    /// The start line's first bytes were found good.
    started: bool,
}

impl Gather {
    /// Bytes that are held back.
    pub(super) fn held_len(&self) -> usize {
        self.held.len()
    }

    /// Gives the held bytes up.
    pub(super) fn take_held(&mut self) -> Bytes {
        std::mem::take(self).held.freeze()
    }

    /// Takes one block from `input`: lines up to an empty one, that included. `None`: more input is needed.
    ///
    /// `start` judges the first bytes until it says that they suffice; `has_start_line` tells which limit the first line falls under.
    /// # Errors
    /// `BareLf`, the four size errors, and those of `start`. On `Http2Preface` the input is as if nothing had been taken.
    pub(super) fn next(
        &mut self,
        input: &mut Chunks,
        limits: &Limits,
        has_start_line: bool,
        start: impl Fn(&[u8]) -> Result<bool, Error>,
    ) -> Result<Option<Bytes>, Error> {
        while !input.is_empty() {
            let held_before = self.held.len();
            if held_before == 0 {
                match self.scan(input.front(), limits, has_start_line, &start)? {
                    Some(end) => {
                        *self = Self::default();
                        return Ok(input.take_front(end));
                    }
                    None => {
                        self.held.extend_from_slice(input.front());
                        input.advance(input.front().len());
                        continue;
                    }
                }
            }
            let room = (limits.max_total_head_bytes + 1).saturating_sub(held_before);
            let front = input.front();
            let taken = front.get(..room).unwrap_or(front);
            let taken_len = taken.len();
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(taken);
            let scanned = self.scan(&held, limits, has_start_line, &start);
            match scanned {
                Ok(Some(end)) => {
                    held.truncate(end);
                    input.advance(end - held_before);
                    *self = Self::default();
                    return Ok(Some(held.freeze()));
                }
                Ok(None) => {
                    input.advance(taken_len);
                    self.held = held;
                }
                Err(error) => {
                    held.truncate(held_before);
                    input.push_front(held.freeze());
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// Searches `bytes`, the block so far, from where the last search ended; yields the block's length when it is complete.
    ///
    /// Every verdict hangs on the position of one byte and the first such byte decides, so cuts do not matter.
    fn scan(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        has_start_line: bool,
        start: &impl Fn(&[u8]) -> Result<bool, Error>,
    ) -> Result<Option<usize>, Error> {
        if !self.started {
            self.started = start(bytes)?;
            if !self.started {
                // Undecided means a few bytes only: no line is judged before its start.
                return Ok(None);
            }
        }
        loop {
            let found = memchr(b'\n', bytes.get(self.searched..).unwrap_or_default()).map(|at| self.searched + at);
            let seen = found.map_or(bytes.len(), |at| at + 1);
            let line_cap = self.line_start + limits.max_head_bytes + 2;
            if seen > line_cap.min(limits.max_total_head_bytes) {
                return Err(
                    match (
                        line_cap <= limits.max_total_head_bytes,
                        has_start_line && self.lines == 0,
                    ) {
                        (true, true) => Error::TargetTooLong(limits.max_head_bytes),
                        (true, false) => Error::LineTooLong(limits.max_head_bytes),
                        (false, _) => Error::HeadTooLarge(limits.max_total_head_bytes),
                    },
                );
            }
            self.searched = seen;
            let Some(at) = found else { return Ok(None) };
            let line = bytes.get(self.line_start..at).unwrap_or_default();
            if line.last() != Some(&b'\r') {
                return Err(Error::BareLf);
            }
            if line.len() == 1 {
                return Ok(Some(at + 1));
            }
            self.lines += 1;
            if self.lines > limits.max_headers + usize::from(has_start_line) {
                return Err(Error::TooManyHeaders(limits.max_headers));
            }
            self.line_start = at + 1;
        }
    }
}
