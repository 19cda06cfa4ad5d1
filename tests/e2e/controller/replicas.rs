//! Several controllers: one acts, the others wait for its Lease.

use std::time::Duration;

use ballast_tests::{Process, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::world::{SOON, World, ask, labelled, running};

/// How long a lease counts that is not renewed, the pause between two looks, and a busy machine.
const TAKEOVER: Duration = Duration::from_secs(20);

fn holder(world: &World) -> Value {
    let path = "GET /apis/coordination.k8s.io/v1/namespaces/ballast-system/leases/ballast-controller";
    world.plane.done(path, &Value::Null)["spec"]["holderIdentity"].clone()
}

fn has_acted(controller: &Process) -> bool {
    let output = controller.output();
    ["created", "published in place", "deleted", "new version"]
        .iter()
        .any(|word| output.contains(word))
}

#[test]
fn one_acts_and_another_takes_over() {
    let world = World::start();
    let one = world.leader("one");
    let mut two = world.controller("two");
    two.wait_output(SOON, "one leads");
    assert_eq!(holder(&world), "one");
    world.create(&labelled("web"));
    world.wait_document("web", "published", |_| true);
    wait_for(SOON, "the first one to say so", || has_acted(&one));
    assert!(!has_acted(&two), "{}", two.output());
    let lines = |controller: &Process| -> Vec<String> {
        let text = ask(controller, "/metrics").text();
        text.lines().map(str::to_owned).collect()
    };
    let has = |controller: &Process, line: &str| lines(controller).iter().any(|seen| seen == line);
    for (controller, leading) in [(&one, 1), (&two, 0)] {
        assert_eq!(ask(controller, "/healthz").text(), "ok\n");
        assert!(has(controller, &format!("ballast_controller_leading {leading}")));
        assert!(has(controller, &format!("ballast_controller_pods {leading}")));
        let created = format!("ballast_controller_publishes_total{{outcome=\"created\"}} {leading}");
        assert!(has(controller, &created), "{:?}", lines(controller));
    }
    assert_eq!(ask(&one, "/other").status, 404);

    // Killed: its lease runs out.
    drop(one);
    world.patch("web/status", &running(true));
    let took = wait_for(TAKEOVER, "the other one to take over", || holder(&world) == "two");
    println!("taken over {took:.1?} after the kill");
    world.wait_document("web", "ready", |pod| pod["status"]["ready"] == true);

    // Stopped in order: the lease is given back, and nobody waits for its end.
    let mut three = world.controller("three");
    three.wait_output(SOON, "two leads");
    two.signal(Signal::SIGTERM).unwrap();
    let status = two.wait(SOON).expect("it stops");
    assert_eq!(status.code(), Some(0), "{}", two.output());
    let took = wait_for(Duration::from_secs(5), "the third one to take over", || {
        holder(&world) == "three"
    });
    println!("taken over {took:.1?} after the stop");
    world.patch("web/status", &running(false));
    world.wait_document("web", "not ready", |pod| pod["status"]["ready"] == false);

    // It stands still for longer than its lease, and then goes on: it knows only what was, and keeps it to itself.
    let mut four = world.controller("four");
    four.wait_output(SOON, "three leads");
    three.signal(Signal::SIGSTOP).unwrap();
    wait_for(TAKEOVER, "the fourth one to take over", || holder(&world) == "four");
    world.patch("web/status", &running(true));
    world.wait_document("web", "ready", |pod| pod["status"]["ready"] == true);
    world.remove("web");
    world.wait_gone("web");
    let before = three.output().len();
    three.signal(Signal::SIGCONT).unwrap();
    three.wait_output(SOON, "leading no longer");
    let after = three.output().split_off(before);
    assert!(!after.contains("created") && !after.contains("published"), "{after}");
    assert_eq!(world.status("web"), 410);
    assert_eq!(holder(&world), "four");
}
