//! What streams of a `mux` share: sessions by key. Not a filter of its own. Source: pipyjs/filters.md section 5.
//!
//! Streams own the session that they use; while nobody does, a task owns it until its idle time is over. The pool only
//! knows it, so that scripts of an old version are not kept alive by what nobody uses.

use crate::event::{Event, Reason};
use crate::js::{self, Context};
use crate::message::Message;
use crate::pipeline::{Args, Child, Cx, Layout, Out, Port, Realm, Sink, Task, spawn};
use crate::value::Saved;
use rquickjs::{Ctx, Value};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How often an idle session looks at the clock.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// Which streams share: those of one connection, or with an equal plain key, or with the same object.
#[derive(Clone)]
pub(super) enum Key {
    /// No key: the number of the connection, 0 without one.
    Connection(u32),
    /// A plain value, with its type.
    Plain(String, Saved),
    /// An object.
    Object(Saved),
}

impl Key {
    /// What a selector gave.
    pub(super) fn of<'js>(js: &Ctx<'js>, value: Value<'js>, context: &Context) -> Self {
        if value.is_undefined() {
            return Key::Connection(context.inbound().map_or(0, |inbound| inbound.info.id));
        }
        if value.is_object() {
            return Key::Object(Saved::new(js, value));
        }
        let text = format!("{}:{}", value.type_name(), js::value_to_text(js, &value));
        Key::Plain(text, Saved::new(js, value))
    }

    fn is(&self, js: &Ctx<'_>, other: &Key) -> bool {
        match (self, other) {
            (Key::Connection(a), Key::Connection(b)) => a == b,
            (Key::Plain(a, _), Key::Plain(b, _)) => a == b,
            (Key::Object(a), Key::Object(b)) => a.get(js) == b.get(js),
            _ => false,
        }
    }

    /// The start argument of the session.
    fn args(&self) -> Args {
        match self {
            Key::Connection(_) => Args::None,
            Key::Plain(_, value) | Key::Object(value) => Args::Values(vec![value.clone()]),
        }
    }
}

/// The sessions of one `mux` in the script.
#[derive(Default)]
pub(super) struct Pool(RefCell<Vec<Weak<Session>>>);

impl Pool {
    /// A living session with this key that less than `queue` streams use, and that has not had `messages` yet (0: any).
    pub(super) fn find(&self, js: &Ctx<'_>, key: &Key, queue: usize, messages: usize) -> Option<Rc<Session>> {
        let mut all = self.0.borrow_mut();
        all.retain(|session| session.upgrade().is_some_and(|session| !session.is_dead()));
        all.iter().filter_map(Weak::upgrade).find(|session| {
            session.load() < queue && (messages == 0 || session.messages.get() < messages) && session.key.is(js, key)
        })
    }

    /// Starts a session; it shares the context of the stream that needs it.
    pub(super) fn open(
        &self,
        cx: &Cx<'_>,
        key: &Key,
        layout: &Rc<Layout>,
        idle_seconds: f64,
        messages: usize,
        out: &mut Out<'_>,
    ) -> Rc<Session> {
        let session = Rc::new(Session {
            key: key.clone(),
            idle: Duration::try_from_secs_f64(idle_seconds).unwrap_or(Duration::MAX),
            limit: messages,
            realm: Rc::downgrade(&cx.realm),
            child: RefCell::default(),
            waiters: RefCell::default(),
            users: Cell::default(),
            messages: Cell::default(),
            dead: Cell::default(),
            rest: RefCell::default(),
        });
        let sink = Rc::new(Answers(Rc::downgrade(&session)));
        let child = out.spawn_to(layout, out.context(), sink, key.args());
        *session.child.borrow_mut() = Some(child);
        self.0.borrow_mut().push(Rc::downgrade(&session));
        session
    }
}

/// A pipeline that answers several streams.
pub(super) struct Session {
    key: Key,
    idle: Duration,
    /// Messages after which it is not used again; 0: any number.
    limit: usize,
    realm: Weak<Realm>,
    child: RefCell<Option<Child>>,
    waiters: RefCell<VecDeque<Waiter>>,
    users: Cell<usize>,
    messages: Cell<usize>,
    dead: Cell<bool>,
    rest: RefCell<Option<Task>>,
}

