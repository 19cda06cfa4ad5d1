//! A run of bytes as a chain of shared chunks: moved, split and joined without copying.
//! Not for protocol logic (codec) nor for what scripts see (globals/data.rs).

use crate::limits;
use bytes::Bytes;
use std::collections::VecDeque;

/// Bytes of a stream, in order. Cloning shares the memory. An empty one is a *flush* (pipyjs/model.md 1.1).
#[derive(Clone, Default, Debug)]
pub struct Data {
    chunks: Chunks,
    len: usize,
    /// How many of the last chunks are small and not joined yet; see `join`.
    loose: usize,
}

#[derive(Clone, Default, Debug)]
enum Chunks {
    #[default]
    None,
    One(Bytes),
    Many(VecDeque<Bytes>),
}

impl Data {
    /// No bytes: a flush.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True for a flush.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a chunk; an empty one changes nothing.
    pub fn push(&mut self, chunk: Bytes) {
        if self.len == 0 {
            *self = chunk.into();
            return;
        }
        if chunk.is_empty() {
            return;
        }
        self.len += chunk.len();
        self.loose = match chunk.len() < limits::SMALL_CHUNK_BYTES {
            true => self.loose + 1,
            false => 0,
        };
        self.chunks = match std::mem::take(&mut self.chunks) {
            Chunks::None => Chunks::One(chunk),
            Chunks::One(first) => Chunks::Many(VecDeque::from([first, chunk])),
            Chunks::Many(mut all) => {
                all.push_back(chunk);
                Chunks::Many(all)
            }
        };
        if self.loose >= limits::SMALL_CHUNKS {
            self.join();
        }
    }

    /// Copies the small chunks at the end into one. Each costs more than its bytes, and keeps the whole block that it was
    /// read into: a peer that sends bytes one by one must not make us hold many times what the bounds count.
    fn join(&mut self) {
        let loose = std::mem::take(&mut self.loose);
        let Chunks::Many(all) = &mut self.chunks else { return };
        let small = all.split_off(all.len().saturating_sub(loose));
        let mut joined = Vec::with_capacity(small.iter().map(Bytes::len).sum());
        small.iter().for_each(|chunk| joined.extend_from_slice(chunk));
        // What is still small goes into the next one.
        self.loose = usize::from(joined.len() < limits::SMALL_CHUNK_BYTES);
        all.push_back(Bytes::from(joined));
    }

    /// Appends all of `other`.
    pub fn append(&mut self, other: Data) {
        if self.len == 0 {
            *self = other;
            return;
        }
        match other.chunks {
            Chunks::None => {}
            Chunks::One(chunk) => self.push(chunk),
            Chunks::Many(all) => all.into_iter().for_each(|chunk| self.push(chunk)),
        }
    }

    /// Takes the first chunk out; None when there is nothing left.
    pub fn pop_chunk(&mut self) -> Option<Bytes> {
        let chunk = match std::mem::take(&mut self.chunks) {
            Chunks::None => return None,
            Chunks::One(chunk) => {
                self.loose = 0;
                chunk
            }
            Chunks::Many(mut all) => {
                let chunk = all.pop_front();
                self.loose = self.loose.min(all.len());
                if !all.is_empty() {
                    self.chunks = Chunks::Many(all);
                }
                chunk?
            }
        };
        self.len -= chunk.len();
        Some(chunk)
    }

    /// Removes and returns the first `n` bytes (all of them when there are fewer).
    pub fn shift(&mut self, n: usize) -> Data {
        let mut head = Data::new();
        while head.len < n {
            let Some(mut chunk) = self.pop_chunk() else { break };
            let want = n - head.len;
            if chunk.len() > want {
                let rest = chunk.split_off(want);
                self.unshift(rest);
            }
            head.push(chunk);
        }
        head
    }

    /// Removes and returns the last `n` bytes (all of them when there are fewer).
    pub fn pop(&mut self, n: usize) -> Data {
        let keep = self.len.saturating_sub(n);
        let head = self.shift(keep);
        std::mem::replace(self, head)
    }

    /// Puts a chunk back in front.
    pub fn unshift(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.len += chunk.len();
        self.chunks = match std::mem::take(&mut self.chunks) {
            Chunks::None => Chunks::One(chunk),
            Chunks::One(last) => Chunks::Many(VecDeque::from([chunk, last])),
            Chunks::Many(mut all) => {
                all.push_front(chunk);
                Chunks::Many(all)
            }
        };
    }

