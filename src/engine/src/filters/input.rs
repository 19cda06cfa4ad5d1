//! `input(fn)` with a sub-pipeline, `output(fn?)`: a stream that other filters write. Example:
//! `.input(out => _out = out).to($ => $.decodeHTTPRequest().output(() => _out))`. Source: pipyjs/filters.md section 4.
//!
//! The sub-pipeline of `input` gets its input; its output is what `output` writes to the handle, and nothing else.

use crate::event::Event;
use crate::js::{self, Callback};
use crate::pipeline::{Args, Build, Child, Cx, Filter, Given, Make, Out, Port, Spec, Sub, Subs};
use rquickjs::class::Trace;
use rquickjs::{Class, JsLifetime, Value};
use std::rc::Rc;

pub(super) static INPUT: Spec = Spec {
    name: "input",
    args: "(fn)",
    about: "gives its input to a sub-pipeline, and outputs what is written to a handle",
    subs: Subs::Joint,
    build: make_input,
};

pub(super) static OUTPUT: Spec = Spec {
    name: "output",
    args: "(fn?)",
    about: "copies the stream to the handle of an input filter, or to the connection",
    subs: Subs::None,
    build: make_output,
};

/// What `input` gives to its function.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Output {
    #[qjs(skip_trace)]
    port: Port,
}

fn make_input(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let callback = build.callback(0)?;
    let sub = build.sub.clone();
    Ok(Rc::new(move || {
        Box::new(Input {
            callback: callback.clone(),
            sub: sub.clone(),
            child: None,
        })
    }))
}

struct Input {
    callback: Callback,
    sub: Sub,
    child: Option<Child>,
}

impl Filter for Input {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.child.is_none() {
            let handle = Class::instance(cx.js.clone(), Output { port: out.port() });
            let given = handle
                .map_err(|error| cx.failed(&out.place(), error))
                .and_then(|handle| cx.call(out, &self.callback, (handle,)));
            if let Err(reason) = given {
                return out.end(reason);
            }
            self.child = Some(out.spawn(&self.sub.get(), out.context(), 0, Args::None));
        }
        if let Some(child) = &self.child {
            out.feed(child, event);
        }
    }

    fn output(&mut self, _cx: &mut Cx<'_>, _key: u64, _event: Event, _out: &mut Out<'_>) {}

    fn reset(&mut self) {
        self.child = None;
    }
}

fn make_output(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let handle = Given::argument(build, 0);
    Ok(Rc::new(move || {
        Box::new(OutputTo {
            handle: handle.clone(),
            target: None,
        })
    }))
}

struct OutputTo {
    handle: Given,
    target: Option<Target>,
}

enum Target {
    Handle(Port),
    /// The output of the pipeline that the connection owns.
    Connection,
}

fn target_of(value: &Value<'_>) -> Option<Target> {
    if js::is_nullish(value) {
        return Some(Target::Connection);
    }
    let handle = Class::<Output>::from_value(value).ok()?;
    let port = handle.borrow().port.clone();
    Some(Target::Handle(port))
}

impl Filter for OutputTo {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.target.is_none() {
            match self.handle.get(cx, (), out) {
                Err(reason) => return out.end(reason),
                Ok(value) => self.target = target_of(&value),
            }
        }
        match &self.target {
            Some(Target::Handle(port)) => out.emit_from(port, event.clone()),
            Some(Target::Connection) => out.emit_from_top(event.clone()),
            None => return cx.fail(out, "callback did not return an Output"),
        }
        out.emit(event);
    }

    fn reset(&mut self) {
        self.target = None;
    }
}
