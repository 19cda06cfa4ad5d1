//! `toHTTP(url, options?)` of loggers: items in batches, each the body of a request, over one connection.
//! What answers say is ignored. While the server is away, connecting is tried every 5 s and items wait, up to `bufferLimit`; then
//! what waits is dropped. Traffic never waits for a log. A batch that goes into a connection which ends before it is answered (a server
//! closes an idle one just then) is sent once more. Source: pipyjs/globals.md section 9; filters.md section 3
//! (`pack`: when a batch is complete).

use super::http_agent::add;
use crate::data::Data;
use crate::event::{Event, HeadKind, MessageEnd, MessageStart, Reason, StreamError};
use crate::js::{self, Options, throw_error};
use crate::limits;
use crate::pipeline::{
    Args, Child, Cx, Instance, Layout, Leave, Module, Output, Realm, Sink, Task, Work, realm, spawn,
};
use ballast_codec::http1::{Headers, Method, RequestHead, ResponseHead};
use rquickjs::{Ctx, IntoJs, Object, Value};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

/// See the module. One a logger and thread.
pub(super) struct HttpTarget {
    realm: Weak<Realm>,
    layout: Rc<Layout>,
    head: RequestHead,
    batch: Batch,
    buffer_limit: usize,
    state: RefCell<State>,
    /// The pipeline that holds the connection.
    child: RefCell<Option<Child>>,
    /// One that has been told to end, until its server closes it.
    closing: RefCell<Option<Child>>,
    /// Connections end after what there is to send.
    leaving: Cell<bool>,
    /// Not before then is another connection opened.
    paused: Cell<Option<Instant>>,
    ticking: RefCell<Option<Task>>,
    feeding: RefCell<Option<Task>>,
    lingering: RefCell<Option<Task>>,
    me: Weak<HttpTarget>,
}

/// How batches are made.
struct Batch {
    size: usize,
    timeout: Duration,
    interval: Duration,
    prefix: Data,
    postfix: Data,
    separator: Data,
}

#[derive(Default)]
struct State {
    /// The batch under way, without its postfix.
    open: Data,
    items: usize,
    last_item: Option<Instant>,
    last_batch: Option<Instant>,
    /// Batches that no connection has taken yet.
    ready: VecDeque<Sent>,
    ready_bytes: usize,
    /// Batches that have no answer yet, oldest first; at most `bufferLimit` bytes.
    sent: VecDeque<Sent>,
    sent_bytes: usize,
    /// The answer that comes is no interim one.
    is_final: bool,
}

/// A batch, when it was given to a connection last, and whether that was the second time.
struct Sent {
    body: Data,
    at: Instant,
    again: bool,
}

impl Batch {
    fn parse<'js>(ctx: &Ctx<'js>, options: &Options<'js>) -> js::Result<Self> {
        let batch = options
            .value("batch")?
            .unwrap_or_else(|| Value::new_undefined(ctx.clone()));
        let batch = Options::new(ctx, &batch)?;
        let text = |name: &str| -> js::Result<Data> {
            let Some(value) = batch.value(name)? else {
                return Ok(Data::new());
            };
            js::value_to_data(ctx, &value)
                .ok_or_else(|| js::throw_type(ctx, &format!("options.batch.{name} expects a Data or a string")))
        };
        let time = |name: &str| -> js::Result<Duration> {
            let seconds = batch.seconds(name)?.unwrap_or(5.0);
            Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        };
        Ok(Batch {
            size: batch.number("size")?.map_or(1000, |size| size.max(1.0) as usize),
            timeout: time("timeout")?,
            interval: time("interval")?,
            prefix: text("prefix")?,
            postfix: text("postfix")?,
            separator: text("separator")?,
        })
    }
}

/// Scheme, authority and path of a URL.
fn parse_url<'a>(ctx: &Ctx<'_>, url: &'a str) -> js::Result<(bool, &'a str, &'a str)> {
    let wrong = || {
        throw_error(
            ctx,
            &format!("toHTTP: '{url}' is not a URL such as http://host:port/path"),
        )
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let is_tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(wrong()),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if authority.is_empty() {
        return Err(wrong());
    }
    let path = path.split('#').next().unwrap_or_default();
    Ok((is_tls, authority, path))
}

