//! k8s/ as the API server sees it: it takes all of it, gives the controller no right that it does not use, and the Pods pass
//! the strictest Pod Security.

use std::process::Command;

use ballast_tests::control_plane::ControlPlane;
use ballast_tests::{Process, bin, repo_path, temp_dir, wait_for};
use serde_json::{Value, json};

use crate::world::{SOON, turn};

/// Every kind with the path of its list, and the names that must be there.
const OBJECTS: [(&str, &[&str]); 12] = [
    (
        "/apis/apps/v1/namespaces/ballast-system/deployments",
        &["ballast-controller"],
    ),
    (
        "/apis/apps/v1/namespaces/ballast-system/statefulsets",
        &["ballast-repo"],
    ),
    (
        "/api/v1/namespaces/ballast-system/services",
        &["ballast-repo", "ballast-webhook"],
    ),
    (
        "/api/v1/namespaces/ballast-system/serviceaccounts",
        &["ballast-controller"],
    ),
    (
        "/apis/policy/v1/namespaces/ballast-system/poddisruptionbudgets",
        &["ballast-controller", "ballast-repo"],
    ),
    (
        "/apis/networking.k8s.io/v1/namespaces/ballast-system/networkpolicies",
        &["ballast-controller", "ballast-repo", "ballast-webhook", "deny-all"],
    ),
    (
        "/apis/rbac.authorization.k8s.io/v1/namespaces/ballast-system/roles",
        &["ballast-controller", "ballast-webhook"],
    ),
    (
        "/apis/rbac.authorization.k8s.io/v1/namespaces/ballast-system/rolebindings",
        &["ballast-controller", "ballast-webhook"],
    ),
    (
        "/apis/rbac.authorization.k8s.io/v1/clusterroles\
         ?labelSelector=rbac.authorization.k8s.io/aggregate-to-admin,!kubernetes.io/bootstrapping",
        &["ballast-infraconfigurations-edit"],
    ),
    (
        "/apis/rbac.authorization.k8s.io/v1/clusterroles\
         ?labelSelector=rbac.authorization.k8s.io/aggregate-to-view,!kubernetes.io/bootstrapping",
        &["ballast-infraconfigurations-view"],
    ),
    ("/apis/coordination.k8s.io/v1/namespaces/ballast-system/leases", &[]),
    (
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        &["ballast-webhook"],
    ),
];

#[test]
fn the_manifests_are_taken_and_give_no_more_than_is_needed() {
    let _turn = turn();
    let plane = ControlPlane::start();
    let folder = repo_path("k8s");
    let folder = folder.to_str().unwrap();
    // The API server must know the namespace before it checks what is in it.
    plane.kubectl(&["apply", "-f", &format!("{folder}/base/namespace.yaml")]);
    for words in [
        &["apply", "-k", folder, "--dry-run=server"][..],
        &["apply", "-k", folder],
        &["apply", "-k", folder, "--server-side", "--force-conflicts"],
    ] {
        let said = plane.kubectl(words);
        assert!(!said.contains("Warning"), "{words:?}: {said}");
    }
    for (path, names) in OBJECTS {
        let list = plane.done(&format!("GET {path}"), &Value::Null);
        let items = list["items"].as_array().unwrap();
        let found: Vec<&str> = items
            .iter()
            .filter_map(|item| item["metadata"]["name"].as_str())
            .collect();
        assert_eq!(found, names, "{path}");
    }
    cert_manager(&plane);
    restricted(&plane);
    ways_out(&plane);
    rights(&plane);
    the_token_is_made_once(&plane);
}

