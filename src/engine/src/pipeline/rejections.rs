//! Exceptions in promise callbacks that no script handles: logged at the end of the turn, for else nobody would learn of
//! them. Other values are how scripts give up (a cancelled `Timeout`). Source: pipyjs/model.md section 4, item 14.

use crate::js;
use crate::limits;
use crate::metrics::{Blame, Counters};
use crate::value::Saved;
use rquickjs::{Ctx, Runtime};
use std::cell::RefCell;
use std::rc::Rc;

/// Promises that are rejected and have no handler yet, with their reasons.
#[derive(Clone, Default)]
pub(super) struct Rejections(Rc<RefCell<Vec<(Saved, Saved)>>>);

impl Rejections {
    /// Learns of them from now on.
    pub(super) fn watch(runtime: &Runtime) -> Self {
        let rejections = Rejections::default();
        let list = rejections.0.clone();
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, is_handled| {
            if is_handled {
                list.borrow_mut().retain(|(known, _)| known.get(&ctx) != promise);
                return;
            }
            let is_exception = reason.as_object().is_some_and(|object| object.is_error());
            if is_exception && list.borrow().len() < limits::REJECTIONS {
                let entry = (Saved::new(&ctx, promise), Saved::new(&ctx, reason));
                list.borrow_mut().push(entry);
            }
        })));
        rejections
    }

    /// Logs those that nobody has handled.
    pub(super) fn log(&self, ctx: &Ctx<'_>, counters: &Counters) {
        if self.0.borrow().is_empty() {
            return;
        }
        for (_, reason) in self.0.take() {
            counters.blame(Blame::Script).add(1);
            let described = js::describe(ctx, &reason.get(ctx));
            tracing::error!(target: "pjs", "nobody handles a rejected promise: {described}");
        }
    }
}
