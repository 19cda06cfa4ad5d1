//! `demuxHTTP(options?)` with `to`: a sub-pipeline for each request of an HTTP connection; responses in order, of HTTP/2 as they come.
//! Example: `.demuxHTTP().to($ => $.replaceMessage(new Message('hi')))`. Source: pipyjs/http.md section 4.

use crate::event::{Event, Head, HeadKind, MessageStart, StreamError};
use crate::js;
use crate::message::Whole;
use crate::pipeline::{Args, Build, Cx, Filter, Make, Out, Spec, Sub, Subs, Wake};
use crate::session::{HttpOptions, Incoming, Serving};
use std::rc::Rc;

/// See the module.
pub(super) static SPEC: Spec = Spec {
    name: "demuxHTTP",
    args: "(options?)",
    about: "gives each HTTP request to a sub-pipeline of its own and sends the responses in order",
    subs: Subs::Joint,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let options = Rc::new(HttpOptions::parse(&build.options(0)?)?);
    let sub = build.sub.clone();
    Ok(Rc::new(move || {
        Box::new(DemuxHttp {
            sub: sub.clone(),
            server: Serving::new(options.clone()),
        })
    }))
}

struct DemuxHttp {
    sub: Sub,
    server: Serving,
}

impl DemuxHttp {
    fn pump(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        while let Some(incoming) = self.server.next(cx, out) {
            let (key, event) = match incoming {
                Incoming::Head(key, head) => {
                    let context = match cx.copy_context(out) {
                        Ok(context) => context,
                        Err(reason) => {
                            self.server.respond(cx, key, Event::StreamEnd(reason), out);
                            continue;
                        }
                    };
                    let child = out.spawn(&self.sub.get(), context, key, Args::None);
                    if let Some((body, tail)) = self.server.rest() {
                        let head = Rc::new(Head::new(HeadKind::Request(head)));
                        out.feed_message(&child, Whole { head, body, tail });
                        self.server.set_child(key, child);
                        continue;
                    }
                    self.server.set_child(key, child);
                    (key, Event::MessageStart(MessageStart::new(HeadKind::Request(head))))
                }
                Incoming::Body(key, data) | Incoming::Raw(key, data) => (key, Event::Data(data)),
                Incoming::End(key, end) => (key, Event::MessageEnd(end)),
                Incoming::RawEnd(key, reason) => (key, Event::StreamEnd(reason)),
                Incoming::Tunnel(_) => continue,
                Incoming::Reset(key) => {
                    if let Some(child) = self.server.child(key) {
                        out.feed(child, StreamError::ConnectionReset.into());
                    }
                    self.server.remove(key);
                    continue;
                }
            };
            let source = match event {
                Event::Data(_) => self.server.source(key),
                _ => None,
            };
            // Without a child the request was answered before it was complete: the rest is read and dropped.
            match (self.server.child(key), source) {
                (Some(child), Some(source)) => out.feed_of(cx, source, child, event),
                (Some(child), None) => out.feed(child, event),
                (None, _) => {}
            }
        }
    }
}

impl Filter for DemuxHttp {
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

    fn output_message(&mut self, cx: &mut Cx<'_>, key: u64, message: Whole, out: &mut Out<'_>) -> Option<Whole> {
        let refused = self.server.respond_whole(cx, key, message, out);
        if refused.is_none() {
            self.pump(cx, out);
        }
        refused
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        self.server.wake(cx, wake, out);
        self.pump(cx, out);
    }

    fn reset(&mut self) {
        self.server.reset();
    }
}
