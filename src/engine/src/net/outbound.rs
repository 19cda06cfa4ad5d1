//! Opening a TCP connection: target, name look-up, bind, time-out, retries. Not for what happens once it is open
//! (connection.rs). Source: pipyjs/http.md section 6.

use super::{dns, options::SocketOptions};
use crate::event::StreamError;
use crate::js::{self, Options, throw_error};
use crate::limits;
use crate::metrics::Traffic;
use crate::pipeline::{Port, Realm, Task, Wake, spawn};
use rquickjs::class::Trace;
use rquickjs::prelude::Opt;
use rquickjs::{Ctx, JsLifetime, Value};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};

/// Options of `connect`.
#[derive(Clone, Debug, Default)]
pub(crate) struct DialOptions {
    /// Options of the connection.
    pub socket: SocketOptions,
    /// Local address; port 0: any.
    pub bind: Option<SocketAddr>,
    /// Further attempts after a failure; None: endless.
    pub retries: Option<u32>,
    /// Pause between attempts.
    pub retry_delay: Duration,
    /// Longest time of one attempt; None: what the system does.
    pub timeout: Option<Duration>,
}

impl DialOptions {
    /// Reads them from a script's options, all but `bind` and `onState`, which may be functions.
    ///
    /// # Errors  Throws for values of a wrong type, and for `protocol` other than tcp.
    pub(crate) fn parse(ctx: &Ctx<'_>, options: &Options<'_>) -> js::Result<Self> {
        let protocol = options.string("protocol")?.unwrap_or_else(|| "tcp".to_owned());
        if protocol != "tcp" {
            let message = format!("connect: protocol '{protocol}' is not supported, only 'tcp'");
            return Err(throw_error(ctx, &message));
        }
        let duration = |name: &str| -> js::Result<Duration> {
            let seconds = options.seconds(name)?.unwrap_or(0.0);
            Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        };
        let retries = options.number("retryCount")?.unwrap_or(0.0);
        Ok(DialOptions {
            socket: SocketOptions::parse(options)?,
            bind: None,
            retries: (retries >= 0.0).then_some(retries as u32),
            retry_delay: duration("retryDelay")?,
            timeout: Some(duration("connectTimeout")?).filter(|timeout| !timeout.is_zero()),
        })
    }

    /// The local address that `bind` means: `'ip'` or `'ip:port'`.
    pub(crate) fn parse_bind(text: &str) -> Option<SocketAddr> {
        match text.parse::<IpAddr>() {
            Ok(ip) => Some(SocketAddr::new(ip, 0)),
            Err(_) => text.parse().ok(),
        }
    }
}

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// Name or address, without brackets.
    pub name: String,
    /// TCP port.
    pub port: u16,
}

/// `'host:port'`, `'[v6]:port'`, `'v6:port'` (split at the last colon); None for anything else.
pub(crate) fn parse_target(text: &str) -> Option<Host> {
    let (name, port) = text.trim().rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let name = match name.strip_prefix('[') {
        Some(name) => name.strip_suffix(']')?,
        None => name,
    };
    (!name.is_empty()).then(|| Host {
        name: name.to_owned(),
        port,
    })
}

/// What a dial tells its filter, as `Wake::Message`.
pub(crate) enum Progress {
    /// `state` of the [`OutboundInfo`] has changed. Only sent to filters that asked for it.
    State,
    /// It is open.
    Connected(TcpStream),
    /// All attempts have failed.
    Failed(StreamError),
    /// A script called `close()`.
    Aborted,
}

/// What scripts see of a connection that they open: the argument of `onState`.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class(rename = "Outbound")]
pub struct OutboundInfo {
    #[qjs(skip_trace)]
    shared: Rc<Facts>,
}

struct Facts {
    state: Cell<&'static str>,
    local: Cell<Option<SocketAddr>>,
    remote: Cell<Option<SocketAddr>>,
    target: RefCell<Host>,
    bind: Cell<Option<SocketAddr>>,
    realm: Weak<Realm>,
    port: Port,
}

impl OutboundInfo {
    /// Sets the state that scripts see.
    pub(crate) fn set_state(&self, state: &'static str) {
        self.shared.state.set(state);
    }

