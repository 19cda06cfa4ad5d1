//! A UDP socket that `connect` has opened: datagrams out and in. There is no end but a time-out. Source: pipyjs/http.md
//! section 6.

use super::connection::ConnectionClosed;
use super::options::SocketOptions;
use super::sweep::{self, Sweep};
use super::udp::{self, Datagrams, Sender};
use crate::event::{Event, StreamError};
use crate::metrics::{Blame, Traffic};
use crate::pipeline::{Port, Realm, Tap, Task, Wake, spawn};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// See the module. Owned by the filter; dropping it closes the socket.
pub(crate) struct UdpClient {
    realm: Rc<Realm>,
    port: Port,
    socket: Rc<UdpSocket>,
    sender: Rc<Sender>,
    options: Rc<SocketOptions>,
    as_message: bool,
    traffic: Rc<Traffic>,
    datagrams: RefCell<Datagrams>,
    tap: Rc<Tap>,
    last_read: Cell<Instant>,
    last_write: Cell<Instant>,
    reading: RefCell<Option<Task>>,
    closed: Cell<bool>,
}

impl UdpClient {
    /// Takes a connected socket over and starts to receive. `as_message`: each datagram is a message.
    pub(crate) fn open(
        realm: &Rc<Realm>,
        socket: UdpSocket,
        options: Rc<SocketOptions>,
        port: Port,
        as_message: bool,
        traffic: Rc<Traffic>,
    ) -> Rc<Self> {
        let socket = Rc::new(socket);
        let now = Instant::now();
        let client = Rc::new(UdpClient {
            realm: realm.clone(),
            port,
            sender: Sender::new(socket.clone(), options.congestion_limit),
            socket: socket.clone(),
            options,
            as_message,
            traffic,
            datagrams: RefCell::default(),
            tap: Rc::default(),
            last_read: Cell::new(now),
            last_write: Cell::new(now),
            reading: RefCell::default(),
            closed: Cell::new(false),
        });
        realm.counters.outbound.add(1);
        client.traffic.open.set(client.traffic.open.get() + 1);
        let weak: Weak<UdpClient> = Rc::downgrade(&client);
        let reading = spawn(read(weak.clone(), socket));
        *client.reading.borrow_mut() = Some(reading);
        sweep::watch(weak);
        client
    }

    /// The socket.
    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Takes an event of the stream; a message, or a Data outside of one, is a datagram. False: more waits to be sent
    /// than the script allows.
    pub(crate) fn write(&self, event: Event) -> bool {
        let datagram = self.datagrams.borrow_mut().push(event);
        if let Some(datagram) = datagram.filter(|_| !self.closed.get()) {
            self.realm.counters.outbound_out.add(datagram.len() as u64);
            self.traffic.sent.set(self.traffic.sent.get() + datagram.len() as u64);
            self.last_write.set(Instant::now());
            self.sender.send(None, &datagram);
        }
        let pending = self.sender.pending();
        self.options.buffer_limit.is_none_or(|limit| pending <= limit)
    }

    fn take(&self, bytes: Bytes) {
        self.realm.counters.outbound_in.add(bytes.len() as u64);
        self.traffic
            .received
            .set(self.traffic.received.get() + bytes.len() as u64);
        self.last_read.set(Instant::now());
        // What cannot be taken now is lost, as on the way.
        if self.tap.is_open() {
            self.input(udp::events(bytes, self.as_message));
        }
    }

    fn input(&self, events: Vec<Event>) {
        let work: Vec<_> = events.into_iter().filter_map(|event| self.port.output(event)).collect();
        self.realm.turn(Some(&self.tap), |_, list| list.extend(work));
    }

    /// Ends the stream, and closes. Not from within a turn.
    fn fail(&self, error: StreamError) {
        if self.closed.replace(true) {
            return;
        }
        self.realm.counters.blame(Blame::Upstream).add(1);
        self.input(vec![error.into()]);
        self.reading.replace(None);
        let told = self.port.waking(Wake::Message(Box::new(ConnectionClosed)));
        self.realm.turn(None, |_, list| list.extend(told));
    }
}

impl Drop for UdpClient {
    fn drop(&mut self) {
        self.realm.counters.outbound.add(-1);
        self.traffic.open.set(self.traffic.open.get() - 1);
    }
}

async fn read(client: Weak<UdpClient>, socket: Rc<UdpSocket>) {
    loop {
        let got = udp::receive(&socket).await;
        let Some(client) = client.upgrade() else { return };
        match got {
            Ok((bytes, _)) => client.take(bytes),
            // Nobody listens there: what ICMP says of an earlier datagram.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return client.fail(StreamError::ConnectionRefused);
            }
            Err(error) => {
                tracing::debug!(target: "socket", %error, "cannot receive a datagram");
                return client.fail(StreamError::ReadError);
            }
        }
    }
}

impl Sweep for UdpClient {
    fn sweep(&self, now: Instant) {
        let over =
            |limit: Option<Duration>, last: Instant| limit.is_some_and(|limit| now.duration_since(last) >= limit);
        let (read, write) = (self.last_read.get(), self.last_write.get());
        if over(self.options.read_timeout, read) {
            self.fail(StreamError::ReadTimeout);
        } else if over(self.options.write_timeout, write) {
            self.fail(StreamError::WriteTimeout);
        } else if over(self.options.idle_timeout, read.max(write)) {
            self.fail(StreamError::IdleTimeout);
        }
    }
}
