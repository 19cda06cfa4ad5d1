//! demo/02-policy as an API server uses it: reviews over TLS, verdicts, patches and warnings, and rules that change the
//! way kubelet changes a mounted ConfigMap. Source: Kubernetes' reference of admission.k8s.io/v1; RFC 6902 (patches).

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ballast_tests::{Process, bin, free_port, poll, process, repo_path, temp_dir};
use serde_json::{Value, json};

/// Far more than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running webhook.
struct Webhook {
    process: Process,
    port: u16,
    folder: tempfile::TempDir,
}

impl Webhook {
    /// Starts a script of the demo, with its rules in a folder as kubelet lays one out.
    fn start(script: &str) -> Webhook {
        let folder = temp_dir();
        let certs = folder.path().join("certs");
        std::fs::create_dir(&certs).expect("a folder for certificates");
        let mut openssl = Command::new("openssl");
        openssl
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args([
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
            ])
            .args(["-keyout", "tls.key", "-out", "tls.crt"])
            .current_dir(&certs);
        let (status, output) = process::run("openssl", &mut openssl, DEADLINE).expect("openssl runs");
        assert!(status.success(), "{output}");
        let rules = std::fs::read_to_string(repo_path("demo/02-policy/rules/policy.json")).expect("the demo's rules");
        std::fs::create_dir(folder.path().join("rules")).expect("a folder for rules");
        mount(folder.path(), "1", &rules);
        let data = folder.path().join("rules/policy.json");
        symlink("..data/policy.json", data).expect("a link to the rules");
        let port = free_port();
        let mut command = Command::new(bin("ballast"));
        command
            .arg("run")
            .arg(repo_path("demo/02-policy").join(script))
            .env("RULES", folder.path().join("rules"))
            .env("CERTS", &certs)
            .env("PORT", port.to_string());
        let process = Process::spawn(script, &mut command).expect("it starts");
        let webhook = Webhook { process, port, folder };
        let answers = poll(DEADLINE, || webhook.post("/validate", "{}"));
        assert!(answers.is_some(), "{script}: {}", webhook.process.output());
        webhook
    }

    /// Posts a body: status and answer.
    fn post(&self, path: &str, body: &str) -> Option<(u16, String)> {
        let mut curl = Command::new("curl");
        curl.args([
            "-s",
            "--max-time",
            "10",
            "-w",
            "\n%{http_code}",
            "--data-binary",
            body,
            "--cacert",
        ])
        .arg(self.folder.path().join("certs/tls.crt"))
        .args(["-H", "content-type: application/json"])
        .arg(format!("https://localhost:{}{path}?timeout=10s", self.port));
        let (status, output) = process::run("curl", &mut curl, DEADLINE).expect("curl runs");
        let (answer, code) = output.trim_end().rsplit_once('\n').unwrap_or(("", &output));
        status.success().then(|| (code.parse().unwrap_or(0), answer.to_owned()))
    }

    /// The response to a review of `object`.
    #[track_caller]
    fn review(&self, path: &str, object: &Value) -> Value {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": "CREATE", "object": object},
        });
        let (code, answer) = self.post(path, &review.to_string()).expect("an answer");
        assert_eq!(code, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("an answer in JSON");
        assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(answer["kind"], "AdmissionReview");
        assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
        answer["response"].clone()
    }
}

/// Lays a version of the rules out and switches `..data` to it in one step, as kubelet does.
fn mount(folder: &Path, version: &str, rules: &str) {
    let rules_folder = folder.join("rules");
    let folder = rules_folder.join(format!("..{version}"));
    std::fs::create_dir(&folder).expect("a folder for a version");
    std::fs::write(folder.join("policy.json"), rules).expect("a file of rules");
    symlink(format!("..{version}"), rules_folder.join("..data_tmp")).expect("a link");
    std::fs::rename(rules_folder.join("..data_tmp"), rules_folder.join("..data")).expect("the switch");
}

fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .map(|image| json!({"name": "c", "image": image}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}})
}

