//! Counters of one worker: written by its thread alone, summed by the control thread when somebody asks.
//! Names: pipyjs/globals.md section 10 (built-in metrics).

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
    /// Connections that we opened and that are open now.
    pub outbound: Gauge,
    /// Bytes received from connections that we opened.
    pub outbound_in: Counter,
    /// Bytes sent to connections that we opened.
    pub outbound_out: Counter,
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

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
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
        self.0.fetch_add(n, Ordering::Relaxed);
    }
    /// The number now.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
