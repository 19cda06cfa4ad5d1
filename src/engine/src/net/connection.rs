//! A TCP connection, accepted or opened: bytes in become events, events become bytes out, at the end of the turn in as
//! few system calls as possible. Half-close both ways, timeouts, back-pressure. Source: pipyjs/model.md 1.3,
//! http.md sections 6 and 7.

use super::conduit::{Conduit, Dry};
use super::options::{SocketOptions, set_options};
use super::reading::read;
use super::sending::send_some;
use super::sweep::{self, Activity, Sweep};
use crate::data::Data;
use crate::event::{Event, Reason, StreamError};
use crate::js::RawSocket;
use crate::limits;
use crate::metrics::{Blame, Counter, Gauge, Traffic};
use crate::pipeline::outbox::{self, Late};
use crate::pipeline::{Child, Closed, Cx, Flush, Port, Realm, Tap, Task, Wake, Work, spawn};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

/// Where received bytes go.
pub(crate) enum Target {
    /// Into a pipeline that the connection owns (an accepted connection).
    Pipeline(Child),
    /// Out of a filter that owns the connection (`connect`).
    Filter(Port),
}

/// Sent to the filter that owns a connection when the connection has closed by itself.
pub(crate) struct ConnectionClosed;

/// See the module.
pub(crate) struct Connection {
    realm: Rc<Realm>,
    target: RefCell<Option<Target>>,
    options: Rc<SocketOptions>,
    tap: Rc<Tap>,
    writer: RefCell<Option<OwnedWriteHalf>>,
    pending: RefCell<Data>,
    /// Sources that wait until this connection has sent its pending output.
    blocked: RefCell<Vec<Closed>>,
    /// Where all input goes as it is: no filter looks at it. Output that went through no filter comes before `pending`.
    mate: RefCell<Weak<Connection>>,
    conduit: RefCell<Option<Conduit>>,
    finish: Cell<Finish>,
    read_ended: Cell<bool>,
    /// Nothing can be sent any more; what was received is still read.
    unwritable: Cell<bool>,
    flushing: Cell<bool>,
    /// It is in the thread's outbox.
    is_late: Cell<bool>,
    /// Bytes received that nobody wants (HTTP servers, after the last response).
    unwanted: Cell<u64>,
    /// Bytes have moved, either way.
    used: Cell<bool>,
    read: Activity,
    write: Activity,
    reading: RefCell<Option<Task>>,
    writing: RefCell<Option<Task>>,
    closed: Cell<bool>,
    counts: Counts,
    /// The counters of its listener or target.
    traffic: Rc<Traffic>,
    me: Weak<Connection>,
}

/// What to do when the pending output is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    No,
    /// Shut down the sending side.
    HalfClose,
    /// Close.
    Close,
}

#[derive(Clone, Copy)]
enum Counts {
    Inbound,
    Outbound,
}

impl Connection {
    /// Takes a connected socket over and starts to read.
    pub(crate) fn open(
        realm: &Rc<Realm>,
        stream: TcpStream,
        options: Rc<SocketOptions>,
        target: Target,
        traffic: Rc<Traffic>,
    ) -> Rc<Self> {
        if let Err(error) = set_options(&stream, &options) {
            tracing::debug!(target: "socket", %error, "cannot set socket options");
        }
        let (reader, writer) = stream.into_split();
        let counts = match target {
            Target::Pipeline(_) => Counts::Inbound,
            Target::Filter(_) => Counts::Outbound,
        };
        let now = Instant::now();
        let connection = Rc::new_cyclic(|me| Connection {
            realm: realm.clone(),
            target: RefCell::new(Some(target)),
            tap: Rc::default(),
            writer: RefCell::new(Some(writer)),
            pending: RefCell::default(),
            blocked: RefCell::default(),
            mate: RefCell::default(),
            conduit: RefCell::default(),
            finish: Cell::new(Finish::No),
            read_ended: Cell::new(false),
            unwritable: Cell::new(false),
            flushing: Cell::new(false),
            is_late: Cell::new(false),
            unwanted: Cell::new(0),
            used: Cell::new(false),
            read: Activity::new(now),
            write: Activity::new(now),
            reading: RefCell::default(),
            writing: RefCell::default(),
            closed: Cell::new(false),
            options,
            counts,
            traffic,
            me: me.clone(),
        });
        connection.count(1);
        let weak: Weak<Connection> = connection.me.clone();
        sweep::watch(weak);
        // The task does not own the connection: an accepted one and its pipeline own each other until it is closed, one
        // of ours is owned by its filter.
        let reading = spawn(read(connection.me.clone(), connection.tap.clone(), reader));
        *connection.reading.borrow_mut() = Some(reading);
        connection
    }

    fn count(&self, change: i64) {
        self.gauge().add(change);
        self.traffic.open.set(self.traffic.open.get() + change);
    }

