//! InfraConfigurations: what the API server takes, what counts for a Pod, credentials that nobody sees, Pods without labels.

use ballast_tests::Process;
use serde_json::{Value, json};

use crate::world::{World, labelled, pod, reaction, running};

const API: &str = "/apis/infra.flomesh.io/v1alpha1/namespaces";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
const PASSWORD: &str = "correct-horse";

fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "infra.flomesh.io/v1alpha1", "kind": "InfraConfiguration",
        "metadata": {"name": name}, "spec": spec,
    })
}

#[track_caller]
fn create(world: &World, namespace: &str, name: &str, spec: &Value) {
    let path = format!("POST {API}/{namespace}/infraconfigurations");
    world.plane.done(&path, &object(name, spec));
}

#[track_caller]
fn delete(world: &World, name: &str) {
    let path = format!("DELETE {API}/default/infraconfigurations/{name}");
    world.plane.done(&path, &Value::Null);
}

/// Status, reason and message of a condition.
fn condition(world: &World, name: &str, kind: &str) -> (String, String, String) {
    let path = format!("GET {API}/default/infraconfigurations/{name}");
    let status = world.plane.done(&path, &Value::Null)["status"].clone();
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions
        .into_iter()
        .find(|one| one["type"] == kind)
        .unwrap_or_default();
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

/// A setting of the Pod's registry as its agent sees it.
fn setting(world: &World, pod: &str, key: &str) -> Value {
    let document = world.document(pod).unwrap_or_default();
    document["features"]["registry"][key].clone()
}

#[test]
fn configurations_of_namespaces_and_of_all() {
    let world = World::start();
    let controller = world.leader("one");
    refused(&world);
    layers(&world);
    credentials(&world);
    let one = controller.output();
    drop(controller);
    let controller = without_secret(&world);
    without_labels(&world);
    let two = controller.output();
    drop(controller);
    let controller = without_resource(&world);
    for said in [one, two, controller.output()] {
        assert!(!said.contains(PASSWORD), "{said}");
    }
    let events = world.plane.kubectl(&["get", "events", "-A", "-o", "yaml"]);
    assert!(!events.contains(PASSWORD), "{events}");
}

/// What the schema does not let in.
fn refused(world: &World) {
    let rows = [
        (
            "a type without a script",
            json!({"registry": {"type": "phonebook"}}),
            "Unsupported value",
        ),
        (
            "credentials in a URL",
            json!({"registry": {"servers": ["http://a:b@eureka/"]}}),
            "should match",
        ),
        (
            "no URL",
            json!({"registry": {"servers": ["eureka:8761"]}}),
            "should match",
        ),
        (
            "credentials for nobody",
            json!({"registry": {"credentials": {"secretName": "a"}}}),
            "give servers",
        ),
        (
            "a lease that is too short",
            json!({"registry": {"heartbeatSeconds": 30, "leaseSeconds": 30}}),
            "longer than the pause",
        ),
        (
            "a pause that is none",
            json!({"registry": {"heartbeatSeconds": 0}}),
            "greater than or equal to 1",
        ),
        (
            "settings in the wrong place",
            json!({"features": {"registry": {"settings": {"type": "eureka"}}}}),
            "are in spec.registry",
        ),
        (
            "an operator without values",
            json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
            "need values",
        ),
    ];
    for (row, spec, wanted) in rows {
        let answer = world.plane.send(
            &format!("POST {API}/default/infraconfigurations"),
            &object("bad", &spec),
        );
        let text = answer.text();
        assert!(
            answer.status == 422 && text.contains(wanted),
            "{row}: {} {text}",
            answer.status
        );
    }
}

/// More specific counts more, older more than younger; each change within a second.
fn layers(world: &World) {
    world.create(&labelled("web"));
    world.wait_document("web", "the settings' server", |pod| {
        pod["features"]["registry"]["servers"] == json!(["http://eureka:8761/eureka"])
    });
    let far = json!({"registry": {"timeoutSeconds": 9, "drainSeconds": 9, "backoffSeconds": 9}});
    let rows = [
        ("ballast-system", "all", far, "timeoutSeconds", 9),
        (
            "default",
            "old",
            json!({"registry": {"drainSeconds": 7, "backoffSeconds": 7}}),
            "drainSeconds",
            7,
        ),
        (
            "default",
            "web",
            json!({"podSelector": {"matchLabels": {"app": "web"}}, "registry": {"backoffSeconds": 5}}),
            "backoffSeconds",
            5,
        ),
    ];
    for (namespace, name, spec, key, value) in rows {
        let act = || create(world, namespace, name, &spec);
        reaction(&format!("{namespace}/{name}"), act, || {
            setting(world, "web", key) == value
        });
    }
    assert_eq!(setting(world, "web", "drainSeconds"), 7);
    assert_eq!(setting(world, "web", "timeoutSeconds"), 9);
    // The API server tells times by the second: the other one must be younger for it.
    world.wait_for("the second to pass", || {
        let path = format!("GET {API}/default/infraconfigurations/old");
        let created = world.plane.done(&path, &Value::Null)["metadata"]["creationTimestamp"].clone();
        let now = world.plane.kubectl(&[
            "create",
            "configmap",
            "clock",
            "-o",
            "jsonpath={.metadata.creationTimestamp}",
        ]);
        world.plane.kubectl(&["delete", "configmap", "clock"]);
        created.as_str().is_some_and(|created| created < now.trim())
    });
    create(world, "default", "young", &json!({"registry": {"drainSeconds": 1}}));
    world.wait_for("the younger one to be told", || {
        condition(world, "young", "Shadowed").0 == "True"
    });
    let (_, reason, message) = condition(world, "young", "Shadowed");
    assert_eq!(reason, "OlderCounts");
    assert!(
        message.contains("default/old") && message.contains("1 Pods"),
        "{message}"
    );
    assert_eq!(setting(world, "web", "drainSeconds"), 7);
    world.wait_for("the number of Pods", || {
        let path = format!("GET {API}/default/infraconfigurations/old");
        let status = world.plane.done(&path, &Value::Null)["status"].clone();
        status["pods"] == 1 && status["observedGeneration"] == 1
    });
    let shown = world.plane.kubectl(&["get", "infraconf", "old"]);
    assert!(shown.contains("ACCEPTED") && shown.contains("True"), "{shown}");
    let act = || delete(world, "old");
    reaction("the older one gone", act, || setting(world, "web", "drainSeconds") == 1);
    delete(world, "young");
    delete(world, "web");
}

/// A Secret that may not be read holds all back; once it may be, the servers get its contents and nobody else does.
fn credentials(world: &World) {
    let servers = json!(["http://secure:8761/eureka"]);
    let registry = json!({"servers": servers, "credentials": {"secretName": "login"}});
    create(world, "default", "secured", &json!({ "registry": registry }));
    world.wait_for("the refusal to be told", || {
        condition(world, "secured", "Accepted").1 == "SecretUnreadable"
    });
    let (_, _, message) = condition(world, "secured", "Accepted");
    assert!(message.contains("forbidden") && message.contains("Role"), "{message}");
    assert_eq!(
        setting(world, "web", "servers"),
        json!(["http://eureka:8761/eureka"]),
        "as it was"
    );
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "stringData": {"username": "ballast", "password": format!("{PASSWORD}/@")},
    });
    world.plane.done("POST /api/v1/namespaces/default/secrets", &secret);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "login"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["login"], "verbs": ["get"]}],
    });
    world.plane.done(&format!("POST {ROLES}/roles"), &role);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "login"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "login"},
        "subjects": [{"kind": "ServiceAccount", "name": "ballast-controller", "namespace": "ballast-system"}],
    });
    world.plane.done(&format!("POST {ROLES}/rolebindings"), &binding);
    let wanted = format!("http://ballast:{PASSWORD}%2F%40@secure:8761/eureka");
    world.wait_document("web", "the credentials", |pod| {
        pod["features"]["registry"]["servers"] == json!([wanted])
    });
    world.wait_for("it to be told", || condition(world, "secured", "Accepted").0 == "True");
    let path = format!("GET {API}/default/infraconfigurations/secured");
    let all = world.plane.done(&path, &Value::Null).to_string();
    assert!(!all.contains(PASSWORD), "{all}");
}

