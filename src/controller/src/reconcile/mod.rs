//! The loop while we lead: watches → what is known → queue → publishes. One task decides, so nothing is locked. Every pass is
//! from state, not from events: an event only says which Pod to look at.
//!
//! - `pod_watch`, `config_map_watch`: events of the API server
//! - `known`: the newest state of each object
//! - `configuration_watch`, `configurations`, `configuration_held`, `configuration_passes`, `configured`: what InfraConfigurations set, and whom a change of them concerns
//! - `queue`: which object is next
//! - `gate`: whether the Repo answers

mod config_map_watch;
mod configuration_held;
mod configuration_passes;
mod configuration_watch;
mod configurations;
mod configured;
mod gate;
mod known;
mod pod_watch;
mod queue;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered, SelectAll};
use kube::runtime::watcher;
use tokio::sync::oneshot;

use crate::config::Config;
use crate::error::{Error, causes};
use crate::events::{self, Allowance};
use crate::limits::{CONCURRENT_EVENTS, CONCURRENT_PUBLISHES, SWEEP};
use crate::metrics::Metrics;
use crate::publish::{Done, Publisher, key_of};

use configurations::Configurations;
pub(crate) use configurations::SYSTEM;
use configured::Chore;
use gate::Gate;
pub(crate) use known::{Key, Kind};
use known::{Known, Seen};
pub(crate) use pod_watch::Pod;
use queue::Queue;

/// Work that has come to an end.
enum Finished {
    Publish(Key, Result<(Option<String>, Done), Error>),
    Names(Result<Vec<String>, Error>),
}

/// Events of objects: kind, number of the watch, event.
type Watches = SelectAll<BoxStream<'static, (Kind, u8, Result<Seen, watcher::Error>)>>;

/// State of one term as leader.
struct Term<'a> {
    publisher: &'a Publisher,
    features: &'a [String],
    pods: Known,
    config_maps: Known,
    configurations: Configurations,
    /// Namespaces whose Pods are watched whatever their labels: number of the watch, and what ends it when it is dropped.
    namespaces: HashMap<String, (u8, oneshot::Sender<Infallible>)>,
    queue: Queue,
    gate: Gate,
    /// Known objects that have no codebase and should have none: UID and what was told about it.
    unserved: HashMap<Key, (Option<String>, String)>,
    /// When the names in the Repo are looked at next; `None`: they are being looked at.
    sweep: Option<Instant>,
    running: FuturesUnordered<BoxFuture<'a, Finished>>,
    /// Secrets that are read and statuses that are written.
    chores: FuturesUnordered<BoxFuture<'a, Chore>>,
    /// Events under way, and how many more may be made.
    telling: FuturesUnordered<BoxFuture<'a, ()>>,
    allowance: Allowance,
    /// Who we are in Events.
    reporter: &'a str,
    metrics: &'a Metrics,
}

/// Keeps the Repo as the Pods with these features say, for ever. May be dropped at any point: the next one begins anew and
/// takes up what was left.
pub(crate) async fn run(publisher: &Publisher, config: &Config, metrics: &Metrics) -> Infallible {
    Metrics::set(&metrics.leading, 1);
    let features = &config.features;
    let mut watches = Watches::new();
    let mut configurations = configuration_watch::configurations(publisher.client.clone());
    for (number, feature) in (0u8..).zip(features) {
        let events = pod_watch::pods(publisher.client.clone(), feature);
        watches.push(events.map(move |event| (Kind::Pod, number, event)).boxed());
    }
    let events = config_map_watch::config_maps(publisher.client.clone());
    watches.push(events.map(move |event| (Kind::ConfigMap, 0, event)).boxed());
    let mut term = Term {
        publisher,
        features,
        pods: Known::new(Kind::Pod),
        config_maps: Known::new(Kind::ConfigMap),
        configurations: Configurations::default(),
        namespaces: HashMap::new(),
        queue: Queue::default(),
        gate: Gate::default(),
        unserved: HashMap::new(),
        sweep: Some(Instant::now()),
        running: FuturesUnordered::new(),
        chores: FuturesUnordered::new(),
        telling: FuturesUnordered::new(),
        allowance: Allowance::new(Instant::now()),
        reporter: &config.identity,
        metrics,
    };
    let mut resync = tokio::time::interval_at(tokio::time::Instant::now() + config.resync, config.resync);
    loop {
        term.configure(&mut watches);
        if term.configurations.is_passing() {
            // Between two steps of a pass, others of this task.
            tokio::task::yield_now().await;
        }
        term.start();
        term.measure();
        let wake = term.wake();
        tokio::select! {
            Some((kind, watch, event)) = watches.next() => match event {
                Ok(event) => term.seen(kind, watch, event),
                Err(error) => tracing::warn!(?kind, watch, "watch: {}; trying again", causes(&error)),
            },
            Some(told) = configurations.next() => match told {
                Ok(told) => term.configurations.apply(told, Instant::now()),
                Err(error) => tracing::warn!("watch of configurations: {}; trying again", causes(&error)),
            },
            Some(chore) = term.chores.next(), if !term.chores.is_empty() => term.chore_done(chore),
            Some(finished) = term.running.next(), if !term.running.is_empty() => term.finished(finished),
            Some(()) = term.telling.next(), if !term.telling.is_empty() => {}
            () = until(wake) => {}
            _ = resync.tick() => term.push_all(),
        }
    }
}

