//! Timeouts of connections: one timer a thread looks at all of them once a second, as the specified resolution allows
//! (pipyjs/model.md section 2, `idleTimeout`), so that traffic costs no timers.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

/// Something with timeouts.
pub(super) trait Sweep {
    /// A second has passed.
    fn sweep(&self, now: Instant);
}

/// When something last moved one way. Known as well as the sweep of timeouts needs it: traffic does not read the clock.
pub(super) struct Activity {
    since_sweep: Cell<bool>,
    last: Cell<Instant>,
}

impl Activity {
    /// As if something had moved at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Activity {
            since_sweep: Cell::new(false),
            last: Cell::new(now),
        }
    }

    /// Something moves.
    pub(super) fn mark(&self) {
        self.since_sweep.set(true);
    }

    /// When it was, as seen by the sweep at `now`.
    pub(super) fn last(&self, now: Instant) -> Instant {
        if self.since_sweep.replace(false) {
            self.last.set(now);
        }
        self.last.get()
    }
}

thread_local! {
    // One a worker thread, shared by the realms on it: connections of an old version are swept by the same timer.
    static SWEEPER: Sweeper = Sweeper { all: RefCell::default(), running: Cell::new(false) };
}

struct Sweeper {
    all: RefCell<Vec<Weak<dyn Sweep>>>,
    running: Cell<bool>,
}

/// Looks at `item` every second from now on, until it is dropped.
pub(super) fn watch(item: Weak<dyn Sweep>) {
    let start = SWEEPER.with(|sweeper| {
        sweeper.all.borrow_mut().push(item);
        if sweeper.running.get() {
            return false;
        }
        sweeper.running.set(true);
        true
    });
    if start {
        // The timer ends by itself when nothing is left to look at, so an idle worker does not wake up.
        tokio::task::spawn_local(async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let now = Instant::now();
                let items: Vec<Rc<dyn Sweep>> = SWEEPER.with(|sweeper| {
                    let mut all = sweeper.all.borrow_mut();
                    all.retain(|item| item.strong_count() > 0);
                    all.iter().filter_map(Weak::upgrade).collect()
                });
                if items.is_empty() {
                    SWEEPER.with(|sweeper| sweeper.running.set(false));
                    return;
                }
                items.iter().for_each(|item| item.sweep(now));
            }
        });
    }
}
