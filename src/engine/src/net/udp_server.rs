//! UDP listeners: one pipeline a peer address, ended by its StreamEnd or by a time-out. Source: pipyjs/model.md 1.3,
//! http.md section 6.

use super::connections::Listed;
use super::listener::{ListenTarget, next_inbound};
use super::options::SocketOptions;
use super::port_count::{Place, PortCount};
use super::sweep::{self, Sweep};
use super::udp::{self, Datagrams, Sender};
use crate::event::{Event, StreamError};
use crate::js::{Inbound, InboundInfo};
use crate::limits;
use crate::metrics::Traffic;
use crate::pipeline::{Args, Child, Cx, Instance, Output, Realm, Sink, Tap, Work};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// Receives until `closed` is told; then lives on until the pipelines that are under way have answered.
pub(super) async fn serve(
    socket: UdpSocket,
    target: Rc<RefCell<ListenTarget>>,
    closed: Rc<Notify>,
    port: Arc<PortCount>,
) {
    let socket = Rc::new(socket);
    let local = socket.local_addr().ok();
    let server = Rc::new(Server {
        local,
        name: local.map(|address| address.to_string()).unwrap_or_default(),
        sender: Sender::new(socket.clone(), limits::CONGESTION_BYTES),
        target,
        port,
        peers: RefCell::default(),
        order: RefCell::default(),
        is_open: Cell::new(true),
        left: Notify::new(),
    });
    let mut closed = pin!(closed.notified());
    loop {
        let mut receiving = pin!(udp::receive(&socket));
        let got = poll_fn(|cx| match closed.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => receiving.as_mut().poll(cx).map(Some),
        });
        match got.await {
            Some(Ok((bytes, from))) => server.take(bytes, from),
            Some(Err(error)) => {
                tracing::warn!(target: "listener", %error, "cannot receive a datagram");
                tokio::time::sleep(super::listener::ACCEPT_PAUSE).await;
            }
            None => break,
        }
    }
    server.is_open.set(false);
    while !server.peers.borrow().is_empty() {
        server.left.notified().await;
    }
}

struct Server {
    local: Option<SocketAddr>,
    sender: Rc<Sender>,
    /// Its address, for metrics.
    name: String,
    target: Rc<RefCell<ListenTarget>>,
    /// Peers of all threads.
    port: Arc<PortCount>,
    peers: RefCell<HashMap<SocketAddr, Rc<Peer>>>,
    /// Peers in the order in which they came, with their numbers; those that have gone stay until their turn.
    order: RefCell<VecDeque<(SocketAddr, u32)>>,
    is_open: Cell<bool>,
    /// A peer has gone.
    left: Notify,
}

/// A peer with its pipeline, owned by the server.
struct Peer {
    server: Weak<Server>,
    sender: Rc<Sender>,
    address: SocketAddr,
    number: u32,
    realm: Rc<Realm>,
    options: Rc<SocketOptions>,
    as_message: bool,
    child: RefCell<Option<Child>>,
    traffic: Rc<Traffic>,
    _listed: Listed,
    _place: Place,
    datagrams: RefCell<Datagrams>,
    tap: Rc<Tap>,
    /// It has sent something since it was last looked at for eviction.
    is_active: Cell<bool>,
    last_read: Cell<Instant>,
    last_write: Cell<Instant>,
}

impl Server {
    fn take(self: &Rc<Self>, bytes: Bytes, from: SocketAddr) {
        let known = self.peers.borrow().get(&from).cloned();
        let Some(peer) = known.or_else(|| self.admit(from)) else {
            return;
        };
        peer.last_read.set(Instant::now());
        peer.is_active.set(true);
        // What cannot be taken now is lost, as on the way: others must not wait for it.
        if peer.tap.is_open() {
            peer.realm.counters.inbound_in.add(bytes.len() as u64);
            peer.traffic
                .received
                .set(peer.traffic.received.get() + bytes.len() as u64);
            peer.input(udp::events(bytes, peer.as_message));
        }
    }

