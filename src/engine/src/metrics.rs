//! Counters of one worker: written by its thread alone, summed by the control thread when somebody asks. By listener and
//! target they are counted in plain cells of the worker's thread, and only read there ([`builtin`]).
//! Names: pipyjs/globals.md section 10 (built-in metrics). What upstream's names mean here: objects are those that scripts
//! hold and that have native parts, chunks are the pieces of their `Data`, a pool holds pipelines that have ended.

use crate::budget;
use crate::limits;
use crate::series::{Metric, MetricKind, Series};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What one worker counts.
#[derive(Debug, Default)]
pub struct Counters {
    /// Pipelines that run now.
    pub pipelines: Gauge,
    /// Accepted connections that are open now.
    pub inbound: Gauge,
    /// Bytes received from accepted connections.
    pub inbound_in: Counter,
    /// Bytes sent to accepted connections.
    pub inbound_out: Counter,
    /// Connections that are being opened.
    pub dialing: Gauge,
    /// Connections that we opened and that are open now.
    pub outbound: Gauge,
    /// Bytes received from connections that we opened.
    pub outbound_in: Counter,
    /// Bytes sent to connections that we opened.
    pub outbound_out: Counter,
    /// Pipes of the kernel's that relayed bytes go through now.
    pub conduits: Gauge,
    /// Streams that ended with an error, by who is to blame; see [`Counters::blame`].
    pub errors: [Counter; 4],
}

/// Who is to blame for a stream that ended with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The peer that we connected to.
    Upstream,
    /// The peer that connected to us.
    Downstream,
    /// The script.
    Script,
    /// Us: a bug.
    Internal,
}

impl Counters {
    /// The counter of streams that ended with an error by this one's fault.
    pub fn blame(&self, blame: Blame) -> &Counter {
        let [upstream, downstream, script, internal] = &self.errors;
        match blame {
            Blame::Upstream => upstream,
            Blame::Downstream => downstream,
            Blame::Script => script,
            Blame::Internal => internal,
        }
    }
}

/// What is counted while it lives, on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `Data` of scripts.
    Data,
    /// `Message` of scripts.
    Message,
    /// `MessageStart` of scripts.
    MessageStart,
    /// Pieces of `Data` of scripts.
    Chunk,
    /// Filters of a pipeline that has ended, kept for the next one.
    Spare,
    /// Loaded versions of the scripts: one, and those whose last pipelines have not ended.
    Realm,
}

thread_local! {
    static ALIVE: [Cell<i64>; 6] = const { [const { Cell::new(0) }; 6] };
}

fn add_alive(kind: Kind, n: i64) {
    // The thread may be past its end: then nobody counts any more.
    ALIVE
        .try_with(|alive| {
            if let Some(count) = alive.get(kind as usize) {
                count.set(count.get() + n);
            }
        })
        .ok();
}

fn alive(kind: Kind) -> f64 {
    ALIVE.with(|alive| alive.get(kind as usize).map_or(0, Cell::get)) as f64
}

/// Counts something, or several of it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Alive(Kind, i64);

impl Alive {
    /// One of this kind.
    pub(crate) fn one(kind: Kind) -> Self {
        Alive::many(kind, 1)
    }

    /// So many.
    pub(crate) fn many(kind: Kind, count: usize) -> Self {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        add_alive(kind, count);
        Alive(kind, count)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        add_alive(self.0, -self.1);
    }
}

/// Connections and bytes of one listener (or peer of it) or target, on this thread.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Connections that are open now.
    pub open: Cell<i64>,
    /// Bytes received.
    pub received: Cell<u64>,
    /// Bytes sent.
    pub sent: Cell<u64>,
    /// Times that connecting took: counts by bucket, then count and sum. Targets only.
    dialed: RefCell<Vec<f64>>,
}

/// Upper bounds of the times that connecting takes, milliseconds.
const DIAL_BUCKETS: &[f64] = &[
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    50.0,
    100.0,
    200.0,
    500.0,
    1000.0,
    2000.0,
    5000.0,
    10_000.0,
    f64::INFINITY,
];

/// By listener and, with `peerStats`, by peer; by target.
type Table = RefCell<BTreeMap<(String, String), Rc<Traffic>>>;

thread_local! {
    static INBOUND: Table = const { RefCell::new(BTreeMap::new()) };
    static OUTBOUND: Table = const { RefCell::new(BTreeMap::new()) };
}

fn entry(table: &'static std::thread::LocalKey<Table>, label: &str, below: &str) -> Rc<Traffic> {
    table.with_borrow_mut(|table| {
        let mut key = (label.to_owned(), below.to_owned());
        if !table.contains_key(&key) && table.len() >= limits::METRIC_PEERS {
            key = ("other".to_owned(), String::new());
        }
        table.entry(key).or_default().clone()
    })
}

impl Traffic {
    /// Of connections that this listener accepts; `peer`: from there, or empty.
    pub(crate) fn inbound(listener: &str, peer: &str) -> Rc<Traffic> {
        entry(&INBOUND, listener, peer)
    }

    /// Of connections to this target.
    pub(crate) fn outbound(target: &str) -> Rc<Traffic> {
        entry(&OUTBOUND, target, "")
    }

    /// A connection was made within so many milliseconds.
    pub(crate) fn dialed(&self, ms: f64) {
        let mut times = self.dialed.borrow_mut();
        let buckets = DIAL_BUCKETS.len();
        times.resize(buckets + 2, 0.0);
        let bucket = DIAL_BUCKETS.partition_point(|bound| *bound < ms);
        for (index, more) in [(bucket, 1.0), (buckets, 1.0), (buckets + 1, ms)] {
            if let Some(value) = times.get_mut(index) {
                *value += more;
            }
        }
    }
}

