//! One Pod → one codebase that adds only `/config/pod.json` to `/base`. Pure; golden cases in tests/controller/.

use std::collections::BTreeMap;

use ballast_repo_client::path;
use ballast_repo_client::pod::{Container, Kind, Metadata, POD_PATH, PodDocument, Probe, SCHEMA, Spec, Status};
use serde_json::Value;

use crate::error::Error;
use crate::features::FEATURES;
use crate::labels::{PARAMETERS, PREFIX};
use crate::manifest::{Manifest, PodContainer};
use crate::settings::Settings;

/// The codebase that all Pods' derive from.
pub const BASE: &str = "/base";
/// Namespace of a manifest that names none.
const DEFAULT_NAMESPACE: &str = "default";

/// The codebase of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// `/pod/<namespace>/<name>`.
    pub name: String,
    /// The Pod's UID; absent where the manifest has none (then nobody is refused by UID).
    pub uid: Option<String>,
    /// The codebase it derives from: [`BASE`].
    pub base: &'static str,
    /// Own files by path.
    pub files: BTreeMap<String, String>,
}

/// What a Pod's labels come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `None`: no label asks for a codebase, or nothing that one asks for can be done.
    pub codebase: Option<Derived>,
    /// What in the labels means nothing or can't be done, for the person who wrote them.
    pub warnings: Vec<String>,
    /// Why one of its features can't be told now. In the codebase that feature is as it is served, or absent where it is not
    /// known; where there is no codebase for it, the one that is served stays.
    pub problem: Option<String>,
}

/// The name of the codebase of a Pod, whether or not it is to have one.
///
/// # Errors
/// When name or namespace can't be part of it.
pub fn codebase_name(manifest: &Manifest) -> Result<String, Error> {
    let (namespace, name) = identity(manifest);
    let invalid = |reason| Error::Name {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        reason,
    };
    for part in [namespace, name] {
        if part.is_empty() {
            return Err(invalid(path::Invalid::Empty));
        }
        if part.contains('/') {
            return Err(invalid(path::Invalid::Segment));
        }
    }
    path::codebase_name(&format!("/pod/{namespace}/{name}")).map_err(invalid)
}

/// Derives the codebase of a Pod.
///
/// # Errors
/// When the Pod's name can't name a codebase.
pub fn derive(manifest: &Manifest, settings: &Settings) -> Result<Outcome, Error> {
    derive_over(manifest, settings, None)
}

/// The same; features that can't be told now are as they are in `served`, which must be of the very same Pod.
///
/// # Errors
/// As [`derive()`].
pub fn derive_over(manifest: &Manifest, settings: &Settings, served: Option<&PodDocument>) -> Result<Outcome, Error> {
    let name = codebase_name(manifest)?;
    let mut warnings = Vec::new();
    let mut problem = None;
    let features = asked_for(manifest, settings, &mut warnings);
    let wanted: Vec<&str> = FEATURES
        .iter()
        .filter(|row| features.contains(&row.name))
        .flat_map(|row| row.env)
        .copied()
        .collect();
    let mut pod = document(manifest, &wanted);
    for feature in features {
        if let Some(reason) = settings.problem(feature) {
            problem = Some(reason.to_owned());
            let known = served.and_then(|served| served.features.get(feature));
            pod.features
                .extend(known.map(|known| (feature.to_owned(), known.clone())));
            continue;
        }
        let own = settings.of(feature);
        let built = match FEATURES.iter().find(|row| row.name == feature) {
            Some(row) => (row.build)(&pod, own, &mut warnings),
            None => Some(own),
        };
        if let Some(built) = built {
            pod.features.insert(feature.to_owned(), Value::Object(built));
        }
    }
    // Each feature looks at the ports and says what is odd about them.
    let mut seen = std::collections::BTreeSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    if pod.features.is_empty() {
        return Ok(Outcome {
            codebase: None,
            warnings,
            problem,
        });
    }
    let mut text = serde_json::to_string(&pod).expect("a document of maps with text keys is JSON");
    text.push('\n');
    let codebase = Derived {
        name,
        uid: pod.metadata.uid,
        base: BASE,
        files: BTreeMap::from([(POD_PATH.to_owned(), text)]),
    };
    Ok(Outcome {
        codebase: Some(codebase),
        warnings,
        problem,
    })
}

