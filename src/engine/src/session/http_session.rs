//! The client's side of an HTTP/1 connection: a pipeline that is given encoded requests, whose output is decoded and
//! dealt to the streams that wait for it. Source: pipyjs/http.md sections 3 and 5.

use super::http_error;
use super::http_options::MuxOptions;
use super::http_pool::{Group, Key, Pool};
use super::http_request::RequestInfo;
use super::http_server::tail_of;
use super::http_wire::Opening;
use crate::data::Data;
use crate::event::{Event, Head, HeadKind, MessageEnd, MessageStart, Reason, StreamError};
use crate::js::Context;
use crate::limits;
use crate::message::Whole;
use crate::pipeline::{Args, Child, Cx, Layout, Out, Port, Sink, Wake};
use crate::value::Saved;
use ballast_codec::Chunks;
use ballast_codec::http1::{self, Expect, Frame, ResponseDecoder, ResponseHead};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

/// See the module.
pub(crate) struct Session {
    pool: Weak<Pool>,
    group: Weak<Group>,
    options: Rc<MuxOptions>,
    inner: RefCell<Inner>,
}

struct Inner {
    /// None when the session has ended.
    child: Option<Child>,
    decoder: ResponseDecoder,
    input: Chunks,
    /// Streams whose responses have not come, in the order of their requests. Bound: `maxQueue`.
    waiters: VecDeque<Waiter>,
    /// The response being read is a 1xx.
    interim: bool,
    /// May be given another request.
    reusable: bool,
    /// Requests so far; the number of the last one.
    requests: u64,
    /// When it was last used, in checks of the pool.
    used: u64,
}

struct Waiter {
    id: u64,
    /// None when the stream has gone.
    port: Option<Port>,
    info: RequestInfo,
    /// The request has been written whole.
    asked: bool,
    /// The head of the response was given out.
    started: bool,
    /// Raw bytes from here on.
    tunnel: bool,
    /// The stream holds events until its response is complete.
    wake: bool,
}

/// A stream's part in a session; dropping it closes the session unless the response is complete.
pub(crate) struct Ticket {
    session: Rc<Session>,
    id: u64,
}

struct Decoded(Weak<Session>);

impl Sink for Decoded {
    fn event(&self, cx: &mut Cx<'_>, event: Event) {
        let Some(session) = self.0.upgrade() else { return };
        match event {
            Event::Data(data) => session.received(cx, data),
            Event::StreamEnd(reason) => session.ended(cx, reason),
            Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
    }
}

/// Where a session is looked for, or how a new one is made.
pub(crate) struct Route<'a> {
    /// The sessions of the layout.
    pub pool: &'a Rc<Pool>,
    /// Which may be shared.
    pub key: &'a Key,
    /// The pipeline of a new one.
    pub layout: &'a Rc<Layout>,
    /// The key as the script gave it, if the pipeline has a use for it.
    pub start: Option<&'a Saved>,
    /// What it is made with.
    pub options: &'a Rc<MuxOptions>,
}

impl Session {
    /// A session for a request of `out`'s stream: one that has room, or a new one.
    pub(crate) fn ask(
        route: &Route<'_>,
        info: RequestInfo,
        opening: Option<&Opening>,
        cx: &mut Cx<'_>,
        out: &mut Out<'_>,
    ) -> Ticket {
        let Route {
            pool,
            key,
            layout,
            start,
            options,
        } = *route;
        let group = pool.group(key, out);
        // What may become a tunnel gets a session of its own.
        let known = if info.may_tunnel() || opening.is_some() {
            None
        } else {
            group.take(options.max_queue.min(limits::SESSION_REQUESTS))
        };
        let session = known.unwrap_or_else(|| {
            let session = Session::create(pool, &group, (layout, start), options, opening, cx, out);
            let max_queue = options.max_queue.min(limits::SESSION_REQUESTS);
            group.add(&session, if info.may_tunnel() { 1 } else { max_queue });
            session
        });
        let id = session.enqueue(info, out.port(), &group);
        Ticket { session, id }
    }

    fn create(
        pool: &Rc<Pool>,
        group: &Rc<Group>,
        (layout, start): (&Rc<Layout>, Option<&Saved>),
        options: &Rc<MuxOptions>,
        opening: Option<&Opening>,
        cx: &mut Cx<'_>,
        out: &mut Out<'_>,
    ) -> Rc<Self> {
        let session = Rc::new(Session {
            pool: Rc::downgrade(pool),
            group: Rc::downgrade(group),
            options: options.clone(),
            inner: RefCell::new(Inner {
                child: None,
                decoder: ResponseDecoder::new(options.http.limits.clone()),
                input: Chunks::new(),
                waiters: VecDeque::with_capacity(1),
                interim: false,
                reusable: true,
                requests: 0,
                used: 0,
            }),
        });
        match opening {
            None => {
                let sink = Rc::new(Decoded(Rc::downgrade(&session)));
                let child = out.spawn_to(layout, out.context(), sink, Args::of(start));
                session.inner.borrow_mut().child = Some(child);
            }
            Some(opening) => {
                let (child, wire) = opening.take();
                session.inner.borrow_mut().child = child;
                wire.belongs_to_http1(cx, &session);
            }
        }
        session
    }

