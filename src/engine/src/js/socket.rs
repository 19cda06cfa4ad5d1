//! What scripts see of a socket: `__inbound.socket`, and `socket` of what `onState` gets. Source: pipyjs/model.md 1.7.

use super::{JsData, Result, throw_error, throw_type};
use crate::data::Data;
use rquickjs::class::Trace;
use rquickjs::prelude::Opt;
use rquickjs::{Class, Ctx, JsLifetime};
use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

/// Longest value of an option that a script may ask for, bytes.
const OPTION_BYTES: usize = 4096;

/// The socket behind the object; implemented by net/.
pub(crate) trait RawSocket {
    /// Sets the local address, `'ip'` or `'ip:port'`.
    ///
    /// # Errors  What is wrong with it.
    fn bind(&self, address: &str, port: Option<u16>) -> std::result::Result<(), String>;
    /// Reads an option: its length, or errno; None when the socket is gone.
    fn get_option(&self, level: i32, option: i32, value: &mut [u8]) -> Option<std::result::Result<usize, i32>>;
    /// Sets an option, or errno; None when the socket is gone.
    fn set_option(&self, level: i32, option: i32, value: &[u8]) -> Option<std::result::Result<(), i32>>;
}

/// The place of a socket, for objects that are made before it.
#[derive(Clone, Default)]
pub(crate) struct SocketSlot(RefCell<Option<Weak<dyn RawSocket>>>);

impl SocketSlot {
    /// Fills it, before scripts see it.
    pub(crate) fn attach(&self, raw: Weak<dyn RawSocket>) {
        *self.0.borrow_mut() = Some(raw);
    }
}

impl fmt::Debug for SocketSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketSlot")
    }
}

/// The object of scripts.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Socket {
    #[qjs(skip_trace)]
    raw: Raw,
}

/// How the object holds what is behind it.
enum Raw {
    Shared(Rc<dyn RawSocket>),
    /// A connection, which ends when it ends.
    Slot(SocketSlot),
}

impl Socket {
    /// Of `raw`.
    pub(crate) fn of(raw: Rc<dyn RawSocket>) -> Self {
        Socket { raw: Raw::Shared(raw) }
    }

    /// Of what is in the slot, as long as somebody else holds it.
    pub(crate) fn in_slot(slot: SocketSlot) -> Self {
        Socket { raw: Raw::Slot(slot) }
    }

    fn raw(&self, ctx: &Ctx<'_>) -> Result<Rc<dyn RawSocket>> {
        let raw = match &self.raw {
            Raw::Shared(raw) => Some(raw.clone()),
            Raw::Slot(slot) => slot.0.borrow().as_ref().and_then(Weak::upgrade),
        };
        raw.ok_or_else(|| throw_error(ctx, "socket is gone"))
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Socket {
    /// `bind('ip:port' | ip, port?)`, before it is connected.
    pub fn bind(&self, ctx: Ctx<'_>, address: String, port: Opt<u16>) -> Result<()> {
        let bound = self.raw(&ctx)?.bind(&address, port.0);
        bound.map_err(|what| throw_error(&ctx, &what))
    }

    /// Fills `data` with the value of an option; 0, or errno.
    pub fn get_raw_option<'js>(&self, ctx: Ctx<'js>, level: i32, option: i32, data: Class<'js, JsData>) -> Result<i32> {
        let mut value = data.borrow().data().to_vec();
        if value.len() > OPTION_BYTES {
            return Err(throw_type(
                &ctx,
                &format!("argument 3 expects a Data of at most {OPTION_BYTES} bytes"),
            ));
        }
        let got = self.raw(&ctx)?.get_option(level, option, &mut value);
        match got.ok_or_else(|| throw_error(&ctx, "socket is gone"))? {
            Ok(_) => {
                data.borrow_mut().replace(&ctx, Data::from(value))?;
                Ok(0)
            }
            Err(errno) => Ok(errno),
        }
    }

    /// Sets an option to the bytes of `data`; 0, or errno.
    pub fn set_raw_option<'js>(&self, ctx: Ctx<'js>, level: i32, option: i32, data: Class<'js, JsData>) -> Result<i32> {
        let value = data.borrow().data().to_vec();
        let set = self.raw(&ctx)?.set_option(level, option, &value);
        let set = set.ok_or_else(|| throw_error(&ctx, "socket is gone"))?;
        Ok(set.err().unwrap_or(0))
    }
}
