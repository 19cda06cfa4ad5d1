//! The Repo is away while a Pod starts: the Pod does not wait for it, and is registered once it is back.

use std::time::Instant;

use ballast_tests::wait_for;
use serde_json::{Value, json};

use crate::world::{SOON, World, registered, web};

pub(crate) fn a_pod_starts_while_the_repo_is_down(world: &World) {
    scale_repo(world, 0);
    wait_for(SOON, "the Repo's Pod to be gone", || {
        world.node.pod("ballast-system/ballast-repo-0").is_none()
    });
    world.node.apply(&web("early", &registered("early")));
    let start = Instant::now();
    world.node.wait_ready("early");
    println!(
        "      Ready {:.2} s after it was asked for",
        start.elapsed().as_secs_f64()
    );
    assert_eq!(world.status("early").as_deref(), Some(""));
    let change = Instant::now();
    scale_repo(world, 1);
    world.node.wait_rolled_out("statefulsets/ballast-repo");
    println!("      the Repo is back after {:.2} s", change.elapsed().as_secs_f64());
    world.wait_status("early", "UP", change);
    world.delete("early");
}

fn scale_repo(world: &World, replicas: u64) {
    let path = "PATCH /apis/apps/v1/namespaces/ballast-system/statefulsets/ballast-repo/scale";
    let done: Value = world.node.plane.done(path, &json!({"spec": {"replicas": replicas}}));
    // A zero is left out.
    assert_eq!(done["spec"]["replicas"].as_u64().unwrap_or(0), replicas);
}
