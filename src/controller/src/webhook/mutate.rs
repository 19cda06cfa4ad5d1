//! Which changes a labelled Pod gets, as a JSON patch (RFC 6902). Pure; golden cases in tests/controller/webhook/. What is there
//! is never changed, only added to, so asking again (reinvocation) adds nothing. Not for: the containers (`inject.rs`).

use ballast_derive::labels;
use ballast_repo_client::pod::SIDECAR;
use serde_json::{Map, Value, json};

use super::inject::{self, PROXY_INIT};
use super::proxy_values;
use super::settings::Settings;

/// Where the agent answers a preStop. Source: design.md 4, "ports in a Pod"; scripts/base/main.js.
const DRAIN: (u16, &str) = (15063, "/drain");

/// A drain takes up to 5 s unless `drainSeconds` (2, and up to 3600) is set: 2 until the deletion is known, `drainSeconds` between
/// OUT_OF_SERVICE and leaving, and the requests. It counts against this time of the Pod, so where that is less than this an app
/// could be killed before it was asked to end. Who sets a longer drain sets a longer time too (k8s/README.md): which
/// configuration a Pod will have is not known here.
const LEAST_GRACE_SECONDS: u64 = 10;

/// Annotation of the API server's copy of a static Pod, which runs as it is whatever the copy says.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Key of a node selector. A Pod for Windows can have none of what we add. Source: Kubernetes, "Well-Known Labels".
const OS: &str = "kubernetes.io/os";

/// What becomes of a Pod.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Operations of a JSON patch, all of them `add`.
    pub(super) patch: Vec<Value>,
    /// What was asked for and is not done, for the person who wrote the labels.
    pub(super) warnings: Vec<String>,
}

/// What the Pod is to get.
pub(super) fn mutate(pod: &Value, settings: &Settings) -> Change {
    let mut change = Change::default();
    let spec = &pod["spec"];
    let is_mirror = !pod["metadata"]["annotations"][MIRROR].is_null();
    let is_windows = spec["os"]["name"] == "windows" || spec["nodeSelector"][OS] == "windows";
    if is_mirror || is_windows {
        return change;
    }
    let has_feature = has_feature(pod);
    let is_host_network = spec["hostNetwork"] == true;
    let containers = [
        proxy_init(pod, settings, is_host_network, &mut change),
        sidecar(pod, settings, has_feature, &mut change),
    ];
    add_init_containers(spec, containers, &mut change);
    // In the node's network the agent opens no port for it: another Pod's agent may have it.
    if has_feature && settings.pre_stop && !is_host_network {
        add_pre_stops(spec, &mut change);
    }
    change
}

/// Whether a label turns something on that an agent does.
fn has_feature(pod: &Value) -> bool {
    let Some(labels) = pod["metadata"]["labels"].as_object() else {
        return false;
    };
    labels.iter().any(|(key, value)| {
        key.starts_with(labels::PREFIX) && !labels::PARAMETERS.contains(&key.as_str()) && value == "true"
    })
}

/// The rules for the Pod's traffic, where it asks for them and nobody else loads them.
fn proxy_init(pod: &Value, settings: &Settings, is_host_network: bool, change: &mut Change) -> Option<Value> {
    let spec = &pod["spec"];
    let is_somebodys = settings.proxy_by_cni || settings.proxy_init.is_some();
    if !is_somebodys || pod["metadata"]["labels"][labels::PROXY] != "true" || has_container(spec, PROXY_INIT) {
        return None;
    }
    if is_host_network {
        let label = labels::PROXY;
        change.warnings.push(format!(
            "label {label}: the pod is in the node's network, whose traffic stays as it is"
        ));
        return None;
    }
    let annotations = pod["metadata"]["annotations"].as_object();
    let known = proxy_settings(annotations, change);
    if settings.proxy_by_cni {
        // A value of the Pod's own is its author's wish.
        let is_there = annotations.is_some_and(|annotations| annotations.contains_key(labels::PROXY));
        if !is_there {
            change.patch.push(match annotations {
                Some(_) => {
                    let key = labels::PROXY.replace('/', "~1");
                    json!({"op": "add", "path": format!("/metadata/annotations/{key}"), "value": "true"})
                }
                None => json!({"op": "add", "path": "/metadata/annotations", "value": {labels::PROXY: "true"}}),
            });
        }
        return None;
    }
    Some(inject::proxy_init(settings.proxy_init.as_ref()?, &known, spec))
}

/// Settings of the Pod's own for its rules. What is wrong in them is told, and not handed on: without it the setting for all
/// counts, and with it the Pod would never start.
fn proxy_settings<'a>(annotations: Option<&'a Map<String, Value>>, change: &mut Change) -> Vec<(&'a str, &'a str)> {
    let given = annotations.into_iter().flatten().filter_map(|(key, value)| {
        let name = key.strip_prefix(labels::PROXY)?.strip_prefix('.')?;
        let is_for_rules = !proxy_values::SCRIPT_SETTINGS.contains(&name);
        is_for_rules.then_some((name, value.as_str()?))
    });
    let mut good = Vec::new();
    for (name, value) in given {
        match proxy_values::check(name, value) {
            Ok(()) => good.push((name, value)),
            Err(reason) => {
                let warning = format!("annotation {}.{name}: {reason}", labels::PROXY);
                change.warnings.push(warning);
            }
        }
    }
    good
}

