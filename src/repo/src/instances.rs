//! Workers that have reported lately, by codebase: numbered from 1, forgotten after 60 s of silence. In memory only, bounded
//! in number and in bytes. Source: Repo protocol sections 1.2 and 4.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

/// Silence after which an instance is forgotten.
const EXPIRY: Duration = Duration::from_secs(60);
/// Instances of one codebase.
const MAX_PER_CODEBASE: usize = 10_000;
/// Instances of all codebases.
const MAX_TOTAL: usize = 200_000;
/// Bytes of one report that are kept; of a longer one only identity and version are.
const MAX_KEPT_BYTES: usize = 4096;
/// Bytes of a name or address that are taken; a longer one is nobody's.
const MAX_NAME_BYTES: usize = 256;
/// Bytes that all instances together may keep.
const MAX_TOTAL_BYTES: usize = 256 << 20;
/// Fields of a long report that are kept.
const IDENTITY: [&str; 6] = ["timestamp", "since", "uuid", "name", "ip", "version"];

#[derive(Default)]
pub(crate) struct Instances {
    by_codebase: HashMap<String, BTreeMap<u64, Instance>>,
    total: usize,
    bytes: usize,
}

struct Instance {
    uuid: String,
    ip: String,
    timestamp: Value,
    /// Compact JSON of the report, without metrics.
    status: String,
    seen: Instant,
}

impl Instance {
    fn bytes(&self) -> usize {
        self.uuid.len() + self.ip.len() + self.status.len()
    }
}

impl Instances {
    /// Takes a report. `false`: there are too many, or it names itself at too great length.
    pub(crate) fn report(&mut self, codebase: &str, mut status: Map<String, Value>, peer: &str, now: Instant) -> bool {
        let text = |status: &Map<String, Value>, key: &str| status.get(key).and_then(Value::as_str).map(str::to_owned);
        let uuid = text(&status, "uuid").unwrap_or_default();
        let ip = text(&status, "ip")
            .filter(|ip| !ip.is_empty())
            .unwrap_or_else(|| peer.to_owned());
        if uuid.len() > MAX_NAME_BYTES || ip.len() > MAX_NAME_BYTES {
            return false;
        }
        status.remove("metrics");
        if Value::Object(status.clone()).to_string().len() > MAX_KEPT_BYTES {
            status
                .retain(|key, value| IDENTITY.contains(&key.as_str()) && value.to_string().len() < MAX_KEPT_BYTES / 8);
        }
        let instance = Instance {
            uuid,
            ip,
            timestamp: status.get("timestamp").cloned().unwrap_or_default(),
            status: Value::Object(status).to_string(),
            seen: now,
        };
        self.expire(codebase, now);
        let is_too_much = |all: &Self| all.total >= MAX_TOTAL || all.bytes + instance.bytes() > MAX_TOTAL_BYTES;
        if is_too_much(self) {
            let names: Vec<String> = self.by_codebase.keys().cloned().collect();
            names.iter().for_each(|name| self.expire(name, now));
        }
        let is_full = is_too_much(self);
        let instances = self.by_codebase.entry(codebase.to_owned()).or_default();
        if let Some(known) = instances.values_mut().find(|known| known.uuid == instance.uuid) {
            self.bytes = self.bytes - known.bytes() + instance.bytes();
            *known = instance;
            return true;
        }
        if is_full || instances.len() >= MAX_PER_CODEBASE {
            return false;
        }
        let free = (1..).find(|number| !instances.contains_key(number)).unwrap_or(u64::MAX);
        self.bytes += instance.bytes();
        self.total += 1;
        instances.insert(free, instance);
        true
    }