    fn enqueue(self: &Rc<Self>, info: RequestInfo, port: Port, group: &Group) -> u64 {
        let inner = &mut *self.inner.borrow_mut();
        inner.requests += 1;
        inner.decoder.expect(info.to);
        inner.waiters.push_back(Waiter {
            id: inner.requests,
            port: Some(port),
            info,
            asked: false,
            started: false,
            tunnel: false,
            wake: false,
        });
        let last = self.options.http.max_messages as u64 == inner.requests;
        if last || info.close || info.may_tunnel() {
            inner.reusable = false;
            group.unshare(self);
        }
        inner.requests
    }

    /// True while requests can be written.
    pub(super) fn is_alive(&self) -> bool {
        let inner = self.inner.borrow();
        inner.child.as_ref().is_some_and(|child| !child.instance().is_ended())
    }

    /// True when another request may follow those in progress.
    pub(super) fn has_room(&self, max_queue: usize) -> bool {
        let inner = self.inner.borrow();
        let whole = inner.waiters.back().is_none_or(|last| last.asked);
        inner.reusable && whole && inner.waiters.len() < max_queue
    }

    /// True when it was unused for too long at this check.
    pub(super) fn is_over(&self, now: u64) -> bool {
        (now.saturating_sub(self.inner.borrow().used)) as f64 > self.options.max_idle
    }

    /// The context that its pipeline runs in.
    pub(super) fn context(&self) -> Option<Rc<Context>> {
        let inner = self.inner.borrow();
        inner.child.as_ref().map(|child| child.instance().context.clone())
    }

    /// Ends it; nobody waits.
    pub(super) fn close(self: &Rc<Self>) {
        let child = {
            let inner = &mut *self.inner.borrow_mut();
            inner.reusable = false;
            inner.input.clear();
            inner.child.take()
        };
        if child.is_some()
            && let Some(group) = self.group.upgrade()
        {
            group.remove(self);
            if let Some(pool) = self.pool.upgrade() {
                pool.forget(&group);
            }
        }
    }

    pub(super) fn received(self: &Rc<Self>, cx: &mut Cx<'_>, data: Data) {
        self.inner.borrow_mut().input.extend(data);
        loop {
            let next = self.inner.borrow_mut().next(cx);
            match next {
                Next::Delivered => {}
                Next::Answered => {
                    self.answered(cx);
                    // Most often that was all.
                    let inner = self.inner.borrow();
                    if inner.input.is_empty() && inner.decoder.is_idle() {
                        return;
                    }
                }
                Next::Starved => return,
                Next::Broken => return self.fail(cx, &Reason::Named(StreamError::ProtocolError), false),
            }
        }
    }

    /// The first stream has got its response.
    fn answered(self: &Rc<Self>, cx: &mut Cx<'_>) {
        let (waiter, is_unused, is_over) = {
            let inner = &mut *self.inner.borrow_mut();
            let Some(waiter) = inner.waiters.pop_front() else {
                return;
            };
            // The rest of a request that was answered early would be read as another one.
            inner.reusable &= waiter.asked;
            let is_unused = inner.waiters.is_empty();
            let is_over = !inner.reusable || self.options.max_idle <= 0.0 || cx.realm.is_retired();
            (waiter, is_unused, is_over)
        };
        if waiter.wake
            && let Some(work) = waiter.port.as_ref().and_then(|port| port.waking(Wake::Gate))
        {
            cx.realm.defer(work);
        }
        match (is_unused, self.pool.upgrade(), self.group.upgrade()) {
            (true, Some(pool), Some(group)) if !is_over => {
                self.inner.borrow_mut().used = pool.tick();
                group.put(self.clone());
                pool.watch(&cx.realm);
            }
            (true, ..) => self.close(),
            (false, _, Some(group)) if is_over => group.unshare(self),
            (false, ..) => {}
        }
    }

    pub(super) fn ended(self: &Rc<Self>, cx: &mut Cx<'_>, reason: Reason) {
        let mut complete = false;
        if reason.is_clean() {
            let inner = &mut *self.inner.borrow_mut();
            inner.reusable = false;
            if let Ok(Some(Frame::End(tail))) = inner.decoder.finish()
                && let Some(front) = inner.waiters.front_mut()
            {
                front.deliver(cx, end_of(tail));
                complete = !front.tunnel;
            }
        }
        if complete {
            self.answered(cx);
        }
        self.fail(cx, &reason, true);
    }

    /// Ends the session, and with it the streams that wait. `answer`: errors become responses.
    fn fail(self: &Rc<Self>, cx: &mut Cx<'_>, reason: &Reason, answer: bool) {
        let waiters = std::mem::take(&mut self.inner.borrow_mut().waiters);
        self.close();
        for waiter in waiters {
            let mut reason = reason.clone();
            if waiter.started && !waiter.tunnel && reason.is_clean() {
                // The response is not whole: nobody may take it for that.
                reason = Reason::Named(StreamError::ReadError);
            }
            if answer
                && !waiter.started
                && let Some(message) = http_error::response_for(&cx.js, &reason)
            {
                message.into_events().for_each(|event| waiter.deliver(cx, event));
            }
            waiter.deliver(cx, Event::StreamEnd(reason));
        }
    }
}

