//! What there is to tell about this process: status reports to the Repo, /status and /metrics of the admin port. Written by
//! the control loop, read by whoever asks. Source: pipyjs/repo.md 1.2 and 5.

mod dump;
mod history;
mod metrics;

use crate::limits;
use crate::log::History;
use ballast_engine::{Codebase, Collector, Graph, Metric, Status};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

/// Name of the log in which scripts say what became of their registrations: objects, a line each. Reported as they are.
pub(crate) const REGISTRATION_LOG: &str = "registration";
/// Bytes of that log, of its end, in a report.
const REGISTRATION_BYTES: usize = 4096;

/// Name of the log of the process itself.
pub(crate) const SYSTEM_LOG: &str = "pipy_log";

/// See the module; clones are the same facts.
#[derive(Clone)]
pub(crate) struct Facts {
    inner: Arc<Mutex<Inner>>,
    /// Held while what runs changes: the ports of a version are open before it is known here that it runs.
    changing: Arc<RwLock<()>>,
}

struct Inner {
    uuid: String,
    name: String,
    since_ms: f64,
    ip: String,
    loggers: History,
    version: String,
    modules: Vec<String>,
    listening: Vec<String>,
    graphs: Vec<Graph>,
    /// Why the newest version does not run; empty: it does.
    error: String,
    /// Whether connections of this Pod are led through its proxy; None: it has none.
    redirect: Option<String>,
    collector: Collector,
    codebase: Arc<Codebase>,
    samples: history::Samples,
    /// Version of the last metrics that were reported.
    reported: u64,
    /// Version and shape of the metrics that the Repo has understood last.
    understood: Option<(u64, u64)>,
}

/// A status report on its way.
pub(crate) struct Report {
    /// JSON.
    pub(crate) text: String,
    metrics: Option<(u64, u64)>,
}

impl Facts {
    /// Nothing runs yet.
    pub(crate) fn new(uuid: &str, name: &str, since_ms: f64, ip: String, loggers: History) -> Self {
        let inner = Inner {
            uuid: uuid.to_owned(),
            name: name.to_owned(),
            since_ms,
            ip,
            loggers,
            version: String::new(),
            modules: Vec::new(),
            listening: Vec::new(),
            graphs: Vec::new(),
            error: String::new(),
            redirect: None,
            collector: Collector::default(),
            codebase: Arc::default(),
            samples: history::Samples::default(),
            reported: 0,
            understood: None,
        };
        Facts {
            inner: Arc::new(Mutex::new(inner)),
            changing: Arc::default(),
        }
    }

    /// What runs changes until the guard is dropped.
    pub(crate) async fn change(&self) -> OwnedRwLockWriteGuard<()> {
        self.changing.clone().write_owned().await
    }

    /// Waits while what runs changes, but not for ever: then there is only what is known.
    pub(crate) async fn settled(&self) {
        drop(tokio::time::timeout(limits::METRICS_TIME, self.changing.read()).await);
    }

    /// This runs now.
    pub(crate) fn runs(&self, status: &Status, collector: Collector, codebase: Arc<Codebase>) {
        self.with(|inner| {
            inner.codebase = codebase;
            inner.version.clone_from(&status.version);
            inner.modules.clone_from(&status.modules);
            inner.listening.clone_from(&status.listening);
            inner.graphs.clone_from(&status.graphs);
            inner.error.clear();
            inner.collector = collector;
        });
    }

    /// What asks all threads of the engine.
    pub(crate) fn collector(&self) -> Collector {
        self.with(|inner| inner.collector.clone())
    }

    /// Whether that is this process's name at a Repo.
    pub(crate) fn is_uuid(&self, uuid: &str) -> bool {
        self.with(|inner| inner.uuid == uuid)
    }

    /// The version that runs; empty: none.
    pub(crate) fn version(&self) -> String {
        self.with(|inner| inner.version.clone())
    }

    /// The newest version does not run for this reason; what ran before goes on.
    pub(crate) fn failed(&self, error: &str) {
        self.with(|inner| inner.error = crate::log::redact(error).into_owned());
    }

    /// Whether connections of this Pod are led through its proxy, in words; None: it has none.
    pub(crate) fn redirected(&self, words: Option<String>) {
        self.with(|inner| inner.redirect = words);
    }

