//! `algo.Quota`: a number that is taken from and refilled, alone or under a name for all threads; who finds it empty waits
//! in line. Source: pipyjs/globals.md section 6. Used by `throttle*`.
//!
//! Named counters outlive reloads and are never removed; there are `limits::SHARED_QUOTAS` at most. They are two atomics
//! each: refills are computed when somebody looks, so no thread has to run a timer for the others. Lines are one a Quota
//! object, so one a thread.

use crate::js::{self, bind_methods, number_of, seconds_of, throw_error, throw_type};
use crate::limits;
use crate::pipeline::{Port, Realm, Task, Wake, spawn};
use rquickjs::class::Trace;
use rquickjs::prelude::Opt;
use rquickjs::{Class, Ctx, JsLifetime, Object, Value};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What a quota has, on whatever thread it is used.
struct Counter {
    /// Bits of an f64.
    current: AtomicU64,
    /// When the running period began, in ms of `now`, plus 1; 0: none runs.
    since: AtomicU64,
    changed: Notify,
}

impl Counter {
    fn new(initial: f64) -> Arc<Self> {
        Arc::new(Counter {
            current: AtomicU64::new(initial.to_bits()),
            since: AtomicU64::new(0),
            changed: Notify::new(),
        })
    }

    fn current(&self) -> f64 {
        f64::from_bits(self.current.load(Ordering::Acquire))
    }

    /// Changes the number; returns the one before.
    fn update(&self, change: impl Fn(f64) -> f64) -> f64 {
        let changed = |bits| Some(change(f64::from_bits(bits)).to_bits());
        let before = self.current.fetch_update(Ordering::AcqRel, Ordering::Acquire, changed);
        f64::from_bits(before.unwrap_or_default())
    }
}

/// Named counters: a list that only grows, so that no lock is needed.
struct Named {
    key: String,
    counter: Arc<Counter>,
    next: OnceLock<Box<Named>>,
}

/// The counter of that name; None when there are too many.
fn named(key: &str, initial: f64) -> Option<Arc<Counter>> {
    if key.len() > limits::SHARED_NAME_BYTES {
        return None;
    }
    static FIRST: OnceLock<Box<Named>> = OnceLock::new();
    let mut slot = &FIRST;
    for _ in 0..limits::SHARED_QUOTAS {
        let found = slot.get_or_init(|| {
            Box::new(Named {
                key: key.to_owned(),
                counter: Counter::new(initial),
                next: OnceLock::new(),
            })
        });
        if found.key == key {
            return Some(found.counter.clone());
        }
        slot = &found.next;
    }
    None
}

/// Milliseconds of a clock that all threads share.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_millis() as u64
}

/// How a quota is refilled.
#[derive(Clone, Copy)]
struct Rules {
    initial: f64,
    max: f64,
    /// What a period adds; 0: all.
    produce: f64,
    /// Zero: no refill by time.
    period_ms: u64,
}

/// A quota as filters use it.
pub(super) struct Core {
    rules: Rules,
    counter: Arc<Counter>,
    /// Who waits, first come, first served.
    line: RefCell<VecDeque<Waiter>>,
    next: Cell<u64>,
    watch: RefCell<Option<Task>>,
}

#[derive(Clone)]
struct Waiter {
    id: u64,
    port: Port,
    realm: Weak<Realm>,
}

impl Core {
    /// A quota of so much a second; under a name when there is one, unless there are too many names.
    pub(super) fn per_second(rate: f64, key: Option<&str>) -> Rc<Self> {
        // Less than one a second: one, less often.
        let (initial, seconds) = match rate > 0.0 && rate < 1.0 {
            true => (1.0, 1.0 / rate),
            false => (rate, 1.0),
        };
        let rules = Rules {
            initial,
            max: f64::INFINITY,
            produce: 0.0,
            period_ms: (seconds * 1000.0) as u64,
        };
        let counter = key.and_then(|key| named(key, initial));
        Self::new(rules, counter.unwrap_or_else(|| Counter::new(initial)))
    }

