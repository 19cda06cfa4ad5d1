//! The resource InfraConfiguration: what operators and owners of namespaces set for Pods. The type is the schema: its manifest
//! in k8s/crd/ is made from it (`cargo xtask gen`). Not for: what it comes to for a Pod (`ballast-derive`), following it
//! (`reconcile/`). Source: Kubernetes, "Specifying a structural schema", "Validation rules".

use std::collections::BTreeMap;

use ballast_derive::configuration::Configuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Settings of the agents in Pods of this namespace, or of some of them. In the namespace ballast-system: of all Pods of the
/// cluster, where their own namespace says nothing else. Labels of a Pod come first, then a configuration with a selector, then
/// one without. Of two that are alike the older one counts.
#[allow(clippy::duplicated_attributes, reason = "each column has a type and a path")]
#[derive(Clone, Debug, CustomResource, Deserialize, Serialize, KubeSchema)]
#[kube(
    group = "infra.flomesh.io",
    version = "v1alpha1",
    kind = "InfraConfiguration",
    plural = "infraconfigurations",
    shortname = "infraconf",
    category = "ballast",
    namespaced,
    status = "InfraConfigurationStatus",
    doc = "Settings of Ballast's agents in the Pods of a namespace, or of some of them. In the namespace ballast-system: of all Pods, where their own namespace says nothing else.",
    printcolumn(name = "Registry", type_ = "string", json_path = ".spec.registry.type"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status"
    ),
    printcolumn(name = "Pods", type_ = "integer", json_path = ".status.pods"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].reason",
        priority = "1"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.features) || !('registry' in self.features) || !has(self.features['registry'].settings)")
        .message("settings of the registry are in spec.registry"),
)]
pub(crate) struct InfraConfigurationSpec {
    /// Labels of the Pods that it is for; absent or empty: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pod_selector: Option<PodSelector>,
    /// How Pods register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) registry: Option<Registry>,
    /// Features by the last part of their label (`proxy` of `infra.flomesh.io/proxy`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub(crate) features: BTreeMap<String, Feature>,
}

/// A label selector, as everywhere in Kubernetes.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSelector {
    /// Labels with these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub(crate) match_labels: BTreeMap<String, String>,
    /// Conditions; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub(crate) match_expressions: Vec<PodExpression>,
}

/// One condition on a label.
#[derive(Clone, Debug, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)")
        .message("In and NotIn need values, Exists and DoesNotExist take none"),
)]
pub(crate) struct PodExpression {
    /// Key of the label.
    #[schemars(length(min = 1, max = 317))]
    pub(crate) key: String,
    /// What must hold.
    pub(crate) operator: Operator,
    /// Values to compare with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub(crate) values: Vec<String>,
}

/// What must hold of a label.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub(crate) enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// How Pods register. What is absent is as a less specific configuration says, in the end as the scripts do it.
#[derive(Clone, Debug, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.credentials) || has(self.servers)")
        .message("credentials are for servers of the same configuration: give servers"),
    validation = Rule::new("!has(self.leaseSeconds) || !has(self.heartbeatSeconds) || self.leaseSeconds > self.heartbeatSeconds")
        .message("a lease must be longer than the pause between two heartbeats"),
)]
pub(crate) struct Registry {
    /// What kind of registry it is.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<RegistryType>,
    /// Addresses of servers that hold the same data: the next one is asked when one does not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 16),
        inner(url, length(max = 512), regex(pattern = "^https?://[^@/?#]+(/[^@?#]*)?$"))
    )]
    pub(crate) servers: Vec<String>,
    /// User and password for these servers, in a Secret of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credentials: Option<Credentials>,
    /// Seconds between two heartbeats of an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub(crate) heartbeat_seconds: Option<u32>,
    /// Seconds after which the registry drops an instance that has been silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 86_400))]
    pub(crate) lease_seconds: Option<u32>,
    /// Longest wait for one answer of a server, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub(crate) timeout_seconds: Option<u32>,
    /// Seconds between being out of service and leaving the registry, in which callers refresh their lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub(crate) drain_seconds: Option<u32>,
    /// Longest pause between two attempts while no server answers, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub(crate) backoff_seconds: Option<u32>,
    /// Seconds between two checks of a port without a readinessProbe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub(crate) check_seconds: Option<u32>,
}

/// Kinds of registries; each has a script in scripts/registry/.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RegistryType {
    Eureka,
}

/// Where user and password are.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    /// Name of a Secret in this namespace. The controller may read it only where a Role says so (k8s/README.md).
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub(crate) secret_name: String,
    /// Key of the user.
    #[serde(default = "username")]
    #[schemars(length(min = 1, max = 253))]
    pub(crate) username_key: String,
    /// Key of the password.
    #[serde(default = "password")]
    #[schemars(length(min = 1, max = 253))]
    pub(crate) password_key: String,
}

