//! `muxHTTP(selector?, options? | fn)` with `to`: requests of many streams over shared sessions of HTTP/1 or HTTP/2.
//! Example: `.muxHTTP(() => _target).to($ => $.connect(() => _target))`. Source: pipyjs/http.md section 5.

use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js::{self, Callback, Options};
use crate::message::Whole;
use crate::pipeline::{Args, Build, Cx, Filter, Hold, Make, Out, Spec, Sub, Subs, Wake};
use crate::session::{
    Call2, Encoder, Http2Session, Key, MuxOptions, Opening, Pool, RequestInfo, RequestWriter, Route, Session, Ticket,
    http_error, report,
};
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
const OPTION_NAMES: [&str; 9] = [
    "version",
    "bufferSize",
    "maxIdle",
    "maxQueue",
    "maxMessages",
    "maxHeaderSize",
    "connectionWindowSize",
    "streamWindowSize",
    "ping",
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
            writer: RequestWriter::default(),
            ticket: None,
            call: None,
            sent: 0,
            opening: None,
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
    /// The key as the script gave it, for the session's `onStart` if it has one.
    start: Option<Saved>,
    options: Rc<MuxOptions>,
    version: Version,
}

/// What the options say about the version.
#[derive(Clone)]
enum Version {
    Fixed(Protocol),
    /// A function or a promise: each session is asked.
    Asked(Saved),
}

/// A version of HTTP.
#[derive(Clone, Copy)]
enum Protocol {
    Http10,
    Http11,
    Http2,
}

struct MuxHttp {
    shared: Rc<Shared>,
    encoder: Encoder,
    stream: Option<Stream>,
    writer: RequestWriter,
    /// The request in progress.
    ticket: Option<Ticket>,
    /// The same over HTTP/2.
    call: Option<Call2>,
    /// How often the request that is to begin was sent over sessions whose server did not look at it.
    sent: usize,
    /// A session of which it is not known yet what it speaks, or has just become so.
    opening: Option<(Rc<Opening>, Option<Protocol>)>,
    /// What came after a request that has no response yet.
    held: Hold,
}

/// The promise of a version has settled.
const VERSION: u32 = 0;

/// How a stream goes on.
enum Next {
    Http1,
    Http2(Rc<Http2Session>),
    Wait,
}

/// Why a stream has no session: a reason, or None when the stream has ended.
type Failure = Option<Reason>;

fn protocol_of(value: &Value<'_>) -> Option<Protocol> {
    if js::is_nullish(value) {
        return Some(Protocol::Http11);
    }
    let text = js::value_to_text(value.ctx(), value);
    Some(match text.to_ascii_lowercase().as_str() {
        // TLS that agreed on nothing: HTTP/1.
        "" | "1" | "http/1" | "http/1.1" => Protocol::Http11,
        "http/1.0" => Protocol::Http10,
        "2" | "http/2" | "h2" => Protocol::Http2,
        _ => return None,
    })
}

/// The version that a value means; Err: the stream has ended.
fn protocol(cx: &mut Cx<'_>, value: &Value<'_>, out: &mut Out<'_>) -> Result<Protocol, Failure> {
    protocol_of(value).ok_or_else(|| {
        let given = js::value_to_text(value.ctx(), value);
        cx.fail(
            out,
            &format!("invalid HTTP version {given}; expected 1, 2, 'http/1.0', 'http/1.1', 'http/2' or 'h2'"),
        );
        None
    })
}

