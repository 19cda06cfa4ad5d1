//! A Pod from its label to its end, each reaction within a second.

use serde_json::{Value, json};

use crate::world::{World, labelled, pod, reaction, running};

#[test]
fn a_pod_from_its_label_to_its_end() {
    let world = World::start();
    let _controller = world.leader("one");

    world.create(&pod("plain", &json!({"app": "plain"})));
    println!(
        "{}",
        reaction(
            "a labelled Pod",
            || drop(world.create(&labelled("web"))),
            || world.document("web").is_some(),
        )
    );
    let document = world.document("web").unwrap();
    let metadata = &document["metadata"];
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["uid"].as_str().map(str::len), Some(36));
    assert_eq!(document["spec"]["nodeName"], "node-a");
    let registry = &document["features"]["registry"];
    assert_eq!(registry["service"], "orders");
    assert_eq!(registry["servers"], json!(["http://eureka:8761/eureka"]));
    let container = &document["spec"]["containers"][0];
    assert_eq!(
        container["env"],
        json!({"spring.application.name": "orders"}),
        "only what the feature asks for"
    );
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/health");
    assert_eq!(container["ports"][0]["containerPort"], 8080);
    let text = document.to_string();
    assert!(
        !text.contains("s3cret") && !text.contains("valueFrom") && !text.contains("PASSWORD"),
        "{text}"
    );

    let version = world.version("web").0;
    let is_ready = |wanted: bool| move |pod: Option<Value>| pod.is_some_and(|pod| pod["status"]["ready"] == wanted);
    for wanted in [true, false, true] {
        let act = || world.patch("web/status", &running(wanted));
        println!(
            "{}",
            reaction(&format!("ready: {wanted}"), act, || {
                is_ready(wanted)(world.document("web"))
            })
        );
    }
    assert_eq!(world.document("web").unwrap()["status"]["podIPs"], json!(["10.0.0.7"]));
    let service = |name: &str| {
        world
            .document("web")
            .is_some_and(|pod| pod["features"]["registry"]["service"] == name)
    };
    println!(
        "{}",
        reaction(
            "another name",
            || world.label("web", "service-name", &json!("renamed")),
            || service("renamed"),
        )
    );
    assert_eq!(world.version("web").0, version, "none of this reloads a worker");

    let is_gone = || world.status("web") == 410;
    println!(
        "{}",
        reaction(
            "label false",
            || world.label("web", "registry", &json!("false")),
            is_gone,
        )
    );
    println!(
        "{}",
        reaction(
            "label true",
            || world.label("web", "registry", &json!("true")),
            || service("renamed"),
        )
    );
    println!(
        "{}",
        reaction(
            "label removed",
            || world.label("web", "registry", &Value::Null),
            is_gone,
        )
    );
    let has_proxy = || {
        world
            .document("web")
            .is_some_and(|pod| pod["features"]["proxy"].is_object())
    };
    println!(
        "{}",
        reaction(
            "another label",
            || world.label("web", "proxy", &json!("true")),
            has_proxy,
        )
    );
    assert!(world.document("web").unwrap()["features"]["registry"].is_null());

    // A kubelet would end the containers now; none is here, so the mark stays until the object is taken away.
    let mark = || {
        drop(
            world
                .plane
                .done("DELETE /api/v1/namespaces/default/pods/web", &Value::Null),
        )
    };
    let is_marked = || {
        world
            .document("web")
            .is_some_and(|pod| pod["metadata"]["deletionTimestamp"].is_string())
    };
    println!("{}", reaction("marked for deletion", mark, is_marked));
    println!("{}", reaction("deleted", || world.remove("web"), is_gone));

    world.create(&labelled("job"));
    world.wait_document("job", "published", |_| true);
    let end = || world.patch("job/status", &json!({"status": {"phase": "Succeeded"}}));
    println!("{}", reaction("ended for good", end, || world.status("job") == 410));

    assert!(world.codebases().is_empty(), "{:?}", world.codebases());
    assert_eq!(world.status("plain"), 404, "a Pod that did not ask has never had one");
}

