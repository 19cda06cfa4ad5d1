//! The server's side of an HTTP/2 connection: requests out of streams, responses into them. Not for who answers: `demuxHTTP` and
//! `serveHTTP` do, through `Serving`. Source: pipyjs/http.md sections 1, 4 and 5; repo.md 1.1 (the end after a reload); RFC 9113.

use super::http_encode::{Problem, report};
use super::http_error;
use super::http_options::HttpOptions;
use super::http_server::Incoming;
use super::http2_message::{HeadInfo, Line, Outgoing, Progress, Rest, has_other_length, itoa};
use super::http2_source::Source;
use crate::data::Data;
use crate::event::{Event, Head, HeadKind, MessageEnd, Reason, StreamError, Tail};
use crate::js;
use crate::limits;
use crate::message::Message;
use crate::pipeline::{Child, Closed, Cx, Out, Port, Realm, Tap, Task, Wake, spawn};
use ballast_codec::Chunks;
use ballast_codec::http1::{Expect, Headers, Method, RequestHead, ResponseHead};
use ballast_codec::http2::{self, Connection, ErrorCode, Role, Room, SendError, StreamId};
use bytes::Bytes;
use rquickjs::Ctx;
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Instant;

/// Sent to the filter when the tap of a stream has opened again.
struct Reopened(StreamId);

/// Sent to the filter when the client has had its time to take note of our leaving.
struct Noted;

/// One request and its response.
struct Stream {
    /// The pipeline that answers.
    child: Option<Child>,
    /// What the response is to.
    to: Expect,
    reply: Outgoing,
    source: Source,
    /// Bytes of the body so far.
    received: usize,
    /// The request is complete.
    is_read: bool,
    /// CONNECT: what came before the tunnel was granted, and its end.
    early: Data,
    early_end: bool,
    /// Who writes the response; closed while it is too much.
    writer: Option<Rc<Tap>>,
    blocked: Vec<Closed>,
    /// Bytes of frames about a connection inside of a tunnel that were written while there was no room.
    control: usize,
    /// Waits for the end of the turn.
    is_dirty: bool,
}

/// See the module.
pub(crate) struct Http2Server {
    options: Rc<HttpOptions>,
    connection: Connection,
    input: Chunks,
    streams: HashMap<StreamId, Stream>,
    arrived: VecDeque<Incoming>,
    /// Streams with something to pass on at the end of the turn.
    dirty: Vec<StreamId>,
    is_batching: bool,
    /// Pipelines whose streams have gone, until they have seen it.
    gone: Vec<Child>,
    /// The source of what was written last.
    writer: Option<Rc<Tap>>,
    /// The peer's end, held until all responses are sent.
    end: Option<Reason>,
    requests: usize,
    /// Nobody waits for more of a request any more.
    is_swept: bool,
    ended: bool,
    refilled: Instant,
    /// The source of the connection's bytes, once some have come.
    source: Option<Rc<Tap>>,
    /// The client was told that we leave; runs until it has shown that it knows.
    goodbye: Option<Task>,
}

/// The stream of a response.
struct Reply<'a> {
    connection: &'a mut Connection,
    stream: StreamId,
    to: Expect,
}

impl Http2Server {
    /// For a connection whose first bytes are the client's preface. `is_ours`: we made it, and the other side was the server so far.
    pub(super) fn new(options: Rc<HttpOptions>, is_ours: bool) -> Self {
        let mut config = options.http2.clone();
        config.max_concurrent_streams = if is_ours {
            limits::HTTP2_OWN_STREAMS
        } else {
            limits::HTTP2_STREAMS
        };
        let connection = Connection::new(Role::Server, config);
        Self::with(options, connection)
    }

    /// For one that was upgraded by this request (without a body); None when its settings are none.
    pub(super) fn upgraded(options: Rc<HttpOptions>, head: &RequestHead) -> Option<Self> {
        let settings = head.headers.get("http2-settings")?;
        let connection = Connection::upgraded(options.http2.clone(), settings).ok()?;
        let mut server = Self::with(options, connection);
        let mut head = head.clone();
        for name in ["connection", "upgrade", "http2-settings"] {
            head.headers.remove(name);
        }
        server.request(1, head, true);
        Some(server)
    }

