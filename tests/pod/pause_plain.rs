//! pause outside a sandbox, where it is an ordinary process: native sidecar, plain container, a desk.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ballast_tests::process::{descendants, kill_tree};
use ballast_tests::sandbox::copy;
use ballast_tests::{Process, TempDir, bin, poll, temp_dir, wait_for};
use nix::sys::signal::Signal;

use crate::{NOTHING, SOON, field, stub};

/// A folder with pause, and `agent` beside it.
fn folder(agent: &Path) -> TempDir {
    let folder = temp_dir();
    copy(&bin("pause"), &folder.path().join("pause"), 0o755);
    copy(agent, &folder.path().join("ballast"), 0o755);
    folder
}

/// Its child, once that is the stand-in and runs.
#[track_caller]
fn agent_of(pause: u32) -> u32 {
    let runs = |id: &u32| field(*id, "Name") == "ballast" && field(*id, "SigBlk") != NOTHING;
    poll(SOON, || descendants(pause).into_iter().find(runs)).expect("an agent")
}

#[test]
fn the_agent_starts_with_clean_signals_whatever_we_inherited() {
    // Started with CHLD and others ignored, as by a careless parent. `sleep agent` is an error of sleep's: it ends at once,
    // and that must be noticed in spite of the ignored CHLD.
    let folder = folder(Path::new("/bin/sleep"));
    let mut command = Command::new("env");
    command
        .args(["--ignore-signal=HUP,CHLD,PIPE,USR1", "./pause"])
        .current_dir(folder.path());
    let mut pause = Process::spawn("pause", &mut command).unwrap();
    pause.wait_output(SOON, "agent exited with 1, next start in 1");
    // Now an agent that stays, and what the kernel says about its signals.
    let new = folder.path().join("new");
    copy(stub(), &new, 0o755);
    std::fs::rename(new, folder.path().join("ballast")).unwrap();
    let agent = agent_of(pause.id());
    // PIPE (bit 12) is ignored by the Rust runtime of the stand-in, 32 and 33 are glibc's own, in every posix_spawn.
    let ignored = u64::from_str_radix(&field(agent, "SigIgn"), 16).unwrap() & !(1 << 12 | 3 << 31);
    assert_eq!(ignored, 0, "{ignored:x}");
    // TERM and USR2 are blocked by the stand-in itself.
    let blocked = u64::from_str_radix(&field(agent, "SigBlk"), 16).unwrap() & !(1 << 14 | 1 << 11);
    assert_eq!(blocked, 0, "{blocked:x}");
    pause.signal(Signal::SIGTERM).unwrap();
    assert_eq!(pause.wait(SOON).and_then(|status| status.code()), Some(0));
}

#[test]
fn it_warns_and_takes_its_agent_along() {
    let folder = folder(stub());
    let mut command = Command::new(folder.path().join("pause"));
    command.env("STUB", "hang").env("BALLAST_DRAIN", "0");
    let mut pause = Process::spawn("pause", &mut command).unwrap();
    pause.wait_output(SOON, "Warning: pause should be the first process");
    let agent = agent_of(pause.id());
    // Neither would an ordinary process survive.
    for harmless in [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGQUIT, Signal::SIGTSTP] {
        pause.signal(harmless).unwrap();
    }
    assert_eq!(agent_of(pause.id()), agent);
    pause.signal(Signal::SIGINT).unwrap();
    assert_eq!(pause.wait(SOON).and_then(|status| status.code()), Some(0));
    wait_for(SOON, "the agent is gone", || {
        let state = field(agent, "State");
        state.is_empty() || state.starts_with('Z')
    });
}

#[test]
fn what_becomes_of_stderr_is_no_matter() {
    // Name, stderr: nobody reads a full pipe; the reader is gone; the descriptor is closed.
    let (full, mut pipe) = std::io::pipe().unwrap();
    // pipe(7): 16 pages.
    pipe.write_all(&[0; 65536]).unwrap();
    let (gone, broken) = std::io::pipe().unwrap();
    drop(gone);
    for (name, script, stderr) in [
        ("full", "exec ./pause", Stdio::from(pipe)),
        ("broken", "exec ./pause", Stdio::from(broken)),
        ("closed", "exec ./pause 2>&-", Stdio::null()),
    ] {
        let folder = folder(stub());
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(folder.path())
            .env("STUB", "heal 0 3");
        let mut pause = Killed(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(stderr)
                .spawn()
                .unwrap(),
        );
        // It has had something to say about the warning and three agents by the time that the fourth one stays.
        agent_that_stays(pause.0.id());
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pause.0.id() as i32), Signal::SIGTERM).unwrap();
        let status = poll(SOON, || pause.0.try_wait().unwrap());
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{name}");
    }
    drop(full);
}

/// A child whose output is not ours to read; killed on drop, with all below it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        kill_tree(self.0.id());
        self.0.wait().ok();
    }
}

/// The child that is still there after half a second.
#[track_caller]
fn agent_that_stays(pause: u32) -> u32 {
    let mut agent = agent_of(pause);
    wait_for(SOON, "an agent that stays", || {
        let before = agent;
        poll(Duration::from_millis(500), || {
            (!descendants(pause).contains(&before)).then_some(())
        });
        agent = agent_of(pause);
        agent == before
    });
    agent
}