    fn gauge(&self) -> &Gauge {
        match self.counts {
            Counts::Inbound => &self.realm.counters.inbound,
            Counts::Outbound => &self.realm.counters.outbound,
        }
    }

    /// Counts an error that the other side is to blame for.
    fn blame(&self) {
        let blame = match self.counts {
            Counts::Inbound => Blame::Downstream,
            Counts::Outbound => Blame::Upstream,
        };
        self.realm.counters.blame(blame).add(1);
    }

    fn received(&self) -> &Counter {
        match self.counts {
            Counts::Inbound => &self.realm.counters.inbound_in,
            Counts::Outbound => &self.realm.counters.outbound_in,
        }
    }

    fn sent(&self) -> &Counter {
        match self.counts {
            Counts::Inbound => &self.realm.counters.inbound_out,
            Counts::Outbound => &self.realm.counters.outbound_out,
        }
    }

    /// The socket for scripts; gone when the connection is closed, or its sending side.
    pub(crate) fn raw(&self) -> Weak<dyn RawSocket> {
        self.me.clone()
    }

    /// The socket itself, while its sending side is open.
    pub(super) fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> Option<R> {
        let writer = self.writer.borrow();
        let stream: &TcpStream = writer.as_ref()?.as_ref();
        Some(f(stream.as_fd()))
    }

    /// Queues bytes; they are sent at the end of the turn. Closes the turn's tap when too much is pending.
    pub(crate) fn write(&self, cx: &mut Cx<'_>, data: Data) {
        if data.is_empty() || self.finish.get() != Finish::No || self.closed.get() || self.unwritable.get() {
            return;
        }
        self.used.set(true);
        if self.unsent() == 0 {
            self.write.mark();
        }
        self.pending.borrow_mut().append(data);
        let pending = self.unsent();
        if self.options.buffer_limit.is_some_and(|limit| pending > limit) {
            return self.fail(StreamError::BufferOverflow);
        }
        if pending >= self.options.congestion_limit
            && let Some(tap) = &cx.tap
        {
            self.block(tap);
        }
        self.flush_soon(cx);
    }

    /// Keeps a source from being read until enough was sent.
    fn block(&self, tap: &Rc<Tap>) {
        let mut blocked = self.blocked.borrow_mut();
        if !blocked.iter().any(|closed| closed.is_of(tap)) {
            blocked.push(tap.close());
        }
    }

    /// Bytes that wait to be sent.
    fn unsent(&self) -> usize {
        self.conduit.borrow().as_ref().map_or(0, Conduit::held) + self.pending.borrow().len()
    }

    /// Lets go of what waits to be sent, and of who waits for that.
    fn discard(&self) {
        self.pending.replace(Data::new());
        self.conduit.replace(None);
        self.blocked.replace(Vec::new());
    }

    /// Ends the output: without error the sending side is shut down, with one the connection is closed, both after the
    /// pending bytes.
    pub(crate) fn finish(&self, cx: &mut Cx<'_>, clean: bool) {
        if self.finish.get() == Finish::Close {
            return;
        }
        self.finish.set(if clean { Finish::HalfClose } else { Finish::Close });
        self.flush_soon(cx);
    }

    fn flush_soon(&self, cx: &mut Cx<'_>) {
        if !self.flushing.replace(true)
            && let Some(me) = self.me.upgrade()
        {
            cx.realm.flush_later(me);
        }
    }

    /// A task waits for the socket: there is no use in trying.
    fn is_blocked(&self) -> bool {
        self.writing.borrow().as_ref().is_some_and(|task| !task.is_done())
    }

    /// Sends what is pending, as far as the kernel takes it, and opens the taps that wait for that.
    fn send_pending(&self) -> io::Result<()> {
        let result = self.send_all();
        let is_passed_on = self.conduit.borrow().as_ref().is_none_or(|conduit| conduit.held() == 0);
        if is_passed_on && self.pending.borrow().len() < self.options.congestion_limit {
            self.blocked.borrow_mut().clear();
        }
        result
    }

