//! `serveHTTP(message | fn, options?)`, optionally with `to`: answers each request of an HTTP connection.
//! Example: `.serveHTTP(req => new Message({ status: 200 }, req.head.path))`. Source: pipyjs/http.md section 4.
//! Runs in the pipeline's own context; the sub-pipeline gets the bytes of a tunnel.

use crate::data::Data;
use crate::event::{Event, HeadKind, MessageStart, Reason, StreamError};
use crate::js::{self, Callback};
use crate::limits;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{Args, Build, Cx, Filter, Make, Out, Spec, Sub, Subs, Wake};
use crate::session::{Constant, HttpOptions, Incoming, Serving};
use crate::value::Saved;
use rquickjs::Value;
use std::rc::Rc;

/// See the module.
pub(super) static SPEC: Spec = Spec {
    name: "serveHTTP",
    args: "(message | fn, options?)",
    about: "answers each HTTP request with a Message, constant or returned by fn(request)",
    subs: Subs::Optional,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let options = Rc::new(HttpOptions::parse(&build.options(1)?)?);
    let handler = match build.optional_callback(0) {
        Some(callback) => Handler::Call(callback),
        None if js::message_of(build.ctx, &build.arg(0)).is_some() => {
            let value = Saved::new(build.ctx, build.arg(0));
            Handler::Value(Rc::new(Constant::new(value, options.buffer_size)))
        }
        None => return Err(build.expects(0, "a Message or a function")),
    };
    let sub = build.sub.clone();
    Ok(Rc::new(move || {
        Box::new(ServeHttp {
            handler: handler.clone(),
            sub: sub.clone(),
            server: Serving::new(options.clone()),
            requests: Vec::new(),
        })
    }))
}

#[derive(Clone)]
enum Handler {
    Call(Callback),
    Value(Rc<Constant>),
}

struct ServeHttp {
    handler: Handler,
    sub: Sub,
    server: Serving,
    /// Requests that are being collected: HTTP/1 has one at a time, HTTP/2 one a stream.
    requests: Vec<(u64, MessageBuilder)>,
}

impl ServeHttp {
    fn pump(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        while let Some(incoming) = self.server.next(cx, out) {
            match incoming {
                // A constant answers whatever is asked: nothing of the request is kept.
                Incoming::Head(..) if self.is_constant() => {}
                Incoming::End(key, _) if self.is_constant() => self.serve(cx, key, Message::default(), out),
                Incoming::Head(key, head) => {
                    let mut request = MessageBuilder::default();
                    let start = MessageStart::new(HeadKind::Request(head));
                    request.push(&Event::MessageStart(start));
                    if self.requests.capacity() == 0 {
                        self.requests.reserve_exact(1);
                    }
                    self.requests.push((key, request));
                }
                Incoming::Body(key, data) => self.collect(cx, key, data, out),
                Incoming::End(key, end) => {
                    let request = self.take(key);
                    if let Some(message) = request.and_then(|mut request| request.push(&Event::MessageEnd(end))) {
                        self.serve(cx, key, message, out);
                    }
                }
                Incoming::Tunnel(key) => match self.sub.layout() {
                    Some(layout) => {
                        let child = out.spawn(&layout, out.context(), key, Args::None);
                        self.server.set_child(key, child);
                    }
                    None => self.server.respond(cx, key, Event::end(), out),
                },
                Incoming::Raw(key, data) => self.feed(cx, key, Event::Data(data), out),
                Incoming::RawEnd(key, reason) => self.feed(cx, key, Event::StreamEnd(reason), out),
                Incoming::Reset(key) => {
                    self.take(key);
                    self.feed(cx, key, StreamError::ConnectionReset.into(), out);
                    self.server.remove(key);
                }
            }
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self.handler, Handler::Value(_))
    }

    fn take(&mut self, key: u64) -> Option<MessageBuilder> {
        let index = self.requests.iter().position(|(other, _)| *other == key)?;
        Some(self.requests.swap_remove(index).1)
    }

    /// Keeps a piece of a body; all those of a connection have one bound.
    fn collect(&mut self, cx: &mut Cx<'_>, key: u64, data: Data, out: &mut Out<'_>) {
        let Some((_, request)) = self.requests.iter_mut().find(|(other, _)| *other == key) else {
            return;
        };
        request.push(&Event::Data(data));
        let held = self.requests.iter().map(|(_, request)| request.held_bytes());
        let held = held.fold(0, usize::saturating_add);
        if held > limits::HELD_BYTES {
            self.take(key);
            self.server.refuse(cx, key, 413, out);
        }
    }

    fn feed(&mut self, cx: &Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        let source = self.server.source(key);
        match (self.server.child(key), source) {
            (Some(child), Some(source)) => out.feed_of(cx, source, child, event),
            (Some(child), None) => out.feed(child, event),
            (None, _) => {}
        }
    }

    fn serve(&mut self, cx: &mut Cx<'_>, key: u64, request: Message, out: &mut Out<'_>) {
        let result = match &self.handler {
            Handler::Value(constant) => {
                if self.server.answer_constant(cx, key, constant, out) {
                    return;
                }
                Ok(constant.value().get(&cx.js))
            }
            Handler::Call(callback) => match js::message_value(&cx.js, request) {
                Ok(request) => cx.call(out, callback, (request,)),
                Err(error) => Err(cx.failed(&out.place(), error)),
            },
        };
        match result {
            Ok(value) => self.answer(cx, key, &value, out),
            Err(reason) => self.server.respond(cx, key, Event::StreamEnd(reason), out),
        }
    }

    fn answer<'js>(&mut self, cx: &mut Cx<'js>, key: u64, value: &Value<'js>, out: &mut Out<'_>) {
        if let Some(message) = js::message_of(&cx.js, value) {
            return self.server.answer(cx, key, message, out);
        }
        if let Some(promise) = js::promise_of(value) {
            // A connection has at most `limits::HTTP2_STREAMS` of them at a time: 32 bits tell them apart.
            if let Err(reason) = cx.settle(out, &promise, key as u32) {
                self.server.respond(cx, key, Event::StreamEnd(reason), out);
            }
            return;
        }
        let message = "handler is not or did not return a Message";
        tracing::error!(target: "pjs", filter = out.place(), "{message}");
        let reason = match js::error_value(&cx.js, message) {
            Ok(error) => Reason::Value(Saved::new(&cx.js, error)),
            Err(error) => cx.failed(&out.place(), error),
        };
        self.server.fail(cx, key, reason, out);
    }
}

impl Filter for ServeHttp {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => self.server.push(cx, data, out),
            Event::StreamEnd(reason) => self.server.push_end(cx, reason, out),
            Event::MessageStart(_) | Event::MessageEnd(_) => return,
        }
        self.pump(cx, out);
    }

    fn output(&mut self, cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        self.server.respond(cx, key, event, out);
        self.pump(cx, out);
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Wake::Settled(tag, settled) = wake else {
            self.server.wake(cx, wake, out);
            return self.pump(cx, out);
        };
        let Some(key) = self.server.key_of(tag) else { return };
        match settled {
            Ok(value) => {
                let value = value.get(&cx.js);
                self.answer(cx, key, &value, out);
            }
            Err(error) => self.server.fail(cx, key, Reason::Value(error), out),
        }
        self.pump(cx, out);
    }

    fn reset(&mut self) {
        self.server.reset();
        self.requests.clear();
    }
}
