//! Messages into frames.
//!
//! For: heads, data and ends in the order that each stream needs, and a fair turn for each stream that has data. Heads are written when
//! they are given; data is written when the output is taken, unless it is small and nothing stands in its way.
//! Source: RFC 9113 5.2, 6.1, 6.2, 8.1.
use super::config::MAX_FRAME_BYTES;
use super::frame::{self, FrameHeader, HEADER_BYTES, flag, kind};
use super::hpack::Encoder;
use super::stream::{COPIED_BYTES, Stream};
use super::{Connection, Role, Room, SendError, StreamId, head};
use crate::http1::{Headers, Method, RequestHead, ResponseHead};
use bytes::{BufMut, Bytes, BytesMut};

/// With more than this in the output, data waits for its turn.
const EAGER_BYTES: usize = 64 << 10;

impl Connection {
    /// Client: sends a request on a new stream; `end`: it has no body. Of `host`, `authority` and the target, what is there becomes
    /// `:authority`; headers about an HTTP/1 connection are left out.
    /// # Errors
    /// `TooManyStreams`, `GoingAway`, `Unsendable`; `Order` on a server.
    pub fn send_request(&mut self, head: &RequestHead, end: bool) -> Result<StreamId, SendError> {
        if let Some(refusal) = self.refuses_request() {
            return Err(refusal);
        }
        let id = self.next_id;
        self.put_head(id, end, |encoder, out| head::encode_request(head, encoder, out))?;
        self.next_id += 2;
        let stream = self.streams.open(id, self.stream_window, self.peer.window);
        stream.head_sent = true;
        stream.to_head = head.method == Method::Head;
        stream.to_connect = head.method == Method::Connect;
        stream.send_open = !end;
        stream.send_done = end;
        Ok(id)
    }

    /// Why there can be no new stream now.
    pub(super) fn refuses_request(&self) -> Option<SendError> {
        let is_leaving = self.left.is_some()
            || self.leaving != super::connection::Leaving::No
            || self.failed.is_some()
            || self.next_id > (1 << 31) - 1;
        if self.role == Role::Server {
            Some(SendError::Order)
        } else if is_leaving {
            Some(SendError::GoingAway)
        } else if self.streams.len() >= self.peer.max_streams as usize {
            Some(SendError::TooManyStreams)
        } else {
            None
        }
    }

    /// Server: sends the head of a response. Those with 1xx may come before it; their `end` is ignored.
    ///
    /// Nobody checks here that HEAD, 204 and 304 are answered without a body.
    /// # Errors
    /// `Closed`, `Order`, `Unsendable`.
    pub fn send_response(&mut self, stream: StreamId, head: &ResponseHead, end: bool) -> Result<(), SendError> {
        let open = self.sending(stream)?;
        if open.head_sent {
            return Err(SendError::Order);
        }
        let is_final = !head.is_interim();
        let end = end && is_final;
        self.put_response(stream, head, end)?;
        if let Some(open) = self.streams.get_mut(stream) {
            open.head_sent = is_final;
            open.send_open = !end;
            open.send_done = end;
        }
        if end {
            self.close_if_done(stream);
        }
        Ok(())
    }

    pub(super) fn put_response(&mut self, id: StreamId, head: &ResponseHead, end: bool) -> Result<(), SendError> {
        self.put_head(id, end, |encoder, out| head::encode_response(head, encoder, out))
    }

    /// Sends a piece of the body, the last one with `end` (which may be empty). What cannot be sent yet is kept; `Room::Full` asks to
    /// stop until `Event::Room`.
    /// # Errors
    /// `Closed`, `Order`.
    pub fn send_data(&mut self, stream: StreamId, bytes: Bytes, end: bool) -> Result<Room, SendError> {
        let is_free = self.ready.is_empty() && self.out.len() + self.segments.len() < EAGER_BYTES;
        let (connection_window, most) = (self.send_window, self.max_frame());
        let most_queued = self.config.send_buffer_bytes;
        let open = self.sending(stream)?;
        if !open.head_sent {
            return Err(SendError::Order);
        }
        open.send_open = !end;
        let count = bytes.len();
        if count == 0 && (!end || open.queued > 0) {
            return Ok(Room::Left);
        }
        let window = open.send_window.min(connection_window);
        let fits = count == 0 || (is_free && count <= COPIED_BYTES.min(most) && count as i64 <= window);
        if open.queued == 0 && fits {
            open.send_window -= count as i64;
            open.send_done = end;
            self.send_window -= count as i64;
            self.has_data = true;
            frame::put_header(&mut self.out, count, kind::DATA, Self::end_flag(end), stream);
            self.out.extend_from_slice(&bytes);
            self.floods.sent(count);
            if end {
                self.close_if_done(stream);
            }
            return Ok(Room::Left);
        }
        open.queued += count;
        open.keep(bytes);
        let is_full = !end && open.queued > most_queued;
        open.wants_room |= is_full;
        if !open.is_ready && open.send_window > 0 {
            open.is_ready = true;
            self.ready.push_back(stream);
        }
        Ok(if is_full { Room::Full } else { Room::Left })
    }

    /// Ends a body with trailers.
    /// # Errors
    /// `Closed`, `Order`.
    pub fn send_trailers(&mut self, stream: StreamId, headers: Headers) -> Result<(), SendError> {
        let open = self.sending(stream)?;
        if !open.head_sent {
            return Err(SendError::Order);
        }
        open.send_open = false;
        if open.queued > 0 {
            open.trailers = Some(Box::new(headers));
            return Ok(());
        }
        self.put_trailers(stream, &headers)
    }

