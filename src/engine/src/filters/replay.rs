//! `replay({ delay = 0 })` with a sub-pipeline: feeds all input again to a new one when it outputs
//! `StreamEnd('Replay')`. Example: `.replay({ delay: 1 }).to('try')`. Source: pipyjs/filters.md section 3.

use crate::event::{Event, Reason, StreamError};
use crate::js::{self, Callback};
use crate::pipeline::{Args, Build, Child, Cx, Filter, Hold, Make, Out, Spec, Sub, Subs, Task, Wake, timer};
use std::rc::Rc;

pub(super) static REPLAY: Spec = Spec {
    name: "replay",
    args: "({ delay })",
    about: "feeds the input again when the sub-pipeline asks for it",
    subs: Subs::Joint,
    build: make,
};

#[derive(Clone)]
enum Delay {
    Seconds(f64),
    Call(Callback),
}

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let sub = build.sub.clone();
    let options = build.options(0)?;
    let delay = match options.value("delay")? {
        Some(value) if value.is_function() => options.callback("delay")?.map(Delay::Call),
        _ => options.seconds("delay")?.map(Delay::Seconds),
    };
    let delay = delay.unwrap_or(Delay::Seconds(0.0));
    Ok(Rc::new(move || {
        Box::new(Replay {
            sub: sub.clone(),
            delay: delay.clone(),
            attempt: 0,
            child: None,
            kept: Hold::default(),
            timer: None,
        })
    }))
}

struct Replay {
    sub: Sub,
    delay: Delay,
    /// Number of the child whose output counts.
    attempt: u64,
    child: Option<Child>,
    kept: Hold,
    timer: Option<Task>,
}

impl Replay {
    fn start(&mut self, out: &mut Out<'_>) {
        self.attempt += 1;
        let child = out.spawn(&self.sub.get(), out.context(), self.attempt, Args::None);
        for event in self.kept.iter() {
            out.feed(&child, event.clone());
        }
        self.child = Some(child);
    }

    /// Seconds until the next attempt.
    fn delay(&self, cx: &mut Cx<'_>, out: &Out<'_>) -> Result<f64, Reason> {
        match &self.delay {
            Delay::Seconds(seconds) => Ok(*seconds),
            Delay::Call(callback) => {
                let value = cx.call(out, callback, ())?;
                Ok(js::seconds_of(&value).unwrap_or(0.0))
            }
        }
    }
}

impl Filter for Replay {
    fn process(&mut self, _cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Err(error) = self.kept.push(event.clone()) {
            self.kept.clear();
            self.child = None;
            return out.emit(error.into());
        }
        match &self.child {
            Some(child) => out.feed(child, event),
            // Between two attempts the next one gets it.
            None if self.timer.is_some() => {}
            None => self.start(out),
        }
    }

    fn output(&mut self, cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        if key != self.attempt || self.timer.is_some() {
            return;
        }
        let Event::StreamEnd(Reason::Named(StreamError::Replay)) = event else {
            return out.emit(event);
        };
        self.child = None;
        match self.delay(cx, out) {
            Ok(seconds) => self.timer = Some(timer(&cx.realm, out.port(), seconds)),
            Err(reason) => out.end(reason),
        }
    }

    fn wake(&mut self, _cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if matches!(wake, Wake::Timer) {
            self.timer = None;
            self.start(out);
        }
    }

    fn reset(&mut self) {
        self.attempt = 0;
        self.child = None;
        self.kept.clear();
        self.timer = None;
    }
}
