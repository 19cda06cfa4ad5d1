//! One connection: its state, and what its user asks of it that is neither receiving (`receive`) nor sending (`send`).
//!
//! Source: RFC 9113 3, 5.4, 6.5, 6.7, 6.8, 6.9.
use super::blocks::{Block, Repeat};
use super::config::{DEFAULT_WINDOW, MAX_FRAME_BYTES};
use super::error::{Fault, connection, protocol};
use super::field::Fields;
use super::flood::{Floods, Noise};
use super::frame::{self, flag, setting};
use super::hpack::{Decoder, Encoder};
use super::receive::Reading;
use super::stream::{Ended, Streams};
use super::{Config, ConnectionError, ErrorCode, Event, Role, StreamId};
use crate::Chunks;
use crate::http1::method::PREFACE;
use bytes::BytesMut;
use std::collections::VecDeque;

/// What the peer's settings say.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) max_frame: usize,
    pub(super) window: i64,
    pub(super) max_streams: u32,
    /// The first SETTINGS have come.
    pub(super) is_known: bool,
}

/// How far our own end of the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    No,
    /// GOAWAY was sent with the highest number there is: what is on its way is still taken.
    Announced,
    /// Streams above this one are refused.
    After(u32),
}

/// The payload of the PING after a first GOAWAY: once it is back, the peer knows.
pub(super) const SHUTDOWN_PING: [u8; 8] = *b"shutdown";

/// Until the peer's settings come, no more streams than this are opened: it is what the RFC advises everybody to allow.
const STREAMS_AT_FIRST: u32 = 100;

/// A connection's state machine: see the module.
#[derive(Debug)]
pub struct Connection {
    pub(super) role: Role,
    pub(super) config: Config,
    pub(super) streams: Streams,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) fields: Fields,
    pub(super) floods: Floods,
    pub(super) peer: Peer,

    pub(super) reading: Reading,
    /// What has come of a frame that lies in several chunks. Bound: one frame.
    pub(super) partial: BytesMut,
    /// The header block that CONTINUATION goes on with, and its bytes. Bound: `max_header_block_bytes`.
    pub(super) block_of: Option<Block>,
    pub(super) block: BytesMut,
    pub(super) repeat: Repeat,
    /// Events that one frame brought beside its first one. Bound: two for each stream.
    pub(super) pending: VecDeque<Event>,
    pub(super) failed: Option<ConnectionError>,

    /// What the peer may still send, on all streams.
    pub(super) recv_window: i64,
    pub(super) owed: u64,
    pub(super) credit: u32,
    /// The window that new streams have for receiving.
    pub(super) stream_window: i64,

    /// What was written since the last segment.
    pub(super) out: BytesMut,
    /// Finished segments, all before `out`.
    pub(super) segments: Chunks,
    /// Answers to control frames among it.
    pub(super) control_bytes: usize,
    /// Bytes of streams that are kept back, and of which the connection was given as many (`keep`).
    pub(super) kept: usize,
    /// Data of streams was written since output was taken.
    pub(super) has_data: bool,
    pub(super) send_window: i64,
    /// Streams with data and a window, next first.
    pub(super) ready: VecDeque<StreamId>,

    /// The highest stream that the peer opened.
    pub(super) last_peer: StreamId,
    /// The next one that we open.
    pub(super) next_id: StreamId,
    pub(super) leaving: Leaving,
    /// The peer sent GOAWAY, with this last stream.
    pub(super) left: Option<StreamId>,
    pub(super) pings: u32,
}

