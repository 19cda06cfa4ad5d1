//! Events of HTTP/1 messages into bytes: collects a body to know its length, or chunks it beyond a limit.
//! Not for what the head says: `RequestWriter` and `ResponseWriter` do that. Source: pipyjs/http.md section 3.

use crate::data::Data;
use crate::event::{Event, Head, Reason};
use crate::limits;
use crate::message::Whole;
use crate::pipeline::{Cx, Out};
use ballast_codec::http1::{self, CHUNK_END, LAST_CHUNK, encode_chunk_start};
use ballast_codec::http2::SendError;
use bytes::{Bytes, BytesMut};
use rquickjs::Ctx;
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    // Heads are written into one block a thread and cut off it: no allocation a message, idle streams hold nothing.
    static BLOCK: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Why a message cannot be sent.
#[derive(Debug)]
pub(crate) enum Problem {
    /// An exception is pending.
    Script(rquickjs::Error),
    /// Part of the head would break the framing.
    Head(http1::Error),
    /// As before, or the stream of HTTP/2 has ended.
    Http2(SendError),
}

impl From<rquickjs::Error> for Problem {
    fn from(error: rquickjs::Error) -> Self {
        Problem::Script(error)
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        Problem::Http2(error)
    }
}

impl From<http1::Error> for Problem {
    fn from(error: http1::Error) -> Self {
        Problem::Head(error)
    }
}

/// How much of the body is known when the head is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it: so many bytes.
    Whole(u64),
    /// It is longer than what may be collected.
    Streamed,
}

/// What follows the head.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    /// The body as it is.
    Plain,
    /// The body in chunks.
    Chunks,
    /// No body, whatever was given.
    Nothing,
}

/// Writes the head of a message.
pub(crate) trait HeadWriter {
    /// What the owner wants to know about a head that was written.
    type Info;

    /// Appends the head to what `write_block` hands out.
    ///
    /// # Errors  See [`Problem`]; nothing was written then.
    fn write(
        &self,
        js: &Ctx<'_>,
        head: Option<&Rc<Head>>,
        extent: Extent,
        body: &Data,
    ) -> Result<(Bytes, Follows, Self::Info), Problem>;

    /// True when a body would not be sent, so there is no use in keeping it; its size counts.
    fn drops_body(&self) -> bool {
        false
    }
}

/// What one event led to.
pub(crate) struct Step<I> {
    /// The head was written.
    pub started: Option<I>,
    /// The message is complete.
    pub done: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Collecting,
    Sending(Follows),
}

/// One stream of messages.
pub(crate) struct Encoder {
    limit: usize,
    state: State,
    head: Option<Rc<Head>>,
    body: Data,
    /// Bytes of a body that was not kept.
    dropped: u64,
}

impl Encoder {
    /// `buffer_size`: bytes collected before a body is chunked; 0: `limits::HTTP_COLLECT_BYTES`, so that a body of any
    /// length passes in bounded memory (DEVIATES: upstream collects without bound).
    pub(crate) fn new(buffer_size: usize) -> Self {
        Encoder {
            limit: match buffer_size {
                0 => limits::HTTP_COLLECT_BYTES,
                some => some.min(limits::HELD_BYTES),
            },
            state: State::Idle,
            head: None,
            body: Data::new(),
            dropped: 0,
        }
    }

    /// True between the start of a message and its end.
    pub(crate) fn is_open(&self) -> bool {
        self.state != State::Idle
    }

    /// True when bytes of the current message have left.
    pub(crate) fn is_sending(&self) -> bool {
        matches!(self.state, State::Sending(_))
    }

    /// Forgets a message in the middle.
    pub(crate) fn reset(&mut self) {
        self.state = State::Idle;
        self.head = None;
        self.body = Data::new();
        self.dropped = 0;
    }

