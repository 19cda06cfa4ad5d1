//! The few fields of a Pod manifest that starting it with podman takes. Not for: labels and probes; those are read by
//! `ballast-repo publish-pod`, from the same file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

/// A Pod to start.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) file: PathBuf,
    pub(super) name: String,
    /// Label `app`, which names the service.
    pub(super) app: String,
    /// Do all containers see each other's processes (and PID 1 reap their orphans)?
    pub(super) is_sharing_processes: bool,
    /// Name and image of each container.
    pub(super) containers: Vec<(String, String)>,
}

impl Manifest {
    /// Reads a file.
    ///
    /// # Errors
    /// No such file, no YAML, or a field is missing.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        Self::parse(file, &text).with_context(|| format!("read the Pod in {}", file.display()))
    }

    fn parse(file: &Path, text: &str) -> anyhow::Result<Self> {
        let pod: Value = serde_yaml::from_str(text)?;
        let word = |value: &Value, pointer: &str| -> anyhow::Result<String> {
            value
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(ToOwned::to_owned)
                .with_context(|| format!("no {pointer}"))
        };
        let containers = pod
            .pointer("/spec/containers")
            .and_then(Value::as_array)
            .context("no /spec/containers")?;
        let containers = containers
            .iter()
            .map(|container| Ok((word(container, "/name")?, word(container, "/image")?)));
        Ok(Self {
            file: file.to_owned(),
            name: word(&pod, "/metadata/name")?,
            app: word(&pod, "/metadata/labels/app")?,
            is_sharing_processes: pod
                .pointer("/spec/shareProcessNamespace")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            containers: containers.collect::<anyhow::Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_and_one_without_a_name() {
        let text = "metadata: {name: a, labels: {app: b}}\nspec: {containers: [{name: c, image: d}]}\n";
        let pod = Manifest::parse(Path::new("x"), text).unwrap();
        assert_eq!((pod.name.as_str(), pod.app.as_str()), ("a", "b"));
        assert!(!pod.is_sharing_processes, "as in Kubernetes, only when asked for");
        assert_eq!(pod.containers, [("c".to_owned(), "d".to_owned())]);
        let error = Manifest::parse(Path::new("x"), &text.replace("name: a, ", "")).unwrap_err();
        assert!(error.to_string().contains("/metadata/name"));
    }
}
