//! A whole Kubernetes cluster of one node, with our Pod image as its sandbox image: API server, controller manager, scheduler,
//! kube-proxy and kubelet over the real containerd, runc and CNI plugins, and names by dnsmasq. All of it lives in namespaces of
//! its own (network, mounts, processes), so the machine's bridges, rules, mounts and settings are never touched and all ends
//! with the value, also when the test is killed. Not for: what runs on it. Needs root, the Debian packages of
//! xtask's `Group::Node`, cgroups.

mod cgroup;
pub mod images;
mod install;
pub mod java;
mod machine;
mod names;
mod parts;
pub mod pods;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::control_plane::{ControlPlane, Place};
use crate::{Netns, Process, TempDir, kubernetes, process, wait_for};
use cgroup::Cgroup;
pub use cgroup::{remove_own, sweep};
use names::Names;

/// Name of the only node.
pub const NODE: &str = "node-a";
/// The node's address, the gateway of its Pods: what listens on it (or on 0.0.0.0) in [`Node::netns`] is reached by all Pods.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 89, 77, 1);
/// The cluster's name server.
pub const DNS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// Longest start of one part on a busy machine; an idle one takes seconds.
const START: Duration = Duration::from_secs(120);

/// What a node is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Docker archive of the image that every Pod's sandbox is made from, and the image's name.
    pub sandbox: (PathBuf, String),
    /// Docker archives of what else Pods are made of; all are there before the node is.
    pub images: Vec<PathBuf>,
}

impl Settings {
    /// Our Pod image as it is shipped, and those of Repo and controller, from the folder that `BALLAST_IMAGES` names.
    ///
    /// # Panics
    /// It is not set: a test that can't run fails, it is never skipped.
    #[track_caller]
    pub fn shipped() -> Self {
        Self {
            sandbox: (images::shipped("pod"), images::reference("pod")),
            images: ["repo", "controller"].map(images::shipped).to_vec(),
        }
    }

    /// One more image.
    #[must_use]
    pub fn image(mut self, archive: PathBuf) -> Self {
        self.images.push(archive);
        self
    }

    /// Another sandbox image.
    #[must_use]
    pub fn sandbox(mut self, archive: PathBuf, reference: &str) -> Self {
        self.sandbox = (archive, reference.to_owned());
        self
    }
}

/// The cluster. Parts end in the order of the fields, what they leave ends with the namespaces.
pub struct Node {
    /// Requests, kubectl, kubeconfigs. The kubeconfig is good on both sides of the namespaces.
    pub plane: ControlPlane,
    _names: Names,
    parts: Vec<Process>,
    containerd: Process,
    netns: Arc<Netns>,
    work: TempDir,
    cgroup: Cgroup,
}

impl Node {
    /// Starts everything and waits until the node is Ready.
    ///
    /// # Panics
    /// A part does not start; with what it said.
    #[track_caller]
    pub fn start(settings: &Settings) -> Self {
        sweep();
        let work = cgroup::work_folder();
        let cgroup = Cgroup::new().expect("root may make cgroups");
        let netns = machine::make(work.path()).expect("root may make namespaces");
        let netns = Arc::new(netns);
        let place = Place {
            netns: Arc::clone(&netns),
            address: GATEWAY,
            node: NODE,
        };
        let folder = cgroup::work_folder();
        // The one is waiting for certificates and etcd while the other unpacks images.
        let (plane, containerd) = std::thread::scope(|scope| {
            let containerd = scope.spawn(|| parts::containerd(&netns, work.path(), settings));
            let plane = ControlPlane::start_in(place, folder);
            let containerd = containerd.join();
            (
                plane,
                containerd.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            )
        });
        let parts = parts::all(&netns, work.path(), &plane, &cgroup);
        let names = Names::start(&netns, work.path(), &plane);
        let mut node = Self {
            plane,
            _names: names,
            parts,
            containerd,
            netns,
            work,
            cgroup,
        };
        node.await_ready();
        node
    }

    /// The node's namespaces: to start a server that Pods reach at [`GATEWAY`], to ask Pods by their addresses.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// A folder that both sides see, removed at the end. `manifests` in it is the kubelet's folder of static Pods.
    pub fn folder(&self) -> &Path {
        self.work.path()
    }

    /// Imports a docker archive.
    ///
    /// # Panics
    /// containerd does not take it.
    #[track_caller]
    pub fn import(&self, archive: &Path) {
        parts::import(&self.netns, archive);
    }

    /// What containerd's own client prints.
    ///
    /// # Panics
    /// It fails.
    #[track_caller]
    pub fn ctr(&self, words: &[&str]) -> String {
        let mut command = self.netns.command("ctr");
        command.args(["--namespace", "k8s.io"]).args(words);
        let (status, output) = process::run("ctr", &mut command, START).expect("it runs");
        assert!(status.success(), "ctr {words:?}: {output}");
        output
    }

    /// `kubectl apply` of a manifest's text.
    ///
    /// # Panics
    /// It is refused.
    #[track_caller]
    pub fn apply(&self, manifest: &str) -> String {
        let file = self.work.path().join("applied.yaml");
        std::fs::write(&file, manifest).expect("the folder is ours");
        self.plane
            .kubectl(&["apply", "-f", file.to_str().expect("a UTF-8 path")])
    }

    /// A kubectl command with all rights, for what [`ControlPlane::kubectl`] can't do (stdin, failures, long runs).
    pub fn kubectl(&self, words: &[&str]) -> Command {
        let mut command = Command::new(kubernetes("kubectl"));
        command
            .arg("--kubeconfig")
            .arg(self.plane.kubeconfig())
            .env("HOME", self.work.path())
            .args(words);
        command
    }

    /// What the parts said last, for a failure's message: name and output each.
    pub fn logs(&self) -> String {
        let tail = |output: String| {
            // What it complains of all the time on any machine of this kind is no news.
            let is_news = |line: &&str| !line.contains("requestheader-client-ca-file") && !line.contains("watcher.go");
            let lines: Vec<&str> = output.lines().filter(is_news).collect();
            lines[lines.len().saturating_sub(15)..].join("\n")
        };
        let parts = self.parts.iter().map(|part| tail(part.output()));
        let parts: Vec<String> = parts.chain([tail(self.containerd.output())]).collect();
        parts.join("\n---\n")
    }

    /// What containerd has logged, the last MiB of it.
    pub fn containerd_log(&self) -> String {
        self.containerd.output()
    }

    /// The cgroup of all Pods, below each hierarchy.
    pub fn cgroup(&self) -> &str {
        self.cgroup.name()
    }

    #[track_caller]
    fn await_ready(&mut self) {
        let path = format!("GET /api/v1/nodes/{NODE}");
        let is_true = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        wait_for(START, "the node to be Ready", || {
            for part in &mut self.parts {
                assert!(part.is_running(), "a part ended: {}", part.output());
            }
            let answer = self.plane.send(&path, &Value::Null);
            answer.status == 200
                && answer.json()["status"]["conditions"]
                    .as_array()
                    .is_some_and(|conditions| conditions.iter().any(is_true))
        });
        let account = "GET /api/v1/namespaces/default/serviceaccounts/default";
        wait_for(START, "Pods to be taken in `default`", || {
            self.plane.send(account, &Value::Null).status == 200
        });
    }
}
