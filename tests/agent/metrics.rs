//! `/metrics` of the admin port: the text is parsed as Prometheus does. Source: text format 0.0.4; pipyjs/globals.md
//! section 10, repo.md 5.

use ballast_tests::{free_port, http, temp_dir};
use std::collections::BTreeMap;

use crate::support::{start, wait_answer};

/// Name, labels, value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Types by name, and all samples. Panics on what the format does not allow.
fn parse(text: &str) -> (BTreeMap<String, String>, Vec<Sample>) {
    let mut types = BTreeMap::new();
    let mut samples = Vec::new();
    assert!(text.ends_with('\n'), "the last line must end");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None, "twice: {line}");
            continue;
        }
        let end = line.find(['{', ' ']).expect("a name and a value");
        let (name, mut rest) = line.split_at(end);
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':'),
            "{line}"
        );
        let mut labels = BTreeMap::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            loop {
                let (label, after) = rest.split_once("=\"").expect("a label");
                let mut value = String::new();
                let mut chars = after.char_indices();
                let end = loop {
                    match chars.next().expect("a closing quote") {
                        (at, '"') => break at,
                        (_, '\\') => match chars.next().expect("what is escaped").1 {
                            'n' => value.push('\n'),
                            c @ ('\\' | '"') => value.push(c),
                            c => panic!("escape of {c:?}: {line}"),
                        },
                        (_, c) => value.push(c),
                    }
                };
                assert_eq!(labels.insert(label.to_owned(), value), None, "twice: {line}");
                let after = &after[end + 1..];
                match after.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => {
                        rest = after.strip_prefix('}').expect("a closing brace");
                        break;
                    }
                }
            }
        }
        let value = match rest.trim_start() {
            "+Inf" => f64::INFINITY,
            text => text.parse().unwrap_or_else(|error| panic!("{error}: {line}")),
        };
        let base = ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix));
        let known = types.contains_key(name)
            || base.is_some_and(|base| types.get(base).is_some_and(|kind| kind == "histogram"));
        assert!(known, "no TYPE before {line}");
        samples.push((name.to_owned(), labels, value));
    }
    (types, samples)
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let (folder, port, admin) = (temp_dir(), free_port(), free_port());
    let script = format!(
        r#"((
          hits = new stats.Counter('hits', ['path', 'code']),
          time = new stats.Histogram('time', [10, 100, Infinity], ['path']),
          level = new stats.Gauge('level', null, gauge => gauge.set(42)),
        ) => pipy()
          .listen('127.0.0.1:{port}')
          .handleData(data => data.size && (
            hits.withLabels('/a "quoted"\\path\nwith a newline', 200).increase(2),
            [5, 50, 5000].forEach(n => time.withLabels('/t').observe(n))
          )))()"#
    );
    let path = folder.path().join("main.js");
    std::fs::write(&path, script).unwrap();
    let flag = format!("--admin-port=127.0.0.1:{admin}");
    let process = start(&["run", &flag, "--threads=2", "--reuse-port", path.to_str().unwrap()]);
    let url = format!("http://127.0.0.1:{admin}/metrics");
    for _ in 0..4 {
        wait_answer(&process, port, "?");
    }
    let answer = http::get(&url).expect("the admin port answers");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4"),
        "{}",
        process.output()
    );
    let text = answer.text();
    let (types, samples) = parse(&text);
    for (name, kind) in [
        ("hits", "counter"),
        ("time", "histogram"),
        ("level", "gauge"),
        ("pipy_inbound_count", "gauge"),
        ("pipy_inbound_in", "counter"),
        ("pipy_outbound_conn_time", "histogram"),
    ] {
        assert_eq!(types.get(name).map(String::as_str), Some(kind), "{name}");
    }
    let of = |name: &str, labels: &[(&str, &str)]| {
        let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = samples.iter().find(|sample| sample.0 == name && sample.1 == labels);
        found.unwrap_or_else(|| panic!("no {name} {labels:?} in\n{text}")).2
    };
    let path = "/a \"quoted\"\\path\nwith a newline";
    assert!(of("hits", &[("path", path), ("code", "200")]) >= 2.0);
    // Both threads set theirs when they are asked.
    assert_eq!(of("level", &[]), 84.0);
    let count = of("time_count", &[("path", "/t")]);
    assert!(count >= 3.0);
    for (bound, below) in [("10", count / 3.0), ("100", count / 3.0 * 2.0), ("+Inf", count)] {
        assert_eq!(of("time_bucket", &[("path", "/t"), ("le", bound)]), below, "{bound}");
    }
    assert_eq!(of("time_sum", &[("path", "/t")]), count / 3.0 * 5055.0);
    let listener = format!("127.0.0.1:{port}");
    assert!(of("pipy_inbound_in", &[("listener", &listener)]) > 0.0);
    // Compressed for who takes it: RFC 1952 section 2.3.1.
    let request = http::Request::new("GET", &url).header("accept-encoding", "gzip");
    let packed = request.send().expect("the admin port answers");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b, 8]));
}
