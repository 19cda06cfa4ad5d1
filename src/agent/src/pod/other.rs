//! Whether another agent acts for this Pod: on a node whose sandbox image is ours, a Pod with our sidecar has two. The Pod itself
//! decides, by its pod.json, and not who comes first: the sidecar has logs, volumes and a share of CPU of its own.

use ballast_repo_client::pod::SIDECAR;
use bytes::Bytes;
use serde_json::Value;

/// The container whose agent acts for the Pod, unless that is ours.
pub(super) fn agent(pod_json: Option<&Bytes>, container: Option<&str>) -> Option<&'static str> {
    let pod: Value = serde_json::from_slice(pod_json?).ok()?;
    let containers = pod.pointer("/spec/containers")?.as_array()?;
    let mut sidecars = containers.iter().filter(|container| container["kind"] == "sidecar");
    let has_sidecar = sidecars.any(|sidecar| sidecar["name"] == SIDECAR);
    (has_sidecar && container != Some(SIDECAR)).then_some(SIDECAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_acts() {
        let with = r#"{"spec":{"containers":[{"name":"ballast-agent","kind":"sidecar"},{"name":"app","kind":"app"}]}}"#;
        let app = r#"{"spec":{"containers":[{"name":"ballast-agent","kind":"app"}]}}"#;
        for (pod, container, wanted) in [
            (with, None, Some(SIDECAR)),
            (with, Some(SIDECAR), None),
            (with, Some("other"), Some(SIDECAR)),
            (app, None, None),
            (r#"{"spec":{}}"#, None, None),
            ("broken", None, None),
        ] {
            let pod = Bytes::from_static(pod.as_bytes());
            assert_eq!(agent(Some(&pod), container), wanted, "{pod:?} {container:?}");
        }
        assert_eq!(agent(None, None), None);
    }
}
