//! What scripts see of a connection that was accepted: `__inbound`. Source: pipyjs/model.md 1.7.

use super::{Result, Socket, SocketSlot};
use crate::value::Saved;
use rquickjs::{Class, Ctx, JsLifetime, Value, class::Trace};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};

/// The facts of an accepted connection. Numbers, not text, for most are never looked at.
#[derive(Clone, Debug, Trace, JsLifetime)]
#[rquickjs::class(rename = "Inbound")]
pub struct InboundInfo {
    /// Process-wide number, from 1.
    #[qjs(get)]
    pub id: u32,
    #[qjs(skip_trace)]
    local: End,
    #[qjs(skip_trace)]
    remote: End,
    #[qjs(skip_trace)]
    destination: Option<Box<End>>,
    /// The socket itself.
    #[qjs(skip_trace)]
    pub(crate) socket: SocketSlot,
}

/// Address and port; IPv4-mapped addresses are unmapped.
#[derive(Clone, Copy, Debug)]
struct End(IpAddr, u16);

impl From<SocketAddr> for End {
    fn from(address: SocketAddr) -> Self {
        End(address.ip().to_canonical(), address.port())
    }
}

impl InboundInfo {
    /// Of the connection between these; `destination`: before a redirect, where the listener is `transparent`.
    pub(crate) fn new(id: u32, local: SocketAddr, remote: SocketAddr, destination: Option<SocketAddr>) -> Self {
        InboundInfo {
            id,
            local: local.into(),
            remote: remote.into(),
            destination: destination.map(|address| Box::new(address.into())),
            socket: SocketSlot::default(),
        }
    }

    /// What its traffic is counted under: the peer's address when peers are counted apart.
    pub(crate) fn label(&self, is_apart: bool) -> String {
        match is_apart {
            true => self.remote_address(),
            false => String::new(),
        }
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl InboundInfo {
    /// Address that the peer connected to.
    #[qjs(get)]
    pub fn local_address(&self) -> String {
        self.local.0.to_string()
    }

    /// Port that the peer connected to.
    #[qjs(get)]
    pub fn local_port(&self) -> u16 {
        self.local.1
    }

    /// The peer's address.
    #[qjs(get)]
    pub fn remote_address(&self) -> String {
        self.remote.0.to_string()
    }

    /// The peer's port.
    #[qjs(get)]
    pub fn remote_port(&self) -> u16 {
        self.remote.1
    }

    /// Original destination before a redirect; empty unless the listener is `transparent`.
    #[qjs(get)]
    pub fn destination_address(&self) -> String {
        self.destination
            .as_ref()
            .map(|end| end.0.to_string())
            .unwrap_or_default()
    }

    /// Port of the original destination, or 0.
    #[qjs(get)]
    pub fn destination_port(&self) -> u16 {
        self.destination.as_ref().map_or(0, |end| end.1)
    }

    /// For raw options.
    #[qjs(get)]
    pub fn socket(&self) -> Socket {
        Socket::in_slot(self.socket.clone())
    }
}

/// A connection with the one object that scripts see of it (balancers key on its identity).
pub(crate) struct Inbound {
    /// The facts.
    pub info: InboundInfo,
    value: RefCell<Option<Saved>>,
}

impl Inbound {
    /// Wraps the facts; the object is made when a script asks.
    pub(crate) fn new(info: InboundInfo) -> Self {
        Inbound {
            info,
            value: RefCell::new(None),
        }
    }

    /// The object that scripts see; the same one each time.
    pub(crate) fn value<'js>(&self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        let known = self.value.borrow().clone();
        if let Some(value) = known {
            return Ok(value.get(ctx));
        }
        let value = Class::instance(ctx.clone(), self.info.clone())?.into_value();
        *self.value.borrow_mut() = Some(Saved::new(ctx, value.clone()));
        Ok(value)
    }
}