    /// The only chunk; None when there are none, or several.
    pub fn single(&self) -> Option<&Bytes> {
        match &self.chunks {
            Chunks::One(chunk) => Some(chunk),
            Chunks::None | Chunks::Many(_) => None,
        }
    }

    /// The chunks in order.
    pub fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        let (one, many) = match &self.chunks {
            Chunks::None => (None, None),
            Chunks::One(chunk) => (Some(chunk), None),
            Chunks::Many(all) => (None, Some(all.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// How many chunks there are.
    pub(crate) fn chunk_count(&self) -> usize {
        match &self.chunks {
            Chunks::None => 0,
            Chunks::One(_) => 1,
            Chunks::Many(all) => all.len(),
        }
    }

    /// All bytes as one slice; copies only when there are several chunks.
    pub fn to_bytes(&self) -> Bytes {
        match &self.chunks {
            Chunks::None => Bytes::new(),
            Chunks::One(chunk) => chunk.clone(),
            Chunks::Many(_) => Bytes::from(self.to_vec()),
        }
    }

    /// A copy of all bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        self.chunks().for_each(|chunk| all.extend_from_slice(chunk));
        all
    }
}

impl Extend<Bytes> for Data {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, chunks: I) {
        chunks.into_iter().for_each(|chunk| self.push(chunk));
    }
}

impl From<Bytes> for Data {
    fn from(chunk: Bytes) -> Self {
        if chunk.is_empty() {
            return Data::new();
        }
        Data {
            len: chunk.len(),
            loose: usize::from(chunk.len() < limits::SMALL_CHUNK_BYTES),
            chunks: Chunks::One(chunk),
        }
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Bytes::copy_from_slice(text.as_bytes()).into()
    }
}

impl Iterator for Data {
    type Item = Bytes;
    fn next(&mut self) -> Option<Bytes> {
        self.pop_chunk()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(parts: &[&str]) -> Data {
        let mut data = Data::new();
        parts
            .iter()
            .for_each(|part| data.push(Bytes::copy_from_slice(part.as_bytes())));
        data
    }

    #[test]
    fn split_at_every_point_and_join_again() {
        for parts in [&["abcdef"][..], &["ab", "cdef"], &["a", "", "bcd", "ef"], &[]] {
            let whole = chain(parts);
            for n in 0..=whole.len() + 1 {
                let mut tail = whole.clone();
                let mut head = tail.shift(n);
                assert_eq!(head.len(), n.min(whole.len()), "{parts:?} at {n}");
                assert_eq!(head.len() + tail.len(), whole.len());
                head.append(tail);
                assert_eq!(head.to_vec(), whole.to_vec());
            }
            for n in 0..=whole.len() + 1 {
                let mut head = whole.clone();
                let tail = head.pop(n);
                assert_eq!(tail.len(), n.min(whole.len()), "{parts:?} from the end at {n}");
                assert_eq!([head.to_vec(), tail.to_vec()].concat(), whole.to_vec());
            }
        }
    }

    #[test]
    fn small_chunks_are_joined() {
        let block = Bytes::from((0..=255).cycle().take(100_000).collect::<Vec<u8>>());
        for size in [1, 3, 63, 1000] {
            let mut data = Data::new();
            for at in (0..block.len()).step_by(size) {
                data.push(block.slice(at..block.len().min(at + size)));
            }
            let most = block.len() / limits::SMALL_CHUNK_BYTES + limits::SMALL_CHUNKS;
            assert!(data.chunks().count() <= most, "{size}: {}", data.chunks().count());
            assert_eq!(data.len(), block.len());
            assert_eq!(data.to_bytes(), block);
        }
    }

    #[test]
    fn joining_goes_on_after_chunks_were_taken() {
        let mut data = Data::new();
        let mut expected = Vec::new();
        for round in 0..1000_u32 {
            let byte = (round % 251) as u8;
            (0..3).for_each(|_| data.push(Bytes::copy_from_slice(&[byte])));
            expected.extend([byte; 3]);
            let taken = data.shift(2).to_vec();
            assert_eq!(taken, expected.drain(..2).collect::<Vec<u8>>(), "round {round}");
        }
        assert_eq!(data.to_vec(), expected);
        assert!(data.chunks().count() <= limits::SMALL_CHUNKS);
    }
}
