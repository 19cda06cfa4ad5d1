//! What the decoders of requests and responses have in common: the walk from head to body to end.
//!
//! Source: RFC 9112 6.3, 8.
use super::body::{Body, Step};
use super::gather::Gather;
use super::{Error, Frame, Limits, Place, Tail};
use crate::Chunks;
use bytes::Bytes;

/// Where the decoder is. `after` is where the message's end leads.
#[derive(Debug)]
enum State {
    Head,
    Body(Body),
    End,
    Paused,
    Raw,
    /// The connection ended, after a complete message.
    Eof,
    Failed(Error),
}

/// What follows the end of the current message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The next head.
    Head,
    /// Nothing until somebody decides.
    Pause,
    /// Tunnel bytes.
    Raw,
    /// Nothing: the connection has ended.
    Eof,
}

/// A head as `Machine::decode` needs it: what is handed out, how its body ends, what comes after.
pub(super) struct Parsed<H> {
    pub(super) head: H,
    pub(super) length: super::framing::Length,
    pub(super) after: After,
}

#[derive(Debug)]
pub(super) struct Machine {
    limits: Limits,
    state: State,
    after: After,
    gather: Gather,
    tail: Tail,
    /// No head has been decoded yet.
    fresh: bool,
}

impl Machine {
    pub(super) fn new(limits: Limits) -> Self {
        let limits = limits.clamped();
        Self {
            limits,
            state: State::Head,
            after: After::Head,
            gather: Gather::default(),
            tail: Tail::default(),
            fresh: true,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.limits.clone());
    }

    /// One step; `start` judges a head's first bytes (told whether it is the connection's first head), `parse` reads a whole block.
    pub(super) fn decode<H>(
        &mut self,
        input: &mut Chunks,
        start: impl Fn(&[u8], bool) -> Result<bool, Error>,
        parse: impl FnOnce(&Bytes) -> Result<Parsed<H>, Error>,
    ) -> Result<Option<Frame<H>>, Error> {
        let result = self.step(input, start, parse);
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
            // Nothing will be decoded any more: no reason to hold memory.
            self.gather = Gather::default();
        }
        result
    }

    fn step<H>(
        &mut self,
        input: &mut Chunks,
        start: impl Fn(&[u8], bool) -> Result<bool, Error>,
        parse: impl FnOnce(&Bytes) -> Result<Parsed<H>, Error>,
    ) -> Result<Option<Frame<H>>, Error> {
        loop {
            match &mut self.state {
                State::Head => {
                    let fresh = self.fresh;
                    let Some(block) = self.gather.next(input, &self.limits, true, |line| start(line, fresh))? else {
                        return Ok(None);
                    };
                    let parsed = parse(&block)?;
                    self.fresh = false;
                    self.tail = Tail {
                        head_size: block.len(),
                        body_size: 0,
                    };
                    self.after = parsed.after;
                    self.state = Body::new(parsed.length).map_or(State::End, State::Body);
                    return Ok(Some(Frame::Head(parsed.head)));
                }
                State::Body(body) => match body.next(input, &mut self.gather, &self.limits)? {
                    Step::Data(data) => {
                        self.tail.body_size += data.len() as u64;
                        return Ok(Some(Frame::Body(data)));
                    }
                    Step::End => self.state = State::End,
                    Step::Starved => return Ok(None),
                },
                State::End => {
                    self.state = match self.after {
                        After::Head => State::Head,
                        After::Pause => State::Paused,
                        After::Raw => State::Raw,
                        After::Eof => State::Eof,
                    };
                    return Ok(Some(Frame::End(self.tail)));
                }
                State::Raw => return Ok(input.pop_front().map(Frame::Raw)),
                State::Paused | State::Eof => return Ok(None),
                State::Failed(error) => return Err(error.clone()),
            }
        }
    }

    /// The input has ended. Yields the end of a message that lasts until then.
    pub(super) fn finish<H>(&mut self) -> Result<Option<Frame<H>>, Error> {
        let place = match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::Body(Body::UntilEof) | State::End => {
                self.state = State::Eof;
                return Ok(Some(Frame::End(self.tail)));
            }
            State::Head if self.gather.held_len() > 0 => Place::Head,
            State::Body(_) => Place::Body,
            State::Head | State::Paused | State::Raw | State::Eof => {
                self.state = State::Eof;
                return Ok(None);
            }
        };
        self.state = State::Failed(Error::Truncated(place));
        Err(Error::Truncated(place))
    }

    /// Bytes held back by an unfinished head go back to the input: they belong to the tunnel.
    pub(super) fn start_raw(&mut self, input: &mut Chunks) {
        input.push_front(self.gather.take_held());
        self.state = State::Raw;
    }

    pub(super) fn resume(&mut self) {
        if matches!(self.state, State::Paused) {
            self.state = State::Head;
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.gather.held_len()
    }

    pub(super) fn is_paused(&self) -> bool {
        matches!(self.state, State::Paused)
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && self.gather.held_len() == 0
    }

    pub(super) fn reads_until_eof(&self) -> bool {
        matches!(self.state, State::Body(Body::UntilEof))
    }
}
