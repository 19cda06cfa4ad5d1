//! The parts of a Kubernetes Pod that a derivation looks at, as they stand in YAML or JSON. Everything else is ignored.
//! Source: Kubernetes API reference, Pod v1 core.

use std::collections::BTreeMap;

use ballast_repo_client::pod::{Exec, Grpc, HttpGet, Port, Probe, TcpSocket};
use serde::Deserialize;

use crate::error::Error;

/// Annotation of a mirror Pod: the UID (a hash) of the static Pod that it stands for, which names its cgroups.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// A Pod as its manifest (or the API server) tells it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Who it is.
    pub metadata: Meta,
    /// What is to run.
    pub spec: PodSpec,
    /// What runs.
    pub status: PodStatus,
}

impl Manifest {
    /// Reads all Pods of a YAML (or JSON) text, which may hold several documents.
    ///
    /// # Errors
    /// No YAML, no Pod, or an object of another kind.
    pub fn all_from_yaml(text: &str) -> Result<Vec<Self>, Error> {
        let mut pods = Vec::new();
        for document in serde_yaml::Deserializer::from_str(text) {
            let value = serde_yaml::Value::deserialize(document).map_err(Error::Manifest)?;
            if value.is_null() {
                continue;
            }
            let kind = value
                .get("kind")
                .and_then(serde_yaml::Value::as_str)
                .unwrap_or("thing without kind");
            if kind != "Pod" {
                return Err(Error::Kind { kind: kind.to_owned() });
            }
            pods.push(serde_yaml::from_value(value).map_err(Error::Manifest)?);
        }
        if pods.is_empty() {
            return Err(Error::Empty);
        }
        Ok(pods)
    }

    /// The UID that the Pod has on its node: `metadata.uid`, but for the API server's copy of a static Pod the original's.
    pub fn uid(&self) -> Option<&str> {
        let original = self.metadata.annotations.get(MIRROR);
        let uid = original.or(self.metadata.uid.as_ref()).map(String::as_str);
        uid.filter(|uid| !uid.is_empty())
    }

    /// `status.podIP`.
    pub fn pod_ip(&self) -> Option<&str> {
        self.status.pod_ip.as_deref()
    }

    /// The Ready condition.
    pub fn ready(&self) -> Option<bool> {
        let ready = self
            .status
            .conditions
            .iter()
            .find(|condition| condition.kind == "Ready")?;
        Some(ready.status == "True")
    }

    /// Whether all its containers have ended for good: there is nothing left to register.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }

    /// Says that the Pod has this address, as the kubelet would.
    pub fn set_pod_ip(&mut self, ip: &str) {
        self.status.pod_ip = Some(ip.to_owned());
        self.status.pod_ips = vec![PodIp { ip: ip.to_owned() }];
    }

    /// Says whether the Pod is ready, as the kubelet would.
    pub fn set_ready(&mut self, ready: bool) {
        self.status.conditions.retain(|condition| condition.kind != "Ready");
        self.status.conditions.push(Condition {
            kind: "Ready".to_owned(),
            status: if ready { "True" } else { "False" }.to_owned(),
        });
    }

    /// Marks the Pod for deletion at `time` (RFC 3339), as the API server would. One that is marked already stays so.
    pub fn set_deleting(&mut self, time: &str) {
        self.metadata.deletion_timestamp.get_or_insert_with(|| time.to_owned());
    }
}

/// `metadata` of a Pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Name.
    pub name: Option<String>,
    /// Namespace; absent in manifests that leave it to the command that applies them.
    pub namespace: Option<String>,
    /// UID, which the API server gives.
    pub uid: Option<String>,
    /// Labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(deserialize_with = "or_default")]
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339; present once the Pod is marked for deletion.
    pub deletion_timestamp: Option<String>,
}

/// `spec` of a Pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    pub(crate) node_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) host_network: bool,
    #[serde(deserialize_with = "or_default")]
    pub(crate) share_process_namespace: bool,
    #[serde(deserialize_with = "or_default")]
    pub(crate) init_containers: Vec<PodContainer>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) containers: Vec<PodContainer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodContainer {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) restart_policy: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) ports: Vec<Port>,
    #[serde(default)]
    pub(crate) readiness_probe: Option<PodProbe>,
    #[serde(default)]
    pub(crate) startup_probe: Option<PodProbe>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) env: Vec<EnvVar>,
}

/// As [`Probe`], but with any `exec`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(crate) struct PodProbe {
    http_get: Option<HttpGet>,
    tcp_socket: Option<TcpSocket>,
    grpc: Option<Grpc>,
    exec: Option<serde_yaml::Value>,
    initial_delay_seconds: Option<u32>,
    period_seconds: Option<u32>,
    timeout_seconds: Option<u32>,
    success_threshold: Option<u32>,
    failure_threshold: Option<u32>,
}

impl From<&PodProbe> for Probe {
    fn from(probe: &PodProbe) -> Self {
        let probe = probe.clone();
        Self {
            http_get: probe.http_get,
            tcp_socket: probe.tcp_socket,
            grpc: probe.grpc,
            exec: probe.exec.map(|_| Exec {}),
            initial_delay_seconds: probe.initial_delay_seconds,
            period_seconds: probe.period_seconds,
            timeout_seconds: probe.timeout_seconds,
            success_threshold: probe.success_threshold,
            failure_threshold: probe.failure_threshold,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct EnvVar {
    pub(crate) name: String,
    /// Absent with `valueFrom`, which is not followed: it may be a secret.
    #[serde(default)]
    pub(crate) value: Option<String>,
}

/// `status` of a Pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodStatus {
    pub(crate) phase: Option<String>,
    #[serde(rename = "podIP")]
    pub(crate) pod_ip: Option<String>,
    #[serde(rename = "podIPs", deserialize_with = "or_default")]
    pub(crate) pod_ips: Vec<PodIp>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PodIp {
    pub(crate) ip: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
}

/// `key:` with nothing behind it is null in YAML and means absent in Kubernetes.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
