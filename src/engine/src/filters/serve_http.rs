//! `serveHTTP(message | fn, options?)`, optionally with `to`: answers each request of an HTTP/1 connection.
//! Example: `.serveHTTP(req => new Message({ status: 200 }, req.head.path))`. Source: pipyjs/http.md section 4.
//! Runs in the pipeline's own context; the sub-pipeline gets the bytes of a tunnel.

use crate::event::{Event, HeadKind, MessageStart, Reason};
use crate::js::{self, Callback};
use crate::limits;
use crate::message::MessageBuilder;
use crate::pipeline::{Args, Build, Child, Cx, Filter, Make, Out, Spec, Sub, Subs, Wake};
use crate::session::{Constant, HttpOptions, Incoming, Server};
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

/// Key of the tunnel's pipeline; requests count from 0.
const TUNNEL: u64 = u64::MAX;

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
            server: Server::new(options.clone()),
            request: MessageBuilder::default(),
            tunnel: None,
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
    server: Server,
    request: MessageBuilder,
    tunnel: Option<Child>,
}

impl ServeHttp {
    fn pump(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        loop {
            if self.server.is_tunnel() && self.tunnel.is_none() {
                match self.sub.layout() {
                    Some(layout) => self.tunnel = Some(out.spawn(&layout, out.context(), TUNNEL, Args::None)),
                    None => return self.server.respond_tunnel(cx, Event::end(), out),
                }
            }
            let Some(incoming) = self.server.next(cx, out) else {
                return;
            };
            match incoming {
                Incoming::Head(_, head) => {
                    let start = MessageStart::new(HeadKind::Request(head));
                    self.request.push(&Event::MessageStart(start));
                }
                Incoming::Body(key, data) => {
                    self.request.push(&Event::Data(data));
                    if self.request.held_bytes() > limits::HELD_BYTES {
                        self.request.reset();
                        self.server.refuse(cx, key, 413, out);
                    }
                }
                Incoming::End(key, end) => {
                    if let Some(message) = self.request.push(&Event::MessageEnd(end)) {
                        self.serve(cx, key, message, out);
                    }
                }
                Incoming::Raw(_, data) => self.feed(Event::Data(data), out),
                Incoming::RawEnd(_, reason) => self.feed(Event::StreamEnd(reason), out),
            }
        }
    }

    fn feed(&mut self, event: Event, out: &mut Out<'_>) {
        if let Some(child) = &self.tunnel {
            out.feed(child, event);
        }
    }

    fn serve(&mut self, cx: &mut Cx<'_>, key: u64, request: crate::message::Message, out: &mut Out<'_>) {
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
            // A connection has at most `limits::PIPELINED_REQUESTS` of them at a time: 32 bits tell them apart.
            if let Err(reason) = cx.settle(out, &promise, key as u32) {
                self.server.respond(cx, key, Event::StreamEnd(reason), out);
            }
            return;
        }
        tracing::error!(target: "pjs", filter = out.place(), "handler is not or did not return a Message");
        self.server.fail(key, Reason::Clean, out);
    }
}

impl Filter for ServeHttp {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => self.server.push(cx, data, out),
            Event::StreamEnd(reason) => self.server.push_end(reason, out),
            Event::MessageStart(_) | Event::MessageEnd(_) => return,
        }
        self.pump(cx, out);
    }

    fn output(&mut self, cx: &mut Cx<'_>, _key: u64, event: Event, out: &mut Out<'_>) {
        self.server.respond_tunnel(cx, event, out);
        self.pump(cx, out);
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Wake::Settled(tag, settled) = wake else {
            return self.server.leave(out);
        };
        let Some(key) = self.server.key_of(tag) else { return };
        match settled {
            Ok(value) => {
                let value = value.get(&cx.js);
                self.answer(cx, key, &value, out);
            }
            Err(error) => self.server.fail(key, Reason::Value(error), out),
        }
        self.pump(cx, out);
    }

    fn reset(&mut self) {
        self.server.reset();
        self.request.reset();
        self.tunnel = None;
    }
}
