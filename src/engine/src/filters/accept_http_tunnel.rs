//! `acceptHTTPTunnel(message | fn P)` with `to`: the server of CONNECT and of upgrades to WebSocket or h2c.
//! Example: `.acceptHTTPTunnel(() => new Message({ status: 200 })).to($ => $.connect('127.0.0.1:80'))`.
//! Stands after decodeHTTPRequest or inside of demuxHTTP. Source: pipyjs/http.md section 5.

use crate::event::{Event, Reason, StreamError};
use crate::js::{self, Callback};
use crate::limits;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{Args, Build, Child, Cx, Filter, Hold, Make, Out, Spec, Sub, Subs, Wake};
use crate::session::{Asked, http_error};
use crate::value::Saved;
use rquickjs::Value;
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "acceptHTTPTunnel",
    args: "(message | fn)",
    about: "answers requests for a tunnel; its sub-pipeline gets the bytes of one that was accepted",
    subs: Subs::Joint,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let handler = match build.optional_callback(0) {
        Some(callback) => Handler::Call(callback),
        None if js::message_of(build.ctx, &build.arg(0)).is_some() => {
            Handler::Value(Saved::new(build.ctx, build.arg(0)))
        }
        None => return Err(build.expects(0, "a Message or a function")),
    };
    let sub = build.sub.clone();
    Ok(Rc::new(move || {
        Box::new(AcceptHttpTunnel {
            handler: handler.clone(),
            sub: sub.clone(),
            request: MessageBuilder::default(),
            stage: Stage::Requests,
            held: Hold::default(),
        })
    }))
}

#[derive(Clone)]
enum Handler {
    Call(Callback),
    Value(Saved),
}

struct AcceptHttpTunnel {
    handler: Handler,
    sub: Sub,
    request: MessageBuilder,
    stage: Stage,
    /// What comes while the handler's promise is pending.
    held: Hold,
}

enum Stage {
    Requests,
    Deciding(Asked),
    Tunnel(Child),
}

impl AcceptHttpTunnel {
    fn take(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Event::StreamEnd(reason) = event {
            // Half a request is none.
            self.request.reset();
            return out.end(reason);
        }
        if let Some(message) = self.request.push(&event) {
            self.decide(cx, message, out);
        } else if self.request.held_bytes() > limits::HELD_BYTES {
            self.request.reset();
            out.emit(StreamError::BufferOverflow.into());
        }
    }

    fn decide(&mut self, cx: &mut Cx<'_>, request: Message, out: &mut Out<'_>) {
        if let Err(reason) = self.ask(cx, request, out) {
            out.end(reason);
        }
    }

    fn ask(&mut self, cx: &mut Cx<'_>, request: Message, out: &mut Out<'_>) -> Result<(), Reason> {
        let asked = Asked::by(&cx.js, request.head.as_ref()).map_err(|error| cx.failed(&out.place(), error))?;
        let value = match &self.handler {
            Handler::Value(value) => value.get(&cx.js),
            Handler::Call(callback) => {
                let request = js::message_value(&cx.js, request).map_err(|error| cx.failed(&out.place(), error))?;
                cx.call(out, callback, (request,))?
            }
        };
        if let Some(promise) = js::promise_of(&value) {
            self.stage = Stage::Deciding(asked);
            return cx.settle(out, &promise, 0);
        }
        self.answer(cx, asked, &value, out)
    }

    fn answer<'js>(
        &mut self,
        cx: &mut Cx<'js>,
        asked: Asked,
        value: &Value<'js>,
        out: &mut Out<'_>,
    ) -> Result<(), Reason> {
        let response = match js::message_of(&cx.js, value) {
            Some(message) => message,
            None if js::is_nullish(value) => http_error::response(200, ""),
            None => {
                cx.fail(out, "handler is not or did not return a Message");
                return Ok(());
            }
        };
        let head = js::response_of(&cx.js, response.head.as_ref()).map_err(|error| cx.failed(&out.place(), error))?;
        response.into_events().for_each(|event| out.emit(event));
        if !asked.is_granted(head.status) {
            self.stage = Stage::Requests;
            return Ok(());
        }
        let context = cx.copy_context(out)?;
        let child = out.spawn(&self.sub.get(), context, 0, Args::None);
        // Nearly all filters do their first work on their first input: who speaks first need not be the client.
        out.feed(&child, Event::flush());
        self.stage = Stage::Tunnel(child);
        Ok(())
    }
}

impl Filter for AcceptHttpTunnel {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match &self.stage {
            Stage::Requests => self.take(cx, event, out),
            Stage::Deciding(_) => out.hold(&mut self.held, event),
            Stage::Tunnel(child) => out.feed(child, event),
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let (Stage::Deciding(asked), Wake::Settled(_, settled)) = (&self.stage, wake) else {
            return;
        };
        let asked = *asked;
        self.stage = Stage::Requests;
        let result = match settled {
            Ok(value) => {
                let value = value.get(&cx.js);
                self.answer(cx, asked, &value, out)
            }
            Err(error) => Err(Reason::Value(error)),
        };
        if let Err(reason) = result {
            self.held.clear();
            return out.end(reason);
        }
        let held: Vec<Event> = self.held.take().collect();
        for event in held {
            self.process(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.request.reset();
        self.stage = Stage::Requests;
        self.held.clear();
    }
}
