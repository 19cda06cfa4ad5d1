//! Budgets of a worker, for bytes that no heap of scripts counts: what its filters hold while they wait or collect a
//! message, what `Data` and messages of scripts keep, and copies that are only good to have. Each holder has its own bound (limits.rs), but many together must
//! not fill the process. Not for what sockets have pending: back-pressure bounds that.
//! Source: pipyjs/http.md section 7; issue 4, "Limits".

use crate::limits;
use std::cell::Cell;

thread_local! {
    static SIZES: Cell<(usize, usize)> = const { Cell::new((limits::WORKER_HELD_BYTES, limits::SCRIPT_DATA_BYTES)) };
    // A worker is a thread, and all its realms share its memory.
    static HELD: Cell<usize> = const { Cell::new(limits::WORKER_HELD_BYTES) };
    static DATA: Cell<usize> = const { Cell::new(limits::SCRIPT_DATA_BYTES) };
    static COPIES: Cell<usize> = const { Cell::new(limits::WORKER_HELD_BYTES / limits::HTTP2_AGAIN_PART) };
}

/// Gives this worker its budgets, bytes: of filters, and of the scripts' `Data`. Before anything is held.
pub(crate) fn set(held: usize, data: usize) {
    SIZES.set((held, data));
    HELD.set(held);
    DATA.set(data);
    COPIES.set(held / limits::HTTP2_AGAIN_PART);
}

/// What is taken of them now.
pub(crate) fn used() -> (usize, usize) {
    let (held, data) = SIZES.get();
    (held.saturating_sub(HELD.get()), data.saturating_sub(DATA.get()))
}

/// What copies have taken of theirs.
#[cfg(test)]
pub(crate) fn copies() -> usize {
    (SIZES.get().0 / limits::HTTP2_AGAIN_PART).saturating_sub(COPIES.get())
}

/// Whose budget it is.
#[derive(Clone, Copy, Debug, Default)]
enum Pool {
    #[default]
    Filters,
    Scripts,
    Copies,
}

impl Pool {
    fn with<R>(self, f: impl FnOnce(&Cell<usize>) -> R) -> R {
        match self {
            Pool::Filters => HELD.with(f),
            Pool::Scripts => DATA.with(f),
            Pool::Copies => COPIES.with(f),
        }
    }
}

/// What one holder has taken from its budget; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Share {
    pool: Pool,
    taken: usize,
}

impl Share {
    /// Of the budget for `Data` of scripts; `default` is of the filters'.
    pub(crate) fn of_scripts() -> Self {
        Share {
            pool: Pool::Scripts,
            taken: 0,
        }
    }

    /// Of the budget for what may be given up at any time: it takes nothing from those who need theirs.
    pub(crate) fn of_copies() -> Self {
        Share {
            pool: Pool::Copies,
            taken: 0,
        }
    }

    /// Takes so many bytes more; false, and nothing is taken, when there are not as many left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let is_taken = self.pool.with(|pool| match pool.get().checked_sub(bytes) {
            Some(left) => {
                pool.set(left);
                true
            }
            None => false,
        });
        if is_taken {
            self.taken += bytes;
        }
        is_taken
    }

    /// Gives so many bytes back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.taken);
        self.taken -= bytes;
        self.pool.with(|pool| pool.set(pool.get().saturating_add(bytes)));
    }

    /// Gives all back.
    pub(crate) fn clear(&mut self) {
        self.shrink(self.taken);
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
        set(10, 10);
        let (mut one, mut two) = (Share::default(), Share::default());
        let mut other = Share::of_scripts();
        assert!(one.grow(6) && !two.grow(5) && two.grow(4) && !one.grow(1));
        assert!(other.grow(10) && !other.grow(1), "the budgets are apart");
        one.shrink(2);
        assert!(two.grow(2) && !two.grow(1));
        drop(two);
        assert!(one.grow(6) && !one.grow(1));
        one.clear();
        assert!(one.grow(10));
    }
}
