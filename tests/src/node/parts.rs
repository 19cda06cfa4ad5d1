//! The parts of a node with their settings: containerd with our sandbox image, kubelet, kube-proxy, and what makes Pods of
//! Deployments and Jobs. Not for: the order of the start (mod.rs). Source: Kubernetes, KubeletConfiguration v1beta1; containerd
//! 1.6, docs/cri/config.md; CNI 0.4.0.

use std::path::Path;

use serde_json::json;

use super::cgroup::Cgroup;
use super::{DNS, GATEWAY, NODE, START, Settings};
use crate::control_plane::ControlPlane;
use crate::{Netns, Process, kubernetes, process};

/// Addresses of Pods.
const SUBNET: &str = "10.89.77.0/24";
/// containerd's socket, in the machine's own /run.
const SOCKET: &str = "/run/containerd/containerd.sock";

/// Starts containerd and imports all images.
#[track_caller]
pub(super) fn containerd(netns: &Netns, work: &Path, settings: &Settings) -> Process {
    let private = work.join("private");
    let (archive, reference) = &settings.sandbox;
    write(&work.join("cni/pods.conflist"), &network(&private));
    write(&work.join("containerd.toml"), &containerd_settings(work, reference));
    let mut command = netns.command("containerd");
    command.arg("--config").arg(work.join("containerd.toml"));
    let mut containerd = Process::spawn("containerd", &mut command).expect("it starts");
    containerd.wait_output(START, "containerd successfully booted");
    for archive in [archive].into_iter().chain(&settings.images) {
        import(netns, archive);
    }
    containerd
}

/// Imports a docker archive.
#[track_caller]
pub(super) fn import(netns: &Netns, archive: &Path) {
    assert!(
        archive.is_file(),
        "{} is not there; run `cargo xtask images`",
        archive.display()
    );
    let mut command = netns.command("ctr");
    command.args(["--namespace", "k8s.io", "images", "import"]).arg(archive);
    let (status, output) = process::run("ctr images import", &mut command, START).expect("it runs");
    assert!(status.success(), "import {}: {output}", archive.display());
}

/// Starts the others.
#[track_caller]
pub(super) fn all(netns: &Netns, work: &Path, plane: &ControlPlane, cgroup: &Cgroup) -> Vec<Process> {
    let private = work.join("private");
    let file = |name: &str| plane.file(name).display().to_string();
    let start = |part: &str, words: &[String]| {
        let mut command = netns.command(kubernetes(part).to_str().expect("a UTF-8 path"));
        Process::spawn(part, command.args(words)).expect("it starts")
    };
    let with_kubeconfig = |part: &str, port: u16, more: &[String]| {
        let kubeconfig = plane.kubeconfig_by(&format!("kubeconfig-{part}"), part);
        let kubeconfig = kubeconfig.display();
        let mut words: Vec<String> = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"]
            .map(|option| format!("--{option}={kubeconfig}"))
            .to_vec();
        words.push(format!("--secure-port={port}"));
        words.extend(["--bind-address=127.0.0.1", "--leader-elect=false"].map(str::to_owned));
        words.extend_from_slice(more);
        start(part, &words)
    };
    let kubelet = work.join("kubelet.json");
    write(&kubelet, &kubelet_settings(work, plane, cgroup).to_string());
    let proxy = work.join("kube-proxy.json");
    write(&proxy, &proxy_settings(plane).to_string());
    vec![
        with_kubeconfig(
            "kube-controller-manager",
            10257,
            &[
                "--use-service-account-credentials=true".to_owned(),
                "--allocate-node-cidrs=false".to_owned(),
                format!("--service-account-private-key-file={}", file("sa.key")),
                format!("--root-ca-file={}", file("ca.crt")),
                format!("--cluster-signing-cert-file={}", file("ca.crt")),
                format!("--cluster-signing-key-file={}", file("ca.key")),
                format!("--flex-volume-plugin-dir={}", private.join("plugins").display()),
            ],
        ),
        with_kubeconfig("kube-scheduler", 10259, &[]),
        start(
            "kubelet",
            &[
                format!("--config={}", kubelet.display()),
                format!(
                    "--kubeconfig={}",
                    plane.kubeconfig_with("kubeconfig-kubelet", "kubelet").display()
                ),
                format!("--root-dir={}", private.join("kubelet").display()),
                format!("--hostname-override={NODE}"),
                format!("--node-ip={GATEWAY}"),
            ],
        ),
        start("kube-proxy", &[format!("--config={}", proxy.display())]),
    ]
}

fn kubelet_settings(work: &Path, plane: &ControlPlane, cgroup: &Cgroup) -> serde_json::Value {
    let private = work.join("private");
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": GATEWAY, "readOnlyPort": 0, "healthzBindAddress": "127.0.0.1",
        "tlsCertFile": plane.file("kubelet.crt"), "tlsPrivateKeyFile": plane.file("kubelet.key"),
        "authentication": {
            "anonymous": {"enabled": false}, "webhook": {"enabled": false},
            "x509": {"clientCAFile": plane.file("ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "staticPodPath": work.join("manifests"), "fileCheckFrequency": "1s",
        "podLogsDir": private.join("logs"), "volumePluginDir": private.join("plugins"),
        "cgroupDriver": "cgroupfs", "cgroupRoot": format!("/{}", cgroup.name()),
        "failCgroupV1": false, "failSwapOn": false, "oomScoreAdj": 0,
        "makeIPTablesUtilChains": false, "localStorageCapacityIsolation": false,
        "clusterDNS": [DNS], "clusterDomain": "cluster.local",
        "syncFrequency": "5s", "nodeStatusUpdateFrequency": "2s",
        // Imported images can't be had again, and a disk that is nearly full is not our matter.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    })
}

fn proxy_settings(plane: &ControlPlane) -> serde_json::Value {
    let kubeconfig = plane.kubeconfig_by("kubeconfig-kube-proxy", "kube-proxy");
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": kubeconfig},
        "mode": "iptables", "clusterCIDR": SUBNET, "hostnameOverride": NODE,
        "bindAddress": GATEWAY, "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
        "oomScoreAdj": 0, "iptables": {"syncPeriod": "30s", "minSyncPeriod": "100ms"},
        // The limits of the whole machine stay as they are.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    })
}

fn containerd_settings(work: &Path, sandbox_image: &str) -> String {
    let work = work.display();
    format!(
        r#"version = 2
root = "{work}/private/containerd"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox_image}"
  # Without CAP_SYS_RESOURCE no sandbox starts when its score is lowered.
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{work}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"#
    )
}

fn network(private: &Path) -> String {
    json!({
        "cniVersion": "0.4.0", "name": "pods",
        "plugins": [
            {
                "type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
                "ipam": {
                    "type": "host-local", "dataDir": private.join("leases"),
                    "ranges": [[{"subnet": SUBNET, "gateway": GATEWAY}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
    .to_string()
}

/// Writes a file that the machine sees too; below `private` is memory that only the machine sees.
#[track_caller]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|e| panic!("write {}: {e}", path.display()));
}
