//! The client's side of an HTTP/2 connection: a pipeline that many streams share, each with a request and its response.
//! Source: pipyjs/http.md sections 3 and 5; RFC 9113.

use super::http_encode::Problem;
use super::http_options::MuxOptions;
use super::http_pool::Key;
use super::http_pool::{Group, Pool};
use super::http_wire::Opening;
use super::http2_call::{Call, Request, end_of, sizes};
use super::http2_kept::{Cause, Refused};
use super::http2_message::Progress;
use crate::data::Data;
use crate::event::{Event, HeadKind, MessageEnd, MessageStart, Reason, StreamError, Tail};
use crate::js::{self, Context};
use crate::limits;
use crate::pipeline::{Batch, Child, Cx, Out, Port, Realm, Tap, Wake, Work};
use crate::value::Saved;
use ballast_codec::Chunks;
use ballast_codec::http1::Expect;
use ballast_codec::http2::{self, Connection, ErrorCode, Role, Room, StreamId};
use bytes::Bytes;
use slab::Slab;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Instant;

/// See the module.
pub(crate) struct Http2Session {
    pool: Weak<Pool>,
    group: Weak<Group>,
    pub(super) realm: Weak<Realm>,
    pub(super) options: Rc<MuxOptions>,
    pub(super) inner: RefCell<Inner>,
    pub(super) me: Weak<Http2Session>,
}

/// The state of a session.
pub(super) struct Inner {
    /// None when the session has ended.
    pub(super) child: Option<Child>,
    pub(super) connection: Connection,
    input: Chunks,
    pub(super) calls: Slab<Call>,
    /// Calls by stream, once their heads have been sent.
    pub(super) keys: HashMap<StreamId, usize>,
    dirty: Vec<usize>,
    is_batching: bool,
    /// Takes no further requests.
    pub(super) is_leaving: bool,
    /// The server said goodbye; and had taken some requests before.
    is_told_goodbye: bool,
    pub(super) has_served: bool,
    /// Requests that are to be sent again, by the number of their call.
    pub(super) refused: HashMap<usize, Refused>,
    /// Requests that the server has refused since it last answered one.
    pub(super) refusals: usize,
    requests: usize,
    /// The source of what was written last.
    writer: Option<Rc<Tap>>,
    /// When it was last used, in checks of the pool.
    used: u64,
    /// What a promise gave to send as a PING.
    pub(super) ping: Option<Saved>,
    refilled: Instant,
}

/// A stream's part in a session; dropping it resets the stream unless the response is complete.
pub(crate) struct Call2 {
    pub(super) session: Rc<Http2Session>,
    key: usize,
    pub(super) id: usize,
}

impl Http2Session {
    /// A session that has room for a request, if there is one.
    pub(crate) fn find(pool: &Rc<Pool>, key: &Key, options: &MuxOptions, out: &Out<'_>) -> Option<Rc<Self>> {
        pool.group(key, out).take_http2(options.max_queue)
    }

    /// A session over a pipeline that was started.
    pub(crate) fn create(
        pool: &Rc<Pool>,
        key: &Key,
        options: &Rc<MuxOptions>,
        opening: &Opening,
        cx: &mut Cx<'_>,
        out: &Out<'_>,
    ) -> Rc<Self> {
        let group = pool.group(key, out);
        let (child, wire) = opening.take();
        let session = Rc::new_cyclic(|me: &Weak<Http2Session>| Http2Session {
            pool: Rc::downgrade(pool),
            group: Rc::downgrade(&group),
            realm: Rc::downgrade(&cx.realm),
            options: options.clone(),
            inner: RefCell::new(Inner {
                child,
                connection: Connection::new(Role::Client, options.http.http2.clone()),
                input: Chunks::new(),
                calls: Slab::new(),
                keys: HashMap::new(),
                dirty: Vec::new(),
                is_batching: false,
                is_leaving: false,
                is_told_goodbye: false,
                has_served: false,
                refused: HashMap::new(),
                refusals: 0,
                requests: 0,
                writer: None,
                used: 0,
                ping: None,
                refilled: Instant::now(),
            }),
            me: me.clone(),
        });
        group.add_http2(&session);
        session.batch(&mut session.inner.borrow_mut());
        wire.belongs_to_http2(cx, &session);
        session.ask_for_ping(cx, None);
        session
    }