/// By labels, and by settings where no label says anything.
fn asked_for<'a>(manifest: &'a Manifest, settings: &'a Settings, warnings: &mut Vec<String>) -> Vec<&'a str> {
    let labels = &manifest.metadata.labels;
    let is_left_open = |feature: &&str| !labels.contains_key(&format!("{PREFIX}{feature}"));
    let mut features: Vec<&str> = settings.on().filter(is_left_open).collect();
    for (key, value) in &manifest.metadata.labels {
        let Some(feature) = key.strip_prefix(PREFIX).filter(|_| !PARAMETERS.contains(&key.as_str())) else {
            continue;
        };
        match value.as_str() {
            "true" => features.push(feature),
            "false" => {}
            other => warnings.push(format!("label {key}: {other:?} means nothing; it is 'true' or 'false'")),
        }
    }
    features
}

fn document(manifest: &Manifest, env: &[&str]) -> PodDocument {
    let (namespace, name) = identity(manifest);
    let meta = &manifest.metadata;
    let (spec, status) = (&manifest.spec, &manifest.status);
    let annotations = meta.annotations.iter().filter(|(key, _)| key.starts_with(PREFIX));
    let sidecars = spec
        .init_containers
        .iter()
        .filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let containers = sidecars
        .map(|sidecar| container(sidecar, Kind::Sidecar, env))
        .chain(spec.containers.iter().map(|app| container(app, Kind::App, env)));
    let mut pod_ips: Vec<String> = status.pod_ips.iter().map(|ip| ip.ip.clone()).collect();
    if pod_ips.is_empty() {
        pod_ips.extend(status.pod_ip.clone());
    }
    PodDocument {
        schema: SCHEMA,
        metadata: Metadata {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            uid: manifest.uid().map(str::to_owned),
            labels: meta.labels.clone(),
            annotations: annotations.map(|(key, value)| (key.clone(), value.clone())).collect(),
            deletion_timestamp: meta.deletion_timestamp.clone(),
        },
        spec: Spec {
            node_name: spec.node_name.clone(),
            host_network: spec.host_network,
            share_process_namespace: spec.share_process_namespace,
            containers: containers.collect(),
        },
        status: Status {
            pod_ip: status.pod_ip.clone().or_else(|| pod_ips.first().cloned()),
            pod_ips,
            ready: manifest.ready(),
        },
        features: BTreeMap::new(),
    }
}

fn container(from: &PodContainer, kind: Kind, env: &[&str]) -> Container {
    // Kubernetes expands $(NAME) from variables that may be secrets: such a value is not literal.
    let literal = from
        .env
        .iter()
        .filter(|var| env.contains(&var.name.as_str()))
        .filter_map(|var| {
            let value = var.value.as_ref().filter(|value| !value.contains("$("))?;
            Some((var.name.clone(), value.clone()))
        });
    Container {
        name: from.name.clone(),
        kind,
        ports: from.ports.clone(),
        readiness_probe: from.readiness_probe.as_ref().map(Probe::from),
        startup_probe: from.startup_probe.as_ref().map(Probe::from),
        env: literal.collect(),
    }
}

