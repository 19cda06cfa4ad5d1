//! One loaded version of the scripts on a worker, and switching from one to the next. Source: pipyjs/repo.md 1.1.

use super::admin;
use super::graph::{Graph, graph};
use super::host::{WorkerHost, is_watched};
use super::task::Runner;
use super::{AdminAnswer, AdminRequest, Collector, Notice, Options, Status};
use crate::codebase::Codebase;
use crate::error::{Error, ScriptError};
use crate::globals;
use crate::js::{self, Options as JsOptions, Positions};
use crate::limits;
use crate::metrics::{Counters, builtin};
use crate::net::{Address, Claims, ListenOptions, ListenTarget, Ports, parse_address};
use crate::pipeline::{Realm, Task, spawn};
use crate::script::{Loader, Root, RootKind, When};
use crate::series::Metric;
use crate::session::behind_tls;
use crate::value::Saved;
use bytes::Bytes;
use rquickjs::Ctx;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How often a worker without listeners looks whether anything is left to do.
const IDLE_CHECK: Duration = Duration::from_millis(50);

/// A loaded version that has not been started.
pub(super) struct Program {
    realm: Rc<Realm>,
    loader: Rc<Loader>,
    host: Rc<WorkerHost>,
    version: String,
    roots: Vec<Root>,
    claims: Rc<Claims>,
    is_started: bool,
}

impl Program {
    /// Reads, runs and binds the scripts. Nothing outside has changed when it fails.
    pub(super) fn load(slot: &Slot, codebase: Arc<Codebase>) -> Result<Self, Error> {
        let host = Rc::new(WorkerHost {
            index: slot.index,
            options: slot.options.clone(),
            codebase: codebase.clone(),
            notices: slot.notices.clone(),
            loader: Default::default(),
            changed: Default::default(),
            watches: Default::default(),
            exits: Default::default(),
            mounts: Default::default(),
            patched: Default::default(),
            exited: Default::default(),
            collector: slot.collector.clone(),
            gathering: Default::default(),
        });
        let realm = Realm::new(host.clone(), slot.counters.clone(), slot.options.limits.clone())?;
        realm
            .with(globals::install)
            .map_err(|error| Error::Js(error.to_string()))?;
        let claims = realm.with(|ctx| Claims::install(ctx, &slot.ports, slot.running.is_none()));
        let loader = Loader::new(&realm, codebase.clone(), slot.options.expression)?;
        *host.loader.borrow_mut() = Rc::downgrade(&loader);
        let mut program = Program {
            realm,
            loader,
            host,
            version: codebase.version.clone(),
            roots: Vec::new(),
            claims,
            is_started: false,
        };
        let loaded = program.loader.load();
        // Whatever came of the rest of the script: the process ends.
        if let Some(code) = program.host.exited.get() {
            return Err(Error::Exited(code));
        }
        program.roots = loaded?;
        let ports = program.realm.with(|ctx| ports(ctx, &program.realm, &program.roots))?;
        for (address, target) in ports {
            program.claims.listen(address, target)?;
        }
        Ok(program)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.claims.retire();
        // What scripts have begun while they loaded holds their realm.
        if !self.is_started {
            self.realm.abandon();
        }
    }
}

/// What the worker runs.
struct Running {
    program: Program,
    tasks: Vec<(Option<&'static str>, Rc<Runner>)>,
    watches: Vec<(String, Rc<Runner>)>,
    exits: Vec<Rc<Runner>>,
    timers: Vec<Task>,
}

/// The worker's place for programs.
pub(super) struct Slot {
    index: usize,
    options: Options,
    counters: Arc<Counters>,
    notices: mpsc::Sender<(usize, Notice)>,
    ports: Rc<Ports>,
    running: Option<Running>,
    /// Versions before it that still have connections.
    superseded: Vec<Weak<Realm>>,
    draining: Option<Task>,
    collector: Collector,
    /// Metrics of scripts as last seen, of all versions.
    metrics: Vec<Metric>,
}

impl Slot {
    pub(super) fn new(
        index: usize,
        options: Options,
        counters: Arc<Counters>,
        notices: mpsc::Sender<(usize, Notice)>,
        collector: Collector,
    ) -> Self {
        Slot {
            index,
            ports: Ports::new(options.reuse_port, options.force_start, index == 0),
            options,
            counters,
            notices,
            running: None,
            superseded: Vec::new(),
            draining: None,
            collector,
            metrics: Vec::new(),
        }
    }

