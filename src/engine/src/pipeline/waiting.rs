//! Input that waits for the promise of a callback: held while it is pending, let go of in order once it is resolved,
//! dropped when it is rejected. Source: pipyjs/filters.md sections 0, 1 and 2.

use super::{Cx, Hold, Out, Wake};
use crate::event::{Event, Reason};
use crate::js;
use rquickjs::Value;

/// A promise of a filter, if one is pending, with the input that came meanwhile. The promise is `Wake::Settled(0, ..)`.
#[derive(Default)]
pub(crate) struct Waiting {
    pending: bool,
    held: Hold,
}

impl Waiting {
    /// An event that comes in, if it need not wait. After the filter has ended its stream nothing comes in.
    pub(crate) fn admit(&mut self, event: Event, out: &mut Out<'_>) -> Option<Event> {
        if out.is_over() {
            return None;
        }
        if self.pending {
            out.hold(&mut self.held, event);
            return None;
        }
        Some(event)
    }

    /// Waits if `value` is a promise; false when it is none.
    ///
    /// # Errors  The reason to end the stream with.
    pub(crate) fn begin<'js>(&mut self, cx: &mut Cx<'js>, value: &Value<'js>, out: &Out<'_>) -> Result<bool, Reason> {
        let Some(promise) = js::promise_of(value) else {
            return Ok(false);
        };
        cx.settle(out, &promise, 0)?;
        self.pending = true;
        Ok(true)
    }

    /// True when no promise is pending and nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        !self.pending && self.held.is_empty()
    }

    /// Keeps an event behind those that wait.
    pub(crate) fn hold(&mut self, event: Event, out: &mut Out<'_>) {
        out.hold(&mut self.held, event);
    }

    /// The value of the promise, when it is what the filter was woken for. A rejection ends the stream.
    pub(crate) fn settled<'js>(&mut self, cx: &Cx<'js>, wake: Wake, out: &mut Out<'_>) -> Option<Value<'js>> {
        let Wake::Settled(_, settled) = wake else { return None };
        self.pending = false;
        match settled {
            Ok(value) => Some(value.get(&cx.js)),
            Err(error) => {
                self.held.clear();
                out.end(Reason::Value(error));
                None
            }
        }
    }

    /// The oldest event that waited.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.held.pop()
    }

    /// All that waited, oldest first.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Event> + use<> {
        self.held.take()
    }

    /// Nothing waits.
    pub(crate) fn reset(&mut self) {
        self.pending = false;
        self.held.clear();
    }
}
