//! `connect(target | fn, options? | fn)`: bytes to and from a TCP server, or datagrams to and from a UDP server.
//! Example: `.connect('localhost:8080', { retryCount: 3, retryDelay: 1 })`. Source: pipyjs/http.md section 6.

use crate::data::Data;
use crate::event::{Event, Reason, StreamError};
use crate::js::{self, Callback, Options};
use crate::net::{
    Connection, ConnectionClosed, Dial, DialOptions, Opened, OutboundInfo, Progress, Protocol, Target as Receiver,
    UdpClient, parse_target, target_text,
};
use crate::pipeline::{Build, Closed, Cx, Filter, Hold, Make, Module, Out, Spec, Subs, Wake};
use crate::value::Saved;
use rquickjs::{Class, Ctx, Value};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "connect",
    args: "(target | fn, options? | fn)",
    about: "sends its input to a TCP or UDP server and outputs what comes back",
    subs: Subs::None,
    build: |build| {
        let target = match build.optional_callback(0) {
            Some(callback) => Target::Call(callback),
            None => Target::Text(target_text(&build.arg(0)).ok_or_else(|| build.expects(0, "a string or a function"))?),
        };
        let settings = match build.optional_callback(1) {
            Some(callback) => Settings::Call(callback),
            None => Settings::Parsed(ConnectOptions::parse(build)?),
        };
        Ok(make(target, settings, build.module.clone()))
    },
};

fn make(target: Target, settings: Settings, module: Rc<Module>) -> Make {
    Rc::new(move || {
        Box::new(Connect {
            target: target.clone(),
            settings: settings.clone(),
            module: module.clone(),
            options: ConnectOptions::default(),
            stage: Stage::Idle,
            waiting: Waiting::default(),
        })
    })
}

#[derive(Clone)]
enum Target {
    Text(String),
    Call(Callback),
}

#[derive(Clone)]
enum Settings {
    Parsed(ConnectOptions),
    Call(Callback),
}

#[derive(Clone, Default)]
struct ConnectOptions {
    dial: DialOptions,
    bind: Option<Callback>,
    on_state: Option<Callback>,
}

impl ConnectOptions {
    fn parse(build: &Build<'_, '_>) -> js::Result<Self> {
        ConnectOptions::of(build.ctx, &build.arg(1))
    }

    fn of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Self> {
        let options = Options::new(ctx, value)?;
        let mut dial = DialOptions::parse(ctx, &options)?;
        let bind = options.value("bind")?;
        let call = bind.as_ref().and_then(|bind| Callback::from_value(ctx, bind));
        if let (Some(bind), None) = (&bind, &call) {
            dial.bind = local_address(ctx, bind)?;
        }
        Ok(ConnectOptions {
            dial,
            bind: call,
            on_state: options.callback("onState")?,
        })
    }
}

/// The local address of `bind`; None for an empty one.
fn local_address<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Option<std::net::SocketAddr>> {
    let text = target_text(value).ok_or_else(|| js::throw_type(ctx, "options.bind expects a string or a function"))?;
    if text.is_empty() {
        return Ok(None);
    }
    let address = DialOptions::parse_bind(&text);
    let wrong = || {
        js::throw_error(
            ctx,
            &format!("connect: bind '{text}' is not an address; expected 'ip' or 'ip:port'"),
        )
    };
    address.map(Some).ok_or_else(wrong)
}

struct Connect {
    target: Target,
    settings: Settings,
    /// Of the script: decides what a datagram is.
    module: Rc<Module>,
    options: ConnectOptions,
    stage: Stage,
    waiting: Waiting,
}

enum Stage {
    /// Nothing has come in.
    Idle,
    /// The target's promise is pending.
    Asking,
    Dialing(Dial),
    Open(Rc<Connection>, OutboundInfo),
    OpenUdp(Rc<UdpClient>, OutboundInfo),
    Ended,
}

/// What came in before the connection was up.
#[derive(Default)]
struct Waiting {
    data: Data,
    /// What is to become datagrams.
    events: Hold,
    ended: bool,
    /// Sources that are not read while too much waits.
    blocked: Vec<Closed>,
}

