//! The head of a response: framing, `connection`, tunnels, the end of keep-alive. Source: pipyjs/http.md section 3;
//! RFC 9112 6.1, 9.3; RFC 9110 6.2, 8.6.

use super::http_encode::{Extent, Follows, HeadWriter, Problem, inline, write_block};
use crate::data::Data;
use crate::event::{Head, HeadKind};
use crate::js;
use ballast_codec::http1::{
    Connection, Expect, Framing, Lines, RequestHead, ResponseHead, Version, encode_response_head,
};
use bytes::Bytes;
use rquickjs::Ctx;
use std::rc::Rc;

/// What the request means for its response.
#[derive(Clone, Copy)]
pub(crate) struct ResponseWriter {
    /// HEAD and CONNECT are answered in their own way.
    pub to: Expect,
    /// The request asked for WebSocket.
    pub upgrade: bool,
    /// The peer speaks HTTP/1.0: it knows no chunks.
    pub is_http10: bool,
    /// The connection closes after this response.
    pub is_last: bool,
    /// The head's own version is sent (codec filters); else ours, which is 1.1 (RFC 9110 6.2).
    pub keep_version: bool,
}

impl Default for ResponseWriter {
    fn default() -> Self {
        ResponseWriter {
            to: Expect::Other,
            upgrade: false,
            is_http10: false,
            is_last: false,
            keep_version: true,
        }
    }
}

/// What a response head means for the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResponseInfo {
    /// It closes after the message.
    pub close: bool,
    /// It becomes a tunnel.
    pub tunnel: bool,
    /// 1xx: another response follows.
    pub interim: bool,
}

/// Who has made a head.
#[derive(Clone, Copy)]
enum Given<'a> {
    /// A peer: it is passed on.
    Native,
    /// A script, with this `connection`.
    Script(Option<&'a [u8]>),
}

impl ResponseWriter {
    /// For the response to a request of HTTP/1.1 that lets the connection stay.
    pub(super) fn to_plain() -> Self {
        ResponseWriter {
            keep_version: false,
            ..ResponseWriter::default()
        }
    }

    /// Whether it is as [`ResponseWriter::to_plain`] says.
    pub(super) fn is_plain(&self) -> bool {
        self.to == Expect::Other && !(self.upgrade || self.is_http10 || self.is_last || self.keep_version)
    }

    /// For the response to this request.
    pub(crate) fn to_request(head: &RequestHead) -> Self {
        ResponseWriter {
            to: Expect::from(&head.method),
            upgrade: head.is_upgrade() && is_websocket(head.headers.get("upgrade")),
            is_http10: head.version == Version::Http10,
            is_last: !head.keep_alive(),
            keep_version: false,
        }
    }

    fn encode(
        &self,
        head: &ResponseHead,
        given: Given<'_>,
        extent: Extent,
        body: &Data,
    ) -> Result<(Bytes, Follows, ResponseInfo), Problem> {
        if head.version == Version::Http10 && !self.keep_version {
            let head = ResponseHead {
                version: Version::Http11,
                ..head.clone()
            };
            return self.encode(&head, given, extent, body);
        }
        let (given, lines) = match given {
            Given::Native => {
                let keeps_upgrade = head.passes_upgrade();
                (None, Lines::PassedOn { keeps_upgrade })
            }
            Given::Script(connection) => (connection, Lines::All),
        };
        let to_head = self.to == Expect::Head;
        let tunnel = match self.to {
            Expect::Connect => (200..300).contains(&head.status),
            _ => self.upgrade && head.is_upgrade(),
        };
        let interim = head.is_interim();
        let bodiless = matches!(head.status, 100..200 | 204 | 304) || tunnel;
        // DEVIATES: upstream sends chunks to HTTP/1.0 too (RFC 9112 section 6.1 forbids it).
        let until_close = extent == Extent::Streamed && self.is_http10 && !bodiless && !to_head;
        let closes_given = given.is_some_and(|value| has_token(value, b"close"));
        let stray_upgrade = head.is_upgrade() && !tunnel && !self.keep_version;
        let close = !tunnel && !interim && (self.is_last || until_close || closes_given || stray_upgrade);
        let (framing, follows) = match extent {
            _ if bodiless => (Framing::Absent, Follows::Nothing),
            // A chunked original tells no length: neither do we, rather than a wrong one.
            Extent::Whole(0) if to_head && head.headers.contains("transfer-encoding") => {
                (Framing::Absent, Follows::Nothing)
            }
            Extent::Whole(size) => {
                let follows = if to_head { Follows::Nothing } else { Follows::Plain };
                (Framing::of_response(head, to_head, size), follows)
            }
            Extent::Streamed if to_head => (Framing::Given, Follows::Nothing),
            Extent::Streamed if until_close => (Framing::Absent, Follows::Plain),
            Extent::Streamed => (Framing::Chunked, Follows::Chunks),
        };
        let connection = match given {
            Some(value) if tunnel && self.upgrade && has_token(value, b"upgrade") => Connection::Value(value),
            _ if tunnel && self.upgrade => Connection::Value(b"upgrade"),
            _ if tunnel || interim => Connection::Absent,
            _ if close => Connection::Close,
            Some(value) => Connection::Value(value),
            None => Connection::KeepAlive,
        };
        let whole = matches!(extent, Extent::Whole(_)) && follows == Follows::Plain;
        let (bytes, inlined) = write_block(|block| {
            encode_response_head(head, framing, connection, lines, block)?;
            Ok(whole && inline(body, block))
        })?;
        let follows = if inlined { Follows::Nothing } else { follows };
        let info = ResponseInfo { close, tunnel, interim };
        Ok((bytes, follows, info))
    }
}

impl HeadWriter for ResponseWriter {
    type Info = ResponseInfo;

    fn write(
        &self,
        js: &Ctx<'_>,
        head: Option<&Rc<Head>>,
        extent: Extent,
        body: &Data,
    ) -> Result<(Bytes, Follows, ResponseInfo), Problem> {
        if let Some(head) = head
            && let HeadKind::Response(response) = &*head.0.borrow()
        {
            // `connection` of a decoded head was meant for us, not for the next hop.
            return self.encode(response, Given::Native, extent, body);
        }
        let response = js::response_of(js, head)?;
        self.encode(
            &response,
            Given::Script(response.headers.get("connection")),
            extent,
            body,
        )
    }

    fn drops_body(&self) -> bool {
        self.to == Expect::Head
    }
}

/// Whether a comma-separated list has `token`, without regard to case.
pub(super) fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|byte| *byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// Whether an `upgrade` header asks for WebSocket, perhaps among others: whoever answers chooses.
fn is_websocket(upgrade: Option<&[u8]>) -> bool {
    upgrade.is_some_and(|list| has_token(list, b"websocket"))
}
