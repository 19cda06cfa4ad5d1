//! What our webhook puts into Pods, at work: the agent as a native sidecar beside a sandbox of ours, where one of the two acts,
//! and what leads a Pod's connections to its proxy.

use std::time::Instant;

use ballast_tests::http::Request;
use ballast_tests::poll;

use crate::start::text;
use crate::world::{DRAIN, REACTION, REGISTRY, SOON, World, web};

pub(crate) fn a_sidecar_registers_and_leaves(world: &World) {
    let start = Instant::now();
    let labels = format!("{{app: beside, {REGISTRY}: 'true', infra.flomesh.io/sidecar: 'true'}}");
    world.node.apply(&web("beside", &labels));
    world.wait_status("beside", "UP", start);
    let pod = world.node.wait_ready("beside");
    let sidecar = &pod["spec"]["initContainers"][0];
    assert_eq!(sidecar["name"], "ballast-agent", "the webhook put it in");
    let status = &pod["status"]["initContainerStatuses"][0];
    assert_eq!((&status["started"], &status["restartCount"]), (&true.into(), &0.into()));
    let agents = world.node.processes(&text(&pod["metadata"]["uid"]), "ballast");
    assert_eq!(agents.len(), 2, "that of the sandbox, and that of the sidecar");
    // What a sandbox lacks: kubectl logs. It acts, so the sandbox's does not: both would have the same port.
    let log = || world.node.plane.kubectl(&["logs", "beside", "-c", "ballast-agent"]);
    let acts = poll(SOON, || log().contains(" runs").then_some(()));
    assert!(acts.is_some(), "{}", log());
    assert!(!log().contains("no admin port"), "{}", log());
    assert_eq!(world.instances("beside").map(|all| all.len()), Some(1));

    let change = world.delete("beside");
    world.status_within(REACTION + DRAIN, "beside", "", change);
    world.wait_no_pod("beside");
}

pub(crate) fn a_proxied_pod_gets_its_rules(world: &World) {
    let labels = "{app: proxied, infra.flomesh.io/proxy: 'true'}";
    world.node.apply(&web("proxied", labels));
    // The kubelet's probes go through the proxy as well.
    let pod = world.node.wait_ready("proxied");
    assert_eq!(
        pod["spec"]["initContainers"][0]["name"], "ballast-init",
        "the webhook put it in"
    );
    let ended = &pod["status"]["initContainerStatuses"][0]["state"]["terminated"];
    assert_eq!(ended["exitCode"], 0, "{ended}");
    let url = format!("http://{}:8080/name", text(&pod["status"]["podIP"]));
    let answer = poll(SOON, || {
        world.node.netns().run(|| Request::new("GET", &url).send()).ok()
    });
    assert_eq!(answer.expect("it answers").text().trim(), "proxied");
    let log = || world.node.plane.kubectl(&["logs", "proxied", "-c", "ballast-init"]);
    println!("      ballast-init: {}", log().trim());
    world.node.delete("proxied");
    world.wait_no_pod("proxied");
}
