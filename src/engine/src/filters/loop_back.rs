//! `loop()` with a sub-pipeline, `loop($ => ...)`: what the sub-pipeline outputs is output, and comes in to it again.
//! Example: `.loop($ => $.replaceMessage(next))`. Source: pipyjs/filters.md section 3.

use crate::event::Event;
use crate::js;
use crate::limits;
use crate::pipeline::{Args, Build, Child, Closed, Cx, Filter, Hold, Make, Out, Pace, Spec, Sub, Subs, Wake};
use std::rc::Rc;

pub(super) static LOOP: Spec = Spec {
    name: "loop",
    args: "($ => ...)",
    about: "feeds the output of a sub-pipeline to it again, in the next turn",
    subs: Subs::Joint,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let mut sub = build.sub.clone();
    if !js::is_nullish(&build.arg(0)) {
        sub = build.target(0)?;
        build.needs_sub = false;
    }
    Ok(Rc::new(move || {
        Box::new(Loop {
            sub: sub.clone(),
            child: None,
            again: Hold::default(),
            paused: None,
            pace: Pace::default(),
        })
    }))
}

struct Loop {
    sub: Sub,
    child: Option<Child>,
    /// Output that comes in again in the next turn.
    again: Hold,
    /// The source of the input, while enough goes round.
    paused: Option<Closed>,
    pace: Pace,
}

impl Filter for Loop {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.paused.is_none() && self.again.taken() > limits::LOOP_BYTES {
            self.paused = cx.tap.as_ref().map(|tap| tap.close());
        }
        let child = self
            .child
            .get_or_insert_with(|| out.spawn(&self.sub.get(), out.context(), 0, Args::None));
        out.feed(child, event);
    }

    fn output(&mut self, cx: &mut Cx<'_>, _key: u64, event: Event, out: &mut Out<'_>) {
        if let Event::StreamEnd(reason) = event {
            self.again.clear();
            self.paused = None;
            return out.end(reason);
        }
        out.emit(event.clone());
        if self.again.is_empty() {
            self.pace.next_turn(cx, out);
        }
        out.hold(&mut self.again, event);
    }

    fn wake(&mut self, _cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if let (Wake::Timer, Some(child)) = (wake, &self.child) {
            // What is left of it, after all that has gone round.
            if self.again.taken() <= limits::LOOP_BYTES {
                self.paused = None;
            }
            for event in self.again.take() {
                out.feed(child, event);
            }
        }
    }

    fn reset(&mut self) {
        self.child = None;
        self.again.clear();
        self.paused = None;
        self.pace.reset();
    }
}