fn identity(manifest: &Manifest) -> (&str, &str) {
    let namespace = manifest
        .metadata
        .namespace
        .as_deref()
        .filter(|namespace| !namespace.is_empty());
    (
        namespace.unwrap_or(DEFAULT_NAMESPACE),
        manifest.metadata.name.as_deref().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize as _;

    use super::*;
    use crate::configuration::{Configuration, effective};

    /// Each folder of tests/controller/ is a case: pod.yaml, perhaps settings.yaml, configurations.yaml and served.json (what the
    /// Repo has), and what must come out.
    #[test]
    fn golden() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/controller");
        let mut cases = 0;
        for case in std::fs::read_dir(&folder).unwrap() {
            let case = case.unwrap().path();
            let Ok(pod) = std::fs::read_to_string(case.join("pod.yaml")) else {
                continue;
            };
            let settings = std::fs::read_to_string(case.join("settings.yaml")).unwrap_or_default();
            let manifest = Manifest::all_from_yaml(&pod).unwrap().remove(0);
            let settings = Settings::from_yaml(&settings).unwrap();
            let configurations = std::fs::read_to_string(case.join("configurations.yaml")).unwrap_or_default();
            let configurations: Vec<Configuration> = serde_yaml::Deserializer::from_str(&configurations)
                .filter_map(|document| Option::deserialize(document).unwrap())
                .collect();
            let settings = effective(&configurations, &manifest, "ballast-system", &settings);
            let served = std::fs::read_to_string(case.join("served.json")).ok();
            let served: Option<PodDocument> = served.map(|served| serde_json::from_str(&served).unwrap());
            let outcome = derive_over(&manifest, &settings, served.as_ref()).unwrap();
            let warnings = &outcome.warnings;
            let actual = outcome.codebase.map(|derived| {
                let pod: Value = serde_json::from_str(&derived.files[POD_PATH]).unwrap();
                assert_eq!(
                    derived.files.len(),
                    1,
                    "{}: only pod.json is the Pod's own",
                    case.display()
                );
                let mut all = serde_json::json!({
                    "name": derived.name, "uid": derived.uid, "base": derived.base,
                    "warnings": warnings, "pod": pod,
                });
                if let Some(problem) = &outcome.problem {
                    all["problem"] = Value::from(problem.as_str());
                }
                all
            });
            let actual = actual.or_else(|| outcome.problem.map(|problem| serde_json::json!({ "problem": problem })));
            let actual = actual.or_else(|| (!warnings.is_empty()).then(|| serde_json::json!({ "warnings": warnings })));
            let actual = serde_json::to_string_pretty(&actual).unwrap() + "\n";
            check(&case.join("expected.json"), &actual);
            cases += 1;
        }
        assert!(cases >= 10, "only {cases} cases in {}", folder.display());
    }

    #[track_caller]
    fn check(expected: &Path, actual: &str) {
        if std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
            std::fs::write(expected, actual).unwrap();
        }
        let wanted = std::fs::read_to_string(expected).unwrap_or_default();
        assert_eq!(wanted, actual, "{} (UPDATE_EXPECT=1 rewrites it)", expected.display());
    }

    #[test]
    fn what_can_not_be_used_is_an_error() {
        let pod = |meta: &str| format!("kind: Pod\nmetadata: {{{meta}}}\n");
        let rows = [
            ("another kind", "kind: Deployment\n".to_owned(), "is a Deployment"),
            ("nothing", "---\n".to_owned(), "holds no object"),
            ("no YAML", "kind: [Pod\n".to_owned(), "read the pod manifest"),
            ("no name", pod("generateName: web-"), "it is empty"),
            (
                "a name that climbs",
                pod("name: .., namespace: a"),
                "segment is empty, . or ..",
            ),
            ("a name with a slash", pod("name: a/b"), "segment is empty, . or .."),
            (
                "a label that is no text",
                pod("name: a, labels: {infra.flomesh.io/registry: true}"),
                "quote true, false and numbers",
            ),
            (
                "a port that is none",
                pod("name: a") + "spec: {containers: [{name: x, ports: [{containerPort: 70000}]}]}",
                "70000",
            ),
        ];
        for (row, text, wanted) in rows {
            let result = Manifest::all_from_yaml(&text).and_then(|pods| {
                pods.iter()
                    .map(|pod| derive(pod, &Settings::default()))
                    .collect::<Result<Vec<_>, _>>()
            });
            let error = result.expect_err(row);
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let message = format!("{error}: {}", cause.clone().unwrap_or_default());
            assert!(message.contains(wanted), "{row}: {message}");
            let is_once = cause.is_none_or(|cause| !error.to_string().contains(&cause));
            assert!(is_once, "{row}: the cause is told twice: {message}");
        }
        assert!(Settings::from_yaml("registry: 3").is_err());
        assert_eq!(Settings::from_yaml("").unwrap(), Settings::default());
    }

    #[test]
    fn deletion_readiness_and_address_can_be_set() {
        let text = "kind: Pod\nmetadata: {name: a, labels: {infra.flomesh.io/stats: 'true'}}\n";
        let mut manifest = Manifest::all_from_yaml(text).unwrap().remove(0);
        manifest.set_deleting("2026-01-02T03:04:05Z");
        manifest.set_deleting("2027-01-02T03:04:05Z");
        manifest.set_ready(true);
        manifest.set_ready(false);
        manifest.set_pod_ip("10.0.0.9");
        let derived = derive(&manifest, &Settings::default()).unwrap().codebase.unwrap();
        let pod: PodDocument = serde_json::from_str(&derived.files[POD_PATH]).unwrap();
        assert_eq!(pod.metadata.deletion_timestamp.as_deref(), Some("2026-01-02T03:04:05Z"));
        assert_eq!(pod.status.ready, Some(false));
        assert_eq!(pod.status.pod_ips, ["10.0.0.9"]);
    }
}