/// A controller that starts while the Secret is gone: what is served stays, all else of the Pod is followed, its end too.
fn without_secret(world: &World) -> Process {
    let path = "DELETE /api/v1/namespaces/default/secrets/login";
    world.plane.done(path, &Value::Null);
    let controller = world.leader("two");
    world.wait_for("the Secret to be missed", || {
        condition(world, "secured", "Accepted").1 == "SecretUnreadable"
    });
    let version = world.version("web").0;
    let wanted = json!([format!("http://ballast:{PASSWORD}%2F%40@secure:8761/eureka")]);
    world.patch("web/status", &running(true));
    let pod = world.wait_document("web", "ready", |pod| pod["status"]["ready"] == true);
    assert_eq!(pod["features"]["registry"]["servers"], wanted);
    // One that asks for nothing else has nothing that is known.
    world.create(&labelled("new"));
    world.wait_for("why there is nothing", || {
        let events = world.events("Pod", "new");
        events.iter().any(|(_, reason, _)| reason == "Impossible")
    });
    assert!(world.document("new").is_none());
    let path = "DELETE /api/v1/namespaces/default/pods/web";
    world.plane.done(path, &json!({ "gracePeriodSeconds": 30 }));
    let pod = world.wait_document("web", "its end", |pod| pod["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(pod["features"]["registry"]["servers"], wanted);
    assert_eq!(world.version("web").0, version, "nothing was loaded anew");
    delete(world, "secured");
    world.wait_document("web", "the settings' server again", |pod| {
        pod["features"]["registry"]["servers"] == json!(["http://eureka:8761/eureka"])
    });
    world.wait_document("new", "published", |_| true);
    controller
}

/// A cluster that does not know the resource has none of them: all Pods are published all the same.
fn without_resource(world: &World) -> Process {
    let name = "infraconfigurations.infra.flomesh.io";
    world.plane.kubectl(&["delete", "customresourcedefinition", name]);
    let controller = world.leader("three");
    world.create(&labelled("last"));
    world.wait_document("last", "published", |_| true);
    controller
}

/// A feature that is on for a namespace: Pods without labels, but for those that say no.
fn without_labels(world: &World) {
    world.create(&pod("plain", &json!({"app": "plain"})));
    world.create(&pod(
        "unwilling",
        &json!({"app": "plain", "infra.flomesh.io/registry": "false"}),
    ));
    let on = json!({"features": {"registry": {"enabled": true}}});
    create(world, "default", "on", &on);
    world.wait_document("plain", "registered without a label", |pod| {
        pod["features"]["registry"].is_object()
    });
    world.create(&pod("late", &json!({"app": "late"})));
    world.wait_document("late", "registered without a label", |pod| {
        pod["features"]["registry"].is_object()
    });
    assert!(world.document("unwilling").is_none());
    delete(world, "on");
    world.wait_gone("plain");
    world.wait_gone("late");
    create(
        world,
        "default",
        "proxy",
        &json!({"features": {"proxy": {"enabled": true}}}),
    );
    world.wait_for("it to be refused", || {
        condition(world, "proxy", "Accepted").1 == "NeedsLabel"
    });
    create(world, "ballast-system", "everywhere", &on);
    let path = format!("GET {API}/ballast-system/infraconfigurations/everywhere");
    world.wait_for("it to be refused", || {
        let status = world.plane.done(&path, &Value::Null)["status"]["conditions"][0].clone();
        status["status"] == "False" && status["reason"] == "EnabledInSystem"
    });
    assert!(world.document("web").is_some());
}
