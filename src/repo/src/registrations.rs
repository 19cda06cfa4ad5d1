//! What agents tell of their Pods' registrations, for whoever follows it (the controller): numbered, in memory only, bounded.
//! Each line of an agent is taken once, by its time. Not for: believing any of it; reports come from Pods, without a login.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::Notify;

/// The field of a status report.
pub(crate) const FIELD: &str = "registrations";
/// Lines of one report that are looked at, the newest ones.
const MAX_LINES: usize = 16;
/// Bytes of one text.
const MAX_TEXT_BYTES: usize = 512;
/// Notices that are kept for those who ask late.
const MAX_NOTICES: usize = 4096;
/// Pods whose newest line is known.
const MAX_PODS: usize = 200_000;
/// Silence after which a Pod is forgotten.
const EXPIRY: Duration = Duration::from_secs(600);
/// Age of lines, on the agent's own clock, that are no news: a Repo that has started is told old ones too.
const MAX_AGE_MS: f64 = 120_000.0;

/// See the module; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Registrations {
    inner: Arc<Mutex<Inner>>,
    news: Arc<Notify>,
}

#[derive(Default)]
struct Inner {
    pods: HashMap<String, Told>,
    notices: VecDeque<(u64, Value)>,
    last: u64,
}

struct Told {
    uid: String,
    /// Time of its newest line, ms since 1970 on its own clock.
    newest_ms: f64,
    seen: Instant,
}

impl Registrations {
    /// Takes what a report says of them. `uid`: of the Pod that the codebase is for; `None`: the codebase is gone, and the UID is
    /// what it was.
    pub(crate) fn take(&self, codebase: &str, uid: Option<&str>, report: &mut Map<String, Value>, now: Instant) {
        let Some(Value::Array(lines)) = report.remove(FIELD) else {
            return;
        };
        let told_at = report.get("timestamp").and_then(Value::as_f64).unwrap_or(f64::MAX);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let known = inner.pods.get(codebase);
        let known = known.filter(|told| uid.is_none_or(|uid| uid == told.uid));
        let Some(uid) = uid.map(str::to_owned).or_else(|| known.map(|told| told.uid.clone())) else {
            return;
        };
        let mut newest_ms = known.map_or(told_at - MAX_AGE_MS, |told| told.newest_ms);
        let skipped = lines.len().saturating_sub(MAX_LINES);
        let mut is_news = false;
        for line in lines.iter().skip(skipped) {
            let Some(time) = line["time"].as_f64().filter(|time| *time > newest_ms) else {
                continue;
            };
            newest_ms = time;
            let text = |key: &str| cleaned(line[key].as_str().unwrap_or_default());
            inner.last += 1;
            let notice = serde_json::json!({
                "codebase": codebase, "uid": uid, "id": text("id"), "state": text("state"), "words": text("words"),
            });
            let number = inner.last;
            inner.notices.push_back((number, notice));
            is_news = true;
        }
        while inner.notices.len() > MAX_NOTICES {
            inner.notices.pop_front();
        }
        if inner.pods.len() >= MAX_PODS && !inner.pods.contains_key(codebase) {
            inner.pods.retain(|_, told| now.duration_since(told.seen) < EXPIRY);
        }
        if inner.pods.len() < MAX_PODS || inner.pods.contains_key(codebase) {
            let told = Told {
                uid,
                newest_ms,
                seen: now,
            };
            inner.pods.insert(codebase.to_owned(), told);
        }
        drop(inner);
        if is_news {
            self.news.notify_waiters();
        }
    }

    /// The number of the newest notice, and those after `after`; without it none. What is too old is not there any more.
    pub(crate) fn after(&self, after: Option<u64>) -> (u64, Vec<Value>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(after) = after else {
            return (inner.last, Vec::new());
        };
        // Of another life of this Repo, which counted further.
        let after = if after > inner.last { 0 } else { after };
        let newer = inner.notices.iter().filter(|(number, _)| *number > after);
        (inner.last, newer.map(|(_, notice)| notice.clone()).collect())
    }

    /// Notified of each new one.
    pub(crate) fn news(&self) -> &Notify {
        &self.news
    }
}

/// One line without signs that steer a terminal, not too long.
fn cleaned(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut text: String = plain.take(MAX_TEXT_BYTES).collect();
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: Value) -> Map<String, Value> {
        let report = serde_json::json!({ "timestamp": 1_000_000.0, "uuid": "a", "registrations": lines });
        report.as_object().unwrap().clone()
    }

    fn line(time: f64, state: &str) -> Value {
        serde_json::json!({ "time": time, "id": "i", "state": state, "words": "w\u{1b}[31m" })
    }

    fn states(notices: &[Value]) -> Vec<&str> {
        notices.iter().filter_map(|notice| notice["state"].as_str()).collect()
    }

    #[test]
    fn each_line_is_told_once() {
        let (all, now) = (Registrations::default(), Instant::now());
        assert_eq!(all.after(None), (0, Vec::new()));
        let mut first = report(serde_json::json!([line(1.0, "old"), line(999_999.0, "registered")]));
        all.take("/pod/a/b", Some("u"), &mut first, now);
        assert!(!first.contains_key(FIELD), "it is not kept with the report");
        let again = serde_json::json!([line(999_999.0, "registered"), line(1_000_001.0, "failed"), 7, {}]);
        all.take("/pod/a/b", Some("u"), &mut report(again), now);
        let (last, notices) = all.after(Some(0));
        assert_eq!((last, states(&notices)), (2, vec!["registered", "failed"]));
        assert_eq!(notices[0]["words"], "w [31m");
        assert_eq!(states(&all.after(Some(1)).1), ["failed"]);
        assert_eq!(
            states(&all.after(Some(99)).1),
            ["registered", "failed"],
            "a number of another life"
        );
        // The codebase is gone, and another Pod's of that name would be another UID.
        all.take(
            "/pod/a/b",
            None,
            &mut report(serde_json::json!([line(1_000_002.0, "deregistered")])),
            now,
        );
        assert_eq!(all.after(Some(2)).1[0]["uid"], "u");
        all.take(
            "/pod/x/y",
            None,
            &mut report(serde_json::json!([line(1_000_002.0, "registered")])),
            now,
        );
        assert_eq!(all.after(Some(3)).1, Vec::<Value>::new(), "nobody knows whose");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (all, now) = (Registrations::default(), Instant::now());
        for number in 0..MAX_NOTICES {
            let lines: Vec<Value> = (0..3).map(|n| line(1e6 + (number * 3 + n) as f64, "s")).collect();
            all.take("/pod/a/b", Some("u"), &mut report(Value::Array(lines)), now);
        }
        assert_eq!(all.after(Some(0)).1.len(), MAX_NOTICES);
        let many: Vec<Value> = (0..1000).map(|n| line(1e9 + n as f64, "s")).collect();
        let before = all.after(None).0;
        all.take("/pod/a/b", Some("u"), &mut report(Value::Array(many)), now);
        assert_eq!(all.after(None).0 - before, MAX_LINES as u64);
        assert!(cleaned(&"ü".repeat(MAX_TEXT_BYTES)).len() <= MAX_TEXT_BYTES);
    }
}
