//! The agent beside PID 1: absent, broken, crashing, killed; PID 1 holds the Pod, starts it again in good time and keeps
//! its snapshot.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ballast_tests::sandbox::{Sandbox, Spec, copy};
use ballast_tests::{bin, poll, wait_for};

use crate::{SOON, agent_after, anonymous_kib, field, lives, settled, snapshot, spec, stub};

/// Milliseconds between the end of each life and the start of the next.
fn gaps_ms(sandbox: &Sandbox) -> Vec<u64> {
    let lives = lives(sandbox);
    lives
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].1) / 1_000_000)
        .collect()
}

#[track_caller]
fn wait_lives(sandbox: &Sandbox, count: usize, deadline: Duration) {
    let came = poll(deadline, || (lives(sandbox).len() >= count).then_some(()));
    assert!(
        came.is_some(),
        "{} of {count} starts; output: {}",
        lives(sandbox).len(),
        sandbox.output()
    );
}

/// What PID 1 said it would wait before each start, in ms.
fn announced_ms(sandbox: &Sandbox) -> Vec<u64> {
    let words = sandbox.output();
    let delays = words
        .lines()
        .filter_map(|line| line.rsplit_once("next start in ")?.1.strip_suffix(" ms"));
    delays.map(|delay| delay.parse().expect("a number")).collect()
}

/// Each delay is the nominal one plus a quarter at most, and was kept to.
#[track_caller]
fn check_backoff(sandbox: &Sandbox, nominal_ms: &[u64]) {
    let (announced, gaps) = (announced_ms(sandbox), gaps_ms(sandbox));
    for (at, nominal) in nominal_ms.iter().enumerate() {
        let (announced, gap) = (announced[at], gaps[at]);
        assert!(
            (*nominal..=nominal * 5 / 4).contains(&announced),
            "{at}: {announced} is not about {nominal}"
        );
        // On top: what an end and a start take on a busy machine.
        assert!(
            (announced..announced + 3000).contains(&gap),
            "{at}: {gap} ms instead of {announced}"
        );
    }
}

#[test]
fn a_crash_loop_is_slowed_down() {
    let mut sandbox = spec("exit 0 1").cpu_shares(1024).keep_output().start();
    wait_lives(&sandbox, 8, SOON);
    check_backoff(&sandbox, &[0, 100, 200, 400, 800, 1600, 3200]);
    assert_eq!(sandbox.status(), None);
}

#[test]
fn a_second_of_health_resets_the_back_off() {
    let sandbox = spec("heal 1050 5").cpu_shares(1024).keep_output().start();
    wait_lives(&sandbox, 6, SOON);
    check_backoff(&sandbox, &[0, 100, 200, 400, 0]);
}

/// 16 Pods at a time, each agent healthy for a second: 16 codes each.
#[test]
fn every_exit_code_is_survived_and_costs_no_memory() {
    let pods: Vec<Sandbox> = (0..16)
        .map(|pod| spec(&format!("codes 1020 {}", pod * 16)).keep_output().start())
        .collect();
    let mut before = Vec::new();
    for sandbox in &pods {
        wait_lives(sandbox, 3, SOON);
        before.push(anonymous_kib(sandbox));
    }
    for (pod, (mut sandbox, before)) in pods.into_iter().zip(before).enumerate() {
        wait_lives(&sandbox, 17, Duration::from_secs(60));
        for code in pod * 16..pod * 16 + 16 {
            let line = format!("agent exited with {code}, next start in 0 ms\n");
            assert!(sandbox.output().contains(&line), "{code}: {}", sandbox.output());
        }
        let after = anonymous_kib(&sandbox);
        assert!(after <= before, "pod {pod}: {before} KiB before, {after} after");
        assert_eq!(sandbox.status(), None, "pod {pod}");
    }
}

#[test]
fn an_agent_killed_by_any_signal_is_started_again() {
    // 34 and 64: real-time signals, whose names no library of PID 1 knows.
    for number in [9, 34, 6, 64] {
        let mut sandbox = spec("hang").start();
        let first = agent_after(&sandbox, None);
        kill(first, number);
        agent_after(&sandbox, Some(first));
        assert_eq!(sandbox.status(), None, "signal {number}");
    }
}

fn kill(agent: u32, number: i32) {
    let script = format!("kill -{number} {agent}");
    let done = Command::new("sh").args(["-c", &script]).status();
    assert!(done.is_ok_and(|status| status.success()), "{script}");
}

#[test]
fn without_a_usable_agent_the_pod_goes_on_and_one_that_comes_is_started() {
    for (name, lay) in [
        ("absent", (|_| ()) as fn(&Path)),
        ("not executable", |path| copy(stub(), path, 0o644)),
        ("not for our uid", |path| copy(stub(), path, 0o700)),
        ("no program", |path| {
            fs::write(path, "no program").expect("the root is ours");
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
        }),
        ("a folder", |path| fs::create_dir(path).expect("the root is ours")),
    ] {
        let mut sandbox = Spec::new(&bin("pause")).keep_output().start();
        let place = sandbox.root().join("ballast");
        wait_for(SOON, "the word on stderr", || sandbox.output().contains("no agent"));
        lay(&place);
        // Nothing but a few tries in the next second: no busy loop, no flood.
        let ticks = cpu_ticks(&sandbox);
        assert_eq!(poll(Duration::from_secs(1), || sandbox.status()), None, "{name}");
        assert!(cpu_ticks(&sandbox) - ticks <= 5, "{name}: busy");
        // One for each reason: there was nothing first, then what was laid there.
        assert!(sandbox.output().lines().count() <= 2, "{name}: {}", sandbox.output());
        if place.is_dir() {
            fs::remove_dir(&place).unwrap();
        }
        let beside = sandbox.root().join("new");
        copy(stub(), &beside, 0o755);
        fs::rename(beside, &place).unwrap();
        agent_after(&sandbox, None);
    }
}

