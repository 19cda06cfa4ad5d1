//! `handleMessage(fn, options?)`, `handleMessageBody(fn, options?)`: observers of whole messages.
//! Example: `.handleMessage(msg => console.log(msg.body))`. Source: pipyjs/filters.md section 1.
//! The stream is not held for it: the callback runs at the message's end, before that event is passed.

use crate::event::{Event, Reason, StreamError};
use crate::js::{self, Callback};
use crate::limits;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{Build, Cx, EventArg, Filter, Make, Out, Spec, Subs, Waiting, Wake};
use std::rc::Rc;

pub(super) static HANDLE_MESSAGE: Spec = Spec {
    name: "handleMessage",
    args: "(fn, { bufferLimit })",
    about: "calls fn(message) at the end of each message",
    subs: Subs::None,
    build: |build| make(build, false),
};

pub(super) static HANDLE_MESSAGE_BODY: Spec = Spec {
    name: "handleMessageBody",
    args: "(fn, { bufferLimit })",
    about: "calls fn(data) with each message's body",
    subs: Subs::None,
    build: |build| make(build, true),
};

/// Collects messages for a callback: no more of a body than `bufferLimit`, or than the engine's own bound allows.
#[derive(Clone, Copy)]
pub(super) struct Collect {
    limit: Option<usize>,
}

impl Collect {
    /// Of the options in argument `index`; a negative `bufferLimit` is none.
    ///
    /// # Errors  Throws when it is no number.
    pub(super) fn parse(build: &Build<'_, '_>, index: usize) -> js::Result<Self> {
        let Some(value) = build.options(index)?.value("bufferLimit")? else {
            return Ok(Collect { limit: None });
        };
        let limit = js::number_of(&value, 1024.0)
            .ok_or_else(|| js::throw_type(build.ctx, "options.bufferLimit expects a number"))?;
        let limit = (limit >= 0.0).then(|| (limit as usize).min(limits::HELD_BYTES));
        Ok(Collect { limit })
    }

    /// Where messages are collected.
    pub(super) fn builder(self) -> MessageBuilder {
        MessageBuilder::new(self.limit.unwrap_or(usize::MAX))
    }

    /// Takes an event in.
    ///
    /// # Errors  BufferOverflow for a body beyond the engine's bound, when the script has set none.
    pub(super) fn push(self, builder: &mut MessageBuilder, event: &Event) -> Result<Option<Message>, StreamError> {
        let message = builder.push(event);
        if self.limit.is_none() && builder.held_bytes() > limits::HELD_BYTES {
            builder.reset();
            return Err(StreamError::BufferOverflow);
        }
        Ok(message)
    }
}

fn make(build: &mut Build<'_, '_>, body_only: bool) -> js::Result<Make> {
    let callback = build.callback(0)?;
    let collect = Collect::parse(build, 1)?;
    Ok(Rc::new(move || {
        Box::new(HandleMessage {
            body_only,
            callback: callback.clone(),
            collect,
            message: collect.builder(),
            waiting: Waiting::default(),
        })
    }))
}

struct HandleMessage {
    body_only: bool,
    callback: Callback,
    collect: Collect,
    message: MessageBuilder,
    /// For a promise of the callback: the event at hand and all that follow.
    waiting: Waiting,
}

impl HandleMessage {
    /// Calls the callback; true when the event may pass now.
    fn observe(&mut self, cx: &mut Cx<'_>, message: Message, out: &mut Out<'_>) -> Result<bool, Reason> {
        let value = if self.body_only {
            let body = Event::Data(message.body.unwrap_or_default());
            cx.call(out, &self.callback, (EventArg(&body),))?
        } else {
            let message = js::message_value(&cx.js, message).map_err(|error| cx.failed(&out.place(), error))?;
            cx.call(out, &self.callback, (message,))?
        };
        self.waiting.begin(cx, &value, out).map(|waits| !waits)
    }
}

impl Filter for HandleMessage {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        let Some(event) = self.waiting.admit(event, out) else {
            return;
        };
        let message = match self.collect.push(&mut self.message, &event) {
            Ok(message) => message,
            Err(error) => return out.end(Reason::Named(error)),
        };
        match message.map_or(Ok(true), |message| self.observe(cx, message, out)) {
            Ok(true) => out.emit(event),
            Ok(false) => self.waiting.hold(event, out),
            Err(reason) => out.end(reason),
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if self.waiting.settled(cx, wake, out).is_none() {
            return;
        }
        // The event that the promise was for passes; those behind it go on being collected.
        if let Some(event) = self.waiting.pop() {
            out.emit(event);
        }
        for event in self.waiting.take() {
            self.process(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.message.reset();
        self.waiting.reset();
    }
}
