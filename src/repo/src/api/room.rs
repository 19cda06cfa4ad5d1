//! Room for large answers. Anybody may read, and a client that reads slowly holds its answer in memory, so large ones wait
//! until there is room. Small ones, which is what Pods fetch, are not counted: they are never held up by the large.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use ballast_repo_client::limits::{MAX_CODEBASE_BYTES, MAX_FILES};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of large answers in memory at a time: two of the largest.
const MAX_BYTES: usize = 2 * (MAX_CODEBASE_BYTES + MAX_FILES * 2048);
/// Answers up to that size are small.
const SMALL_BYTES: usize = 256 << 10;
/// Longest wait for room.
const PATIENCE: Duration = Duration::from_secs(20);

/// The room that is left.
pub(super) struct Room(Arc<Semaphore>);

/// A part of the room; given back when the bytes that hold it are dropped.
pub(super) struct Taken(Option<OwnedSemaphorePermit>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(permits(MAX_BYTES))))
    }
}

impl Room {
    /// Waits for room for an answer of so many bytes. `None`: there was none in time.
    pub(super) async fn take(&self, bytes: usize) -> Option<Taken> {
        if bytes <= SMALL_BYTES {
            return Some(Taken(None));
        }
        let wanted = u32::try_from(permits(bytes.min(MAX_BYTES))).unwrap_or(u32::MAX);
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_many_owned(wanted)).await;
        permit.ok()?.ok().map(|permit| Taken(Some(permit)))
    }
}

impl Taken {
    /// Ties the room to the bytes that take it.
    pub(super) fn hold(self, bytes: Bytes) -> Bytes {
        match self.0 {
            None => bytes,
            Some(permit) => Bytes::from_owner(Held { bytes, _permit: permit }),
        }
    }
}

/// Bytes and their room.
struct Held {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// One for each started KiB.
fn permits(bytes: usize) -> usize {
    bytes.div_ceil(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn large_answers_take_room_until_they_are_dropped() {
        let room = Room::default();
        let all = room.0.available_permits();
        let small = room.take(SMALL_BYTES).await.unwrap();
        assert_eq!(room.0.available_permits(), all);
        let large = room.take(SMALL_BYTES + 1).await.unwrap();
        let held = large.hold(Bytes::from_static(b"large"));
        assert_eq!((&held[..], room.0.available_permits()), (&b"large"[..], all - 257));
        let copy = held.clone();
        drop((held, small));
        assert_eq!(room.0.available_permits(), all - 257, "the server still sends it");
        drop(copy);
        assert_eq!(room.0.available_permits(), all);
        let whole = room.take(usize::MAX).await.unwrap();
        assert_eq!(room.0.available_permits(), 0, "nothing is larger than all");
        assert!(room.take(SMALL_BYTES).await.is_some(), "small ones are not held up");
        drop(whole);
    }
}