impl Connect {
    /// The first event has come: evaluate options and target.
    fn begin(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        self.stage = Stage::Asking;
        if let Err(reason) = self.evaluate(cx, out) {
            self.give_up(reason, out);
        }
    }

    fn evaluate(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Reason> {
        self.options = match &self.settings {
            Settings::Parsed(options) => options.clone(),
            Settings::Call(callback) => {
                let value = cx.call(out, callback, ())?;
                ConnectOptions::of(&cx.js, &value).map_err(|error| cx.failed(&out.place(), error))?
            }
        };
        if let Some(bind) = self.options.bind.take() {
            let value = cx.call(out, &bind, ())?;
            if !js::is_nullish(&value) {
                let address = local_address(&cx.js, &value);
                self.options.dial.bind = address.map_err(|error| cx.failed(&out.place(), error))?;
            }
        }
        match &self.target {
            Target::Text(text) => {
                let text = text.clone();
                self.dial(cx, Some(&text), out);
            }
            Target::Call(callback) => {
                let value = cx.call(out, callback, ())?;
                match js::promise_of(&value) {
                    Some(promise) => cx.settle(out, &promise, 0)?,
                    None => self.dial(cx, target_text(&value).as_deref(), out),
                }
            }
        }
        Ok(())
    }

    fn dial(&mut self, cx: &mut Cx<'_>, text: Option<&str>, out: &mut Out<'_>) {
        let Some(host) = text.and_then(parse_target) else {
            self.stage = Stage::Ended;
            self.waiting = Waiting::default();
            return cx.fail(out, "invalid target");
        };
        let report = self.options.on_state.is_some();
        let dial = Dial::start(&cx.realm, out.port(), host, self.options.dial.clone(), report);
        self.stage = Stage::Dialing(dial);
    }

    /// Ends the stream before a connection was made.
    fn give_up(&mut self, reason: Reason, out: &mut Out<'_>) {
        self.stage = Stage::Ended;
        self.waiting = Waiting::default();
        out.end(reason);
    }

    fn wait(&mut self, cx: &mut Cx<'_>, data: Data, out: &mut Out<'_>) {
        self.waiting.data.append(data);
        let (pending, socket) = (self.waiting.data.len(), &self.options.dial.socket);
        if socket.buffer_limit.is_some_and(|limit| pending > limit) {
            return self.give_up(Reason::Named(StreamError::BufferOverflow), out);
        }
        if pending >= socket.congestion_limit
            && let Some(tap) = &cx.tap
            && !self.waiting.blocked.iter().any(|closed| closed.is_of(tap))
        {
            self.waiting.blocked.push(tap.close());
        }
    }

    fn connected(&mut self, cx: &mut Cx<'_>, opened: Opened, out: &mut Out<'_>) {
        let Stage::Dialing(dial) = &self.stage else { return };
        let info = dial.info.clone();
        let options = self.options.dial.socket.clone();
        let mut waiting = std::mem::take(&mut self.waiting);
        let stream = match opened {
            Opened::Tcp(stream) => stream,
            Opened::Udp(socket) => {
                let as_message = !self.module.is_modern.get();
                let client = UdpClient::open(&cx.realm, socket, options, out.port(), as_message, info.traffic());
                info.attach_udp(&client);
                let mut all = waiting.events.take();
                let is_within = all.all(|event| client.write(event));
                self.stage = Stage::OpenUdp(client, info.clone());
                let error = (!is_within).then_some(StreamError::BufferOverflow);
                return self.report(cx, &info, error, out);
            }
        };
        let traffic = info.traffic();
        let connection = Connection::open(&cx.realm, stream, options, Receiver::Filter(out.port()), traffic);
        info.attach(&connection);
        connection.write(cx, waiting.data);
        if waiting.ended {
            connection.finish(cx, true);
        }
        let around = out
            .socket_around()
            .and_then(|socket| socket.downcast::<Connection>().ok());
        if let Some(around) = around {
            connection.join(&around);
        }
        self.stage = Stage::Open(connection, info.clone());
        self.report(cx, &info, None, out);
    }

    /// Calls `onState`, then ends the stream with `end`. An exception ends it too.
    fn report(&mut self, cx: &mut Cx<'_>, info: &OutboundInfo, end: Option<StreamError>, out: &mut Out<'_>) {
        let result = self.call_on_state(cx, info, out);
        if let Some(reason) = result.err().or(end.map(Reason::Named)) {
            self.give_up(reason, out);
        }
    }

    fn call_on_state(&mut self, cx: &mut Cx<'_>, info: &OutboundInfo, out: &mut Out<'_>) -> Result<(), Reason> {
        let Some(callback) = &self.options.on_state else {
            return Ok(());
        };
        match Class::instance(cx.js.clone(), info.clone()) {
            Ok(object) => cx.call(out, callback, (object,)).map(drop),
            Err(error) => Err(cx.failed(&out.place(), error)),
        }
    }

    fn progress(&mut self, cx: &mut Cx<'_>, progress: Progress, out: &mut Out<'_>) {
        let info = match &self.stage {
            Stage::Dialing(dial) => dial.info.clone(),
            Stage::Open(_, info) | Stage::OpenUdp(_, info) => info.clone(),
            _ => return,
        };
        match progress {
            Progress::State => self.report(cx, &info, None, out),
            Progress::Connected(opened) => self.connected(cx, opened, out),
            Progress::Failed(error) => self.report(cx, &info, Some(error), out),
            Progress::Aborted => {
                info.set_state("closed");
                self.report(cx, &info, Some(StreamError::ConnectionAborted), out);
            }
        }
    }
}

impl Filter for Connect {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let (Stage::Idle, Event::StreamEnd(_)) = (&self.stage, &event) {
            self.stage = Stage::Ended;
            return out.emit(event);
        }
        if let Stage::Idle = self.stage {
            self.begin(cx, out);
        }
        let is_udp = self.options.dial.protocol == Protocol::Udp;
        match (&self.stage, event) {
            // There is no end to send.
            (Stage::OpenUdp(..), Event::StreamEnd(_)) => {}
            (Stage::OpenUdp(client, _), event) => {
                let is_within = client.write(event);
                if !is_within {
                    self.give_up(Reason::Named(StreamError::BufferOverflow), out);
                }
            }
            (Stage::Asking | Stage::Dialing(_), event) if is_udp => out.hold(&mut self.waiting.events, event),
            (Stage::Open(connection, _), Event::Data(data)) => connection.write(cx, data),
            (Stage::Open(connection, _), Event::StreamEnd(_)) => connection.finish(cx, true),
            (Stage::Asking | Stage::Dialing(_), Event::Data(data)) if !self.waiting.ended => self.wait(cx, data, out),
            (Stage::Asking | Stage::Dialing(_), Event::StreamEnd(_)) => self.waiting.ended = true,
            _ => {}
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        match wake {
            Wake::Settled(_, settled) if matches!(self.stage, Stage::Asking) => match settled {
                Ok(value) => {
                    let value: Value<'_> = Saved::get(&value, &cx.js);
                    self.dial(cx, target_text(&value).as_deref(), out);
                }
                Err(error) => self.give_up(Reason::Value(error), out),
            },
            Wake::Message(message) => match message.downcast::<Progress>() {
                Ok(progress) => self.progress(cx, *progress, out),
                Err(message) if message.is::<ConnectionClosed>() => {
                    let (Stage::Open(_, info) | Stage::OpenUdp(_, info)) = &self.stage else {
                        return;
                    };
                    let info = info.clone();
                    info.set_state("closed");
                    self.stage = Stage::Ended;
                    // The end of the stream has been output: an exception is only logged.
                    self.call_on_state(cx, &info, out).ok();
                }
                Err(_) => {}
            },
            _ => {}
        }
    }

    fn reset(&mut self) {
        self.stage = Stage::Idle;
        self.waiting = Waiting::default();
        self.options = ConnectOptions::default();
    }
}