/// What one step of decoding led to.
enum Next {
    /// An event was given out.
    Delivered,
    /// The last event of a response was given out.
    Answered,
    /// More input is needed.
    Starved,
    /// What came is no response to any request.
    Broken,
}

impl Inner {
    fn next(&mut self, cx: &Cx<'_>) -> Next {
        let frame = self.decoder.decode(&mut self.input);
        let Some(front) = self.waiters.front_mut() else {
            // Bytes that nobody asked for, or none.
            let is_quiet = matches!(frame, Ok(None)) && self.decoder.is_idle();
            return if is_quiet { Next::Starved } else { Next::Broken };
        };
        let event = match frame {
            Ok(None) => return Next::Starved,
            Ok(Some(Frame::Head(head))) => {
                if !front.accept(&head) {
                    return Next::Broken;
                }
                self.interim = head.is_interim();
                self.reusable &= self.interim || (head.keep_alive() && !self.decoder.reads_until_eof());
                let head = HeadKind::Response(head);
                if !self.interim
                    && !front.tunnel
                    && let Some((body, tail)) = self.decoder.rest(&mut self.input)
                {
                    front.deliver_whole(
                        cx,
                        Whole {
                            head: Rc::new(Head::new(head)),
                            body: body.into(),
                            tail: tail_of(tail),
                        },
                    );
                    return Next::Answered;
                }
                Event::MessageStart(MessageStart::new(head))
            }
            Ok(Some(Frame::Body(bytes) | Frame::Raw(bytes))) => Event::Data(bytes.into()),
            Ok(Some(Frame::End(tail))) => end_of(tail),
            Err(error) => {
                tracing::debug!(target: "http", %error, "not a response");
                return Next::Broken;
            }
        };
        let is_answered = matches!(event, Event::MessageEnd(_)) && !self.interim && !front.tunnel;
        front.deliver(cx, event);
        if is_answered { Next::Answered } else { Next::Delivered }
    }
}

impl Waiter {
    /// Whether this response may follow the request.
    fn accept(&mut self, head: &ResponseHead) -> bool {
        if head.is_upgrade() && !self.info.upgrade {
            return false;
        }
        if !head.is_interim() {
            self.started = true;
            self.tunnel = head.is_upgrade() || (self.info.to == Expect::Connect && (200..300).contains(&head.status));
        }
        true
    }

    /// Outputs a whole message of the stream's mux filter, later in this turn.
    fn deliver_whole(&self, cx: &Cx<'_>, message: Whole) {
        if let Some(work) = self.port.as_ref().and_then(|port| port.output_message(message)) {
            cx.realm.defer(work);
        }
    }

    /// Outputs an event of the stream's mux filter, later in this turn.
    fn deliver(&self, cx: &Cx<'_>, event: Event) {
        if let Some(work) = self.port.as_ref().and_then(|port| port.output(event)) {
            cx.realm.defer(work);
        }
    }
}

fn end_of(tail: http1::Tail) -> Event {
    Event::MessageEnd(MessageEnd {
        tail: Some(tail_of(tail)),
        payload: None,
    })
}

impl Ticket {
    /// Writes to the session.
    pub(crate) fn send(&self, event: Event, out: &mut Out<'_>) {
        if let Some(child) = &self.session.inner.borrow().child {
            out.feed(child, event);
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Waiter) -> R) -> Option<R> {
        let mut inner = self.session.inner.borrow_mut();
        let waiter = inner.waiters.iter_mut().find(|waiter| waiter.id == self.id)?;
        Some(f(waiter))
    }

    /// The request has been written whole.
    pub(crate) fn asked(&self) {
        self.with(|waiter| waiter.asked = true);
    }

    /// True while the response is not complete.
    pub(crate) fn is_waiting(&self) -> bool {
        self.with(|_| ()).is_some()
    }

    /// True when bytes outside of messages belong to the session.
    pub(crate) fn may_tunnel(&self) -> bool {
        self.with(|waiter| waiter.info.may_tunnel()).unwrap_or(false)
    }

    /// Wakes the filter when the response is complete.
    pub(crate) fn wake_when_answered(&self) {
        self.with(|waiter| waiter.wake = true);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let is_alone = {
            let mut inner = self.session.inner.borrow_mut();
            let alone = inner.waiters.len() == 1;
            let Some(waiter) = inner.waiters.iter_mut().find(|waiter| waiter.id == self.id) else {
                return;
            };
            // Others may stand behind it: its response is read and dropped.
            waiter.port = None;
            let whole = waiter.asked;
            inner.reusable = false;
            if alone {
                inner.waiters.clear();
            }
            alone || !whole
        };
        if is_alone {
            self.session.close();
        } else if let Some(group) = self.session.group.upgrade() {
            group.unshare(&self.session);
        }
    }
}