    fn send_all(&self) -> io::Result<()> {
        let writer = self.writer.borrow();
        let Some(writer) = writer.as_ref() else { return Ok(()) };
        loop {
            if let Some(conduit) = self.conduit.borrow_mut().as_mut().filter(|conduit| conduit.held() > 0) {
                match conduit.pour(writer.as_ref()) {
                    Ok(sent) => self.has_sent(sent),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
                continue;
            }
            let mut pending = self.pending.borrow_mut();
            if pending.is_empty() {
                return Ok(());
            }
            match send_some(writer, &pending) {
                Ok(sent) => {
                    if sent == pending.len() {
                        *pending = Data::new();
                    } else {
                        drop(pending.shift(sent));
                    }
                    drop(pending);
                    self.has_sent(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn has_sent(&self, bytes: usize) {
        self.sent().add(bytes as u64);
        self.traffic.sent.set(self.traffic.sent.get() + bytes as u64);
        self.write.mark();
    }

    /// Sends, and goes on in a task when the kernel takes no more.
    fn advance(&self) {
        if self.closed.get() {
            return;
        }
        match self.send_pending() {
            Ok(()) => match self.finish.get() {
                Finish::No => {}
                Finish::HalfClose => {
                    // Dropping this half shuts the sending side down.
                    self.writer.replace(None);
                    self.close_if_done();
                }
                Finish::Close => self.close(),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_writable(),
            Err(error) => {
                tracing::debug!(target: "socket", %error, "cannot send");
                self.lost();
            }
        }
    }

    fn wait_writable(&self) {
        let me = self.me.clone();
        let task = spawn(async move {
            // Held weakly while waiting: a peer that never reads must not keep alive what nobody owns any more.
            let writable = poll_fn(|cx| {
                let Some(connection) = me.upgrade() else {
                    return Poll::Ready(Ok(()));
                };
                let writer = connection.writer.borrow();
                match writer.as_ref() {
                    // Keeps the waker between polls, which a future of `writable()` made anew each time does not.
                    Some(writer) => writer.as_ref().poll_write_ready(cx),
                    None => Poll::Ready(Ok(())),
                }
            });
            if let Err(error) = writable.await {
                tracing::debug!(target: "socket", %error, "cannot wait for a socket");
            }
            if let Some(connection) = me.upgrade() {
                connection.advance();
            }
        });
        *self.writing.borrow_mut() = Some(task);
    }

    /// The sending side is broken. An accepted connection closes without an event. One of ours is read to its end, for
    /// a server may answer, close, and reset us for what we still sent; that end tells its filter.
    fn lost(&self) {
        match self.counts {
            Counts::Inbound => self.close(),
            Counts::Outbound => {
                self.unwritable.set(true);
                self.discard();
                self.writer.replace(None);
                self.close_if_done();
            }
        }
    }

    /// Ends the stream with an error towards the pipeline, and closes.
    fn fail(&self, error: StreamError) {
        if self.closed.get() {
            return;
        }
        self.blame();
        self.finish.set(Finish::Close);
        self.discard();
        let told = self.read_ended.replace(true);
        // Not in the current turn, which may be inside the very filter that owns this connection.
        let me = self.me.clone();
        let task = spawn(async move {
            let Some(connection) = me.upgrade() else { return };
            if !told {
                connection.input(Event::from(error));
            }
            connection.close();
        });
        *self.reading.borrow_mut() = Some(task);
    }

    fn input(&self, event: Event) {
        let work = match &*self.target.borrow() {
            Some(Target::Pipeline(child)) => Some(Work::Input(child.instance().clone(), 0, event)),
            Some(Target::Filter(port)) => port.output(event),
            None => None,
        };
        if let Some(work) = work {
            self.realm.turn(Some(&self.tap), |_, list| list.push(work));
        }
    }

    fn close_if_done(&self) {
        let sent = self.writer.borrow().is_none();
        if sent && self.read_ended.get() {
            self.close();
        }
    }

    /// Closes at once and lets the pipeline go. Not from within a turn.
    fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        self.count(-1);
        self.discard();
        self.writer.replace(None);
        let target = self.target.take();
        // Dropping the task drops the reading half; when it is the one running, that happens when it returns.
        self.reading.replace(None);
        self.writing.replace(None);
        let told = match &target {
            Some(Target::Filter(port)) => port.waking(Wake::Message(Box::new(ConnectionClosed))),
            _ => None,
        };
        drop(target);
        self.realm.turn(None, |_, list| list.extend(told));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.closed.get() {
            self.count(-1);
        }
    }
}

impl Flush for Connection {
    fn flush(self: Rc<Self>) {
        self.flushing.set(false);
        if self.is_blocked() {
            return;
        }
        // A little may wait until others have had their turns. More may not: its memory would be cold when it is sent.
        let is_little = self.finish.get() == Finish::No && self.unsent() <= limits::SEND_LATE_BYTES;
        if is_little && (self.is_late.get() || outbox::put(self.clone())) {
            self.is_late.set(true);
        } else {
            self.advance();
        }
    }
}

impl Late for Connection {
    fn send(&self) -> bool {
        self.is_late.set(false);
        self.closed.get() || self.is_blocked() || self.send_pending().is_ok()
    }

    fn go_on(&self) {
        if !self.is_blocked() {
            self.advance();
        }
    }
}

impl Sweep for Connection {
    fn sweep(&self, now: Instant) {
        let over =
            |limit: Option<Duration>, last: Instant| limit.is_some_and(|limit| now.duration_since(last) >= limit);
        let (read, write) = (self.read.last(now), self.write.last(now));
        if let Some(since) = self.tap.disowned() {
            // All was sent, or nothing of it moves: what the peer still sends is no reason to keep the connection.
            let limit = match &*self.writer.borrow() {
                None => Some(limits::HTTP_LINGER),
                Some(_) => self.options.idle_timeout,
            };
            if over(limit, since.max(write)) {
                return self.close();
            }
        }
        let error = if over(self.options.read_timeout, read) {
            StreamError::ReadTimeout
        } else if over(self.options.write_timeout, write) && self.unsent() > 0 {
            StreamError::WriteTimeout
        } else if over(self.options.idle_timeout, read.max(write)) {
            StreamError::IdleTimeout
        } else if self.realm.is_draining()
            && (self.writer.borrow().is_none() || !self.used.get())
            && over(Some(limits::DRAIN_LINGER), read.max(write))
        {
            // All was said, or nothing yet; clients with a pool of connections may look at this one much later.
            return self.close();
        } else {
            return;
        };
        self.fail(error);
    }
}

impl Connection {
    /// What either receives goes to the other as it is. Not for those with bounds of their own.
    pub(crate) fn join(self: &Rc<Self>, other: &Rc<Self>) {
        for (from, to) in [(self, other), (other, self)] {
            let options = &to.options;
            if options.buffer_limit.is_none() && options.congestion_limit >= limits::CONDUIT_BYTES {
                *from.mate.borrow_mut() = Rc::downgrade(to);
            }
        }
    }

    /// The connection that all input goes to, while nothing waits there.
    fn mate(&self) -> Option<Rc<Connection>> {
        let mate = self.mate.borrow().upgrade()?;
        let takes_more = mate.finish.get() == Finish::No && !mate.closed.get() && !mate.unwritable.get();
        (takes_more && mate.unsent() == 0 && self.tap.disowned().is_none()).then_some(mate)
    }

    /// Whether to pass on after a read of so many bytes. What sends less keeps no pipe.
    pub(super) fn passes_on(&self, is_passing: bool, bytes: usize) -> bool {
        let enough = if is_passing {
            limits::READ_BYTES
        } else {
            limits::BULK_BYTES
        };
        let Some(mate) = self.mate.borrow().upgrade().filter(|_| is_passing || bytes >= enough) else {
            return false;
        };
        let mut conduit = mate.conduit.borrow_mut();
        if bytes >= enough {
            *conduit = conduit.take().or_else(|| Conduit::open(&self.realm.counters));
        } else if conduit.as_ref().is_some_and(|conduit| conduit.held() == 0) {
            *conduit = None;
        }
        conduit.is_some()
    }

    /// Passes on what `stream`, its own, has received.
    pub(super) fn pass(&self, stream: &TcpStream) -> Result<usize, Dry> {
        if self.closed.get() || self.read_ended.get() {
            return Err(Dry::Read);
        }
        let mate = self.mate().ok_or(Dry::Read)?;
        let passed = match &mut *mate.conduit.borrow_mut() {
            Some(conduit) => conduit.fill(stream)?,
            None => return Err(Dry::Read),
        };
        self.has_received(passed);
        mate.used.set(true);
        mate.write.mark();
        mate.advance();
        if mate.unsent() > 0 {
            mate.block(&self.tap);
        }
        Ok(passed)
    }

    fn has_received(&self, bytes: usize) {
        self.received().add(bytes as u64);
        self.traffic.received.set(self.traffic.received.get() + bytes as u64);
        self.used.set(true);
        self.read.mark();
    }

    /// Takes the result of a read in; false when there is nothing more to read.
    pub(super) fn take(&self, got: io::Result<bytes::Bytes>) -> bool {
        if self.closed.get() || self.read_ended.get() {
            return false;
        }
        let end = match got {
            Ok(bytes) if !bytes.is_empty() => {
                self.has_received(bytes.len());
                if self.tap.disowned().is_some() {
                    self.unwanted.set(self.unwanted.get() + bytes.len() as u64);
                    if self.unwanted.get() > limits::HTTP_LINGER_BYTES {
                        self.close();
                        return false;
                    }
                }
                self.input(Event::Data(bytes.into()));
                return true;
            }
            Ok(_) if self.unwritable.get() => Reason::Named(StreamError::ConnectionReset),
            Ok(_) => Reason::Clean,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Reason::Named(StreamError::ConnectionReset),
            Err(_) => Reason::Named(StreamError::ReadError),
        };
        self.read_ended.set(true);
        let broken = !end.is_clean();
        if broken {
            self.blame();
        }
        self.input(Event::StreamEnd(end));
        if broken {
            self.close();
        } else {
            self.close_if_done();
        }
        false
    }
}