    /// `{ "1": { ip, timestamp, status } }`.
    pub(crate) fn describe(&mut self, codebase: &str, now: Instant) -> Map<String, Value> {
        self.expire(codebase, now);
        let instances = self.by_codebase.get(codebase).into_iter().flatten();
        instances
            .map(|(number, instance)| {
                let status: Value = serde_json::from_str(&instance.status).unwrap_or_default();
                let fields =
                    serde_json::json!({ "ip": instance.ip, "timestamp": instance.timestamp, "status": status });
                (number.to_string(), fields)
            })
            .collect()
    }

    /// Forgets those of a deleted codebase.
    pub(crate) fn forget(&mut self, codebase: &str) {
        let instances = self.by_codebase.remove(codebase).unwrap_or_default();
        self.total -= instances.len();
        self.bytes -= instances.values().map(Instance::bytes).sum::<usize>();
    }

    fn expire(&mut self, codebase: &str, now: Instant) {
        let Some(instances) = self.by_codebase.get_mut(codebase) else {
            return;
        };
        instances.retain(|_, instance| {
            let is_alive = now.duration_since(instance.seen) < EXPIRY;
            if !is_alive {
                self.total -= 1;
                self.bytes -= instance.bytes();
            }
            is_alive
        });
        if instances.is_empty() {
            self.by_codebase.remove(codebase);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(uuid: &str) -> Map<String, Value> {
        let value = serde_json::json!({ "uuid": uuid, "timestamp": 7, "metrics": { "version": 1 } });
        value.as_object().unwrap().clone()
    }

    #[test]
    fn numbered_from_one_by_uuid_and_dropped_after_a_minute() {
        let mut instances = Instances::default();
        let start = Instant::now();
        for uuid in ["a", "b", "a"] {
            assert!(instances.report("/x", status(uuid), "10.0.0.1", start));
        }
        let now = instances.describe("/x", start);
        assert_eq!(now.keys().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(now["1"]["ip"], "10.0.0.1");
        assert_eq!(now["1"]["status"], serde_json::json!({ "uuid": "a", "timestamp": 7 }));
        instances.report("/x", status("b"), "", start + EXPIRY / 2);
        let later = instances.describe("/x", start + EXPIRY);
        assert_eq!(later.keys().collect::<Vec<_>>(), ["2"]);
        assert!(instances.describe("/x", start + 2 * EXPIRY).is_empty());
        assert_eq!((instances.total, instances.bytes), (0, 0));
    }

    #[test]
    fn what_is_kept_is_counted_and_names_are_short() {
        let mut instances = Instances::default();
        let now = Instant::now();
        let mut endless = status(&"x".repeat(MAX_NAME_BYTES + 1));
        assert!(!instances.report("/x", endless.clone(), "", now), "uuid");
        endless.insert("uuid".to_owned(), Value::from("a"));
        endless.insert("ip".to_owned(), Value::from("1".repeat(MAX_NAME_BYTES + 1)));
        assert!(!instances.report("/x", endless, "", now), "ip");
        assert_eq!(instances.bytes, 0);
        for uuid in ["a", "b", "a"] {
            assert!(instances.report("/x", status(uuid), "10.0.0.1", now));
        }
        let kept = instances.by_codebase["/x"].values().map(Instance::bytes).sum::<usize>();
        assert!(kept > 0 && instances.bytes == kept);
        instances.bytes = MAX_TOTAL_BYTES;
        assert!(!instances.report("/x", status("c"), "", now), "all together");
        instances.bytes = kept;
        instances.forget("/x");
        assert_eq!((instances.total, instances.bytes), (0, 0));
    }

    #[test]
    fn a_long_report_keeps_its_identity() {
        let mut instances = Instances::default();
        let mut long = status("a");
        long.insert("modules".to_owned(), Value::from("x".repeat(MAX_KEPT_BYTES)));
        assert!(instances.report("/x", long, "", Instant::now()));
        let kept = instances.describe("/x", Instant::now());
        assert_eq!(kept["1"]["status"]["uuid"], "a");
        assert!(kept["1"]["status"].get("modules").is_none());
    }
}