    /// Starts a request, which was sent so often over other sessions.
    pub(crate) fn ask(self: &Rc<Self>, port: Port, times: usize) -> Call2 {
        let inner = &mut *self.inner.borrow_mut();
        inner.requests += 1;
        let id = inner.requests;
        let key = inner.calls.insert(Call::new(id, port, times));
        if self.options.http.max_messages == inner.requests {
            inner.is_leaving = true;
        }
        Call2 {
            session: self.clone(),
            key,
            id,
        }
    }

    /// True when another request may be made.
    pub(super) fn has_room(&self, max_queue: usize) -> bool {
        let inner = self.inner.borrow();
        let is_alive = inner.child.as_ref().is_some_and(|child| !child.instance().is_ended());
        let most = max_queue
            .min(limits::HTTP2_SESSION_STREAMS)
            .min(inner.connection.max_streams() as usize);
        is_alive && !inner.is_leaving && inner.connection.can_open() && inner.calls.len() < most
    }

    /// True when it has no request, and was unused for too long at this check.
    pub(super) fn is_over(&self, now: u64) -> bool {
        let inner = self.inner.borrow();
        inner.calls.is_empty() && (now.saturating_sub(inner.used)) as f64 > self.options.max_idle
    }

    /// True when it has no request.
    pub(super) fn is_unused(&self) -> bool {
        self.inner.borrow().calls.is_empty()
    }

    /// The context that its pipeline runs in.
    pub(super) fn context(&self) -> Option<Rc<Context>> {
        let inner = self.inner.borrow();
        inner.child.as_ref().map(|child| child.instance().context.clone())
    }

    /// Ends it.
    pub(super) fn close(self: &Rc<Self>) {
        let child = {
            let inner = &mut *self.inner.borrow_mut();
            inner.is_leaving = true;
            inner.input.clear();
            inner.child.take()
        };
        if child.is_some()
            && let Some(group) = self.group.upgrade()
        {
            group.remove_http2(self);
            if let Some(pool) = self.pool.upgrade() {
                pool.forget(&group);
            }
        }
    }

    pub(super) fn batch(&self, inner: &mut Inner) {
        if !inner.is_batching
            && inner.child.is_some()
            && let (Some(realm), Some(me)) = (self.realm.upgrade(), self.me.upgrade())
        {
            inner.is_batching = true;
            realm.batch(Work::Batch(me));
        }
    }

    /// Bytes of the server.
    pub(super) fn received(self: &Rc<Self>, cx: &mut Cx<'_>, data: Data) {
        let ping = {
            let inner = &mut *self.inner.borrow_mut();
            if inner.refilled.elapsed() >= limits::HTTP2_REFILL {
                inner.refilled = Instant::now();
                inner.connection.refill();
            }
            inner.input.extend(data);
            self.batch(inner);
            inner.ping.take()
        };
        if let Some(ping) = ping {
            let value = ping.get(&cx.js);
            self.ping(cx, &value);
        }
        self.decode(cx);
    }

    fn decode(self: &Rc<Self>, cx: &mut Cx<'_>) {
        loop {
            let event = {
                let inner = &mut *self.inner.borrow_mut();
                inner.connection.decode(&mut inner.input)
            };
            match event {
                Ok(None) => return,
                Ok(Some(http2::Event::Pong(payload))) => {
                    self.ask_for_ping(cx, Some(payload));
                }
                Ok(Some(event)) => self.take(cx, event),
                Err(error) => {
                    tracing::debug!(target: "http2", %error, "the session ends");
                    return self.fail(cx, &Reason::Named(StreamError::ProtocolError));
                }
            }
        }
    }

