//! `swap(hub | fn)`: joins a Hub: input goes to the other members, what they broadcast is output.
//! Example: `.swap(() => _hub)`. Source: pipyjs/filters.md section 3.

use super::hub::{Member, hub_of};
use crate::event::Event;
use crate::js;
use crate::pipeline::{Build, Cx, Filter, Given, Hold, Make, Out, Spec, Subs};
use std::rc::Rc;

pub(super) static SWAP: Spec = Spec {
    name: "swap",
    args: "(hub | fn)",
    about: "joins pipelines: what enters one comes out of the others",
    subs: Subs::None,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let first = build.arg(0);
    if hub_of(&first).is_none() && !first.is_function() {
        return Err(build.expects(0, "a Hub or a function"));
    }
    let hub = Given::argument(build, 0);
    Ok(Rc::new(move || {
        Box::new(Swap {
            hub: hub.clone(),
            member: None,
            held: Hold::default(),
        })
    }))
}

struct Swap {
    hub: Given,
    member: Option<Member>,
    /// Input until there is a hub.
    held: Hold,
}

impl Filter for Swap {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.member.is_none() {
            let value = match self.hub.get(cx, (), out) {
                Ok(value) => value,
                Err(reason) => return out.end(reason),
            };
            match hub_of(&value) {
                Some(hub) => self.member = Some(hub.join(out)),
                None if js::is_nullish(&value) => {}
                None => return cx.fail(out, "callback did not return a Hub"),
            }
        }
        let Some(member) = &self.member else {
            return out.hold(&mut self.held, event);
        };
        for held in self.held.take() {
            member.broadcast(&held, out);
        }
        member.broadcast(&event, out);
    }

    fn reset(&mut self) {
        self.member = None;
        self.held.clear();
    }
}
