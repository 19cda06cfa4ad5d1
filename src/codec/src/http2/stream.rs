//! Streams, and what is remembered of those that ended.
//!
//! For: finding a stream by its number, and reusing the memory of ended ones. Source: RFC 9113 5.1, 5.2.
use crate::http1::Headers;
use bytes::{Bytes, BytesMut};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// Pieces of data up to this size are copied: behind their frame's header, or behind one another while they wait. That is cheaper than
/// a segment of their own, and few bytes never keep the whole block that they were read into.
pub(super) const COPIED_BYTES: usize = 2048;

/// One open stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) id: u32,
    /// The peer may still send.
    pub(super) recv_open: bool,
    /// The user may still give something.
    pub(super) send_open: bool,
    /// END_STREAM has been written.
    pub(super) send_done: bool,
    /// The final head has come; always so for a server.
    pub(super) head_received: bool,
    /// The final head has been written; always so for a client.
    pub(super) head_sent: bool,
    /// Client: the response has no body whatever its head says.
    pub(super) to_head: bool,
    /// Client: a 2xx response starts a tunnel.
    pub(super) to_connect: bool,
    /// Bytes of the body that are still to come, if the head told.
    pub(super) content_left: Option<u64>,
    /// What the peer may still send.
    pub(super) recv_window: i64,
    /// Bytes that the user was given and has not released.
    pub(super) owed: u32,
    /// Of those, bytes that the connection was given back already.
    pub(super) kept: u32,
    /// Released, but not yet told to the peer.
    pub(super) credit: u32,
    /// What we may still send; below zero after the peer made windows smaller.
    pub(super) send_window: i64,
    /// Data to be sent. Bound: `send_buffer_bytes` and what comes after `Room::Full`, which is the user's fault.
    /// Short pieces are joined: any two that follow one another are more than `COPIED_BYTES` together, which bounds their number.
    queue: VecDeque<Bytes>,
    /// What comes after the queue: short pieces so far.
    tail: BytesMut,
    pub(super) queued: usize,
    /// To be sent after the data.
    pub(super) trailers: Option<Box<Headers>>,
    /// In the queue of those that have data and a window.
    pub(super) is_ready: bool,
    /// `Room::Full` was said.
    pub(super) wants_room: bool,
}

impl Stream {
    /// Appends data to what waits; the caller counts it.
    pub(super) fn keep(&mut self, bytes: Bytes) {
        if bytes.len() <= COPIED_BYTES {
            self.tail.extend_from_slice(&bytes);
            if self.tail.len() <= COPIED_BYTES {
                return;
            }
            self.queue.push_back(std::mem::take(&mut self.tail).freeze());
            return;
        }
        if !self.tail.is_empty() {
            self.queue.push_back(std::mem::take(&mut self.tail).freeze());
        }
        self.queue.push_back(bytes);
    }

    /// Takes the next piece of what waits, of at most `most` bytes.
    pub(super) fn take(&mut self, most: usize) -> Option<Bytes> {
        match self.queue.front_mut() {
            Some(piece) if piece.len() > most => Some(piece.split_to(most)),
            Some(_) => self.queue.pop_front(),
            None if self.tail.is_empty() => None,
            None => Some(self.tail.split_to(most.min(self.tail.len())).freeze()),
        }
    }

    /// Drops what waits.
    fn clear(&mut self) {
        self.queue.clear();
        self.tail = BytesMut::new();
        self.trailers = None;
    }
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Both sides said so.
    Normally,
    ByPeer,
    /// By our RST_STREAM: what the peer sent before it saw that is ignored.
    ByUs,
}

/// How many ended streams are remembered, to tell what a late frame means.
const REMEMBERED: usize = 128;

/// All streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    slots: Vec<Stream>,
    free: Vec<u32>,
    index: HashMap<u32, u32, BuildHasherDefault<IdHasher>>,
    /// The stream that was looked for last, which often is the next one too, and its slot.
    last: (u32, u32),
    /// A ring, the latest at `latest - 1`.
    ended: Vec<(u32, Ended)>,
    latest: usize,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    fn slot(&self, id: u32) -> Option<u32> {
        if self.last.0 == id && id != 0 {
            return Some(self.last.1);
        }
        self.index.get(&id).copied()
    }

    pub(super) fn get(&self, id: u32) -> Option<&Stream> {
        self.slots.get(self.slot(id)? as usize)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let slot = self.slot(id)?;
        self.last = (id, slot);
        self.slots.get_mut(slot as usize)
    }

    /// Adds a stream, open both ways.
    pub(super) fn open(&mut self, id: u32, recv_window: i64, send_window: i64) -> &mut Stream {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Stream::default());
            self.slots.len() as u32 - 1
        });
        self.index.insert(id, slot);
        self.last = (id, slot);
        let stream = &mut self.slots[slot as usize];
        let queue = std::mem::take(&mut stream.queue);
        *stream = Stream {
            id,
            recv_open: true,
            send_open: true,
            recv_window,
            send_window,
            queue,
            ..Stream::default()
        };
        stream
    }

    /// Takes a stream out; what is left of it can be read until the next one is opened.
    pub(super) fn close(&mut self, id: u32, how: Ended) -> Option<&mut Stream> {
        self.remember(id, how);
        let slot = self.index.remove(&id)?;
        self.last = (0, 0);
        self.free.push(slot);
        let stream = self.slots.get_mut(slot as usize)?;
        stream.clear();
        Some(stream)
    }

    /// Notes how a stream ended, also of one that never was here.
    pub(super) fn remember(&mut self, id: u32, how: Ended) {
        if self.ended.len() < REMEMBERED {
            self.ended.push((id, how));
        } else if let Some(oldest) = self.ended.get_mut(self.latest % REMEMBERED) {
            *oldest = (id, how);
        }
        self.latest = self.latest.wrapping_add(1);
    }

    /// How that stream ended, if it did so lately.
    pub(super) fn how_ended(&self, id: u32) -> Option<Ended> {
        self.ended.iter().find(|(ended, _)| *ended == id).map(|&(_, how)| how)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        let index = &self.index;
        self.slots
            .iter_mut()
            .enumerate()
            .filter(|(slot, stream)| index.get(&stream.id) == Some(&(*slot as u32)))
            .map(|(_, stream)| stream)
    }
}

/// Numbers of streams are bounded by the table's size and chosen in order: one multiplication spreads them.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }

    fn write_u32(&mut self, id: u32) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits, however it came: as many bytes, in order, in few pieces.
    #[track_caller]
    fn check(sizes: impl Iterator<Item = usize>) {
        let (mut stream, mut all) = (Stream::default(), Vec::new());
        for (nth, size) in sizes.enumerate() {
            let piece = vec![nth as u8; size];
            all.extend_from_slice(&piece);
            stream.keep(piece.into());
        }
        let pieces = stream.queue.len() + 1;
        assert!(
            pieces <= 2 * (all.len() / COPIED_BYTES) + 2,
            "{pieces} pieces of {} bytes",
            all.len()
        );
        let mut got = Vec::new();
        while let Some(piece) = stream.take(1 + got.len() % 5000) {
            got.extend_from_slice(&piece);
        }
        assert!(got == all, "{} of {} bytes", got.len(), all.len());
    }

    #[test]
    fn short_pieces_are_joined() {
        check(std::iter::repeat_n(1, 70_000));
        check(std::iter::repeat_n(COPIED_BYTES, 50));
        check((0..200).map(|nth| [1, COPIED_BYTES + 1][nth % 2]));
        check((0..3000).map(|nth| nth * 7 % 3000));
        check([1, 20_000, 5].into_iter());
    }
}
