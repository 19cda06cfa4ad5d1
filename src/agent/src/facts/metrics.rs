//! The engine's counters, summed over its threads, in the two forms in which they are asked for.
//! Sources: pipyjs/globals.md section 10 (names), repo.md 1.2 (JSON), Prometheus text format 0.0.4.

use ballast_engine::{Blame, Counters};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

enum Kind {
    Counter,
    Gauge,
}

/// Name, kind, sum.
fn sums(counters: &[Arc<Counters>]) -> Vec<(&'static str, Kind, i64)> {
    let sum = |get: fn(&Counters) -> i64| counters.iter().map(|counters| get(counters)).sum();
    vec![
        ("pipy_pipeline_count", Kind::Gauge, sum(|c| c.pipelines.get())),
        ("pipy_inbound_count", Kind::Gauge, sum(|c| c.inbound.get())),
        ("pipy_inbound_in", Kind::Counter, sum(|c| saturate(c.inbound_in.get()))),
        (
            "pipy_inbound_out",
            Kind::Counter,
            sum(|c| saturate(c.inbound_out.get())),
        ),
        ("pipy_outbound_count", Kind::Gauge, sum(|c| c.outbound.get())),
        (
            "pipy_outbound_in",
            Kind::Counter,
            sum(|c| saturate(c.outbound_in.get())),
        ),
        (
            "pipy_outbound_out",
            Kind::Counter,
            sum(|c| saturate(c.outbound_out.get())),
        ),
        (
            "ballast_upstream_errors",
            Kind::Counter,
            sum(|c| saturate(c.blame(Blame::Upstream).get())),
        ),
        (
            "ballast_downstream_errors",
            Kind::Counter,
            sum(|c| saturate(c.blame(Blame::Downstream).get())),
        ),
        (
            "ballast_script_errors",
            Kind::Counter,
            sum(|c| saturate(c.blame(Blame::Script).get())),
        ),
        (
            "ballast_internal_errors",
            Kind::Counter,
            sum(|c| saturate(c.blame(Blame::Internal).get())),
        ),
    ]
}

fn saturate(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The `metrics` of a status report, in full form.
pub(super) fn report(counters: &[Arc<Counters>]) -> Value {
    let roots: Vec<Value> = sums(counters)
        .into_iter()
        .map(|(name, kind, sum)| json!({ "k": name, "t": kind.name(), "v": sum }))
        .collect();
    json!({ "version": 1, "roots": roots })
}

/// Prometheus text.
pub(super) fn prometheus(counters: &[Arc<Counters>]) -> String {
    let mut text = String::new();
    for (name, kind, sum) in sums(counters) {
        let kind = kind.name().to_ascii_lowercase();
        let _infallible = writeln!(text, "# TYPE {name} {kind}\n{name} {sum}");
    }
    text
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Counter => "Counter",
            Kind::Gauge => "Gauge",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_summed() {
        let threads: Vec<Arc<Counters>> = vec![Arc::default(), Arc::default()];
        threads[0].inbound_in.add(3);
        threads[1].inbound_in.add(4);
        threads[1].inbound.add(2);
        let text = prometheus(&threads);
        assert!(
            text.contains("# TYPE pipy_inbound_in counter\npipy_inbound_in 7\n"),
            "{text}"
        );
        assert!(
            text.contains("# TYPE pipy_inbound_count gauge\npipy_inbound_count 2\n"),
            "{text}"
        );
    }
}
