//! `replay({ delay = 0 })`, `repeat(fn)` with a sub-pipeline: feed all input again to a new one, when it outputs
//! `StreamEnd('Replay')`, or when fn(streamEnd) says so. Example: `.replay({ delay: 1 }).to('try')`.
//! Source: pipyjs/filters.md section 3. With a number or an array `repeat` is no filter: script/chain.rs.

use crate::event::{Event, Reason, StreamError};
use crate::js::{self, Callback};
use crate::pipeline::{Args, Build, Child, Cx, EventArg, Filter, Hold, Make, Out, Spec, Sub, Subs, Task, Wake, timer};
use std::rc::Rc;

pub(super) static REPLAY: Spec = Spec {
    name: "replay",
    args: "({ delay })",
    about: "feeds the input again when the sub-pipeline asks for it",
    subs: Subs::Joint,
    build: replay,
};

pub(super) static REPEAT: Spec = Spec {
    name: "repeat",
    args: "(fn)",
    about: "feeds the input to a new sub-pipeline as long as fn(streamEnd) is true",
    subs: Subs::Joint,
    build: |build| {
        let again = Again::Asked(build.callback(0)?);
        Ok(make(build, again))
    },
};

/// When the input is fed again.
#[derive(Clone)]
enum Again {
    /// After StreamEnd('Replay') and so many seconds.
    After(f64),
    /// The same; the function gives the seconds.
    Delayed(Callback),
    /// After each StreamEnd for which the function, or its promise, gives something true.
    Asked(Callback),
}

fn replay(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let options = build.options(0)?;
    let delay = match options.value("delay")? {
        Some(value) if value.is_function() => options.callback("delay")?.map(Again::Delayed),
        _ => options.seconds("delay")?.map(Again::After),
    };
    Ok(make(build, delay.unwrap_or(Again::After(0.0))))
}

fn make(build: &Build<'_, '_>, again: Again) -> Make {
    let sub = build.sub.clone();
    Rc::new(move || {
        Box::new(Replay {
            sub: sub.clone(),
            again: again.clone(),
            attempt: 0,
            stage: Stage::New,
            kept: Hold::default(),
        })
    })
}

struct Replay {
    sub: Sub,
    again: Again,
    /// Number of the child whose output counts.
    attempt: u64,
    stage: Stage,
    kept: Hold,
}

enum Stage {
    New,
    Running(Child),
    /// A next attempt will be made.
    Delayed(#[expect(dead_code, reason = "dropping it cancels the timer")] Task),
    /// The promise whether to make one is pending; how the last one ended.
    Asking(Reason),
    /// The last StreamEnd has passed.
    Done,
}

impl Replay {
    fn start(&mut self, out: &mut Out<'_>) {
        self.attempt += 1;
        let child = out.spawn(&self.sub.get(), out.context(), self.attempt, Args::None);
        for event in self.kept.iter() {
            out.feed(&child, event.clone());
        }
        self.stage = Stage::Running(child);
    }

    /// The child has ended. What is to be done next.
    fn ended(&mut self, cx: &mut Cx<'_>, reason: Reason, out: &mut Out<'_>) -> Result<(), Reason> {
        let asks = matches!(reason, Reason::Named(StreamError::Replay));
        match &self.again {
            Again::After(seconds) if asks => self.delay(cx, *seconds, out),
            Again::Delayed(callback) if asks => {
                let value = cx.call(out, callback, ())?;
                self.delay(cx, js::seconds_of(&value).unwrap_or(0.0), out);
            }
            Again::After(_) | Again::Delayed(_) => self.finish(reason, out),
            Again::Asked(callback) => {
                let end = Event::StreamEnd(reason.clone());
                let value = cx.call(out, callback, (EventArg(&end),))?;
                match js::promise_of(&value) {
                    Some(promise) => {
                        cx.settle(out, &promise, 0)?;
                        self.stage = Stage::Asking(reason);
                    }
                    None => self.decide(cx, js::truthy(&value), reason, out),
                }
            }
        }
        Ok(())
    }

    fn decide(&mut self, cx: &Cx<'_>, again: bool, reason: Reason, out: &mut Out<'_>) {
        match again {
            true => self.delay(cx, 0.0, out),
            false => self.finish(reason, out),
        }
    }

    /// Never in the same turn: a child that ends at once would take it all.
    fn delay(&mut self, cx: &Cx<'_>, seconds: f64, out: &Out<'_>) {
        self.stage = Stage::Delayed(timer(&cx.realm, out.port(), seconds));
    }

    fn finish(&mut self, reason: Reason, out: &mut Out<'_>) {
        self.stage = Stage::Done;
        self.kept.clear();
        out.emit(Event::StreamEnd(reason));
    }
}

impl Filter for Replay {
    fn process(&mut self, _cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Stage::Done = self.stage {
            return;
        }
        out.hold(&mut self.kept, event.clone());
        match &self.stage {
            _ if out.is_over() => self.stage = Stage::Done,
            Stage::New => self.start(out),
            Stage::Running(child) => out.feed(child, event),
            // Between two attempts the next one gets it.
            Stage::Delayed(_) | Stage::Asking(_) | Stage::Done => {}
        }
    }

    fn output(&mut self, cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        if key != self.attempt || !matches!(self.stage, Stage::Running(_)) {
            return;
        }
        match event {
            Event::StreamEnd(reason) => {
                if let Err(reason) = self.ended(cx, reason, out) {
                    out.end(reason);
                }
            }
            event => out.emit(event),
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        match (wake, std::mem::replace(&mut self.stage, Stage::Done)) {
            (Wake::Timer, Stage::Delayed(_)) => self.start(out),
            (Wake::Settled(_, Ok(value)), Stage::Asking(reason)) => {
                let again = js::truthy(&value.get(&cx.js));
                self.decide(cx, again, reason, out);
            }
            (Wake::Settled(_, Err(error)), Stage::Asking(_)) => out.end(Reason::Value(error)),
            (_, stage) => self.stage = stage,
        }
    }

    fn reset(&mut self) {
        self.attempt = 0;
        self.stage = Stage::New;
        self.kept.clear();
    }
}