impl MuxHttp {
    /// Evaluates the key and the options; Err: the stream has ended.
    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Failure> {
        let shared = self.shared.clone();
        let mut start = None;
        let key = match &shared.selector {
            Selector::Default => Ok(Pool::default_key(out)),
            Selector::Value(value) => {
                start = Some(value.clone());
                shared.pool.key_of(&cx.js, &value.get(&cx.js), out)
            }
            Selector::Call(callback) => {
                let value = cx.call(out, callback, ())?;
                if shared.sub.get().on_start.borrow().is_some() {
                    start = Some(Saved::new(&cx.js, value.clone()));
                }
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
        let version = match &options.version {
            None => Version::Fixed(Protocol::Http11),
            Some(saved) => {
                let value = saved.get(&cx.js);
                match value.is_function() || js::promise_of(&value).is_some() {
                    true => Version::Asked(saved.clone()),
                    false => Version::Fixed(protocol(cx, &value, out)?),
                }
            }
        };
        self.stream = Some(Stream {
            key,
            start,
            options,
            version,
        });
        Ok(())
    }

    /// Finds or makes the session for a request that begins; Err: the stream has ended.
    fn choose(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<Next, Failure> {
        let Some(stream) = &self.stream else { return Err(None) };
        if let (Version::Fixed(protocol @ (Protocol::Http11 | Protocol::Http10)), None) =
            (&stream.version, &self.opening)
        {
            self.writer.is_http10 = matches!(protocol, Protocol::Http10);
            return Ok(Next::Http1);
        }
        let (pool, key, options) = (self.shared.pool.clone(), stream.key.clone(), stream.options.clone());
        let version = stream.version.clone();
        let protocol = match (version, &self.opening) {
            (Version::Fixed(protocol), _) => protocol,
            (Version::Asked(_), Some((_, Some(protocol)))) => *protocol,
            (Version::Asked(_), Some((_, None))) => return Ok(Next::Wait),
            (Version::Asked(version), None) => {
                if let Some(session) = Http2Session::find(&pool, &key, &options, out) {
                    return Ok(Next::Http2(session));
                }
                if pool.has_idle_http1(&key) {
                    Protocol::Http11
                } else if let Some(opening) = pool.opening(&key) {
                    opening.wait(out.port());
                    return Ok(Next::Wait);
                } else {
                    match self.inquire(cx, &version, &key, out)? {
                        Some(protocol) => protocol,
                        None => return Ok(Next::Wait),
                    }
                }
            }
        };
        self.writer.is_http10 = matches!(protocol, Protocol::Http10);
        if !matches!(protocol, Protocol::Http2) {
            return Ok(Next::Http1);
        }
        let opened = self.opening.take().map(|(opening, _)| opening);
        if opened.is_none()
            && let Some(session) = Http2Session::find(&pool, &key, &options, out)
        {
            return Ok(Next::Http2(session));
        }
        let args = self.start_args();
        let opening = opened.unwrap_or_else(|| Opening::start(cx, &self.shared.sub.get(), args, out));
        let session = Http2Session::create(&pool, &key, &options, &opening, cx, out);
        Ok(Next::Http2(session))
    }

    /// The start argument of a new session.
    fn start_args(&self) -> Args {
        Args::of(self.stream.as_ref().and_then(|stream| stream.start.as_ref()))
    }

    /// Asks for the version of a new session; None: it is promised, and the session is started meanwhile, for the promise may depend on
    /// what happens there.
    fn inquire(
        &mut self,
        cx: &mut Cx<'_>,
        version: &Saved,
        key: &Key,
        out: &mut Out<'_>,
    ) -> Result<Option<Protocol>, Failure> {
        let mut value = version.get(&cx.js);
        if let Some(callback) = Callback::from_value(&cx.js, &value) {
            value = cx.call(out, &callback, ())?;
        }
        let Some(promise) = js::promise_of(&value) else {
            return protocol(cx, &value, out).map(Some);
        };
        let args = self.start_args();
        let opening = Opening::start(cx, &self.shared.sub.get(), args, out);
        opening.nudge(out);
        // Woken when it fails before the promise is fulfilled.
        opening.wait(out.port());
        self.shared.pool.set_opening(key, &opening, out);
        self.opening = Some((opening, None));
        cx.settle(out, &promise, VERSION)?;
        Ok(None)
    }

    /// The session's version is known.
    fn settled(&mut self, cx: &mut Cx<'_>, value: Result<Saved, Saved>, out: &mut Out<'_>) -> Result<(), Failure> {
        let Some((opening, None)) = self.opening.take() else {
            return Ok(());
        };
        let value = match value {
            Ok(value) => value.get(&cx.js),
            Err(error) => return Err(Some(Reason::Value(error))),
        };
        let protocol = protocol(cx, &value, out)?;
        if let Some(stream) = self.stream.as_ref().filter(|_| !matches!(protocol, Protocol::Http2)) {
            self.shared.pool.learn_http1(&stream.key, out);
        }
        self.opening = Some((opening, Some(protocol)));
        Ok(())
    }

    /// The session ended before its version was known.
    fn fail(&mut self, cx: &mut Cx<'_>, reason: Reason, out: &mut Out<'_>) {
        self.held.clear();
        self.opening = None;
        if let Some(message) = http_error::response_for(&cx.js, &reason) {
            message.into_events().for_each(|event| out.emit(event));
        }
        out.end(reason);
    }

    /// What goes on over HTTP/2; gives back what does not concern a request in progress.
    fn take_http2(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) -> Option<Event> {
        let Some(call) = &self.call else { return Some(event) };
        if call.takes_more() {
            match event {
                Event::StreamEnd(reason) if !(call.is_tunnel() && reason.is_clean()) => {
                    self.call = None;
                    out.end(reason);
                }
                event => call.send(cx, event),
            }
            return None;
        }
        if call.is_waiting() {
            call.wake_when_answered();
            out.hold(&mut self.held, event);
            return None;
        }
        if self.send_again(cx, out) {
            self.process(cx, event, out);
            return None;
        }
        self.call = None;
        Some(event)
    }

    /// Sends the request once more, if the server of its session has not looked at it.
    fn send_again(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> bool {
        let Some(kept) = self.call.as_ref().and_then(Call2::take_refused) else {
            return false;
        };
        self.call = None;
        self.sent = kept.times();
        let later: Vec<Event> = self.held.take().collect();
        for event in kept.into_events().chain(later) {
            self.process(cx, event, out);
        }
        true
    }

    /// A request begins: finds its session. Gives back what goes on over HTTP/1.
    fn begin(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) -> Option<Event> {
        match self.choose(cx, out) {
            Ok(Next::Http1) => {
                self.sent = 0;
                Some(event)
            }
            Ok(Next::Http2(session)) => {
                let call = session.ask(out.port(), std::mem::take(&mut self.sent));
                call.send(cx, event);
                self.call = Some(call);
                None
            }
            Ok(Next::Wait) => {
                out.hold(&mut self.held, event);
                None
            }
            Err(reason) => {
                reason.into_iter().for_each(|reason| out.end(reason));
                None
            }
        }
    }

    /// The head of a request was written: finds the session for it.
    fn ask(&mut self, cx: &mut Cx<'_>, info: RequestInfo, out: &mut Out<'_>) {
        let Some(stream) = &self.stream else { return };
        let layout = self.shared.sub.get();
        let opening = self.opening.take().map(|(opening, _)| opening);
        let route = Route {
            pool: &self.shared.pool,
            key: &stream.key,
            layout: &layout,
            start: stream.start.as_ref(),
            options: &stream.options,
        };
        let ticket = Session::ask(&route, info, opening.as_deref(), cx, out);
        self.ticket = Some(ticket);
    }

    /// Whether a request that begins now is the first of its stream, or follows one that is answered, and goes over HTTP/1 for sure.
    fn is_plain(&self) -> bool {
        let version = self.stream.as_ref().map(|stream| &stream.version);
        self.held.is_empty()
            && self.call.is_none()
            && self.opening.is_none()
            && self.ticket.is_none()
            && matches!(
                version,
                Some(Version::Fixed(Protocol::Http10 | Protocol::Http11)) | None
            )
    }

    fn take(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        let Some(event) = self.take_http2(cx, event, out) else {
            return;
        };
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
        let mut event = event;
        if matches!(event, Event::MessageStart(_)) && !self.encoder.is_open() {
            match self.begin(cx, event, out) {
                Some(start) => event = start,
                None => return,
            }
        }
        let mut bytes = Data::new();
        let step = match self.encoder.event(&cx.js, &self.writer, event, &mut bytes) {
            Ok(step) => step,
            Err(problem) => {
                let reason = report(cx, out, problem);
                return out.end(reason);
            }
        };
        if let Some(info) = step.started {
            self.ask(cx, info, out);
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

    fn message(&mut self, cx: &mut Cx<'_>, message: Whole, out: &mut Out<'_>) -> Option<Whole> {
        if !self.is_plain() || !self.encoder.takes(&message) {
            return Some(message);
        }
        if self.stream.is_none()
            && let Err(reason) = self.open(cx, out)
        {
            reason.into_iter().for_each(|reason| out.end(reason));
            return None;
        }
        // The options have been read just now, and may say otherwise.
        if !self.is_plain() || !self.encoder.takes(&message) {
            return Some(message);
        }
        if let Err(reason) = self.choose(cx, out) {
            reason.into_iter().for_each(|reason| out.end(reason));
            return None;
        }
        self.sent = 0;
        let mut bytes = Data::new();
        match self.encoder.message(&cx.js, &self.writer, message, &mut bytes) {
            Ok(info) => self.ask(cx, info, out),
            Err(problem) => {
                let reason = report(cx, out, problem);
                out.end(reason);
                return None;
            }
        }
        if let Some(ticket) = &self.ticket {
            ticket.asked();
            ticket.send(Event::Data(bytes), out);
        }
        None
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if let Wake::Settled(_, value) = wake
            && let Err(reason) = self.settled(cx, value, out)
        {
            self.held.clear();
            reason.into_iter().for_each(|reason| out.end(reason));
            return;
        }
        if let Some((opening, None)) = &self.opening {
            match opening.failure() {
                Some(reason) => self.fail(cx, reason, out),
                None => opening.wait(out.port()),
            }
            return;
        }
        if self.send_again(cx, out) {
            return;
        }
        for event in self.held.take() {
            self.process(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.encoder.reset();
        self.stream = None;
        self.writer = RequestWriter::default();
        self.ticket = None;
        self.call = None;
        self.sent = 0;
        self.opening = None;
        self.held.clear();
    }
}
