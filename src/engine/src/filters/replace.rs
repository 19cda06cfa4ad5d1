//! `replace(fn)`, `replaceData(value | fn)`, `replaceMessageStart(...)` ...: replace single events.
//! Example: `.replaceData(data => new Data(data.toString().toUpperCase()))`. Source: pipyjs/filters.md section 2.
//! Whole messages: replace_message.rs.

use crate::event::{Event, Reason};
use crate::js::{self, Callback};
use crate::pipeline::{Build, Cx, EventArg, Filter, Hold, Make, Out, Pick, Spec, Subs, Wake, Which};
use crate::value::Saved;
use rquickjs::Value;
use std::rc::Rc;

macro_rules! specs {
    ($($id:ident $name:literal $which:ident $about:literal),* $(,)?) => {
        $(pub(super) static $id: Spec = Spec {
            name: $name,
            args: "(events | fn)",
            about: $about,
            subs: Subs::None,
            build: |build| make(build, Which::$which),
        };)*
    };
}
specs!(
    REPLACE "replace" Any "replaces each event",
    REPLACE_DATA "replaceData" Data "replaces each Data, flushes included",
    REPLACE_MESSAGE_END "replaceMessageEnd" MessageEnd "replaces each MessageEnd",
    REPLACE_MESSAGE_START "replaceMessageStart" MessageStart "replaces each MessageStart",
    REPLACE_STREAM_END "replaceStreamEnd" StreamEnd "replaces the StreamEnd; dropping it keeps the stream open",
    REPLACE_STREAM_START "replaceStreamStart" StreamStart "replaces the first event of the stream",
);

/// What a replacer puts in place.
#[derive(Clone)]
pub(super) enum Replacement {
    /// The result of a function of what is replaced.
    Call(Callback),
    /// This value, read anew each time (a Message may change).
    Value(Saved),
    /// Nothing.
    Drop,
}

impl Replacement {
    /// Argument 0 of a replacer.
    ///
    /// # Errors  Throws for anything but a function, events, or nothing.
    pub(super) fn parse(build: &Build<'_, '_>) -> js::Result<Self> {
        let value = build.arg(0);
        if js::is_nullish(&value) {
            return Ok(Replacement::Drop);
        }
        if let Some(callback) = build.optional_callback(0) {
            return Ok(Replacement::Call(callback));
        }
        if !js::events_of(build.ctx, &value, &mut Vec::new()) {
            return Err(build.expects(0, "a function, an event, a Message or an array of those"));
        }
        Ok(Replacement::Value(Saved::new(build.ctx, value)))
    }
}

/// Outputs what a replacer's function gave: events, a promise of them (true: wait for `Wake::Settled(0, ..)`), or an
/// error.
pub(super) fn emit_replacement<'js>(cx: &mut Cx<'js>, value: &Value<'js>, out: &mut Out<'_>) -> bool {
    if let Some(promise) = js::promise_of(value) {
        return match cx.settle(out, &promise, 0) {
            Ok(()) => true,
            Err(reason) => {
                out.end(reason);
                false
            }
        };
    }
    let mut events = Vec::new();
    if js::events_of(&cx.js, value, &mut events) {
        events.into_iter().for_each(|event| out.emit(event));
    } else {
        cx.fail(out, "replacement is not an event or Message or an array of those");
    }
    false
}

fn make(build: &mut Build<'_, '_>, which: Which) -> js::Result<Make> {
    let replacement = Replacement::parse(build)?;
    Ok(Rc::new(move || {
        Box::new(Replace {
            pick: Pick::new(which),
            replacement: replacement.clone(),
            waiting: false,
            held: Hold::default(),
        })
    }))
}

struct Replace {
    pick: Pick,
    replacement: Replacement,
    /// A promise of the function is pending: what follows is held.
    waiting: bool,
    held: Hold,
}

impl Filter for Replace {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.waiting {
            return out.hold(&mut self.held, event);
        }
        if !self.pick.wants(&event) {
            return out.emit(event);
        }
        match &self.replacement {
            Replacement::Drop => {}
            Replacement::Value(value) => {
                let value = value.get(&cx.js);
                self.waiting = emit_replacement(cx, &value, out);
            }
            Replacement::Call(callback) => match cx.call(out, callback, (EventArg(&event),)) {
                Ok(value) => self.waiting = emit_replacement(cx, &value, out),
                Err(reason) => out.end(reason),
            },
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Wake::Settled(_, settled) = wake else { return };
        match settled {
            Err(error) => {
                self.waiting = false;
                self.held.clear();
                return out.end(Reason::Value(error));
            }
            Ok(value) => {
                let value = value.get(&cx.js);
                self.waiting = emit_replacement(cx, &value, out);
            }
        }
        for event in self.held.take() {
            self.process(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.pick.reset();
        self.waiting = false;
        self.held.clear();
    }
}
