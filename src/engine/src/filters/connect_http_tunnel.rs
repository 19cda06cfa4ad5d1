//! `connectHTTPTunnel(message | 'host:port' | fn, { onState })` with `to`: a tunnel through an HTTP proxy.
//! Example: `.connectHTTPTunnel('example.com:80').to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:3128')))`.
//! Source: pipyjs/http.md section 5, filters.md section 11.

use crate::event::{Event, Reason};
use crate::js::{self, Callback};
use crate::limits;
use crate::message::Message;
use crate::pipeline::{Args, Build, Child, Closed, Cx, Filter, Hold, Make, Out, Spec, Sub, Subs};
use crate::session::{Asked, tunnel_request};
use crate::value::Saved;
use rquickjs::{Object, Value};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "connectHTTPTunnel",
    args: "(message | string | fn, { onState })",
    about: "asks its sub-pipeline for a tunnel and sends all bytes through it",
    subs: Subs::JointOrKey,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let target = match build.optional_callback(0) {
        Some(callback) => Target::Call(callback),
        // None yet, when a lone string may still turn out to be the target (`Subs::JointOrKey`).
        None if build.args.is_empty() || request_of(build.ctx, &build.arg(0)).is_some() => {
            Target::Value(Saved::new(build.ctx, build.arg(0)))
        }
        None => return Err(build.expects(0, "a Message, 'host:port' or a function")),
    };
    let on_state = build.options(1)?.callback("onState")?;
    let sub = build.sub.clone();
    Ok(Rc::new(move || {
        Box::new(ConnectHttpTunnel {
            target: target.clone(),
            on_state: on_state.clone(),
            sub: sub.clone(),
            child: None,
            stage: Stage::Idle,
            held: Hold::default(),
            held_bytes: 0,
            blocked: Vec::new(),
        })
    }))
}

/// The request that a value means: a Message, or the target of a CONNECT.
fn request_of<'js>(ctx: &rquickjs::Ctx<'js>, value: &Value<'js>) -> Option<Message> {
    match value.as_string() {
        Some(target) => target.to_string().ok().map(|target| tunnel_request(&target)),
        None => js::message_of(ctx, value),
    }
}

#[derive(Clone)]
enum Target {
    Value(Saved),
    Call(Callback),
}

struct ConnectHttpTunnel {
    target: Target,
    on_state: Option<Callback>,
    sub: Sub,
    child: Option<Child>,
    stage: Stage,
    /// Input, until the tunnel is up.
    held: Hold,
    held_bytes: usize,
    /// Taps of whose input is held.
    blocked: Vec<Closed>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Idle,
    /// `granted`: what the head of the response says, once it has come.
    Asking {
        asked: Asked,
        granted: Option<bool>,
    },
    Connected,
    Closed,
}

impl ConnectHttpTunnel {
    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Reason> {
        let value = match &self.target {
            Target::Value(value) => value.get(&cx.js),
            Target::Call(callback) => cx.call(out, callback, ())?,
        };
        let Some(request) = request_of(&cx.js, &value) else {
            self.stage = Stage::Closed;
            cx.fail(out, "invalid target: connectHTTPTunnel needs a Message or 'host:port'");
            return Ok(());
        };
        let asked = Asked::by(&cx.js, request.head.as_ref()).map_err(|error| cx.failed(&out.place(), error))?;
        let context = cx.copy_context(out)?;
        let child = out.spawn(&self.sub.get(), context, 0, Args::None);
        for event in request.into_events() {
            out.feed(&child, event);
        }
        self.child = Some(child);
        self.stage = Stage::Asking { asked, granted: None };
        Ok(())
    }

    fn tell(&mut self, cx: &mut Cx<'_>, state: &str, out: &mut Out<'_>) -> Result<(), Reason> {
        let Some(callback) = self.on_state.clone() else {
            return Ok(());
        };
        let object = Object::new(cx.js.clone()).and_then(|object| object.set("state", state).map(|()| object));
        let object = object.map_err(|error| cx.failed(&out.place(), error))?;
        cx.call(out, &callback, (object,)).map(drop)
    }

    fn hold(&mut self, cx: &Cx<'_>, event: Event, out: &mut Out<'_>) {
        self.held_bytes += event.len();
        if self.held_bytes >= limits::CONGESTION_BYTES
            && let Some(tap) = &cx.tap
            && !self.blocked.iter().any(|closed| closed.is_of(tap))
        {
            self.blocked.push(tap.close());
        }
        out.hold(&mut self.held, event);
    }

    fn close(&mut self, cx: &mut Cx<'_>, reason: Reason, out: &mut Out<'_>) {
        self.stage = Stage::Closed;
        self.child = None;
        self.held.clear();
        self.blocked.clear();
        let told = self.tell(cx, "closed", out);
        out.end(told.err().unwrap_or(reason));
    }

    fn answered(&mut self, cx: &mut Cx<'_>, is_granted: bool, out: &mut Out<'_>) {
        if !is_granted {
            return self.close(cx, Reason::Clean, out);
        }
        self.stage = Stage::Connected;
        if let Err(reason) = self.tell(cx, "connected", out) {
            return self.close(cx, reason, out);
        }
        self.blocked.clear();
        self.held_bytes = 0;
        if let Some(child) = &self.child {
            out.without_source(cx.tap.clone(), |out| {
                self.held.take().for_each(|event| out.feed(child, event))
            });
        }
    }
}

impl Filter for ConnectHttpTunnel {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if matches!(event, Event::MessageStart(_) | Event::MessageEnd(_)) {
            return;
        }
        if self.stage == Stage::Idle
            && let Err(reason) = self.open(cx, out)
        {
            return self.close(cx, reason, out);
        }
        match (self.stage, &self.child) {
            (Stage::Connected, Some(child)) => out.feed(child, event),
            (Stage::Asking { .. }, _) => self.hold(cx, event, out),
            _ => {}
        }
    }

    fn output(&mut self, cx: &mut Cx<'_>, _key: u64, event: Event, out: &mut Out<'_>) {
        match (self.stage, event) {
            (Stage::Connected | Stage::Asking { .. }, Event::StreamEnd(reason)) => self.close(cx, reason, out),
            (Stage::Connected, event @ Event::Data(_)) => out.emit(event),
            (Stage::Asking { asked, granted: None }, Event::MessageStart(start)) => {
                match js::response_of(&cx.js, start.head.as_ref()) {
                    // 1xx but 101 announce another response.
                    Ok(head) if head.is_interim() => {}
                    Ok(head) => {
                        let granted = Some(asked.is_granted(head.status));
                        self.stage = Stage::Asking { asked, granted };
                    }
                    Err(error) => {
                        let reason = cx.failed(&out.place(), error);
                        self.close(cx, reason, out);
                    }
                }
            }
            (
                Stage::Asking {
                    granted: Some(is_granted),
                    ..
                },
                Event::MessageEnd(_),
            ) => {
                self.answered(cx, is_granted, out);
            }
            _ => {}
        }
    }

    fn reset(&mut self) {
        self.child = None;
        self.stage = Stage::Idle;
        self.held.clear();
        self.held_bytes = 0;
        self.blocked.clear();
    }
}
