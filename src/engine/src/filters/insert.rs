//! `insert(events | fn)`: puts events before the first one. Example: `.insert(() => new Data('hello'))`.
//! Source: pipyjs/filters.md section 3. A promise does not hold the stream.

use super::replace::{Replacement, emit_replacement};
use crate::event::{Event, Reason};
use crate::js;
use crate::pipeline::{Build, Cx, Filter, Make, Out, Spec, Subs, Wake};
use std::rc::Rc;

pub(super) static INSERT: Spec = Spec {
    name: "insert",
    args: "(events | fn)",
    about: "outputs events before the first input event",
    subs: Subs::None,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let events = Replacement::parse(build)?;
    Ok(Rc::new(move || {
        Box::new(Insert {
            events: events.clone(),
            started: false,
        })
    }))
}

struct Insert {
    events: Replacement,
    started: bool,
}

impl Filter for Insert {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if !std::mem::replace(&mut self.started, true) {
            let value = match &self.events {
                Replacement::Drop => None,
                Replacement::Value(value) => Some(value.get(&cx.js)),
                Replacement::Call(callback) => match cx.call(out, callback, ()) {
                    Ok(value) => Some(value),
                    Err(reason) => return out.end(reason),
                },
            };
            match value.as_ref().map(|value| (js::promise_of(value), value)) {
                None => {}
                Some((None, value)) => emit_replacement(cx, value, out),
                Some((Some(promise), _)) => {
                    if let Err(reason) = cx.settle(out, &promise, 0) {
                        return out.end(reason);
                    }
                }
            }
        }
        if !out.is_over() {
            out.emit(event);
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        match wake {
            Wake::Settled(_, Ok(value)) => {
                let value = value.get(&cx.js);
                emit_replacement(cx, &value, out);
            }
            Wake::Settled(_, Err(error)) => out.end(Reason::Value(error)),
            Wake::Timer | Wake::Gate | Wake::Batch | Wake::Message(_) => {}
        }
    }

    fn reset(&mut self) {
        self.started = false;
    }
}
