//! Who registers, as what. Source: issue 3, item 6, first point.

use ballast_tests::wait_for;
use serde_json::Value;

use crate::SOON;
use crate::pod::{PROBE, Pod, container, registry};
use crate::relay::Relay;
use crate::stage::Stage;

/// What Eureka has of a Pod that is ready.
#[test]
fn a_ready_pod_is_registered_as_its_address_and_name() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "ratings");
    pod.service = "Ratings".to_owned();
    pod.run();
    let app = pod.app(8080);
    let took = pod.await_status("UP");
    eprintln!("app listens → UP in Eureka: {took:?}");
    let instance = stage.instance("ratings", &pod.id(8080)).expect("just seen");
    let text = |path: &str| {
        let value = instance.pointer(path).unwrap_or(&Value::Null);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    for (path, wanted) in [
        ("/instanceId", pod.id(8080).as_str()),
        ("/app", "RATINGS"),
        ("/hostName", &pod.ip),
        ("/ipAddr", &pod.ip),
        ("/vipAddress", "ratings"),
        ("/port/$", "8080"),
        ("/port/@enabled", "true"),
        ("/securePort/@enabled", "false"),
        ("/metadata/pod.name", "ratings-0"),
        ("/metadata/pod.namespace", "shop"),
        ("/metadata/pod.uid", "uid-of-shop-ratings-0"),
        ("/leaseInfo/renewalIntervalInSecs", "1"),
        ("/leaseInfo/durationInSecs", "30"),
        ("/healthCheckUrl", &format!("http://{}:8080/health", pod.ip)),
    ] {
        assert_eq!(text(path), wanted, "{path} of {instance}");
    }
    let check = app.server.requests().remove(0);
    assert_eq!((check.method.as_str(), check.path.as_str()), ("GET", "/health"));
}

/// Nothing is written before the app is ready: what a registry holds of an earlier agent stays.
#[test]
fn a_pod_that_was_never_ready_is_not_up() {
    let stage = Stage::shared();
    let pod = Pod::new(&stage, "unready");
    let app = pod.app(8080);
    app.answer(500);
    pod.run();
    pod.await_status("STARTING");
    app.answer(200);
    pod.await_status("UP");
}

#[test]
fn two_containers_both_register() {
    let stage = Stage::shared();
    let other = "{name: b, image: x, ports: [{name: http, containerPort: 9090}], \
                 readinessProbe: {tcpSocket: {port: http}, periodSeconds: 1}}";
    let mut pod = Pod::new(&stage, "pair");
    pod.containers = format!("{}, {other}", container(PROBE));
    let _apps = (pod.app(8080), pod.app(9090));
    pod.run();
    pod.await_status("UP");
    stage.await_status("pair", &pod.id(9090), "UP");
    assert_eq!(stage.ids("pair"), [pod.id(8080), pod.id(9090)]);
}

#[test]
fn two_pods_of_one_name_in_two_namespaces_do_not_meet() {
    let stage = Stage::shared();
    let pods = ["east", "west"].map(|namespace| {
        let mut pod = Pod::new(&stage, "twin");
        pod.namespace = namespace.to_owned();
        let app = pod.app(8080);
        pod.run();
        (pod, app)
    });
    for (pod, _) in &pods {
        pod.await_status("UP");
        let instance = stage.instance("twin", &pod.id(8080)).expect("just seen");
        assert_eq!(instance["metadata"]["pod.namespace"], pod.namespace.as_str());
    }
    pods[0].1.answer(500);
    pods[0].0.await_status("DOWN");
    assert_eq!(stage.status("twin", &pods[1].0.id(8080)), "UP");
    pods[0].0.publish(&["--deleting"]);
    pods[0].0.await_status("GONE");
    assert_eq!(stage.ids("twin"), [pods[1].0.id(8080)]);
}

#[test]
fn a_pod_without_the_label_writes_nothing() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7001);
    let mut pod = Pod::new(&stage, "mute");
    pod.registry = registry(&[&relay.url("")]);
    pod.labels = "infra.flomesh.io/proxy: 'true', infra.flomesh.io/registry: 'false'".to_owned();
    pod.proxy = format!("offset: 10000, target: {}", pod.ip);
    let _app = pod.app(8080);
    pod.run();
    wait_for(SOON, "the agent runs the scripts", || {
        pod.get(18080, "/x").is_ok_and(|a| a.status == 200)
    });
    assert_eq!(relay.server.connections(), 0);
    assert!(stage.ids("mute").is_empty());
    // The same Pod with the label: the test can fail.
    pod.labels = "infra.flomesh.io/registry: 'true'".to_owned();
    pod.publish(&[]);
    pod.await_status("UP");
}

/// Ports that a label names are instances, each once: by number or name, whatever the probes ask.
#[test]
fn ports_by_label() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "labelled");
    pod.labels += ", infra.flomesh.io/port: http_9090_8080";
    let _apps = (pod.app(8080), pod.app(9090));
    pod.run();
    pod.await_status("UP");
    stage.await_status("labelled", &pod.id(9090), "UP");
    assert_eq!(stage.ids("labelled"), [pod.id(8080), pod.id(9090)]);
}

#[test]
fn a_changed_service_name_moves_the_instance() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "before");
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    let old = pod.id(8080);
    pod.service = "after".to_owned();
    let said = pod.publish(&[]);
    assert!(said.contains("in place"), "{said}");
    pod.await_status("UP");
    stage.await_status("before", &old, "GONE");
}

/// What running checks can't follow takes a restart of the scripts, after the old instance has left.
#[test]
fn a_changed_address_moves_the_instance() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "moved");
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    let old = pod.id(8080);
    pod.ip = pod.second_address();
    let _app_there = pod.app(8080);
    let said = pod.publish(&[]);
    assert!(said.contains("in place"), "{said}");
    pod.await_status("UP");
    stage.await_status("moved", &old, "GONE");
    wait_for(SOON, "the preStop port is there, too", || {
        pod.get(15063, "/").is_ok_and(|answer| answer.status == 404)
    });
}