    fn new(rules: Rules, counter: Arc<Counter>) -> Rc<Self> {
        Rc::new(Core {
            rules,
            counter,
            line: RefCell::default(),
            next: Cell::new(0),
            watch: RefCell::default(),
        })
    }

    /// Adds what the periods that are over give.
    fn refill(&self) {
        let Rules {
            initial,
            produce,
            period_ms,
            ..
        } = self.rules;
        let since = self.counter.since.load(Ordering::Acquire);
        if since == 0 || period_ms == 0 {
            return;
        }
        let periods = now().saturating_sub(since - 1) / period_ms;
        let next = since + periods * period_ms;
        // Whoever moves the beginning of the period adds what the periods before it give.
        if periods == 0 || !self.swap_since(since, next) {
            return;
        }
        let added = if produce > 0.0 {
            produce * periods as f64
        } else {
            initial
        };
        self.counter
            .update(|current| current.max((current + added).min(initial)));
        if self.counter.current() >= initial {
            // Fails when another thread has moved on; it will find out by itself.
            self.swap_since(next, 0);
        }
    }

    /// Changes the beginning of the period, unless another thread did; true when changed.
    fn swap_since(&self, from: u64, to: u64) -> bool {
        let since = &self.counter.since;
        since
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Takes up to `n`; returns how much.
    fn take(&self, n: f64, whole: bool) -> f64 {
        self.refill();
        let share = |current: f64| {
            let there = if whole { current.floor() } else { current };
            n.min(there).max(0.0)
        };
        let before = self.counter.update(|current| current - share(current));
        let taken = share(before);
        if self.rules.period_ms > 0 && before - taken < self.rules.initial {
            // Fails when a period runs already.
            self.swap_since(0, now() + 1);
        }
        taken
    }

    /// Takes up to `n` whole units.
    pub(super) fn take_whole(&self, n: f64) -> f64 {
        self.take(n, true)
    }

    /// Adds, up to the maximum; those who wait are served soon.
    pub(super) fn produce(&self, n: f64) {
        let max = self.rules.max;
        self.counter
            .update(|current| current.max((current + n.max(0.0)).min(max)));
        self.counter.changed.notify_waiters();
    }

    /// True when nobody waits in line.
    pub(super) fn is_free(&self) -> bool {
        self.line.borrow().is_empty()
    }

    /// Waits in line: the filter is woken with `Wake::Timer` when it is first and something is there, until it leaves by
    /// dropping its place.
    pub(super) fn wait(self: &Rc<Self>, realm: &Rc<Realm>, port: Port) -> Place {
        let id = self.next.replace(self.next.get() + 1);
        let realm = Rc::downgrade(realm);
        self.line.borrow_mut().push_back(Waiter { id, port, realm });
        let mut watch = self.watch.borrow_mut();
        if watch.as_ref().is_none_or(Task::is_done) {
            *watch = Some(spawn(serve(Rc::downgrade(self))));
        }
        Place { core: self.clone(), id }
    }

    /// Wakes those who wait as long as there is something for them.
    fn serve(&self) {
        loop {
            self.refill();
            let first = self.line.borrow().front().cloned();
            let Some(first) = first.filter(|_| self.counter.current() >= 1.0) else {
                return;
            };
            if let Some(realm) = first.realm.upgrade() {
                first.port.wake(&realm, Wake::Timer);
            }
            let stays = self.line.borrow().front().is_some_and(|waiter| waiter.id == first.id);
            if stays && self.counter.current() >= 1.0 {
                // It has gone without leaving, or does not want what is there.
                self.line.borrow_mut().pop_front();
            }
        }
    }

    /// Until the running period is over.
    fn due_in(&self) -> Duration {
        let since = self.counter.since.load(Ordering::Acquire);
        if since == 0 || self.rules.period_ms == 0 {
            return Duration::MAX;
        }
        Duration::from_millis((since - 1 + self.rules.period_ms).saturating_sub(now()))
    }
}

/// Serves the line of a quota until it is empty.
async fn serve(core: Weak<Core>) {
    loop {
        let Some((counter, due)) = core.upgrade().map(|core| (core.counter.clone(), core.due_in())) else {
            return;
        };
        let mut changed = pin!(counter.changed.notified());
        // From here on no change is missed.
        changed.as_mut().enable();
        {
            let Some(core) = core.upgrade() else { return };
            core.serve();
            if core.is_free() {
                return;
            }
        }
        let due = core.upgrade().map_or(due, |core| core.due_in());
        // A millisecond later than due: timers and clock round differently.
        let mut timer = pin!(tokio::time::sleep(due.saturating_add(Duration::from_millis(1))));
        poll_fn(|cx| match changed.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => timer.as_mut().poll(cx),
        })
        .await;
    }
}