    /// Starts `program` in place of what runs. A port in both keeps its socket; live connections go on with the old
    /// layouts; old tasks, watches and timers stop.
    pub(super) fn switch(&mut self, mut program: Program) {
        self.retire();
        program.claims.commit();
        program.is_started = true;
        let realm = program.realm.clone();
        self.running = Some(self.begin(program));
        // What loading has promised (`.then(...)` at the top of a file) is due now; nothing else may open a turn.
        realm.turn(None, |_, _| {});
    }

    fn begin(&self, program: Program) -> Running {
        let realm = program.realm.clone();
        let mut running = Running {
            program,
            tasks: Vec::new(),
            watches: Vec::new(),
            exits: Vec::new(),
            timers: Vec::new(),
        };
        let mut is_lasting = false;
        for root in &running.program.roots {
            let runner = Runner::new(&realm, &root.layout);
            match &root.kind {
                RootKind::Listen(..) => {}
                RootKind::Task(When::Signal(name)) => {
                    is_lasting = true;
                    running.tasks.push((Some(name), runner));
                }
                RootKind::Task(when) => {
                    if let When::Every(seconds) = when {
                        is_lasting = true;
                        running.timers.push(every(*seconds, runner.clone()));
                    } else {
                        runner.start(false);
                    }
                    running.tasks.push((None, runner));
                }
                RootKind::Watch(path) => {
                    is_lasting = true;
                    running.watches.push((path.clone(), runner));
                }
                RootKind::Exit => running.exits.push(runner),
                RootKind::Admin(_) => is_lasting = true,
            }
        }
        if !is_lasting {
            running.timers.push(self.watch_idle(&running));
        }
        running
    }

    /// Tells the owner when nothing is left to do.
    fn watch_idle(&self, running: &Running) -> Task {
        let (counters, notices, index) = (self.counters.clone(), self.notices.clone(), self.index);
        let realm = Rc::downgrade(&running.program.realm);
        let host = running.program.host.clone();
        let ports = self.ports.clone();
        spawn(async move {
            loop {
                ports.none().await;
                tokio::time::sleep(IDLE_CHECK).await;
                let Some(realm) = realm.upgrade() else { continue };
                let is_idle = counters.pipelines.get() <= realm.background.open();
                let is_silent = ports.addresses().is_empty() && host.watches.borrow().is_empty();
                if is_idle && !realm.is_waiting() && is_silent {
                    break;
                }
            }
            if let Some(realm) = realm.upgrade().filter(|realm| realm.background.is_used()) {
                realm.background.leave(false);
                drop(realm);
                tokio::time::sleep(IDLE_CHECK).await;
                while counters.pipelines.get() > 0 {
                    tokio::time::sleep(IDLE_CHECK).await;
                }
            }
            // The owner has gone when nobody receives: the process ends anyway.
            notices.send((index, Notice::Idle)).await.ok();
        })
    }

    /// Stops tasks, watches and timers of what runs; its connections go on until they end by themselves.
    fn retire(&mut self) {
        let Some(running) = self.running.take() else { return };
        let realm = running.program.realm.clone();
        self.note(realm.with(|ctx| globals::collect_metrics(ctx, &realm, false)));
        realm.supersede();
        realm.background.leave(false);
        self.superseded.retain(|realm| realm.strong_count() > 0);
        self.superseded.push(Rc::downgrade(&realm));
        drop(running.timers);
        running.tasks.iter().for_each(|(_, runner)| runner.stop());
        running.watches.iter().for_each(|(_, runner)| runner.stop());
    }

    /// See [`super::Engine::publish`].
    pub(super) fn publish(&self, path: &str, contents: Option<Bytes>) {
        let Some(running) = &self.running else { return };
        running.program.host.publish(path, contents);
        let path = crate::codebase::normalize(path);
        for (watched, runner) in &running.watches {
            if is_watched(watched, &path) {
                runner.start(true);
            }
        }
        // Promises that `pipy.watch` resolved run their callbacks in a turn.
        running.program.realm.turn(None, |_, _| {});
    }

    /// See [`super::Engine::signal`].
    pub(super) fn signal(&self, name: &str) {
        let tasks = self.running.iter().flat_map(|running| &running.tasks);
        tasks
            .filter(|(signal, _)| *signal == Some(name))
            .for_each(|(_, runner)| runner.start(false));
    }

