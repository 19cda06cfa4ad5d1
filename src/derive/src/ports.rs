//! Which ports of a Pod a feature is about: those that the port label names, else those that readiness probes name, over
//! all containers. Pure. Source: design.md 4; resolving of probe ports as the kubelet does it (name first, then number).

use ballast_repo_client::pod::{Container, PodDocument, PortRef};

use crate::labels::PORT;

/// The chosen ports, each once, in the order of the label or of the containers. A port goes by its name where that name
/// means one port in the whole Pod, else by its number.
pub(crate) fn select(pod: &PodDocument, warnings: &mut Vec<String>) -> Vec<PortRef> {
    let asked = pod
        .metadata
        .annotations
        .get(PORT)
        .or_else(|| pod.metadata.labels.get(PORT));
    let numbers = match asked {
        Some(list) => labelled(pod, list, warnings),
        None => probed(pod, warnings),
    };
    let mut chosen: Vec<u16> = Vec::new();
    for number in numbers {
        if !chosen.contains(&number) {
            chosen.push(number);
        }
    }
    chosen.into_iter().map(|number| shown(pod, number)).collect()
}

fn labelled(pod: &PodDocument, list: &str, warnings: &mut Vec<String>) -> Vec<u16> {
    let mut numbers = Vec::new();
    for item in list
        .split([',', '_', '.'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        let found = match item.parse() {
            Ok(0) => Vec::new(),
            Ok(number) => vec![number],
            Err(_) => pod
                .spec
                .containers
                .iter()
                .filter_map(|container| named(container, item))
                .collect(),
        };
        if found.is_empty() {
            warnings.push(format!("{PORT}: no container has a port {item:?}"));
        }
        numbers.extend(found);
    }
    numbers
}

fn probed(pod: &PodDocument, warnings: &mut Vec<String>) -> Vec<u16> {
    let mut numbers = Vec::new();
    for container in &pod.spec.containers {
        let Some(probe) = &container.readiness_probe else {
            continue;
        };
        let http = probe.http_get.as_ref().map(|http| http.port.clone());
        let tcp = probe.tcp_socket.as_ref().map(|tcp| tcp.port.clone());
        let grpc = probe.grpc.as_ref().map(|grpc| PortRef::Number(grpc.port));
        let Some(port) = http.or(tcp).or(grpc) else { continue };
        let number = match &port {
            PortRef::Number(number) => Some(*number),
            PortRef::Name(name) => named(container, name).or_else(|| name.parse().ok()),
        };
        match number {
            Some(number) => numbers.push(number),
            None => warnings.push(format!(
                "readiness probe of {}: it has no port {port:?}",
                container.name
            )),
        }
    }
    numbers
}

fn named(container: &Container, name: &str) -> Option<u16> {
    let port = container.ports.iter().find(|port| port.name.as_deref() == Some(name))?;
    Some(port.container_port)
}

fn shown(pod: &PodDocument, number: u16) -> PortRef {
    let all = || pod.spec.containers.iter().flat_map(|container| &container.ports);
    let name = all()
        .find(|port| port.container_port == number)
        .and_then(|port| port.name.clone());
    match name {
        Some(name) if all().all(|port| port.name.as_ref() != Some(&name) || port.container_port == number) => {
            PortRef::Name(name)
        }
        _ => PortRef::Number(number),
    }
}
