//! What signals do to PID 1: INT and TERM end it, in order; no other one does anything.

use std::time::{Duration, Instant};

use ballast_tests::sandbox::{Sandbox, Spec};
use ballast_tests::{bin, poll, wait_for};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::{NOTHING, SOON, agent_after, field, settled, spec};

const INT: i32 = 2;
const TERM: i32 = 15;
/// Signals that the runtime may send and that must do nothing. KILL and STOP from outside are the kernel's.
fn harmless() -> impl Iterator<Item = i32> {
    (1..=31)
        .chain([34, 35, 40, 50, 63, 64])
        .filter(|number| ![INT, TERM, 9, 19].contains(number))
}

/// Waits for the end of PID 1: exit code 0, as upstream's. Gives the time that it took.
#[track_caller]
fn check_exits_0(sandbox: &mut Sandbox, deadline: Duration) -> Duration {
    let start = Instant::now();
    let status = poll(deadline, || sandbox.status());
    assert!(
        matches!(status, Some(WaitStatus::Exited(_, 0))),
        "{status:?} after {:?}",
        start.elapsed()
    );
    start.elapsed()
}

#[test]
fn no_signal_but_int_and_term_does_anything() {
    for (name, spec) in [
        ("with an agent", spec("serve")),
        ("alone", Spec::new(&bin("pause"))),
        ("another uid", spec("serve").uid(1000)),
    ] {
        let has_agent = name != "alone";
        let mut sandbox = spec.start();
        let agent = has_agent.then(|| agent_after(&sandbox, None));
        for number in harmless() {
            sandbox.signal(number);
            settled(&sandbox);
            sandbox.signal_from_inside(number);
            settled(&sandbox);
            assert_eq!(sandbox.status(), None, "{name}: signal {number}");
        }
        // The kernel's shield: KILL and STOP of the own namespace do not reach PID 1.
        for number in [9, 19] {
            sandbox.signal_from_inside(number);
            settled(&sandbox);
            assert_eq!(sandbox.status(), None, "{name}: signal {number} from inside");
        }
        assert_eq!(
            agent.map(|before| agent_after(&sandbox, None) == before),
            agent.map(|_| true),
            "{name}: same agent"
        );
        sandbox.signal(TERM);
        check_exits_0(&mut sandbox, SOON);
    }
}

#[test]
fn a_stopped_pid_1_goes_on_after_cont() {
    let mut sandbox = spec("serve").start();
    agent_after(&sandbox, None);
    sandbox.signal(19);
    wait_for(SOON, "PID 1 is stopped", || {
        field(sandbox.init(), "State").starts_with('T')
    });
    sandbox.signal(18);
    settled(&sandbox);
    sandbox.signal(TERM);
    check_exits_0(&mut sandbox, SOON);
}

#[test]
fn int_and_term_end_the_pod_from_outside_and_inside() {
    for number in [INT, TERM] {
        for from_inside in [false, true] {
            for order in [Some("serve"), None] {
                let spec = order.map_or_else(|| Spec::new(&bin("pause")), spec);
                let mut sandbox = spec.keep_output().start();
                if order.is_some() {
                    agent_after(&sandbox, None);
                }
                settled(&sandbox);
                if from_inside {
                    sandbox.signal_from_inside(number)
                } else {
                    sandbox.signal(number)
                }
                // Far below the drain time: it waits for the agent, not for the clock.
                let took = check_exits_0(&mut sandbox, SOON);
                assert!(took < Duration::from_secs(4), "{order:?} took {took:?}");
                let name = if number == INT { "INT" } else { "TERM" };
                assert!(
                    sandbox.output().contains(&format!("got signal {name}")),
                    "{}",
                    sandbox.output()
                );
            }
        }
    }
}

#[test]
fn the_agent_has_the_drain_time_to_leave() {
    // Name, order, BALLAST_DRAIN, bounds in seconds. The default is 5 s.
    for (name, order, drain, from, to) in [
        ("hangs", "hang", Some("1"), 1.0, 4.0),
        ("hangs, default", "hang", None, 5.0, 8.0),
        ("hangs, no number", "hang", Some("soon"), 5.0, 8.0),
        ("hangs, negative", "hang", Some("-1"), 5.0, 8.0),
        ("hangs, no time", "hang", Some("0"), 0.0, 3.0),
        ("leaves by itself", "slow 700", Some("60"), 0.7, 4.0),
    ] {
        let spec = spec(order).keep_output();
        let mut sandbox = drain
            .map_or_else(|| spec.clone(), |value| spec.clone().env("BALLAST_DRAIN", value))
            .start();
        agent_after(&sandbox, None);
        sandbox.signal(TERM);
        let took = check_exits_0(&mut sandbox, SOON).as_secs_f64();
        // 0.1 s: the signal is sent by a process whose end we wait for before we look at the clock.
        assert!(took >= from - 0.1 && took < to, "{name}: took {took} s");
        let is_told = sandbox.output().contains("BALLAST_DRAIN");
        assert_eq!(
            is_told,
            matches!(drain, Some("soon" | "-1")),
            "{name}: {}",
            sandbox.output()
        );
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [(TERM, TERM), (INT, TERM), (TERM, INT), (INT, INT)] {
        let mut sandbox = spec("hang").env("BALLAST_DRAIN", 600).start();
        let agent = agent_after(&sandbox, None);
        sandbox.signal(first);
        wait_for(SOON, "the agent is told", || field(agent, "ShdPnd") != NOTHING);
        assert_eq!(sandbox.status(), None);
        sandbox.signal(second);
        check_exits_0(&mut sandbox, SOON);
    }
}

#[test]
fn no_other_signal_ends_the_drain() {
    let mut sandbox = spec("hang").env("BALLAST_DRAIN", 600).start();
    let agent = agent_after(&sandbox, None);
    sandbox.signal(TERM);
    wait_for(SOON, "the agent is told", || field(agent, "ShdPnd") != NOTHING);
    for number in harmless() {
        sandbox.signal(number);
        settled(&sandbox);
        assert_eq!(sandbox.status(), None, "signal {number}");
    }
}

#[test]
fn sigkill_ends_the_pod_with_all_in_it() {
    let mut sandbox = spec("serve").start();
    let agent = agent_after(&sandbox, None);
    sandbox.signal(9);
    let status = poll(SOON, || sandbox.status());
    assert!(
        matches!(status, Some(WaitStatus::Signaled(_, Signal::SIGKILL, _))),
        "{status:?}"
    );
    wait_for(SOON, "the agent went with it", || field(agent, "State").is_empty());
}