    /// Closes the ports, runs `exit` pipelines and callbacks, answers when all pipelines have ended.
    pub(super) fn drain(&mut self, reply: oneshot::Sender<()>) {
        self.ports.clear();
        let Some(running) = &mut self.running else {
            send(reply);
            return;
        };
        running.program.claims.retire();
        let mut realms: Vec<Rc<Realm>> = self.superseded.iter().filter_map(Weak::upgrade).collect();
        realms.push(running.program.realm.clone());
        realms.iter().for_each(|realm| realm.drain());
        running.timers.clear();
        running
            .tasks
            .iter()
            .filter(|(signal, _)| signal.is_none())
            .for_each(|(_, runner)| runner.stop());
        running.exits.iter().for_each(|runner| runner.start(false));
        let waiting = exit_callbacks(&running.program);
        // After the exit pipelines have begun: what they log goes with the rest.
        realms.iter().for_each(|realm| realm.background.leave(false));
        let logs = realms.iter().any(|realm| realm.background.is_used());
        let exits = running.exits.clone();
        let counters = self.counters.clone();
        self.draining = Some(spawn(async move {
            for runner in exits {
                runner.done().await;
            }
            for settled in waiting {
                // An error means that the scripts have gone: nothing to wait for.
                settled.await.ok();
            }
            if logs {
                // What loggers have is sent by tasks of their own.
                tokio::time::sleep(IDLE_CHECK).await;
            }
            while counters.pipelines.get() > 0 {
                tokio::time::sleep(IDLE_CHECK).await;
            }
            send(reply);
        }));
    }

    /// Asks the pipeline whose path is the longest that the request's begins with.
    pub(super) fn admin(&self, request: &AdminRequest, reply: oneshot::Sender<Option<AdminAnswer>>) {
        let Some(running) = &self.running else { return };
        let layouts = running.program.roots.iter().filter_map(|root| match &root.kind {
            RootKind::Admin(path) if request.path.starts_with(path.as_str()) => Some((path.len(), &root.layout)),
            _ => None,
        });
        // Dropped, the reply says that there is none.
        if let Some((_, layout)) = layouts.max_by_key(|(length, _)| *length) {
            admin::ask(&running.program.realm, layout, request, reply);
        }
    }

    /// See [`super::Collector`]. Names that the running version does not have stay with what they had last.
    pub(super) fn collect(&mut self) -> Vec<Metric> {
        let old: Vec<Rc<Realm>> = self.superseded.iter().filter_map(Weak::upgrade).collect();
        for realm in old {
            self.note(realm.with(|ctx| globals::collect_metrics(ctx, &realm, false)));
        }
        if let Some(running) = &self.running {
            let realm = running.program.realm.clone();
            let mut metrics = Vec::new();
            realm.turn(None, |cx, _| metrics = globals::collect_metrics(&cx.js, &realm, true));
            let names = metrics.len();
            self.note(metrics);
            let kept = self.metrics.len().saturating_sub(names.max(limits::METRICS_KEPT));
            self.metrics.drain(..kept);
        }
        let mut all = builtin(&self.counters);
        all.extend(self.metrics.iter().cloned());
        all
    }

    /// Remembers what metrics have now.
    fn note(&mut self, metrics: Vec<Metric>) {
        let places = self.metrics.iter().enumerate();
        let places: HashMap<String, usize> = places.map(|(at, metric)| (metric.name.clone(), at)).collect();
        for metric in metrics {
            let known = places.get(&metric.name).and_then(|at| self.metrics.get_mut(*at));
            match known {
                Some(known) => *known = metric,
                None => self.metrics.push(metric),
            }
        }
    }

    /// See [`super::Engine::status`].
    pub(super) fn status(&self) -> Status {
        let Some(running) = &self.running else {
            return Status::default();
        };
        let mut listening: Vec<String> = self.ports.addresses().iter().map(Address::to_string).collect();
        listening.sort();
        Status {
            version: running.program.version.clone(),
            value: running.program.loader.value(),
            modules: running.program.loader.paths(),
            graphs: self.graphs(running),
            watched: {
                let waits = running.program.host.watches.borrow();
                let roots = running.watches.iter().map(|(path, _)| path.clone());
                roots.chain(waits.iter().map(|(path, _)| path.clone())).collect()
            },
            listening,
            signals: running
                .tasks
                .iter()
                .filter_map(|(signal, _)| signal.map(str::to_owned))
                .collect(),
        }
    }

