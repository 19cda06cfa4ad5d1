//! Limits that the agent puts on itself, so that under pressure it ends before the application does. First line: a ceiling of
//! its own memory, with the heap of the scripts below it; second line: the kernel's choice. Source: feasibility.md 3 and 4.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Sets the ceiling. Before threads are started, and never undone: the kernel refuses to raise it again.
pub(super) fn set(memory_bytes: u64) {
    let limit = getrlimit(Resource::RLIMIT_DATA).map(|(_, hard)| hard.min(memory_bytes));
    if let Err(error) = limit.and_then(|limit| setrlimit(Resource::RLIMIT_DATA, limit, limit)) {
        tracing::warn!(%error, "cannot set the ceiling of our memory");
    }
    // Raising needs no right, but a process whose file its user cannot read does not own its /proc.
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "1000") {
        tracing::warn!(%error, "cannot offer ourselves to the OOM killer first");
    }
}

/// Heap of the scripts below a ceiling: the rest is for threads, buffers and the copies of two versions while they switch.
pub(super) fn heap_bytes(memory_bytes: u64) -> usize {
    usize::try_from(memory_bytes / 8 * 3).unwrap_or(usize::MAX)
}

/// What filters may hold below a ceiling: a message that is passed on is there twice for a while, and as text of a script
/// in its heap.
pub(super) fn held_bytes(memory_bytes: u64) -> usize {
    usize::try_from(memory_bytes / 8).unwrap_or(usize::MAX)
}

/// What scripts may keep as `Data` below a ceiling: a body that filters may hold, and a text or two made of it.
pub(super) fn data_bytes(memory_bytes: u64) -> usize {
    usize::try_from(memory_bytes / 4).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_heap_leaves_room() {
        for (mib, expected) in [(64, 24), (16, 6)] {
            assert_eq!(super::heap_bytes(mib << 20), expected << 20);
        }
    }
}