/// The agent, where the Pod asks for it, or where it is set for all and the Pod does not refuse.
fn sidecar(pod: &Value, settings: &Settings, has_feature: bool, change: &mut Change) -> Option<Value> {
    let label = labels::SIDECAR;
    let for_all = settings.sidecar.as_ref().is_some_and(|sidecar| sidecar.for_all);
    let is_wanted = match pod["metadata"]["labels"][label].as_str() {
        Some("true") => true,
        Some("false") => false,
        None => for_all && has_feature,
        Some(other) => {
            let warning = format!("label {label}: {other:?} means nothing; it is 'true' or 'false'");
            change.warnings.push(warning);
            for_all && has_feature
        }
    };
    let spec = &pod["spec"];
    if !is_wanted || has_container(spec, SIDECAR) {
        return None;
    }
    let Some(sidecar) = &settings.sidecar else {
        let warning = format!("label {label}: no image is set for it (sidecar.image of the webhook's settings)");
        change.warnings.push(warning);
        return None;
    };
    let volumes = spec["volumes"].as_array();
    let mut is_list = volumes.is_some();
    for volume in &sidecar.volumes {
        let mut there = volumes.into_iter().flatten();
        if there.any(|known| known["name"] == volume["name"]) {
            let warning = format!(
                "volume {} is there already: the sidecar is given that one",
                volume["name"]
            );
            change.warnings.push(warning);
            continue;
        }
        change.patch.push(match is_list {
            true => json!({"op": "add", "path": "/spec/volumes/-", "value": volume}),
            false => json!({"op": "add", "path": "/spec/volumes", "value": [volume]}),
        });
        is_list = true;
    }
    Some(inject::sidecar(sidecar, spec))
}

/// Before all others: first the rules, then who answers by them, then what may need the network.
fn add_init_containers(spec: &Value, containers: [Option<Value>; 2], change: &mut Change) {
    let given = spec["initContainers"].as_array();
    let mut is_list = given.is_some();
    let first = given
        .into_iter()
        .flatten()
        .position(|known| known["name"] == PROXY_INIT);
    let places = first.map_or(0, |index| index + 1)..;
    for (place, container) in places.zip(containers.into_iter().flatten()) {
        change.patch.push(match is_list {
            true => json!({"op": "add", "path": format!("/spec/initContainers/{place}"), "value": container}),
            false => json!({"op": "add", "path": "/spec/initContainers", "value": [container]}),
        });
        is_list = true;
    }
}

/// Apps that have none of their own end only when callers know it.
fn add_pre_stops(spec: &Value, change: &mut Change) {
    let apps = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let without = apps
        .iter()
        .enumerate()
        .filter(|(_, app)| app["name"] != SIDECAR && app["lifecycle"]["preStop"].is_null());
    let without: Vec<(usize, &Value)> = without.collect();
    let grace = spec["terminationGracePeriodSeconds"].as_u64();
    if let Some(seconds) = grace.filter(|seconds| *seconds < LEAST_GRACE_SECONDS && !without.is_empty()) {
        change.warnings.push(format!(
            "terminationGracePeriodSeconds {seconds} is too short to wait for a drain (at least {LEAST_GRACE_SECONDS}): no preStop is added"
        ));
        return;
    }
    let (port, path) = DRAIN;
    let hook = json!({"httpGet": {"path": path, "port": port}});
    for (index, app) in without {
        change.patch.push(match app["lifecycle"].is_object() {
            true => json!({"op": "add", "path": format!("/spec/containers/{index}/lifecycle/preStop"), "value": hook}),
            false => json!({
                "op": "add", "path": format!("/spec/containers/{index}/lifecycle"), "value": {"preStop": hook},
            }),
        });
    }
}

fn has_container(spec: &Value, name: &str) -> bool {
    let lists = [&spec["initContainers"], &spec["containers"]];
    let mut containers = lists.into_iter().filter_map(Value::as_array).flatten();
    containers.any(|container| container["name"] == name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::validate;
    use super::*;

    /// Each folder of tests/controller/webhook/ is a case: pod.yaml, perhaps settings.yaml, and what must come out. With the
    /// patch applied nothing is left to do.
    #[test]
    fn golden() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/controller/webhook");
        let mut cases = 0;
        for case in std::fs::read_dir(&folder).unwrap() {
            let case = case.unwrap().path();
            let pod = std::fs::read_to_string(case.join("pod.yaml")).unwrap();
            let mut pod: Value = serde_yaml::from_str(&pod).unwrap();
            let settings = std::fs::read_to_string(case.join("settings.yaml")).unwrap_or_default();
            let settings = Settings::from_yaml(&settings, ballast_derive::Settings::default()).unwrap();
            let change = mutate(&pod, &settings);
            let mut warnings = change.warnings;
            warnings.extend(validate::warnings(&pod, Some("shop"), &settings.features));
            let actual = json!({"patch": change.patch, "warnings": warnings});
            let actual = serde_json::to_string_pretty(&actual).unwrap() + "\n";
            check(&case.join("expected.json"), &actual);
            for operation in &change.patch {
                apply(&mut pod, operation);
            }
            let again = mutate(&pod, &settings);
            assert_eq!(again.patch, [] as [Value; 0], "{}: again", case.display());
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

    /// `add` of RFC 6902, as far as it is used here.
    #[track_caller]
    fn apply(document: &mut Value, operation: &Value) {
        assert_eq!(operation["op"], "add");
        let (parent, key) = operation["path"].as_str().unwrap().rsplit_once('/').unwrap();
        let value = operation["value"].clone();
        match document.pointer_mut(parent).unwrap() {
            Value::Array(list) if key == "-" => list.push(value),
            Value::Array(list) => list.insert(key.parse().unwrap(), value),
            Value::Object(map) => drop(map.insert(key.replace("~1", "/"), value)),
            other => panic!("{parent} is {other}"),
        }
    }
}
