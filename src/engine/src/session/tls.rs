//! What `acceptTLS` and `connectTLS` share: the flow between the plain side and the wire, and the callbacks.
//! Source: pipyjs/filters.md section 7.
//!
//! `verify` is asked within the handshake, so that a refused peer gets an alert and learns nothing more of us.

use super::tls_judge::{Failure, Judge};
use super::tls_options::{Given, Side, TlsOptions};
use super::tls_session::{SessionFacts, TlsSession};
use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js;
use crate::limits;
use crate::net::{Machine, while_asking};
use crate::pipeline::{Args, Child, Closed, Cx, Filter, Hold, Out, Sub, Task, Wake, timer};
use rquickjs::{Class, Object};
use rustls_pki_types::ServerName;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// The filter, either side.
pub(crate) struct TlsFilter {
    options: Rc<TlsOptions>,
    layout: Sub,
    machine: Option<Machine>,
    child: Option<Child>,
    stage: Stage,
    /// Input of the plain side, until the handshake is done.
    held: Hold,
    held_bytes: usize,
    /// Sources that are not read while too much is held.
    blocked: Vec<Closed>,
    facts: Rc<RefCell<SessionFacts>>,
    /// Ends a handshake that takes too long.
    timer: Option<Task>,
    /// The plain side has ended: close_notify was sent.
    plain_ended: bool,
    /// The wire has ended, or the peer has said so.
    wire_ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Handshake,
    Connected,
    Over,
}

impl TlsFilter {
    /// A filter that has seen nothing. `layout`: the sub-pipeline.
    pub(crate) fn new(options: Rc<TlsOptions>, layout: Sub) -> Self {
        TlsFilter {
            options,
            layout,
            machine: None,
            child: None,
            stage: Stage::Idle,
            held: Hold::default(),
            held_bytes: 0,
            blocked: Vec::new(),
            facts: Rc::default(),
            timer: None,
            plain_ended: false,
            wire_ended: false,
        }
    }

    fn to_wire(&self, event: Event, out: &mut Out<'_>) {
        match self.options.side {
            Side::Server => out.emit(event),
            Side::Client => {
                if let Some(child) = &self.child {
                    out.feed(child, event);
                }
            }
        }
    }

    fn to_plain(&self, event: Event, out: &mut Out<'_>) {
        match self.options.side {
            Side::Client => out.emit(event),
            Side::Server => {
                if let Some(child) = &self.child {
                    out.feed(child, event);
                }
            }
        }
    }

    fn send(&self, wire: Data, out: &mut Out<'_>) {
        if !wire.is_empty() {
            self.to_wire(Event::Data(wire), out);
        }
    }

    fn spawn(&mut self, out: &mut Out<'_>) {
        let layout = self.layout.get();
        let context = out.context();
        let args = match context.inbound().filter(|_| self.options.is_listener) {
            Some(inbound) => Args::Inbound(inbound.clone()),
            None => Args::None,
        };
        self.child = Some(out.spawn(&layout, context, 0, args));
    }

    fn change(&mut self, cx: &mut Cx<'_>, state: &'static str, out: &mut Out<'_>) -> Result<(), Failure> {
        self.facts.borrow_mut().state = state;
        let Some(callback) = &self.options.on_state else {
            return Ok(());
        };
        let session = Class::instance(
            cx.js.clone(),
            TlsSession {
                facts: self.facts.clone(),
            },
        );
        let session = session.map_err(|error| cx.failed(&out.place(), error))?;
        cx.call(out, callback, (session,))?;
        Ok(())
    }

