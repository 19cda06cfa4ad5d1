//! What both sides of UDP share: sockets, datagrams to events and back, sending without waiting. Not for who owns the
//! pipelines: udp_server.rs, udp_client.rs. Source: pipyjs/http.md section 6 (UDP).

use crate::data::Data;
use crate::event::{Event, MessageEnd, MessageStart};
use crate::limits;
use crate::pipeline::{Task, spawn};
use bytes::Bytes;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Room for the longest datagram.
const DATAGRAM_BYTES: usize = 65_535;

thread_local! {
    // One block a thread that datagrams are received into: idle sockets hold no buffer.
    static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A socket that is not bound, of the family of `like`.
pub(super) fn unbound(like: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let family = if like.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(family, SockType::Datagram, flags, None)?.into())
}

/// Binds it.
pub(super) fn bind_to(socket: &std::net::UdpSocket, local: SocketAddr) -> io::Result<()> {
    Ok(bind(socket.as_raw_fd(), &SockaddrStorage::from(local))?)
}

/// A socket for a listener. Without SO_REUSEADDR, by which another process could take the port over unnoticed.
pub(super) fn listen(address: SocketAddr, reuse_port: bool, transparent: bool) -> io::Result<UdpSocket> {
    let socket = unbound(address)?;
    setsockopt(&socket, sockopt::ReusePort, &reuse_port)?;
    if transparent {
        super::options::set_transparent(&socket);
    }
    bind_to(&socket, address)?;
    UdpSocket::from_std(socket)
}

/// The next datagram, and who sent it; or what ICMP said of an earlier one.
pub(super) async fn receive(socket: &UdpSocket) -> io::Result<(Bytes, SocketAddr)> {
    loop {
        let ready = socket.ready(Interest::READABLE | Interest::ERROR).await?;
        if ready.is_error() {
            let error = socket.take_error()?;
            // Looked at: what comes next is told again.
            let looked = socket.try_io(Interest::ERROR, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
            debug_assert!(looked.is_err(), "it is always an error");
            if let Some(error) = error {
                return Err(error);
            }
        }
        let received: io::Result<_> = BLOCK.with_borrow_mut(|block| {
            block.resize(DATAGRAM_BYTES, 0);
            let (len, from) = socket.try_recv_from(block)?;
            Ok((Bytes::copy_from_slice(block.get(..len).unwrap_or_default()), from))
        });
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received,
        }
    }
}

/// The events that a received datagram is: one message in classic modules, one Data in modern ones.
pub(super) fn events(bytes: Bytes, as_message: bool) -> Vec<Event> {
    let data = Event::Data(bytes.into());
    match as_message {
        false => vec![data],
        true => vec![
            Event::MessageStart(MessageStart::default()),
            data,
            Event::MessageEnd(MessageEnd::default()),
        ],
    }
}

/// Makes datagrams of what a pipeline outputs: each message one, each Data outside of a message one.
#[derive(Default)]
pub(super) struct Datagrams {
    message: Option<Data>,
}

impl Datagrams {
    /// The datagram that `event` completes. Empty ones are not sent, longer ones than UDP takes neither.
    pub(super) fn push(&mut self, event: Event) -> Option<Data> {
        let datagram = match event {
            Event::MessageStart(_) => {
                self.message = Some(Data::new());
                None
            }
            Event::Data(data) => match &mut self.message {
                Some(message) => {
                    // One byte too many is enough to know that it does not fit.
                    if message.len() <= DATAGRAM_BYTES {
                        message.append(data);
                    }
                    None
                }
                None => Some(data),
            },
            Event::MessageEnd(_) => self.message.take(),
            Event::StreamEnd(_) => None,
        };
        let datagram = datagram.filter(|data| !data.is_empty())?;
        if datagram.len() > DATAGRAM_BYTES {
            tracing::warn!(target: "socket", bytes = datagram.len(), "does not fit into a datagram");
            return None;
        }
        Some(datagram)
    }
}

