//! `handle(fn)`, `handleData(fn)`, `handleMessageStart(fn)` ...: observers, which never alter the stream.
//! Example: `.handleMessageStart(msg => _path = msg.head.path)`. Source: pipyjs/filters.md section 1.

use crate::event::{Event, MessageStart, Reason};
use crate::js::{self, Callback};
use crate::message::Whole;
use crate::pipeline::{Build, Cx, EventArg, Filter, Make, Out, Pick, Spec, Subs, Waiting, Wake, Which};
use std::rc::Rc;

macro_rules! specs {
    ($($id:ident $name:literal $which:ident $about:literal),* $(,)?) => {
        $(pub(super) static $id: Spec = Spec {
            name: $name,
            args: "(fn)",
            about: $about,
            subs: Subs::None,
            build: |build| make(build, Which::$which),
        };)*
    };
}
specs!(
    HANDLE "handle" Any "calls fn(event) at each event",
    HANDLE_DATA "handleData" Data "calls fn(data) at each Data, flushes included",
    HANDLE_MESSAGE_END "handleMessageEnd" MessageEnd "calls fn(event) at each MessageEnd",
    HANDLE_MESSAGE_START "handleMessageStart" MessageStart "calls fn(event) at each MessageStart",
    HANDLE_STREAM_END "handleStreamEnd" StreamEnd "calls fn(event) at the StreamEnd",
    HANDLE_STREAM_START "handleStreamStart" StreamStart "calls fn(event) at the first event of the stream",
);

fn make(build: &mut Build<'_, '_>, which: Which) -> js::Result<Make> {
    let callback = build.callback(0)?;
    Ok(Rc::new(move || {
        Box::new(Handle {
            pick: Pick::new(which),
            callback: callback.clone(),
            waiting: Waiting::default(),
        })
    }))
}

struct Handle {
    pick: Pick,
    callback: Callback,
    /// For a promise of the callback: the event at hand and all that follow.
    waiting: Waiting,
}

impl Handle {
    /// Calls the callback; true when the event may pass now.
    fn observe(&mut self, cx: &mut Cx<'_>, event: &Event, out: &mut Out<'_>) -> Result<bool, Reason> {
        let value = cx.call(out, &self.callback, (EventArg(event),))?;
        self.waiting.begin(cx, &value, out).map(|waits| !waits)
    }
}

impl Filter for Handle {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        let Some(event) = self.waiting.admit(event, out) else {
            return;
        };
        if self.pick.wants(&event) {
            match self.observe(cx, &event, out) {
                Ok(true) => {}
                Ok(false) => return self.waiting.hold(event, out),
                Err(reason) => return out.end(reason),
            }
        }
        out.emit(event);
    }

    fn message(&mut self, cx: &mut Cx<'_>, message: Whole, out: &mut Out<'_>) -> Option<Whole> {
        if !self.pick.is_message_start() || !self.waiting.is_empty() || out.is_over() {
            return Some(message);
        }
        let start = Event::MessageStart(MessageStart {
            head: Some(message.head.clone()),
        });
        match self.observe(cx, &start, out) {
            Ok(true) => out.emit_message(message),
            Ok(false) => message.into_events().for_each(|event| self.waiting.hold(event, out)),
            Err(reason) => out.end(reason),
        }
        None
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if self.waiting.settled(cx, wake, out).is_none() {
            return;
        }
        // The event that the promise was for passes; the callback sees those behind it in turn.
        if let Some(event) = self.waiting.pop() {
            out.emit(event);
        }
        for event in self.waiting.take() {
            self.process(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.pick.reset();
        self.waiting.reset();
    }
}