#[test]
fn a_successor_of_the_same_name_is_another_pod() {
    let world = World::start();
    let _controller = world.leader("one");
    let first = world.create(&labelled("db-0"))["metadata"]["uid"].clone();
    world.wait_document("db-0", "published", |pod| pod["metadata"]["uid"] == first);
    let replace = || {
        world.remove("db-0");
        world.create(&labelled("db-0"));
    };
    let is_new = || {
        world
            .document("db-0")
            .is_some_and(|pod| pod["metadata"]["uid"] != first)
    };
    println!("{}", reaction("replaced", replace, is_new));
    let second = world.document("db-0").unwrap()["metadata"]["uid"].clone();
    let ask = |uid: &Value| {
        let uid = uid.as_str().unwrap();
        let answer = world
            .repo()
            .send("GET /repo/pod/default/db-0/", &[("Ballast-Pod-Uid", uid)], "");
        answer.status
    };
    assert_eq!((ask(&first), ask(&second)), (409, 200));
    assert_eq!(
        world
            .repo()
            .get(&format!("/repo/uid/{}/", second.as_str().unwrap()))
            .status,
        200
    );
}

#[test]
fn events_say_what_was_done_and_what_means_nothing() {
    let world = World::start();
    let controller = world.leader("one");
    let mut odd = labelled("web");
    odd["metadata"]["labels"]["infra.flomesh.io/proxy"] = json!("yes");
    world.create(&odd);
    let has = |kind: &str, reason: &str, part: &str| {
        let mut events = world.events("Pod", "web").into_iter();
        events.any(|event| event.0 == kind && event.1 == reason && event.2.contains(part))
    };
    world.wait_for("begin", || has("Normal", "Published", "/pod/default/web"));
    world.wait_for("what means nothing", || {
        has("Warning", "Ignored", "infra.flomesh.io/proxy")
    });
    world.label("web", "port", &json!("9090"));
    world.wait_for("another version", || has("Normal", "Updated", "version 2"));
    world.label("web", "registry", &Value::Null);
    world.wait_for("end", || has("Normal", "Withdrawn", "/pod/default/web"));
    world.wait_for("why nothing is left", || {
        has("Warning", "Impossible", "infra.flomesh.io/proxy")
    });
    let ignored = world
        .events("Pod", "web")
        .into_iter()
        .filter(|event| event.1 == "Ignored")
        .count();
    assert_eq!(ignored, 1, "told once");

    // One that asks and can't have it is told why, and once, however often it is looked at.
    let mut nameless = pod("nameless", &json!({"infra.flomesh.io/registry": "true"}));
    nameless["spec"]["containers"][0]["env"] = json!([]);
    world.create(&nameless);
    let told = |part: &str| {
        let mut events = world.events("Pod", "nameless").into_iter();
        events.any(|event| event.0 == "Warning" && event.1 == "Impossible" && event.2.contains(part))
    };
    world.wait_for("why there is nothing", || told("no service name"));
    world.patch("nameless/status", &running(true));
    // The same watch tells of it, and the same queue holds it, behind that change.
    world.create(&labelled("later"));
    world.wait_document("later", "published", |_| true);
    let output = controller.output();
    let lines = output
        .lines()
        .filter(|line| line.contains("default/nameless") && line.contains("no service name"));
    assert_eq!(lines.count(), 1, "{output}");
    assert_eq!(world.status("nameless"), 404);
    world.label("nameless", "proxy", &json!("yes"));
    world.wait_for("the other reason too", || told("infra.flomesh.io/proxy"));

    let label = json!({"infra.flomesh.io/codebase": "maybe"});
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "odd", "labels": label}, "data": {"main.js": ""},
    });
    world.plane.done("POST /api/v1/namespaces/default/configmaps", &map);
    world.wait_for("what can't be", || {
        let mut events = world.events("ConfigMap", "odd").into_iter();
        events.any(|event| event.0 == "Warning" && event.1 == "Impossible" && event.2.contains("maybe"))
    });
}

#[test]
fn a_resync_heals_what_somebody_changed_in_the_repo() {
    let world = World::start();
    let _controller = world.leader("one");
    world.create(&labelled("web"));
    world.wait_document("web", "published", |_| true);
    let right = world.document("web").unwrap();
    let mut wrong = right.clone();
    wrong["features"]["registry"]["service"] = json!("tampered");
    world.write(
        "POST /api/v1/repo-files/pod/default/web/config/pod.json",
        &wrong.to_string(),
    );
    world.write("PATCH /api/v1/repo/pod/default/web", "{}");
    world.wait_document("web", "healed", |pod| *pod == right);
}