    /// A pipeline for a new peer; None where the script allows no more.
    fn admit(self: &Rc<Self>, address: SocketAddr) -> Option<Rc<Peer>> {
        let target = self.target.borrow().clone();
        let count = self.peers.borrow().len();
        if target.options.max_connections.is_some_and(|limit| count >= limit) {
            return None;
        }
        if count >= limits::UDP_PEERS {
            self.evict();
        }
        let place = self.port.take(target.options.max_port_connections)?;
        let local = self.local.unwrap_or(address);
        let number = next_inbound();
        let inbound = Rc::new(Inbound::new(InboundInfo::new(number, local, address, None)));
        let traffic = Traffic::inbound(&self.name, &inbound.info.label(target.options.peer_stats));
        let realm = target.realm.clone();
        let now = Instant::now();
        let peer = Rc::new_cyclic(|me: &Weak<Peer>| {
            let sink = Rc::new(PeerSink(me.clone()));
            let context = realm.scope.context(Some(inbound.clone()));
            let instance = Instance::create(&realm, &target.layout, context, Output::Sink(sink), None, 0);
            Peer {
                server: Rc::downgrade(self),
                sender: self.sender.clone(),
                address,
                number,
                options: target.options.socket.clone(),
                as_message: !target.layout.module.is_modern.get(),
                child: RefCell::new(Some(Child::new(instance))),
                traffic,
                _listed: Listed::new(&realm, &inbound),
                _place: place,
                datagrams: RefCell::default(),
                tap: Rc::default(),
                is_active: Cell::new(false),
                last_read: Cell::new(now),
                last_write: Cell::new(now),
                realm: realm.clone(),
            }
        });
        realm.counters.inbound.add(1);
        peer.traffic.open.set(peer.traffic.open.get() + 1);
        self.peers.borrow_mut().insert(address, peer.clone());
        self.note(address, number);
        let weak: Weak<Peer> = Rc::downgrade(&peer);
        sweep::watch(weak);
        let instance = peer.child.borrow().as_ref().map(|child| child.instance().clone());
        if let Some(instance) = instance {
            realm.turn(None, |_, work| work.push(Work::Start(instance, Args::Inbound(inbound))));
        }
        Some(peer)
    }

    fn note(&self, address: SocketAddr, number: u32) {
        let mut order = self.order.borrow_mut();
        if order.len() >= 2 * limits::UDP_PEERS {
            let peers = self.peers.borrow();
            order.retain(|(address, number)| peers.get(address).is_some_and(|peer| peer.number == *number));
        }
        order.push_back((address, number));
    }

    /// Ends a peer that has been silent for long: the first in the order that has sent nothing since its last turn.
    fn evict(&self) {
        for _ in 0..=2 * limits::UDP_PEERS {
            let next = self.order.borrow_mut().pop_front();
            let Some((address, number)) = next else { return };
            let peer = self.peers.borrow().get(&address).cloned();
            let Some(peer) = peer.filter(|peer| peer.number == number) else {
                continue;
            };
            if peer.is_active.replace(false) {
                self.order.borrow_mut().push_back((address, number));
            } else {
                tracing::debug!(target: "listener", %address, "too many peers; the longest silent one is ended");
                return peer.fail(StreamError::IdleTimeout);
            }
        }
    }
}

impl Peer {
    /// Not from within a turn.
    fn input(&self, events: Vec<Event>) {
        let instance = self.child.borrow().as_ref().map(|child| child.instance().clone());
        if let Some(instance) = instance {
            self.realm.turn(Some(&self.tap), |_, work| {
                work.extend(events.into_iter().map(|event| Work::Input(instance.clone(), 0, event)));
            });
        }
    }

    /// Not from within a turn.
    fn fail(&self, error: StreamError) {
        self.input(vec![error.into()]);
        self.end();
        self.realm.turn(None, |_, _| {});
    }

    /// Lets the pipeline go; the next datagram of this address begins a new one.
    fn end(&self) {
        let Some(child) = self.child.take() else { return };
        drop(child);
        self.realm.counters.inbound.add(-1);
        self.traffic.open.set(self.traffic.open.get() - 1);
        let Some(server) = self.server.upgrade() else { return };
        server.left.notify_one();
        let mut peers = server.peers.borrow_mut();
        if peers.get(&self.address).is_some_and(|peer| peer.number == self.number) {
            let this = peers.remove(&self.address);
            drop(peers);
            drop(this);
        }
    }
}

/// Takes a peer's output.
struct PeerSink(Weak<Peer>);

impl Sink for PeerSink {
    fn event(&self, _cx: &mut Cx<'_>, event: Event) {
        let Some(peer) = self.0.upgrade() else { return };
        if matches!(event, Event::StreamEnd(_)) {
            return peer.end();
        }
        let datagram = peer.datagrams.borrow_mut().push(event);
        if let Some(datagram) = datagram {
            peer.realm.counters.inbound_out.add(datagram.len() as u64);
            peer.traffic.sent.set(peer.traffic.sent.get() + datagram.len() as u64);
            peer.last_write.set(Instant::now());
            peer.sender.send(Some(peer.address), &datagram);
        }
    }
}

impl Sweep for Peer {
    fn sweep(&self, now: Instant) {
        let over =
            |limit: Option<Duration>, last: Instant| limit.is_some_and(|limit| now.duration_since(last) >= limit);
        let (read, write) = (self.last_read.get(), self.last_write.get());
        let is_leaving = self.realm.is_draining() || self.server.upgrade().is_none_or(|server| !server.is_open.get());
        if over(self.options.read_timeout, read) {
            self.fail(StreamError::ReadTimeout);
        } else if over(self.options.write_timeout, write) {
            self.fail(StreamError::WriteTimeout);
        } else if over(self.options.idle_timeout, read.max(write)) {
            self.fail(StreamError::IdleTimeout);
        } else if is_leaving && over(Some(limits::DRAIN_LINGER), read.max(write)) {
            self.end();
            self.realm.turn(None, |_, _| {});
        }
    }
}
