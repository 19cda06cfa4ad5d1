//! `dummy()`: swallows everything but the StreamEnd. Source: pipyjs/filters.md section 3.

use crate::event::Event;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use std::rc::Rc;

pub(super) static DUMMY: Spec = Spec {
    name: "dummy",
    args: "()",
    about: "swallows everything but the StreamEnd",
    subs: Subs::None,
    build: |_| Ok(Rc::new(|| Box::new(Dummy))),
};

struct Dummy;

impl Filter for Dummy {
    fn process(&mut self, _cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Event::StreamEnd(_) = event {
            out.emit(event);
        }
    }

    fn reset(&mut self) {}
}