impl HttpTarget {
    /// Checks the options; nothing is connected before there is something to say.
    pub(super) fn new<'js>(ctx: &Ctx<'js>, url: &str, options: Option<Value<'js>>) -> js::Result<Rc<Self>> {
        let undefined = || Value::new_undefined(ctx.clone());
        let options = Options::new(ctx, &options.unwrap_or_else(undefined))?;
        let (is_tls, authority, path) = parse_url(ctx, url)?;
        let buffer_limit = options.size("bufferLimit")?.unwrap_or(limits::LOG_BUFFER_BYTES).max(1);
        let connect_options = Object::new(ctx.clone())?;
        connect_options.set("retryCount", -1)?;
        connect_options.set("retryDelay", limits::LOG_RETRY_SECONDS)?;
        connect_options.set("bufferLimit", buffer_limit as f64)?;
        let port = if is_tls { 443 } else { 80 };
        let target = super::http_agent::target(authority, port).into_js(ctx)?;
        let module = Module::new(0, "logging");
        let layout = Layout::new("toHTTP", module.clone());
        add(ctx, &layout, "encodeHTTPRequest", Vec::new(), None)?;
        let connect = vec![target, connect_options.into_value()];
        if is_tls {
            let session = Layout::new("toHTTP connect", module);
            add(ctx, &session, "connect", connect, None)?;
            let tls = options.value("tls")?.filter(Value::is_object);
            add(
                ctx,
                &layout,
                "connectTLS",
                vec![tls.unwrap_or_else(undefined)],
                Some(session),
            )?;
        } else {
            add(ctx, &layout, "connect", connect, None)?;
        }
        // To know what has been answered.
        add(ctx, &layout, "decodeHTTPResponse", Vec::new(), None)?;
        let realm = realm(ctx);
        let head = head(ctx, &options, authority, path)?;
        let batch = Batch::parse(ctx, &options)?;
        let target = Rc::new_cyclic(|me| HttpTarget {
            realm: Rc::downgrade(&realm),
            layout,
            head,
            batch,
            buffer_limit,
            state: RefCell::default(),
            child: RefCell::default(),
            closing: RefCell::default(),
            leaving: Cell::new(false),
            paused: Cell::new(None),
            ticking: RefCell::default(),
            feeding: RefCell::default(),
            lingering: RefCell::default(),
            me: me.clone(),
        });
        let weak: Weak<HttpTarget> = target.me.clone();
        realm.background.add(weak);
        Ok(target)
    }
}

/// The head of all requests.
fn head<'js>(ctx: &Ctx<'js>, options: &Options<'js>, authority: &str, path: &str) -> js::Result<RequestHead> {
    let failed = |error| throw_error(ctx, &format!("toHTTP: cannot set a header: {error}"));
    let mut headers = Headers::default();
    let mut has_host = false;
    if let Some(given) = options.value("headers")? {
        let given = given
            .into_object()
            .ok_or_else(|| js::throw_type(ctx, "options.headers expects an object"))?;
        for entry in given.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            has_host |= name.eq_ignore_ascii_case("host");
            let value = js::value_to_text(ctx, &value);
            headers.push(name.as_bytes(), value.as_bytes()).map_err(failed)?;
        }
    }
    if !has_host {
        headers.push(b"host", authority.as_bytes()).map_err(failed)?;
    }
    let method = options.string("method")?.unwrap_or_else(|| "POST".to_owned());
    let path = match path {
        path if path.starts_with('/') => path.to_owned(),
        path => format!("/{path}"),
    };
    Ok(RequestHead {
        method: Method::new(method.as_bytes()),
        target: path.into(),
        headers,
        ..RequestHead::default()
    })
}