/// The built-in metrics of the worker whose thread this is. A root is the sum of its labels.
pub(crate) fn builtin(counters: &Counters) -> Vec<Metric> {
    let plain = |name: &str, kind, value: f64| metric(name, kind, &[], Series::new("", value));
    let count = |name: &str, gauge: &Gauge| plain(name, MetricKind::Gauge, gauge.get() as f64);
    let total = |name: &str, counter: &Counter| plain(name, MetricKind::Counter, counter.get() as f64);
    let by_class = |name: &str, classes: &[(&str, f64)]| {
        let root = Series {
            label: String::new(),
            values: vec![classes.iter().map(|(_, value)| value).sum()],
            children: classes
                .iter()
                .map(|(class, value)| Series::new(*class, *value))
                .collect(),
        };
        metric(name, MetricKind::Gauge, &["class"], root)
    };
    let (running, spare) = (counters.pipelines.get() as f64, alive(Kind::Spare));
    let (held, data) = budget::used();
    let mut all = vec![
        plain("pipy_chunk_count", MetricKind::Gauge, alive(Kind::Chunk)),
        by_class(
            "pipy_object_count",
            &[
                ("Data", alive(Kind::Data)),
                ("Message", alive(Kind::Message)),
                ("MessageStart", alive(Kind::MessageStart)),
                ("Inbound", counters.inbound.get() as f64),
                ("Outbound", counters.outbound.get() as f64),
            ],
        ),
        count("pipy_pipeline_count", &counters.pipelines),
        by_class("pipy_pool_allocated", &[("Pipeline", running + spare)]),
        by_class("pipy_pool_spare", &[("Pipeline", spare)]),
        plain("ballast_realm_count", MetricKind::Gauge, alive(Kind::Realm)),
        plain("ballast_held_bytes", MetricKind::Gauge, held as f64),
        plain("ballast_data_bytes", MetricKind::Gauge, data as f64),
    ];
    let mut labelled = |mut metric: Metric, table, dimensions: &[&str], value: fn(&Traffic) -> f64| {
        metric.dimensions = dimensions.iter().map(|name| (*name).to_owned()).collect();
        metric.root.children = children(table, |traffic| vec![value(traffic)]);
        all.push(metric);
    };
    let (listener, target) = (["listener", "peer"], ["target"]);
    let open = |traffic: &Traffic| traffic.open.get() as f64;
    let received = |traffic: &Traffic| traffic.received.get() as f64;
    let sent = |traffic: &Traffic| traffic.sent.get() as f64;
    labelled(
        count("pipy_inbound_count", &counters.inbound),
        &INBOUND,
        &listener,
        open,
    );
    labelled(
        total("pipy_inbound_in", &counters.inbound_in),
        &INBOUND,
        &listener,
        received,
    );
    labelled(
        total("pipy_inbound_out", &counters.inbound_out),
        &INBOUND,
        &listener,
        sent,
    );
    labelled(
        count("pipy_outbound_count", &counters.outbound),
        &OUTBOUND,
        &target,
        open,
    );
    labelled(
        total("pipy_outbound_in", &counters.outbound_in),
        &OUTBOUND,
        &target,
        received,
    );
    labelled(
        total("pipy_outbound_out", &counters.outbound_out),
        &OUTBOUND,
        &target,
        sent,
    );
    let times = children(&OUTBOUND, |traffic| traffic.dialed.borrow().clone());
    let mut summed = vec![0.0; DIAL_BUCKETS.len() + 2];
    for series in &times {
        summed
            .iter_mut()
            .zip(&series.values)
            .for_each(|(sum, value)| *sum += value);
    }
    let root = Series {
        label: String::new(),
        values: summed,
        children: times,
    };
    let mut times = metric("pipy_outbound_conn_time", MetricKind::Histogram, &target, root);
    times.buckets = DIAL_BUCKETS.to_vec();
    times.root.children.retain(|series| !series.values.is_empty());
    all.push(times);
    for (name, blame) in [
        ("ballast_upstream_errors", Blame::Upstream),
        ("ballast_downstream_errors", Blame::Downstream),
        ("ballast_script_errors", Blame::Script),
        ("ballast_internal_errors", Blame::Internal),
    ] {
        all.push(total(name, counters.blame(blame)));
    }
    all
}

fn metric(name: &str, kind: MetricKind, dimensions: &[&str], root: Series) -> Metric {
    Metric {
        name: name.to_owned(),
        kind,
        dimensions: dimensions.iter().map(|name| (*name).to_owned()).collect(),
        buckets: Vec::new(),
        root,
    }
}

/// A series a listener or target, with one a peer below it.
fn children(table: &'static std::thread::LocalKey<Table>, values: impl Fn(&Traffic) -> Vec<f64>) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    table.with_borrow(|table| {
        // Sorted: the peers of a listener follow it.
        for ((label, below), traffic) in table {
            let values = values(traffic);
            let last = all.last_mut().filter(|last| last.label == *label);
            match (last, below.is_empty()) {
                (Some(last), false) => last.children.push(Series {
                    label: below.clone(),
                    values,
                    children: Vec::new(),
                }),
                (_, true) => all.push(Series {
                    label: label.clone(),
                    values,
                    children: Vec::new(),
                }),
                (None, false) => all.push(Series {
                    label: label.clone(),
                    values: vec![0.0; values.len()],
                    children: vec![Series {
                        label: below.clone(),
                        values,
                        children: Vec::new(),
                    }],
                }),
            }
        }
    });
    all
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        // One thread writes: no other's change can come between.
        self.0
            .store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that grows and shrinks.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        // One thread writes: no other's change can come between.
        self.0
            .store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }
    /// The number now.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
