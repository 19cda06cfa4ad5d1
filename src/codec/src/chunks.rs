//! A chain of received bytes: the input of every decoder.
//!
//! For: handing slices of what was read to the next stage without copying. Not for: gathering output (that is `BytesMut`).
//! Source: design.md section 5.
use bytes::{Buf, Bytes};
use std::collections::VecDeque;

/// Bytes in the order in which they were read, as the chunks in which they were read. Chunks are never empty.
///
/// Unbounded by itself: who pushes (the reader of the socket) stops reading when `len` is past its limit.
#[derive(Debug, Clone, Default)]
pub struct Chunks {
    queue: VecDeque<Bytes>,
    len: usize,
}

impl Chunks {
    /// An empty chain. Allocates nothing.
    pub const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            len: 0,
        }
    }

    /// Bytes in the chain.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte is left.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds what was read last. An empty chunk is dropped.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.queue.push_back(chunk);
        }
    }

    /// Puts bytes back in front of everything else. An empty chunk is dropped.
    pub fn push_front(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.queue.push_front(chunk);
        }
    }

    /// The first chunk; empty only if the chain is empty.
    pub fn front(&self) -> &[u8] {
        self.queue.front().map_or(&[], |chunk| chunk)
    }

    /// Takes the first chunk whole.
    pub fn pop_front(&mut self) -> Option<Bytes> {
        let chunk = self.queue.pop_front()?;
        self.len -= chunk.len();
        Some(chunk)
    }

    /// Takes at most `max` bytes of the first chunk, without copying. `None` if the chain is empty or `max` is 0.
    pub fn take_front(&mut self, max: usize) -> Option<Bytes> {
        if max == 0 {
            return None;
        }
        let front = self.queue.front_mut()?;
        if front.len() <= max {
            return self.pop_front();
        }
        self.len -= max;
        Some(front.split_to(max))
    }

    /// Forgets the first `count` bytes (all of them if there are fewer).
    pub fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.queue.front_mut() {
            if front.len() > count {
                self.len -= count;
                front.advance(count);
                return;
            }
            count -= front.len();
            self.pop_front();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.len = 0;
    }

    /// The chunks, first to last.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.queue.iter()
    }
}

impl Extend<Bytes> for Chunks {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, chunks: I) {
        for chunk in chunks {
            self.push(chunk);
        }
    }
}

impl FromIterator<Bytes> for Chunks {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let mut chain = Self::new();
        chain.extend(chunks);
        chain
    }
}

impl From<Bytes> for Chunks {
    fn from(chunk: Bytes) -> Self {
        Self::from_iter([chunk])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_it_holds() {
        let mut chain = Chunks::from_iter([Bytes::from_static(b"ab"), Bytes::new(), Bytes::from_static(b"cde")]);
        assert_eq!((chain.len(), chain.iter().count()), (5, 2));
        assert_eq!(chain.take_front(1).as_deref(), Some(&b"a"[..]));
        assert_eq!(chain.take_front(9).as_deref(), Some(&b"b"[..]));
        chain.push_front(Bytes::from_static(b"xy"));
        chain.advance(3);
        assert_eq!((chain.front(), chain.len()), (&b"de"[..], 2));
        assert_eq!(chain.take_front(0), None);
        chain.advance(100);
        assert!(chain.is_empty() && chain.front().is_empty() && chain.pop_front().is_none());
    }
}
