//! Real Pods on a real kubelet and containerd whose sandbox image is ours: one cluster for all cases. What is changed on the
//! machine for it must be as before in the end. `cargo test -p ballast-tests --test cluster -- WORD` runs the cases named so.
//! Source: design.md 1, 3 and 8; pods.md.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "cases print what they measured, as tests do")]

mod before;
mod start;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ballast_tests::node::{Node, Settings, images};
use ballast_tests::suite::{Case, Choice, Tally};
use before::Before;

/// In this order: later cases may take what earlier ones left for granted only where they say so.
const CASES: &[Case<Node>] = &[
    ("a_pod_runs_over_our_sandbox", start::a_pod_runs_over_our_sandbox),
    ("services_are_reached_by_name", start::services_are_reached_by_name),
];

/// Longest start of the whole cluster; 10 s are the aim on a quiet machine.
const START: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let choice = Choice::of(std::env::args().skip(1));
    if choice.is_list {
        CASES.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let before = Before::look();
    let mut tally = Tally::default();
    let busybox = images::Archive::busybox();
    let settings = Settings::shipped().image(busybox.path());
    let start = Instant::now();
    let node = Node::start(&settings);
    let ready = start.elapsed();
    println!("the node is Ready {:.1} s after the start\n", ready.as_secs_f64());
    tally.run(&choice, "the_node_is_ready_in_time", || {
        assert!(ready <= START, "it took {ready:?}, at most {START:?} allowed");
    });
    for (name, case) in CASES {
        tally.run(&choice, name, || case(&node));
    }
    drop(node);
    tally.run(&choice, "the_machine_is_as_before", || before.assert_same());
    tally.finish()
}
