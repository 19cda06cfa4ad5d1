//! A realm: one loaded version of the scripts on one thread, and the turns of its loop. Source: pipyjs/model.md 1.2
//! "One turn of the loop". After a reload the old realm lives on until its last pipeline has ended, then is freed whole.

use super::outbox;
use super::rejections::Rejections;
use super::turn::{finish, step, stuck};
use super::{Args, Background, Cx, Instance, Layout, Modules, Port, Tap, Task, Wake, spawn};
use crate::error::{Error, ScriptError};
use crate::event::Event;
use crate::js::{self, Host, Scope};
use crate::limits::{self, ScriptLimits};
use crate::message::Whole;
use crate::metrics::{Alive, Counters, Kind};
use crate::value::{Saved, Store};
use nix::time::{ClockId, clock_gettime};
use rquickjs::{Ctx, JsLifetime};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One thing to do in a turn. The run list is LIFO: see mod.rs.
pub(crate) enum Work {
    /// An event enters a filter; beyond the last one it is the pipeline's output.
    Input(Rc<Instance>, usize, Event),
    /// All events of a message enter a filter, at once if it takes them so.
    Message(Rc<Instance>, usize, Whole),
    /// A pipeline starts.
    Start(Rc<Instance>, Args),
    /// The promise of `onStart` has settled.
    Started(Rc<Instance>, Result<Saved, Saved>),
    /// A filter is woken.
    Wake(Rc<Instance>, usize, Wake),
    /// What a script asked for that needs a turn.
    Run(Box<Later>),
    /// What follows comes from this source (a stream of several in one connection).
    Source(Option<Rc<Tap>>),
    /// What follows comes from the source of the turn, and is frames about a connection, without data of anybody.
    Control,
    /// Output that was gathered is passed on.
    Batch(Rc<dyn Batch>),
}