impl<'a> Term<'a> {
    /// Starts what there is room for.
    fn start(&mut self) {
        let now = Instant::now();
        let publisher = self.publisher;
        // Published with half of what is set, a Pod would be registered somewhere else for a moment.
        let Some(configurations) = self.configurations.current() else {
            return;
        };
        while self.running.len() < self.gate.room(now, CONCURRENT_PUBLISHES) {
            if self.sweep.is_some_and(|at| at <= now) && self.is_any_complete() {
                self.sweep = None;
                let names = async { Finished::Names(publisher.writer.list().await.map_err(Error::from)) };
                self.running.push(Box::pin(names));
                continue;
            }
            let Some(key) = self.queue.pop(now) else { break };
            let pod = match key.kind {
                Kind::Pod => self.pods.get(&key),
                // Its contents are not watched but read when they are needed.
                Kind::ConfigMap => None,
            };
            let configurations = Arc::clone(&configurations);
            self.running.push(Box::pin(async move {
                let done = publisher.publish(&key, pod, &configurations).await;
                Finished::Publish(key, done)
            }));
        }
    }

    fn measure(&self) {
        Metrics::set(&self.metrics.pods, self.pods.len());
        Metrics::set(&self.metrics.config_maps, self.config_maps.len());
        Metrics::set(&self.metrics.waiting, self.queue.len());
        Metrics::set(&self.metrics.repo_silent, usize::from(self.gate.opens().is_some()));
    }

    /// When to look again though nothing happens. What is due and could not be started waits for room, so the end of other
    /// work wakes it.
    fn wake(&self) -> Option<Instant> {
        [self.wake_to_publish(), self.wake_to_configure()]
            .into_iter()
            .flatten()
            .min()
    }

    fn wake_to_publish(&self) -> Option<Instant> {
        let now = Instant::now();
        self.configurations.current()?;
        match self.gate.opens() {
            Some(at) if at > now => Some(at),
            _ if self.running.len() >= self.gate.room(now, CONCURRENT_PUBLISHES) => None,
            _ => {
                let sweep = self.sweep.filter(|_| self.is_any_complete());
                [self.queue.next_retry(), sweep].into_iter().flatten().min()
            }
        }
    }

    fn seen(&mut self, kind: Kind, watch: u8, event: Seen) {
        let was_complete = self.is_complete(kind);
        let known = match kind {
            Kind::Pod => &mut self.pods,
            Kind::ConfigMap => &mut self.config_maps,
        };
        for key in known.apply(watch, event) {
            self.queue.push(key);
        }
        let configurations = self.configurations.current().unwrap_or_default();
        for pod in self.pods.take_replaced() {
            self.publisher.replaced(&pod, &configurations);
        }
        if kind == Kind::Pod {
            self.configurations.pods_changed(Instant::now());
        }
        if !was_complete && self.is_complete(kind) {
            let (what, number) = match kind {
                Kind::Pod => ("pods", self.pods.len()),
                Kind::ConfigMap => ("config maps", self.config_maps.len()),
            };
            tracing::info!(number, "all {what} are known");
            // The names in the Repo are looked at anew.
            self.sweep = self.sweep.map(|_| Instant::now());
        }
    }

    /// Whether "not seen" means "not there".
    fn is_complete(&self, kind: Kind) -> bool {
        match kind {
            Kind::Pod => self.pods.is_complete(self.features.len()),
            Kind::ConfigMap => self.config_maps.is_complete(1),
        }
    }

    fn is_any_complete(&self) -> bool {
        self.is_complete(Kind::Pod) || self.is_complete(Kind::ConfigMap)
    }

