//! A Pod's registration from its label to its end, with the times. Source: design.md 3 and 8.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{DRAIN, PERIOD, REACTION, World, registered, web};

/// Label set: UP after one probe. Label taken away: drained, gone, and the app runs on. Set again: UP again.
pub(crate) fn a_label_registers_and_its_absence_deregisters(world: &World) {
    world.node.apply(&web("labelled", "{app: labelled}"));
    world.node.wait_ready("labelled");
    for _ in 0..2 {
        let change = world.register("labelled", Some("true"));
        world.status_within(PERIOD + REACTION, "labelled", "UP", change);
        let change = world.register("labelled", None);
        world.status_within(REACTION + DRAIN, "labelled", "", change);
    }
    let pod = world.node.pod("labelled").expect("nobody deleted it");
    assert_eq!(ballast_tests::node::pods::restarts(&pod), 0);
    world.delete("labelled");
}

/// The probe's own thresholds decide, and nothing restarts.
pub(crate) fn readiness_is_followed(world: &World) {
    world.node.apply(&web("flips", &registered("flips")));
    world.node.wait_ready("flips");
    world.wait_status("flips", "UP", Instant::now());
    let mv = |from: &str, to: &str| {
        let change = Instant::now();
        world.node.plane.kubectl(&["exec", "flips", "--", "/bin/mv", from, to]);
        change
    };
    for _ in 0..2 {
        let change = mv("/www/health", "/www/unhealthy");
        world.status_within(PERIOD * 2 + REACTION, "flips", "DOWN", change);
        let change = mv("/www/unhealthy", "/www/health");
        world.status_within(PERIOD + REACTION, "flips", "UP", change);
    }
    world.delete("flips");
}

/// Out of service at once, away after the drain time, all before the Pod itself is gone.
pub(crate) fn a_deleted_pod_leaves(world: &World) {
    world.node.apply(&web("leaves", &registered("leaves")));
    world.node.wait_ready("leaves");
    world.wait_status("leaves", "UP", Instant::now());
    let change = world.delete("leaves");
    world.status_within(REACTION, "leaves", "OUT_OF_SERVICE", change);
    world.status_within(REACTION + DRAIN, "leaves", "", change);
    world.wait_no_pod("leaves");
    ballast_tests::wait_for(Duration::from_secs(10), "its codebase to go", || {
        world.codebase("leaves") == 410
    });
}

/// A successor under the same name is another Pod: it is registered with its own address, and its predecessor's is gone.
pub(crate) fn a_successor_of_the_same_name_registers(world: &World) {
    let manifest = web("again", &registered("again"));
    world.node.apply(&manifest);
    let first = world.node.wait_ready("again");
    world.wait_status("again", "UP", Instant::now());
    let now = serde_json::json!({"gracePeriodSeconds": 0});
    world
        .node
        .plane
        .done("DELETE /api/v1/namespaces/default/pods/again", &now);
    world.node.apply(&manifest);
    let second = world.node.wait_pod("again", "no successor is Ready", |pod| {
        pod["metadata"]["uid"] != first["metadata"]["uid"] && ballast_tests::node::pods::is_ready(pod)
    });
    let address = |pod: &Value| pod["status"]["podIP"].as_str().unwrap_or_default().to_owned();
    let (old, new) = (address(&first), address(&second));
    let start = Instant::now();
    let wanted = Some(vec![("UP".to_owned(), new.clone())]);
    let seen = ballast_tests::poll(crate::world::SOON, || {
        (world.instances("again") == wanted).then_some(())
    });
    assert!(
        seen.is_some(),
        "{old} was before, {new} is now; Eureka has {:?}",
        world.instances("again")
    );
    println!("      again: only {new} after {:.2} s", start.elapsed().as_secs_f64());
    world.delete("again");
}
