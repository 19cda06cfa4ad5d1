//! `new Timeout(seconds)`: `wait()`, `cancel()`, `restart(seconds?)`. Source: pipyjs/globals.md section 11.

use crate::js::{self, Deferred, seconds_of, throw_error, throw_type};
use crate::pipeline::{Realm, Task, realm, spawn};
use crate::value::Saved;
use rquickjs::class::Trace;
use rquickjs::prelude::{Opt, This};
use rquickjs::{Class, Ctx, JsLifetime, Promise, Value};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let stored = ctx.store_userdata(Timers::default());
    debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
    super::embedded::define_bound::<Timeout>(ctx, &ctx.globals())
}

/// Number of pending timers of a realm.
#[derive(Clone, Default, JsLifetime)]
struct Timers(Rc<Cell<usize>>);

/// What scripts hold.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Timeout {
    #[qjs(skip_trace)]
    timer: Rc<Timer>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Due,
    Cancelled,
}

struct Timer {
    realm: Weak<Realm>,
    pending: Rc<Cell<usize>>,
    seconds: Cell<f64>,
    state: Cell<State>,
    /// It was started on behalf of a connection, which may wait for it.
    is_asked_for: Cell<bool>,
    waits: RefCell<Vec<Deferred>>,
    /// The script's object, kept from the first `wait` on: what the promises are settled with.
    object: RefCell<Option<Saved>>,
    task: RefCell<Option<Task>>,
}

impl Timer {
    /// Starts to run; at most `ScriptLimits::timers` do at a time.
    fn start(self: &Rc<Self>, ctx: &Ctx<'_>) -> js::Result<()> {
        self.stop(State::Cancelled);
        let limit = realm(ctx).limits.timers;
        if self.pending.get() >= limit {
            let message = format!("more than {limit} timeouts are pending (--script-timers)");
            return Err(throw_error(ctx, &message));
        }
        self.state.set(State::Pending);
        let context = realm(ctx).scope.current();
        self.is_asked_for
            .set(context.is_some_and(|context| context.inbound().is_some()));
        self.pending.set(self.pending.get() + 1);
        realm(ctx).count_waiting(1);
        let wait = Duration::try_from_secs_f64(self.seconds.get()).unwrap_or(Duration::MAX);
        let timer = Rc::downgrade(self);
        *self.task.borrow_mut() = Some(spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(timer) = timer.upgrade() {
                timer.fire();
            }
        }));
        Ok(())
    }

    /// Ends a pending run in this state.
    fn stop(&self, state: State) {
        if self.state.replace(state) == State::Pending {
            self.pending.set(self.pending.get().saturating_sub(1));
            if let Some(realm) = self.realm.upgrade() {
                realm.count_waiting(-1);
            }
        }
        self.task.replace(None);
    }

    /// Outside of a turn: it is due.
    fn fire(&self) {
        // Connections may keep an older version alive, but its timers have stopped (repo.md section 1.1). DEVIATES: not those
        // that a connection started, for a request that waits for one would never be answered.
        let is_heard = |realm: &Rc<Realm>| self.is_asked_for.get() || !realm.is_superseded();
        // Not after the turn: a callback may restart it. Heard or not, it is pending no more.
        self.stop(State::Due);
        let Some(realm) = self.realm.upgrade().filter(is_heard) else {
            self.waits.take();
            self.object.take();
            return;
        };
        realm.turn(None, |cx, _| self.settle(&cx.js));
    }

    fn settle(&self, ctx: &Ctx<'_>) {
        let waits = self.waits.take();
        let Some(object) = self.object.take() else { return };
        for wait in waits {
            let object = object.get(ctx);
            wait.settle(
                ctx,
                if self.state.get() == State::Due {
                    Ok(object)
                } else {
                    Err(object)
                },
            );
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.stop(State::Cancelled);
    }
}

fn seconds(ctx: &Ctx<'_>, value: &Value<'_>) -> js::Result<f64> {
    seconds_of(value).ok_or_else(|| throw_type(ctx, "argument 1 expects a number"))
}