    fn put_trailers(&mut self, id: StreamId, headers: &Headers) -> Result<(), SendError> {
        self.put_head(id, true, |encoder, out| {
            head::encode_trailers(headers, encoder, out);
            Ok(())
        })?;
        if let Some(stream) = self.streams.get_mut(id) {
            stream.send_done = true;
        }
        self.close_if_done(id);
        Ok(())
    }

    /// How many more bytes that stream takes before it is full; 0 if it has ended.
    pub fn room(&self, stream: StreamId) -> usize {
        self.streams
            .get(stream)
            .map_or(0, |open| self.config.send_buffer_bytes.saturating_sub(open.queued))
    }

    fn sending(&mut self, id: StreamId) -> Result<&mut Stream, SendError> {
        if self.failed.is_some() {
            return Err(SendError::Closed);
        }
        let stream = self.streams.get_mut(id).ok_or(SendError::Closed)?;
        if stream.send_open {
            Ok(stream)
        } else {
            Err(SendError::Order)
        }
    }

    fn max_frame(&self) -> usize {
        self.peer.max_frame.min(MAX_FRAME_BYTES)
    }

    /// Writes a header block as HEADERS and, where it is too long for a frame, CONTINUATION.
    fn put_head(
        &mut self,
        id: StreamId,
        end: bool,
        encode: impl FnOnce(&mut Encoder, &mut BytesMut) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let start = self.out.len();
        self.out.reserve(256);
        self.out.put_bytes(0, HEADER_BYTES);
        if let Err(error) = encode(&mut self.encoder, &mut self.out) {
            self.out.truncate(start);
            return Err(error);
        }
        let len = self.out.len() - start - HEADER_BYTES;
        let flags = Self::end_flag(end);
        if len <= self.max_frame() {
            let header = FrameHeader {
                len,
                kind: kind::HEADERS,
                flags: flags | flag::END_HEADERS,
                stream: id,
            };
            if let Some(place) = self.out.get_mut(start..start + HEADER_BYTES) {
                place.copy_from_slice(&header.octets());
            }
            return Ok(());
        }
        let block = self.out.split_off(start + HEADER_BYTES);
        self.out.truncate(start);
        let mut fragments = block.chunks(self.max_frame()).peekable();
        let mut next = (kind::HEADERS, flags);
        while let Some(fragment) = fragments.next() {
            let last = if fragments.peek().is_none() {
                flag::END_HEADERS
            } else {
                0
            };
            frame::put_header(&mut self.out, fragment.len(), next.0, next.1 | last, id);
            self.out.extend_from_slice(fragment);
            next = (kind::CONTINUATION, 0);
        }
        Ok(())
    }

    // Output

    /// Whether `take_output` would give something.
    pub fn has_output(&self) -> bool {
        !self.out.is_empty() || !self.segments.is_empty() || (!self.ready.is_empty() && self.send_window > 0)
    }

    /// Moves output to `into`: everything but data that waits, and of that about `most` bytes, each stream in its turn. To be called
    /// after `decode` and after sending, whenever the socket takes more; then `decode` again, for there may be room. True when data of
    /// streams was among it: not only heads, and frames about the connection.
    pub fn take_output(&mut self, most: usize, into: &mut impl Extend<Bytes>) -> bool {
        let mut written = 0;
        while written < most && self.send_window > 0 {
            let Some(id) = self.ready.pop_front() else { break };
            written += self.put_data(id);
        }
        while let Some(segment) = self.segments.pop_front() {
            into.extend([segment]);
        }
        if !self.out.is_empty() {
            into.extend([self.out.split().freeze()]);
        }
        self.control_bytes = 0;
        std::mem::take(&mut self.has_data)
    }

    /// Writes one frame of a stream's data; yields its size.
    fn put_data(&mut self, id: StreamId) -> usize {
        let max_frame = self.max_frame();
        let Some(stream) = self.streams.get_mut(id) else {
            return 0;
        };
        stream.is_ready = false;
        let window = usize::try_from(stream.send_window.min(self.send_window)).unwrap_or(0);
        let count = stream.queued.min(max_frame).min(window);
        if count == 0 {
            return 0;
        }
        stream.queued -= count;
        stream.send_window -= count as i64;
        self.send_window -= count as i64;
        self.has_data = true;
        let is_last = stream.queued == 0;
        let end = is_last && !stream.send_open && stream.trailers.is_none();
        frame::put_header(&mut self.out, count, kind::DATA, Self::end_flag(end), id);
        let mut left = count;
        while left > 0 {
            let Some(piece) = stream.take(left) else { break };
            left -= piece.len();
            if piece.len() <= COPIED_BYTES {
                self.out.extend_from_slice(&piece);
            } else {
                self.segments.push(self.out.split().freeze());
                self.segments.push(piece);
            }
        }
        if !is_last && stream.send_window > 0 {
            stream.is_ready = true;
            self.ready.push_back(id);
        }
        if stream.wants_room && stream.queued <= self.config.send_buffer_bytes / 2 {
            stream.wants_room = false;
            self.pending.push_back(super::Event::Room { stream: id });
        }
        stream.send_done = end;
        let trailers = if is_last { stream.trailers.take() } else { None };
        self.floods.sent(count);
        if let Some(trailers) = trailers {
            // Cannot fail: names and values were judged when they were put into Headers.
            let sent = self.put_trailers(id, &trailers);
            debug_assert!(sent.is_ok(), "{sent:?}");
        } else if end {
            self.close_if_done(id);
        }
        count
    }
}