impl Connection {
    /// A new connection. Preface (client) and SETTINGS are in the output.
    pub fn new(role: Role, config: Config) -> Self {
        let config = config.clamped();
        let mut new = Self {
            role,
            streams: Streams::default(),
            decoder: Decoder::new(),
            encoder: Encoder::new(),
            fields: Fields::new(&config),
            floods: Floods::default(),
            peer: Peer {
                max_frame: MAX_FRAME_BYTES,
                window: i64::from(DEFAULT_WINDOW),
                max_streams: STREAMS_AT_FIRST,
                is_known: false,
            },
            reading: match role {
                Role::Server => Reading::Preface(0),
                Role::Client => Reading::Header,
            },
            partial: BytesMut::new(),
            block_of: None,
            block: BytesMut::new(),
            repeat: Repeat::default(),
            pending: VecDeque::new(),
            failed: None,
            recv_window: i64::from(config.connection_window),
            owed: 0,
            credit: 0,
            // A smaller window counts only once the peer has said that it knows (RFC 9113 6.5.3).
            stream_window: i64::from(config.stream_window.max(DEFAULT_WINDOW)),
            out: BytesMut::with_capacity(256),
            segments: Chunks::new(),
            control_bytes: 0,
            kept: 0,
            has_data: false,
            send_window: i64::from(DEFAULT_WINDOW),
            ready: VecDeque::new(),
            last_peer: 0,
            next_id: 1,
            leaving: Leaving::No,
            left: None,
            pings: 0,
            config,
        };
        new.introduce();
        new
    }

    /// A server's connection after `upgrade: h2c`: the request that came over HTTP/1, with its whole body, is stream 1, which is to be
    /// answered here. `settings` is the value of its header `http2-settings`. The answer with 101 is the caller's; the client's preface
    /// is still to come (RFC 7540 3.2; RFC 9113 has dropped it, clients have not).
    /// # Errors
    /// `PROTOCOL_ERROR` and others for settings that are none; then go on in HTTP/1.
    pub fn upgraded(config: Config, settings: &[u8]) -> Result<Self, ConnectionError> {
        let mut new = Self::new(Role::Server, config);
        let bad = ConnectionError {
            code: ErrorCode::PROTOCOL_ERROR,
            why: "malformed http2-settings",
        };
        let settings = base64url(settings)
            .filter(|settings| settings.len().is_multiple_of(6))
            .ok_or(bad)?;
        for (name, value) in frame::settings(&settings) {
            new.apply(name, value).map_err(|fault| match fault {
                Fault::Connection(error) => error,
                Fault::Stream(..) => bad,
            })?;
        }
        new.last_peer = 1;
        let stream = new.streams.open(1, new.stream_window, new.peer.window);
        stream.recv_open = false;
        stream.head_received = true;
        Ok(new)
    }

    fn introduce(&mut self) {
        if self.role == Role::Client {
            self.out.extend_from_slice(PREFACE);
        }
        let config = &self.config;
        let (first, second) = match self.role {
            Role::Server => (setting::MAX_CONCURRENT_STREAMS, config.max_concurrent_streams),
            Role::Client => (setting::ENABLE_PUSH, 0),
        };
        let settings = [
            (first, second),
            (setting::INITIAL_WINDOW_SIZE, config.stream_window),
            (setting::MAX_HEADER_LIST_SIZE, config.max_header_list_bytes as u32),
        ];
        frame::put_settings(&mut self.out, &settings);
        let more = config.connection_window - DEFAULT_WINDOW;
        if more > 0 {
            frame::put_window_update(&mut self.out, 0, more);
        }
    }

    /// Open streams, both those of the peer and ours.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// Client: how many streams the peer allows at once.
    pub fn max_streams(&self) -> u32 {
        self.peer.max_streams
    }

    /// Client: whether `send_request` would be taken.
    pub fn can_open(&self) -> bool {
        self.refuses_request().is_none()
    }

    /// Whether nothing is going on: no stream, and no output.
    pub fn is_idle(&self) -> bool {
        self.streams.len() == 0 && !self.has_output()
    }

    /// Whether the connection is to be closed once its output has been sent: it failed, or one side said that it leaves and the last
    /// stream has ended.
    pub fn is_finished(&self) -> bool {
        let leaves = matches!(self.leaving, Leaving::After(_)) || self.left.is_some();
        self.failed.is_some() || (leaves && self.streams.len() == 0)
    }

    /// The stream of that number is open.
    pub fn is_open(&self, stream: StreamId) -> bool {
        self.streams.get(stream).is_some()
    }