    fn begin(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Failure> {
        self.stage = Stage::Handshake;
        if self.options.side == Side::Server {
            self.machine = Some(Machine::server());
            self.watch(cx, out);
            return self.change(cx, "handshake", out);
        }
        self.spawn(out);
        let sni = match &self.options.sni {
            None => None,
            Some(Given::Value(name)) => Some(name.clone()),
            Some(Given::Call(callback)) => {
                let name = cx.call(out, callback, ())?;
                (!js::is_nullish(&name)).then(|| js::value_to_text(&cx.js, &name))
            }
        };
        let sni = sni.filter(|name| !name.is_empty());
        // An address is not sent as SNI: without a name this one stands for none.
        let none = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let name = match &sni {
            None => none,
            Some(name) => ServerName::try_from(name.clone())
                .map_err(|_| Failure::Shown(format!("sni '{name}' is not a host name")))?,
        };
        self.facts.borrow_mut().hostname = sni.unwrap_or_default();
        let config = self.options.client_config(cx, out)?;
        let mut machine = Machine::client(config, name)?;
        let mut wire = Data::new();
        machine.collect(&mut wire);
        self.machine = Some(machine);
        self.change(cx, "handshake", out)?;
        self.send(wire, out);
        Ok(())
    }

    /// Starts the time that the handshake may take.
    fn watch(&mut self, cx: &Cx<'_>, out: &Out<'_>) {
        if self.timer.is_none() {
            let seconds = limits::TLS_HANDSHAKE_TIME.as_secs_f64();
            self.timer = Some(timer(&cx.realm, out.port(), seconds));
        }
    }

    /// Lets the machine go on, and sends what it wants to send. None: there is no machine.
    fn drive<R>(
        &mut self,
        cx: &mut Cx<'_>,
        out: &mut Out<'_>,
        run: impl FnOnce(&mut Machine, &mut Data) -> Result<R, rustls::Error>,
    ) -> Result<Option<R>, Failure> {
        let Some(mut machine) = self.machine.take() else {
            return Ok(None);
        };
        let mut wire = Data::new();
        let options = self.options.clone();
        let result = match &options.verify {
            Some(verify) if self.stage == Stage::Handshake => {
                let mut judge = Judge {
                    verify,
                    cx,
                    out,
                    failure: None,
                };
                let result = while_asking(&mut judge, || run(&mut machine, &mut wire));
                judge.failure.map_or_else(|| result.map_err(Failure::from), Err)
            }
            _ => run(&mut machine, &mut wire).map_err(Failure::from),
        };
        self.machine = Some(machine);
        self.send(wire, out);
        result.map(Some)
    }

    /// Encrypted bytes.
    fn wire_data(&mut self, cx: &mut Cx<'_>, data: Data, out: &mut Out<'_>) -> Result<(), Failure> {
        if self.stage == Stage::Handshake {
            self.watch(cx, out);
        }
        let progress = self.drive(cx, out, |machine, wire| machine.decrypt(data, wire))?;
        let Some(mut progress) = progress else { return Ok(()) };
        if progress.asked {
            let hello = self.machine.as_ref().map(Machine::hello).unwrap_or_default();
            let sni = hello.server_name.clone().unwrap_or_default();
            self.facts.borrow_mut().hostname = sni;
            let config = self.options.server_config(cx, &hello, out)?;
            let configured = self.drive(cx, out, |machine, wire| machine.configure(config, wire))?;
            progress = configured.unwrap_or_default();
        }
        let is_done = self.machine.as_ref().is_some_and(|machine| !machine.is_handshaking());
        if is_done && self.stage == Stage::Handshake {
            self.connected(cx, out)?;
        }
        if !progress.plain.is_empty() {
            self.to_plain(Event::Data(progress.plain), out);
        }
        if progress.ended {
            self.wire_end(cx, Reason::Clean, out)?;
        }
        Ok(())
    }

    fn connected(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Failure> {
        let Some(machine) = &self.machine else { return Ok(()) };
        let chain = machine.peer_chain().to_vec();
        let protocol = machine.protocol();
        self.timer = None;
        self.stage = Stage::Connected;
        {
            let mut facts = self.facts.borrow_mut();
            facts.protocol.clone_from(&protocol);
            facts.peer = chain.into_iter().next();
        }
        self.change(cx, "connected", out)?;
        if let Some(callback) = &self.options.handshake {
            let info = Object::new(cx.js.clone()).and_then(|info| info.set("alpn", protocol).map(|()| info));
            let info = info.map_err(|error| cx.failed(&out.place(), error))?;
            cx.call(out, callback, (info,))?;
        }
        if self.options.side == Side::Server {
            self.spawn(out);
        }
        self.to_plain(Event::flush(), out);
        self.blocked.clear();
        let mut result = Ok(());
        out.without_source(cx.tap.clone(), |out| {
            result = self.held.take().try_for_each(|event| self.plain(cx, event, out));
        });
        result
    }

    /// An event of the plain side.
    fn plain(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) -> Result<(), Failure> {
        if self.plain_ended || !matches!(event, Event::Data(_) | Event::StreamEnd(_)) {
            return Ok(());
        }
        if self.stage != Stage::Connected {
            self.held_bytes += event.len();
            if self.held_bytes >= limits::CONGESTION_BYTES
                && let Some(tap) = &cx.tap
                && !self.blocked.iter().any(|closed| closed.is_of(tap))
            {
                self.blocked.push(tap.close());
            }
            out.hold(&mut self.held, event);
            return Ok(());
        }
        let Some(machine) = &mut self.machine else {
            return Ok(());
        };
        let mut wire = Data::new();
        match event {
            Event::Data(data) if data.is_empty() => self.to_wire(Event::flush(), out),
            Event::Data(data) => {
                machine.encrypt(data, &mut wire)?;
                self.send(wire, out);
            }
            Event::StreamEnd(_) => {
                self.plain_ended = true;
                machine.close(&mut wire);
                self.send(wire, out);
                self.to_wire(Event::end(), out);
                self.close_if_done(cx, out)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The wire has ended, or the peer has said that it sends no more.
    fn wire_end(&mut self, cx: &mut Cx<'_>, reason: Reason, out: &mut Out<'_>) -> Result<(), Failure> {
        if self.wire_ended {
            return Ok(());
        }
        self.wire_ended = true;
        if self.stage == Stage::Handshake {
            if reason.is_clean() {
                return Err(Failure::Shown("the peer closed the connection".to_owned()));
            }
            // Why there is no connection says more than that there is none.
            return Err(Failure::Logged(reason));
        }
        self.to_plain(Event::StreamEnd(reason), out);
        self.close_if_done(cx, out)
    }

    fn close_if_done(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<(), Failure> {
        if self.plain_ended && self.wire_ended && self.stage == Stage::Connected {
            self.stage = Stage::Over;
            self.change(cx, "closed", out)?;
        }
        Ok(())
    }

    fn fail(&mut self, cx: &mut Cx<'_>, failure: Failure, out: &mut Out<'_>) {
        let was_connected = self.stage == Stage::Connected;
        self.stage = Stage::Over;
        self.timer = None;
        self.held.clear();
        self.blocked.clear();
        let reason = match failure {
            Failure::Logged(reason) => reason,
            Failure::Shown(what) => {
                let failed = if was_connected { "connection" } else { "handshake" };
                tracing::warn!(target: "tls", filter = out.place(), error = what, "{failed} failed");
                self.facts.borrow_mut().error = Some(what);
                Reason::Clean
            }
        };
        // An exception here was logged; the stream ends anyway.
        self.change(cx, "closed", out).ok();
        self.to_wire(Event::end(), out);
        if self.options.side == Side::Client || was_connected {
            self.to_plain(Event::StreamEnd(reason), out);
        }
    }

    fn handle(&mut self, cx: &mut Cx<'_>, is_plain: bool, event: Event, out: &mut Out<'_>) {
        if self.stage == Stage::Over {
            return;
        }
        let result = match event {
            event if is_plain => self.plain(cx, event, out),
            Event::Data(data) if data.is_empty() => Ok(()),
            Event::Data(data) => self.wire_data(cx, data, out),
            Event::StreamEnd(reason) => self.wire_end(cx, reason, out),
            _ => Ok(()),
        };
        if let Err(failure) = result {
            self.fail(cx, failure, out);
        }
    }
}

impl Filter for TlsFilter {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.stage == Stage::Idle {
            if matches!(event, Event::StreamEnd(_)) {
                self.stage = Stage::Over;
                return out.emit(event);
            }
            if let Err(failure) = self.begin(cx, out) {
                return self.fail(cx, failure, out);
            }
        }
        self.handle(cx, self.options.side == Side::Client, event, out);
    }

    fn output(&mut self, cx: &mut Cx<'_>, _key: u64, event: Event, out: &mut Out<'_>) {
        self.handle(cx, self.options.side == Side::Server, event, out);
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if matches!(wake, Wake::Timer) && self.stage == Stage::Handshake {
            let limit = limits::TLS_HANDSHAKE_TIME.as_secs();
            self.fail(cx, Failure::Shown(format!("not done within {limit} seconds")), out);
        }
    }

    fn reset(&mut self) {
        *self = TlsFilter::new(self.options.clone(), self.layout.clone());
    }
}
