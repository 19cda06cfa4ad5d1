//! One who follows a log: what is kept of it, then each line as it comes. It reads from the log's own history and holds nothing,
//! so however slow it is, memory does not grow: lines that leave the history before it comes are counted. Source:
//! pipyjs/repo.md section 5 (`/api/v1/log/`).

use super::Log;
use super::ring::Position;
use crate::facts::SYSTEM_LOG;
use crate::limits;
use tokio::sync::OwnedSemaphorePermit;

/// See the module.
pub(crate) struct Tail {
    log: Log,
    name: String,
    read: Position,
    _permit: OwnedSemaphorePermit,
}

/// The lines, and a word about those that were lost before them.
pub(crate) fn with_lost((lost, mut lines): (u64, Vec<u8>)) -> Vec<u8> {
    if lost > 0 {
        let note = format!("[{lost} lines were dropped: they came faster than they were read]\n");
        lines.splice(0..0, note.into_bytes());
    }
    lines
}

impl Log {
    /// The next lines of the log of this name, and how many were lost before them.
    pub(super) fn after(&self, name: &str, read: &mut Position) -> (u64, Vec<u8>) {
        if name == SYSTEM_LOG {
            self.with(|state| state.ring.after(read, limits::LOG_FRAME_BYTES))
        } else {
            self.history.after(name, read, limits::LOG_FRAME_BYTES)
        }
    }

    /// Follows the log of this name; None: `limits::LOG_TAILS` are followed.
    pub(crate) fn tail(&self, name: &str) -> Option<Tail> {
        Some(Tail {
            log: self.clone(),
            name: name.to_owned(),
            read: Position::default(),
            _permit: self.tails.clone().try_acquire_owned().ok()?,
        })
    }
}

impl Tail {
    /// The next lines, and how many were lost before them. Cancel-safe.
    pub(crate) async fn next(&mut self) -> (u64, Vec<u8>) {
        loop {
            // Before the look, so that nothing is missed between.
            let written = self.log.history.written().clone();
            let mut written = std::pin::pin!(written.notified());
            written.as_mut().enable();
            let (lost, lines) = self.log.after(&self.name, &mut self.read);
            if !lines.is_empty() {
                return (lost, lines);
            }
            written.await;
        }
    }
}
