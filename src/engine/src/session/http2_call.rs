//! One request of an HTTP/2 session and its response. Source: pipyjs/http.md sections 3 and 5.

use super::http_encode::Problem;
use super::http_error;
use super::http2_kept::Kept;
use super::http2_message::{HeadInfo, Line, Outgoing, Rest, has_other_length, itoa};
use super::http2_source::Source;
use crate::event::{Event, Head, HeadKind, MessageEnd, Reason, StreamError, Tail};
use crate::js;
use crate::pipeline::{Closed, Cx, Port, Tap};
use ballast_codec::http1::{Expect, Headers, RequestHead};
use ballast_codec::http2::{Connection, Room, SendError, StreamId};
use bytes::Bytes;
use rquickjs::Ctx;
use std::collections::HashMap;
use std::rc::Rc;

/// One request and its response.
pub(super) struct Call {
    /// Keys are given again, this is not.
    pub(super) id: usize,
    /// None when the stream has gone.
    pub(super) port: Option<Port>,
    pub(super) stream: Option<StreamId>,
    pub(super) to: Expect,
    pub(super) request: Outgoing,
    /// The same as it was given, for another session.
    pub(super) kept: Kept,
    /// The request has been written whole.
    pub(super) asked: bool,
    /// The head of the response was given out.
    pub(super) started: bool,
    pub(super) tunnel: bool,
    pub(super) received: usize,
    pub(super) source: Source,
    /// Who writes the request; closed while it is too much.
    pub(super) writer: Option<Rc<Tap>>,
    pub(super) blocked: Vec<Closed>,
    /// Bytes of frames about a connection inside of a tunnel that were written while there was no room.
    pub(super) control: usize,
    pub(super) is_dirty: bool,
    /// The stream holds events until its response is complete.
    pub(super) wake: bool,
}

/// The stream of a request.
pub(super) struct Request<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) keys: &'a mut HashMap<StreamId, usize>,
    pub(super) key: usize,
    pub(super) stream: &'a mut Option<StreamId>,
    pub(super) to: &'a mut Expect,
}

impl Call {
    /// A request that has not begun, but was sent so often over other sessions.
    pub(super) fn new(id: usize, port: Port, times: usize) -> Self {
        Call {
            id,
            port: Some(port),
            stream: None,
            to: Expect::Other,
            request: Outgoing::default(),
            kept: Kept::sent(times),
            asked: false,
            started: false,
            tunnel: false,
            received: 0,
            source: Source::default(),
            writer: None,
            blocked: Vec::new(),
            control: 0,
            is_dirty: false,
            wake: false,
        }
    }

    /// The request is more than the server takes.
    pub(super) fn hold_back(&mut self) {
        self.source
            .hold_back(self.writer.as_ref(), self.control, &mut self.blocked);
    }

    /// Outputs an event of the stream's mux filter, later in this turn.
    pub(super) fn deliver(&self, cx: &Cx<'_>, event: Event) {
        if let Some(work) = self.port.as_ref().and_then(|port| port.output(event)) {
            cx.realm.defer(work);
        }
    }

    /// Ends the stream; without a head an error becomes a response.
    pub(super) fn fail(self, cx: &Cx<'_>, reason: &Reason) {
        let mut reason = reason.clone();
        if self.started && !self.tunnel && reason.is_clean() {
            // The response is not whole: nobody may take it for that.
            reason = Reason::Named(StreamError::ReadError);
        }
        if !self.started {
            let message = http_error::response_for(&cx.js, &reason);
            // pipyjs/http.md section 3: a clean end is 502 in HTTP/2.
            let message = message.unwrap_or_else(|| http_error::response(502, "Bad Gateway"));
            message.into_events().for_each(|event| self.deliver(cx, event));
        }
        self.deliver(cx, Event::StreamEnd(reason));
    }
}

/// The end of a message without trailers.
pub(super) fn sizes(body: usize) -> Event {
    end_of(Tail::Sizes { head: 0, body })
}

/// The end of a message.
pub(super) fn end_of(tail: Tail) -> Event {
    Event::MessageEnd(MessageEnd {
        tail: Some(tail),
        payload: None,
    })
}

impl Request<'_> {
    fn write(&mut self, head: &RequestHead, rest: Rest) -> Result<HeadInfo, Problem> {
        *self.to = Expect::from(&head.method);
        let mut info = HeadInfo {
            tunnel: *self.to == Expect::Connect,
            ..HeadInfo::default()
        };
        info.bodiless = info.tunnel;
        let stream = match rest {
            Rest::Open => self.connection.send_request(head, false)?,
            Rest::Whole(size, has_trailers) => {
                info.ended = !info.tunnel && size == 0 && !has_trailers;
                if has_other_length(&head.headers, size) {
                    let mut head = head.clone();
                    head.headers.set("content-length", itoa(size).as_bytes())?;
                    self.connection.send_request(&head, info.ended)?
                } else {
                    self.connection.send_request(head, info.ended)?
                }
            }
        };
        *self.stream = Some(stream);
        self.keys.insert(stream, self.key);
        Ok(info)
    }
}

impl Line for Request<'_> {
    fn head(&mut self, js: &Ctx<'_>, head: Option<&Rc<Head>>, rest: Rest) -> Result<HeadInfo, Problem> {
        if let Some(head) = head
            && let HeadKind::Request(request) = &*head.0.borrow()
        {
            return self.write(request, rest);
        }
        let request = js::request_of(js, head)?;
        self.write(&request, rest)
    }

    fn data(&mut self, bytes: Bytes, end: bool) -> Result<Room, SendError> {
        match *self.stream {
            Some(stream) => self.connection.send_data(stream, bytes, end),
            None => Err(SendError::Closed),
        }
    }

    fn trailers(&mut self, headers: Headers) -> Result<(), SendError> {
        match *self.stream {
            Some(stream) => self.connection.send_trailers(stream, headers),
            None => Err(SendError::Closed),
        }
    }
}
