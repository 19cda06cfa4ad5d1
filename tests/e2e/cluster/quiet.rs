//! What nobody notices: a Pod without our labels, and an agent that dies again and again. Source: design.md 1, facts 5 to 7.

use std::time::{Duration, Instant};

use ballast_tests::node::pods::{is_ready, restarts};
use ballast_tests::{poll, process};
use serde_json::Value;

use crate::start::text;
use crate::world::{SOON, World, registered, web};

/// Private memory of PID 1 and agent in a Pod without our labels. Source: design.md 8.
const DORMANT_KIB: u64 = 500;
/// How long the agent is killed every second; `BALLAST_KILLS` says another number.
const KILLS: u32 = 10;

/// No codebase, no registration, and no more memory than a pause and a poller have.
pub(crate) fn a_pod_without_labels_is_left_alone(world: &World) {
    world.node.apply(&web("plain", "{app: plain}"));
    let pod = world.node.wait_ready("plain");
    let uid = text(&pod["metadata"]["uid"]);
    let agents = poll(SOON, || {
        Some(world.node.processes(&uid, "ballast")).filter(|all| all.len() == 1)
    });
    let agent = agents.expect("its agent waits for a label")[0];
    let pause = world.node.processes(&uid, "pause")[0];
    let (one, other) = (private_kib(pause), private_kib(agent));
    let charged = charged_kib(pause);
    println!("      PID 1 {one} KiB and agent {other} KiB private; their cgroup's anonymous memory {charged} KiB");
    assert!(
        one + other <= DORMANT_KIB,
        "{one} + {other} KiB, at most {DORMANT_KIB} allowed"
    );
    assert_eq!(world.codebase("plain"), 404, "nobody wrote anything for it");
    assert_eq!(world.status("plain").as_deref(), Some(""));
    world.delete("plain");
}

/// PID 1 holds the Pod, the kubelet sees nothing, the registration stays.
pub(crate) fn an_agent_killed_every_second_restarts_no_container(world: &World) {
    let kills = std::env::var("BALLAST_KILLS").map_or(KILLS, |text| text.parse().expect("BALLAST_KILLS is a number"));
    world.node.apply(&web("killed", &registered("killed")));
    let before = world.node.wait_ready("killed");
    world.wait_status("killed", "UP", Instant::now());
    let uid = text(&before["metadata"]["uid"]);
    let pause = world.node.processes(&uid, "pause");
    let (mut next, mut killed) = (Instant::now(), 0);
    for _ in 0..kills {
        // The same pace whatever a look takes.
        poll(next.saturating_duration_since(Instant::now()), || None::<()>);
        next += Duration::from_secs(1);
        for agent in world.node.processes(&uid, "ballast") {
            process::kill_tree(agent);
            killed += 1;
        }
        let pod = world.node.pod("killed").expect("it runs");
        assert!(is_ready(&pod), "{}", pod["status"]);
    }
    assert!(killed > 0, "no agent was ever there");
    let pod = world.node.pod("killed").expect("it runs");
    assert_eq!(restarts(&pod), 0, "{}", pod["status"]);
    assert_eq!(
        pod["status"]["podIP"], before["status"]["podIP"],
        "its sandbox is the same"
    );
    assert_eq!(world.node.processes(&uid, "pause"), pause, "and PID 1");
    println!("      killed {killed} times in {kills} s");
    world.wait_status("killed", "UP", Instant::now());
    let agents = poll(SOON, || {
        Some(world.node.processes(&uid, "ballast")).filter(|all| !all.is_empty())
    });
    assert!(agents.is_some(), "an agent runs again");
    world.delete("killed");
}

/// Memory that no other process shares.
fn private_kib(process: u32) -> u64 {
    let map = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("it runs");
    let lines = map.lines().filter_map(|line| line.strip_prefix("Private_Dirty:"));
    lines
        .filter_map(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}

/// Anonymous memory charged to the sandbox's container.
fn charged_kib(process: u32) -> u64 {
    let folder = ballast_tests::node::Node::memory_cgroup(process).expect("it is in a cgroup");
    let stat = std::fs::read_to_string(folder.join("memory.stat")).expect("the cgroup has its numbers");
    let value = |name: &str| -> Option<u64> {
        let line = stat.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    value("rss ").or_else(|| value("anon ")).unwrap_or_default() / 1024
}

/// Containers of a Pod that have ended.
pub(crate) fn has_ended(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}