    /// Ports by address, then what the scripts have besides, in their order.
    fn graphs(&self, running: &Running) -> Vec<Graph> {
        let mut all = self.ports.layouts();
        all.sort_by_key(|(address, _)| address.to_string());
        let ports = all
            .iter()
            .map(|(address, layout)| graph(format!("listen {address}"), layout));
        let others = running.program.roots.iter().filter_map(|root| {
            let name = match &root.kind {
                RootKind::Listen(..) => return None,
                RootKind::Task(When::Once) => "task".to_owned(),
                RootKind::Task(When::Every(seconds)) => format!("task every {seconds} s"),
                RootKind::Task(When::Signal(signal)) => format!("task {signal}"),
                RootKind::Watch(path) => format!("watch {path}"),
                RootKind::Exit => "exit".to_owned(),
                RootKind::Admin(path) => format!("admin {path}"),
            };
            Some(graph(name, &root.layout))
        });
        ports.chain(others).collect()
    }

    /// Ends everything at once.
    pub(super) fn stop(&mut self) {
        self.draining = None;
        self.ports.clear();
        self.retire();
        for realm in self.superseded.iter().filter_map(Weak::upgrade) {
            realm.background.leave(true);
            realm.turn(None, |_, _| {});
        }
    }
}

/// Calls the functions that `pipy.exit(fn)` registered; what is returned settles when their promises have.
fn exit_callbacks(program: &Program) -> Vec<oneshot::Receiver<()>> {
    let callbacks = program.host.exits.take();
    let mut waiting = Vec::new();
    let context = program.realm.scope.context(None);
    program.realm.turn(None, |cx, _| {
        for callback in callbacks {
            match cx.call_in(&context, &callback, ()) {
                Err(error) => drop(cx.failed("pipy.exit", error)),
                Ok(value) => {
                    let Some(promise) = js::promise_of(&value) else {
                        continue;
                    };
                    let (done, settled) = oneshot::channel();
                    if js::on_settled(&cx.js, &promise, move |_| send(done)).is_ok() {
                        waiting.push(settled);
                    }
                }
            }
        }
    });
    waiting
}

/// Runs at once, then every so many seconds counted from tick to tick; a tick finds the previous run under way: skipped.
fn every(seconds: f64, runner: Rc<Runner>) -> Task {
    spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(seconds));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            runner.start(false);
        }
    })
}

/// The addresses of all `listen` pipelines with what they get.
fn ports(ctx: &Ctx<'_>, realm: &Rc<Realm>, roots: &[Root]) -> Result<Vec<(Address, ListenTarget)>, Error> {
    let mut ports = Vec::new();
    for root in roots {
        let RootKind::Listen(port, options) = &root.kind else {
            continue;
        };
        let wrong = |message: String| {
            let mut error = ScriptError::at(&root.place, format!("Error: {message}"));
            error.text = Positions::of(ctx).line(&error.file, error.line);
            Error::Script(error)
        };
        let port = port.get(ctx);
        if let Some(all) = globals::follow_listeners(&port, &root.layout) {
            let target = |options| ListenTarget {
                realm: realm.clone(),
                layout: root.layout.clone(),
                options,
            };
            ports.extend(all.into_iter().map(|(address, options)| (address, target(options))));
            continue;
        }
        let port = match js::value_to_text(ctx, &port) {
            // Falsy: no port.
            text if text.is_empty() || js::is_nullish(&port) || port.as_bool() == Some(false) => "0".to_owned(),
            text => text,
        };
        let options = options.as_ref().map(|options: &Saved| options.get(ctx));
        let parsed = match options {
            None => Ok((ListenOptions::default(), root.layout.clone())),
            Some(value) => JsOptions::new(ctx, &value).and_then(|options| {
                let layout = behind_tls(ctx, &root.layout, &options)?;
                Ok((ListenOptions::parse(&options, ctx)?, layout))
            }),
        };
        let (options, layout) = parsed.map_err(|error| {
            let (described, _) = js::caught(ctx, error);
            let message = described
                .message
                .trim_start_matches("Type")
                .trim_start_matches("Error: ");
            wrong(format!("listen: {}", message.trim_start_matches("listen: ")))
        })?;
        let address = parse_address(&port, options.protocol).map_err(|what| wrong(format!("listen: {what}")))?;
        if let Some(address) = address {
            ports.push((
                address,
                ListenTarget {
                    realm: realm.clone(),
                    layout,
                    options,
                },
            ));
        }
    }
    Ok(ports)
}

/// Tells who waits, if somebody still does.
fn send(done: oneshot::Sender<()>) {
    done.send(()).ok();
}