    /// Says that `count` bytes of that stream's data have been consumed, or dropped: the peer may send as many more. Streams that have
    /// ended count for the connection.
    pub fn release(&mut self, stream: StreamId, count: usize) {
        let mut count = u32::try_from(count).unwrap_or(u32::MAX);
        if let Some(stream) = self.streams.get_mut(stream) {
            count = count.min(stream.owed);
            stream.owed -= count;
            let id = stream.id;
            // The connection has these already.
            let kept = count.min(stream.kept);
            stream.kept -= kept;
            self.kept -= kept as usize;
            self.give_back_on(id, count);
            count -= kept;
        }
        let count = u64::from(count).min(self.owed);
        self.owed -= count;
        self.give_back(count as u32);
    }

    /// Says that nobody has taken `count` bytes of that stream's data yet, though there is a place for them: the peer may send no more
    /// on the stream, but on others, up to `max_kept_bytes` of the connection. Yields how many of the bytes `release` need no longer
    /// count for the connection should the stream have ended by then.
    pub fn keep(&mut self, stream: StreamId, count: usize) -> usize {
        let most = self.config.max_kept_bytes.saturating_sub(self.kept);
        let Some(stream) = self.streams.get_mut(stream) else {
            return 0;
        };
        let kept = count.min(most).min((stream.owed - stream.kept) as usize) as u32;
        stream.kept += kept;
        self.kept += kept as usize;
        self.owed = self.owed.saturating_sub(u64::from(kept));
        self.give_back(kept);
        kept as usize
    }

    /// Lets the peer send `count` more bytes on the connection, as soon as that is worth a frame.
    pub(super) fn give_back(&mut self, count: u32) {
        self.credit += count;
        if u64::from(self.credit) * 2 >= u64::from(self.config.connection_window) && self.failed.is_none() {
            self.recv_window += i64::from(self.credit);
            frame::put_window_update(&mut self.out, 0, std::mem::take(&mut self.credit));
        }
    }

