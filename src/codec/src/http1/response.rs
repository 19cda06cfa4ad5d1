//! Responses out of bytes: the client's side.
//!
//! Source: RFC 9112 4, 6.3, 9.2; RFC 9110 15; pipyjs/http.md sections 2 and 5.
use super::framing::Length;
use super::machine::{After, Machine, Side};
use super::parse::Layout;
use super::{Error, Frame, Limits, Method, ResponseHead, Tail, framing, parse, scan};
use crate::Chunks;
use bytes::Bytes;
use std::collections::VecDeque;

/// What kind of request a response answers, as far as its framing depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// HEAD: no body whatever the headers say.
    Head,
    /// CONNECT: a 2xx opens a tunnel.
    Connect,
    /// All else.
    Other,
}

impl From<&Method> for Expect {
    fn from(method: &Method) -> Self {
        match method {
            Method::Head => Self::Head,
            Method::Connect => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Decodes the responses of one connection, in the order of the requests.
///
/// 1xx responses (but 101) are messages of their own and answer nothing: the expectation stays for the next one.
/// After 101 and after a 2xx to CONNECT all further bytes are `Frame::Raw`; whether that was asked for is the caller's to check.
#[derive(Debug)]
pub struct ResponseDecoder {
    machine: Machine,
    /// Bound: the caller's number of requests in flight.
    expected: VecDeque<Expect>,
}

impl ResponseDecoder {
    /// A decoder for a new connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            machine: Machine::new(limits),
            expected: VecDeque::new(),
        }
    }

    /// A request was sent: its response comes after those expected so far. A response that nobody expects is read as `Expect::Other`.
    pub fn expect(&mut self, request: Expect) {
        self.expected.push_back(request);
    }

    /// Requests whose final response head has not been decoded. 0 when a head comes: it was unsolicited.
    pub fn pending(&self) -> usize {
        self.expected.len()
    }

    /// Takes from `input` what makes one frame. `None`: more input is needed.
    /// # Errors
    /// See `Error`; the same error again on every later call. A proxy answers 502.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Frame<ResponseHead>>, Error> {
        self.machine.decode(
            input,
            &mut Responses {
                expected: &mut self.expected,
            },
        )
    }

    /// Right after `decode` has yielded a head: the body and the end of its message at once, if all of that is in the first chunk of `input`.
    /// `None`, and nothing is taken: go on with `decode`. A chunked body always takes that way.
    pub fn rest(&mut self, input: &mut Chunks) -> Option<(Bytes, Tail)> {
        self.machine.rest(input)
    }

    /// The peer has closed, and `decode` has yielded `None`. Yields the end of a body that lasts until then; `None` between messages
    /// (with `pending() > 0`: closed without an answer).
    /// # Errors
    /// `Truncated` inside a message of known framing; an earlier error again.
    pub fn finish(&mut self) -> Result<Option<Frame<ResponseHead>>, Error> {
        self.machine.finish()
    }

    /// Back to the state of a new connection; expectations are dropped.
    pub fn reset(&mut self) {
        self.machine.reset();
        self.expected.clear();
    }

    /// From here on all bytes are a tunnel's: `Frame::Raw`. Bytes of an unfinished head go back to `input`.
    pub fn start_raw(&mut self, input: &mut Chunks) {
        self.machine.start_raw(input);
    }

    /// Bytes of an unfinished head or trailer block that are held back. Bound: `Limits::max_total_head_bytes`.
    pub fn held_bytes(&self) -> usize {
        self.machine.held_bytes()
    }

    /// Whether it stands between two messages, with no byte of the next one taken.
    pub fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }

    /// Whether the body being decoded ends with the connection: it cannot be reused.
    pub fn reads_until_eof(&self) -> bool {
        self.machine.reads_until_eof()
    }
}

/// The responses' side of the machine.
struct Responses<'a> {
    expected: &'a mut VecDeque<Expect>,
}

impl Side for Responses<'_> {
    type Head = ResponseHead;

    fn scan(bytes: &[u8], limits: &Limits) -> Option<Layout> {
        scan::response(bytes, limits)
    }

    fn start(line: &[u8], _: bool) -> Result<bool, Error> {
        parse::check_response_start(line)
    }

    fn read(bytes: &[u8]) -> Result<Option<Layout>, Error> {
        parse::response(bytes)
    }

    fn build(&mut self, block: Bytes, layout: Layout) -> Result<(ResponseHead, Length, After), Error> {
        let head = layout.into_response(block);
        let to = self.expected.front().copied().unwrap_or(Expect::Other);
        let length = framing::of_response(&head, to)?;
        let tunnels = head.is_upgrade() || (to == Expect::Connect && (200..300).contains(&head.status));
        if !head.is_interim() {
            self.expected.pop_front();
        }
        let after = match (tunnels, length) {
            (true, _) => After::Raw,
            (false, Length::UntilEof) => After::Eof,
            (false, _) => After::Head,
        };
        Ok((head, length, after))
    }
}
