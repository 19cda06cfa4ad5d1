//! Real Pods on a real kubelet and containerd whose sandbox image is ours: one cluster for all cases. What is changed on the
//! machine for it must be as before in the end. `cargo test -p ballast-tests --test cluster -- WORD` runs the cases named so.
//! Source: design.md 1, 3 and 8; pods.md.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "cases print what they measured, as tests do")]

mod before;
mod ends;
mod kinds;
mod life;
mod outage;
mod quiet;
mod roll;
mod sidecar;
mod start;
mod walk;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use ballast_tests::suite::{Case, Choice, Tally};
use before::Before;
use world::World;

/// In this order; each leaves nothing that the next could meet.
const CASES: &[Case<World>] = &[
    ("a_pod_runs_over_our_sandbox", start::a_pod_runs_over_our_sandbox),
    ("services_are_reached_by_name", start::services_are_reached_by_name),
    (
        "a_label_registers_and_its_absence_deregisters",
        life::a_label_registers_and_its_absence_deregisters,
    ),
    ("readiness_is_followed", life::readiness_is_followed),
    ("a_deleted_pod_leaves", life::a_deleted_pod_leaves),
    (
        "a_successor_of_the_same_name_registers",
        life::a_successor_of_the_same_name_registers,
    ),
    (
        "a_pod_without_labels_is_left_alone",
        quiet::a_pod_without_labels_is_left_alone,
    ),
    (
        "an_agent_killed_every_second_restarts_no_container",
        quiet::an_agent_killed_every_second_restarts_no_container,
    ),
    (
        "every_kind_of_pod_registers_and_leaves",
        kinds::every_kind_of_pod_registers_and_leaves,
    ),
    ("the_demo_shows_three_names", walk::the_demo_shows_three_names),
    (
        "a_sidecar_registers_and_leaves",
        sidecar::a_sidecar_registers_and_leaves,
    ),
    ("a_proxied_pod_gets_its_rules", sidecar::a_proxied_pod_gets_its_rules),
    (
        "a_deployment_is_rolled_without_a_failed_request",
        roll::a_deployment_is_rolled_without_a_failed_request,
    ),
    (
        "a_pod_starts_while_the_repo_is_down",
        outage::a_pod_starts_while_the_repo_is_down,
    ),
];

/// Those that start their own, when ours is gone.
const ALONE: &[(&str, fn())] = &[
    (
        "a_cluster_that_is_interrupted_leaves_nothing",
        ends::a_cluster_that_is_interrupted_leaves_nothing,
    ),
    (
        "what_a_killed_cluster_left_is_swept",
        ends::what_a_killed_cluster_left_is_swept,
    ),
];

/// Longest start of a whole node; 10 s are the aim on a quiet machine.
const START: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let choice = Choice::of(std::env::args().skip(1));
    if choice.is_list {
        let names = CASES
            .iter()
            .map(|(name, _)| name)
            .chain(ALONE.iter().map(|(name, _)| name));
        names.for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let mut tally = Tally::default();
    if CASES.iter().any(|(name, _)| choice.has(name)) {
        shared(&choice, &mut tally);
    }
    for (name, case) in ALONE {
        tally.run(&choice, name, case);
    }
    tally.finish()
}

/// The cases that share a cluster, and what it was and left.
fn shared(choice: &Choice, tally: &mut Tally) {
    let before = Before::look();
    let world = World::start();
    tally.run(choice, "the_node_is_ready_in_time", || {
        assert!(
            world.ready <= START,
            "it took {:?}, at most {START:?} allowed",
            world.ready
        );
    });
    for (name, case) in CASES {
        tally.run(choice, name, || case(&world));
    }
    drop(world);
    tally.run(choice, "the_machine_is_as_before", || before.assert_same());
}
