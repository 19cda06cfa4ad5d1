//! The head of a request: framing, `connection`, what its response may turn the connection into.
//! Source: pipyjs/http.md sections 3 and 5; RFC 9112 6.1.

use super::http_encode::{Extent, Follows, HeadWriter, Problem, inline, write_block};
use super::http_response::has_token;
use crate::data::Data;
use crate::event::{Head, HeadKind};
use crate::js;
use ballast_codec::http1::{Connection, Expect, Framing, Lines, Method, RequestHead, Version, encode_request_head};
use bytes::Bytes;
use rquickjs::Ctx;
use std::rc::Rc;

/// How requests are written.
#[derive(Clone, Copy, Default)]
pub(crate) struct RequestWriter {
    /// Always say HTTP/1.0.
    pub is_http10: bool,
}

/// What a request head means for its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestInfo {
    /// HEAD and CONNECT are answered in their own way.
    pub to: Expect,
    /// It asks for WebSocket.
    pub upgrade: bool,
    /// It ends the connection.
    pub close: bool,
}

impl RequestInfo {
    /// Whether the connection may become a tunnel.
    pub(crate) fn may_tunnel(&self) -> bool {
        self.upgrade || self.to == Expect::Connect
    }
}

impl RequestWriter {
    fn encode(
        &self,
        head: &RequestHead,
        is_native: bool,
        extent: Extent,
        body: &Data,
    ) -> Result<(Bytes, Follows, RequestInfo), Problem> {
        // Only 1.1 knows chunks; 1.0 knows no other way for a body of unknown length.
        let version = match (extent, self.is_http10) {
            (Extent::Streamed, _) => Version::Http11,
            (_, true) => Version::Http10,
            (_, false) => head.version,
        };
        if head.version != version {
            let head = RequestHead {
                version,
                ..head.clone()
            };
            return self.encode(&head, is_native, extent, body);
        }
        let given = if is_native {
            None
        } else {
            head.headers.get("connection")
        };
        let upgrade = head.headers.has_only_token("upgrade", "websocket") && (!is_native || head.is_upgrade());
        let close = given.is_some_and(|value| has_token(value, b"close"));
        let (framing, follows) = match extent {
            Extent::Whole(size) => (Framing::of_request(&head.method, size), Follows::Plain),
            Extent::Streamed => (Framing::Chunked, Follows::Chunks),
        };
        let connection = match given {
            Some(value) => Connection::Value(value),
            None if upgrade => Connection::Value(b"upgrade"),
            None if head.method == Method::Connect => Connection::Absent,
            None => Connection::KeepAlive,
        };
        let lines = match is_native && head.method != Method::Connect {
            true => Lines::PassedOn { keeps_upgrade: upgrade },
            false => Lines::All,
        };
        let (bytes, inlined) = write_block(|block| {
            encode_request_head(head, framing, connection, lines, block)?;
            Ok(matches!(extent, Extent::Whole(_)) && inline(body, block))
        })?;
        let follows = if inlined { Follows::Nothing } else { follows };
        let to = Expect::from(&head.method);
        Ok((bytes, follows, RequestInfo { to, upgrade, close }))
    }
}

impl HeadWriter for RequestWriter {
    type Info = RequestInfo;

    fn write(
        &self,
        js: &Ctx<'_>,
        head: Option<&Rc<Head>>,
        extent: Extent,
        body: &Data,
    ) -> Result<(Bytes, Follows, RequestInfo), Problem> {
        if let Some(head) = head
            && let HeadKind::Request(request) = &*head.0.borrow()
        {
            return self.encode(request, true, extent, body);
        }
        let request = js::request_of(js, head)?;
        self.encode(&request, false, extent, body)
    }
}
