//! `muxHTTP(selector?, options? | fn)` with `to`: requests of many streams over shared HTTP/1 sessions.
//! Example: `.muxHTTP(() => _target).to($ => $.connect(() => _target))`. Source: pipyjs/http.md section 5.

use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js::{self, Callback, Options};
use crate::pipeline::{Build, Cx, Filter, Hold, Make, Out, Spec, Sub, Subs, Wake};
use crate::session::{Encoder, Key, MuxOptions, Pool, RequestWriter, Session, Ticket, report};
use crate::value::Saved;
use rquickjs::{Ctx, Value};
use std::rc::Rc;

/// See the module.
pub(super) static SPEC: Spec = Spec {
    name: "muxHTTP",
    args: "(selector?, options? | fn)",
    about: "sends HTTP requests over sessions that streams with the same key share",
    subs: Subs::JointOrKey,
    build: make,
};

/// What a lone object argument needs one of to be taken for options, not for a key.
const OPTION_NAMES: [&str; 6] = [
    "version",
    "bufferSize",
    "maxIdle",
    "maxQueue",
    "maxMessages",
    "maxHeaderSize",
];

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let lone = build.args.len() == 1 && is_options(&build.arg(0))?;
    let (selector, options) = match lone {
        true => (Value::new_undefined(build.ctx.clone()), build.arg(0)),
        false => (build.arg(0), build.arg(1)),
    };
    let selector = match Callback::from_value(build.ctx, &selector) {
        Some(callback) => Selector::Call(callback),
        None if selector.is_undefined() => Selector::Default,
        None => Selector::Value(Saved::new(build.ctx, selector)),
    };
    let settings = match Callback::from_value(build.ctx, &options) {
        Some(callback) => Settings::Call(callback),
        None => Settings::Parsed(parse(build.ctx, &options)?),
    };
    let buffer_size = match &settings {
        Settings::Parsed(options) => options.http.buffer_size,
        Settings::Call(_) => 0,
    };
    let shared = Rc::new(Shared {
        sub: build.sub.clone(),
        selector,
        settings,
        pool: Rc::default(),
    });
    Ok(Rc::new(move || {
        Box::new(MuxHttp {
            shared: shared.clone(),
            encoder: Encoder::new(buffer_size),
            stream: None,
            ticket: None,
            held: Hold::default(),
        })
    }))
}

