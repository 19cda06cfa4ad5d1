//! `infra.flomesh.io/registry`: the Pod registers itself. Settings, service name, the ports with one instance each, and the
//! metadata that annotations give. Source: design.md 4.

use ballast_repo_client::pod::{Kind, PodDocument};
use serde_json::{Map, Value};

use super::Feature;
use crate::labels::{APP, METADATA_PREFIX, SERVICE_NAME};
use crate::ports::select;

/// The variable by which Spring applications are named.
const SPRING_NAME: &str = "spring.application.name";

pub(super) const FEATURE: Feature = Feature {
    name: "registry",
    env: &[SPRING_NAME],
    build,
};

fn build(
    pod: &PodDocument,
    mut settings: Map<String, Value>,
    warnings: &mut Vec<String>,
) -> Option<Map<String, Value>> {
    let Some(service) = service(pod) else {
        warnings.push(format!(
            "registry: no service name; give a label {SERVICE_NAME} or {APP}, or env {SPRING_NAME}"
        ));
        return None;
    };
    let ports = select(pod, warnings);
    if ports.is_empty() && !has_one_port(pod) {
        warnings.push("registry: no port to register; give the port label or a readiness probe with a port".to_owned());
    }
    settings.entry("type").or_insert_with(|| Value::from("eureka"));
    settings.insert("service".to_owned(), Value::from(service));
    settings.insert("ports".to_owned(), serde_json::to_value(ports).ok()?);
    let metadata = pod.metadata.annotations.iter().filter_map(|(key, value)| {
        let key = key.strip_prefix(METADATA_PREFIX).filter(|key| !key.is_empty())?;
        Some((key.to_owned(), Value::from(value.as_str())))
    });
    let metadata: Map<_, _> = metadata.collect();
    if !metadata.is_empty() {
        match settings.entry("metadata").or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(fields) => fields.extend(metadata),
            other => *other = Value::Object(metadata),
        }
    }
    Some(settings)
}

/// Without a label and a probe the scripts take the only port that the apps declare.
fn has_one_port(pod: &PodDocument) -> bool {
    let apps = pod
        .spec
        .containers
        .iter()
        .filter(|container| container.kind == Kind::App);
    let mut numbers: Vec<u16> = apps
        .flat_map(|app| &app.ports)
        .map(|port| port.container_port)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len() == 1
}

/// The name of the Pod's service: label, environment, the widely used label.
pub(super) fn service(pod: &PodDocument) -> Option<&str> {
    let label = |key: &str| {
        pod.metadata
            .labels
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let env = |kind: Kind| {
        let containers = pod
            .spec
            .containers
            .iter()
            .filter(move |container| container.kind == kind);
        containers
            .filter_map(|container| container.env.get(SPRING_NAME))
            .find(|value| !value.is_empty())
    };
    let env = || env(Kind::App).or_else(|| env(Kind::Sidecar)).map(String::as_str);
    label(SERVICE_NAME).or_else(env).or_else(|| label(APP))
}
