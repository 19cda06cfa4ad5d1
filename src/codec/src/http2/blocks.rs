//! Header blocks into heads and trailers, and the streams that they open and end.
//!
//! Source: RFC 9113 5.1, 5.1.1, 6.2, 6.10, 8.1.
use super::connection::Leaving;
use super::error::{Fault, connection, protocol};
use super::flood::Noise;
use super::frame::{self, FrameHeader, flag};
use super::stream::Ended;
use super::{Connection, ErrorCode, Event, Role, StreamId};
use crate::http1::{Method, RequestHead, ResponseHead};

/// A header block that is not complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) stream: StreamId,
    pub(super) end: bool,
    /// Its priority says that it depends on itself.
    pub(super) depends_on_itself: bool,
    pub(super) continuations: u32,
}

/// The request that came last: peers that repeat one send the same few octets again and again, and comparing those is cheaper than
/// decoding them.
#[derive(Debug, Default)]
pub(super) struct Repeat {
    block: Vec<u8>,
    /// State of the table that this holds for.
    changes: u32,
    /// Once the block came twice.
    request: Option<(RequestHead, Option<u64>)>,
}

/// Longer blocks are not kept.
const REPEAT_BYTES: usize = 256;

impl Repeat {
    /// Whether the block would be decoded to the request that is kept.
    fn is_ready(&self, block: &[u8], changes: u32) -> bool {
        self.request.is_some() && self.changes == changes && self.block == block
    }

    /// Notes what a block, which has not changed the table, was decoded to.
    fn note(&mut self, block: &[u8], changes: u32, request: &(RequestHead, Option<u64>)) {
        if block.len() > REPEAT_BYTES {
            return;
        }
        if self.changes == changes && self.block == block {
            self.request = Some(request.clone());
            return;
        }
        self.changes = changes;
        self.block.clear();
        self.block.extend_from_slice(block);
    }
}

