//! AdmissionReview of admission.k8s.io/v1 in, AdmissionReview out. Pure. Not for: what is done to a Pod (`mutate.rs`).
//! Source: Kubernetes, "Dynamic Admission Control", request and response.

use base64::Engine as _;
use serde_json::{Value, json};

use super::settings::Settings;
use super::{mutate, validate};
use crate::limits::{WARNING_CHARS, WARNINGS};

/// What the API server is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    /// Whether it changes the Pod.
    pub(super) is_patched: bool,
}

/// Answers a review. Always allows; what is no Pod that is being created goes unchanged.
///
/// # Errors
/// It is no review, for whoever sent it.
pub(super) fn answer(body: &[u8], settings: &Settings) -> Result<Answer, String> {
    let review: Value = serde_json::from_slice(body).map_err(|e| format!("no JSON: {e}"))?;
    let (version, kind) = (&review["apiVersion"], &review["kind"]);
    if version != "admission.k8s.io/v1" || kind != "AdmissionReview" {
        return Err(format!(
            "apiVersion {version}, kind {kind}: send an AdmissionReview of admission.k8s.io/v1"
        ));
    }
    let request = &review["request"];
    let Some(uid) = request["uid"].as_str().filter(|uid| !uid.is_empty()) else {
        return Err("request.uid is missing".to_owned());
    };
    let mut response = json!({ "uid": uid, "allowed": true });
    let mut is_patched = false;
    if is_new_pod(request) {
        let pod = &request["object"];
        if !pod["spec"].is_object() || !pod["metadata"].is_object() {
            return Err("request.object is no Pod: it has no metadata or no spec".to_owned());
        }
        let change = mutate::mutate(pod, settings);
        let namespace = request["namespace"].as_str();
        let mut warnings = change.warnings;
        warnings.extend(validate::warnings(pod, namespace, &settings.features));
        if !warnings.is_empty() {
            let told = warnings.iter().take(WARNINGS);
            response["warnings"] = told.map(|warning| short(warning)).collect();
        }
        is_patched = !change.patch.is_empty();
        if is_patched {
            let patch = Value::Array(change.patch).to_string();
            response["patchType"] = json!("JSONPatch");
            response["patch"] = json!(base64::engine::general_purpose::STANDARD.encode(patch));
        }
    }
    let review = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response });
    Ok(Answer {
        text: review.to_string(),
        is_patched,
    })
}

fn is_new_pod(request: &Value) -> bool {
    let kind = &request["kind"];
    let is_part = request["subResource"].as_str().is_some_and(|part| !part.is_empty());
    request["operation"] == "CREATE"
        && kind["kind"] == "Pod"
        && kind["version"] == "v1"
        && kind["group"].as_str().is_none_or(str::is_empty)
        && !is_part
}

/// The API server cuts long ones itself, but all of them together.
fn short(warning: &str) -> Value {
    let mut text: String = warning.chars().take(WARNING_CHARS).collect();
    if text.len() < warning.len() {
        text.push_str("...");
    }
    Value::String(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(request: &Value) -> Vec<u8> {
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request })
            .to_string()
            .into_bytes()
    }

    fn creation(pod: &Value) -> Value {
        json!({
            "uid": "u-1", "operation": "CREATE", "namespace": "shop",
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": pod,
        })
    }

    fn labelled() -> Value {
        json!({
            "metadata": {"generateName": "web-", "labels": {"infra.flomesh.io/registry": "true", "app": "web"}},
            "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 80}]}]},
        })
    }

    #[test]
    fn a_new_pod_is_changed() {
        let answer = answer(&review(&creation(&labelled())), &Settings::default()).unwrap();
        assert!(answer.is_patched);
        let review: Value = serde_json::from_str(&answer.text).unwrap();
        let response = &review["response"];
        assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(true)));
        assert_eq!(response["warnings"], Value::Null);
        let patch = base64::engine::general_purpose::STANDARD.decode(response["patch"].as_str().unwrap());
        let patch: Value = serde_json::from_slice(&patch.unwrap()).unwrap();
        assert_eq!(patch[0]["path"], "/spec/containers/0/lifecycle");
    }

    #[test]
    fn what_is_not_created_goes_as_it_is() {
        let mut update = creation(&labelled());
        update["operation"] = json!("UPDATE");
        let mut part = creation(&labelled());
        part["subResource"] = json!("status");
        let mut other = creation(&labelled());
        other["kind"]["kind"] = json!("ConfigMap");
        for request in [update, part, other] {
            let answer = answer(&review(&request), &Settings::default()).unwrap();
            assert!(
                !answer.is_patched && answer.text.contains("\"allowed\":true"),
                "{}",
                answer.text
            );
        }
    }

    #[test]
    fn warnings_are_few_and_short() {
        let mut pod = labelled();
        pod["metadata"]["labels"]["infra.flomesh.io/stats"] = json!("x".repeat(1000));
        for number in 0..50 {
            pod["metadata"]["labels"][format!("infra.flomesh.io/f{number}")] = json!("yes");
        }
        let answer = answer(&review(&creation(&pod)), &Settings::default()).unwrap();
        let review: Value = serde_json::from_str(&answer.text).unwrap();
        let warnings = review["response"]["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), WARNINGS);
        let longest = warnings.iter().filter_map(Value::as_str).map(str::len).max();
        assert!(longest <= Some(WARNING_CHARS + 3));
    }

    #[test]
    fn what_is_no_review() {
        let rows: [(Vec<u8>, &str); 6] = [
            (b"".to_vec(), "no JSON"),
            (b"[]".to_vec(), "send an AdmissionReview"),
            (
                br#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#.to_vec(),
                "v1beta1",
            ),
            (review(&json!({})), "request.uid"),
            (review(&creation(&Value::Null)), "request.object"),
            (vec![b'['; 5000], "recursion"),
        ];
        for (body, wanted) in rows {
            let reason = answer(&body, &Settings::default()).unwrap_err();
            assert!(reason.contains(wanted), "{reason}");
        }
    }
}
