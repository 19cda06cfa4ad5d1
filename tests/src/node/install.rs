//! Our parts on a node, from manifests: what `kubectl apply -k` makes, and the volume that a cluster would make for the Repo.
//! Not for: what they do then.

use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Node;
use crate::wait_for;

/// Longest roll-out on a busy machine.
const ROLL_OUT: Duration = Duration::from_secs(120);
/// User and group of our images.
const USER: u32 = 65532;

impl Node {
    /// Applies a kustomization that makes `ballast-system`, and waits until Repo and controllers are Ready.
    ///
    /// # Panics
    /// It is refused, or does not come up; with what its Pods say.
    #[track_caller]
    pub fn install(&self, kustomization: &Path) {
        self.repo_volume();
        let folder = kustomization.to_str().expect("a UTF-8 path");
        self.plane.kubectl(&["apply", "-k", folder]);
        self.wait_rolled_out("statefulsets/ballast-repo");
        self.wait_rolled_out("deployments/ballast-controller");
    }

    /// Waits until all replicas of a Deployment or StatefulSet (`deployments/NAME`, in `ballast-system`) are Ready.
    ///
    /// # Panics
    /// They are not by then; with what is said of its Pods.
    #[track_caller]
    pub fn wait_rolled_out(&self, name: &str) {
        let path = format!("GET /apis/apps/v1/namespaces/ballast-system/{name}");
        let is_out = || {
            let object = self.plane.done(&path, &Value::Null);
            let (wanted, status) = (&object["spec"]["replicas"], &object["status"]);
            let is_current = status["observedGeneration"] == object["metadata"]["generation"];
            let all = |field: &str| status[field].as_u64().unwrap_or(0) == wanted.as_u64().unwrap_or(1);
            is_current && all("readyReplicas") && all("updatedReplicas") && all("replicas")
        };
        if crate::poll(ROLL_OUT, || is_out().then_some(())).is_none() {
            let said = self.plane.kubectl(&["describe", "pods", "-n", "ballast-system"]);
            panic!("{name} is not rolled out in {ROLL_OUT:?}\n{said}\n{}", self.logs());
        }
    }

    /// The Repo's address as Pods have it from its Service's name.
    ///
    /// # Panics
    /// It is not installed.
    #[track_caller]
    pub fn repo_url(&self) -> String {
        let path = "GET /api/v1/namespaces/ballast-system/services/ballast-repo";
        let address = self.plane.done(path, &Value::Null)["spec"]["clusterIP"].clone();
        format!("http://{}:6060", address.as_str().expect("a Service has an address"))
    }

    /// A volume for the Repo's claim: nobody makes volumes here.
    #[track_caller]
    fn repo_volume(&self) {
        let folder = self.folder().join("repo");
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        chown(&folder, Some(USER), Some(USER)).expect("root may give files away");
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "repo"},
            "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                "claimRef": {"namespace": "ballast-system", "name": "data-ballast-repo-0"},
                "hostPath": {"path": folder},
            },
        });
        let path = "/api/v1/persistentvolumes";
        wait_for(ROLL_OUT, "the volume to be taken", || {
            let answer = self.plane.send(&format!("POST {path}"), &volume);
            matches!(answer.status, 201 | 409)
        });
    }
}
