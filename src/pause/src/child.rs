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
    time::{Duration, Instant, SystemTime},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, SealFlag, fcntl},
    spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn},
    sys::memfd::{MFdFlags, memfd_create},
    sys::signal::{SigSet, Signal, kill},
    unistd::{Pid, ftruncate},
};

use crate::say::say;

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
            backoff: Backoff { failures: 0 },
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
                self.due = Some(now + self.backoff.next(Duration::ZERO, entropy()));
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
            .next(now.saturating_duration_since(running.since), entropy());
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

/// How long to wait before the next start: the first one follows at once, then 100 ms, doubling, at most 30 s; a quarter
/// on top at most, by chance, so that the agents of a node do not start in step.
struct Backoff {
    failures: u32,
}

impl Backoff {
    /// An agent that lived this long was well: its end counts as the first one.
    const HEALTHY: Duration = Duration::from_secs(1);
    const FIRST_MS: u64 = 100;
    /// With the quarter on top: 30 s.
    const LAST_MS: u64 = 24_000;

    /// The agent lived for `lived` (zero: it could not be started). `entropy`: any number, all equally likely.
    fn next(&mut self, lived: Duration, entropy: u32) -> Duration {
        if lived >= Self::HEALTHY {
            self.failures = 0;
        }
        let doublings = self.failures.checked_sub(1);
        self.failures = (self.failures + 1).min(16);
        let Some(doublings) = doublings else {
            return Duration::ZERO;
        };
        let base = (Self::FIRST_MS << doublings).min(Self::LAST_MS);
        Duration::from_millis(base + base * u64::from(entropy % 1000) / 4000)
    }
}

/// The clock's last digits, spread: enough to keep the Pods of a node apart, and no crate needed.
fn entropy() -> u32 {
    let clock = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.subsec_nanos());
    clock.wrapping_mul(0x9E37_79B1) >> 12
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delays (ms) after ends that came `lived` ms after each start.
    #[track_caller]
    fn check(name: &str, lived_ms: &[u64], entropy: u32, delays_ms: &[u64]) {
        let mut backoff = Backoff { failures: 0 };
        let got: Vec<u64> = lived_ms
            .iter()
            .map(|&lived| backoff.next(Duration::from_millis(lived), entropy).as_millis() as u64)
            .collect();
        assert_eq!(got, delays_ms, "{name}");
    }

    #[test]
    fn backoff_doubles_to_its_cap_and_is_reset_by_health() {
        let crash_loop = [0; 12];
        check(
            "without jitter",
            &crash_loop,
            0,
            &[0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 24000, 24000, 24000],
        );
        check(
            "with most jitter",
            &crash_loop,
            999,
            &[0, 124, 249, 499, 999, 1999, 3999, 7998, 15996, 29994, 29994, 29994],
        );
        check(
            "reset after a second",
            &[0, 0, 0, 999, 1000, 0],
            0,
            &[0, 100, 200, 400, 0, 100],
        );
        check("healthy for ever", &[1000, 5000, 60_000], 0, &[0, 0, 0]);
    }

    #[test]
    fn backoff_survives_any_number_of_failures() {
        let mut backoff = Backoff { failures: 0 };
        let last = (0..100_000).map(|_| backoff.next(Duration::ZERO, u32::MAX)).last();
        assert!(last.is_some_and(|last| last <= Duration::from_secs(30)));
    }
}
