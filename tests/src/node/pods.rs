//! What is asked of Pods on a node, and their processes as the machine sees them. Not for: what must come of anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::Node;
use crate::poll;

/// Longest wait for what a busy kubelet does.
const SOON: Duration = Duration::from_secs(180);

impl Node {
    /// A Pod as the API server has it; `None`: there is none.
    pub fn pod(&self, name: &str) -> Option<Value> {
        let answer = self.plane.send(&format!("GET {}", path(name)), &Value::Null);
        (answer.status == 200).then(|| answer.json())
    }

    /// Waits until a Pod (`name`, or `namespace/name`) is as it should be, and gives it.
    ///
    /// # Panics
    /// It is not by then; with what `kubectl describe` says.
    #[track_caller]
    pub fn wait_pod(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        poll(SOON, || self.pod(name).filter(&is_so)).unwrap_or_else(|| {
            let (namespace, short) = name.split_once('/').unwrap_or(("default", name));
            let described = self.plane.kubectl(&["describe", "pod", "-n", namespace, short]);
            panic!("Pod {name}: {what}, in {SOON:?}\n{described}\n{}", self.logs())
        })
    }

    /// Waits until a Pod is Ready, and gives it.
    ///
    /// # Panics
    /// As [`Node::wait_pod`].
    #[track_caller]
    pub fn wait_ready(&self, name: &str) -> Value {
        self.wait_pod(name, "it is not Ready", is_ready)
    }

    /// Sets labels (null: takes them away) by a merge patch.
    ///
    /// # Panics
    /// It is refused.
    #[track_caller]
    pub fn label(&self, name: &str, labels: &Value) {
        let patch = serde_json::json!({"metadata": {"labels": labels}});
        self.plane.done(&format!("PATCH {}", path(name)), &patch);
    }

    /// Asks for a Pod's deletion, with its own grace period; does not wait.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn delete(&self, name: &str) {
        self.plane.done(&format!("DELETE {}", path(name)), &Value::Null);
    }

    /// Process ids, as the machine sees them, of a Pod's processes with that name (`pause`, `ballast`), oldest first.
    pub fn processes(&self, uid: &str, name: &str) -> Vec<u32> {
        let needle = format!("pod{uid}");
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
            if read("comm").trim_end() == name && read("cgroup").contains(&needle) {
                found.push(id);
            }
        }
        found.sort_unstable();
        found
    }

    /// The memory cgroup of a process of a Pod, where its `memory.*` files are.
    pub fn memory_cgroup(process: u32) -> Option<PathBuf> {
        let lines = std::fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
        let memory = lines.lines().find_map(|line| line.split_once(":memory:"));
        let unified = || lines.lines().find_map(|line| line.strip_prefix("0::"));
        memory.map_or_else(
            || Some(Path::new("/sys/fs/cgroup").join(unified()?.trim_start_matches('/'))),
            |(_, path)| Some(Path::new("/sys/fs/cgroup/memory").join(path.trim_start_matches('/'))),
        )
    }
}

/// Is the Ready condition true?
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let is_true = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    conditions.is_some_and(|conditions| conditions.iter().any(is_true))
}

/// Sum of the restarts of all containers.
pub fn restarts(pod: &Value) -> u64 {
    let containers = pod["status"]["containerStatuses"].as_array();
    containers.map_or(0, |all| all.iter().filter_map(|one| one["restartCount"].as_u64()).sum())
}

fn path(name: &str) -> String {
    let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
    format!("/api/v1/namespaces/{namespace}/pods/{name}")
}
