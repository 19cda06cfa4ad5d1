//! The last codebase that ran well, in memory that PID 1 holds: after a crash the agent starts from it at once, even while
//! the Repo is down. Two slots: the one that is not the newest is written, so that a crash in mid-write leaves the other.
//!
//! Layout: 8 bytes number of starts without success, padding to 64; then two slots of equal size. A slot: magic (8 bytes),
//! sequence, length, checksum (u64, little endian), content. Content: fields of a snapshot, each with its length before it.
//! Not for secrets of ours: whoever may read the Pod's memory may read it.

use ballast_repo_client::{Snapshot, Version};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: u64 = u64::from_le_bytes(*b"BALLAST1");
const TABLE_BYTES: u64 = 64;
const HEADER_BYTES: u64 = 32;

/// See the module.
pub(super) struct Store {
    file: File,
    slot_bytes: u64,
}

struct Slot {
    index: u64,
    sequence: u64,
    content: Vec<u8>,
}

impl Store {
    /// Opens the memory.
    ///
    /// # Errors  It is not there or too small.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = file.metadata()?.len();
        let slot_bytes = bytes.saturating_sub(TABLE_BYTES) / 2;
        if slot_bytes <= HEADER_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{bytes} bytes are too few"),
            ));
        }
        Ok(Store { file, slot_bytes })
    }

    /// The newest snapshot that is whole.
    pub(super) fn load(&self) -> Option<Snapshot> {
        let newest = self.slots().max_by_key(|slot| slot.sequence)?;
        decode(&newest.content)
    }

    /// Keeps `snapshot` in place of the older slot.
    ///
    /// # Errors  It is larger than a slot: what was kept stays. Or the memory cannot be written.
    pub(super) fn save(&self, snapshot: &Snapshot) -> io::Result<()> {
        let content = encode(snapshot);
        let length = content.len() as u64;
        if length > self.slot_bytes - HEADER_BYTES {
            let room = self.slot_bytes - HEADER_BYTES;
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{length} bytes do not fit into {room}"),
            ));
        }
        let newest = self.slots().max_by_key(|slot| slot.sequence);
        let (index, sequence) = newest.map_or((0, 1), |slot| (1 - slot.index, slot.sequence + 1));
        let at = self.at(index);
        // Invalid until its last write, whenever we die.
        self.file.write_all_at(&[0; HEADER_BYTES as usize], at)?;
        self.file.write_all_at(&content, at + HEADER_BYTES)?;
        let header = [MAGIC, sequence, length, checksum(sequence, &content)];
        let header: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.file.write_all_at(&header, at)
    }

    /// Forgets everything: the Pod is not ours any more.
    ///
    /// # Errors  The memory cannot be written.
    pub(super) fn clear(&self) -> io::Result<()> {
        for index in [0, 1] {
            self.file.write_all_at(&[0; HEADER_BYTES as usize], self.at(index))?;
        }
        self.set_tries(0)
    }

    /// How often an agent has started from here without running well afterwards.
    pub(super) fn tries(&self) -> u64 {
        let mut bytes = [0; 8];
        self.file
            .read_exact_at(&mut bytes, 0)
            .map_or(0, |()| u64::from_le_bytes(bytes))
    }

    /// Sets that number.
    ///
    /// # Errors  The memory cannot be written.
    pub(super) fn set_tries(&self, tries: u64) -> io::Result<()> {
        self.file.write_all_at(&tries.to_le_bytes(), 0)
    }

    fn at(&self, index: u64) -> u64 {
        TABLE_BYTES + index * self.slot_bytes
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        [0, 1].into_iter().filter_map(|index| self.slot(index))
    }

    fn slot(&self, index: u64) -> Option<Slot> {
        let mut header = [0; HEADER_BYTES as usize];
        self.file.read_exact_at(&mut header, self.at(index)).ok()?;
        let mut words = header.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let (magic, sequence, length, sum) = (words.next()?, words.next()?, words.next()?, words.next()?);
        if magic != MAGIC || length > self.slot_bytes - HEADER_BYTES {
            return None;
        }
        let mut content = vec![0; usize::try_from(length).ok()?];
        self.file
            .read_exact_at(&mut content, self.at(index) + HEADER_BYTES)
            .ok()?;
        (checksum(sequence, &content) == sum).then_some(Slot {
            index,
            sequence,
            content,
        })
    }
}

/// FNV-1a of 64 bits, over the sequence and the content: it has to find torn writes, not forgers.
fn checksum(sequence: u64, content: &[u8]) -> u64 {
    let bytes = sequence.to_le_bytes();
    bytes.iter().chain(content).fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let version = &snapshot.version;
    let mut out = version.revision.to_le_bytes().to_vec();
    let mut put = |bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    put(version.etag.as_bytes());
    put(version.last_modified.as_bytes());
    put(snapshot.main.as_bytes());
    for (path, content) in &snapshot.files {
        put(path.as_bytes());
        put(content);
    }
    out
}

fn decode(content: &[u8]) -> Option<Snapshot> {
    let (revision, mut rest) = content.split_first_chunk::<8>()?;
    let mut take = || {
        let (length, tail) = rest.split_first_chunk::<8>()?;
        let (bytes, tail) = tail.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        rest = tail;
        Some(bytes)
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let version = Version {
        etag: text(take()?)?,
        last_modified: text(take()?)?,
        revision: u64::from_le_bytes(*revision),
    };
    let main = text(take()?)?;
    let mut files = BTreeMap::new();
    while let Some(path) = take() {
        files.insert(text(path)?, Bytes::copy_from_slice(take()?));
    }
    Some(Snapshot { version, main, files })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
