//! What the metrics have been, for drawings: one sample of each root each few seconds, as many as the bound allows.
//! Source: pipyjs/repo.md section 5 (`/api/v1/metrics`), which leaves the form open.

use crate::limits;
use ballast_engine::Metric;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// See the module.
#[derive(Default)]
pub(super) struct Samples(VecDeque<(f64, BTreeMap<String, f64>)>);

impl Samples {
    /// Keeps the roots' values; the oldest sample goes when there are too many.
    pub(super) fn push(&mut self, now_ms: f64, metrics: &[Metric]) {
        if self.0.len() >= limits::METRIC_SAMPLES {
            self.0.pop_front();
        }
        let values = metrics.iter().take(limits::SAMPLED_METRICS).map(|metric| {
            // Of a histogram how many there were, which stands before the sum.
            let counts = metric.root.values.len().saturating_sub(2);
            let at = if metric.buckets.is_empty() { 0 } else { counts };
            let value = metric.root.values.get(at).copied().unwrap_or_default();
            (metric.name.clone(), value)
        });
        self.0.push_back((now_ms, values.collect()));
    }

    /// `{ time: [milliseconds...], metrics: { name: [value or null...] } }` of all or of one; None: of no such name.
    pub(super) fn json(&self, name: Option<&str>) -> Option<String> {
        let mut rows: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (at, (_, values)) in self.0.iter().enumerate() {
            for (known, value) in values
                .iter()
                .filter(|(known, _)| name.is_none_or(|name| name == *known))
            {
                let row = rows.entry(known).or_default();
                row.resize(at, Value::Null);
                row.push(Value::from(*value));
            }
        }
        if name.is_some() && rows.is_empty() {
            return None;
        }
        rows.values_mut().for_each(|row| row.resize(self.0.len(), Value::Null));
        let times: Vec<f64> = self.0.iter().map(|(time, _)| *time).collect();
        Some(json!({ "time": times, "metrics": rows }).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_engine::{MetricKind, Series};

    fn metric(name: &str, value: f64) -> Metric {
        Metric {
            name: name.to_owned(),
            kind: MetricKind::Counter,
            dimensions: Vec::new(),
            buckets: Vec::new(),
            root: Series {
                values: vec![value],
                ..Series::default()
            },
        }
    }

    #[test]
    fn samples_come_and_go() {
        let mut samples = Samples::default();
        samples.push(1.0, &[metric("a", 1.0)]);
        samples.push(2.0, &[metric("a", 2.0), metric("b", 7.0)]);
        let one = |name: &str| samples.json(Some(name));
        assert_eq!(
            one("a"),
            Some(json!({ "time": [1.0, 2.0], "metrics": { "a": [1.0, 2.0] } }).to_string())
        );
        assert_eq!(
            one("b"),
            Some(json!({ "time": [1.0, 2.0], "metrics": { "b": [null, 7.0] } }).to_string())
        );
        assert_eq!(one("c"), None);
        (0..2 * limits::METRIC_SAMPLES).for_each(|_| samples.push(3.0, &[]));
        assert_eq!(samples.0.len(), limits::METRIC_SAMPLES);
    }
}
