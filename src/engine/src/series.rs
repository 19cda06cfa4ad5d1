//! Metrics as values that cross threads: read on a worker, summed by who asked (`stats.sum`, the admin port, status
//! reports). Not for: counting, which metrics.rs and `stats` of scripts do. Source: pipyjs/globals.md section 10.

use std::collections::HashMap;

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Grows and shrinks.
    Gauge,
    /// Counts by bucket.
    Histogram,
}

impl MetricKind {
    /// As scripts and status reports name it.
    pub fn name(self) -> &'static str {
        match self {
            MetricKind::Counter => "Counter",
            MetricKind::Gauge => "Gauge",
            MetricKind::Histogram => "Histogram",
        }
    }
}

/// A metric with all of its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: MetricKind,
    /// Names of the labels, outermost first.
    pub dimensions: Vec<String>,
    /// Upper bounds of a histogram's buckets, ascending.
    pub buckets: Vec<f64>,
    /// The values.
    pub root: Series,
}

/// A value, and those of the labels below it. Parent and children are independent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// The label's value; empty for the root.
    pub label: String,
    /// One number; for a histogram its counts by bucket (not cumulative), then count and sum.
    pub values: Vec<f64>,
    /// By the next label.
    pub children: Vec<Series>,
}

impl Series {
    /// A series without children.
    pub(crate) fn new(label: impl Into<String>, value: f64) -> Self {
        Series {
            label: label.into(),
            values: vec![value],
            children: Vec::new(),
        }
    }

    /// Adds the values of another thread.
    fn add(&mut self, other: Series) {
        self.values.resize(self.values.len().max(other.values.len()), 0.0);
        for (value, more) in self.values.iter_mut().zip(&other.values) {
            *value += more;
        }
        let places = self.children.iter().enumerate();
        let places: HashMap<String, usize> = places.map(|(at, child)| (child.label.clone(), at)).collect();
        for child in other.children {
            let known = places.get(&child.label).and_then(|at| self.children.get_mut(*at));
            match known {
                Some(known) => known.add(child),
                None => self.children.push(child),
            }
        }
    }
}

/// The metrics of several threads in one list, in the order in which they first appear. Of those that differ in more
/// than values (while threads reload one after the other) the first one stands.
pub(crate) fn sum(threads: impl IntoIterator<Item = Vec<Metric>>) -> Vec<Metric> {
    let mut all: Vec<Metric> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for metric in threads.into_iter().flatten() {
        let known = places.get(&metric.name).and_then(|at| all.get_mut(*at));
        match known {
            Some(known) if known.kind == metric.kind && known.buckets == metric.buckets => known.root.add(metric.root),
            Some(_) => {}
            None => {
                places.insert(metric.name.clone(), all.len());
                all.push(metric);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_summed_label_by_label() {
        let thread = |root: f64, labels: &[(&str, f64)]| {
            vec![Metric {
                name: "hits".to_owned(),
                kind: MetricKind::Counter,
                dimensions: vec!["path".to_owned()],
                buckets: Vec::new(),
                root: Series {
                    children: labels
                        .iter()
                        .map(|(label, value)| Series::new(*label, *value))
                        .collect(),
                    ..Series::new("", root)
                },
            }]
        };
        let summed = sum([thread(1.0, &[("/a", 2.0)]), thread(10.0, &[("/b", 5.0), ("/a", 3.0)])]);
        assert_eq!(summed, thread(11.0, &[("/a", 5.0), ("/b", 5.0)]));
    }
}
