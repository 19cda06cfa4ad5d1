//! `fork(init?)` with a sub-pipeline: a copy of the stream goes to one child, or to one for each element of an array;
//! what they output is discarded. Example: `.fork().to($ => $.handleMessage(log))`. Source: pipyjs/filters.md section 4.

use crate::event::{Event, Reason};
use crate::js::{self, Callback};
use crate::pipeline::{Args, Build, Child, Cx, Filter, Hold, Make, Out, Spec, Sub, Subs, Wake};
use crate::value::Saved;
use rquickjs::Value;
use std::rc::Rc;

pub(super) static FORK: Spec = Spec {
    name: "fork",
    args: "(init | fn)",
    about: "copies the stream to sub-pipelines",
    subs: Subs::Joint,
    build: make,
};

#[derive(Clone)]
enum Init {
    Call(Callback),
    Value(Saved),
}

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let sub = build.sub.clone();
    let init = match build.optional_callback(0) {
        Some(callback) => Init::Call(callback),
        None => Init::Value(Saved::new(build.ctx, build.arg(0))),
    };
    Ok(Rc::new(move || {
        Box::new(Fork {
            sub: sub.clone(),
            init: init.clone(),
            state: State::New,
            children: Vec::new(),
            held: Hold::default(),
        })
    }))
}

struct Fork {
    sub: Sub,
    init: Init,
    state: State,
    /// By key; None once a child has ended.
    children: Vec<Option<Child>>,
    held: Hold,
}

enum State {
    New,
    /// The promise of `init` is pending: input is held.
    Waiting,
    Running,
}

impl Fork {
    fn begin(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Reason> {
        let init = match &self.init {
            Init::Value(value) => value.get(&cx.js),
            Init::Call(callback) => cx.call(out, callback, ())?,
        };
        match js::promise_of(&init) {
            Some(promise) => {
                self.state = State::Waiting;
                cx.settle(out, &promise, 0)
            }
            None => self.spawn(cx, &init, out),
        }
    }

    fn spawn<'js>(&mut self, cx: &mut Cx<'js>, init: &Value<'js>, out: &mut Out<'_>) -> Result<(), Reason> {
        self.state = State::Running;
        let layout = self.sub.get();
        if let Some(array) = init.as_array() {
            for (index, item) in array.iter::<Value>().enumerate() {
                let item = item.map_err(|error| cx.failed(&out.place(), error))?;
                let index_value = Value::new_number(cx.js.clone(), index as f64);
                let args = Args::Values(vec![Saved::new(&cx.js, item), Saved::new(&cx.js, index_value)]);
                let context = cx.copy_context(out)?;
                self.children
                    .push(Some(out.spawn(&layout, context, index as u64, args)));
            }
        } else {
            let args = Args::Values(vec![Saved::new(&cx.js, init.clone())]);
            self.children.push(Some(out.spawn(&layout, out.context(), 0, args)));
        }
        Ok(())
    }

    fn copy(&self, event: Event, out: &mut Out<'_>) {
        for child in self.children.iter().flatten() {
            out.feed(child, event.clone());
        }
        out.emit(event);
    }
}

impl Filter for Fork {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let State::New = self.state
            && let Err(reason) = self.begin(cx, out)
        {
            return out.end(reason);
        }
        match self.state {
            State::Running => self.copy(event, out),
            State::New | State::Waiting => out.hold(&mut self.held, event),
        }
    }

    fn output(&mut self, _cx: &mut Cx<'_>, key: u64, event: Event, _out: &mut Out<'_>) {
        if let Event::StreamEnd(_) = event
            && let Some(child) = self.children.get_mut(key as usize)
        {
            *child = None;
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Wake::Settled(_, settled) = wake else { return };
        let started = match settled {
            Ok(value) => {
                let value = value.get(&cx.js);
                self.spawn(cx, &value, out)
            }
            Err(error) => Err(Reason::Value(error)),
        };
        if let Err(reason) = started {
            self.held.clear();
            return out.end(reason);
        }
        for event in self.held.take() {
            self.copy(event, out);
        }
    }

    fn reset(&mut self) {
        self.state = State::New;
        self.children.clear();
        self.held.clear();
    }
}