fn is_options(value: &Value<'_>) -> js::Result<bool> {
    let Some(object) = value.as_object().filter(|_| !value.is_function()) else {
        return Ok(false);
    };
    for name in OPTION_NAMES {
        if object.contains_key(name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn parse<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Rc<MuxOptions>> {
    MuxOptions::parse(ctx, &Options::new(ctx, value)?).map(Rc::new)
}

enum Selector {
    /// Streams of one connection.
    Default,
    Value(Saved),
    Call(Callback),
}

enum Settings {
    Parsed(Rc<MuxOptions>),
    Call(Callback),
}

/// What all pipelines of the layout share.
struct Shared {
    sub: Sub,
    selector: Selector,
    settings: Settings,
    pool: Rc<Pool>,
}

/// What was found out at the first event.
struct Stream {
    key: Key,
    options: Rc<MuxOptions>,
    writer: RequestWriter,
}

struct MuxHttp {
    shared: Rc<Shared>,
    encoder: Encoder,
    stream: Option<Stream>,
    /// The request in progress.
    ticket: Option<Ticket>,
    /// What came after a request that has no response yet.
    held: Hold,
}

/// A version of HTTP as options name it.
enum Version {
    Http10,
    Http11,
    Http2,
}

fn version_of(value: &Value<'_>) -> Option<Version> {
    let text = js::value_to_text(value.ctx(), value);
    Some(match text.to_ascii_lowercase().as_str() {
        "1" | "http/1" | "http/1.1" => Version::Http11,
        "http/1.0" => Version::Http10,
        "2" | "http/2" | "h2" => Version::Http2,
        _ => return None,
    })
}

impl MuxHttp {
    /// Evaluates the key and the options; Err: the stream has ended.
    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Option<Reason>> {
        let shared = self.shared.clone();
        let key = match &shared.selector {
            Selector::Default => Ok(Pool::default_key(out)),
            Selector::Value(value) => shared.pool.key_of(&cx.js, &value.get(&cx.js), out),
            Selector::Call(callback) => {
                let value = cx.call(out, callback, ())?;
                shared.pool.key_of(&cx.js, &value, out)
            }
        };
        let key = key.map_err(|error| cx.failed(&out.place(), error))?;
        let options = match &shared.settings {
            Settings::Parsed(options) => options.clone(),
            Settings::Call(callback) => {
                let value = cx.call(out, callback, ())?;
                let options = parse(&cx.js, &value).map_err(|error| cx.failed(&out.place(), error))?;
                self.encoder = Encoder::new(options.http.buffer_size);
                options
            }
        };
        let writer = self.writer(cx, &options, out)?;
        self.stream = Some(Stream { key, options, writer });
        Ok(())
    }

    fn writer(
        &self,
        cx: &mut Cx<'_>,
        options: &MuxOptions,
        out: &mut Out<'_>,
    ) -> Result<RequestWriter, Option<Reason>> {
        let Some(version) = &options.version else {
            return Ok(RequestWriter::default());
        };
        let mut version = version.get(&cx.js);
        if let Some(callback) = Callback::from_value(&cx.js, &version) {
            version = cx.call(out, &callback, ())?;
        }
        // A promise (of the protocol that TLS agrees on) can only be fulfilled by a session that is under way: HTTP/1.
        if js::is_nullish(&version) || js::promise_of(&version).is_some() {
            return Ok(RequestWriter::default());
        }
        match version_of(&version) {
            Some(Version::Http11) => Ok(RequestWriter::default()),
            Some(Version::Http10) => Ok(RequestWriter { is_http10: true }),
            Some(Version::Http2) => {
                cx.fail(out, "HTTP/2 is not supported yet by muxHTTP; use version 1");
                Err(None)
            }
            None => {
                let given = js::value_to_text(&cx.js, &version);
                cx.fail(
                    out,
                    &format!("invalid HTTP version {given}; expected 1, 2, 'http/1.0', 'http/1.1', 'http/2' or 'h2'"),
                );
                Err(None)
            }
        }
    }

    fn take(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if !self.encoder.is_open()
            && let Some(ticket) = &self.ticket
        {
            if ticket.is_waiting() {
                if ticket.may_tunnel() {
                    if matches!(event, Event::Data(_) | Event::StreamEnd(_)) {
                        ticket.send(event, out);
                    }
                    return;
                }
                ticket.wake_when_answered();
                return out.hold(&mut self.held, event);
            }
            self.ticket = None;
        }
        if let Event::StreamEnd(reason) = event {
            self.encoder.reset();
            self.ticket = None;
            return out.end(reason);
        }
        if self.stream.is_none()
            && let Err(reason) = self.open(cx, out)
        {
            reason.into_iter().for_each(|reason| out.end(reason));
            return;
        }
        let Some(stream) = &self.stream else { return };
        let mut bytes = Data::new();
        let step = match self.encoder.event(&cx.js, &stream.writer, event, &mut bytes) {
            Ok(step) => step,
            Err(problem) => {
                let reason = report(cx, out, problem);
                return out.end(reason);
            }
        };
        if let Some(info) = step.started {
            let layout = self.shared.sub.get();
            let ticket = Session::ask(&self.shared.pool, &stream.key, &layout, &stream.options, info, out);
            self.ticket = Some(ticket);
        }
        let Some(ticket) = &self.ticket else { return };
        if step.done {
            ticket.asked();
        }
        if !bytes.is_empty() {
            ticket.send(Event::Data(bytes), out);
        }
    }
}

impl Filter for MuxHttp {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.held.is_empty() {
            self.take(cx, event, out);
        } else {
            out.hold(&mut self.held, event);
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, _wake: Wake, out: &mut Out<'_>) {
        for event in self.held.take() {
            self.process(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.encoder.reset();
        self.stream = None;
        self.ticket = None;
        self.held.clear();
    }
}