    fn take(self: &Rc<Self>, cx: &mut Cx<'_>, event: http2::Event) {
        let inner = &mut *self.inner.borrow_mut();
        match event {
            http2::Event::Response { stream, head, end } => {
                inner.refusals = 0;
                let Some(call) = inner.call(stream) else { return };
                let interim = head.is_interim();
                if !interim {
                    call.started = true;
                    call.kept.forget();
                    call.tunnel = call.to == Expect::Connect && (200..300).contains(&head.status);
                }
                let is_tunnel = call.tunnel;
                call.deliver(cx, Event::MessageStart(MessageStart::new(HeadKind::Response(head))));
                if interim || is_tunnel {
                    call.deliver(cx, Event::MessageEnd(MessageEnd::default()));
                }
                match (end, is_tunnel) {
                    (true, true) => self.finished(cx, inner, stream, Event::end()),
                    (true, false) => self.finished(cx, inner, stream, sizes(0)),
                    (false, _) => {}
                }
            }
            http2::Event::Data { stream, bytes, end } => {
                self.data(cx, inner, stream, bytes);
                if end && let Some(call) = inner.call(stream) {
                    let last = if call.tunnel {
                        Event::end()
                    } else {
                        sizes(call.received)
                    };
                    self.finished(cx, inner, stream, last);
                }
            }
            http2::Event::Trailers { stream, headers } => {
                let Some(call) = inner.call(stream) else { return };
                let tail = Tail::Trailers {
                    headers: Rc::new(headers),
                    body: call.received,
                };
                self.finished(cx, inner, stream, end_of(tail));
            }
            http2::Event::Reset { stream, code, by_peer } => {
                tracing::debug!(target: "http2", stream, %code, "a stream was reset");
                if let Some(key) = inner.keys.remove(&stream) {
                    let call = inner.calls.remove(key);
                    let reason = Reason::Named(StreamError::ConnectionReset);
                    if code == ErrorCode::CANCEL {
                        // DEVIATES: upstream answers 502 here too. Who cancelled wants no answer: a gRPC server whose client's
                        // deadline is over does this, and the client is to see what it would see without us.
                        call.deliver(cx, Event::StreamEnd(reason));
                    } else if code == ErrorCode::REFUSED_STREAM && by_peer {
                        // Those beyond the last stream of a goodbye, too.
                        let cause = if inner.is_told_goodbye {
                            Cause::Goodbye
                        } else {
                            Cause::Reset
                        };
                        self.refuse(cx, inner, call, cause);
                    } else {
                        call.fail(cx, &reason);
                    }
                    self.rest(cx, inner);
                }
            }
            http2::Event::Goaway { code, last } => {
                tracing::debug!(target: "http2", %code, "the server says goodbye");
                inner.is_leaving = true;
                inner.is_told_goodbye = true;
                inner.has_served |= last > 0;
                self.rest(cx, inner);
            }
            http2::Event::Room { stream } => {
                if let Some(call) = inner.call(stream) {
                    call.blocked.clear();
                    call.control = 0;
                }
            }
            http2::Event::Request { .. } | http2::Event::Pong(_) | http2::Event::Settings => {}
        }
    }

    fn data(self: &Rc<Self>, cx: &Cx<'_>, inner: &mut Inner, stream: StreamId, bytes: Bytes) {
        let key = inner.keys.get(&stream).copied();
        let Some(call) = key.and_then(|key| inner.calls.get_mut(key)) else {
            return inner.connection.release(stream, bytes.len());
        };
        call.received += bytes.len();
        let session = self.me.clone();
        call.source.passed(bytes.len(), &mut inner.connection, stream, move || {
            if let Some(session) = session.upgrade() {
                session.reopened(stream);
            }
        });
        if bytes.is_empty() {
            return;
        }
        // Who cannot take more of it stops this stream alone.
        cx.realm.defer(Work::Source(Some(call.source.tap())));
        call.deliver(cx, Event::Data(bytes.into()));
        cx.realm.defer(Work::Source(cx.tap.clone()));
    }

    /// The tap of a stream has opened again. In no turn.
    fn reopened(self: &Rc<Self>, stream: StreamId) {
        let Some(realm) = self.realm.upgrade() else { return };
        realm.turn(None, |_, _| {
            let inner = &mut *self.inner.borrow_mut();
            let key = inner.keys.get(&stream).copied();
            if let Some(call) = key.and_then(|key| inner.calls.get_mut(key)) {
                call.source.release(&mut inner.connection, stream);
                self.batch(inner);
            }
        });
    }

