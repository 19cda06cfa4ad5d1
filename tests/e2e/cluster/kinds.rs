//! Every kind of Pod: in the node's network, static, with init containers, of a Job. All are started at once, for each takes
//! seconds of the kubelet.

use std::time::{Duration, Instant};

use ballast_tests::node::{GATEWAY, images};
use ballast_tests::wait_for;
use serde_json::Value;

use crate::quiet::has_ended;
use crate::world::{DRAIN, PERIOD, REACTION, SOON, World, pod, registered};

/// `leaseSeconds` of the settings, doubled by Eureka, and a look a second.
const EXPIRY: Duration = Duration::from_secs(2 * 15 + 5);

pub(crate) fn every_kind_of_pod_registers_and_leaves(world: &World) {
    let start = Instant::now();
    let static_pod = world.node.folder().join("manifests/static.yaml");
    std::fs::write(&static_pod, pod("static", &registered("static"), "")).expect("the folder is ours");
    // Another port: the node's network is not its alone.
    let host = pod(
        "host",
        &registered("host"),
        "  hostNetwork: true\n  dnsPolicy: ClusterFirstWithHostNet",
    );
    world.node.apply(&host.replace("8080", "8081"));
    let init = format!(
        "  initContainers:
    - name: first
      image: {image}
      command: [/bin/sleep, '2']
    - name: second
      image: {image}
      command: [/bin/sleep, '1']",
        image = images::BUSYBOX
    );
    world.node.apply(&pod("init", &registered("init"), &init));
    world.node.apply(&job());

    world.wait_status("job", "UP", start);
    world.wait_status("host", "UP", start);
    world.wait_status("static", "UP", start);
    world.wait_status("init", "UP", start);
    init_containers_came_first(world);
    let (_, address) = world.instances("host").expect("just seen").remove(0);
    assert_eq!(
        address,
        GATEWAY.to_string(),
        "in the node's network it has the node's address"
    );

    let change = world.delete("host");
    world.status_within(REACTION + DRAIN, "host", "", change);
    let change = Instant::now();
    std::fs::remove_file(static_pod).expect("just written");
    let seen = world.wait_status("static", "", change);
    assert!(seen <= EXPIRY, "{seen:?}");
    let change = world.delete("init");
    world.status_within(REACTION + DRAIN, "init", "", change);
    the_job_ends(world);
}

/// The registration was not made before the app could be asked.
fn init_containers_came_first(world: &World) {
    let pod = world.node.wait_ready("init");
    let done = pod["status"]["initContainerStatuses"].as_array().expect("it has two");
    assert!(done.iter().all(|one| one["restartCount"] == 0), "{}", pod["status"]);
}

/// Its Pod completes, held by nothing of ours, and its registration goes, at the latest with its lease.
fn the_job_ends(world: &World) {
    let path = "GET /apis/batch/v1/namespaces/default/jobs/job";
    wait_for(SOON, "the Job to be complete", || {
        world.node.plane.done(path, &Value::Null)["status"]["succeeded"] == 1
    });
    let change = Instant::now();
    let seen = world.wait_status("job", "", change);
    assert!(seen <= EXPIRY, "{seen:?}");
    let pods = world.node.plane.done(
        "GET /api/v1/namespaces/default/pods?labelSelector=app%3Djob",
        &Value::Null,
    );
    let pods = pods["items"].as_array().expect("a list has items");
    assert!(pods.len() == 1 && has_ended(&pods[0]), "one Pod did it: {pods:?}");
    let background = serde_json::json!({"propagationPolicy": "Background"});
    world
        .node
        .plane
        .done("DELETE /apis/batch/v1/namespaces/default/jobs/job", &background);
}

/// Serves for some seconds and is done.
fn job() -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  name: job
spec:
  backoffLimit: 0
  template:
    metadata:
      labels: {labels}
    spec:
      restartPolicy: Never
      containers:
        - name: work
          image: {image}
          command: [/bin/sh, -c, 'httpd -p 8080 -h /etc; sleep {seconds}']
          ports: [{{containerPort: 8080}}]
          readinessProbe:
            httpGet: {{path: /hostname, port: 8080}}
            periodSeconds: 1
",
        labels = registered("job"),
        image = images::BUSYBOX,
        seconds = (PERIOD + REACTION).as_secs() + 7,
    )
}