/// The overlay takes the certificate from cert-manager: the controllers make none, and have no right to. Its own kinds are not
/// known here, so nobody says that they are right.
fn cert_manager(plane: &ControlPlane) {
    let built = |folder: &str| plane.kubectl(&["kustomize", repo_path(folder).to_str().expect("a UTF-8 path")]);
    let (own, overlay) = (built("k8s"), built("k8s/overlays/cert-manager"));
    let has = |text: &str, line: &str| text.lines().any(|seen| seen.trim() == line);
    for (line, in_own, in_overlay) in [
        ("- --webhook=0.0.0.0:8443", true, true),
        ("- --webhook-ca=ballast-webhook", true, false),
        ("- mutatingwebhookconfigurations", true, false),
        (
            "cert-manager.io/inject-ca-from: ballast-system/ballast-webhook",
            false,
            true,
        ),
        ("secretName: ballast-webhook-tls", false, true),
        ("duration: 87600h", false, true),
        ("rotationPolicy: Never", false, true),
        ("terminationGracePeriodSeconds: 30", true, true),
    ] {
        assert_eq!((has(&own, line), has(&overlay, line)), (in_own, in_overlay), "{line}");
    }
    let known: Vec<&str> = overlay
        .split("\n---\n")
        .filter(|document| !document.contains("apiVersion: cert-manager.io/"))
        .collect();
    let folder = temp_dir();
    let file = folder.path().join("known.yaml");
    std::fs::write(&file, known.join("\n---\n")).expect("the folder is ours");
    plane.kubectl(&["apply", "--dry-run=server", "-f", file.to_str().expect("a UTF-8 path")]);
}

/// The Pods of all templates are let in where Pod Security is restricted; one that asks for more is not.
fn restricted(plane: &ControlPlane) {
    let pods = "POST /api/v1/namespaces/ballast-system/pods?dryRun=All";
    for path in [
        "/apis/apps/v1/namespaces/ballast-system/deployments/ballast-controller",
        "/apis/apps/v1/namespaces/ballast-system/statefulsets/ballast-repo",
    ] {
        let owner = plane.done(&format!("GET {path}"), &Value::Null);
        let mut spec = owner["spec"]["template"]["spec"].clone();
        // Its volume would be made by the StatefulSet's controller.
        let data = json!({"name": "data", "emptyDir": {}});
        spec["volumes"].as_array_mut().expect("it has volumes").push(data);
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trial"}, "spec": spec});
        plane.done(pods, &pod);
        pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
        let answer = plane.send(pods, &pod);
        assert!(
            answer.status == 403 && answer.text().contains("restricted"),
            "{path}: {}",
            answer.text()
        );
    }
}

/// The API server and a DNS cache on the node (169.254.20.10 of NodeLocal DNSCache) are no Pods: a rule with a selector would
/// cut the controller off from them.
fn ways_out(plane: &ControlPlane) {
    let path = "GET /apis/networking.k8s.io/v1/namespaces/ballast-system/networkpolicies/ballast-controller";
    let policy = plane.done(path, &Value::Null);
    let rules = policy["spec"]["egress"].as_array().expect("it has ways out").iter();
    let anywhere: Vec<&Value> = rules
        .filter(|rule| rule["to"].is_null())
        .filter_map(|rule| rule["ports"].as_array())
        .flatten()
        .collect();
    for (port, protocol) in [(443, "TCP"), (6443, "TCP"), (53, "UDP"), (53, "TCP")] {
        let wanted = json!({"port": port, "protocol": protocol});
        assert!(anywhere.contains(&&wanted), "{wanted} is not in {anywhere:?}");
    }
}

