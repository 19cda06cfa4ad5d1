//! The containers that are put into Pods, in one place. Pure. Not for: which Pod gets which (`mutate.rs`).
//! Source: Kubernetes, "Sidecar Containers", "Pod Security Standards" (restricted), "Pod Quality of Service Classes",
//! "Assign Pod-level CPU and memory resources".

use ballast_repo_client::pod::SIDECAR;
use serde_json::{Map, Value, json};

use super::settings::{ProxyInit, Sidecar};

/// Name of the init container that loads the rules of transparent proxying.
pub(super) const PROXY_INIT: &str = "ballast-init";

/// The uid of our images, so that rules can tell the agent from an app.
const AGENT_UID: u32 = 65535;

/// CPU of a container in a Guaranteed Pod, where the settings give none.
const GUARANTEED_CPU: &str = "100m";

/// Where the agent reads what a sandbox has to guess: (variable, field of the Pod).
const FIELDS: [(&str, &str); 4] = [
    ("BALLAST_POD_NAME", "metadata.name"),
    ("BALLAST_NAMESPACE", "metadata.namespace"),
    ("BALLAST_POD_UID", "metadata.uid"),
    ("BALLAST_POD_IP", "status.podIP"),
];

/// The same image as a sandbox, with its own entry point: PID 1 keeps the last codebase over a crash of the agent, hands TERM on
/// and waits for the drain. Without probes on purpose: a Pod's start never waits for us.
pub(super) fn sidecar(settings: &Sidecar, spec: &Value) -> Value {
    let own = FIELDS.map(|(name, path)| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}));
    let mut env = vec![json!({"name": "BALLAST_CONTAINER", "value": SIDECAR})];
    env.extend(own);
    let is_own = |name: &str| env.iter().any(|variable| variable["name"] == name);
    let given = settings.env.iter().filter(|(name, _)| !is_own(name));
    let given: Vec<Value> = given
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    env.extend(given);
    let mut container = json!({
        "name": SIDECAR,
        "image": settings.image,
        "restartPolicy": "Always",
        "env": env,
        "resources": resources(&settings.resources, spec),
        "securityContext": {
            "runAsUser": AGENT_UID,
            "runAsGroup": AGENT_UID,
            "runAsNonRoot": true,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    if let Some(policy) = &settings.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    if !settings.volume_mounts.is_empty() {
        container["volumeMounts"] = json!(settings.volume_mounts);
    }
    container
}

/// Loads rules into the Pod's network and ends: root there, and of all that root may do only that. `given` are settings of the
/// Pod, which go behind those for all.
pub(super) fn proxy_init(settings: &ProxyInit, given: &[(&str, &str)], spec: &Value) -> Value {
    let given = given.iter().map(|(name, value)| format!("--{name}={value}"));
    let args: Vec<String> = settings.args.iter().cloned().chain(given).collect();
    let mut container = json!({
        "name": PROXY_INIT,
        "image": settings.image,
        "args": args,
        "resources": resources(&settings.resources, spec),
        "securityContext": {
            "runAsUser": 0,
            "runAsGroup": 0,
            "runAsNonRoot": false,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    if let Some(policy) = &settings.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    container
}

/// As set, but in a Guaranteed Pod with equal requests and limits: our container must not take the class from it. None in a Pod
/// that has resources as a whole: ours might be more than is left of them, and it would be refused.
fn resources(set: &Map<String, Value>, spec: &Value) -> Value {
    let is_set = |kind: &str| {
        spec["resources"][kind]
            .as_object()
            .is_some_and(|given| !given.is_empty())
    };
    if is_set("requests") || is_set("limits") {
        return json!({});
    }
    if !is_guaranteed(spec) {
        return Value::Object(set.clone());
    }
    let of = |kind: &str, resource: &str| set.get(kind).and_then(|given| given.get(resource)).cloned();
    // A request is a share under pressure; as a limit it would stop us for most of the time.
    let cpu = of("limits", "cpu").unwrap_or_else(|| json!(GUARANTEED_CPU));
    let mut equal = json!({ "cpu": cpu });
    if let Some(memory) = of("limits", "memory").or_else(|| of("requests", "memory")) {
        equal["memory"] = memory;
    }
    json!({"requests": equal, "limits": equal})
}

fn is_guaranteed(spec: &Value) -> bool {
    let of = |list: &str| spec[list].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut containers = of("containers").iter().chain(of("initContainers"));
    containers.all(|container| {
        ["cpu", "memory"].iter().all(|resource| {
            let limit = &container["resources"]["limits"][resource];
            let request = &container["resources"]["requests"][resource];
            !limit.is_null() && (request.is_null() || request == limit)
        })
    })
}