    fn with(options: Rc<HttpOptions>, connection: Connection) -> Self {
        Http2Server {
            options,
            connection,
            input: Chunks::new(),
            streams: HashMap::new(),
            arrived: VecDeque::new(),
            dirty: Vec::new(),
            is_batching: false,
            gone: Vec::new(),
            writer: None,
            end: None,
            requests: 0,
            is_swept: false,
            ended: false,
            refilled: Instant::now(),
            source: None,
            goodbye: None,
        }
    }

    /// Takes received bytes; then ask `next` until there is nothing.
    pub(super) fn push(&mut self, cx: &Cx<'_>, data: Data, out: &Out<'_>) {
        if self.ended {
            return;
        }
        if self.source.is_none() {
            self.source.clone_from(&cx.tap);
            cx.realm.wake_at_drain(out.port(), true);
        }
        if self.refilled.elapsed() >= limits::HTTP2_REFILL {
            self.refilled = Instant::now();
            self.connection.refill();
        }
        self.input.extend(data);
        self.batch(cx, out);
    }

    /// Takes the end of the input; then ask `next`.
    pub(super) fn push_end(&mut self, cx: &Cx<'_>, reason: Reason, out: &mut Out<'_>) {
        if !reason.is_clean() {
            return self.close(reason, out);
        }
        self.end = Some(reason);
        self.batch(cx, out);
    }

    /// The worker ends, or a newer version runs: `pass_on` says so to the client.
    pub(super) fn leave(&mut self, cx: &Cx<'_>, out: &Out<'_>) {
        self.batch(cx, out);
    }

    /// Something was written, or will be: it is passed on when nothing else is left to do.
    fn batch(&mut self, cx: &Cx<'_>, out: &Out<'_>) {
        if !self.is_batching && !self.ended {
            self.is_batching = true;
            out.batch(cx);
        }
    }

