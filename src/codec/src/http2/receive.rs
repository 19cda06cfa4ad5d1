//! Bytes into events: the walk over frames, and DATA.
//!
//! For: taking frames from chunks however they are cut, data uncopied; the rules of streams. Not for: what other frames mean
//! (`blocks`, `control`). Source: RFC 9113 3.4, 4, 5.1, 6.1.
use super::config::MAX_FRAME_BYTES;
use super::error::{Fault, connection, protocol};
use super::flood::Noise;
use super::frame::{self, FrameHeader, HEADER_BYTES, flag, kind};
use super::stream::Ended;
use super::{Connection, ConnectionError, ErrorCode, Event, Role, StreamId};
use crate::Chunks;
use crate::http1::method::PREFACE;
use bytes::Bytes;

/// Where in the input we are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading {
    /// So much of the client's preface was good.
    Preface(usize),
    /// Before a frame.
    Header,
    /// In a frame that is taken whole.
    Payload(FrameHeader),
    /// Before the first octet of padded DATA, which tells how much padding there is.
    PadLength(FrameHeader),
    /// In DATA.
    Data {
        stream: StreamId,
        left: usize,
        padding: usize,
        end: bool,
    },
    /// In something that nobody wants; so much is left.
    Skip(usize),
}

/// What one step gave.
#[expect(clippy::large_enum_variant, reason = "it is moved once, straight to the caller")]
enum Step {
    Event(Event),
    Next,
    Starved,
}

