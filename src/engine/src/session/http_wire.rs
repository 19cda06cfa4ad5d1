//! The pipeline of a `muxHTTP` session from its start on, before it is known which HTTP is spoken over it: that may depend on what its
//! TLS agrees on. Source: pipyjs/http.md section 5, option `version`.

use super::http_session::Session;
use super::http2_client::Http2Session;
use crate::data::Data;
use crate::event::{Event, Reason};
use crate::pipeline::{Args, Child, Cx, Layout, Out, Port, Realm, Sink, Wake};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

/// Where the pipeline's output goes.
pub(super) struct Wire(RefCell<Owner>);

enum Owner {
    /// Nobody yet: what has come meanwhile (a server may speak first), and why it has ended.
    None(Weak<Opening>, Data, Option<Reason>),
    Http1(Weak<Session>),
    Http2(Weak<Http2Session>),
}

/// A pipeline that has no owner yet; dropping it ends the pipeline, unless it has found one.
pub(crate) struct Opening {
    wire: Rc<Wire>,
    child: RefCell<Option<Child>>,
    /// Streams that wait until it is known what is spoken.
    waiting: RefCell<Vec<Port>>,
    realm: Weak<Realm>,
}

impl Opening {
    /// Starts the pipeline, with the key of the session.
    pub(crate) fn start(cx: &Cx<'_>, layout: &Rc<Layout>, args: Args, out: &mut Out<'_>) -> Rc<Self> {
        let opening = Rc::new_cyclic(|me| Opening {
            wire: Rc::new(Wire(RefCell::new(Owner::None(me.clone(), Data::new(), None)))),
            child: RefCell::default(),
            waiting: RefCell::default(),
            realm: Rc::downgrade(&cx.realm),
        });
        let child = out.spawn_to(layout, out.context(), opening.wire.clone(), args);
        *opening.child.borrow_mut() = Some(child);
        opening
    }

    /// Makes it connect before there is anything to send.
    pub(crate) fn nudge(&self, out: &mut Out<'_>) {
        if let Some(child) = &*self.child.borrow() {
            out.feed(child, Event::flush());
        }
    }

    /// The pipeline, for its owner, and where its output is to be claimed.
    pub(super) fn take(&self) -> (Option<Child>, Rc<Wire>) {
        (self.child.borrow_mut().take(), self.wire.clone())
    }

    /// Why it ended before it was known what is spoken.
    pub(crate) fn failure(&self) -> Option<Reason> {
        match &*self.wire.0.borrow() {
            Owner::None(_, _, reason) => reason.clone(),
            _ => None,
        }
    }

    /// Wakes the filter when it is known, or has failed.
    pub(crate) fn wait(&self, port: Port) {
        self.waiting.borrow_mut().push(port);
    }

    /// Wakes who waits.
    pub(crate) fn tell(&self) {
        let Some(realm) = self.realm.upgrade() else { return };
        for port in self.waiting.take() {
            port.wake_soon(&realm, Wake::Gate);
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.tell();
    }
}

impl Wire {
    pub(super) fn belongs_to_http1(&self, cx: &mut Cx<'_>, session: &Rc<Session>) {
        let before = self.0.replace(Owner::Http1(Rc::downgrade(session)));
        if let Owner::None(_, data, _) = before
            && !data.is_empty()
        {
            session.received(cx, data);
        }
    }

    pub(super) fn belongs_to_http2(&self, cx: &mut Cx<'_>, session: &Rc<Http2Session>) {
        let before = self.0.replace(Owner::Http2(Rc::downgrade(session)));
        if let Owner::None(_, data, _) = before
            && !data.is_empty()
        {
            session.received(cx, data);
        }
    }

    /// An event that nobody owns yet; the opening to tell of the end.
    fn keep(&self, event: Event) -> Option<Rc<Opening>> {
        let Owner::None(opening, held, end) = &mut *self.0.borrow_mut() else {
            return None;
        };
        match event {
            Event::Data(data) => held.append(data),
            Event::StreamEnd(reason) => {
                *end = Some(reason);
                return opening.upgrade();
            }
            Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
        None
    }
}

impl Sink for Wire {
    fn event(&self, cx: &mut Cx<'_>, event: Event) {
        let (http1, http2) = match &*self.0.borrow() {
            Owner::None(..) => (None, None),
            Owner::Http1(session) => (session.upgrade(), None),
            Owner::Http2(session) => (None, session.upgrade()),
        };
        match (event, http1, http2) {
            (Event::Data(data), Some(session), _) => session.received(cx, data),
            (Event::StreamEnd(reason), Some(session), _) => session.ended(cx, reason),
            (Event::Data(data), _, Some(session)) => session.received(cx, data),
            (Event::StreamEnd(reason), _, Some(session)) => session.ended(cx, &reason),
            (event, None, None) => {
                if let Some(opening) = self.keep(event) {
                    opening.tell();
                }
            }
            (Event::MessageStart(_) | Event::MessageEnd(_), ..) => {}
        }
    }
}
