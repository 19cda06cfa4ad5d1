//! `wait(fn, { timeout = 0 })`: holds the stream until a condition holds. Example: `.wait(() => _ready)`.
//! Source: pipyjs/filters.md section 3, with its superset: the condition is asked again at the end of each turn.

use crate::event::{Event, Reason};
use crate::js::{self, Callback};
use crate::pipeline::{Build, Cx, Filter, Hold, Make, Out, Spec, Subs, Task, Wake, timer};
use std::rc::Rc;

pub(super) static WAIT: Spec = Spec {
    name: "wait",
    args: "(fn, { timeout })",
    about: "holds the stream until fn() is true or its promise resolved",
    subs: Subs::None,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let condition = build.callback(0)?;
    let timeout = build.options(1)?.seconds("timeout")?.unwrap_or(0.0);
    Ok(Rc::new(move || {
        Box::new(Wait {
            condition: condition.clone(),
            timeout,
            gate: Gate::Asked,
            gated: false,
            held: Hold::default(),
            timer: None,
        })
    }))
}

struct Wait {
    condition: Callback,
    timeout: f64,
    gate: Gate,
    /// A look at the end of the turn has been asked for.
    gated: bool,
    held: Hold,
    timer: Option<Task>,
}

#[derive(PartialEq)]
enum Gate {
    /// The condition is asked.
    Asked,
    /// Its promise is pending.
    Promised,
    /// Open for good.
    Open,
}

impl Wait {
    /// Asks the condition; true when the gate opens.
    fn ask(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<bool, Reason> {
        let value = cx.call(out, &self.condition, ())?;
        if let Some(promise) = js::promise_of(&value) {
            self.gate = Gate::Promised;
            cx.settle(out, &promise, 0)?;
            return Ok(false);
        }
        let open = js::truthy(&value);
        if !open && !self.gated {
            self.gated = true;
            cx.realm.gate(out.port());
        }
        Ok(open)
    }

    fn open(&mut self, out: &mut Out<'_>) {
        self.gate = Gate::Open;
        self.timer = None;
        self.held.take().for_each(|event| out.emit(event));
    }

    fn fail(&mut self, reason: Reason, out: &mut Out<'_>) {
        self.held.clear();
        self.timer = None;
        out.end(reason);
    }
}

impl Filter for Wait {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.gate == Gate::Open {
            return out.emit(event);
        }
        if self.timeout > 0.0 && self.timer.is_none() {
            self.timer = Some(timer(&cx.realm, out.port(), self.timeout));
        }
        if self.gate == Gate::Asked {
            match self.ask(cx, out) {
                Ok(true) => {
                    self.open(out);
                    return out.emit(event);
                }
                Ok(false) => {}
                Err(reason) => return self.fail(reason, out),
            }
        }
        out.hold(&mut self.held, event);
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        match wake {
            _ if self.gate == Gate::Open => {}
            Wake::Timer | Wake::Settled(_, Ok(_)) => self.open(out),
            Wake::Settled(_, Err(error)) => self.fail(Reason::Value(error), out),
            Wake::Gate if self.gate == Gate::Asked => {
                self.gated = false;
                match self.ask(cx, out) {
                    Ok(true) => self.open(out),
                    Ok(false) => {}
                    Err(reason) => self.fail(reason, out),
                }
            }
            Wake::Gate | Wake::Batch | Wake::Message(_) => {}
        }
    }

    fn reset(&mut self) {
        self.gate = Gate::Asked;
        self.gated = false;
        self.held.clear();
        self.timer = None;
    }
}