    /// The counters of its target.
    pub(crate) fn traffic(&self) -> Rc<Traffic> {
        self.shared.traffic()
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl OutboundInfo {
    /// 'idle', 'open', 'resolving', 'connecting', 'connected' or 'closed'.
    #[qjs(get)]
    pub fn state(&self) -> &'static str {
        self.shared.state.get()
    }

    /// Our address; empty until connected.
    #[qjs(get)]
    pub fn local_address(&self) -> String {
        self.shared
            .local
            .get()
            .map(|local| local.ip().to_string())
            .unwrap_or_default()
    }

    /// Our port; 0 until connected.
    #[qjs(get)]
    pub fn local_port(&self) -> u16 {
        self.shared.local.get().map_or(0, |local| local.port())
    }

    /// The peer's address, or its name until that is resolved.
    #[qjs(get)]
    pub fn remote_address(&self) -> String {
        match self.shared.remote.get() {
            Some(remote) => remote.ip().to_string(),
            None => self.shared.target.borrow().name.clone(),
        }
    }

    /// The peer's port.
    #[qjs(get)]
    pub fn remote_port(&self) -> u16 {
        self.shared.target.borrow().port
    }

    /// The socket: itself, for `socket.bind(...)`.
    #[qjs(get)]
    pub fn socket(&self) -> OutboundInfo {
        self.clone()
    }

    /// `bind('ip:port' | ip, port?)`, in state 'open'.
    pub fn bind(&self, ctx: Ctx<'_>, address: String, port: Opt<u16>) -> js::Result<()> {
        if self.shared.state.get() == "closed" {
            return Err(throw_error(&ctx, "socket is gone"));
        }
        let mut local = DialOptions::parse_bind(&address).ok_or_else(|| {
            throw_error(
                &ctx,
                &format!("bind: '{address}' is not an address; expected 'ip' or 'ip:port'"),
            )
        })?;
        if let Some(port) = port.0 {
            local.set_port(port);
        }
        self.shared.bind.set(Some(local));
        Ok(())
    }

    /// Ends the stream with ConnectionAborted.
    pub fn close(&self) {
        if let Some(realm) = self.shared.realm.upgrade() {
            self.shared
                .port
                .wake_soon(&realm, Wake::Message(Box::new(Progress::Aborted)));
        }
    }
}

/// A connection being opened; dropping it gives up.
pub(crate) struct Dial {
    /// What scripts see.
    pub info: OutboundInfo,
    _task: Task,
}

impl Dial {
    /// Starts. The filter behind `port` gets [`Progress`]; states only with `report`.
    pub(crate) fn start(realm: &Rc<Realm>, port: Port, target: Host, options: DialOptions, report: bool) -> Self {
        let facts = Rc::new(Facts {
            state: Cell::new("idle"),
            local: Cell::new(None),
            remote: Cell::new(None),
            target: RefCell::new(target),
            bind: Cell::new(options.bind),
            realm: Rc::downgrade(realm),
            port,
        });
        let task = spawn(dial(facts.clone(), options, report));
        Dial {
            info: OutboundInfo { shared: facts },
            _task: task,
        }
    }
}

impl Facts {
    fn traffic(&self) -> Rc<Traffic> {
        let target = self.target.borrow();
        Traffic::outbound(&format!("{}:{}", target.name, target.port))
    }

    fn tell(&self, progress: Progress) {
        if let Some(realm) = self.realm.upgrade() {
            self.port.wake(&realm, Wake::Message(Box::new(progress)));
        }
    }

    fn change(&self, state: &'static str, report: bool) {
        self.state.set(state);
        if report {
            self.tell(Progress::State);
        }
    }
}

async fn dial(facts: Rc<Facts>, options: DialOptions, report: bool) {
    let mut retries = options.retries;
    loop {
        facts.change("open", report);
        let began = Instant::now();
        let attempt = attempt(&facts, report);
        let result = match options.timeout {
            None => attempt.await,
            Some(timeout) => match tokio::time::timeout(timeout, attempt).await {
                Ok(result) => result,
                Err(_) => Err(StreamError::ConnectionTimeout),
            },
        };
        match result {
            Ok(stream) => {
                facts.traffic().dialed(began.elapsed().as_secs_f64() * 1000.0);
                facts.local.set(stream.local_addr().ok());
                facts.state.set("connected");
                return facts.tell(Progress::Connected(stream));
            }
            Err(error) => {
                if retries == Some(0) {
                    facts.state.set("closed");
                    return facts.tell(Progress::Failed(error));
                }
                retries = retries.map(|left| left - 1);
                tokio::time::sleep(options.retry_delay.max(limits::CONNECT_RETRY_PAUSE)).await;
            }
        }
    }
}

/// One attempt, to the first address of the target.
async fn attempt(facts: &Facts, report: bool) -> Result<TcpStream, StreamError> {
    let Host { name, port } = facts.target.borrow().clone();
    let ip = match dns::literal(&name) {
        Some(ip) => ip,
        None => {
            facts.change("resolving", report);
            let found = dns::resolve(&name).await;
            *found.first().ok_or(StreamError::CannotResolve)?
        }
    };
    let address = SocketAddr::new(ip, port);
    facts.remote.set(Some(address));
    facts.change("connecting", report);
    connect(address, facts.bind.get()).await.map_err(|error| {
        tracing::debug!(target: "outbound", %address, %error, "cannot connect");
        StreamError::ConnectionRefused
    })
}

async fn connect(address: SocketAddr, bind: Option<SocketAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(bind) = bind {
        socket.set_reuseaddr(true)?;
        socket.bind(bind)?;
    }
    socket.connect(address).await
}

/// The text of a target that a script gave: a string, or an object with `ip` and `port`; None for anything else.
pub(crate) fn target_text(value: &Value<'_>) -> Option<String> {
    if let Some(text) = value.as_string() {
        return text.to_string().ok();
    }
    let object = value.as_object()?;
    let ip: String = object.get("ip").ok()?;
    let port: u16 = object.get("port").ok()?;
    Some(format!("{ip}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::{DialOptions, parse_target};

    #[test]
    fn targets() {
        for (text, expected) in [
            ("localhost:80", Some(("localhost", 80))),
            ("10.0.0.1:8080", Some(("10.0.0.1", 8080))),
            ("[::1]:443", Some(("::1", 443))),
            ("fe80::1:443", Some(("fe80::1", 443))),
            ("::1:80", Some(("::1", 80))),
            ("host", None),
            ("host:", None),
            ("host:0", None),
            ("host:70000", None),
            (":80", None),
            ("[::1:80", None),
            ("", None),
        ] {
            let parsed = parse_target(text);
            let parsed = parsed.as_ref().map(|host| (host.name.as_str(), host.port));
            assert_eq!(parsed, expected, "{text}");
        }
    }

    #[test]
    fn local_addresses() {
        for (text, expected) in [
            ("127.0.0.2", Some("127.0.0.2:0")),
            ("127.0.0.2:99", Some("127.0.0.2:99")),
            ("::1", Some("[::1]:0")),
            ("[::1]:5", Some("[::1]:5")),
            ("localhost", None),
        ] {
            let parsed = DialOptions::parse_bind(text).map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }
}