    /// The same for a stream.
    pub(super) fn give_back_on(&mut self, id: StreamId, count: u32) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        stream.credit += count;
        let is_much = u64::from(stream.credit) * 2 >= u64::from(self.config.stream_window);
        if is_much && stream.recv_open && self.failed.is_none() {
            stream.recv_window += i64::from(stream.credit);
            frame::put_window_update(&mut self.out, id, std::mem::take(&mut stream.credit));
        }
    }

    /// Gives up a stream, both ways: what is queued for it is dropped. A server that has answered in full and wants no more of the
    /// request says `NO_ERROR`. Nothing happens if it has ended already.
    pub fn reset(&mut self, stream: StreamId, code: ErrorCode) {
        if self.is_open(stream) && self.failed.is_none() {
            frame::put_reset(&mut self.out, stream, code);
            self.close(stream, Ended::ByUs);
        }
    }

    /// Sends a PING; `Event::Pong` is its answer. False: too many are unanswered, or the connection failed.
    pub fn ping(&mut self, payload: [u8; 8]) -> bool {
        const MOST: u32 = 16;
        if self.pings >= MOST || self.failed.is_some() {
            return false;
        }
        self.pings += 1;
        frame::put_ping(&mut self.out, 0, payload);
        true
    }

    /// Ends the connection in order: open streams go on, new ones are not taken. A server first says that it is leaving and takes what
    /// is on its way, until the peer has shown that it knows; `shutdown` a second time does not wait for that.
    /// `is_finished` tells when all is done.
    pub fn shutdown(&mut self) {
        match (self.role, self.leaving) {
            _ if self.failed.is_some() => {}
            (_, Leaving::After(_)) => {}
            (Role::Server, Leaving::No) => {
                self.leaving = Leaving::Announced;
                frame::put_goaway(&mut self.out, (1 << 31) - 1, ErrorCode::NO_ERROR, "");
                frame::put_ping(&mut self.out, 0, SHUTDOWN_PING);
            }
            (Role::Server, Leaving::Announced) | (Role::Client, _) => self.leave(),
        }
    }

    /// From now on, new streams are refused.
    pub(super) fn leave(&mut self) {
        self.leaving = Leaving::After(self.last_peer);
        frame::put_goaway(&mut self.out, self.last_peer, ErrorCode::NO_ERROR, "");
    }

    /// Some time has passed (a second is a good measure): half of what floods have used of their budgets is forgiven.
    pub fn refill(&mut self) {
        self.floods.refill();
    }

    /// The input has ended.
    /// # Errors
    /// When it did so inside a frame or a header block, or before the first settings.
    pub fn finish(&self) -> Result<(), ConnectionError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let is_between = matches!(self.reading, Reading::Header) && self.partial.is_empty() && self.block_of.is_none();
        if is_between && self.peer.is_known {
            return Ok(());
        }
        Err(ConnectionError {
            code: ErrorCode::PROTOCOL_ERROR,
            why: "input ended inside a frame, or before any",
        })
    }

    /// Takes a stream out; what the user was given of it and dropped counts as released.
    pub(super) fn close(&mut self, id: StreamId, how: Ended) {
        let Some(stream) = self.streams.close(id, how) else {
            return;
        };
        if std::mem::take(&mut stream.is_ready) {
            self.ready.retain(|ready| *ready != id);
        }
        let kept = std::mem::take(&mut stream.kept);
        let dropped = std::mem::take(&mut stream.owed) - kept;
        self.kept -= kept as usize;
        if how == Ended::Normally {
            self.floods.give(Noise::Reset, 1);
        } else {
            self.owed = self.owed.saturating_sub(u64::from(dropped));
            self.give_back(dropped);
        }
    }

    /// Closes a stream that has ended both ways.
    pub(super) fn close_if_done(&mut self, id: StreamId) {
        let is_done = |stream: &super::stream::Stream| stream.send_done && !stream.recv_open;
        if self.streams.get(id).is_some_and(is_done) {
            self.close(id, Ended::Normally);
        }
    }

    /// Gives up: GOAWAY, and the error for ever.
    pub(super) fn fail(&mut self, error: ConnectionError) {
        self.failed = Some(error);
        frame::put_goaway(&mut self.out, self.last_peer, error.code, error.why);
        self.ready.clear();
        self.partial = BytesMut::new();
        self.block = BytesMut::new();
    }

    /// Counts an answer to a control frame of `bytes` bytes.
    /// # Errors
    /// ENHANCE_YOUR_CALM, when too many of them wait.
    pub(super) fn control(&mut self, bytes: usize) -> Result<(), Fault> {
        self.control_bytes += bytes;
        if self.control_bytes > self.config.max_control_bytes {
            return Err(connection(
                ErrorCode::ENHANCE_YOUR_CALM,
                "answers to control frames are not read",
            ));
        }
        Ok(())
    }

    /// Takes over one of the peer's settings.
    pub(super) fn apply(&mut self, name: u16, value: u32) -> Result<(), Fault> {
        match name {
            setting::HEADER_TABLE_SIZE => self.encoder.allow(value as usize),
            setting::ENABLE_PUSH if value > 1 || (value == 1 && self.role == Role::Client) => {
                return Err(protocol("malformed setting for push"));
            }
            setting::MAX_CONCURRENT_STREAMS => self.peer.max_streams = value,
            setting::INITIAL_WINDOW_SIZE => self.resize_windows(value)?,
            setting::MAX_FRAME_SIZE => {
                if !(16_384..1 << 24).contains(&value) {
                    return Err(protocol("malformed setting for frame size"));
                }
                self.peer.max_frame = value as usize;
            }
            _ => {}
        }
        Ok(())
    }

    /// Our settings have reached the peer.
    pub(super) fn acknowledged(&mut self) {
        let window = i64::from(self.config.stream_window);
        let change = window - self.stream_window;
        self.stream_window = window;
        if change != 0 {
            self.streams.iter_mut().for_each(|stream| stream.recv_window += change);
        }
    }

    /// The frame's flags of something that may be the last of a stream.
    pub(super) fn end_flag(end: bool) -> u8 {
        if end { flag::END_STREAM } else { 0 }
    }
}

/// The octets of unpadded base64url (RFC 4648 5); padding is let through.
fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_end();
    let end = text.iter().rposition(|&octet| octet != b'=').map_or(0, |last| last + 1);
    let mut octets = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for &octet in text.get(..end)? {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
        }
    }
    // Six left bits would be a letter of its own; others must be zero.
    (count < 6 && bits & ((1 << count) - 1) == 0).then_some(octets)
}
