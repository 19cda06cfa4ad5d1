//! What the decoders of requests and responses have in common: the walk from head to body to end.
//!
//! Source: RFC 9112 6.3, 8.
use super::body::{Body, Step};
use super::framing::Length;
use super::gather::Gather;
use super::parse::Layout;
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

/// What differs between requests and responses.
pub(super) trait Side {
    type Head;

    /// Finds a head's parts at the start of `bytes` if all of it is there and plain. `None`: the long way decides.
    fn scan(bytes: &[u8], limits: &Limits) -> Option<Layout>;

    /// Judges a head's first bytes; `fresh`: it is the connection's first. Yields whether they suffice.
    fn start(line: &[u8], fresh: bool) -> Result<bool, Error>;

    /// Finds a head's parts at the start of `bytes`. `None`: it is not complete.
    fn read(bytes: &[u8]) -> Result<Option<Layout>, Error>;

    /// The head, how its body ends, and what comes after.
    fn build(&mut self, block: Bytes, layout: Layout) -> Result<(Self::Head, Length, After), Error>;
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

    /// One step.
    pub(super) fn decode<S: Side>(
        &mut self,
        input: &mut Chunks,
        side: &mut S,
    ) -> Result<Option<Frame<S::Head>>, Error> {
        let result = self.step(input, side);
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
            // Nothing will be decoded any more: no reason to hold memory.
            self.gather = Gather::default();
        }
        result
    }

    fn step<S: Side>(&mut self, input: &mut Chunks, side: &mut S) -> Result<Option<Frame<S::Head>>, Error> {
        loop {
            match &mut self.state {
                State::Head => {
                    let Some((block, layout)) = self.take_head::<S>(input)? else {
                        return Ok(None);
                    };
                    self.tail = Tail {
                        head_size: block.len(),
                        body_size: 0,
                    };
                    let (head, length, after) = side.build(block, layout)?;
                    self.fresh = false;
                    self.after = after;
                    self.state = Body::new(length).map_or(State::End, State::Body);
                    return Ok(Some(Frame::Head(head)));
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
                    self.leave();
                    return Ok(Some(Frame::End(self.tail)));
                }
                State::Raw => return Ok(input.pop_front().map(Frame::Raw)),
                State::Paused | State::Eof => return Ok(None),
                State::Failed(error) => return Err(error.clone()),
            }
        }
    }

    /// The rest of the message whose head was the last frame, if all of it is there in one piece: its body, empty or not, and its end.
    /// The same as the frames that `decode` would yield for it, at once.
    pub(super) fn rest(&mut self, input: &mut Chunks) -> Option<(Bytes, Tail)> {
        let body = match self.state {
            State::End => Bytes::new(),
            State::Body(Body::Known(left)) => {
                let left = usize::try_from(left).ok().filter(|left| *left <= input.front().len())?;
                input.take_front(left).unwrap_or_default()
            }
            _ => return None,
        };
        self.tail.body_size += body.len() as u64;
        self.leave();
        Some((body, self.tail))
    }

    /// The message has ended.
    fn leave(&mut self) {
        self.state = match self.after {
            After::Head => State::Head,
            After::Pause => State::Paused,
            After::Raw => State::Raw,
            After::Eof => State::Eof,
        };
    }

    /// Takes one head block from `input`, with what was found in it.
    ///
    /// The short way (`scan`) takes a head that lies in one chunk and has no fault. All else goes the long way, which alone decides what is an
    /// error: so the outcome does not depend on how the input is cut.
    fn take_head<S: Side>(&mut self, input: &mut Chunks) -> Result<Option<(Bytes, Layout)>, Error> {
        if self.gather.held_len() == 0 {
            let front = input.front();
            if front.is_empty() {
                return Ok(None);
            }
            if let Some(layout) = S::scan(front, &self.limits) {
                return Ok(input.take_front(layout.len()).map(|block| (block, layout)));
            }
        }
        let fresh = self.fresh;
        let Some(block) = self
            .gather
            .next(input, &self.limits, true, |line| S::start(line, fresh))?
        else {
            return Ok(None);
        };
        match S::read(&block)? {
            Some(layout) if layout.len() == block.len() => Ok(Some((block, layout))),
            // The block ends with the first empty line, so the parser sees all of it.
            _ => Err(Error::StartLine),
        }
    }

    /// DEVIATES: pipyjs/http.md 2 has a message that is cut short completed with what arrived; here it is an error, as the page proposes
    /// (test `deviates_early_end_is_an_error`).
    ///
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
            // A pause keeps its input: it is decoded once somebody has decided.
            State::Head | State::Paused | State::Raw | State::Eof => return Ok(None),
        };
        self.state = State::Failed(Error::Truncated(place));
        Err(Error::Truncated(place))
    }

    /// Bytes held back by an unfinished head go back to the input: they belong to the tunnel. An error stays.
    pub(super) fn start_raw(&mut self, input: &mut Chunks) {
        if matches!(self.state, State::Failed(_)) {
            return;
        }
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
