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
    queue: Queue,
    len: usize,
}

/// Most chains hold one chunk at a time, and none while their connection waits: neither allocates.
#[derive(Debug, Clone, Default)]
enum Queue {
    #[default]
    None,
    One(Bytes),
    /// One or more.
    Many(VecDeque<Bytes>),
}

impl Chunks {
    /// An empty chain. Allocates nothing.
    pub const fn new() -> Self {
        Self {
            queue: Queue::None,
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
        if chunk.is_empty() {
            return;
        }
        self.len += chunk.len();
        match &mut self.queue {
            Queue::None => self.queue = Queue::One(chunk),
            Queue::One(first) => {
                let first = std::mem::take(first);
                self.queue = Queue::Many(VecDeque::from([first, chunk]));
            }
            Queue::Many(all) => all.push_back(chunk),
        }
    }

    /// Puts bytes back in front of everything else. An empty chunk is dropped.
    pub fn push_front(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.len += chunk.len();
        match &mut self.queue {
            Queue::None => self.queue = Queue::One(chunk),
            Queue::One(last) => {
                let last = std::mem::take(last);
                self.queue = Queue::Many(VecDeque::from([chunk, last]));
            }
            Queue::Many(all) => all.push_front(chunk),
        }
    }

    /// The first chunk; empty only if the chain is empty.
    pub fn front(&self) -> &[u8] {
        match &self.queue {
            Queue::None => &[],
            Queue::One(chunk) => chunk,
            Queue::Many(all) => all.front().map_or(&[], |chunk| chunk),
        }
    }

    fn front_mut(&mut self) -> Option<&mut Bytes> {
        match &mut self.queue {
            Queue::None => None,
            Queue::One(chunk) => Some(chunk),
            Queue::Many(all) => all.front_mut(),
        }
    }

    /// Takes the first chunk whole.
    pub fn pop_front(&mut self) -> Option<Bytes> {
        let chunk = match &mut self.queue {
            Queue::None => return None,
            Queue::One(chunk) => {
                let chunk = std::mem::take(chunk);
                self.queue = Queue::None;
                chunk
            }
            Queue::Many(all) => {
                let chunk = all.pop_front()?;
                if all.is_empty() {
                    self.queue = Queue::None;
                }
                chunk
            }
        };
        self.len -= chunk.len();
        Some(chunk)
    }

    /// Takes at most `max` bytes of the first chunk, without copying. `None` if the chain is empty or `max` is 0.
    pub fn take_front(&mut self, max: usize) -> Option<Bytes> {
        if max == 0 {
            return None;
        }
        let front = self.front_mut()?;
        if front.len() <= max {
            return self.pop_front();
        }
        let taken = front.split_to(max);
        self.len -= max;
        Some(taken)
    }

    /// Forgets the first `count` bytes (all of them if there are fewer).
    pub fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.front_mut() {
            if front.len() > count {
                front.advance(count);
                self.len -= count;
                return;
            }
            count -= front.len();
            self.pop_front();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// The chunks, first to last.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        let (one, many) = match &self.queue {
            Queue::None => (None, None),
            Queue::One(chunk) => (Some(chunk), None),
            Queue::Many(all) => (None, Some(all.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
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
        chain.push_front(Bytes::from_static(b"f"));
        let all: Vec<_> = chain.iter().flatten().copied().collect();
        assert_eq!(all, b"fde");
        assert_eq!(chain.pop_front().as_deref(), Some(&b"f"[..]));
        assert_eq!(chain.take_front(1).as_deref(), Some(&b"d"[..]));
        chain.push(Bytes::from_static(b"g"));
        assert_eq!((chain.front(), chain.len()), (&b"e"[..], 2));
        chain.advance(100);
        assert!(chain.is_empty() && chain.front().is_empty() && chain.pop_front().is_none());
    }
}
