//! Going on in later turns: for filters that have more to output than one turn should carry. Back-pressure holds here
//! too: a next turn comes only when those downstream take more. Source: pipyjs/http.md section 7.

use super::{Cx, Out, Tap, Task, spawn};
use crate::pipeline::Wake;
use std::future::poll_fn;
use std::rc::Rc;

/// The later turns of one filter.
#[derive(Default)]
pub(crate) struct Pace {
    /// Closed by whoever downstream cannot take more.
    tap: Rc<Tap>,
    turn: Option<Task>,
}

impl Pace {
    /// Wakes the filter with `Wake::Timer` in a turn of its own, as soon as those downstream take more.
    pub(crate) fn next_turn(&mut self, cx: &Cx<'_>, out: &Out<'_>) {
        let (port, tap) = (out.port(), self.tap.clone());
        let realm = Rc::downgrade(&cx.realm);
        self.turn = Some(spawn(async move {
            tokio::task::yield_now().await;
            poll_fn(|context| tap.poll_open(context)).await;
            if let Some(realm) = realm.upgrade() {
                port.wake_from(&realm, Some(&tap), Wake::Timer);
            }
        }));
    }

    /// No next turn.
    pub(crate) fn reset(&mut self) {
        *self = Pace::default();
    }
}
