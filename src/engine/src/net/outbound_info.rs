//! What scripts see of a connection that they open: the argument of `onState`. Source: pipyjs/model.md 1.7, http.md
//! section 6.

use super::connection::Connection;
use super::outbound::{DialOptions, Host, Progress};
use super::{sockopt, udp_client::UdpClient};
use crate::js::{RawSocket, Socket};
use crate::metrics::Traffic;
use crate::pipeline::{Port, Realm, Wake};
use rquickjs::JsLifetime;
use rquickjs::class::Trace;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::{Rc, Weak};
use tokio::net::TcpSocket;

/// The object of scripts. Clones are of one connection.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class(rename = "Outbound")]
pub struct OutboundInfo {
    #[qjs(skip_trace)]
    pub(super) shared: Rc<Facts>,
}

/// What is known of the connection.
pub(super) struct Facts {
    pub(super) state: Cell<&'static str>,
    pub(super) local: Cell<Option<SocketAddr>>,
    pub(super) remote: Cell<Option<SocketAddr>>,
    pub(super) target: RefCell<Host>,
    pub(super) bind: Cell<Option<SocketAddr>>,
    /// The socket of the attempt that is under way, then the connection.
    pub(super) socket: RefCell<Stage>,
    pub(super) realm: Weak<Realm>,
    pub(super) port: Port,
}

/// Where the socket is.
#[derive(Default)]
pub(super) enum Stage {
    /// There is none yet, or no more.
    #[default]
    None,
    /// Not connected yet.
    Tcp(TcpSocket),
    /// Not connected yet.
    Udp(std::net::UdpSocket),
    /// Being connected.
    Connecting,
    /// A connection has it.
    Connection(Weak<Connection>),
    /// A UDP client has it.
    Client(Weak<UdpClient>),
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

    /// It is connected, by TCP.
    pub(crate) fn attach(&self, connection: &Rc<Connection>) {
        *self.shared.socket.borrow_mut() = Stage::Connection(Rc::downgrade(connection));
    }

    /// It is connected, by UDP.
    pub(crate) fn attach_udp(&self, client: &Rc<UdpClient>) {
        *self.shared.socket.borrow_mut() = Stage::Client(Rc::downgrade(client));
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

    /// The socket.
    #[qjs(get)]
    pub fn socket(&self) -> Socket {
        Socket::of(self.shared.clone())
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

impl Facts {
    fn with<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> Option<R> {
        match &*self.socket.borrow() {
            Stage::Tcp(socket) => Some(f(socket.as_fd())),
            Stage::Udp(socket) => Some(f(socket.as_fd())),
            Stage::Client(client) => client.upgrade().map(|client| f(client.socket().as_fd())),
            Stage::Connection(connection) => connection.upgrade().and_then(|connection| connection.with_fd(f)),
            Stage::None | Stage::Connecting => None,
        }
    }
}

impl RawSocket for Facts {
    fn bind(&self, address: &str, port: Option<u16>) -> Result<(), String> {
        match self.state.get() {
            "idle" | "open" | "resolving" => {}
            "closed" => return Err("socket is gone".to_owned()),
            _ => return Err("bind: the socket is connected already".to_owned()),
        }
        let mut local = DialOptions::parse_bind(address)
            .ok_or_else(|| format!("bind: '{address}' is not an address; expected 'ip' or 'ip:port'"))?;
        if let Some(port) = port {
            local.set_port(port);
        }
        self.bind.set(Some(local));
        Ok(())
    }

    fn get_option(&self, level: i32, option: i32, value: &mut [u8]) -> Option<Result<usize, i32>> {
        self.with(|fd| sockopt::get(fd, level, option, value))
    }

    fn set_option(&self, level: i32, option: i32, value: &[u8]) -> Option<Result<(), i32>> {
        self.with(|fd| sockopt::set(fd, level, option, value))
    }
}
