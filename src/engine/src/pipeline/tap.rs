//! Back-pressure: a tap that whoever cannot take more closes on the source of the current turn. Source: pipyjs/http.md
//! section 7.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// One a source (a socket's reading side). The source reads only while nobody holds the tap closed.
#[derive(Default)]
pub(crate) struct Tap {
    closed: Cell<usize>,
    disowned: Cell<Option<Instant>>,
    reader: RefCell<Option<Waker>>,
}

impl Tap {
    /// Holds the tap closed until the guard is dropped.
    pub(crate) fn close(self: &Rc<Self>) -> Closed {
        self.closed.set(self.closed.get() + 1);
        Closed(self.clone())
    }

    /// True when the source may read.
    pub(crate) fn is_open(&self) -> bool {
        self.closed.get() == 0
    }

    /// Nobody wants what still comes: the source is to come to an end, within the bounds that it has for that.
    pub(crate) fn disown(&self) {
        if self.disowned.get().is_none() {
            self.disowned.set(Some(Instant::now()));
        }
    }

    /// When it was disowned, if it was.
    pub(crate) fn disowned(&self) -> Option<Instant> {
        self.disowned.get()
    }

    /// Ready when the tap is open.
    pub(crate) fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_open() {
            return Poll::Ready(());
        }
        *self.reader.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Keeps a tap closed; see [`Tap::close`].
pub(crate) struct Closed(Rc<Tap>);

impl Closed {
    /// True when this guard closes `tap`.
    pub(crate) fn is_of(&self, tap: &Rc<Tap>) -> bool {
        Rc::ptr_eq(&self.0, tap)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let left = self.0.closed.get().saturating_sub(1);
        self.0.closed.set(left);
        if left == 0
            && let Some(reader) = self.0.reader.borrow_mut().take()
        {
            reader.wake();
        }
    }
}