    fn finished(&mut self, finished: Finished) {
        let now = Instant::now();
        let error = match &finished {
            Finished::Publish(_, Err(error)) | Finished::Names(Err(error)) => Some(error),
            _ => None,
        };
        let is_outage = error.is_some_and(Error::is_outage);
        // In these cases it was not asked.
        let is_unasked = matches!(
            finished,
            Finished::Publish(_, Ok((_, Done::Impossible(_))) | Err(Error::Api { .. }))
        );
        if is_outage {
            if let (Some(pause), Some(error)) = (self.gate.silent(now, fastrand::f64()), error) {
                tracing::warn!("the repo does not answer as it should: {error}; trying again in {pause:.1?}");
            }
        } else if !is_unasked && self.gate.answered() {
            tracing::info!("the repo answers again");
        }
        match finished {
            Finished::Publish(key, Ok((uid, done))) => {
                self.metrics.count(&done);
                let is_news = self.is_news(&key, uid.as_deref(), &done);
                if is_news {
                    tell(&key, &done);
                }
                if let Some(uid) = uid.filter(|_| is_news) {
                    self.make_events(&key, &uid, &done);
                }
                self.queue.done(&key);
                // Why it went, if its labels still ask for something, comes out at a second look.
                if done == Done::Deleted && self.has(&key) {
                    self.queue.push(key);
                }
            }
            Finished::Publish(key, Err(_)) if is_outage => self.queue.put_back(&key),
            Finished::Publish(key, Err(error)) => {
                self.metrics.failed.fetch_add(1, Ordering::Relaxed);
                let (pause, times) = self.queue.failed(&key, now, fastrand::f64());
                // What goes on failing is told more and more seldom.
                if times.is_power_of_two() {
                    tracing::warn!(%key, times, "{}; trying again in {pause:.1?}", causes(&error));
                }
            }
            Finished::Names(Ok(names)) => {
                self.sweep = Some(now + SWEEP);
                self.compare(&names);
            }
            Finished::Names(Err(error)) => {
                self.sweep = Some(now + SWEEP);
                if is_outage {
                    self.sweep = Some(now);
                } else {
                    tracing::warn!("names of codebases: {error}; trying again in {SWEEP:.1?}");
                }
            }
        }
    }

    /// Whether a watch shows it.
    fn has(&self, key: &Key) -> bool {
        match key.kind {
            Kind::Pod => self.pods.has(key),
            Kind::ConfigMap => self.config_maps.has(key),
        }
    }

    /// Whether `done` says anything that was not said of this object before; keeps in mind what is as it should be without a
    /// codebase.
    fn is_news(&mut self, key: &Key, uid: Option<&str>, done: &Done) -> bool {
        let reason = match done {
            Done::Nothing | Done::Deleted => "",
            Done::Impossible(reason) => reason,
            Done::Published(..) | Done::Foreign => {
                self.unserved.remove(key);
                return true;
            }
        };
        if !self.has(key) {
            self.unserved.remove(key);
            return true;
        }
        let now = (uid.map(str::to_owned), reason.to_owned());
        let is_told = !reason.is_empty() && self.unserved.get(key) == Some(&now);
        self.unserved.insert(key.clone(), now);
        !is_told
    }

    fn make_events(&mut self, key: &Key, uid: &str, done: &Done) {
        for event in events::of(key, uid, done, self.reporter) {
            if self.telling.len() < CONCURRENT_EVENTS && self.allowance.take(Instant::now()) {
                let client = self.publisher.client.clone();
                self.telling.push(Box::pin(events::make(client, event)));
            }
        }
    }

    /// Looks at what only one side has: the Repo, or what is known. Of a kind that is not known whole nothing is looked at.
    fn compare(&mut self, names: &[String]) {
        let served: HashSet<Key> = names.iter().filter_map(|name| key_of(name)).collect();
        // What is served all the same is looked at like any other when it goes.
        self.unserved.retain(|key, _| !served.contains(key));
        let known = self.pods.keys().chain(self.config_maps.keys());
        for key in known.filter(|key| !served.contains(key) && !self.unserved.contains_key(key)) {
            self.queue.push(key.clone());
        }
        for key in served {
            if !self.has(&key) && self.is_complete(key.kind) {
                self.queue.push(key);
            }
        }
    }

    fn push_all(&mut self) {
        let known = self.pods.keys().chain(self.config_maps.keys());
        known.for_each(|key| self.queue.push_later(key.clone()));
    }
}

fn tell(key: &Key, done: &Done) {
    match done {
        Done::Published(ballast_repo_client::Published::Unchanged, _) => tracing::debug!(%key, "unchanged"),
        Done::Published(published, warnings) => {
            tracing::info!(%key, "{published}");
            for warning in warnings {
                tracing::warn!(%key, "{warning}");
            }
        }
        Done::Deleted => tracing::info!(%key, "deleted"),
        Done::Nothing => tracing::debug!(%key, "nothing to publish"),
        Done::Foreign => {
            tracing::debug!(%key, "its codebase was not made from an object of a cluster; left as it is")
        }
        Done::Impossible(reason) => tracing::warn!(%key, "{reason}"),
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