fn rights(plane: &ControlPlane) {
    let own = Some("ballast-system");
    let webhooks = ("admissionregistration.k8s.io", "mutatingwebhookconfigurations");
    // (verb, group, resource, name, namespace, allowed)
    let rows = [
        ("list", "", "pods", "", None, true),
        ("watch", "", "pods", "", None, true),
        ("get", "", "pods", "web", Some("shop"), true),
        ("update", "", "pods", "web", Some("shop"), false),
        ("patch", "", "pods", "web", Some("shop"), false),
        ("delete", "", "pods", "web", Some("shop"), false),
        ("create", "", "pods", "", Some("shop"), false),
        ("list", "", "secrets", "", None, false),
        ("list", "", "secrets", "", own, false),
        ("get", "", "secrets", "ballast-repo-token", own, true),
        ("get", "", "secrets", "other", own, false),
        ("get", "", "secrets", "ballast-repo-token", Some("shop"), false),
        ("create", "", "secrets", "", own, true),
        ("create", "", "secrets", "", Some("shop"), false),
        ("update", "", "secrets", "ballast-repo-token", own, false),
        ("get", "", "secrets", "ballast-webhook-tls", own, true),
        ("update", "", "secrets", "ballast-webhook-tls", own, true),
        ("delete", "", "secrets", "ballast-webhook-tls", own, false),
        ("get", webhooks.0, webhooks.1, "ballast-webhook", None, true),
        ("patch", webhooks.0, webhooks.1, "ballast-webhook", None, true),
        ("patch", webhooks.0, webhooks.1, "other", None, false),
        ("list", webhooks.0, webhooks.1, "", None, false),
        ("create", webhooks.0, webhooks.1, "", None, false),
        ("list", "", "configmaps", "", None, true),
        ("watch", "", "configmaps", "", None, true),
        ("get", "", "configmaps", "scripts", Some("shop"), true),
        ("update", "", "configmaps", "scripts", Some("shop"), false),
        ("create", "events.k8s.io", "events", "", Some("shop"), true),
        ("list", "events.k8s.io", "events", "", Some("shop"), false),
        ("list", "", "nodes", "", None, false),
        ("list", "infra.flomesh.io", "infraconfigurations", "", None, true),
        ("watch", "infra.flomesh.io", "infraconfigurations", "", None, true),
        (
            "patch",
            "infra.flomesh.io",
            "infraconfigurations",
            "a",
            Some("shop"),
            false,
        ),
        (
            "delete",
            "infra.flomesh.io",
            "infraconfigurations",
            "a",
            Some("shop"),
            false,
        ),
        (
            "update",
            "coordination.k8s.io",
            "leases",
            "ballast-controller",
            own,
            true,
        ),
        ("update", "coordination.k8s.io", "leases", "other", own, false),
        (
            "delete",
            "coordination.k8s.io",
            "leases",
            "ballast-controller",
            own,
            false,
        ),
    ];
    for (verb, group, resource, name, namespace, allowed) in rows {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {
                "user": "system:serviceaccount:ballast-system:ballast-controller",
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "resourceAttributes": {
                    "verb": verb, "group": group, "resource": resource, "name": name,
                    "namespace": namespace.unwrap_or_default(),
                },
            },
        });
        let answer = plane.done("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", &review);
        assert_eq!(
            answer["status"]["allowed"], allowed,
            "{verb} {group}/{resource} {name} in {namespace:?}"
        );
    }
}

/// Two controllers that start at once agree on a token, and keep it over restarts.
fn the_token_is_made_once(plane: &ControlPlane) {
    let kubeconfig = plane.kubeconfig_of("ballast-system", "ballast-controller");
    let work = temp_dir();
    let start = |identity: &str| {
        let mut command = Command::new(bin("ballast-controller"));
        command
            .args([
                "--repo",
                "http://127.0.0.1:1",
                "--token-secret",
                "ballast-system/ballast-repo-token",
            ])
            .args(["--identity", identity, "--kubeconfig"])
            .arg(&kubeconfig)
            .current_dir(work.path())
            .env_remove("BALLAST_REPO_TOKEN")
            .env_remove("BALLAST_LOG");
        Process::spawn(identity, &mut command).expect("it starts")
    };
    let path = "GET /api/v1/namespaces/ballast-system/secrets/ballast-repo-token";
    assert_eq!(plane.send(path, &Value::Null).status, 404);
    let both = [start("one"), start("two")];
    wait_for(SOON, "both to have the token", || {
        both.iter().all(|controller| controller.output().contains("lead"))
    });
    let token = plane.done(path, &Value::Null)["data"]["token"].clone();
    let token = token.as_str().expect("it is made");
    assert_eq!(token.len(), 88, "64 letters in base64");
    let made = both
        .iter()
        .filter(|controller| controller.output().contains("with a new token"))
        .count();
    assert_eq!(made, 1);
    for controller in both {
        assert!(!controller.output().contains(token));
    }
    let mut again = start("one");
    again.wait_output(SOON, "lead");
    assert_eq!(plane.done(path, &Value::Null)["data"]["token"], token);
}
