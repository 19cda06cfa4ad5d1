//! The engine's metrics in the two forms in which they are asked for.
//! Sources: pipyjs/globals.md section 10 (names), repo.md 1.2 (JSON), Prometheus text format 0.0.4.

use ballast_engine::{Metric, MetricKind, Series};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The `metrics` of a status report. After `last`, which the Repo has understood, values alone.
pub(super) fn report(metrics: &[Metric], version: u64, last: Option<u64>) -> Value {
    let roots: Vec<Value> = metrics
        .iter()
        .map(|metric| {
            let mut root = series(metric, &metric.root, last.is_none());
            if last.is_none() {
                root.insert("k".to_owned(), Value::from(metric.name.as_str()));
                root.insert("t".to_owned(), Value::from(metric.kind.name()));
                if !metric.dimensions.is_empty() {
                    root.insert("l".to_owned(), Value::from(metric.dimensions.join("/")));
                }
            }
            Value::Object(root)
        })
        .collect();
    let mut report = json!({ "version": version, "roots": roots });
    if let (Some(last), Some(report)) = (last, report.as_object_mut()) {
        report.insert("last".to_owned(), Value::from(last));
    }
    report
}

fn series(metric: &Metric, of: &Series, with_names: bool) -> Map<String, Value> {
    let mut node = Map::new();
    if with_names {
        node.insert("k".to_owned(), Value::from(of.label.as_str()));
    }
    let value = match metric.kind {
        MetricKind::Histogram => of.values.iter().map(|value| number(*value)).collect(),
        _ => number(of.values.first().copied().unwrap_or_default()),
    };
    node.insert("v".to_owned(), value);
    if !of.children.is_empty() {
        let children = of.children.iter();
        let children = children.map(|child| Value::Object(series(metric, child, with_names)));
        node.insert("s".to_owned(), children.collect());
    }
    node
}

/// Whole numbers as such, for readers that count.
fn number(value: f64) -> Value {
    match value as i64 {
        whole if whole as f64 == value => Value::from(whole),
        _ => Value::from(value),
    }
}

/// The same for metrics that differ in values only.
pub(super) fn shape(metrics: &[Metric]) -> u64 {
    fn labels(series: &Series, hasher: &mut DefaultHasher) {
        series.label.hash(hasher);
        series.children.len().hash(hasher);
        series.children.iter().for_each(|child| labels(child, hasher));
    }
    let mut hasher = DefaultHasher::new();
    for metric in metrics {
        metric.name.hash(&mut hasher);
        metric.kind.name().hash(&mut hasher);
        metric.dimensions.hash(&mut hasher);
        metric.buckets.len().hash(&mut hasher);
        labels(&metric.root, &mut hasher);
    }
    hasher.finish()
}

/// Prometheus text. A metric whose name that format does not allow is written with `_` in place of what it does not take.
pub(super) fn prometheus(metrics: &[Metric]) -> String {
    let mut text = String::new();
    for metric in metrics {
        let name = plain(&metric.name, true);
        let kind = metric.kind.name().to_ascii_lowercase();
        let _infallible = writeln!(text, "# TYPE {name} {kind}");
        let dimensions: Vec<String> = metric.dimensions.iter().map(|name| plain(name, false)).collect();
        lines(&mut text, metric, &name, &dimensions, &metric.root, &mut Vec::new());
    }
    text
}

/// The lines of a series and of what is below it; `labels`: those above it, as `name="value"`.
fn lines(text: &mut String, metric: &Metric, name: &str, dimensions: &[String], of: &Series, labels: &mut Vec<String>) {
    let value = |index: usize| of.values.get(index).copied().unwrap_or_default();
    if metric.kind == MetricKind::Histogram {
        let (mut sum, buckets) = (0.0, metric.buckets.len());
        for (index, bound) in metric.buckets.iter().enumerate() {
            sum += value(index);
            labels.push(format!("le=\"{}\"", shown(*bound)));
            line(text, name, "_bucket", labels, sum);
            labels.pop();
        }
        // The format wants a last bucket that holds all.
        if metric.buckets.last() != Some(&f64::INFINITY) {
            labels.push("le=\"+Inf\"".to_owned());
            line(text, name, "_bucket", labels, value(buckets));
            labels.pop();
        }
        line(text, name, "_count", labels, value(buckets));
        line(text, name, "_sum", labels, value(buckets + 1));
    } else {
        line(text, name, "", labels, value(0));
    }
    for child in &of.children {
        let (dimension, below) = match dimensions.split_first() {
            Some((dimension, below)) => (dimension.as_str(), below),
            None => ("label", dimensions),
        };
        labels.push(format!("{dimension}=\"{}\"", escaped(&child.label)));
        lines(text, metric, name, below, child, labels);
        labels.pop();
    }
}