#[rquickjs::methods]
impl Timeout {
    /// `new Timeout(seconds)`: starts to run.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, duration: Value<'js>) -> js::Result<Self> {
        let pending = ctx
            .userdata::<Timers>()
            .map(|timers| timers.0.clone())
            .unwrap_or_default();
        let timer = Rc::new(Timer {
            realm: Rc::downgrade(&realm(&ctx)),
            pending,
            seconds: Cell::new(seconds(&ctx, &duration)?),
            state: Cell::new(State::Cancelled),
            is_asked_for: Cell::new(false),
            waits: RefCell::default(),
            object: RefCell::default(),
            task: RefCell::default(),
        });
        timer.start(&ctx)?;
        Ok(Timeout { timer })
    }

    /// A promise, resolved with the Timeout when it is due; rejected with it when cancelled.
    pub fn wait<'js>(this: This<Class<'js, Self>>, ctx: Ctx<'js>) -> js::Result<Promise<'js>> {
        let timer = this.0.borrow().timer.clone();
        if timer.waits.borrow().len() >= realm(&ctx).limits.timers {
            return Err(throw_error(&ctx, "too many waits of one timeout"));
        }
        let (promise, deferred) = Deferred::new(&ctx)?;
        let object = Saved::new(&ctx, this.0.into_value());
        *timer.object.borrow_mut() = Some(object);
        timer.waits.borrow_mut().push(deferred);
        if timer.state.get() != State::Pending {
            timer.settle(&ctx);
        }
        Ok(promise)
    }

    /// Rejects what waits, and later waits.
    pub fn cancel(&self, ctx: Ctx<'_>) {
        if self.timer.state.get() == State::Due {
            return;
        }
        self.timer.stop(State::Cancelled);
        self.timer.settle(&ctx);
    }

    /// Runs again from now on, for as long as before or as given.
    pub fn restart<'js>(&self, ctx: Ctx<'js>, duration: Opt<Value<'js>>) -> js::Result<()> {
        if let Some(duration) = duration.0.filter(|duration| !js::is_nullish(duration)) {
            self.timer.seconds.set(seconds(&ctx, &duration)?);
        }
        self.timer.start(&ctx)
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{DEADLINE, check, codebase, exchange, free_port, serve};
    use crate::worker::{Engine, Notice, Options};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    /// globals.md section 11: each script's last promise gives what its connection gets back.
    #[tokio::test(flavor = "current_thread")]
    async fn waits_cancels_restarts() {
        for (name, promise, output) in [
            ("due", "(t => t.wait().then(r => r === t))(new Timeout(0.01))", "true"),
            (
                "due already",
                "(t => t.wait().then(() => t.wait()).then(r => r === t))(new Timeout(0))",
                "true",
            ),
            (
                "duration as text",
                "new Timeout('0.01s').wait().then(() => 'yes')",
                "yes",
            ),
            (
                "cancelled",
                "(t => (p => (t.cancel(), p.catch(r => r === t)))(t.wait()))(new Timeout(60))",
                "true",
            ),
            (
                "cancelled before",
                "(t => (t.cancel(), t.wait().catch(r => r === t)))(new Timeout(60))",
                "true",
            ),
            (
                "restarted sooner",
                "(t => (t.restart(0.01), t.wait().then(() => 'soon')))(new Timeout(60))",
                "soon",
            ),
            (
                "restarted after cancel",
                "(t => (t.cancel(), t.restart(0), t.wait().then(() => 'again')))(new Timeout(60))",
                "again",
            ),
            (
                "two waits",
                "(t => Promise.all([t.wait(), t.wait()]).then(a => a.length))(new Timeout(0))",
                "2",
            ),
            (
                "methods taken off",
                "(({ wait, restart }) => (restart(0), wait().then(() => 'bound')))(new Timeout(60))",
                "bound",
            ),
            (
                "not a number",
                "Promise.resolve().then(() => new Timeout('x')).catch(e => e.message)",
                "argument 1 expects a number",
            ),
        ] {
            let script = format!("pipy().listen(PORT).replaceData(() => ({promise}).then(v => new Data('' + v)))");
            check(name, &[("/main.js", &script)], "x", output).await;
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_pending_timeout_keeps_the_process_alive() {
        let script =
            "pipy().task().onStart(() => { new Timeout(0.3).wait().then(() => pipy.exit(3)); return new StreamEnd })";
        let mut served = serve(script).await;
        assert_eq!(served.engine.notice().await, Notice::Exit(3));
    }

    /// Pending timers of a version end with it.
    #[tokio::test(flavor = "current_thread")]
    async fn are_released_with_their_scripts() {
        let script =
            "pipy({ _all: new Array(1000).fill(0).map(() => { const t = new Timeout(3600); t.wait(); return t }) })
            .listen(PORT).replaceData(() => new Data('here'))";
        for _ in 0..3 {
            check("pending", &[("/main.js", script)], "x", "here").await;
        }
    }

    /// repo.md section 1.1: old timers stop at a reload, also while a connection keeps the old scripts alive.
    #[tokio::test(flavor = "current_thread")]
    async fn a_reload_stops_timers_though_a_connection_lives() {
        let ticking =
            "((state = { ticks: 0 }, tick = () => new Timeout(0.01).wait().then(() => (state.ticks++, tick()))) =>
            pipy().listen(PORT).replaceData(() => new Data(`${state.ticks};`))
            .task().onStart(() => (tick(), new StreamEnd)))()";
        let mut served = serve(ticking).await;
        let mut old = TcpStream::connect(("127.0.0.1", served.port))
            .await
            .expect("it listens");
        let mut ask = async || {
            let mut got = Vec::new();
            old.write_all(b"?").await.expect("the connection lives");
            while got.last() != Some(&b';') {
                got.push(old.read_u8().await.expect("the connection lives"));
            }
            String::from_utf8(got).expect("a number")
        };
        let first = ask().await;
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while ask().await == first {
            assert!(tokio::time::Instant::now() < deadline, "it does not tick");
        }
        let next = "pipy().listen(PORT).replaceData(() => new Timeout(0.2).wait().then(() => new Data('new')))";
        let next = next.replace("PORT", &served.port.to_string());
        served
            .engine
            .reload(codebase("2", &[("/main.js", &next)]))
            .await
            .expect("reloads");
        let stopped = ask().await;
        // The new version's timers run: twenty ticks of the old one, if they did.
        assert_eq!(exchange(served.port, b"?").await, b"new");
        assert_eq!(ask().await, stopped);
    }

    /// What was stopped leaves its place to what the connections of the old version need.
    #[tokio::test(flavor = "current_thread")]
    async fn timers_that_a_reload_has_stopped_are_not_counted() {
        let port = free_port();
        let holding = format!(
            "pipy({{ _all: new Array(2).fill(0).map(() => (t => (t.wait(), t))(new Timeout(0.3))) }})
            .listen({port}).replaceData(d => d.size == 0 ? d : invoke(
                () => (new Timeout(3600), new Data('room;')), () => new Data('none;')))"
        );
        let mut options = Options::default();
        options.limits.timers = 2;
        let engine = Engine::start(codebase("1", &[("/main.js", &holding)]), options).await;
        let mut engine = engine.expect("starts");
        let mut old = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
        let mut ask = async || {
            let mut heard = [0; 5];
            old.write_all(b"?").await.expect("the connection lives");
            old.read_exact(&mut heard).await.expect("the connection lives");
            String::from_utf8_lossy(&heard).into_owned()
        };
        assert_eq!(ask().await, "none;");
        let next = "pipy().listen(PORT).replaceData(() => new Data('new'))".replace("PORT", &port.to_string());
        engine
            .reload(codebase("2", &[("/main.js", &next)]))
            .await
            .expect("reloads");
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while ask().await != "room;" {
            assert!(
                tokio::time::Instant::now() < deadline,
                "stopped timers keep their places"
            );
        }
    }

    /// No reload loses a request: what a connection of an old version waits for comes.
    #[tokio::test(flavor = "current_thread")]
    async fn a_request_that_waits_for_a_timeout_is_answered_after_a_reload() {
        let waiting = "pipy().listen(PORT).replaceData(d => d.size == 0 ? d : (
            d.toString() == 'a' ? new Data('started') : new Timeout(0.3).wait().then(() => new Data('waited'))))";
        let mut served = serve(waiting).await;
        let mut old = TcpStream::connect(("127.0.0.1", served.port))
            .await
            .expect("it listens");
        let mut heard = [0; 7];
        old.write_all(b"a").await.expect("the connection lives");
        old.read_exact(&mut heard).await.expect("an answer");
        old.write_all(b"b").await.expect("the connection lives");
        let next = "pipy().listen(PORT).replaceData(() => new Data('new'))".replace("PORT", &served.port.to_string());
        served
            .engine
            .reload(codebase("2", &[("/main.js", &next)]))
            .await
            .expect("reloads");
        assert_eq!(exchange(served.port, b"?").await, b"new");
        let mut answer = [0; 6];
        let answered = tokio::time::timeout(DEADLINE, old.read_exact(&mut answer)).await;
        answered.expect("in time").expect("an answer");
        assert_eq!(&answer, b"waited");
    }
}
