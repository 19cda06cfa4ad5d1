//! The server's side of a connection, whichever HTTP the client speaks: HTTP/2 when it begins with its preface, or asks for it by
//! `upgrade: h2c`; else HTTP/1. One interface for `demuxHTTP` and `serveHTTP`. Source: pipyjs/http.md section 4; RFC 9113 section 3;
//! RFC 7540 3.2 (which RFC 9113 dropped and clients did not).

use super::http_constant::Constant;
use super::http_options::HttpOptions;
use super::http_server::{Incoming, Server};
use super::http2_server::Http2Server;
use crate::data::Data;
use crate::event::{Event, Reason, Tail};
use crate::message::{Message, Whole};
use crate::pipeline::{Child, Cx, Out, Tap, Wake};
use ballast_codec::http1::RequestHead;
use std::rc::Rc;

/// What a connection that is HTTP/2 begins with; the rest of the preface is the codec's matter.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";

/// See the module.
pub(crate) struct Serving {
    options: Rc<HttpOptions>,
    http1: Server,
    http2: Option<Box<Http2Server>>,
    prefix: Prefix,
}

/// Whether a connection begins with `PREFACE`.
#[derive(Default)]
enum Prefix {
    #[default]
    Decided,
    Nothing,
    /// What may be its beginning.
    Part(Box<Data>),
}

impl Prefix {
    /// The bytes that wait, if it is not decided yet.
    fn take(&mut self) -> Option<Data> {
        match std::mem::take(self) {
            Prefix::Decided => None,
            Prefix::Nothing => Some(Data::new()),
            Prefix::Part(bytes) => Some(*bytes),
        }
    }
}

impl Serving {
    /// For a new connection.
    pub(crate) fn new(options: Rc<HttpOptions>) -> Self {
        Serving {
            http1: Server::new(options.clone()),
            options,
            http2: None,
            prefix: Prefix::Nothing,
        }
    }

    /// Back to the state of a new connection.
    pub(crate) fn reset(&mut self) {
        self.http1.reset();
        self.http2 = None;
        self.prefix = Prefix::Nothing;
    }

    /// Takes received bytes; then ask `next` until there is nothing.
    pub(crate) fn push(&mut self, cx: &Cx<'_>, data: Data, out: &Out<'_>) {
        let Some(mut bytes) = self.prefix.take() else {
            return match &mut self.http2 {
                Some(http2) => http2.push(cx, data, out),
                None => self.http1.push(cx, data, out),
            };
        };
        bytes.append(data);
        let same = bytes
            .chunks()
            .flat_map(|chunk| chunk.iter())
            .zip(PREFACE)
            .take_while(|(byte, expected)| byte == expected)
            .count();
        if same == PREFACE.len() {
            self.http2 = Some(Box::new(Http2Server::new(
                self.options.clone(),
                out.context().inbound().is_none(),
            )));
        } else if same == bytes.len() {
            self.prefix = Prefix::Part(Box::new(bytes));
            // Only to be told when the worker ends.
            return self.http1.push(cx, Data::new(), out);
        }
        self.push(cx, bytes, out);
    }

    /// Takes the end of the input; then ask `next`.
    pub(crate) fn push_end(&mut self, cx: &Cx<'_>, reason: Reason, out: &mut Out<'_>) {
        if let Some(bytes) = self.prefix.take() {
            self.http1.push(cx, bytes, out);
        }
        match &mut self.http2 {
            Some(http2) => http2.push_end(cx, reason, out),
            None => self.http1.push_end(reason, out),
        }
    }

    /// What arrived next; None when more input or a response is needed.
    pub(crate) fn next(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Option<Incoming> {
        if let Some(http2) = &mut self.http2 {
            return http2.next(cx, out);
        }
        let incoming = self.http1.next(cx, out)?;
        if let Incoming::Head(key, head) = &incoming
            && wants_h2c(head)
            && self.http1.is_alone(*key)
            && let Some(http2) = Http2Server::upgraded(self.options.clone(), head)
        {
            return self.upgrade(cx, http2, out);
        }
        Some(incoming)
    }

    fn upgrade(&mut self, cx: &mut Cx<'_>, http2: Http2Server, out: &mut Out<'_>) -> Option<Incoming> {
        // There is no body: its end is all that comes before the bytes of HTTP/2.
        while !matches!(self.http1.next(cx, out), None | Some(Incoming::End(..))) {}
        let rest = self.http1.take_rest();
        self.http1.reset();
        out.emit(Event::Data(Data::from(SWITCHING)));
        let http2 = self.http2.insert(Box::new(http2));
        http2.push(cx, rest, out);
        http2.next(cx, out)
    }

    /// The worker ends, or a newer version runs: the connection ends when nothing is under way.
    fn leave(&mut self, cx: &Cx<'_>, out: &mut Out<'_>) {
        match &mut self.http2 {
            Some(http2) => http2.leave(cx, out),
            None => self.http1.leave(cx, out),
        }
    }

    /// Takes a wake-up that is none of the filter's own.
    pub(crate) fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        match (wake, &mut self.http2) {
            (Wake::Gate, _) => self.leave(cx, out),
            (Wake::Batch, Some(http2)) => http2.pass_on(cx, out),
            (wake, Some(http2)) => http2.wake(cx, wake, out),
            _ => {}
        }
    }