    /// The status report for the Repo, with metrics if wanted: all of them, or after a report that it has understood
    /// their values alone.
    pub(crate) async fn report(&self, with_metrics: bool) -> Report {
        if !with_metrics {
            return self.with(|inner| Report {
                text: inner.status(None),
                metrics: None,
            });
        }
        let metrics = self.metrics().await;
        let shape = metrics::shape(&metrics);
        self.with(|inner| {
            let last = inner.understood.filter(|(_, known)| *known == shape);
            inner.reported += 1;
            let json = metrics::report(&metrics, inner.reported, last.map(|(version, _)| version));
            Report {
                text: inner.status(Some(json)),
                metrics: Some((inner.reported, shape)),
            }
        })
    }

    /// What the Repo has answered to a report; None: nothing. 206: it has understood the metrics.
    pub(crate) fn answered(&self, report: &Report, status: Option<u16>) {
        self.with(|inner| inner.understood = report.metrics.filter(|_| status == Some(206)));
    }

    /// The status as JSON; the parts `error` and `redirect` are ours, there when a version failed and where there is a proxy.
    pub(crate) async fn status(&self) -> String {
        let metrics = self.metrics().await;
        self.with(|inner| inner.status(Some(metrics::report(&metrics, inner.reported, None))))
    }

    /// The pipelines that run, drawn as text.
    pub(crate) fn graph(&self) -> String {
        self.with(|inner| inner.graphs.iter().map(|graph| format!("{graph}\n")).collect())
    }

    /// The files of what runs.
    pub(crate) fn codebase(&self) -> Arc<Codebase> {
        self.with(|inner| inner.codebase.clone())
    }

    /// Keeps what the metrics are now.
    pub(crate) async fn sample(&self) {
        let metrics = self.metrics().await;
        self.with(|inner| inner.samples.push(now_ms(), &metrics));
    }

    /// What they have been, of all or of one, as JSON; None: there is none of that name, here or on that instance.
    pub(crate) fn history(&self, instance: Option<&str>, name: Option<&str>) -> Option<String> {
        self.with(|inner| {
            let is_other = instance.is_some_and(|instance| instance != inner.uuid);
            (!is_other).then(|| inner.samples.json(name)).flatten()
        })
    }

    /// All that is counted, or the part at this path, as JSON; None: there is no such part.
    pub(crate) async fn dump(&self, part: &str) -> Option<String> {
        let metrics = self.metrics().await;
        let pipelines = self.with(|inner| inner.graphs.iter().map(drawn).collect());
        dump::part(&metrics, pipelines, part).map(|part| part.to_string())
    }

    /// Prometheus text.
    pub(crate) async fn prometheus(&self) -> String {
        metrics::prometheus(&self.metrics().await)
    }

    /// A worker whose script runs for long does not keep others from their answer.
    async fn metrics(&self) -> Vec<Metric> {
        let collector = self.with(|inner| inner.collector.clone());
        let collected = tokio::time::timeout(limits::METRICS_TIME, collector.collect()).await;
        collected.unwrap_or_default()
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    /// `{ roots: [{ name, filters: [{ name, sub? }] }] }` of one module: free-form for whoever draws it (repo.md 1.2).
    fn graph(&self, path: &str) -> Value {
        let roots = self.graphs.iter().filter(|graph| graph.module == path).map(drawn);
        json!({ "roots": roots.collect::<Vec<_>>() })
    }

    /// The newest lines of the log of registrations, without secrets.
    fn registrations(&self) -> Vec<Value> {
        let bytes = self.loggers.last(REGISTRATION_LOG, REGISTRATION_BYTES);
        let text = String::from_utf8_lossy(&bytes);
        let plain = text.lines().map(crate::log::redact);
        plain.filter_map(|line| serde_json::from_str(&line).ok()).collect()
    }

    fn status(&self, metrics: Option<Value>) -> String {
        let modules: Map<String, Value> = self
            .modules
            .iter()
            .map(|path| (path.clone(), json!({ "graph": self.graph(path) })))
            .collect();
        let mut logs = self.loggers.names();
        logs.insert(0, SYSTEM_LOG.to_owned());
        let mut report = json!({
            "timestamp": now_ms(),
            "since": self.since_ms,
            "uuid": self.uuid,
            "name": self.name,
            "ip": self.ip,
            "version": self.version,
            "modules": modules,
            "listening": self.listening,
            "logs": logs,
        });
        if let Some(report) = report.as_object_mut() {
            if let Some(metrics) = metrics {
                report.insert("metrics".to_owned(), metrics);
            }
            if let Some(redirect) = &self.redirect {
                report.insert("redirect".to_owned(), Value::String(redirect.clone()));
            }
            let registrations = self.registrations();
            if !registrations.is_empty() {
                report.insert("registrations".to_owned(), Value::Array(registrations));
            }
            if !self.error.is_empty() {
                report.insert("error".to_owned(), Value::String(self.error.clone()));
            }
        }
        report.to_string()
    }
}

fn drawn(graph: &Graph) -> Value {
    let filters = graph.filters.iter().map(|filter| match &filter.sub {
        None => json!({ "name": filter.name }),
        Some(sub) => json!({ "name": filter.name, "sub": drawn(sub) }),
    });
    json!({ "name": graph.name, "filters": filters.collect::<Vec<_>>() })
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| (since.as_secs_f64() * 1000.0).floor())
}