    fn mark(&mut self, cx: &Cx<'_>, id: StreamId, out: &Out<'_>) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.is_dirty) {
            stream.is_dirty = true;
            self.dirty.push(id);
        }
        self.batch(cx, out);
    }

    /// What arrived next; None when more input is needed.
    pub(super) fn next(&mut self, cx: &Cx<'_>, out: &mut Out<'_>) -> Option<Incoming> {
        loop {
            if let Some(incoming) = self.arrived.pop_front() {
                return Some(incoming);
            }
            if self.ended {
                return None;
            }
            match self.connection.decode(&mut self.input) {
                Ok(Some(event)) => self.take(cx, event, out),
                Ok(None) if self.end.is_some() && !self.is_swept => self.sweep(),
                Ok(None) => return None,
                Err(error) => {
                    tracing::debug!(target: "http2", %error, "the connection ends");
                    self.streams.clear();
                    self.batch(cx, out);
                    return None;
                }
            }
        }
    }

    /// The peer says nothing any more: requests that are not complete never will be. The end of a tunnel is told on its stream.
    fn sweep(&mut self) {
        self.is_swept = true;
        let open = self.streams.iter().filter(|(_, stream)| !stream.is_read);
        self.arrived.extend(open.map(|(id, _)| Incoming::Reset(u64::from(*id))));
    }

    fn take(&mut self, cx: &Cx<'_>, event: http2::Event, out: &Out<'_>) {
        match event {
            http2::Event::Request { stream, head, end } => self.request(stream, head, end),
            http2::Event::Data { stream, bytes, end } => self.data(cx, stream, bytes, end, out),
            http2::Event::Trailers { stream, headers } => {
                if let Some(known) = self.streams.get_mut(&stream) {
                    known.is_read = true;
                    let tail = Tail::Trailers {
                        headers: Rc::new(headers),
                        body: known.received,
                    };
                    self.arrived.push_back(Incoming::End(u64::from(stream), end_of(tail)));
                }
            }
            http2::Event::Reset { stream, code, .. } => {
                tracing::debug!(target: "http2", stream, %code, "a stream was reset");
                if self.streams.contains_key(&stream) {
                    self.arrived.push_back(Incoming::Reset(u64::from(stream)));
                }
            }
            http2::Event::Room { stream } => {
                if let Some(stream) = self.streams.get_mut(&stream) {
                    stream.blocked.clear();
                    stream.control = 0;
                }
            }
            http2::Event::Response { .. }
            | http2::Event::Goaway { .. }
            | http2::Event::Pong(_)
            | http2::Event::Settings => {}
        }
    }

    fn request(&mut self, id: StreamId, head: RequestHead, end: bool) {
        self.requests += 1;
        let is_connect = head.method == Method::Connect;
        let stream = Stream {
            child: None,
            to: Expect::from(&head.method),
            reply: Outgoing::default(),
            source: Source::default(),
            received: 0,
            is_read: end,
            early: Data::new(),
            early_end: end,
            writer: None,
            blocked: Vec::new(),
            control: 0,
            is_dirty: false,
        };
        self.streams.insert(id, stream);
        if self.requests == self.options.max_messages {
            // Twice: no stream after this one is taken.
            self.connection.shutdown();
            self.connection.shutdown();
        }
        let key = u64::from(id);
        self.arrived.push_back(Incoming::Head(key, head));
        if end || is_connect {
            self.arrived
                .push_back(Incoming::End(key, end_of(Tail::Sizes { head: 0, body: 0 })));
        }
    }

    fn data(&mut self, cx: &Cx<'_>, id: StreamId, bytes: Bytes, end: bool, out: &Out<'_>) {
        let Some(stream) = self.streams.get_mut(&id) else {
            // The response was complete before: the rest is dropped.
            return self.connection.release(id, bytes.len());
        };
        let key = u64::from(id);
        let count = bytes.len();
        stream.received += count;
        stream.is_read |= end;
        if stream.to == Expect::Connect && !stream.reply.is_tunnel() {
            // Nothing is passed on while a tunnel is being decided.
            stream.early.push(bytes);
            stream.early_end = end;
            return stream.source.withhold(count);
        }
        let (port, realm) = (out.port(), Rc::downgrade(&cx.realm));
        stream.source.passed(count, &mut self.connection, id, move || {
            tell(&realm, &port, Reopened(id));
        });
        let is_tunnel = stream.reply.is_tunnel();
        if !bytes.is_empty() {
            self.arrived.push_back(match is_tunnel {
                true => Incoming::Raw(key, bytes.into()),
                false => Incoming::Body(key, bytes.into()),
            });
        }
        if end {
            let tail = Tail::Sizes {
                head: 0,
                body: stream.received,
            };
            self.arrived.push_back(match is_tunnel {
                true => Incoming::RawEnd(key, Reason::Clean),
                false => Incoming::End(key, end_of(tail)),
            });
        }
    }

    /// A message of ours to the filter.
    pub(super) fn wake(&mut self, cx: &Cx<'_>, wake: Wake, out: &Out<'_>) {
        let Wake::Message(message) = wake else { return };
        if message.is::<Noted>() {
            self.connection.shutdown();
        } else if let Ok(reopened) = message.downcast::<Reopened>()
            && let Some(stream) = self.streams.get_mut(&reopened.0)
        {
            stream.source.release(&mut self.connection, reopened.0);
        }
        self.batch(cx, out);
    }

    /// Tells the client, once, to ask elsewhere: what it has asked, or asks before it knows, is still answered.
    /// DEVIATES: upstream sends no early GOAWAY (repo.md 1.1), so a client that always has a stream open never sees the new version.
    fn say_goodbye(&mut self, cx: &Cx<'_>, out: &Out<'_>) {
        if self.goodbye.is_some() {
            return;
        }
        self.connection.shutdown();
        let (port, realm) = (out.port(), Rc::downgrade(&cx.realm));
        self.goodbye = Some(spawn(async move {
            tokio::time::sleep(limits::HTTP2_GOODBYE).await;
            tell(&realm, &port, Noted);
        }));
    }

    /// The source that the request's bytes come from.
    pub(super) fn source(&mut self, key: u64) -> Option<Rc<Tap>> {
        Some(self.stream(key)?.1.source.tap())
    }

    fn stream(&mut self, key: u64) -> Option<(StreamId, &mut Stream)> {
        let id = StreamId::try_from(key).ok()?;
        Some((id, self.streams.get_mut(&id)?))
    }

    /// The pipeline that answers a request; None when the response is complete.
    pub(super) fn child(&mut self, key: u64) -> Option<&Child> {
        self.stream(key)?.1.child.as_ref()
    }

    /// Sets it; it is dropped with the request.
    pub(super) fn set_child(&mut self, key: u64, child: Child) {
        if let Some((_, stream)) = self.stream(key) {
            stream.child = Some(child);
        }
    }

    /// The stream has gone, and its pipeline was told.
    pub(super) fn remove(&mut self, key: u64) {
        let removed = StreamId::try_from(key).ok().and_then(|id| self.streams.remove(&id));
        self.gone.extend(removed.and_then(|stream| stream.child));
    }

    /// The request with this key is pending.
    pub(super) fn has(&self, key: u64) -> bool {
        StreamId::try_from(key).is_ok_and(|id| self.streams.contains_key(&id))
    }

    /// Takes an event of the response to request `key`; then ask `next`. The first complete message counts.
    pub(super) fn respond(&mut self, cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        let Ok(id) = StreamId::try_from(key) else { return };
        let Some(stream) = self.streams.get_mut(&id).filter(|_| !self.ended) else {
            return;
        };
        let event = match event {
            Event::StreamEnd(reason) if stream.reply.is_tunnel() && reason.is_clean() => Event::StreamEnd(reason),
            Event::StreamEnd(Reason::Value(_)) if stream.reply.is_unsent() => {
                // DEVIATES: upstream resets without a word when a script threw.
                return self.answer(cx, key, http_error::response(500, ""), out);
            }
            Event::StreamEnd(reason) => return self.fail(cx, key, &reason, out),
            event => event,
        };
        if cx.is_control {
            stream.control += event.len();
        } else if matches!(event, Event::Data(_)) && cx.tap.is_some() {
            stream.writer.clone_from(&cx.tap);
            self.writer.clone_from(&cx.tap);
        }
        let mut line = Reply {
            connection: &mut self.connection,
            stream: id,
            to: stream.to,
        };
        let mut room = Room::Left;
        let progress = stream.reply.event(&cx.js, event, &mut line, &mut room);
        stream.hold_back(room);
        match progress {
            Ok(Progress::More) => self.mark(cx, id, out),
            Ok(Progress::Done) => {
                stream.source.ended(&mut self.connection, id);
                self.streams.remove(&id);
                self.batch(cx, out);
            }
            Ok(Progress::Opened) => {
                self.open_tunnel(id);
                self.batch(cx, out);
            }
            Err(problem) => self.unsendable(cx, key, problem, out),
        }
    }

    fn unsendable(&mut self, cx: &mut Cx<'_>, key: u64, problem: Problem, out: &mut Out<'_>) {
        match problem {
            // The peer has reset it: nobody waits for more.
            Problem::Http2(SendError::Closed) => self.remove(key),
            problem => {
                let reason = report(cx, out, problem);
                self.respond(cx, key, Event::StreamEnd(reason), out);
            }
        }
    }

    fn open_tunnel(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let key = u64::from(id);
        self.arrived.push_back(Incoming::Tunnel(key));
        stream.source.release(&mut self.connection, id);
        if !stream.early.is_empty() {
            self.arrived
                .push_back(Incoming::Raw(key, std::mem::take(&mut stream.early)));
        }
        if stream.early_end {
            self.arrived.push_back(Incoming::RawEnd(key, Reason::Clean));
        }
    }

    /// Gives request `key` no response, or no more of it.
    pub(super) fn fail(&mut self, cx: &Cx<'_>, key: u64, reason: &Reason, out: &Out<'_>) {
        let Ok(id) = StreamId::try_from(key) else { return };
        tracing::debug!(target: "http2", stream = id, ?reason, "no response");
        // What was cancelled behind us is cancelled before us.
        let code = match reason.code() {
            Some(StreamError::ConnectionReset) => ErrorCode::CANCEL,
            _ => ErrorCode::INTERNAL_ERROR,
        };
        self.connection.reset(id, code);
        self.streams.remove(&id);
        self.batch(cx, out);
    }

    /// Answers request `key` with this message, in place of what its pipeline may have begun.
    pub(super) fn answer(&mut self, cx: &mut Cx<'_>, key: u64, message: Message, out: &mut Out<'_>) {
        let Some((_, stream)) = self.stream(key) else { return };
        stream.child = None;
        stream.reply.forget();
        for event in message.into_events() {
            self.respond(cx, key, event, out);
        }
    }

    /// Passes on what was gathered in this turn, and ends the connection when its time has come.
    pub(super) fn pass_on(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        self.is_batching = false;
        self.gone.clear();
        if self.ended {
            return;
        }
        for id in std::mem::take(&mut self.dirty) {
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            stream.is_dirty = false;
            let mut line = Reply {
                connection: &mut self.connection,
                stream: id,
                to: stream.to,
            };
            let mut room = Room::Left;
            let passed = stream.reply.pass_on(&cx.js, &mut line, &mut room);
            stream.hold_back(room);
            if let Err(problem) = passed {
                self.unsendable(cx, u64::from(id), problem, out);
            }
        }
        if cx.realm.is_retired() {
            self.say_goodbye(cx, out);
        }
        let mut bytes = Data::new();
        let has_data = self.connection.take_output(usize::MAX, &mut bytes);
        if !bytes.is_empty() {
            match self.writer.take() {
                None if !has_data => out.emit_control(cx, Event::Data(bytes)),
                writer => out.emit_of(cx, writer, Event::Data(bytes)),
            }
        }
        if self.connection.is_finished() {
            return self.close(Reason::Clean, out);
        }
        if self.streams.is_empty()
            && let Some(reason) = self.end.take()
        {
            self.close(reason, out);
        }
    }

    /// Ends the connection; children go.
    fn close(&mut self, reason: Reason, out: &mut Out<'_>) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.goodbye = None;
        // The sending side is shut down; a client that goes on sending is not read for ever.
        if let Some(source) = self.source.take() {
            source.disown();
        }
        self.streams.clear();
        self.arrived.clear();
        self.input.clear();
        out.end(reason);
    }
}

