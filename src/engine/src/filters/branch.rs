//! `branch(cond, target, ..., default?)`, `branchMessageStart(cond(ms), ...)`, `branchMessage(cond(msg), ...)`: one of
//! several pipelines, chosen once. Example: `.branch(() => _ok, $ => $.link('next'), $ => $.dummy())`.
//! Source: pipyjs/filters.md section 4. With conditions that are values `branch` is no filter: script/chain.rs.

use super::link::Route;
use crate::event::{Event, Reason};
use crate::js::{self, Callback, throw_error};
use crate::message::MessageBuilder;
use crate::pipeline::{Build, Cx, Filter, Layout, Make, Out, Spec, Sub, Subs};
use rquickjs::Value;
use std::rc::Rc;

macro_rules! specs {
    ($($id:ident $name:literal $which:ident $about:literal),* $(,)?) => {
        $(pub(super) static $id: Spec = Spec {
            name: $name,
            args: "(condition, target, ..., default?)",
            about: $about,
            subs: Subs::None,
            build: |build| make(build, Which::$which),
        };)*
    };
}
specs!(
    BRANCH "branch" Event "chooses a pipeline at the first event for which a condition holds",
    BRANCH_MESSAGE "branchMessage" Message "chooses a pipeline when a message is complete",
    BRANCH_MESSAGE_START "branchMessageStart" MessageStart "chooses a pipeline at a MessageStart",
);

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Event,
    MessageStart,
    Message,
}

/// Whether a branch is taken.
enum Condition {
    Call(Callback),
    Value(bool),
}

fn make(build: &mut Build<'_, '_>, which: Which) -> js::Result<Make> {
    if build.args.len() < 2 {
        return Err(throw_error(build.ctx, "a branch needs a condition and a pipeline"));
    }
    let mut branches = Vec::new();
    for index in (0..build.args.len()).step_by(2) {
        if index + 1 == build.args.len() {
            branches.push((Condition::Value(true), build.target(index)?));
            continue;
        }
        let condition = match build.optional_callback(index) {
            Some(callback) => Condition::Call(callback),
            None => Condition::Value(js::truthy(&build.arg(index))),
        };
        branches.push((condition, build.target(index + 1)?));
    }
    let branches: Rc<[(Condition, Sub)]> = branches.into();
    Ok(Rc::new(move || {
        Box::new(Branch {
            which,
            branches: branches.clone(),
            route: Route::default(),
            message: MessageBuilder::default(),
        })
    }))
}

struct Branch {
    which: Which,
    branches: Rc<[(Condition, Sub)]>,
    route: Route,
    message: MessageBuilder,
}

impl Branch {
    /// The argument that conditions are asked with now; None: not yet.
    fn occasion<'js>(&mut self, cx: &mut Cx<'js>, event: &Event) -> Option<js::Result<Option<Value<'js>>>> {
        match (self.which, event) {
            (Which::Event, _) => Some(Ok(None)),
            (Which::MessageStart, Event::MessageStart(_)) => Some(js::to_js(&cx.js, event).map(Some)),
            (Which::MessageStart, _) => None,
            (Which::Message, _) => {
                let message = self.message.push(event)?;
                Some(js::message_value(&cx.js, message).map(Some))
            }
        }
    }

    /// The first branch whose condition holds.
    fn choose<'js>(
        &self,
        cx: &mut Cx<'js>,
        argument: Option<&Value<'js>>,
        out: &Out<'_>,
    ) -> Result<Option<Rc<Layout>>, Reason> {
        for (condition, sub) in self.branches.iter() {
            let holds = match condition {
                Condition::Value(holds) => *holds,
                Condition::Call(callback) => {
                    let value = match argument {
                        Some(argument) => cx.call(out, callback, (argument.clone(),))?,
                        None => cx.call(out, callback, ())?,
                    };
                    js::truthy(&value)
                }
            };
            if holds {
                return Ok(Some(sub.get()));
            }
        }
        Ok(None)
    }
}

impl Filter for Branch {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.route.is_decided() {
            return self.route.pass(event, out);
        }
        let chosen = match self.occasion(cx, &event) {
            None => None,
            Some(Ok(argument)) => match self.choose(cx, argument.as_ref(), out) {
                Ok(chosen) => chosen,
                Err(reason) => return out.end(reason),
            },
            Some(Err(error)) => {
                let reason = cx.failed(&out.place(), error);
                return out.end(reason);
            }
        };
        self.route.hold(event, out);
        if chosen.is_some() {
            self.route.decide(chosen.as_ref(), out);
        }
    }

    fn reset(&mut self) {
        self.route.reset();
        self.message.reset();
    }
}