impl Connection {
    pub(super) fn headers(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Option<Event>, Fault> {
        if header.stream == 0 {
            return Err(protocol("HEADERS on stream 0"));
        }
        let mut fragment = payload;
        if header.has(flag::PADDED) {
            let Some((&padding, rest)) = fragment.split_first() else {
                return Err(connection(
                    ErrorCode::FRAME_SIZE_ERROR,
                    "padded HEADERS without padding length",
                ));
            };
            let Some(end) = rest.len().checked_sub(usize::from(padding)) else {
                return Err(protocol("more padding than frame"));
            };
            fragment = rest.get(..end).unwrap_or_default();
        }
        let mut depends_on_itself = false;
        if header.has(flag::PRIORITY) {
            let Some((priority, rest)) = fragment.split_at_checked(5) else {
                return Err(connection(
                    ErrorCode::FRAME_SIZE_ERROR,
                    "HEADERS too short for its priority",
                ));
            };
            depends_on_itself = frame::read_u31(priority) == header.stream;
            fragment = rest;
        }
        let block = Block {
            stream: header.stream,
            end: header.has(flag::END_STREAM),
            depends_on_itself,
            continuations: 0,
        };
        if header.has(flag::END_HEADERS) {
            return self.block_done(block, fragment);
        }
        if fragment.is_empty() {
            self.floods.spend(Noise::Empty, &self.config)?;
        }
        self.block.clear();
        self.block.extend_from_slice(fragment);
        self.block_of = Some(block);
        Ok(None)
    }

    pub(super) fn continuation(&mut self, header: FrameHeader, payload: &[u8]) -> Result<Option<Event>, Fault> {
        let Some(block) = &mut self.block_of else {
            return Err(protocol("CONTINUATION without a header block"));
        };
        block.continuations += 1;
        let block = *block;
        if block.continuations > self.config.max_continuations
            || self.block.len() + payload.len() > self.config.max_header_block_bytes
        {
            return Err(connection(ErrorCode::ENHANCE_YOUR_CALM, "flood of CONTINUATION frames"));
        }
        self.block.extend_from_slice(payload);
        if !header.has(flag::END_HEADERS) {
            if payload.is_empty() {
                self.floods.spend(Noise::Empty, &self.config)?;
            }
            return Ok(None);
        }
        self.block_of = None;
        let bytes = std::mem::take(&mut self.block);
        let result = self.block_done(block, &bytes);
        self.block = bytes;
        self.block.clear();
        result
    }

    /// A whole header block.
    fn block_done(&mut self, block: Block, bytes: &[u8]) -> Result<Option<Event>, Fault> {
        let is_new = self.role == Role::Server && self.is_idle_stream(block.stream) && !block.depends_on_itself;
        let changes = self.decoder.changes();
        if is_new && self.repeat.is_ready(bytes, changes) {
            return self.request(block, bytes, changes);
        }
        self.repeat.request = None;
        self.fields.start();
        if self.decoder.decode(bytes, &mut self.fields).is_none() {
            return Err(connection(
                ErrorCode::COMPRESSION_ERROR,
                "header block cannot be decoded",
            ));
        }
        if block.depends_on_itself {
            return Err(self.stream_or_connection(block.stream, ErrorCode::PROTOCOL_ERROR));
        }
        let id = block.stream;
        if let Some(stream) = self.streams.get(id) {
            if !stream.recv_open {
                return Err(Fault::Stream(id, ErrorCode::STREAM_CLOSED));
            }
            return match stream.head_received {
                true => self.trailers(block),
                false => self.response(block),
            };
        }
        if self.is_idle_stream(id) {
            return match self.role {
                Role::Server => self.request(block, bytes, changes),
                Role::Client => Err(protocol("server opened a stream")),
            };
        }
        match self.streams.how_ended(id) {
            // On its way when we reset it.
            Some(Ended::ByUs) => self.floods.spend(Noise::Empty, &self.config).map(|()| None),
            Some(_) => Err(connection(
                ErrorCode::STREAM_CLOSED,
                "HEADERS after the end of a stream",
            )),
            None => Err(protocol("HEADERS on a stream number that was passed over")),
        }
    }

    /// A new stream. `changes`: the table's state before the block was decoded.
    fn request(&mut self, block: Block, bytes: &[u8], changes: u32) -> Result<Option<Event>, Fault> {
        let id = block.stream;
        if id.is_multiple_of(2) {
            return Err(protocol("client opened a stream with an even number"));
        }
        self.last_peer = id;
        let is_refused = matches!(self.leaving, Leaving::After(_))
            || self.streams.len() >= self.config.max_concurrent_streams as usize;
        if is_refused {
            return Err(Fault::Stream(id, ErrorCode::REFUSED_STREAM));
        }
        let (head, content_length) = match &self.repeat.request {
            Some(known) => known.clone(),
            None if self.fields.seen.too_large => return self.answer_too_large(block).map(|()| None),
            None => match self.fields.take_request() {
                Ok(request) => {
                    if changes == self.decoder.changes() {
                        self.repeat.note(bytes, changes, &request);
                    }
                    request
                }
                Err(_) => return Err(Fault::Stream(id, ErrorCode::PROTOCOL_ERROR)),
            },
        };
        if block.end && content_length.is_some_and(|length| length > 0) {
            return Err(Fault::Stream(id, ErrorCode::PROTOCOL_ERROR));
        }
        self.floods.opened();
        let stream = self.streams.open(id, self.stream_window, self.peer.window);
        stream.head_received = true;
        stream.recv_open = !block.end;
        stream.content_left = content_length.filter(|_| head.method != Method::Connect);
        Ok(Some(Event::Request {
            stream: id,
            head,
            end: block.end,
        }))
    }

    /// 431, and no more of that stream.
    fn answer_too_large(&mut self, block: Block) -> Result<(), Fault> {
        let head = ResponseHead {
            status: 431,
            ..ResponseHead::default()
        };
        let before = self.out.len();
        // The head is sendable: there is no error to pass on.
        if self.put_response(block.stream, &head, true).is_ok() && !block.end {
            frame::put_reset(&mut self.out, block.stream, ErrorCode::NO_ERROR);
        }
        self.streams.remember(block.stream, Ended::ByUs);
        self.control(self.out.len().saturating_sub(before))?;
        self.spend_reset()
    }

    fn response(&mut self, block: Block) -> Result<Option<Event>, Fault> {
        let id = block.stream;
        if self.fields.seen.too_large {
            return Err(Fault::Stream(id, ErrorCode::ENHANCE_YOUR_CALM));
        }
        let malformed = Fault::Stream(id, ErrorCode::PROTOCOL_ERROR);
        let Ok((head, content_length)) = self.fields.take_response() else {
            return Err(malformed);
        };
        if head.is_interim() {
            // Many of them are noise.
            self.floods.spend(Noise::Empty, &self.config)?;
            return match block.end {
                true => Err(malformed),
                false => Ok(Some(Event::Response {
                    stream: id,
                    head,
                    end: false,
                })),
            };
        }
        self.floods.useful();
        let Some(stream) = self.streams.get_mut(id) else {
            return Ok(None);
        };
        stream.head_received = true;
        stream.content_left = match head.status {
            _ if stream.to_head => Some(0),
            204 | 304 => Some(0),
            200..300 if stream.to_connect => None,
            _ if block.end && content_length.is_some_and(|length| length > 0) => return Err(malformed),
            _ => content_length,
        };
        if block.end {
            stream.recv_open = false;
            self.close_if_done(id);
        }
        Ok(Some(Event::Response {
            stream: id,
            head,
            end: block.end,
        }))
    }

    fn trailers(&mut self, block: Block) -> Result<Option<Event>, Fault> {
        let id = block.stream;
        if self.fields.seen.too_large {
            return Err(Fault::Stream(id, ErrorCode::ENHANCE_YOUR_CALM));
        }
        let malformed = Fault::Stream(id, ErrorCode::PROTOCOL_ERROR);
        let (Ok(headers), true) = (self.fields.take_trailers(), block.end) else {
            return Err(malformed);
        };
        let Some(stream) = self.streams.get_mut(id) else {
            return Ok(None);
        };
        if stream.content_left.is_some_and(|left| left > 0) {
            return Err(malformed);
        }
        stream.recv_open = false;
        self.close_if_done(id);
        Ok(Some(Event::Trailers { stream: id, headers }))
    }
}