impl Stream {
    /// The response may be more than the peer takes.
    fn hold_back(&mut self, room: Room) {
        let Room::Full = room else { return self.control = 0 };
        self.source
            .hold_back(self.writer.as_ref(), self.control, &mut self.blocked);
    }
}

/// Sends a message to the filter, from outside of a turn.
fn tell(realm: &Weak<Realm>, port: &Port, message: impl Any) {
    if let Some(realm) = realm.upgrade() {
        port.wake(&realm, Wake::Message(Box::new(message)));
    }
}

fn end_of(tail: Tail) -> MessageEnd {
    MessageEnd {
        tail: Some(tail),
        payload: None,
    }
}

impl Reply<'_> {
    fn write(&mut self, head: &ResponseHead, rest: Rest) -> Result<HeadInfo, Problem> {
        let mut info = HeadInfo {
            interim: head.is_interim(),
            tunnel: self.to == Expect::Connect && (200..300).contains(&head.status),
            ..HeadInfo::default()
        };
        info.bodiless = self.to == Expect::Head || matches!(head.status, 204 | 304) || info.tunnel;
        let Rest::Whole(size, has_trailers) = rest else {
            self.connection.send_response(self.stream, head, false)?;
            return Ok(info);
        };
        let is_empty = size == 0 && !has_trailers;
        info.ended = !info.interim && !info.tunnel && (info.bodiless || is_empty);
        if !info.bodiless && !info.interim && has_other_length(&head.headers, size) {
            let mut head = head.clone();
            head.headers.set("content-length", itoa(size).as_bytes())?;
            self.connection.send_response(self.stream, &head, info.ended)?;
        } else {
            self.connection.send_response(self.stream, head, info.ended)?;
        }
        Ok(info)
    }
}

impl Line for Reply<'_> {
    fn head(&mut self, js: &Ctx<'_>, head: Option<&Rc<Head>>, rest: Rest) -> Result<HeadInfo, Problem> {
        if let Some(head) = head
            && let HeadKind::Response(response) = &*head.0.borrow()
        {
            return self.write(response, rest);
        }
        let response = js::response_of(js, head)?;
        self.write(&response, rest)
    }

    fn data(&mut self, bytes: Bytes, end: bool) -> Result<Room, SendError> {
        self.connection.send_data(self.stream, bytes, end)
    }

    fn trailers(&mut self, headers: Headers) -> Result<(), SendError> {
        self.connection.send_trailers(self.stream, headers)
    }
}
