//! `/dump` of the admin port: what is counted, for people who look for a leak. Source: pipyjs/repo.md section 5, which
//! leaves the parts' form open.

use ballast_engine::{Metric, Series};
use serde_json::{Map, Value, json};

/// `{ pools, chunks, buffers, objects, pipelines, inbound, outbound }`, or what is at this path in it (`objects/Data`).
pub(super) fn part(metrics: &[Metric], layouts: Value, path: &str) -> Option<Value> {
    let find = |name: &str| {
        metrics
            .iter()
            .find(|metric| metric.name == name)
            .map(|metric| &metric.root)
    };
    let number = |name: &str| find(name).map_or(0.0, value);
    let labels = |name: &str| -> Map<String, Value> {
        let children = find(name).map(|root| root.children.as_slice()).unwrap_or_default();
        children
            .iter()
            .map(|child| (child.label.clone(), Value::from(value(child))))
            .collect()
    };
    let table = |columns: &[(&str, &str)]| -> Value {
        let mut rows: Map<String, Value> = Map::new();
        for (column, name) in columns {
            for (label, value) in labels(name) {
                let row = rows.entry(label).or_insert_with(|| json!({}));
                if let Some(row) = row.as_object_mut() {
                    row.insert((*column).to_owned(), value);
                }
            }
        }
        Value::Object(rows)
    };
    let all = json!({
        "pools": table(&[("allocated", "pipy_pool_allocated"), ("spare", "pipy_pool_spare")]),
        "chunks": number("pipy_chunk_count"),
        "buffers": { "filters": number("ballast_held_bytes"), "scripts": number("ballast_data_bytes") },
        "objects": labels("pipy_object_count"),
        "pipelines": { "count": number("pipy_pipeline_count"), "layouts": layouts },
        "inbound": table(&[("count", "pipy_inbound_count"), ("in", "pipy_inbound_in"), ("out", "pipy_inbound_out")]),
        "outbound": table(&[("count", "pipy_outbound_count"), ("in", "pipy_outbound_in"), ("out", "pipy_outbound_out")]),
    });
    let mut names = path.split('/').filter(|name| !name.is_empty());
    names.try_fold(&all, |part, name| part.get(name)).cloned()
}

fn value(series: &Series) -> f64 {
    series.values.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_engine::MetricKind;

    fn series(label: &str, value: f64, children: Vec<Series>) -> Series {
        Series {
            label: label.to_owned(),
            values: vec![value],
            children,
        }
    }

    #[test]
    fn parts_are_found_by_their_path() {
        let objects = Metric {
            name: "pipy_object_count".to_owned(),
            kind: MetricKind::Gauge,
            dimensions: vec!["class".to_owned()],
            buckets: Vec::new(),
            root: series(
                "",
                3.0,
                vec![series("Data", 2.0, Vec::new()), series("Message", 1.0, Vec::new())],
            ),
        };
        let look = |path: &str| part(std::slice::from_ref(&objects), json!([]), path);
        for (path, expected) in [
            ("objects", Some(json!({ "Data": 2.0, "Message": 1.0 }))),
            ("objects/Data", Some(json!(2.0))),
            ("objects/None", None),
            ("nothing", None),
            ("chunks", Some(json!(0.0))),
        ] {
            assert_eq!(look(path), expected, "{path}");
        }
        let all = look("").expect("all of it");
        let names: Vec<&String> = all.as_object().expect("an object").keys().collect();
        assert_eq!(
            names,
            [
                "buffers",
                "chunks",
                "inbound",
                "objects",
                "outbound",
                "pipelines",
                "pools"
            ]
        );
    }
}