/// Something outside of pipelines that gathers output and passes it on when nothing else is left to do in the turn.
pub(crate) trait Batch {
    /// Pushes what is to be done.
    fn pass_on(self: Rc<Self>, cx: &mut Cx<'_>, work: &mut Vec<Work>);
}

/// See [`Work::Run`]. What it adds to the list is done in that order, before anything else.
pub(crate) type Later = dyn FnOnce(&mut Cx<'_>, &mut Vec<Work>);

/// Something that collects output during a turn and passes it on at its end (a socket).
pub(crate) trait Flush {
    /// The turn is over.
    fn flush(self: Rc<Self>);
}

/// See the module.
pub(crate) struct Realm {
    /// Context variables.
    pub scope: Scope,
    /// This worker's counters.
    pub counters: Arc<Counters>,
    /// Pipelines that alone keep nothing alive.
    pub background: Background,
    /// What its scripts may use.
    pub limits: ScriptLimits,
    /// How long scripts have run.
    pub clock: Rc<Clock>,
    /// True for codebases of dialect E1 (a task without `onStart`, a multi-way `link`), which a few functions honour.
    pub legacy: Cell<bool>,
    /// Pipelines that scripts have spawned and that have not ended.
    pub(super) spawned: Cell<usize>,
    /// Those of them that no pipeline asked for: they end with their version.
    strays: RefCell<Vec<Weak<Instance>>>,
    rejections: Rejections,
    modules: RefCell<Option<Rc<dyn Modules>>>,
    deferred: RefCell<Vec<Work>>,
    batched: RefCell<Vec<Work>>,
    ended: RefCell<Vec<Rc<Instance>>>,
    flushes: RefCell<Vec<Rc<dyn Flush>>>,
    gates: RefCell<Vec<Port>>,
    layouts: RefCell<Vec<Weak<Layout>>>,
    stack: Cell<Vec<Work>>,
    retired: Cell<bool>,
    superseded: Cell<bool>,
    waiting: Cell<usize>,
    closing: Cell<bool>,
    draining: Cell<bool>,
    /// Filters that may have nothing to do when the worker ends; true: also when a newer version runs.
    leavers: RefCell<Vec<(Port, bool)>>,
    /// The turn for promise jobs that were too many for the one before.
    more_jobs: RefCell<Option<Task>>,
    store: Store,
    js: rquickjs::Context,
    _alive: Alive,
}

#[derive(JsLifetime)]
struct RealmSlot(Weak<Realm>);

/// The realm of the scripts in `ctx`, for functions that scripts call.
pub(crate) fn realm(ctx: &Ctx<'_>) -> Rc<Realm> {
    let slot = ctx
        .userdata::<RealmSlot>()
        .expect("a realm puts itself into its context");
    slot.0.upgrade().expect("scripts only run while their realm lives")
}

/// Ends scripts that run too long: checked by the interrupt handler, at no cost for a call that returns in time.
pub(crate) struct Clock {
    limit: Duration,
    calls: Cell<u64>,
    ticks: Cell<u64>,
    seen: Cell<(u64, Option<(Instant, Duration)>)>,
    /// How long a call has waited for programs.
    waited: Cell<(u64, Duration)>,
}

impl Clock {
    /// A callback begins.
    pub(crate) fn start(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    /// Callbacks so far: while this stays, no script has changed anything.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// As `start`; taken back when `run` says that nothing began.
    fn start_if(&self, run: impl FnOnce() -> bool) -> bool {
        self.start();
        let began = run();
        if !began {
            self.calls.set(self.calls.get() - 1);
        }
        began
    }

    /// What was done since the last look was not the script's own work (a program that it waited for, a key that was made).
    pub(crate) fn pardon(&self) {
        self.seen.set((self.calls.get(), None));
    }

    /// How much longer the call may wait for programs.
    pub(crate) fn patience(&self) -> Duration {
        let (call, waited) = self.waited.get();
        let waited = if call == self.calls.get() {
            waited
        } else {
            Duration::ZERO
        };
        self.limit.saturating_mul(limits::EXEC_FACTOR).saturating_sub(waited)
    }

    /// The call has waited for a program: that is no work of the script, but its patience has less left.
    pub(crate) fn waited(&self, time: Duration) {
        let call = self.calls.get();
        let before = self.waited.get();
        let before = if before.0 == call { before.1 } else { Duration::ZERO };
        self.waited.set((call, before.saturating_add(time)));
        self.pardon();
    }

    fn is_over(&self) -> bool {
        // What others are to get does not wait for a script.
        outbox::send();
        self.ticks.set(self.ticks.get() + 1);
        match self.seen.get() {
            (call, Some((since, used))) if call == self.calls.get() => {
                let elapsed = since.elapsed();
                elapsed > self.limit
                    && (processor_time().saturating_sub(used) > self.limit
                        || elapsed > self.limit.saturating_mul(limits::SCRIPT_CLOCK_FACTOR))
            }
            _ => {
                self.seen
                    .set((self.calls.get(), Some((Instant::now(), processor_time()))));
                false
            }
        }
    }
}

/// What this thread has used of a processor.
fn processor_time() -> Duration {
    // A kernel without such a clock has none that says when a call is over: the other one does.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

impl Realm {
    /// A realm with the standard library of JavaScript and nothing of ours yet (globals/ adds it).
    ///
    /// # Errors  When the script engine cannot be set up within `limits`.
    pub(crate) fn new(host: Rc<dyn Host>, counters: Arc<Counters>, limits: ScriptLimits) -> Result<Rc<Self>, Error> {
        let failed = |error: rquickjs::Error| Error::Js(error.to_string());
        let runtime = rquickjs::Runtime::new().map_err(failed)?;
        runtime.set_memory_limit(limits.heap_bytes);
        runtime.set_max_stack_size(limits.stack_bytes);
        let clock = Rc::new(Clock {
            limit: limits.call_time,
            calls: Cell::default(),
            ticks: Cell::default(),
            seen: Cell::default(),
            waited: Cell::default(),
        });
        let watched = clock.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || watched.is_over())));
        let rejections = Rejections::watch(&runtime);
        let context = rquickjs::Context::full(&runtime).map_err(failed)?;
        let (store, scope) = context
            .with(|ctx| {
                let store = Store::install(&ctx);
                js::set_host(&ctx, host);
                js::set_limits(&ctx, &limits);
                let positions = ctx.store_userdata(js::Positions::default());
                debug_assert!(positions.is_ok(), "nothing is borrowed yet");
                js::install_names(&ctx)?;
                Scope::new(&ctx).map(|scope| (store, scope))
            })
            .map_err(failed)?;
        let realm = Rc::new(Realm {
            scope,
            counters,
            background: Background::default(),
            limits,
            clock,
            legacy: Cell::new(false),
            spawned: Cell::new(0),
            strays: RefCell::default(),
            rejections,
            modules: RefCell::new(None),
            deferred: RefCell::default(),
            batched: RefCell::default(),
            ended: RefCell::default(),
            flushes: RefCell::default(),
            gates: RefCell::default(),
            layouts: RefCell::default(),
            stack: Cell::default(),
            retired: Cell::new(false),
            superseded: Cell::new(false),
            waiting: Cell::new(0),
            closing: Cell::new(false),
            draining: Cell::new(false),
            leavers: RefCell::default(),
            more_jobs: RefCell::default(),
            store,
            js: context,
            _alive: Alive::one(Kind::Realm),
        });
        realm.js.with(|ctx| {
            let stored = ctx.store_userdata(RealmSlot(Rc::downgrade(&realm)));
            debug_assert!(stored.is_ok(), "nothing is borrowed yet");
        });
        Ok(realm)
    }

    /// Runs `f` with the script engine, outside of a turn (loading).
    pub(crate) fn with<R>(&self, f: impl FnOnce(&Ctx<'_>) -> R) -> R {
        self.js.with(|ctx| f(&ctx))
    }

    /// Remembers a layout, so that its functions are let go of before the engine is freed.
    pub(crate) fn adopt(&self, layout: &Rc<Layout>) {
        let mut layouts = self.layouts.borrow_mut();
        // Scripts may make layouts as they run: those that have gone are let go of before the list grows.
        if layouts.len() == layouts.capacity() {
            layouts.retain(|layout| layout.strong_count() > 0);
            let living = layouts.len();
            layouts.reserve(living.max(16));
        }
        layouts.push(Rc::downgrade(layout));
    }

    /// Gives the realm its table of modules. It holds the realm weakly, and lives as long.
    pub(crate) fn set_modules(&self, modules: Rc<dyn Modules>) {
        *self.modules.borrow_mut() = Some(modules);
    }

    /// The table of modules; None before scripts are loaded.
    pub(crate) fn modules(&self) -> Option<Rc<dyn Modules>> {
        self.modules.borrow().clone()
    }

    /// Every joint filter of every layout has got its sub-pipeline.
    ///
    /// # Errors  `missing .to(...) for the last filter`, with the place of the filter.
    pub(crate) fn check_joints(&self) -> Result<(), ScriptError> {
        let layouts = self.layouts.borrow();
        let mut living = layouts.iter().filter_map(Weak::upgrade);
        living.try_for_each(|layout| layout.check_joints())
    }

    /// Adds work to the current turn, after what is under way. For functions that scripts call.
    pub(crate) fn defer(&self, work: Work) {
        self.deferred.borrow_mut().push(work);
    }

    /// The scripts are not going to run: lets go of what they have begun, which holds the realm.
    pub(crate) fn abandon(&self) {
        self.closing.set(true);
        let begun = (self.deferred.take(), self.batched.take());
        drop(begun);
    }

    /// Adds work to the current turn, for when nothing else is left: what was gathered meanwhile is passed on together.
    pub(crate) fn batch(&self, work: Work) {
        self.batched.borrow_mut().push(work);
    }

    /// Flushes at the end of the turn.
    pub(crate) fn flush_later(&self, flush: Rc<dyn Flush>) {
        self.flushes.borrow_mut().push(flush);
    }

    /// Wakes the filter with `Wake::Gate` once, at the end of the next turn.
    pub(crate) fn gate(&self, port: Port) {
        self.gates.borrow_mut().push(port);
    }

    pub(super) fn ended(&self, instance: Rc<Instance>) {
        if !self.closing.get() {
            self.ended.borrow_mut().push(instance);
        }
    }

    /// One turn of the loop: `first` says what to do, everything that follows from it is done before this returns.
    /// `tap` belongs to the source of the input. Must not be called from within a turn.
    pub(crate) fn turn(self: &Rc<Self>, tap: Option<&Rc<Tap>>, first: impl FnOnce(&mut Cx<'_>, &mut Vec<Work>)) {
        let mut first = Some(first);
        self.run_turn(tap, &mut |cx, work| {
            if let Some(first) = first.take() {
                first(cx, work);
            }
        });
    }

    fn run_turn(self: &Rc<Self>, tap: Option<&Rc<Tap>>, first: &mut dyn FnMut(&mut Cx<'_>, &mut Vec<Work>)) {
        self.js.with(|ctx| {
            let mut cx = Cx { js: ctx, realm: self.clone(), tap: tap.cloned(), is_control: false };
            let mut work = self.stack.take();
            first(&mut cx, &mut work);
            work.reverse();
            let mut steps = 0;
            let mut gated = false;
            let mut more_jobs = false;
            loop {
                while let Some(item) = work.pop() {
                    steps += 1;
                    if steps > limits::TURN_STEPS {
                        tracing::error!(target: "pjs", steps, "a turn does not come to an end; its pipelines are ended");
                        stuck(item, &mut work);
                        continue;
                    }
                    step(&mut cx, item, &mut work);
                }
                // Once they are too many for this turn the rest of it is what they have asked for.
                more_jobs = more_jobs || self.run_jobs(&cx.js);
                work.append(&mut self.deferred.borrow_mut());
                if work.is_empty() {
                    work.append(&mut self.batched.borrow_mut());
                }
                if work.is_empty() && !gated {
                    gated = true;
                    for port in self.gates.take() {
                        if let Some(instance) = port.instance.upgrade() {
                            work.push(Work::Wake(instance, port.index, Wake::Gate));
                        }
                    }
                }
                if work.is_empty() {
                    if self.ended.borrow().is_empty()
                        && self.deferred.borrow().is_empty()
                        && self.batched.borrow().is_empty()
                    {
                        break;
                    }
                    drain(&self.ended, |instance| finish(&mut cx, &instance));
                }
                work.reverse();
            }
            self.stack.set(work);
            self.rejections.log(&cx.js, &self.counters);
            if more_jobs {
                self.turn_again();
            }
        });
        // A flush may close a socket, and that drop a pipeline: its end belongs to the next turn.
        drain(&self.flushes, |flush| flush.flush());
        if !self.ended.borrow().is_empty() {
            return self.run_turn(None, &mut |_, _| {});
        }
        outbox::turn_is_over();
    }

    /// Runs promise jobs; more than `limits::JOBS_PER_TURN`, or long ones, wait for the next turn, so that sockets are
    /// served between. True when there may be more.
    fn run_jobs(&self, ctx: &Ctx<'_>) -> bool {
        let end = self.clock.ticks.get() + limits::JOB_TICKS_PER_TURN;
        for _ in 0..limits::JOBS_PER_TURN {
            if !self.clock.start_if(|| ctx.execute_pending_job()) {
                return false;
            }
            if self.clock.ticks.get() >= end {
                break;
            }
        }
        true
    }

    /// Another turn, once the sockets were served: nothing else may open one.
    fn turn_again(self: &Rc<Self>) {
        let realm = Rc::downgrade(self);
        let task = spawn(async move {
            tokio::task::yield_now().await;
            if let Some(realm) = realm.upgrade() {
                realm.turn(None, |_, _| {});
            }
        });
        *self.more_jobs.borrow_mut() = Some(task);
    }

    /// A newer version runs, or the worker ends: HTTP connections are to close at the next good moment.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
    }

    /// Whether this worker may have one connection more.
    pub(crate) fn has_room(&self) -> bool {
        let open = self.counters.inbound.get() + self.counters.outbound.get() + self.counters.dialing.get();
        usize::try_from(open).is_ok_and(|open| open < self.limits.connections)
    }

    /// See [`Realm::retire`].
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.get()
    }

    /// A newer version runs: what lives on of this one are its connections alone, so its timers stop. A worker that ends
    /// keeps them, for they are what its `exit` pipelines wait with.
    pub(crate) fn supersede(self: &Rc<Self>) {
        self.retire();
        self.superseded.set(true);
        let strays = self.strays.take();
        let living: Vec<_> = strays.iter().filter_map(Weak::upgrade).collect();
        let leavers = self.wake_leavers(false);
        if !living.is_empty() || !leavers.is_empty() {
            living.iter().for_each(Instance::end);
            self.turn(None, |_, work| work.extend(leavers));
        }
    }

    fn wake_leavers(&self, all: bool) -> Vec<Work> {
        let leavers = self.leavers.borrow();
        let woken = leavers.iter().filter(|(_, always)| all || *always);
        woken.filter_map(|(port, _)| port.waking(Wake::Gate)).collect()
    }

    /// Notes a pipeline that ends with its version.
    pub(super) fn adopt_stray(&self, instance: &Rc<Instance>) {
        let mut strays = self.strays.borrow_mut();
        if strays.len() == strays.capacity() {
            strays.retain(|instance| instance.strong_count() > 0);
            let living = strays.len();
            strays.reserve(living.max(16));
        }
        strays.push(Rc::downgrade(instance));
    }

    /// See [`Realm::supersede`].
    pub(crate) fn is_superseded(&self) -> bool {
        self.superseded.get()
    }

    /// The worker ends: who waits for a next request without one under way is to leave now.
    pub(crate) fn drain(self: &Rc<Self>) {
        self.retire();
        self.draining.set(true);
        let leavers = self.wake_leavers(true);
        self.leavers.take();
        self.turn(None, |_, work| work.extend(leavers));
    }

    /// See [`Realm::drain`].
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Wakes the filter with `Wake::Gate` when the worker ends; `always`: also when a newer version runs.
    pub(crate) fn wake_at_drain(&self, port: Port, always: bool) {
        let mut leavers = self.leavers.borrow_mut();
        // Those that have gone are let go of before the list grows: it stays within twice its living ones.
        if leavers.len() == leavers.capacity() {
            leavers.retain(|(port, _)| port.waking(Wake::Gate).is_some());
            let living = leavers.len();
            leavers.reserve(living.max(16));
        }
        leavers.push((port, always));
    }

    /// Counts something that keeps a worker without listeners alive (a pending `Timeout`); uncount with -1.
    pub(crate) fn count_waiting(&self, change: isize) {
        self.waiting.set(self.waiting.get().saturating_add_signed(change));
    }

    /// True while a script waits for something that will come.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.get() > 0
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        // Pipelines hold the realm, so none is left here. Layouts may hold one another: let go of what they hold.
        self.closing.set(true);
        for layout in self.layouts.take().iter().filter_map(Weak::upgrade) {
            layout.clear();
        }
        self.js.with(|ctx| drop(ctx.remove_userdata::<RealmSlot>()));
        self.store.clear();
    }
}

/// Gives each item to `f`, which may add others for the next time. The list's memory is kept: most turns need it.
fn drain<T>(list: &RefCell<Vec<T>>, f: impl FnMut(T)) {
    let mut items = list.take();
    items.drain(..).for_each(f);
    let mut added = list.borrow_mut();
    if added.is_empty() {
        *added = items;
    }
}