    /// Takes a MessageStart, Data or MessageEnd; appends bytes to `out`. Anything else, and what is out of place, is
    /// left out.
    ///
    /// # Errors  The head cannot be sent; the message is forgotten.
    pub(crate) fn event<W: HeadWriter>(
        &mut self,
        js: &Ctx<'_>,
        writer: &W,
        event: Event,
        out: &mut Data,
    ) -> Result<Step<W::Info>, Problem> {
        let mut step = Step {
            started: None,
            done: false,
        };
        match (event, self.state) {
            (Event::MessageStart(start), State::Idle) => {
                self.head = start.head;
                self.state = State::Collecting;
            }
            (Event::Data(data), State::Collecting) if writer.drops_body() => self.dropped += data.len() as u64,
            (Event::Data(data), State::Collecting) => {
                self.body.append(data);
                if self.body.len() > self.limit {
                    let follows = self.start(js, writer, Extent::Streamed, &mut step, out)?;
                    self.state = State::Sending(follows);
                    let body = std::mem::take(&mut self.body);
                    append(follows, body, out);
                }
            }
            (Event::Data(data), State::Sending(follows)) => append(follows, data, out),
            (Event::MessageEnd(_), State::Collecting) => {
                let size = self.body.len() as u64 + self.dropped;
                let follows = self.start(js, writer, Extent::Whole(size), &mut step, out)?;
                // Small bodies went out with the head.
                if follows == Follows::Plain {
                    out.append(std::mem::take(&mut self.body));
                }
                self.reset();
                step.done = true;
            }
            (Event::MessageEnd(_), State::Sending(follows)) => {
                if follows == Follows::Chunks {
                    out.push(Bytes::from_static(LAST_CHUNK));
                }
                self.reset();
                step.done = true;
            }
            _ => {}
        }
        Ok(step)
    }

    /// Whether `message` would take it: no message is open, and the body is no longer than what is collected.
    pub(crate) fn takes(&self, message: &Whole) -> bool {
        self.state == State::Idle && message.body.len() <= self.limit
    }

    /// Takes a whole message that it `takes`: the same as `event` with each of its events.
    ///
    /// # Errors  The head cannot be sent.
    pub(crate) fn message<W: HeadWriter>(
        &self,
        js: &Ctx<'_>,
        writer: &W,
        message: Whole,
        out: &mut Data,
    ) -> Result<W::Info, Problem> {
        let extent = Extent::Whole(message.body.len() as u64);
        let body = match writer.drops_body() {
            true => Data::new(),
            false => message.body,
        };
        let (bytes, follows, info) = writer.write(js, Some(&message.head), extent, &body)?;
        out.push(bytes);
        if follows == Follows::Plain {
            out.append(body);
        }
        Ok(info)
    }

    fn start<W: HeadWriter>(
        &mut self,
        js: &Ctx<'_>,
        writer: &W,
        extent: Extent,
        step: &mut Step<W::Info>,
        out: &mut Data,
    ) -> Result<Follows, Problem> {
        let head = self.head.take();
        let written = writer.write(js, head.as_ref(), extent, &self.body);
        let (bytes, follows, info) = written.inspect_err(|_| self.reset())?;
        out.push(bytes);
        step.started = Some(info);
        Ok(follows)
    }
}

fn append(follows: Follows, body: Data, out: &mut Data) {
    match follows {
        Follows::Nothing => {}
        Follows::Plain => out.append(body),
        // An empty chunk would end the body.
        Follows::Chunks if body.is_empty() => {}
        Follows::Chunks => {
            let (start, ()) = write_block(|block| {
                encode_chunk_start(body.len(), block);
                Ok(())
            })
            .unwrap_or_default();
            out.push(start);
            out.append(body);
            out.push(Bytes::from_static(CHUNK_END));
        }
    }
}

/// Lets `write` append to the thread's block and cuts off what it wrote. It must not run scripts.
///
/// # Errors  Those of `write`.
pub(super) fn write_block<R>(
    write: impl FnOnce(&mut BytesMut) -> Result<R, http1::Error>,
) -> Result<(Bytes, R), http1::Error> {
    BLOCK.with_borrow_mut(|block| {
        if block.capacity() < limits::READ_BYTES / 4 {
            block.reserve(limits::READ_BYTES);
        }
        let result = write(block);
        let bytes = block.split().freeze();
        result.map(|result| (bytes, result))
    })
}

/// Puts a small body behind its head, so that both are one slice; true when it did.
pub(super) fn inline(body: &Data, block: &mut BytesMut) -> bool {
    let fits = body.len() <= limits::HTTP_INLINE_BYTES;
    if fits {
        body.chunks().for_each(|chunk| block.extend_from_slice(chunk));
    }
    fits
}

/// Logs why a message cannot be sent and makes it the reason of a StreamEnd.
pub(crate) fn report(cx: &mut Cx<'_>, out: &Out<'_>, problem: Problem) -> Reason {
    let place = out.place();
    let error = match problem {
        Problem::Script(error) => error,
        Problem::Head(error) => crate::js::throw_error(&cx.js, &error.to_string()),
        Problem::Http2(error) => crate::js::throw_error(&cx.js, &error.to_string()),
    };
    cx.failed(&place, error)
}