    /// The response is complete.
    fn finished(self: &Rc<Self>, cx: &Cx<'_>, inner: &mut Inner, stream: StreamId, last: Event) {
        let Some(key) = inner.keys.remove(&stream) else { return };
        let mut call = inner.calls.remove(key);
        call.source.ended(&mut inner.connection, stream);
        call.deliver(cx, last);
        if !call.request.is_done() {
            // Answered early: the rest of the request is not wanted.
            inner.connection.reset(stream, ErrorCode::CANCEL);
        }
        if call.wake
            && let Some(work) = call.port.as_ref().and_then(|port| port.waking(Wake::Gate))
        {
            cx.realm.defer(work);
        }
        self.rest(cx, inner);
    }

    /// A stream has ended: the session may be unused now.
    pub(super) fn rest(self: &Rc<Self>, cx: &Cx<'_>, inner: &mut Inner) {
        self.batch(inner);
        if !inner.calls.is_empty() {
            return;
        }
        self.unused(&cx.realm, inner);
    }

    /// It has no call: it waits for the next one, or says its last.
    fn unused(&self, realm: &Rc<Realm>, inner: &mut Inner) {
        match self.pool.upgrade() {
            Some(pool) if !inner.is_leaving && self.options.max_idle > 0.0 && !realm.is_retired() => {
                inner.used = pool.tick();
                pool.watch(realm);
            }
            _ => {
                inner.is_leaving = true;
                inner.connection.shutdown();
            }
        }
    }

    /// The pipeline has ended.
    pub(super) fn ended(self: &Rc<Self>, cx: &mut Cx<'_>, reason: &Reason) {
        self.fail(cx, reason);
        self.close();
    }

    /// Fails all calls; the session takes no more.
    fn fail(self: &Rc<Self>, cx: &mut Cx<'_>, reason: &Reason) {
        let calls = {
            let inner = &mut *self.inner.borrow_mut();
            inner.is_leaving = true;
            inner.keys.clear();
            self.batch(inner);
            std::mem::take(&mut inner.calls)
        };
        for (_, call) in calls {
            let inner = &mut *self.inner.borrow_mut();
            if inner.has_served && call.stream.is_none() {
                self.refuse(cx, inner, call, Cause::Goodbye);
            } else {
                call.fail(cx, reason);
            }
        }
    }
}

impl Batch for Http2Session {
    fn pass_on(self: Rc<Self>, cx: &mut Cx<'_>, work: &mut Vec<Work>) {
        let dirty = {
            let inner = &mut *self.inner.borrow_mut();
            inner.is_batching = false;
            std::mem::take(&mut inner.dirty)
        };
        for key in dirty {
            if let Some(call) = self.inner.borrow_mut().calls.get_mut(key) {
                call.is_dirty = false;
            }
            if let Err(problem) = self.send(cx, key, None) {
                self.unsendable(cx, key, problem);
            }
        }
        self.write(cx, work);
        // What was written may have made room.
        self.decode(cx);
    }
}

impl Http2Session {
    /// Gives the output to the pipeline, and ends it when all is said.
    fn write(self: &Rc<Self>, cx: &mut Cx<'_>, work: &mut Vec<Work>) {
        let inner = &mut *self.inner.borrow_mut();
        let mut bytes = Data::new();
        let has_data = inner.connection.take_output(usize::MAX, &mut bytes);
        let is_finished = inner.connection.is_finished() && inner.calls.is_empty();
        let Some(child) = &inner.child else { return };
        if !bytes.is_empty() {
            work.push(match inner.writer.take() {
                None if !has_data => Work::Control,
                // None: data that waited for the server has no source any more.
                writer => Work::Source(writer),
            });
            work.push(Work::Input(child.instance().clone(), 0, Event::Data(bytes)));
            work.push(Work::Source(cx.tap.clone()));
        }
        if is_finished {
            work.push(Work::Input(child.instance().clone(), 0, Event::end()));
            // Once that has been passed on, the pipeline is dropped.
            cx.realm.batch(Work::Batch(Rc::new(Closing(self.me.clone()))));
        }
    }
}

/// Drops the pipeline of a session that has said its last.
struct Closing(Weak<Http2Session>);