/// Sends datagrams, at once where the kernel takes them.
pub(super) struct Sender {
    socket: Rc<UdpSocket>,
    /// To whom (none: whom the socket is connected to), what.
    queue: RefCell<VecDeque<(Option<SocketAddr>, Bytes)>>,
    bytes: Cell<usize>,
    limit: usize,
    task: RefCell<Option<Task>>,
}

impl Sender {
    /// `limit`: bytes that may wait.
    pub(super) fn new(socket: Rc<UdpSocket>, limit: usize) -> Rc<Self> {
        Rc::new(Sender {
            socket,
            queue: RefCell::default(),
            bytes: Cell::new(0),
            limit,
            task: RefCell::default(),
        })
    }

    /// Bytes that wait.
    pub(super) fn pending(&self) -> usize {
        self.bytes.get()
    }

    /// Sends, or queues, or drops when too much waits: a datagram may get lost on its way, too.
    pub(super) fn send(self: &Rc<Self>, to: Option<SocketAddr>, datagram: &Data) {
        let bytes = datagram.to_bytes();
        if self.queue.borrow().is_empty() && self.now(to, &bytes) {
            return;
        }
        let waiting = self.bytes.get() + bytes.len();
        if waiting > self.limit || self.queue.borrow().len() >= limits::UDP_QUEUE {
            tracing::debug!(target: "socket", "too many datagrams wait; one is dropped");
            return;
        }
        self.bytes.set(waiting);
        self.queue.borrow_mut().push_back((to, bytes));
        if self.task.borrow().as_ref().is_none_or(Task::is_done) {
            let (socket, sender) = (self.socket.clone(), Rc::downgrade(self));
            let task = spawn(async move {
                loop {
                    if let Err(error) = socket.writable().await {
                        return tracing::debug!(target: "socket", %error, "cannot wait for a socket");
                    }
                    let Some(sender) = sender.upgrade() else { return };
                    if sender.drain() {
                        return;
                    }
                }
            });
            *self.task.borrow_mut() = Some(task);
        }
    }

    /// Sends what waits; true when nothing is left.
    fn drain(&self) -> bool {
        loop {
            let front = self.queue.borrow().front().cloned();
            let Some((to, bytes)) = front else { return true };
            if !self.now(to, &bytes) {
                return false;
            }
            self.bytes.set(self.bytes.get().saturating_sub(bytes.len()));
            self.queue.borrow_mut().pop_front();
        }
    }

    /// False when the kernel has no room now.
    fn now(&self, to: Option<SocketAddr>, bytes: &[u8]) -> bool {
        let sent = match to {
            Some(to) => self.socket.try_send_to(bytes, to),
            None => self.socket.try_send(bytes),
        };
        match sent {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                // Unreachable, too long for the route, or an earlier one was refused: said to nobody, as of UDP.
                tracing::debug!(target: "socket", %error, "cannot send a datagram");
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Datagrams;
    use crate::event::{Event, MessageEnd, MessageStart};

    /// http.md section 6, last paragraph.
    #[test]
    fn messages_and_data_become_datagrams() {
        let mut datagrams = Datagrams::default();
        let mut sent = String::new();
        for event in "a(bc)(d(e)).)f".chars() {
            let event = match event {
                '(' => Event::MessageStart(MessageStart::default()),
                ')' => Event::MessageEnd(MessageEnd::default()),
                '.' => Event::flush(),
                letter => Event::Data(letter.to_string().as_str().into()),
            };
            if let Some(datagram) = datagrams.push(event) {
                sent += &format!("[{}]", String::from_utf8_lossy(&datagram.to_bytes()));
            }
        }
        assert_eq!(sent, "[a][bc][e][f]");
        let long = Event::Data(vec![0; 65_536].into());
        assert!(datagrams.push(long.clone()).is_none(), "too long");
        assert!(datagrams.push(Event::MessageStart(MessageStart::default())).is_none());
        for _ in 0..3 {
            assert!(datagrams.push(long.clone()).is_none());
        }
        assert!(datagrams.message.as_ref().is_some_and(|held| held.len() <= 2 * 65_536));
        assert!(datagrams.push(Event::MessageEnd(MessageEnd::default())).is_none());
    }
}
