//! `/config/pod.json`, the document by which a Pod's scripts learn about the Pod. Kubernetes' own field names; only what
//! scripts need, never a secret. Not for: making it from a manifest (`ballast-derive`). Fields that this version does not
//! know are dropped when a document is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Path of the document in a Pod's codebase.
pub const POD_PATH: &str = "/config/pod.json";
/// The value of [`PodDocument::schema`] that this version writes.
pub const SCHEMA: u32 = 1;

/// Name of the container that is our agent as a sidecar. Where [`Spec::containers`] has it, the agent of the sandbox leaves
/// the Pod to it.
pub const SIDECAR: &str = "ballast-agent";

/// The whole document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodDocument {
    /// Shape of the document: [`SCHEMA`].
    pub schema: u32,
    /// Identity, labels, annotations.
    pub metadata: Metadata,
    /// Where it runs and what is in it.
    #[serde(default)]
    pub spec: Spec,
    /// Addresses and readiness, as far as known.
    #[serde(default)]
    pub status: Status,
    /// Settings of each feature that a label turned on, by the label's last part.
    #[serde(default)]
    pub features: BTreeMap<String, serde_json::Value>,
}

/// `metadata` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// UID; absent where the source has none (a static manifest).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations of ours (`infra.flomesh.io/...`) only.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339; present once the Pod is marked for deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
}

/// `spec` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Node; absent before the Pod is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Whether it lives in the node's network.
    #[serde(default)]
    pub host_network: bool,
    /// Whether its containers see each other's processes.
    #[serde(default)]
    pub share_process_namespace: bool,
    /// Native sidecars first, then the containers, each in the manifest's order.
    #[serde(default)]
    pub containers: Vec<Container>,
}

/// A container that runs as long as the Pod does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Name.
    pub name: String,
    /// Whether it is the application or helps it.
    pub kind: Kind,
    /// Declared ports.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// When it is ready for traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
    /// What must succeed before readiness is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Probe>,
    /// Only the names that features ask for, only literal values.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// Role of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One of `spec.containers`.
    App,
    /// An init container with restartPolicy Always.
    Sidecar,
}

/// A declared port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// Name, by which probes and labels may refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number in the Pod's network.
    pub container_port: u16,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(default = "tcp")]
    pub protocol: String,
    /// Number in the node's network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
}

fn tcp() -> String {
    "TCP".to_owned()
}

/// A port by number or by the name of a declared one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PortRef {
    /// Number.
    Number(u16),
    /// Name.
    Name(String),
}

/// A probe; what is absent has Kubernetes' default (period 10 s, time-out 1 s, thresholds 1 and 3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGet>,
    /// TCP connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<TcpSocket>,
    /// gRPC health check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Grpc>,
    /// A command in the container: we can't run it, so only the fact is told (a command line may hold secrets).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
    /// Seconds after the start before the first try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_delay_seconds: Option<u32>,
    /// Seconds between tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_seconds: Option<u32>,
    /// Seconds that a try may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Successes in a row that make it ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_threshold: Option<u32>,
    /// Failures in a row that make it unready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<u32>,
}

/// `httpGet` of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGet {
    /// Path; absent: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Port.
    pub port: PortRef,
    /// Host; absent: the Pod's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `HTTP` or `HTTPS`; absent: `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Header lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_headers: Vec<HttpHeader>,
}

/// A header line of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHeader {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// `tcpSocket` of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TcpSocket {
    /// Port.
    pub port: PortRef,
    /// Host; absent: the Pod's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// `grpc` of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grpc {
    /// Port.
    pub port: u16,
    /// Service name in the health request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// `exec` of a probe, without its command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {}

/// `status` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// First address; absent: the agent fills in its own.
    #[serde(rename = "podIP", default, skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
    /// All addresses.
    #[serde(rename = "podIPs", default)]
    pub pod_ips: Vec<String>,
    /// The kubelet's Ready condition; absent: not known (no cluster), so the scripts' own checks decide alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
}
