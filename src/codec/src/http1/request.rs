//! Requests out of bytes: the server's side.
//!
//! Source: RFC 9112 3, 6.3, 9.2, 9.3; pipyjs/http.md sections 2 and 4.
use super::framing::Length;
use super::machine::{After, Machine, Side};
use super::method::check_request_start;
use super::parse::Layout;
use super::{Error, Frame, Limits, RequestHead, Tail, framing, parse, scan};
use crate::Chunks;
use bytes::Bytes;

/// Decodes the requests of one connection, pipelined ones too.
///
/// After a CONNECT or an upgrade request it **pauses**: what follows is either a tunnel or the next request, and only the response tells.
/// Call `start_raw` (2xx to CONNECT, 101) or `resume` (anything else); until then `decode` yields `None` and leaves the input alone.
#[derive(Debug)]
pub struct RequestDecoder {
    machine: Machine,
}

impl RequestDecoder {
    /// A decoder for a new connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            machine: Machine::new(limits),
        }
    }

    /// Takes from `input` what makes one frame. `None`: more input is needed, or the decoder is paused.
    /// # Errors
    /// See `Error`; the same error again on every later call. `Http2Preface` leaves the preface in `input`.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Frame<RequestHead>>, Error> {
        self.machine.decode(input, &mut Requests)
    }

    /// Right after `decode` has yielded a head: the body and the end of its message at once, if all of that is in the first chunk of `input`.
    /// `None`, and nothing is taken: go on with `decode`. A chunked body always takes that way.
    pub fn rest(&mut self, input: &mut Chunks) -> Option<(Bytes, Tail)> {
        self.machine.rest(input)
    }

    /// The peer has closed, and `decode` has yielded `None`. Never yields a frame for requests but an end that was not fetched.
    /// # Errors
    /// `Truncated` inside a message; an earlier error again.
    pub fn finish(&mut self) -> Result<Option<Frame<RequestHead>>, Error> {
        self.machine.finish()
    }

    /// Back to the state of a new connection.
    pub fn reset(&mut self) {
        self.machine.reset();
    }

    /// From here on all bytes are a tunnel's: `Frame::Raw`. Bytes of an unfinished head go back to `input`.
    pub fn start_raw(&mut self, input: &mut Chunks) {
        self.machine.start_raw(input);
    }

    /// The response did not open a tunnel: the next bytes are a request again. Does nothing unless paused.
    pub fn resume(&mut self) {
        self.machine.resume();
    }

    /// Whether it waits for `start_raw` or `resume`.
    pub fn is_paused(&self) -> bool {
        self.machine.is_paused()
    }

    /// Bytes of an unfinished head or trailer block that are held back. Bound: `Limits::max_total_head_bytes`.
    pub fn held_bytes(&self) -> usize {
        self.machine.held_bytes()
    }

    /// Whether it stands between two messages, with no byte of the next one taken.
    pub fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }
}

/// The requests' side of the machine.
struct Requests;

impl Side for Requests {
    type Head = RequestHead;

    fn scan(bytes: &[u8], limits: &Limits) -> Option<Layout> {
        scan::request(bytes, limits)
    }

    fn start(line: &[u8], fresh: bool) -> Result<bool, Error> {
        check_request_start(line, fresh)
    }

    fn read(bytes: &[u8]) -> Result<Option<Layout>, Error> {
        parse::request(bytes)
    }

    fn build(&mut self, block: Bytes, layout: Layout) -> Result<(RequestHead, Length, After), Error> {
        let head = layout.into_request(block)?;
        let length = framing::of_request(&head)?;
        let after = if head.may_tunnel() { After::Pause } else { After::Head };
        Ok((head, length, after))
    }
}
