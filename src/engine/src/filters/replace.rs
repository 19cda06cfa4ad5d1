//! `replace(fn)`, `replaceData(value | fn)`, `replaceMessageStart(...)` ...: replace single events.
//! Example: `.replaceData(data => new Data(data.toString().toUpperCase()))`. Source: pipyjs/filters.md section 2.
//! Whole messages: replace_message.rs.

use crate::event::Event;
use crate::js::{self, Callback};
use crate::pipeline::{Build, Cx, EventArg, Filter, Make, Out, Pick, Spec, Subs, Waiting, Wake, Which};
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

/// Outputs what a replacer's function gave, or waits for its promise.
pub(super) fn put_replacement<'js>(cx: &mut Cx<'js>, value: &Value<'js>, waiting: &mut Waiting, out: &mut Out<'_>) {
    match waiting.begin(cx, value, out) {
        Ok(true) => {}
        Ok(false) => emit_replacement(cx, value, out),
        Err(reason) => out.end(reason),
    }
}

/// Outputs the events that a replacer's function or its promise gave; anything else is an error.
pub(super) fn emit_replacement<'js>(cx: &mut Cx<'js>, value: &Value<'js>, out: &mut Out<'_>) {
    let mut events = Vec::new();
    if js::events_of(&cx.js, value, &mut events) {
        events.into_iter().for_each(|event| out.emit(event));
    } else {
        cx.fail(out, "replacement is not an event or Message or an array of those");
    }
}

fn make(build: &mut Build<'_, '_>, which: Which) -> js::Result<Make> {
    let replacement = Replacement::parse(build)?;
    Ok(Rc::new(move || {
        Box::new(Replace {
            pick: Pick::new(which),
            replacement: replacement.clone(),
            waiting: Waiting::default(),
        })
    }))
}

struct Replace {
    pick: Pick,
    replacement: Replacement,
    /// For a promise of the function: what follows.
    waiting: Waiting,
}

impl Filter for Replace {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        let Some(event) = self.waiting.admit(event, out) else {
            return;
        };
        if !self.pick.wants(&event) {
            return out.emit(event);
        }
        match &self.replacement {
            Replacement::Drop => {}
            Replacement::Value(value) => {
                let value = value.get(&cx.js);
                put_replacement(cx, &value, &mut self.waiting, out);
            }
            Replacement::Call(callback) => match cx.call(out, callback, (EventArg(&event),)) {
                Ok(value) => put_replacement(cx, &value, &mut self.waiting, out),
                Err(reason) => out.end(reason),
            },
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Some(value) = self.waiting.settled(cx, wake, out) else {
            return;
        };
        emit_replacement(cx, &value, out);
        for event in self.waiting.take() {
            self.process(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.pick.reset();
        self.waiting.reset();
    }
}
