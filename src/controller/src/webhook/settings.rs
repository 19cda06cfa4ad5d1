//! What the webhook adds, as the operator set it: a YAML file (`--webhook-settings`). Unknown keys are errors, told at the
//! start. Not for: which Pods get it (`mutate.rs`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// All of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Whether app containers get a preStop that waits for the drain.
    pub(super) pre_stop: bool,
    /// The agent as a native sidecar. Absent: nobody gets one.
    pub(super) sidecar: Option<Sidecar>,
    /// The init container that loads the rules of transparent proxying. Absent: the CNI plugin does that, or nobody.
    pub(super) proxy_init: Option<ProxyInit>,
    /// Whether the CNI plugin loads them: a runtime gives it no labels, so the Pod gets the label as an annotation.
    pub(super) proxy_by_cni: bool,
    /// Settings of the features, for warnings; of the controller's other file.
    #[serde(skip)]
    pub(super) features: ballast_derive::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pre_stop: true,
            sidecar: None,
            proxy_init: None,
            proxy_by_cni: false,
            features: ballast_derive::Settings::default(),
        }
    }
}

/// The agent as a sidecar. Values that are Kubernetes' own go into the Pod as they are.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sidecar {
    /// The image `pod`, the same that nodes have as their sandbox image.
    pub(super) image: String,
    /// `imagePullPolicy`.
    #[serde(default)]
    pub(super) image_pull_policy: Option<String>,
    /// Whether every Pod with a feature gets one, because the sandbox image of the nodes is another. A Pod's own label goes
    /// first.
    #[serde(default)]
    pub(super) for_all: bool,
    /// Environment: `BALLAST_REPO`, `BALLAST_LOG` and so on.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// `resources`.
    #[serde(default = "sidecar_resources")]
    pub(super) resources: Map<String, Value>,
    /// `volumes` that the Pod gets.
    #[serde(default)]
    pub(super) volumes: Vec<Value>,
    /// `volumeMounts` of the sidecar.
    #[serde(default)]
    pub(super) volume_mounts: Vec<Value>,
}

/// The init container of transparent proxying.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProxyInit {
    /// The image `init`.
    pub(super) image: String,
    /// `imagePullPolicy`.
    #[serde(default)]
    pub(super) image_pull_policy: Option<String>,
    /// Arguments for all Pods.
    #[serde(default)]
    pub(super) args: Vec<String>,
    /// `resources`.
    #[serde(default = "init_resources")]
    pub(super) resources: Map<String, Value>,
}

impl Settings {
    /// Reads the file's text; empty: all defaults. `features` is what the controller knows of the features' settings.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub(crate) fn from_yaml(text: &str, features: ballast_derive::Settings) -> Result<Self, serde_yaml::Error> {
        let settings: Option<Self> = serde_yaml::from_str(text)?;
        let mut settings = settings.unwrap_or_default();
        if settings.proxy_by_cni && settings.proxy_init.is_some() {
            return Err(serde::de::Error::custom(
                "proxyInit and proxyByCni: only one of them can load the rules",
            ));
        }
        settings.features = features;
        Ok(settings)
    }
}

/// The agent's own ceiling is 64 MiB (`BALLAST_MEMORY`); files that it maps count too.
fn sidecar_resources() -> Map<String, Value> {
    object(json!({ "requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"} }))
}

fn init_resources() -> Map<String, Value> {
    object(json!({ "requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"} }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read() {
        let read = |text: &str| Settings::from_yaml(text, ballast_derive::Settings::default());
        for empty in ["", "{}", "# nothing\n"] {
            let settings = read(empty).unwrap();
            assert!(settings.pre_stop && settings.sidecar.is_none() && settings.proxy_init.is_none());
        }
        let settings = read("preStop: false\nsidecar: {image: pod, forAll: true, env: {BALLAST_LOG: debug}}").unwrap();
        let sidecar = settings.sidecar.unwrap();
        assert!(!settings.pre_stop && sidecar.for_all);
        assert_eq!(sidecar.env["BALLAST_LOG"], "debug");
        assert_eq!(sidecar.resources["limits"]["memory"], "128Mi");
        for (text, wanted) in [
            ("{proxyInit: {image: x}, proxyByCni: true}", "only one of them"),
            ("sidecar: {}", "image"),
            ("sidecars: {image: x}", "sidecars"),
            ("sidecar: {image: x, all: true}", "all"),
            ("sidecar: {image: x, env: {A: {}}}", "env"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
