//! The object that `onState` gets of a TLS connection. Source: pipyjs/filters.md section 7.

use crate::js;
use crate::net::Certificate;
use rquickjs::class::Trace;
use rquickjs::{Class, Ctx, JsLifetime, Value};
use rustls_pki_types::CertificateDer;
use std::cell::RefCell;
use std::rc::Rc;

/// What `onState` gets.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "TLSSession")]
pub struct TlsSession {
    #[qjs(skip_trace)]
    pub(super) facts: Rc<RefCell<SessionFacts>>,
}

/// What is known of a connection.
#[derive(Default)]
pub(super) struct SessionFacts {
    pub(super) state: &'static str,
    pub(super) error: Option<String>,
    pub(super) protocol: String,
    pub(super) hostname: String,
    pub(super) peer: Option<CertificateDer<'static>>,
}

#[rquickjs::methods]
impl TlsSession {
    /// 'idle', 'handshake', 'connected' or 'closed'.
    #[qjs(get)]
    pub fn state(&self) -> &'static str {
        self.facts.borrow().state
    }

    /// Why it failed.
    #[qjs(get)]
    pub fn error(&self) -> Option<String> {
        self.facts.borrow().error.clone()
    }

    /// Result of ALPN.
    #[qjs(get)]
    pub fn protocol(&self) -> String {
        self.facts.borrow().protocol.clone()
    }

    /// SNI.
    #[qjs(get)]
    pub fn hostname(&self) -> String {
        self.facts.borrow().hostname.clone()
    }

    /// The peer's certificate, or null.
    #[qjs(get)]
    pub fn peer<'js>(&self, ctx: Ctx<'js>) -> js::Result<Value<'js>> {
        let peer = self.facts.borrow().peer.clone();
        match peer {
            Some(der) => Ok(Class::instance(ctx, Certificate { der })?.into_value()),
            None => Ok(Value::new_null(ctx)),
        }
    }
}