/// A place in the line of a quota; dropping it leaves.
pub(super) struct Place {
    core: Rc<Core>,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.core.line.borrow_mut();
        if line.front().is_some_and(|waiter| waiter.id == self.id) {
            line.pop_front();
        } else {
            line.retain(|waiter| waiter.id != self.id);
        }
        drop(line);
        // The next one may be served by what this one left.
        self.core.counter.changed.notify_waiters();
    }
}

/// What scripts hold: `new algo.Quota(initial = 0, { key, max, produce = 0, per = 0 })`.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Quota {
    #[qjs(skip_trace)]
    core: Rc<Core>,
}

/// The quota that `value` is, if it is one.
pub(super) fn quota_of(value: &Value<'_>) -> Option<Rc<Core>> {
    let quota = Class::<Quota>::from_value(value).ok()?;
    let core = quota.borrow().core.clone();
    Some(core)
}

/// Puts the class on `algo`.
///
/// # Errors  When the script engine is out of memory.
pub(crate) fn define_quota<'js>(ctx: &Ctx<'js>, algo: &Object<'js>) -> js::Result<()> {
    Class::<Quota>::define(algo)?;
    bind_methods::<Quota>(ctx)
}

#[rquickjs::methods]
impl Quota {
    /// See the class.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, initial: Opt<Value<'js>>, options: Opt<Value<'js>>) -> js::Result<Self> {
        let initial = match initial.0.filter(|value| !js::is_nullish(value)) {
            None => 0.0,
            Some(value) => number_of(&value, 1000.0).ok_or_else(|| throw_type(&ctx, "argument 1 expects a number"))?,
        };
        let nothing = Value::new_undefined(ctx.clone());
        let options = js::Options::new(&ctx, &options.0.unwrap_or(nothing))?;
        let per = match options.value("per")? {
            None => 0.0,
            Some(value) => seconds_of(&value).ok_or_else(|| throw_type(&ctx, "options.per expects a number"))?,
        };
        let period_ms = (per * 1000.0).min(u64::MAX as f64 / 4.0) as u64;
        let rules = Rules {
            initial,
            max: options.number("max")?.unwrap_or(f64::INFINITY),
            produce: options.number("produce")?.unwrap_or(0.0),
            period_ms: if per > 0.0 { period_ms.max(1) } else { 0 },
        };
        let key = options.value("key")?.map(|key| js::value_to_text(&ctx, &key));
        let counter = match key {
            None => Counter::new(initial),
            Some(key) => named(&key, initial).ok_or_else(|| {
                let message = format!(
                    "more than {} quotas have a key, or one has more than {} bytes",
                    limits::SHARED_QUOTAS,
                    limits::SHARED_NAME_BYTES
                );
                throw_error(&ctx, &message)
            })?,
        };
        Ok(Quota {
            core: Core::new(rules, counter),
        })
    }

    /// What it began with.
    #[qjs(get)]
    pub fn initial(&self) -> f64 {
        self.core.rules.initial
    }

    /// What it has.
    #[qjs(get)]
    pub fn current(&self) -> f64 {
        self.core.refill();
        self.core.counter.current()
    }

    /// Takes up to n; returns how much.
    pub fn consume(&self, n: f64) -> f64 {
        self.core.take(n, false)
    }

    /// Adds n, up to `max`.
    pub fn produce(&self, n: f64) {
        self.core.produce(n);
    }

    /// Back to what it began with.
    pub fn reset(&self) {
        self.core.counter.since.store(0, Ordering::Release);
        self.core.counter.update(|_| self.core.rules.initial);
        self.core.counter.changed.notify_waiters();
    }
}
