//! How an instance leaves. Source: issue 3, item 6, fourth point; design.md section 3, Terminating.

use std::time::{Duration, Instant};

use ballast_tests::{poll, wait_for};

use crate::SOON;
use crate::pod::{Pod, container, registry};
use crate::relay::{Mode, Relay};
use crate::server::Received;
use crate::stage::Stage;

/// A Pod that is UP, behind a relay.
#[track_caller]
fn up(stage: &std::sync::Arc<Stage>, service: &str, port: u16) -> (Pod, crate::pod::App, Relay) {
    let relay = Relay::start(stage, port);
    let mut pod = Pod::new(stage, service);
    pod.registry = registry(&[&relay.url("")]);
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    (pod, app, relay)
}

/// It was told OUT_OF_SERVICE, and a second later (drainSeconds) to go; nothing followed.
#[track_caller]
fn check_left(relay: &Relay) {
    let requests = relay.server.requests();
    let last: Vec<&Received> = requests
        .iter()
        .filter(|r| r.method != "PUT" || r.path.contains("/status?"))
        .collect();
    let [.., out, gone] = last.as_slice() else {
        panic!("{requests:?}");
    };
    assert!(out.path.ends_with("/status?value=OUT_OF_SERVICE"), "{requests:?}");
    assert_eq!(gone.method, "DELETE", "{requests:?}");
    let drain = gone.at - out.at;
    assert!(drain >= Duration::from_millis(900), "only {drain:?} to drain");
    assert_eq!(requests.last().map(|r| r.method.as_str()), Some("DELETE"));
}

#[test]
fn a_pod_that_is_marked_for_deletion_drains_and_leaves() {
    let stage = Stage::shared();
    let (pod, _app, relay) = up(&stage, "deleted", 7041);
    pod.publish(&["--deleting"]);
    eprintln!(
        "marked → OUT_OF_SERVICE in Eureka: {:?}",
        pod.await_status("OUT_OF_SERVICE")
    );
    eprintln!("drain of 1 s → gone: {:?}", pod.await_status("GONE"));
    check_left(&relay);
    // It never comes back, whatever the probe says.
    let before = relay.server.requests().len();
    pod.publish(&["--deleting", "--ready", "true"]);
    assert!(
        poll(Duration::from_secs(2), || (relay.server.requests().len() > before)
            .then_some(()))
        .is_none()
    );
}

#[test]
fn sigterm_drains_and_leaves() {
    let stage = Stage::shared();
    let (pod, _app, relay) = up(&stage, "stopped", 7042);
    let took = pod.stop_agent();
    eprintln!("SIGTERM → end, with a drain of 1 s: {took:?}");
    assert_eq!(stage.status("stopped", &pod.id(8080)), "GONE");
    check_left(&relay);
}

/// With nobody to tell, the end comes in time all the same.
#[test]
fn sigterm_with_a_dead_registry_does_not_hang() {
    let stage = Stage::shared();
    let (pod, _app, relay) = up(&stage, "orphaned", 7043);
    relay.set(Mode::Hang);
    let took = pod.stop_agent();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_killed_agent_comes_back_unnoticed() {
    let stage = Stage::shared();
    let (pod, _app, relay) = up(&stage, "killed", 7044);
    pod.kill_agent();
    let start = Instant::now();
    pod.start_agent();
    let seen = stage.statuses_until("killed", &pod.id(8080), "beats of the new agent", || {
        relay.beats_since(start).len() >= 2
    });
    assert_eq!(seen, ["UP"]);
}

#[test]
fn a_pre_stop_hook_is_believed_when_the_pod_is_being_deleted() {
    let stage = Stage::shared();
    let (pod, _app, relay) = up(&stage, "hooked", 7045);
    let status = |path: &str| pod.get(15063, path).map(|answer| answer.status).expect("it listens");
    let start = Instant::now();
    assert_eq!(status("/drain"), 409, "nobody deletes it");
    assert!(start.elapsed() >= Duration::from_secs(2), "it waits for the news");
    assert_eq!(status("/"), 404);
    assert_eq!(
        stage.status("hooked", &pod.id(8080)),
        "UP",
        "strangers can't drain a Pod"
    );
    // The hook first, the news a moment later, as in a cluster.
    let drained = std::thread::scope(|scope| {
        let hook = scope.spawn(|| pod.get(15063, "/drain").map(|answer| answer.status));
        pod.publish(&["--deleting"]);
        hook.join().expect("no panic")
    });
    assert_eq!(drained.expect("it answers"), 200);
    assert_eq!(stage.status("hooked", &pod.id(8080)), "GONE", "drained when it says so");
    check_left(&relay);
    assert_eq!(status("/drain"), 200, "again, at once");
}

/// An earlier agent may have registered it, so the registry is asked to forget it all the same.
#[test]
fn a_pod_that_was_never_ready_is_only_removed() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7046);
    let mut pod = Pod::new(&stage, "stillborn");
    pod.containers = container("httpGet: {path: /, port: http}, periodSeconds: 1, failureThreshold: 100");
    pod.registry = registry(&[&relay.url("")]);
    pod.run();
    wait_for(SOON, "the agent runs the scripts", || pod.get(15063, "/").is_ok());
    assert_eq!(relay.server.connections(), 0, "nothing is known, nothing is written");
    pod.publish(&["--deleting"]);
    wait_for(SOON, "drained", || {
        pod.get(15063, "/drain").is_ok_and(|answer| answer.status == 200)
    });
    let methods: Vec<String> = relay.server.requests().into_iter().map(|r| r.method).collect();
    assert_eq!(methods, ["DELETE"]);
}

#[test]
fn an_agent_that_comes_back_to_a_deleted_pod_removes_it() {
    let stage = Stage::shared();
    let (pod, _app, relay) = up(&stage, "lateagent", 7048);
    pod.kill_agent();
    pod.publish(&["--deleting"]);
    pod.start_agent();
    pod.await_status("GONE");
    assert_eq!(relay.server.count("POST"), 1, "it does not come up again");
}

#[test]
fn a_removed_label_takes_the_instance_out() {
    let stage = Stage::shared();
    let (mut pod, _app, relay) = up(&stage, "unlabelled", 7047);
    pod.labels = "infra.flomesh.io/registry: 'false'".to_owned();
    let said = pod.publish(&[]);
    assert!(said.contains("no label asks for it"), "{said}");
    pod.await_status("GONE");
    check_left(&relay);
    pod.labels = "infra.flomesh.io/registry: 'true'".to_owned();
    pod.publish(&[]);
    eprintln!("label → UP in Eureka: {:?}", pod.await_status("UP"));
}
