//! Pipelines that alone keep nothing alive: what loggers send to a server. A worker that ends, or scripts that a newer
//! version has replaced, ask them to leave.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// Something that goes on by itself until it is asked to leave.
pub(crate) trait Leave {
    /// Sends what it has and ends, within `limits::DRAIN_LINGER`; `at_once`: drops everything.
    fn leave(&self, at_once: bool);
}

/// Those of one realm.
#[derive(Default)]
pub(crate) struct Background {
    open: Cell<i64>,
    all: RefCell<Vec<Weak<dyn Leave>>>,
}

impl Background {
    /// Takes one in.
    pub(crate) fn add(&self, leaver: Weak<dyn Leave>) {
        let mut all = self.all.borrow_mut();
        all.retain(|leaver| leaver.strong_count() > 0);
        all.push(leaver);
    }

    /// A pipeline of one begins (1) or ends (-1).
    pub(crate) fn count(&self, change: i64) {
        self.open.set(self.open.get() + change);
    }

    /// Pipelines that run.
    pub(crate) fn open(&self) -> i64 {
        self.open.get()
    }

    /// Whether there is any.
    pub(crate) fn is_used(&self) -> bool {
        self.all.borrow().iter().any(|leaver| leaver.strong_count() > 0)
    }

    /// Asks all to leave. Not from within a turn.
    pub(crate) fn leave(&self, at_once: bool) {
        let all: Vec<Rc<dyn Leave>> = self.all.borrow().iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|leaver| leaver.leave(at_once));
    }
}
