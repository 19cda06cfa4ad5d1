//! One budget a worker for the bytes that its filters hold while they wait or collect a message: each has its own bound
//! (limits.rs), but many together must not fill the process. Not for what sockets have pending: back-pressure bounds that.
//! Source: pipyjs/http.md section 7; issue 4, "Limits".

use crate::limits;
use std::cell::Cell;

thread_local! {
    // A worker is a thread, and all its realms share its memory.
    static LEFT: Cell<usize> = const { Cell::new(limits::WORKER_HELD_BYTES) };
}

/// Gives this worker its budget, bytes. Before anything is held.
pub(crate) fn set(bytes: usize) {
    LEFT.set(bytes);
}

/// What one holder has taken from the budget; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Share(usize);

impl Share {
    /// Takes so many bytes more; false, and nothing is taken, when there are not as many left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let Some(left) = LEFT.get().checked_sub(bytes) else {
            return false;
        };
        LEFT.set(left);
        self.0 += bytes;
        true
    }

    /// Gives so many bytes back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.0);
        self.0 -= bytes;
        LEFT.set(LEFT.get().saturating_add(bytes));
    }

    /// Gives all back.
    pub(crate) fn clear(&mut self) {
        self.shrink(self.0);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Share, set};

    #[test]
    fn holders_share_what_there_is() {
        set(10);
        let (mut one, mut two) = (Share::default(), Share::default());
        assert!(one.grow(6) && !two.grow(5) && two.grow(4) && !one.grow(1));
        one.shrink(2);
        assert!(two.grow(2) && !two.grow(1));
        drop(two);
        assert!(one.grow(6) && !one.grow(1));
        one.clear();
        assert!(one.grow(10));
    }
}
