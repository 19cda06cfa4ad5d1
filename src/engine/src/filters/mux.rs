//! `mux(selector?, options?)` with a sub-pipeline: many streams share a session, which answers them in turn. `merge` of
//! dialect E1 only gives. Example: `.mux(() => _target, { maxIdle: 10 }).to($ => $.encode...connect(...))`.
//! Source: pipyjs/filters.md section 5, model.md 1.4. HTTP has its own: mux_http.rs.

use super::demux::OutputCount;
use super::mux_session::{Key, Lease, Pool, Session};
use crate::event::{Event, MessageStart, Reason};
use crate::js::{self, Callback};
use crate::limits;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{Build, Cx, Filter, Make, Out, Spec, Sub, Subs};
use crate::value::Saved;
use std::rc::Rc;

pub(super) static MUX: Spec = Spec {
    name: "mux",
    args: "(selector, { maxIdle, maxQueue, maxMessages, outputCount })",
    about: "shares a sub-pipeline between streams, message by message",
    subs: Subs::JointOrKey,
    build: |build| make(build, false),
};

pub(super) static MERGE: Spec = Spec {
    name: "merge",
    args: "(key, options)",
    about: "copies each message into a sub-pipeline that streams share",
    subs: Subs::Joint,
    build: |build| make(build, true),
};

/// The options of one stream.
#[derive(Clone)]
struct Settings {
    idle_seconds: f64,
    queue: usize,
    messages: usize,
    count: OutputCount,
}

impl Settings {
    fn parse(options: &js::Options<'_>) -> js::Result<Self> {
        Ok(Settings {
            idle_seconds: options.seconds("maxIdle")?.unwrap_or(limits::SESSION_IDLE_SECONDS),
            queue: options.number("maxQueue")?.map_or(1, |queue| queue.max(1.0) as usize),
            messages: options
                .number("maxMessages")?
                .map_or(0, |messages| messages.max(0.0) as usize),
            count: OutputCount::parse(options)?,
        })
    }
}

#[derive(Clone)]
enum Choice<T> {
    Call(Callback),
    Value(T),
}

fn make(build: &mut Build<'_, '_>, one_way: bool) -> js::Result<Make> {
    let selector = match build.optional_callback(0) {
        Some(callback) => Choice::Call(callback),
        None => Choice::Value(Saved::new(build.ctx, build.arg(0))),
    };
    let settings = match build.optional_callback(1) {
        Some(callback) => Choice::Call(callback),
        None => Choice::Value(Settings::parse(&build.options(1)?)?),
    };
    let sub = build.sub.clone();
    let pool = Rc::<Pool>::default();
    Ok(Rc::new(move || {
        Box::new(Mux {
            one_way,
            sub: sub.clone(),
            selector: selector.clone(),
            settings: settings.clone(),
            pool: pool.clone(),
            chosen: None,
            session: None,
            message: MessageBuilder::default(),
            sent: false,
        })
    }))
}

struct Mux {
    /// Messages also pass on, and nothing comes back (`merge`).
    one_way: bool,
    sub: Sub,
    selector: Choice<Saved>,
    settings: Choice<Settings>,
    pool: Rc<Pool>,
    /// What this stream has chosen at its first event.
    chosen: Option<(Key, Settings)>,
    session: Option<(Rc<Session>, Rc<Lease>)>,
    message: MessageBuilder,
    sent: bool,
}

impl Mux {
    fn choose(&mut self, cx: &mut Cx<'_>, out: &Out<'_>) -> Result<(Key, Settings), Reason> {
        if let Some(chosen) = &self.chosen {
            return Ok(chosen.clone());
        }
        let key = match &self.selector {
            Choice::Call(callback) => cx.call(out, callback, ())?,
            Choice::Value(value) => value.get(&cx.js),
        };
        let key = Key::of(&cx.js, key, &out.context());
        let settings = match &self.settings {
            Choice::Value(settings) => settings.clone(),
            Choice::Call(callback) => {
                let value = cx.call(out, callback, ())?;
                js::Options::new(&cx.js, &value)
                    .and_then(|options| Settings::parse(&options))
                    .map_err(|error| cx.failed(&out.place(), error))?
            }
        };
        self.chosen = Some((key.clone(), settings.clone()));
        Ok((key, settings))
    }

    /// The session that this stream uses, a living one.
    fn session(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(Rc<Session>, Rc<Lease>), Reason> {
        let (key, settings) = self.choose(cx, out)?;
        if let Some(used) = self.session.as_ref().filter(|(session, _)| !session.is_dead()) {
            return Ok(used.clone());
        }
        self.leave();
        let queue = if self.one_way { usize::MAX } else { settings.queue };
        let found = self.pool.find(&cx.js, &key, queue, settings.messages);
        let session = match found {
            Some(session) => session,
            None => {
                let (idle, messages) = (settings.idle_seconds, settings.messages);
                self.pool.open(cx, &key, &self.sub.get(), idle, messages, out)
            }
        };
        let lease = session.lease();
        self.session = Some((session.clone(), lease.clone()));
        Ok((session, lease))
    }

    fn leave(&mut self) {
        if let Some((_session, lease)) = self.session.take() {
            lease.release();
        }
    }

    fn send(&mut self, cx: &mut Cx<'_>, message: Message, out: &mut Out<'_>) -> Result<(), Reason> {
        let (session, lease) = self.session(cx, out)?;
        let (_, settings) = self.choose(cx, out)?;
        let start = MessageStart {
            head: message.head.clone(),
        };
        if !self.one_way {
            let left = settings.count.get(cx, &start, out)?;
            if left == 0 {
                out.end(Reason::Clean);
            } else {
                session.wait(out.port(), left, lease);
            }
        }
        session.send(message, out);
        Ok(())
    }
}

impl Filter for Mux {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if !self.one_way && self.sent {
            return;
        }
        if let Err(reason) = self.session(cx, out) {
            return out.end(reason);
        }
        let message = self.message.push(&event);
        if self.message.held_bytes() > limits::HELD_BYTES {
            self.message.reset();
            return out.emit(crate::event::StreamError::BufferOverflow.into());
        }
        let ends = matches!(event, Event::StreamEnd(_));
        if let Some(message) = message {
            self.sent = true;
            if let Err(reason) = self.send(cx, message, out) {
                return out.end(reason);
            }
        }
        if self.one_way || (ends && !self.sent) {
            out.emit(event);
        }
    }

    fn reset(&mut self) {
        self.leave();
        self.chosen = None;
        self.message.reset();
        self.sent = false;
    }
}
