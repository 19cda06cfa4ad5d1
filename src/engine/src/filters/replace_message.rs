//! `replaceMessage(value | fn, options?)`, `replaceMessageBody(value | fn, options?)`: replace whole messages.
//! Example: `.replaceMessage(msg => new Message(msg.head, 'hello'))`. Source: pipyjs/filters.md section 2.

use super::handle_message::Collect;
use super::replace::{Replacement, emit_replacement, put_replacement};
use crate::event::{Event, Reason};
use crate::js;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{Build, Cx, EventArg, Filter, Make, Out, Spec, Subs, Waiting, Wake};
use std::rc::Rc;

pub(super) static REPLACE_MESSAGE: Spec = Spec {
    name: "replaceMessage",
    args: "(events | fn, { bufferLimit })",
    about: "replaces each message",
    subs: Subs::None,
    build: |build| make(build, false),
};

pub(super) static REPLACE_MESSAGE_BODY: Spec = Spec {
    name: "replaceMessageBody",
    args: "(events | fn, { bufferLimit })",
    about: "replaces the body of each message",
    subs: Subs::None,
    build: |build| make(build, true),
};

fn make(build: &mut Build<'_, '_>, body_only: bool) -> js::Result<Make> {
    let replacement = Replacement::parse(build)?;
    let collect = Collect::parse(build, 1)?;
    Ok(Rc::new(move || {
        Box::new(ReplaceMessage {
            body_only,
            replacement: replacement.clone(),
            collect,
            message: collect.builder(),
            waiting: Waiting::default(),
        })
    }))
}

struct ReplaceMessage {
    body_only: bool,
    replacement: Replacement,
    collect: Collect,
    message: MessageBuilder,
    /// For a promise of the function: what follows.
    waiting: Waiting,
}

impl ReplaceMessage {
    fn put(&mut self, cx: &mut Cx<'_>, message: Message, out: &mut Out<'_>) -> Result<(), Reason> {
        let value = match &self.replacement {
            Replacement::Drop => return Ok(()),
            Replacement::Value(value) => value.get(&cx.js),
            Replacement::Call(callback) if self.body_only => {
                let body = Event::Data(message.body.unwrap_or_default());
                cx.call(out, callback, (EventArg(&body),))?
            }
            Replacement::Call(callback) => {
                let message = js::message_value(&cx.js, message).map_err(|error| cx.failed(&out.place(), error))?;
                cx.call(out, callback, (message,))?
            }
        };
        put_replacement(cx, &value, &mut self.waiting, out);
        Ok(())
    }
}

impl Filter for ReplaceMessage {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        let Some(event) = self.waiting.admit(event, out) else {
            return;
        };
        if !self.message.is_open() && !matches!(event, Event::MessageStart(_)) {
            return out.emit(event);
        }
        let starts = !self.message.is_open();
        let message = match self.collect.push(&mut self.message, &event) {
            Ok(message) => message,
            Err(error) => return out.end(Reason::Named(error)),
        };
        if let Some(message) = message {
            if let Err(reason) = self.put(cx, message, out) {
                return out.end(reason);
            }
            // DEVIATES: upstream swallows a StreamEnd that completes a message; it follows the replacement here.
            let follows = match event {
                Event::MessageEnd(_) => self.body_only,
                Event::StreamEnd(_) => true,
                Event::MessageStart(_) | Event::Data(_) => false,
            };
            if follows && let Some(event) = self.waiting.admit(event, out) {
                out.emit(event);
            }
        } else if starts && self.body_only {
            out.emit(event);
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
        self.message.reset();
        self.waiting.reset();
    }
}