const PINNED: &str = "registry.example.com/a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn both_scripts_decide_by_the_rules() {
    for script in ["webhook.js", "webhook-2021.js"] {
        let webhook = Webhook::start(script);
        for (images, objection) in [
            (vec!["registry.example.com/team/app:1.2"], None),
            (vec!["registry.example.com:5000/app:1.2"], None),
            (vec![PINNED], None),
            (vec!["nginx"], Some("docker.io")),
            (vec!["team/app:1.2"], Some("docker.io")),
            (vec!["registry.example.org/app:1"], Some("registry.example.org")),
            (vec!["registry.example.com/app"], Some("latest")),
            (vec!["registry.example.com/app:latest"], Some("latest")),
            (vec!["registry.example.com:5000/app"], Some("latest")),
            (vec!["registry.example.com/app:1", "busybox:1"], Some("busybox:1")),
        ] {
            let response = webhook.review("/validate", &pod(&images));
            assert_eq!(
                response["allowed"],
                objection.is_none(),
                "{script} {images:?}: {response}"
            );
            let message = response["status"]["message"].as_str().unwrap_or_default();
            assert!(
                message.contains(objection.unwrap_or_default()),
                "{script} {images:?}: {message}"
            );
        }
        for (name, object) in [
            (
                "init",
                json!({"spec": {"containers": [], "initContainers": [{"image": "busybox"}]}}),
            ),
            (
                "ephemeral",
                json!({"spec": {"containers": [], "ephemeralContainers": [{"image": "busybox"}]}}),
            ),
            (
                "Deployment",
                json!({"spec": {"template": {"spec": {"containers": [{"image": "busybox"}]}}}}),
            ),
            (
                "CronJob",
                json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "busybox"}]}}}}}}),
            ),
        ] {
            assert_eq!(
                webhook.review("/validate", &object)["allowed"],
                false,
                "{script}: {name}"
            );
        }
        for body in ["", "{}", "[]", "no JSON", "{\"request\":null}"] {
            let (code, answer) = webhook.post("/validate", body).expect("an answer");
            assert_eq!(code, 400, "{script} {body:?}: {answer}");
        }
    }
}

#[test]
fn changed_rules_are_in_force_without_a_restart() {
    for script in ["webhook.js", "webhook-2021.js"] {
        let webhook = Webhook::start(script);
        let allows = |image: &str| webhook.review("/validate", &pod(&[image]))["allowed"] == true;
        assert!(!allows("quay.example.net/app:1"), "{script}");
        let rules = r#"{"registries": ["quay.example.net"], "forbiddenTags": ["latest", "edge"]}"#;
        mount(webhook.folder.path(), "2", rules);
        let changed = poll(DEADLINE, || allows("quay.example.net/app:1").then_some(()));
        assert!(changed.is_some(), "{script}: {}", webhook.process.output());
        assert!(!allows("quay.example.net/app:edge"), "{script}");
        assert!(!allows("registry.example.com/app:1"), "{script}");
        // What is no JSON changes nothing; the next good rules do.
        mount(webhook.folder.path(), "3", "{ registries");
        let said = poll(DEADLINE, || {
            webhook.process.output().contains("rules of before stay").then_some(())
        });
        assert!(said.is_some(), "{script}: {}", webhook.process.output());
        assert!(allows("quay.example.net/app:1"), "{script}");
        mount(
            webhook.folder.path(),
            "4",
            r#"{"registries": ["docker.io"], "forbiddenTags": []}"#,
        );
        let changed = poll(DEADLINE, || allows("nginx").then_some(()));
        assert!(changed.is_some(), "{script}: {}", webhook.process.output());
    }
}

#[test]
fn the_modern_one_patches_and_warns() {
    let webhook = Webhook::start("webhook.js");
    let warned = webhook.review("/validate", &pod(&["registry.example.com/app:1", PINNED]));
    assert_eq!(
        warned["warnings"],
        json!(["image registry.example.com/app:1 is not pinned by a digest"])
    );
    let object = json!({"spec": {
        "initContainers": [{"image": "busybox:1.36"}],
        "containers": [{"image": "registry.example.com/app:1"}, {"image": "docker.io/library/nginx"}],
    }});
    let response = webhook.review("/mutate", &object);
    assert_eq!(
        (&response["allowed"], &response["patchType"]),
        (&json!(true), &json!("JSONPatch"))
    );
    let encoded = webhook.folder.path().join("patch");
    std::fs::write(&encoded, response["patch"].as_str().unwrap_or_default()).expect("a file to write to");
    let mut base64 = Command::new("base64");
    base64.arg("-d").arg(&encoded);
    let (_, patch) = process::run("base64", &mut base64, DEADLINE).expect("base64 runs");
    let patch: Value = serde_json::from_str(&patch).expect("a patch in JSON");
    assert_eq!(
        patch,
        json!([
            {"op": "replace", "path": "/spec/initContainers/0/image", "value": "registry.example.com/hub/busybox:1.36"},
            {"op": "replace", "path": "/spec/containers/1/image", "value": "registry.example.com/hub/library/nginx:latest"},
        ])
    );
    assert_eq!(response["warnings"].as_array().map(Vec::len), Some(2));
    let untouched = webhook.review("/mutate", &pod(&["registry.example.com/app:1"]));
    assert_eq!(untouched["allowed"], true);
    assert!(untouched["patch"].is_null(), "{untouched}");
    assert_eq!(webhook.post("/nowhere", "{}").map(|(code, _)| code), Some(404));
}
