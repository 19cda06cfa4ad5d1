//! Listening ports: parse the address, open, accept, start a pipeline a connection. A port that both versions of a
//! reload have keeps its socket. Source: pipyjs/model.md sections 1.7 and 2, repo.md 1.1.

use super::connection::{Connection, Target};
use super::connections::Listed;
use super::options::{Protocol, SocketOptions, set_transparent};
use super::port_count::{Place, PortCount};
use super::{udp, udp_server};
use crate::error::Error;
use crate::event::Event;
use crate::js::{self, Inbound, InboundInfo, Options};
use crate::metrics::Traffic;
use crate::pipeline::{Args, Child, Cx, Instance, Layout, Output, Realm, Sink, Task, Work, spawn};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::Notify;

const BACKLOG: u32 = 1024;
/// Pause after a failed accept (no file descriptors, no memory): the cause does not go away at once.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

static NEXT_INBOUND: AtomicU32 = AtomicU32::new(1);

/// The number of a new connection or UDP peer.
pub(super) fn next_inbound() -> u32 {
    NEXT_INBOUND.fetch_add(1, Ordering::Relaxed)
}

/// A listening address. The same port of TCP and of UDP are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// What is spoken.
    pub protocol: Protocol,
    /// Where.
    pub socket: SocketAddr,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => self.socket.fmt(f),
            Protocol::Udp => write!(f, "{}/udp", self.socket),
        }
    }
}

/// A port that was opened, and not started yet.
pub(crate) enum Bound {
    /// Of TCP.
    Tcp(TcpListener),
    /// Of UDP.
    Udp(UdpSocket),
}

/// Options of `listen` beyond those of the sockets.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListenOptions {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Options of accepted connections.
    pub socket: Rc<SocketOptions>,
    /// Connections at a time on this thread; accepting pauses at the limit.
    pub max_connections: Option<usize>,
    /// Connections at a time on all threads together.
    pub max_port_connections: Option<usize>,
    /// Ask the system for the original destination of redirected connections.
    pub transparent: bool,
    /// Count the traffic of each peer apart.
    pub peer_stats: bool,
}

impl ListenOptions {
    /// Reads them from a script's options.
    ///
    /// # Errors  Throws for values of a wrong type, and for `protocol` other than tcp and udp.
    pub(crate) fn parse(options: &Options<'_>, ctx: &rquickjs::Ctx<'_>) -> js::Result<Self> {
        let protocol = Protocol::parse(ctx, options, "listen")?;
        // Served in the clear it would be worse than not at all.
        if protocol == Protocol::Udp && options.value("tls")?.is_some() {
            return Err(js::throw_error(ctx, "option 'tls' needs protocol 'tcp'"));
        }
        let count = |name: &str| -> js::Result<Option<usize>> {
            Ok(options
                .number(name)?
                .filter(|count| *count >= 0.0)
                .map(|count| count as usize))
        };
        Ok(ListenOptions {
            protocol,
            socket: Rc::new(SocketOptions::parse(options)?),
            max_connections: count("maxConnections")?,
            max_port_connections: count("maxPortConnections")?,
            transparent: options.boolean("transparent")?.unwrap_or(false),
            peer_stats: options.boolean("peerStats")?.unwrap_or(false),
        })
    }
}