impl HttpTarget {
    /// An item. Only kept here: what it is sent by runs later, outside of the turn of who logs.
    pub(super) fn add(&self, item: Data) {
        let mut state = self.state.borrow_mut();
        let now = Instant::now();
        let separator = if state.items == 0 {
            &self.batch.prefix
        } else {
            &self.batch.separator
        };
        state.open.append(separator.clone());
        state.open.append(item);
        state.items += 1;
        state.last_item = Some(now);
        let is_due = !self.batch.interval.is_zero()
            && state
                .last_batch
                .is_none_or(|last| now.duration_since(last) >= self.batch.interval);
        if state.items >= self.batch.size || is_due || state.open.len() >= limits::LOG_BATCH_BYTES {
            drop(state);
            self.complete();
        } else {
            drop(state);
            self.tick();
        }
    }

    /// The batch under way is complete.
    fn complete(&self) {
        let mut state = self.state.borrow_mut();
        if state.items == 0 {
            return;
        }
        let mut body = std::mem::take(&mut state.open);
        body.append(self.batch.postfix.clone());
        state.items = 0;
        state.last_batch = Some(Instant::now());
        if state.ready_bytes + body.len() > self.buffer_limit {
            state.ready.clear();
            state.ready_bytes = 0;
        }
        state.ready_bytes += body.len();
        state.ready.push_back(Sent {
            body,
            at: Instant::now(),
            again: false,
        });
        drop(state);
        self.feed_soon();
    }

    /// Looks each second whether no item came for `timeout`, while a batch is under way.
    fn tick(&self) {
        if self.batch.timeout.is_zero() || self.ticking.borrow().as_ref().is_some_and(|task| !task.is_done()) {
            return;
        }
        let me = self.me.clone();
        let task = spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let Some(target) = me.upgrade() else { return };
                let (items, last) = {
                    let state = target.state.borrow();
                    (state.items, state.last_item)
                };
                if items == 0 {
                    return;
                }
                if last.is_none_or(|last| last.elapsed() >= target.batch.timeout) {
                    target.complete();
                    return;
                }
            }
        });
        *self.ticking.borrow_mut() = Some(task);
    }

    /// Gives what is ready to the connection, in a turn of its own.
    fn feed_soon(&self) {
        if self.feeding.borrow().as_ref().is_some_and(|task| !task.is_done()) {
            return;
        }
        let me = self.me.clone();
        let pause = self
            .paused
            .get()
            .map(|until| until.saturating_duration_since(Instant::now()));
        let task = spawn(async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            tokio::task::yield_now().await;
            if let Some(target) = me.upgrade() {
                target.feed();
            }
        });
        *self.feeding.borrow_mut() = Some(task);
    }

    fn feed(&self) {
        let Some(realm) = self.realm.upgrade() else { return };
        self.paused.set(None);
        let ready = {
            let mut state = self.state.borrow_mut();
            state.ready_bytes = 0;
            std::mem::take(&mut state.ready)
        };
        if ready.is_empty() {
            return;
        }
        let mut work = Vec::new();
        let known = self.child.borrow().as_ref().map(|child| child.instance().clone());
        let instance = known.unwrap_or_else(|| {
            let output = Output::Sink(Rc::new(Answers(self.me.clone())));
            let instance = Instance::create(&realm, &self.layout, realm.scope.context(None), output, None, 0);
            *self.child.borrow_mut() = Some(Child::new(instance.clone()));
            realm.background.count(1);
            work.push(Work::Start(instance.clone(), Args::None));
            instance
        });
        let mut state = self.state.borrow_mut();
        for mut batch in ready {
            let body = batch.body.clone();
            batch.at = Instant::now();
            state.sent_bytes += body.len();
            state.sent.push_back(batch);
            for event in [
                Event::MessageStart(MessageStart::new(HeadKind::Request(self.head.clone()))),
                Event::Data(body),
                Event::MessageEnd(MessageEnd::default()),
            ] {
                work.push(Work::Input(instance.clone(), 0, event));
            }
        }
        // A server that never answers.
        while state.sent_bytes > self.buffer_limit {
            state.answered();
        }
        drop(state);
        realm.turn(None, |_, list| list.extend(work));
        if self.leaving.get() || realm.is_retired() {
            self.close(&realm);
        }
    }

    /// What went into a connection that ends is ready again, if it went just now and for the first time.
    fn take_back(&self) {
        let mut state = self.state.borrow_mut();
        state.sent_bytes = 0;
        for mut batch in std::mem::take(&mut state.sent).into_iter().rev() {
            let bytes = state.ready_bytes + batch.body.len();
            if !batch.again && batch.at.elapsed() <= limits::LOG_RESEND && bytes <= self.buffer_limit {
                batch.again = true;
                state.ready_bytes = bytes;
                state.ready.push_front(batch);
            }
        }
        let has_some = !state.ready.is_empty();
        drop(state);
        if has_some {
            self.feed_soon();
        }
    }

    /// The connection has gone, or is to go.
    fn forget(&self) {
        for child in [self.child.take(), self.closing.take()].into_iter().flatten() {
            if let Some(realm) = self.realm.upgrade() {
                realm.background.count(-1);
            }
            drop(child);
        }
    }

    /// Ends the connection after what was given to it.
    fn close(&self, realm: &Rc<Realm>) {
        let Some(child) = self.child.take() else { return };
        let end = Work::Input(child.instance().clone(), 0, Event::StreamEnd(Reason::Clean));
        let before = self.closing.replace(Some(child));
        if before.is_some() {
            realm.background.count(-1);
        }
        drop(before);
        realm.turn(None, |_, list| list.push(end));
        self.linger();
    }

    /// Lets the connection go when its server does not close it.
    fn linger(&self) {
        let me = self.me.clone();
        let task = spawn(async move {
            tokio::time::sleep(limits::DRAIN_LINGER).await;
            if let Some(target) = me.upgrade() {
                target.forget();
                // What has ended is reset in a turn.
                if let Some(realm) = target.realm.upgrade() {
                    realm.turn(None, |_, _| {});
                }
            }
        });
        *self.lingering.borrow_mut() = Some(task);
    }
}

