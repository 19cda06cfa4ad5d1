//! Opening a connection, of TCP or UDP: target, name look-up, bind, time-out, retries. Not for what happens once it is open
//! (connection.rs, udp_client.rs). Source: pipyjs/http.md section 6.

use super::connections;
use super::options::{Protocol, SocketOptions};
use super::outbound_info::{Facts, OutboundInfo, Stage};
use super::{dns, udp};
use crate::event::StreamError;
use crate::js::{self, Options};
use crate::limits;
use crate::metrics::{Counters, Traffic};
use crate::pipeline::{Port, Realm, Task, Wake, spawn};
use nix::sys::socket::{setsockopt, sockopt};
use rquickjs::{Ctx, Value};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

/// Options of `connect`.
#[derive(Clone, Debug, Default)]
pub(crate) struct DialOptions {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Options of the connection.
    pub socket: Rc<SocketOptions>,
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
    /// # Errors  Throws for values of a wrong type, and for `protocol` other than tcp and udp.
    pub(crate) fn parse(ctx: &Ctx<'_>, options: &Options<'_>) -> js::Result<Self> {
        let duration = |name: &str| -> js::Result<Duration> {
            let seconds = options.seconds(name)?.unwrap_or(0.0);
            Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        };
        let retries = options.number("retryCount")?.unwrap_or(0.0);
        Ok(DialOptions {
            protocol: Protocol::parse(ctx, options, "connect")?,
            socket: Rc::new(SocketOptions::parse(options)?),
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

/// A connected socket.
pub(crate) enum Opened {
    /// Of TCP.
    Tcp(TcpStream),
    /// Of UDP.
    Udp(UdpSocket),
}

impl Opened {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Opened::Tcp(stream) => stream.local_addr(),
            Opened::Udp(socket) => socket.local_addr(),
        }
    }
}

/// What a dial tells its filter, as `Wake::Message`.
pub(crate) enum Progress {
    /// `state` of the [`OutboundInfo`] has changed. Only sent to filters that asked for it.
    State,
    /// It is open.
    Connected(Opened),
    /// All attempts have failed.
    Failed(StreamError),
    /// A script called `close()`.
    Aborted,
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
            socket: RefCell::default(),
            realm: Rc::downgrade(realm),
            port,
        });
        connections::list_outbound(&facts);
        // Many may be asked for before the first one is open.
        let place = realm.has_room().then(|| Dialing::new(&realm.counters));
        let task = spawn(dial(facts.clone(), options, report, place));
        Dial {
            info: OutboundInfo { shared: facts },
            _task: task,
        }
    }
}

impl Facts {
    pub(super) fn traffic(&self) -> Rc<Traffic> {
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

/// Counts as a connection until there is one.
struct Dialing(Arc<Counters>);

impl Dialing {
    fn new(counters: &Arc<Counters>) -> Self {
        counters.dialing.add(1);
        Dialing(counters.clone())
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        self.0.dialing.add(-1);
    }
}

/// `place`: None where this worker has as many connections as it may.
async fn dial(facts: Rc<Facts>, options: DialOptions, report: bool, place: Option<Dialing>) {
    if place.is_none() {
        tracing::error!(target: "outbound", "cannot connect: this worker has as many connections as it may (--max-connections)");
        facts.state.set("closed");
        return facts.tell(Progress::Failed(StreamError::ConnectionRefused));
    }
    let mut retries = options.retries;
    loop {
        let began = Instant::now();
        let attempt = attempt(&facts, options.protocol, report);
        let result = match options.timeout {
            None => attempt.await,
            Some(timeout) => match tokio::time::timeout(timeout, attempt).await {
                Ok(result) => result,
                Err(_) => Err(StreamError::ConnectionTimeout),
            },
        };
        match result {
            Ok(opened) => {
                facts.traffic().dialed(began.elapsed().as_secs_f64() * 1000.0);
                facts.local.set(opened.local_addr().ok());
                facts.state.set("connected");
                return facts.tell(Progress::Connected(opened));
            }
            Err(error) => {
                facts.socket.replace(Stage::None);
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
async fn attempt(facts: &Facts, protocol: Protocol, report: bool) -> Result<Opened, StreamError> {
    let Host { name, port } = facts.target.borrow().clone();
    let known = dns::literal(&name);
    let refused = |error: io::Error| {
        tracing::debug!(target: "outbound", name, port, %error, "cannot connect");
        StreamError::ConnectionRefused
    };
    // Scripts set options of the socket in state 'open', before the name is resolved: IPv4 is what most names have.
    let is_v6 = known.is_some_and(|ip| ip.is_ipv6());
    let priority = facts.realm.upgrade().and_then(|realm| realm.limits.socket_priority);
    facts.socket.replace(open(protocol, is_v6, priority).map_err(refused)?);
    facts.change("open", report);
    let ip = match known {
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
    let mut stage = facts.socket.replace(Stage::Connecting);
    if ip.is_ipv6() != is_v6 {
        stage = open(protocol, ip.is_ipv6(), priority).map_err(refused)?;
    }
    connect(stage, address, facts.bind.get()).await.map_err(refused)
}

fn open(protocol: Protocol, is_v6: bool, priority: Option<u8>) -> io::Result<Stage> {
    let marked = |socket: TcpSocket| -> io::Result<Stage> {
        if let Some(priority) = priority {
            setsockopt(&socket, sockopt::Priority, &i32::from(priority))?;
        }
        Ok(Stage::Tcp(socket))
    };
    match (protocol, is_v6) {
        (Protocol::Tcp, false) => TcpSocket::new_v4().and_then(marked),
        (Protocol::Tcp, true) => TcpSocket::new_v6().and_then(marked),
        (Protocol::Udp, false) => udp::unbound(SocketAddr::from(([0; 4], 0))).map(Stage::Udp),
        (Protocol::Udp, true) => udp::unbound(SocketAddr::from(([0u16; 8], 0))).map(Stage::Udp),
    }
}

async fn connect(socket: Stage, address: SocketAddr, bind: Option<SocketAddr>) -> io::Result<Opened> {
    match socket {
        Stage::Tcp(socket) => {
            if let Some(bind) = bind {
                socket.set_reuseaddr(true)?;
                socket.bind(bind)?;
            }
            socket.connect(address).await.map(Opened::Tcp)
        }
        Stage::Udp(socket) => {
            if let Some(bind) = bind {
                udp::bind_to(&socket, bind)?;
            }
            let socket = UdpSocket::from_std(socket)?;
            socket.connect(address).await?;
            Ok(Opened::Udp(socket))
        }
        _ => Err(io::Error::other("the socket is gone")),
    }
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