/// A stream that waits for an answer.
struct Waiter {
    port: Port,
    /// Messages still to come; negative: until the StreamEnd.
    left: i64,
    lease: Rc<Lease>,
}

/// A stream's use of a session, until it is answered or ends.
pub(super) struct Lease {
    session: Weak<Session>,
    held: Cell<bool>,
}

impl Lease {
    /// Gives the session back; once.
    pub(super) fn release(&self) {
        if self.held.replace(false)
            && let Some(session) = self.session.upgrade()
        {
            session.users.set(session.users.get().saturating_sub(1));
            if session.users.get() == 0 {
                session.rest();
            }
        }
    }
}

impl Session {
    /// True when it has ended.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Streams that use it, and answers that are due to streams that have gone.
    fn load(&self) -> usize {
        let waiters = self.waiters.borrow();
        self.users.get() + waiters.iter().filter(|waiter| !waiter.lease.held.get()).count()
    }

    /// Takes part.
    pub(super) fn lease(self: &Rc<Self>) -> Rc<Lease> {
        self.users.set(self.users.get() + 1);
        drop(self.rest.take());
        Rc::new(Lease {
            session: Rc::downgrade(self),
            held: Cell::new(true),
        })
    }

    /// The next `left` messages (negative: all) that nobody before waits for go to `port`, then a StreamEnd.
    pub(super) fn wait(&self, port: Port, left: i64, lease: Rc<Lease>) {
        self.waiters.borrow_mut().push_back(Waiter { port, left, lease });
    }

    /// Puts a message in.
    pub(super) fn send(&self, message: Message, out: &mut Out<'_>) {
        self.messages.set(self.messages.get() + 1);
        if let Some(child) = &*self.child.borrow() {
            for event in message.into_events() {
                out.feed(child, event);
            }
        }
    }

    /// Nobody uses it: ends it now, or when it has been idle for its time. Called in a turn.
    fn rest(self: &Rc<Self>) {
        let retired = self.realm.upgrade().is_none_or(|realm| realm.is_retired());
        if retired || self.idle.is_zero() || (self.limit > 0 && self.messages.get() >= self.limit) {
            return self.close();
        }
        let session = self.clone();
        let task = spawn(async move {
            let since = tokio::time::Instant::now();
            loop {
                let left = session.idle.saturating_sub(since.elapsed());
                let Some(realm) = session.realm.upgrade() else { return };
                if left.is_zero() || realm.is_retired() {
                    return realm.turn(None, |_, _| session.close());
                }
                drop(realm);
                tokio::time::sleep(left.min(IDLE_CHECK)).await;
            }
        });
        *self.rest.borrow_mut() = Some(task);
    }

    /// Ends it. Called in a turn.
    fn close(&self) {
        self.dead.set(true);
        self.waiters.borrow_mut().clear();
        let child = self.child.take();
        drop(child);
    }

    fn deliver(&self, realm: &Realm, event: Event) {
        let ends = matches!(event, Event::MessageEnd(_));
        let mut answered = None;
        {
            let mut waiters = self.waiters.borrow_mut();
            let Some(waiter) = waiters.front_mut() else { return };
            if let Some(work) = waiter.port.output(event) {
                realm.defer(work);
            }
            if ends && waiter.left > 0 {
                waiter.left -= 1;
                if waiter.left == 0 {
                    answered = waiters.pop_front();
                }
            }
        }
        if let Some(waiter) = answered {
            waiter.finish(realm, Reason::Clean);
        }
    }
}

impl Waiter {
    fn finish(self, realm: &Realm, reason: Reason) {
        if let Some(work) = self.port.output(Event::StreamEnd(reason)) {
            realm.defer(work);
        }
        self.lease.release();
    }
}

/// Takes what a session outputs.
struct Answers(Weak<Session>);

impl Sink for Answers {
    fn event(&self, cx: &mut Cx<'_>, event: Event) {
        let Some(session) = self.0.upgrade() else { return };
        match event {
            Event::StreamEnd(reason) => {
                session.dead.set(true);
                let waiters = session.waiters.take();
                for waiter in waiters {
                    waiter.finish(&cx.realm, reason.clone());
                }
                session.close();
            }
            event => session.deliver(&cx.realm, event),
        }
    }
}