/// User and system time of PID 1 in clock ticks (10 ms).
fn cpu_ticks(sandbox: &Sandbox) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", sandbox.init())).expect("PID 1 is there");
    let (_, fields) = stat.rsplit_once(')').expect("proc(5): the name ends with a bracket");
    let times = fields.split_whitespace().skip(11).take(2);
    times
        .map(|ticks| ticks.parse::<u64>().expect("proc(5): a number"))
        .sum()
}

#[test]
fn the_oom_killer_takes_the_agent_and_leaves_pid_1() {
    let mut sandbox = spec("eat").memory(48 << 20).oom_score_adj(100).keep_output().start();
    wait_lives(&sandbox, 2, SOON);
    agent_after(&sandbox, None);
    assert!(
        sandbox.output().contains("agent was killed by SIGKILL"),
        "{}",
        sandbox.output()
    );
    assert_eq!(sandbox.status(), None);
    // PID 1 and the child that it starts keep what they inherited; the agent raises its own value.
    let adj = fs::read_to_string(format!("/proc/{}/oom_score_adj", sandbox.init())).unwrap();
    assert_eq!(adj.trim(), "100");
}

#[test]
fn the_snapshot_is_one_sealed_memory_for_all_agents() {
    let mut sandbox = spec("hang").start();
    let first = agent_after(&sandbox, None);
    let held = snapshot(sandbox.init()).expect("PID 1 holds it");
    let environment = fs::read(format!("/proc/{first}/environ")).unwrap();
    assert!(
        environment
            .split(|byte| *byte == 0)
            .any(|line| line == b"BALLAST_SNAPSHOT_FD=3")
    );
    assert_eq!(snapshot(first), Some(format!("/proc/{first}/fd/3").into()));
    let open = fs::read_dir(format!("/proc/{first}/fd")).unwrap().count();
    // Standard ones, the snapshot, and the stand-in's own second view of it.
    assert_eq!(open, 5, "nothing else of PID 1 leaks into the agent");
    let file = OpenOptions::new().read(true).write(true).open(&held).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 4 << 20);
    for length in [0, (4 << 20) - 1, (4 << 20) + 1] {
        assert_eq!(
            file.set_len(length).unwrap_err().raw_os_error(),
            Some(1),
            "EPERM for {length} bytes"
        );
    }
    file.write_all_at(b"still here", (4 << 20) - 10).unwrap();
    kill(first, 9);
    let second = agent_after(&sandbox, Some(first));
    let mut end = [0; 10];
    let theirs = fs::File::open(format!("/proc/{second}/fd/3")).unwrap();
    theirs.read_exact_at(&mut end, (4 << 20) - 10).unwrap();
    assert_eq!(&end, b"still here");
    assert_eq!(
        lives(&sandbox).len(),
        2,
        "the second agent counted on from the first one's number"
    );
    assert_eq!(sandbox.status(), None);
}

#[test]
fn without_a_snapshot_the_agent_is_started_all_the_same() {
    // No file may have a length: the memory can't be made, and its SIGXFSZ must not harm PID 1.
    let sandbox = spec("hang").env("BALLAST_SNAPSHOT_FD", 7).file_size_limit(0).start();
    let agent = agent_after(&sandbox, None);
    assert_eq!(snapshot(agent), None);
    let environment = fs::read(format!("/proc/{agent}/environ")).unwrap();
    assert!(
        !environment.starts_with(b"BALLAST_SNAPSHOT_FD"),
        "a value that we inherited is not ours"
    );
    settled(&sandbox);
}

#[test]
fn what_a_sandbox_gets_is_what_pid_1_sees() {
    // Of the harness: that the conditions under which all this was shown are the real ones.
    for uid in [65535, 1000] {
        let sandbox = spec("serve").uid(uid).start();
        let agent = agent_after(&sandbox, None);
        for id in [sandbox.init(), agent] {
            assert_eq!(field(id, "Uid"), [uid.to_string().as_str(); 4].join("\t"));
            assert_eq!(field(id, "CapEff"), "0000000000000000");
            assert_eq!(field(id, "CapBnd"), "00000000a80425fb");
            assert_eq!(
                (field(id, "NoNewPrivs"), field(id, "Seccomp")),
                ("1".into(), "2".into())
            );
            for fd in 0..3 {
                assert_eq!(
                    fs::read_link(format!("/proc/{id}/fd/{fd}")).unwrap(),
                    Path::new("/dev/null")
                );
            }
        }
        assert_eq!(field(sandbox.init(), "NSpid").split_whitespace().last(), Some("1"));
    }
}
