//! The machine that the demo runs on: namespaces of its own with a Pod network, podman and HTTP into it. All of it ends
//! with the value, so nothing of the real machine is touched. Not for: what the demo shows (flow.rs).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ballast_tests::process::run;
use ballast_tests::{Netns, TempDir, poll};

use super::manifest::Manifest;
use crate::{images, interrupt};

/// The Pods' network, and where servers listen that Pods must reach: an address of the "node".
pub(super) const GATEWAY: &str = "10.89.77.1";
const SUBNET: &str = "10.89.77.0/24";

/// Longest single command of podman or of our tools.
const DEADLINE: Duration = Duration::from_secs(60);

/// podman without systemd, journal and the machine's own networks.
const CONTAINERS_CONF: &str = r#"
[containers]
default_ulimits = ["nofile=1024:1024","nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "cni"
default_network = "pods"
"#;

/// Namespaces with a Pod network and podman.
pub(super) struct Machine {
    netns: Netns,
    work: TempDir,
    cgroup: String,
}

impl Machine {
    /// Makes the namespaces, the bridge and podman's settings.
    ///
    /// # Errors
    /// The set-up's.
    pub(super) fn new() -> anyhow::Result<Self> {
        let work = interrupt::work_folder();
        let cgroup = format!("/ballast-demo-{}", std::process::id());
        interrupt::remove_cgroup(&cgroup);
        std::fs::write(work.path().join("containers.conf"), CONTAINERS_CONF)?;
        std::fs::write(
            work.path().join("policy.json"),
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )?;
        std::fs::write(work.path().join("pods.conflist"), network(work.path()))?;
        let netns = Netns::machine(&set_up(work.path())).context("make the demo's namespaces")?;
        Ok(Self { netns, work, cgroup })
    }

    /// The namespaces, for what starts servers.
    pub(super) fn netns(&self) -> &Netns {
        &self.netns
    }

    /// A folder that both sides see; removed at the end.
    pub(super) fn folder(&self) -> &Path {
        self.work.path()
    }

    /// Asks a condition from inside until it holds, and gives the seconds since `start`.
    pub(super) fn watch<T: Send>(
        &self,
        start: Instant,
        bound: Duration,
        probe: impl FnMut() -> Option<T> + Send,
    ) -> Option<(T, f64)> {
        let left = bound.saturating_sub(start.elapsed());
        let seen = self.netns.run(|| poll(left, probe))?;
        Some((seen, start.elapsed().as_secs_f64()))
    }

    /// Runs a command inside to its end and gives its output.
    ///
    /// # Errors
    /// It can't be started, fails or hangs; the message holds its output.
    pub(super) fn run(&self, what: &str, command: &mut Command) -> anyhow::Result<String> {
        let (status, output) = run(what, command, DEADLINE)?;
        if !status.success() {
            bail!("{what}: {status}; it said:\n{output}");
        }
        Ok(output)
    }

    /// podman with storage, settings and networks of its own.
    pub(super) fn podman(&self, words: &[&str]) -> Command {
        let private = self.private();
        let mut command = self.netns.command("podman");
        command.env("CONTAINERS_CONF", self.work.path().join("containers.conf"));
        for (option, folder) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(private.join(folder));
        }
        command.args(words);
        command
    }

    /// Loads a docker archive.
    ///
    /// # Errors
    /// podman's.
    pub(super) fn load(&self, archive: &Path) -> anyhow::Result<()> {
        let policy = self.work.path().join("policy.json");
        let mut load = self.podman(&["load", "--quiet"]);
        self.run(
            "podman load",
            load.arg("--signature-policy").arg(policy).arg("--input").arg(archive),
        )
        .map(drop)
    }

    /// Starts a Pod with our infra image, and its containers; gives the moment at which the last container was started.
    ///
    /// # Errors
    /// podman's.
    pub(super) fn start_pod(&self, pod: &Manifest) -> anyhow::Result<Instant> {
        let name = pod.name.as_str();
        let (infra, image) = (format!("{name}-infra"), images::reference("pod"));
        let share = if pod.is_sharing_processes {
            "net,ipc,uts,pid"
        } else {
            "net,ipc,uts"
        };
        let create = [
            "pod",
            "create",
            "--name",
            name,
            "--hostname",
            name,
            "--network",
            "pods",
            "--share",
            share,
        ];
        let mut create = self.podman(&create);
        create.args([
            "--infra-name",
            &infra,
            "--infra-image",
            &image,
            "--cgroup-parent",
            &self.cgroup,
        ]);
        self.run(&format!("podman pod create {name}"), &mut create)?;
        self.run(
            &format!("podman pod start {name}"),
            &mut self.podman(&["pod", "start", name]),
        )?;
        let mut started = Instant::now();
        for (container, image) in &pod.containers {
            let full = format!("{name}-{container}");
            let mut app = self.podman(&[
                "run", "--detach", "--pull", "never", "--pod", name, "--name", &full, image,
            ]);
            started = Instant::now();
            self.run(&format!("podman run {full}"), &mut app)?;
        }
        Ok(started)
    }

    /// What the infra container of a Pod has printed.
    pub(super) fn infra_log(&self, pod: &str) -> String {
        let log = self.run(
            "podman logs",
            &mut self.podman(&["logs", "--tail", "40", &format!("{pod}-infra")]),
        );
        log.unwrap_or_else(|error| format!("{error:#}"))
    }

    fn private(&self) -> PathBuf {
        self.work.path().join("private")
    }
}

/// A bridge network whose gateway is there before the first Pod, so that servers can bind it.
fn network(work: &Path) -> String {
    let leases = work.join("private/ipam");
    serde_json::json!({
        "cniVersion": "0.4.0", "name": "pods",
        "plugins": [{
            "type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
            "ipam": {
                "type": "host-local", "dataDir": leases,
                "ranges": [[{ "subnet": SUBNET, "gateway": GATEWAY }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            },
        }],
    })
    .to_string()
}

/// Shell script that runs first inside. What podman and CNI write (/run, /etc/cni, /var/lib/cni) falls into a tmpfs of
/// this mount namespace. The bridge gets a hardware address of its own: else it takes that of one of its Pods, and when
/// that Pod goes the others send to nobody for seconds.
fn set_up(work: &Path) -> String {
    let work = work.display();
    format!(
        "P={work}/private; mkdir $P; mount -t tmpfs none $P; mount -t tmpfs none /run; mkdir -p /run/netns /run/lock
for folder in /etc /var/lib; do
  mkdir -p $P/upper$folder $P/work$folder
  mount -t overlay overlay -o lowerdir=$folder,upperdir=$P/upper$folder,workdir=$P/work$folder $folder
done
mkdir -p /etc/cni/net.d /etc/containers; rm -f /etc/cni/net.d/* /etc/resolv.conf
cp {work}/pods.conflist /etc/cni/net.d/; cp {work}/policy.json /etc/containers/
echo 'nameserver {GATEWAY}' >/etc/resolv.conf
ip link add pods0 address 02:00:0a:59:4d:01 type bridge; ip addr add {GATEWAY}/24 dev pods0; ip link set pods0 up"
    )
}
