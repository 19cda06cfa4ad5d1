//! `produce(events | fn)`: makes a stream, from the first input on. Example: `.produce(() => _n++ < 3 ? line() : null)`.
//! Source: pipyjs/filters.md section 3. One call a turn, and only while those downstream take more.

use super::replace::Replacement;
use crate::event::{Event, Reason};
use crate::js;
use crate::pipeline::{Build, Cx, Filter, Make, Out, Pace, Spec, Subs, Wake};
use rquickjs::Value;
use std::rc::Rc;

pub(super) static PRODUCE: Spec = Spec {
    name: "produce",
    args: "(events | fn)",
    about: "outputs the results of fn() until a StreamEnd or nothing comes",
    subs: Subs::None,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let source = Replacement::parse(build)?;
    Ok(Rc::new(move || {
        Box::new(Produce {
            source: source.clone(),
            started: false,
            pace: Pace::default(),
        })
    }))
}

struct Produce {
    source: Replacement,
    started: bool,
    pace: Pace,
}

impl Produce {
    /// Calls the function once.
    fn call(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Reason> {
        let value = match &self.source {
            Replacement::Drop => return Ok(()),
            Replacement::Value(value) => value.get(&cx.js),
            Replacement::Call(callback) => cx.call(out, callback, ())?,
        };
        match js::promise_of(&value) {
            Some(promise) => cx.settle(out, &promise, 0),
            None => {
                self.put(cx, &value, out);
                Ok(())
            }
        }
    }

    /// Outputs a result; anything but events ends the production.
    fn put<'js>(&mut self, cx: &mut Cx<'js>, value: &Value<'js>, out: &mut Out<'_>) {
        let mut events = Vec::new();
        if js::is_nullish(value) || !js::events_of(&cx.js, value, &mut events) {
            return;
        }
        let last = events.iter().any(|event| matches!(event, Event::StreamEnd(_)));
        events.into_iter().for_each(|event| out.emit(event));
        if !last {
            self.pace.next_turn(cx, out);
        }
    }
}

impl Filter for Produce {
    fn process(&mut self, cx: &mut Cx<'_>, _event: Event, out: &mut Out<'_>) {
        if !std::mem::replace(&mut self.started, true)
            && let Err(reason) = self.call(cx, out)
        {
            out.end(reason);
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        match wake {
            Wake::Timer => {
                if let Err(reason) = self.call(cx, out) {
                    out.end(reason);
                }
            }
            Wake::Settled(_, Ok(value)) => {
                let value = value.get(&cx.js);
                self.put(cx, &value, out);
            }
            Wake::Settled(_, Err(error)) => out.end(Reason::Value(error)),
            Wake::Gate | Wake::Batch | Wake::Message(_) => {}
        }
    }

    fn reset(&mut self) {
        self.started = false;
        self.pace.reset();
    }
}