impl Batch for Closing {
    fn pass_on(self: Rc<Self>, _cx: &mut Cx<'_>, _work: &mut Vec<Work>) {
        if let Some(session) = self.0.upgrade() {
            session.close();
        }
    }
}

impl Http2Session {
    /// Writes an event of a request; None: what was gathered.
    fn send(self: &Rc<Self>, cx: &mut Cx<'_>, key: usize, event: Option<Event>) -> Result<Progress, Problem> {
        // Taken out: a head may be a script's object with getters, and nothing is borrowed while scripts run.
        let taken = self
            .inner
            .borrow_mut()
            .calls
            .get_mut(key)
            .map(|call| std::mem::take(&mut call.request));
        let Some(mut request) = taken else {
            return Ok(Progress::Done);
        };
        let resolved = request.resolve(|head| js::request_of(&cx.js, head).map(HeadKind::Request));
        let inner = &mut *self.inner.borrow_mut();
        let Some(call) = inner.calls.get_mut(key) else {
            return Ok(Progress::Done);
        };
        resolved?;
        let mut line = Request {
            connection: &mut inner.connection,
            keys: &mut inner.keys,
            key,
            stream: &mut call.stream,
            to: &mut call.to,
        };
        let mut room = Room::Left;
        let result = match event {
            Some(event) => request.event(&cx.js, event, &mut line, &mut room),
            None => request.pass_on(&cx.js, &mut line, &mut room).map(|()| Progress::More),
        };
        call.request = request;
        if room == Room::Full {
            call.hold_back();
        } else {
            call.control = 0;
        }
        result
    }
}

impl Inner {
    fn call(&mut self, stream: StreamId) -> Option<&mut Call> {
        self.calls.get_mut(*self.keys.get(&stream)?)
    }
}

impl Call2 {
    /// Takes an event of the request, or of the tunnel.
    pub(crate) fn send(&self, cx: &mut Cx<'_>, event: Event) {
        {
            let inner = &mut *self.session.inner.borrow_mut();
            let call = inner.calls.get_mut(self.key).filter(|call| call.id == self.id);
            let Some(call) = call else { return };
            if cx.is_control {
                call.control += event.len();
            } else if matches!(event, Event::Data(_)) && cx.tap.is_some() {
                call.writer.clone_from(&cx.tap);
                inner.writer.clone_from(&cx.tap);
            }
            call.kept.add(&event);
            call.asked |= matches!(event, Event::MessageEnd(_));
            if !call.is_dirty {
                call.is_dirty = true;
                inner.dirty.push(self.key);
            }
            self.session.batch(inner);
        }
        if let Err(problem) = self.session.send(cx, self.key, Some(event)) {
            self.session.unsendable(cx, self.key, problem);
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Call) -> R) -> Option<R> {
        let mut inner = self.session.inner.borrow_mut();
        inner.calls.get_mut(self.key).filter(|call| call.id == self.id).map(f)
    }

    /// True while the request is not complete, or a tunnel is open.
    pub(crate) fn takes_more(&self) -> bool {
        self.with(|call| !call.asked || call.to == Expect::Connect)
            .unwrap_or(false)
    }

    /// True while the response is not complete, or the request is not to be sent again yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.with(|_| ()).is_some() || self.is_resting()
    }

    /// True when bytes outside of messages belong to the stream.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.with(|call| call.asked && call.to == Expect::Connect)
            .unwrap_or(false)
    }

    /// Wakes the filter when the response is complete.
    pub(crate) fn wake_when_answered(&self) {
        self.with(|call| call.wake = true);
    }
}

impl Drop for Call2 {
    fn drop(&mut self) {
        let inner = &mut *self.session.inner.borrow_mut();
        inner.refused.remove(&self.id);
        if inner.calls.get(self.key).is_some_and(|call| call.id == self.id) {
            let call = inner.calls.remove(self.key);
            if let Some(stream) = call.stream {
                inner.keys.remove(&stream);
                inner.connection.reset(stream, ErrorCode::CANCEL);
            }
            self.session.batch(inner);
            if inner.calls.is_empty()
                && let Some(realm) = self.session.realm.upgrade()
            {
                self.session.unused(&realm, inner);
            }
        }
    }
}
