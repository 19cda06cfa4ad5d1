//! The agent as a child of PID 1: what it is started with, when it is started again. Not for what it does.
//!
//! All that a start needs is made once; a start itself takes two short-lived arrays of pointers (in nix) and gives them
//! back, so the heap stays as it is. posix_spawn(3) shares our memory until the exec: it needs none of its own, and tells why
//! an exec failed.

use std::{
    env,
    ffi::{CStr, CString, OsString},
    fmt,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, SealFlag, fcntl},
    spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn},
    sys::memfd::{MFdFlags, memfd_create},
    sys::signal::{SigSet, Signal, kill},
    unistd::{Pid, ftruncate},
};

use crate::{
    backoff::{self, Backoff},
    say::say,
};

/// The agent's file, in the folder of our own executable.
const AGENT_FILE: &str = "ballast";
/// Where the agent finds the snapshot memory, and the variable that says so.
const SNAPSHOT_FD: RawFd = 3;
const SNAPSHOT_ENV: &str = "BALLAST_SNAPSHOT_FD";
/// Bytes of the snapshot memory; pages that nobody wrote cost nothing.
const SNAPSHOT_BYTES: i64 = 4 << 20;
/// `MFD_NOEXEC_SEAL` of Linux 6.3, which nix does not name: some nodes refuse a memfd without it.
const MFD_NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(8);

/// The agent, running or waiting for its next start.
pub(crate) struct Agent {
    path: CString,
    args: [&'static CStr; 2],
    env: Vec<CString>,
    attributes: PosixSpawnAttr,
    files: PosixSpawnFileActions,
    /// Content is the agent's business; we only hold it, so that it survives each of them.
    _snapshot: Option<OwnedFd>,
    running: Option<Running>,
    /// When to start it, while it does not run.
    due: Option<Instant>,
    backoff: Backoff,
    /// It was asked to leave: its end is what we wait for, and no start follows.
    is_leaving: bool,
    /// The start error that was told last: the same one is not told again.
    told: Option<Errno>,
}

struct Running {
    pid: Pid,
    since: Instant,
}

impl Agent {
    /// Makes all that starts will need, the snapshot memory included; the first start is due at once.
    pub(crate) fn prepare() -> Self {
        let mut attributes = PosixSpawnAttr::init().expect("glibc only clears a struct");
        let mut files = PosixSpawnFileActions::init().expect("glibc only clears a struct");
        // The child begins as any process does: nothing blocked, nothing ignored, whatever we inherited.
        attributes
            .set_flags(PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)
            .and_then(|()| attributes.set_sigdefault(&SigSet::all()))
            .and_then(|()| attributes.set_sigmask(&SigSet::empty()))
            .expect("both flags are known to glibc");
        let snapshot = snapshot().and_then(|fd| files.add_dup2(fd.as_raw_fd(), SNAPSHOT_FD).map(|()| fd));
        if let Err(error) = &snapshot {
            say(format_args!(
                "pause: no memory for the agent's snapshot: {}",
                error.desc()
            ));
        }
        Self {
            path: agent_path(),
            args: [c"ballast", c"agent"],
            env: environment(snapshot.is_ok()),
            attributes,
            files,
            _snapshot: snapshot.ok(),
            running: None,
            due: Some(Instant::now()),
            backoff: Backoff::default(),
            is_leaving: false,
            told: None,
        }
    }

    /// Whether it has been started and has not ended yet.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Its process while it runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        self.running.as_ref().map(|running| running.pid)
    }

    /// When [`Self::start_if_due`] will have something to do; None while it runs.
    pub(crate) fn next_start(&self) -> Option<Instant> {
        self.due
    }

    /// Starts it when its time has come. No file, no right to run it, no memory: the next try is later, for ever.
    pub(crate) fn start_if_due(&mut self, now: Instant) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        match posix_spawn(
            self.path.as_c_str(),
            &self.files,
            &self.attributes,
            &self.args,
            &self.env,
        ) {
            Ok(pid) => {
                (self.running, self.due, self.told) = (Some(Running { pid, since: now }), None, None);
            }
            Err(error) => {
                self.due = Some(now + self.backoff.next(Duration::ZERO, backoff::entropy()));
                if self.told.replace(error) != Some(error) {
                    say(format_args!(
                        "pause: no agent, the Pod goes on without: {}",
                        error.desc()
                    ));
                }
            }
        }
    }

    /// A child of PID 1 has ended; when it was the agent, its next start is planned.
    pub(crate) fn ended(&mut self, pid: Pid, how: fmt::Arguments<'_>) {
        let Some(running) = self.running.take_if(|running| running.pid == pid) else {
            return;
        };
        let now = Instant::now();
        let delay = self
            .backoff
            .next(now.saturating_duration_since(running.since), backoff::entropy());
        self.due = Some(now + delay);
        say(format_args!(
            "pause: agent {how}, next start in {} ms",
            delay.as_millis()
        ));
    }

    /// Asks it to leave; a start that is still to come is called off.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::SIGTERM);
        self.due = None;
        self.is_leaving = true;
    }

    /// Ends it without asking.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        // The number can't mean another process: it is ours until we reap it.
        if let Some(pid) = self.pid() {
            kill(pid, signal).ok();
        }
    }
}

/// Memory of a fixed size that outlives every agent. Closed on exec but for the agent's copy.
fn snapshot() -> nix::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    // Older kernels know no MFD_NOEXEC_SEAL and say EINVAL.
    let fd = memfd_create(c"ballast-snapshot", flags | MFD_NOEXEC_SEAL)
        .or_else(|_| memfd_create(c"ballast-snapshot", flags))?;
    ftruncate(&fd, SNAPSHOT_BYTES)?;
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(fd)
}

fn agent_path() -> CString {
    let mut path = env::current_exe().unwrap_or_else(|_| PathBuf::from("/pause"));
    path.set_file_name(AGENT_FILE);
    CString::new(path.into_os_string().into_vec()).expect("a path of the kernel holds no NUL")
}

/// What we were started with, plus the word on the snapshot.
fn environment(has_snapshot: bool) -> Vec<CString> {
    let snapshot = has_snapshot.then(|| (OsString::from(SNAPSHOT_ENV), OsString::from(SNAPSHOT_FD.to_string())));
    env::vars_os()
        .filter(|(name, _)| name != SNAPSHOT_ENV)
        .chain(snapshot)
        .filter_map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use nix::sys::wait::waitpid;

    use super::*;

    /// Anonymous memory of this process in KiB. Source: proc_pid_smaps(5).
    fn anonymous_kib() -> u64 {
        let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
        let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    #[test]
    fn thousands_of_starts_leave_nothing_behind() {
        const STARTS: u64 = 3000;
        let mut agent = Agent {
            path: c"/bin/true".into(),
            ..Agent::prepare()
        };
        let (mut memory, mut files) = (0, 0);
        for start in 0..STARTS {
            agent.due = Some(Instant::now());
            agent.start_if_due(Instant::now());
            waitpid(agent.pid().expect("it was started"), None).unwrap();
            // In place of `ended`, which would say 3000 times the same.
            agent.running = None;
            if start == 100 {
                (memory, files) = (anonymous_kib(), std::fs::read_dir("/proc/self/fd").unwrap().count());
            }
        }
        // Other tests run beside this one; a leak of 32 bytes a start would be 90 KiB.
        assert!(
            anonymous_kib() <= memory + 64,
            "{memory} KiB before, {} after",
            anonymous_kib()
        );
        assert!(std::fs::read_dir("/proc/self/fd").unwrap().count() <= files + 2);
    }
}