    /// The source that the bytes of request `key` come from, if that is not the connection.
    pub(crate) fn source(&mut self, key: u64) -> Option<Rc<Tap>> {
        self.http2.as_mut()?.source(key)
    }

    /// The pipeline that answers a request; None when the response is complete.
    pub(crate) fn child(&mut self, key: u64) -> Option<&Child> {
        match &mut self.http2 {
            Some(http2) => http2.child(key),
            None => self.http1.child(key),
        }
    }

    /// Sets it; it is dropped with the request.
    pub(crate) fn set_child(&mut self, key: u64, child: Child) {
        match &mut self.http2 {
            Some(http2) => http2.set_child(key, child),
            None => self.http1.set_child(key, child),
        }
    }

    /// The request has gone (`Incoming::Reset`), and its pipeline was told.
    pub(crate) fn remove(&mut self, key: u64) {
        if let Some(http2) = &mut self.http2 {
            http2.remove(key);
        }
    }

    /// Takes an event of the response to request `key`; then ask `next`, for there may be room again. The first complete
    /// message counts.
    pub(crate) fn respond(&mut self, cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        match &mut self.http2 {
            Some(http2) => http2.respond(cx, key, event, out),
            None => self.http1.respond(cx, key, event, out),
        }
    }

    /// The rest of the request whose head `next` has just given, if all of it is there; of HTTP/2 it comes as events.
    pub(crate) fn rest(&mut self) -> Option<(Data, Tail)> {
        match &self.http2 {
            Some(_) => None,
            None => self.http1.rest(),
        }
    }

    /// Takes a whole response to request `key`, or gives it back; then ask `next`.
    pub(crate) fn respond_whole(
        &mut self,
        cx: &mut Cx<'_>,
        key: u64,
        message: Whole,
        out: &mut Out<'_>,
    ) -> Option<Whole> {
        match &self.http2 {
            Some(_) => Some(message),
            None => self.http1.respond_whole(cx, key, message, out),
        }
    }

    /// Gives request `key` no response: the stream, of HTTP/1 the connection, ends.
    pub(crate) fn fail(&mut self, cx: &Cx<'_>, key: u64, reason: Reason, out: &mut Out<'_>) {
        match &mut self.http2 {
            Some(http2) => http2.fail(cx, key, &reason, out),
            None => self.http1.fail(key, reason, out),
        }
    }

    /// The pending request whose key has these lower 32 bits.
    pub(crate) fn key_of(&self, tag: u32) -> Option<u64> {
        match &self.http2 {
            Some(http2) => Some(u64::from(tag)).filter(|key| http2.has(*key)),
            None => self.http1.key_of(tag),
        }
    }

    /// Answers request `key` with this message, in place of what its pipeline may have begun.
    pub(crate) fn answer(&mut self, cx: &mut Cx<'_>, key: u64, message: Message, out: &mut Out<'_>) {
        match &mut self.http2 {
            Some(http2) => http2.answer(cx, key, message, out),
            None => self.http1.answer(cx, key, message, out),
        }
    }

    /// Answers request `key`, which is complete, with a constant; false when it takes the usual way.
    pub(crate) fn answer_constant(
        &mut self,
        cx: &mut Cx<'_>,
        key: u64,
        constant: &Constant,
        out: &mut Out<'_>,
    ) -> bool {
        let Some(http2) = &mut self.http2 else {
            return self.http1.answer_constant(cx, key, constant, out);
        };
        match constant.message(cx) {
            Some(message) => {
                http2.answer(cx, key, message, out);
                true
            }
            None => false,
        }
    }

    /// Answers request `key`, whose body is still coming, with this status; it is the last one of an HTTP/1 connection.
    pub(crate) fn refuse(&mut self, cx: &mut Cx<'_>, key: u64, status: u16, out: &mut Out<'_>) {
        match &mut self.http2 {
            Some(http2) => http2.answer(cx, key, super::http_error::response(status, ""), out),
            None => self.http1.refuse(cx, key, status, out),
        }
    }
}

/// Whether this request may go on in HTTP/2. One with a body is served by HTTP/1: all of it would have to come first.
fn wants_h2c(head: &RequestHead) -> bool {
    head.headers.has_token("upgrade", "h2c")
        && head.is_upgrade()
        && head.headers.has_token("connection", "http2-settings")
        && head.headers.get_all("http2-settings").count() == 1
        && !head.headers.contains("transfer-encoding")
        && head.headers.get("content-length").is_none_or(|length| length == b"0")
}
