//! `infra.flomesh.io/proxy`: the proxy. Its settings; the ports that it stands before where it has an offset; the name of the
//! service and the ports that rules of `ballast-init` lead to it. What is exempt is in those rules only.

use ballast_repo_client::pod::PodDocument;
use serde_json::{Map, Value};

use super::{Feature, registry};
use crate::labels::PROXY_PREFIX;
use crate::ports::select;

pub(super) const FEATURE: Feature = Feature {
    name: "proxy",
    env: &[],
    build,
};

fn build(
    pod: &PodDocument,
    mut settings: Map<String, Value>,
    warnings: &mut Vec<String>,
) -> Option<Map<String, Value>> {
    let ports = serde_json::to_value(select(pod, warnings)).ok()?;
    settings.insert("ports".to_owned(), ports);
    if let Some(service) = registry::service(pod) {
        settings.insert("service".to_owned(), Value::from(service));
    }
    for (annotation, name) in [("inbound-port", "inboundPort"), ("outbound-port", "outboundPort")] {
        if let Some(port) = numbers(pod, annotation, warnings).and_then(|ports| ports.first().copied()) {
            settings.insert(name.to_owned(), Value::from(port));
        }
    }
    if let Some(ports) = numbers(pod, "plain-ports", warnings) {
        settings.insert("plainPorts".to_owned(), Value::from(ports));
    }
    Some(settings)
}

/// The ports in an annotation of ours, `none` for an empty list; `None`: there is no such annotation, or it says nothing.
fn numbers(pod: &PodDocument, annotation: &str, warnings: &mut Vec<String>) -> Option<Vec<u16>> {
    let key = format!("{PROXY_PREFIX}{annotation}");
    let text = pod.metadata.annotations.get(&key)?.trim();
    if text == "none" {
        return Some(Vec::new());
    }
    let ports = text
        .split(',')
        .map(|port| port.trim().parse().ok().filter(|port| *port != 0));
    let ports: Option<Vec<u16>> = ports.collect();
    if ports.is_none() {
        warnings.push(format!("{key}: {text:?} is no list of ports from 1 to 65535"));
    }
    ports
}
