//! What scripts see of a connection that was accepted: `__inbound`. Source: pipyjs/model.md 1.7.

use super::{Result, Socket, SocketSlot};
use crate::value::Saved;
use rquickjs::{Class, Ctx, JsLifetime, Value, class::Trace};
use std::cell::RefCell;

/// The facts of an accepted connection. IPv4-mapped addresses are unmapped.
#[derive(Clone, Debug, Default, Trace, JsLifetime)]
#[rquickjs::class(rename = "Inbound")]
pub struct InboundInfo {
    /// Process-wide number, from 1.
    #[qjs(get)]
    pub id: u32,
    /// Address that the peer connected to.
    #[qjs(get, rename = "localAddress")]
    pub local_address: String,
    /// Port that the peer connected to.
    #[qjs(get, rename = "localPort")]
    pub local_port: u16,
    /// The peer's address.
    #[qjs(get, rename = "remoteAddress")]
    pub remote_address: String,
    /// The peer's port.
    #[qjs(get, rename = "remotePort")]
    pub remote_port: u16,
    /// Original destination before a redirect; empty unless the listener is `transparent`.
    #[qjs(get, rename = "destinationAddress")]
    pub destination_address: String,
    /// Port of the original destination, or 0.
    #[qjs(get, rename = "destinationPort")]
    pub destination_port: u16,
    /// The socket itself.
    #[qjs(skip_trace)]
    pub(crate) socket: SocketSlot,
}

#[rquickjs::methods]
impl InboundInfo {
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