fn username() -> String {
    "username".to_owned()
}

fn password() -> String {
    "password".to_owned()
}

/// One feature.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Feature {
    /// Whether Pods without the feature's label have it. The webhook knows Pods by their labels only: those without get no
    /// preStop, so they do not wait until they have left the registry, no sidecar and no rules. The proxy is therefore for Pods
    /// with its label only (true is refused), and nothing can be turned on in ballast-system, for a whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
    /// Settings that the feature's scripts see.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "free_form")]
    pub(crate) settings: Map<String, Value>,
}

fn free_form(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InfraConfigurationStatus {
    /// The generation that all this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) observed_generation: Option<i64>,
    /// Pods with a feature that it says something of.
    #[serde(default)]
    pub(crate) pods: u32,
    /// `Accepted`: all of it is followed; else the reason says what is not. `Shadowed`: an equally specific one is older and counts instead, for some Pods or all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub(crate) conditions: Vec<Condition>,
}

/// A condition, as everywhere in Kubernetes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    #[schemars(length(max = 316))]
    pub(crate) kind: String,
    /// Whether it holds.
    pub(crate) status: Truth,
    /// Why, in a word.
    #[schemars(length(max = 1024))]
    pub(crate) reason: String,
    /// Why, for people.
    #[schemars(length(max = 32_768))]
    pub(crate) message: String,
    /// When the status changed last.
    #[schemars(schema_with = "time")]
    pub(crate) last_transition_time: Time,
    /// The generation that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) observed_generation: Option<i64>,
}

fn time(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "format": "date-time" })
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

impl InfraConfigurationStatus {
    /// Sets a condition; the time of its last change stays where the status does.
    pub(crate) fn set(&mut self, before: &Self, kind: &str, status: Truth, (reason, message): (&str, String)) {
        let is_same = |condition: &&Condition| condition.kind == kind && condition.status == status;
        let since = before.conditions.iter().find(is_same);
        self.conditions.push(Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.to_owned(),
            message,
            // The API server keeps whole seconds.
            last_transition_time: since.map_or_else(now, |condition| condition.last_transition_time.clone()),
            observed_generation: self.observed_generation,
        });
    }
}

fn now() -> Time {
    let now = Timestamp::now();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

impl InfraConfiguration {
    /// As a derivation takes it.
    ///
    /// # Errors
    /// Of what no schema lets through.
    pub(crate) fn configuration(&self) -> Result<Configuration, serde_json::Error> {
        serde_json::from_value(serde_json::to_value(self)?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kube::CustomResourceExt as _;

    use super::*;

    const HEAD: &str = "# Made from src/controller/src/infra_configuration.rs by `cargo xtask gen`. Do not edit.\n";

    #[test]
    fn the_manifest_is_what_the_type_says() {
        let crd = serde_yaml::to_string(&InfraConfiguration::crd()).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../k8s/crd/infra-configuration.yaml");
        let wanted = format!("{HEAD}{crd}");
        if std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
            std::fs::write(&path, &wanted).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == wanted, "{} is stale: cargo xtask gen", path.display());
    }

    #[test]
    fn every_registry_with_a_script_can_be_chosen() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/registry");
        let mut scripts: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| Some(entry.unwrap().path().file_stem()?.to_str()?.to_owned()))
            .collect();
        scripts.sort();
        let crd = serde_json::to_value(InfraConfiguration::crd()).unwrap();
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let kinds: Vec<&str> = spec["properties"]["registry"]["properties"]["type"]["enum"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(
            kinds, scripts,
            "RegistryType and scripts/registry/; then cargo xtask gen"
        );
    }

    #[test]
    fn a_condition_keeps_its_time_while_it_holds() {
        let mut before = InfraConfigurationStatus::default();
        before.set(
            &InfraConfigurationStatus::default(),
            "Accepted",
            Truth::True,
            ("Accepted", String::new()),
        );
        before.conditions[0].last_transition_time = Time(Timestamp::from_second(1).unwrap());
        let mut same = InfraConfigurationStatus::default();
        same.set(&before, "Accepted", Truth::True, ("Other", String::new()));
        assert_eq!(
            same.conditions[0].last_transition_time,
            before.conditions[0].last_transition_time
        );
        let mut other = InfraConfigurationStatus::default();
        other.set(&before, "Accepted", Truth::False, ("Other", String::new()));
        assert_ne!(
            other.conditions[0].last_transition_time,
            before.conditions[0].last_transition_time
        );
    }
}