/// A random UUID. Source: RFC 9562 section 5.4 (version 4).
pub(crate) fn uuid() -> String {
    let bits = (fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4() {
        for _ in 0..100 {
            let uuid = uuid();
            assert_eq!(uuid.len(), 36);
            assert_eq!(uuid.as_bytes()[14], b'4', "{uuid}");
            assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_asks_during_a_change_waits_for_its_end() {
        let facts = Facts::new("u", "n", 1.0, "10.0.0.1".to_owned(), History::new(100));
        facts.settled().await;
        let change = facts.change().await;
        let asked = facts.clone();
        let mut asked = Box::pin(async move { asked.settled().await });
        let is_pending = tokio::select! {
            biased;
            () = &mut asked => false,
            () = tokio::task::yield_now() => true,
        };
        assert!(is_pending);
        drop(change);
        asked.await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_report_holds_what_repos_read() {
        let facts = Facts::new("u", "n", 1.0, "10.0.0.1".to_owned(), History::new(100));
        let status = Status {
            version: "7".to_owned(),
            modules: vec!["/main.js".to_owned()],
            ..Status::default()
        };
        facts.runs(&status, Collector::default(), Arc::default());
        let report: Value = serde_json::from_str(&facts.report(false).await.text).unwrap();
        for (key, expected) in [
            ("uuid", json!("u")),
            ("name", json!("n")),
            ("ip", json!("10.0.0.1")),
            ("version", json!("7")),
            ("modules", json!({ "/main.js": { "graph": { "roots": [] } } })),
            ("logs", json!(["pipy_log"])),
            ("metrics", Value::Null),
            ("error", Value::Null),
            ("redirect", Value::Null),
        ] {
            assert_eq!(report[key], expected, "{key}");
        }
        facts.failed("bad http://u:p@h/");
        facts.redirected(Some("in place".to_owned()));
        let report: Value = serde_json::from_str(&facts.report(true).await.text).unwrap();
        assert_eq!(report["error"], "bad http://***@h/");
        assert_eq!(report["version"], "7", "what ran goes on");
        assert_eq!(report["redirect"], "in place");
        assert!(report["metrics"]["roots"].is_array());
    }

    /// repo.md 1.2: after 206 the next metrics may be incremental; any other status: the next is full.
    #[tokio::test(flavor = "current_thread")]
    async fn metrics_are_incremental_after_206() {
        let facts = Facts::new("u", "n", 1.0, String::new(), History::new(100));
        for (answer, last) in [
            (Some(201), Value::Null),
            (Some(206), Value::Null),
            (Some(206), json!(2)),
            (None, json!(3)),
            (Some(206), Value::Null),
        ] {
            let report = facts.report(true).await;
            let json: Value = serde_json::from_str(&report.text).unwrap();
            assert_eq!(json["metrics"]["last"], last);
            facts.answered(&report, answer);
        }
    }
}