impl Connection {
    /// Takes the next event. To be called until it yields `None`: after input has come, and after output was taken (there may be room).
    /// Then there may be output, even if there was no event: the peer's window may have opened.
    /// # Errors
    /// What the peer did wrong; the same error from then on. GOAWAY is in the output.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Event>, ConnectionError> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            if let Some(error) = self.failed {
                return Err(error);
            }
            let fault = match self.step(input) {
                Ok(Step::Event(event)) => return Ok(Some(event)),
                Ok(Step::Next) => continue,
                Ok(Step::Starved) => return Ok(None),
                Err(fault) => fault,
            };
            let failure = match fault {
                Fault::Connection(error) => Some(error),
                Fault::Stream(stream, code) => match self.stream_fault(stream, code) {
                    Err(Fault::Connection(error)) => Some(error),
                    _ => None,
                },
            };
            if let Some(error) = failure {
                self.fail(error);
            }
        }
    }

    /// Resets a stream for the peer's fault.
    fn stream_fault(&mut self, id: StreamId, code: ErrorCode) -> Result<(), Fault> {
        frame::put_reset(&mut self.out, id, code);
        if self.is_open(id) {
            self.pending.push_back(Event::Reset {
                stream: id,
                code,
                by_peer: false,
            });
            self.close(id, Ended::ByUs);
        } else {
            self.streams.remember(id, Ended::ByUs);
        }
        self.control(13)?;
        self.spend_reset()
    }

    /// Counts a stream that came to nothing.
    pub(super) fn spend_reset(&mut self) -> Result<(), Fault> {
        match self.role {
            Role::Server => self.floods.spend(Noise::Reset, &self.config),
            Role::Client => Ok(()),
        }
    }

    fn step(&mut self, input: &mut Chunks) -> Result<Step, Fault> {
        match self.reading {
            Reading::Header => self.start_frame(input),
            Reading::Data {
                stream,
                left,
                padding,
                end,
            } => {
                let Some(bytes) = input.take_front(left) else {
                    return Ok(Step::Starved);
                };
                let left = left - bytes.len();
                self.reading = match left {
                    0 => Self::skip(padding),
                    _ => Reading::Data {
                        stream,
                        left,
                        padding,
                        end,
                    },
                };
                Ok(self.data(stream, bytes, end && left == 0))
            }
            Reading::PadLength(header) => {
                let Some(&padding) = input.front().first() else {
                    return Ok(Step::Starved);
                };
                input.advance(1);
                self.start_data(header, Some(padding))
            }
            Reading::Skip(left) => {
                let taken = left.min(input.len());
                input.advance(taken);
                self.reading = Self::skip(left - taken);
                Ok(if taken < left { Step::Starved } else { Step::Next })
            }
            Reading::Payload(header) => {
                let front = input.front();
                if self.partial.is_empty() && front.len() >= header.len {
                    let payload = front.get(..header.len).unwrap_or_default();
                    let result = self.payload(header, payload);
                    input.advance(header.len);
                    self.reading = Reading::Header;
                    return step_of(result);
                }
                if !self.gather(input, header.len) {
                    return Ok(Step::Starved);
                }
                let payload = std::mem::take(&mut self.partial);
                self.reading = Reading::Header;
                let result = self.payload(header, &payload);
                self.partial = payload;
                self.partial.clear();
                step_of(result)
            }
            Reading::Preface(good) => {
                let front = input.front();
                if front.is_empty() {
                    return Ok(Step::Starved);
                }
                let rest = PREFACE.get(good..).unwrap_or_default();
                let count = rest.len().min(front.len());
                if front.get(..count) != rest.get(..count) {
                    return Err(protocol("the preface is not that of http/2"));
                }
                input.advance(count);
                self.reading = match count == rest.len() {
                    true => Reading::Header,
                    false => Reading::Preface(good + count),
                };
                Ok(Step::Next)
            }
        }
    }

    fn skip(left: usize) -> Reading {
        match left {
            0 => Reading::Header,
            _ => Reading::Skip(left),
        }
    }

    /// Moves input to `partial` until that has `len` bytes; false: there are not enough.
    fn gather(&mut self, input: &mut Chunks, len: usize) -> bool {
        while self.partial.len() < len {
            let Some(bytes) = input.take_front(len - self.partial.len()) else {
                return false;
            };
            self.partial.extend_from_slice(&bytes);
        }
        true
    }

    fn start_frame(&mut self, input: &mut Chunks) -> Result<Step, Fault> {
        let front = input.front();
        let header = match front.first_chunk::<HEADER_BYTES>() {
            Some(octets) if self.partial.is_empty() => {
                let header = FrameHeader::read(octets);
                self.check_header(header)?;
                // The usual case: the frame lies in one chunk.
                let end = HEADER_BYTES + header.len;
                if header.kind != kind::DATA
                    && header.kind <= kind::CONTINUATION
                    && let Some(payload) = front.get(HEADER_BYTES..end)
                {
                    let result = self.payload(header, payload);
                    input.advance(end);
                    return step_of(result);
                }
                input.advance(HEADER_BYTES);
                header
            }
            _ => {
                if !self.gather(input, HEADER_BYTES) {
                    return Ok(Step::Starved);
                }
                let header = FrameHeader::read(self.partial.first_chunk().unwrap_or(&[0; HEADER_BYTES]));
                self.partial.clear();
                self.check_header(header)?;
                header
            }
        };
        match header.kind {
            kind::DATA if header.has(flag::PADDED) && header.len > 0 => self.reading = Reading::PadLength(header),
            kind::DATA => return self.start_data(header, None),
            kind::HEADERS..=kind::CONTINUATION => self.reading = Reading::Payload(header),
            _ => {
                self.reading = Self::skip(header.len);
                self.floods.spend(Noise::Priority, &self.config)?;
            }
        }
        Ok(Step::Next)
    }

    /// What can be said of a frame before its payload has come.
    fn check_header(&mut self, header: FrameHeader) -> Result<(), Fault> {
        if header.len > MAX_FRAME_BYTES {
            return Err(connection(ErrorCode::FRAME_SIZE_ERROR, "frame larger than 16384 bytes"));
        }
        if !self.peer.is_known {
            if header.kind != kind::SETTINGS || header.has(flag::ACK) {
                return Err(protocol("the first frame is not SETTINGS"));
            }
            self.peer.is_known = true;
            self.peer.max_streams = u32::MAX;
        }
        match self.block_of {
            Some(block) if header.kind != kind::CONTINUATION || header.stream != block.stream => {
                Err(protocol("a frame inside a header block"))
            }
            None if header.kind == kind::CONTINUATION => Err(protocol("CONTINUATION without a header block")),
            _ => Ok(()),
        }
    }

    fn payload(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Option<Event>, Fault> {
        match header.kind {
            kind::HEADERS => self.headers(header, payload),
            kind::CONTINUATION => self.continuation(header, payload),
            _ => self.control_frame(header, payload),
        }
    }

    /// Judges a DATA frame. `padding`: what its first octet says, which has been taken.
    fn start_data(&mut self, header: FrameHeader, padding: Option<u8>) -> Result<Step, Fault> {
        let id = header.stream;
        if id == 0 || self.is_idle_stream(id) {
            return Err(protocol("DATA on a stream that was not opened"));
        }
        let overhead = padding.map_or(0, |padding| usize::from(padding) + 1);
        let Some(left) = header.len.checked_sub(overhead) else {
            return Err(protocol("more padding than frame"));
        };
        if header.has(flag::PADDED) && padding.is_none() {
            return Err(connection(
                ErrorCode::FRAME_SIZE_ERROR,
                "padded DATA without padding length",
            ));
        }
        let rest = header.len - usize::from(padding.is_some());
        let end = header.has(flag::END_STREAM);
        self.recv_window -= header.len as i64;
        if self.recv_window < 0 {
            return Err(connection(
                ErrorCode::FLOW_CONTROL_ERROR,
                "more data than the connection's window",
            ));
        }
        // Whatever goes wrong with the stream, the frame's bytes are skipped and count for the connection.
        self.reading = Self::skip(rest);
        let verdict = self.judge_data(id, header.len, left, end);
        if !matches!(verdict, Ok(true)) {
            self.give_back(header.len as u32);
            return verdict.map(|_| Step::Next);
        }
        if left == 0 && !end {
            self.floods.spend(Noise::Empty, &self.config)?;
        } else {
            self.floods.useful();
        }
        if overhead > 0 {
            self.give_back(overhead as u32);
            self.give_back_on(id, overhead as u32);
        }
        if left == 0 {
            return Ok(if end {
                self.data(id, Bytes::new(), true)
            } else {
                Step::Next
            });
        }
        self.reading = Reading::Data {
            stream: id,
            left,
            padding: rest - left,
            end,
        };
        Ok(Step::Next)
    }

    /// Whether a DATA frame is wanted; false: it is too late, and to be ignored.
    fn judge_data(&mut self, id: StreamId, size: usize, content: usize, end: bool) -> Result<bool, Fault> {
        let Some(stream) = self.streams.get_mut(id) else {
            return match self.streams.how_ended(id) {
                Some(Ended::ByUs) => Ok(false),
                Some(Ended::Normally) => Err(connection(ErrorCode::STREAM_CLOSED, "DATA after the end of a stream")),
                Some(Ended::ByPeer) | None => Err(Fault::Stream(id, ErrorCode::STREAM_CLOSED)),
            };
        };
        if !stream.recv_open {
            return Err(Fault::Stream(id, ErrorCode::STREAM_CLOSED));
        }
        if !stream.head_received {
            return Err(Fault::Stream(id, ErrorCode::PROTOCOL_ERROR));
        }
        stream.recv_window -= size as i64;
        if stream.recv_window < 0 {
            return Err(Fault::Stream(id, ErrorCode::FLOW_CONTROL_ERROR));
        }
        if let Some(length) = &mut stream.content_left {
            match length.checked_sub(content as u64) {
                Some(left) if !end || left == 0 => *length = left,
                _ => return Err(Fault::Stream(id, ErrorCode::PROTOCOL_ERROR)),
            }
        }
        Ok(true)
    }

    /// Passes a piece of data on.
    fn data(&mut self, id: StreamId, bytes: Bytes, end: bool) -> Step {
        let count = bytes.len() as u32;
        let Some(stream) = self.streams.get_mut(id) else {
            // It was reset since the frame began.
            self.give_back(count);
            return Step::Next;
        };
        stream.owed += count;
        self.owed += u64::from(count);
        if end {
            stream.recv_open = false;
            self.close_if_done(id);
        }
        Step::Event(Event::Data { stream: id, bytes, end })
    }

    /// Nobody has opened that stream yet.
    pub(super) fn is_idle_stream(&self, id: StreamId) -> bool {
        match self.role {
            Role::Server => id.is_multiple_of(2) || id > self.last_peer,
            Role::Client => id.is_multiple_of(2) || id >= self.next_id,
        }
    }

    /// A stream's fault, or the connection's if there is no such stream that could be reset.
    pub(super) fn stream_or_connection(&mut self, id: StreamId, code: ErrorCode) -> Fault {
        if self.is_idle_stream(id) {
            if self.role == Role::Client || id.is_multiple_of(2) {
                return connection(code, "malformed frame for a stream that was not opened");
            }
            self.last_peer = self.last_peer.max(id);
        }
        Fault::Stream(id, code)
    }
}

fn step_of(result: Result<Option<Event>, Fault>) -> Result<Step, Fault> {
    result.map(|event| event.map_or(Step::Next, Step::Event))
}
