//! A TCP connection, accepted or opened: bytes in become events, events become bytes out, at the end of the turn in as
//! few system calls as possible. Half-close both ways, timeouts, back-pressure. Source: pipyjs/model.md 1.3,
//! http.md sections 6 and 7.

use super::options::{SocketOptions, set_options};
use super::sweep::{self, Sweep};
use crate::data::Data;
use crate::event::{Event, Reason, StreamError};
use crate::js::RawSocket;
use crate::limits;
use crate::metrics::{Blame, Counter, Gauge, Traffic};
use crate::pipeline::{Child, Closed, Cx, Flush, Port, Realm, Tap, Task, Wake, Work, spawn};
use bytes::{BufMut, BytesMut};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

thread_local! {
    // Bytes are read into one block a thread and cut off it: idle connections hold no buffer.
    static BLOCK: RefCell<Block> = RefCell::default();
}

/// See the thread local.
struct Block {
    bytes: BytesMut,
    /// Bytes that a read is given room for: grows while peers fill it, shrinks when they don't.
    room: usize,
}

impl Default for Block {
    fn default() -> Self {
        Block {
            bytes: BytesMut::new(),
            room: limits::READ_BYTES,
        }
    }
}

impl Block {
    /// Room for a read.
    fn make_room(&mut self) {
        // Small reads share a block; a large one has it alone, and mostly gets it back whole, since what it held has been sent.
        let least = match self.room {
            limits::READ_BYTES => limits::READ_BYTES / 4,
            room => room / 2,
        };
        if self.bytes.capacity() < least {
            self.bytes.reserve(self.room.max(2 * limits::READ_BYTES));
        }
    }

    /// Cuts off what a read of at most `most` bytes gave.
    fn take(&mut self, most: usize) -> bytes::Bytes {
        let got = self.bytes.len();
        if got == most && got >= limits::READ_BYTES {
            self.room = (self.room * 2).min(limits::READ_MOST_BYTES);
        } else if got < limits::READ_BYTES / 2 {
            self.room = limits::READ_BYTES;
        }
        self.bytes.split().freeze()
    }
}

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
    finish: Cell<Finish>,
    read_ended: Cell<bool>,
    /// Nothing can be sent any more; what was received is still read.
    unwritable: Cell<bool>,
    flushing: Cell<bool>,
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

/// When something last moved one way. Known as well as the sweep of timeouts needs it: traffic does not read the clock.
struct Activity {
    since_sweep: Cell<bool>,
    last: Cell<Instant>,
}

impl Activity {
    fn new(now: Instant) -> Self {
        Activity {
            since_sweep: Cell::new(false),
            last: Cell::new(now),
        }
    }

    fn mark(&self) {
        self.since_sweep.set(true);
    }

    /// When it was, as seen by the sweep at `now`.
    fn last(&self, now: Instant) -> Instant {
        if self.since_sweep.replace(false) {
            self.last.set(now);
        }
        self.last.get()
    }
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
            finish: Cell::new(Finish::No),
            read_ended: Cell::new(false),
            unwritable: Cell::new(false),
            flushing: Cell::new(false),
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
        let reading = spawn(read(connection.me.clone(), reader));
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
        if self.pending.borrow().is_empty() {
            self.write.mark();
        }
        let pending = {
            let mut pending = self.pending.borrow_mut();
            pending.append(data);
            pending.len()
        };
        if self.options.buffer_limit.is_some_and(|limit| pending > limit) {
            return self.fail(StreamError::BufferOverflow);
        }
        if pending >= self.options.congestion_limit
            && let Some(tap) = &cx.tap
        {
            let mut blocked = self.blocked.borrow_mut();
            if !blocked.iter().any(|closed| closed.is_of(tap)) {
                blocked.push(tap.close());
            }
        }
        self.flush_soon(cx);
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

    /// Sends what is pending, as far as the kernel takes it.
    fn send(&self) -> io::Result<()> {
        let writer = self.writer.borrow();
        let Some(writer) = writer.as_ref() else { return Ok(()) };
        loop {
            let mut pending = self.pending.borrow_mut();
            if pending.is_empty() {
                return Ok(());
            }
            let sent = match pending.single() {
                Some(chunk) => writer.try_write(chunk),
                None => send_slices(writer, &pending),
            };
            match sent {
                Ok(sent) => {
                    if sent == pending.len() {
                        *pending = Data::new();
                    } else {
                        drop(pending.shift(sent));
                    }
                    drop(pending);
                    self.sent().add(sent as u64);
                    self.traffic.sent.set(self.traffic.sent.get() + sent as u64);
                    self.write.mark();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends, and goes on in a task when the kernel takes no more.
    fn advance(&self) {
        if self.closed.get() {
            return;
        }
        let result = self.send();
        if self.pending.borrow().len() < self.options.congestion_limit {
            self.blocked.borrow_mut().clear();
        }
        match result {
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
                self.pending.replace(Data::new());
                self.blocked.borrow_mut().clear();
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
        self.pending.replace(Data::new());
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
        self.pending.replace(Data::new());
        self.blocked.replace(Vec::new());
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
    fn flush(&self) {
        self.flushing.set(false);
        // While a task waits for the socket there is no use in trying.
        if self.writing.borrow().as_ref().is_none_or(Task::is_done) {
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
        } else if over(self.options.write_timeout, write) && !self.pending.borrow().is_empty() {
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

/// Sends several chunks with one call.
fn send_slices(writer: &OwnedWriteHalf, pending: &Data) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); limits::WRITE_SLICES];
    let mut used = 0;
    for (slice, chunk) in slices.iter_mut().zip(pending.chunks()) {
        *slice = IoSlice::new(chunk);
        used += 1;
    }
    writer.try_write_vectored(&slices[..used])
}

/// One read into the thread's block; what was read is cut off.
async fn read_some(reader: &mut OwnedReadHalf) -> io::Result<bytes::Bytes> {
    poll_fn(|cx| {
        BLOCK.with_borrow_mut(|block| {
            block.make_room();
            // The block may have been given more than was asked for.
            let most = block.bytes.capacity().min(limits::READ_MOST_BYTES);
            let got = pin!(reader.read_buf(&mut (&mut block.bytes).limit(most))).poll(cx);
            got.map_ok(|_| block.take(most))
        })
    })
    .await
}

async fn read(connection: Weak<Connection>, mut reader: OwnedReadHalf) {
    let Some(tap) = connection.upgrade().map(|connection| connection.tap.clone()) else {
        return;
    };
    loop {
        poll_fn(|cx| tap.poll_open(cx)).await;
        let got = read_some(&mut reader).await;
        let Some(connection) = connection.upgrade() else { return };
        if !connection.take(got) {
            return;
        }
    }
}

impl Connection {
    /// Takes the result of a read in; false when there is nothing more to read.
    fn take(&self, got: io::Result<bytes::Bytes>) -> bool {
        if self.closed.get() || self.read_ended.get() {
            return false;
        }
        let end = match got {
            Ok(bytes) if !bytes.is_empty() => {
                self.received().add(bytes.len() as u64);
                self.traffic
                    .received
                    .set(self.traffic.received.get() + bytes.len() as u64);
                self.used.set(true);
                self.read.mark();
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
