//! When a request and its response turn a stream into a tunnel. Source: pipyjs/http.md section 5, "Tunnels" and below;
//! RFC 9110 sections 7.8 and 9.3.6.

use crate::event::{Head, HeadKind, MessageStart};
use crate::js;
use crate::message::Message;
use ballast_codec::http1::{Method, RequestHead};
use bytes::Bytes;
use rquickjs::Ctx;
use std::rc::Rc;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A tunnel, by CONNECT.
    Connect,
    /// Another protocol, by `upgrade`: websocket or h2c.
    Upgrade,
    /// An answer.
    Plain,
}

impl Asked {
    /// By this request.
    ///
    /// # Errors  Throws when the head cannot be sent.
    pub(crate) fn by(ctx: &Ctx<'_>, request: Option<&Rc<Head>>) -> js::Result<Self> {
        let request = js::request_of(ctx, request)?;
        let upgrades = ["websocket", "h2c"]
            .iter()
            .any(|token| request.headers.has_token("upgrade", token));
        Ok(match request.method {
            Method::Connect => Asked::Connect,
            _ if upgrades => Asked::Upgrade,
            _ => Asked::Plain,
        })
    }

    /// Whether a response with this status opens the tunnel.
    pub(crate) fn is_granted(self, status: u16) -> bool {
        match self {
            Asked::Connect => (200..300).contains(&status),
            Asked::Upgrade => status == 101,
            Asked::Plain => false,
        }
    }
}

/// The request for a tunnel to `host:port`.
pub(crate) fn tunnel_request(target: &str) -> Message {
    let head = RequestHead {
        method: Method::Connect,
        target: Bytes::copy_from_slice(target.as_bytes()),
        ..RequestHead::default()
    };
    Message {
        head: MessageStart::new(HeadKind::Request(head)).head,
        ..Message::default()
    }
}