impl Leave for HttpTarget {
    fn leave(&self, at_once: bool) {
        if at_once {
            *self.state.borrow_mut() = State::default();
            self.feeding.replace(None);
            return self.forget();
        }
        self.leaving.set(true);
        self.complete();
        let is_done = self.state.borrow().ready.is_empty();
        if is_done && let Some(realm) = self.realm.upgrade() {
            self.close(&realm);
        }
    }
}

impl State {
    /// The oldest batch has arrived.
    fn answered(&mut self) {
        match self.sent.pop_front() {
            Some(batch) => self.sent_bytes = self.sent_bytes.saturating_sub(batch.body.len()),
            None => self.sent_bytes = 0,
        }
    }
}

/// The output of the pipeline: answers, which are only counted, and its end.
struct Answers(Weak<HttpTarget>);

impl Sink for Answers {
    fn event(&self, _cx: &mut Cx<'_>, event: Event) {
        let Some(target) = self.0.upgrade() else { return };
        let reason = match event {
            Event::StreamEnd(reason) => reason,
            Event::MessageStart(start) => {
                let head = start.head.as_ref().map(|head| head.0.borrow());
                let is_interim = matches!(
                    head.as_deref(),
                    Some(HeadKind::Response(ResponseHead { status: 100..200, .. }))
                );
                target.state.borrow_mut().is_final = !is_interim;
                return;
            }
            // One that is made of an error has no tail.
            Event::MessageEnd(end) => {
                let mut state = target.state.borrow_mut();
                if end.tail.is_some() && state.is_final {
                    state.answered();
                }
                return;
            }
            Event::Data(_) => return,
        };
        target.forget();
        let is_calm = matches!(
            reason,
            Reason::Clean | Reason::Named(StreamError::IdleTimeout | StreamError::BufferOverflow)
        );
        if !is_calm {
            // A server that takes connections and breaks them is not asked in a circle.
            target.paused.set(Some(
                Instant::now() + Duration::from_secs_f64(limits::LOG_RETRY_SECONDS),
            ));
        }
        let is_full = matches!(reason, Reason::Named(StreamError::BufferOverflow));
        if is_full || target.leaving.get() {
            let mut state = target.state.borrow_mut();
            state.sent.clear();
            state.sent_bytes = 0;
        } else {
            target.take_back();
        }
    }
}