/// The address that the first argument of `listen` means: a port, `'ip:port'`, `'[v6]:port'`, also `':::15000'` (split
/// at the last colon). None for port 0, which is skipped in silence.
///
/// # Errors  What is wrong with it.
pub(crate) fn parse_address(text: &str, protocol: Protocol) -> Result<Option<Address>, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port: u16 = port
        .parse()
        .map_err(|_| format!("invalid port in '{text}'; expected a port or 'ip:port'"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip: IpAddr = match host {
        "" => Ipv4Addr::UNSPECIFIED.into(),
        host => host
            .parse()
            .map_err(|_| format!("'{host}' in '{text}' is not an IP address"))?,
    };
    let socket = SocketAddr::new(ip, port);
    Ok((port != 0).then_some(Address { protocol, socket }))
}

/// What new connections of a listener get; replaced by a reload.
#[derive(Clone)]
pub(crate) struct ListenTarget {
    /// The loaded scripts.
    pub realm: Rc<Realm>,
    /// The pipeline.
    pub layout: Rc<Layout>,
    /// Its options.
    pub options: ListenOptions,
}

/// An open port. Dropping it closes the port; connections go on.
pub(crate) struct Listener {
    target: Rc<RefCell<ListenTarget>>,
    slots: Rc<Slots>,
    _accepting: Accepting,
}

/// What takes connections, or peers, while the port is open.
enum Accepting {
    Tcp(#[allow(dead_code, reason = "dropping it ends the task")] Task),
    Udp(#[allow(dead_code, reason = "dropping it tells the task")] CloseOnDrop),
}

struct CloseOnDrop(Rc<Notify>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// What its connections count for.
pub(super) struct Slots {
    open: Cell<usize>,
    freed: Notify,
    /// With those of the other threads.
    pub(super) port: Arc<PortCount>,
}

impl Listener {
    /// Opens a port. `reuse_port`: SO_REUSEPORT, for several threads or processes on one port; `transparent`: as the
    /// option of that name.
    ///
    /// # Errors  When it cannot be opened.
    pub(crate) fn bind(address: Address, reuse_port: bool, transparent: bool) -> Result<Bound, Error> {
        let bind = || -> io::Result<Bound> {
            if address.protocol == Protocol::Udp {
                return udp::listen(address.socket, reuse_port, transparent).map(Bound::Udp);
            }
            let socket = if address.socket.is_ipv4() {
                TcpSocket::new_v4()?
            } else {
                TcpSocket::new_v6()?
            };
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(reuse_port)?;
            if transparent {
                set_transparent(&socket);
            }
            socket.bind(address.socket)?;
            socket.listen(BACKLOG).map(Bound::Tcp)
        };
        bind().map_err(|source| Error::Listen {
            address: address.to_string(),
            source,
        })
    }

    /// Starts to accept.
    pub(crate) fn start(address: Address, bound: Bound, target: ListenTarget) -> Self {
        let target = Rc::new(RefCell::new(target));
        let slots = Rc::new(Slots {
            open: Cell::new(0),
            freed: Notify::new(),
            port: PortCount::of(address),
        });
        let accepting = match bound {
            Bound::Tcp(socket) => Accepting::Tcp(spawn(accept(socket, target.clone(), slots.clone()))),
            Bound::Udp(socket) => {
                let closed = Rc::new(Notify::new());
                // Not ended with the listener: see `serve`.
                tokio::task::spawn_local(udp_server::serve(
                    socket,
                    target.clone(),
                    closed.clone(),
                    slots.port.clone(),
                ));
                Accepting::Udp(CloseOnDrop(closed))
            }
        };
        Listener {
            target,
            slots,
            _accepting: accepting,
        }
    }

    /// What new connections run.
    pub(crate) fn layout(&self) -> Rc<Layout> {
        self.target.borrow().layout.clone()
    }

    /// New connections get this from now on.
    pub(crate) fn retarget(&self, target: ListenTarget) {
        let old = self.target.replace(target);
        drop(old);
        // Its limits may be others.
        self.slots.freed.notify_one();
        self.slots.port.look_again();
    }
}

async fn accept(socket: TcpListener, target: Rc<RefCell<ListenTarget>>, slots: Rc<Slots>) {
    let name = socket
        .local_addr()
        .map(|address| address.to_string())
        .unwrap_or_default();
    loop {
        let limit = target.borrow().options.max_connections;
        if limit.is_some_and(|limit| slots.open.get() >= limit) {
            slots.freed.notified().await;
            continue;
        }
        // Other listeners and `connect` share it: there is no one place that would tell.
        // Nothing of the realm is kept while this waits: a version that was replaced would live until somebody connects.
        let has_room = target.borrow().realm.has_room();
        if !has_room {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        }
        match socket.accept().await {
            Ok((stream, peer)) => {
                // A thread that waited for a place before it accepts would keep it from one that has somebody to serve. So
                // each thread may hold one connection that is not served yet, as the backlog holds others.
                let limit = || target.borrow().options.max_port_connections;
                let place = slots.port.place(limit).await;
                let target = target.borrow().clone();
                accepted(stream, peer, &name, &target, &slots, place);
            }
            Err(error) => {
                tracing::warn!(target: "listener", %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn accepted(stream: TcpStream, peer: SocketAddr, name: &str, target: &ListenTarget, slots: &Rc<Slots>, place: Place) {
    let local = stream.local_addr().unwrap_or(peer);
    let original = target
        .options
        .transparent
        .then(|| original_destination(&stream))
        .flatten();
    let info = InboundInfo::new(next_inbound(), local, peer, original);
    let inbound = Rc::new(Inbound::new(info));
    let realm = &target.realm;
    let context = realm.scope.context(Some(inbound.clone()));
    slots.open.set(slots.open.get() + 1);
    let sink = Rc::new(InboundSink {
        connection: RefCell::default(),
        slots: slots.clone(),
        _place: place,
        _listed: Listed::new(realm, &inbound),
    });
    let instance = Instance::create(realm, &target.layout, context, Output::Sink(sink.clone()), None, 0);
    let child = Child::new(instance.clone());
    let traffic = Traffic::inbound(name, &inbound.info.label(target.options.peer_stats));
    let options = target.options.socket.clone();
    let connection = Connection::open(realm, stream, options, Target::Pipeline(child), traffic);
    inbound.info.socket.attach(connection.raw());
    *sink.connection.borrow_mut() = Some(connection);
    realm.turn(None, |_, work| work.push(Work::Start(instance, Args::Inbound(inbound))));
}

/// Takes the pipeline's output. Owns the connection, which owns the pipeline, until the connection is closed.
struct InboundSink {
    connection: RefCell<Option<Rc<Connection>>>,
    slots: Rc<Slots>,
    _place: Place,
    _listed: Listed,
}

impl Sink for InboundSink {
    fn event(&self, cx: &mut Cx<'_>, event: Event) {
        let Some(connection) = self.connection.borrow().clone() else {
            return;
        };
        match event {
            Event::Data(data) => connection.write(cx, data),
            Event::StreamEnd(reason) => connection.finish(cx, reason.is_clean()),
            Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
    }

    fn socket(&self) -> Option<Rc<dyn Any>> {
        let connection = self.connection.borrow();
        connection.as_ref().map(|connection| connection.clone() as Rc<dyn Any>)
    }
}

impl Drop for InboundSink {
    fn drop(&mut self) {
        self.slots.open.set(self.slots.open.get().saturating_sub(1));
        self.slots.freed.notify_one();
    }
}

/// Where a redirected connection was going (SO_ORIGINAL_DST). Beyond upstream, which knows IPv4 only: IPv6, and IPv4 on a
/// socket of IPv6.
fn original_destination(stream: &TcpStream) -> Option<SocketAddr> {
    use nix::sys::socket::{getsockopt, sockopt};
    if let Ok(v4) = getsockopt(stream, sockopt::OriginalDst) {
        let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
        return Some(SocketAddr::new(ip.into(), u16::from_be(v4.sin_port)));
    }
    let v6 = getsockopt(stream, sockopt::Ip6tOriginalDst).ok()?;
    let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
    Some(SocketAddr::new(ip.into(), u16::from_be(v6.sin6_port)))
}

#[cfg(test)]
mod tests {
    use super::{Protocol, parse_address};

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("8080", Some("0.0.0.0:8080")),
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            (":::15000", Some("[::]:15000")),
            ("[::1]:443", Some("[::1]:443")),
            ("0", None),
        ] {
            let parsed = parse_address(text, Protocol::Tcp)
                .expect(text)
                .map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
        for text in ["", "localhost:80", "1.2.3.4:", "1.2.3.4:70000", "a.b"] {
            assert!(parse_address(text, Protocol::Udp).is_err(), "{text}");
        }
    }
}