fn line(text: &mut String, name: &str, suffix: &str, labels: &[String], value: f64) {
    let _infallible = match labels {
        [] => writeln!(text, "{name}{suffix} {}", shown(value)),
        labels => writeln!(text, "{name}{suffix}{{{}}} {}", labels.join(","), shown(value)),
    };
}

fn shown(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

/// A name of letters, digits and `_` (metrics also `:`), no digit first.
fn plain(name: &str, colons: bool) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    let mut plain: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if plain.chars().next().is_none_or(|first| first.is_ascii_digit()) {
        plain.insert(0, '_');
    }
    plain
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(label: &str, values: &[f64]) -> Series {
        Series {
            label: label.to_owned(),
            values: values.to_vec(),
            children: Vec::new(),
        }
    }

    fn metrics() -> Vec<Metric> {
        let metric = |name: &str, kind, dimensions: &[&str], buckets: &[f64], root| Metric {
            name: name.to_owned(),
            kind,
            dimensions: dimensions.iter().map(|name| (*name).to_owned()).collect(),
            buckets: buckets.to_vec(),
            root,
        };
        let mut hits = leaf("", &[3.0]);
        hits.children = vec![leaf("/a\"b\\c\nd", &[1.5])];
        vec![
            metric("hits", MetricKind::Counter, &["path"], &[], hits),
            metric("1 load", MetricKind::Gauge, &[], &[], leaf("", &[-2.0])),
            metric(
                "time",
                MetricKind::Histogram,
                &[],
                &[1.0, 2.5, f64::INFINITY],
                leaf("", &[1.0, 2.0, 1.0, 4.0, 12.5]),
            ),
            metric("size", MetricKind::Histogram, &[], &[10.0], leaf("", &[1.0, 3.0, 99.0])),
        ]
    }

    /// Text format 0.0.4: escapes in label values, cumulative buckets that end in +Inf.
    #[test]
    fn text_for_prometheus() {
        let expected = "# TYPE hits counter\nhits 3\nhits{path=\"/a\\\"b\\\\c\\nd\"} 1.5\n\
            # TYPE _1_load gauge\n_1_load -2\n\
            # TYPE time histogram\ntime_bucket{le=\"1\"} 1\ntime_bucket{le=\"2.5\"} 3\ntime_bucket{le=\"+Inf\"} 4\n\
            time_count 4\ntime_sum 12.5\n\
            # TYPE size histogram\nsize_bucket{le=\"10\"} 1\nsize_bucket{le=\"+Inf\"} 3\nsize_count 3\nsize_sum 99\n";
        assert_eq!(prometheus(&metrics()), expected);
    }

    /// repo.md 1.2: the full form has names, the incremental form values in the same order.
    #[test]
    fn reports() {
        let metrics = &metrics()[..2];
        assert_eq!(
            report(metrics, 7, None),
            json!({ "version": 7, "roots": [
                { "k": "hits", "t": "Counter", "l": "path", "v": 3, "s": [{ "k": "/a\"b\\c\nd", "v": 1.5 }] },
                { "k": "1 load", "t": "Gauge", "v": -2 },
            ] })
        );
        assert_eq!(
            report(metrics, 8, Some(7)),
            json!({ "version": 8, "last": 7, "roots": [{ "v": 3, "s": [{ "v": 1.5 }] }, { "v": -2 }] })
        );
    }

    #[test]
    fn shapes_are_of_names_not_of_values() {
        let mut other = metrics();
        other[0].root.values[0] = 9.0;
        assert_eq!(shape(&metrics()), shape(&other));
        other[0].root.children.push(leaf("new", &[1.0]));
        assert_ne!(shape(&metrics()), shape(&other));
    }
}
