//! Processes of scripts: started with pipes or a pseudo terminal, waited for on the worker's own thread, so that none stays
//! a zombie. For `exec`. Source: pipyjs/filters.md section 9.
//!
//! Not tokio's: its handle gives no terminal session and ends processes with SIGKILL. posix_spawn needs no unsafe code of
//! ours, and the child becomes leader of its terminal's session, so shells have job control.

use crate::limits;
use crate::pipeline::{Task, spawn};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};

/// Between two looks at the processes of a worker that ends: nothing else is left to wait with.
const REAP_PAUSE: Duration = Duration::from_millis(5);

thread_local! {
    static REAPER: Reaper = Reaper::default();
}

/// Waits for the processes of one thread, also for those that nobody cares for any more.
#[derive(Default)]
struct Reaper {
    running: RefCell<Vec<Running>>,
    task: RefCell<Option<Task>>,
    /// One of them is to end by a certain time.
    hurried: Rc<Notify>,
}

struct Running {
    pid: Pid,
    state: Rc<State>,
    tell: Option<oneshot::Sender<i32>>,
}

/// What its owner and the reaper know of a process.
#[derive(Default)]
struct State {
    ended: Cell<bool>,
    /// When SIGKILL follows the SIGTERM that was sent.
    kill_at: Cell<Option<Instant>>,
}

/// What to start.
pub(super) struct Command {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// NAME=value; None: this process's own.
    pub env: Option<Vec<String>>,
    /// On a pseudo terminal.
    pub pty: bool,
    /// Where standard error goes.
    pub stderr: Stderr,
}

/// See [`Command`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stderr {
    /// Nowhere.
    Drop,
    /// Into a pipe of its own.
    Collect,
    /// Into standard output.
    Merge,
}

/// A running process. Dropping it sends SIGTERM, and SIGKILL when that was ignored; what is left of it is waited for.
pub(super) struct Process {
    pid: Pid,
    state: Rc<State>,
}

/// Our ends of a process's pipes, and what says that it has ended.
pub(super) struct Started {
    /// To signal it.
    pub process: Process,
    /// Standard input.
    pub stdin: Sender,
    /// Standard output.
    pub stdout: Receiver,
    /// Standard error, when it is collected.
    pub stderr: Option<Receiver>,
    /// Exit code; 128 and the signal's number when a signal ended it, as shells say it.
    pub exit: oneshot::Receiver<i32>,
}

impl Process {
    /// Its number.
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Sends SIGTERM, unless it has ended: its number may be another's then.
    pub(super) fn terminate(&self) {
        if !self.state.ended.get()
            && let Err(error) = kill(self.pid, Signal::SIGTERM)
        {
            tracing::debug!(target: "pjs", pid = self.pid(), %error, "cannot end a process");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.terminate();
        self.state.kill_at.set(Some(Instant::now() + limits::PROCESS_END));
        // Past the end of the thread its reaper has done that.
        REAPER.try_with(|reaper| reaper.hurried.notify_one()).ok();
    }
}

/// Starts a process.
///
/// # Errors  What was tried, and what the system said.
pub(super) fn start(command: &Command) -> Result<Started, String> {
    if REAPER.with(|reaper| reaper.running.borrow().len()) >= limits::PROCESSES {
        return Err(format!("more than {} processes run", limits::PROCESSES));
    }
    let program = command.argv.first().cloned().unwrap_or_default();
    let failed = |error: io::Error| format!("cannot start {program}: {error}");
    // Made first: no exit is missed.
    let mut exits = signal(SignalKind::child()).map_err(failed)?;
    let ends = match command.pty {
        true => terminal(command),
        false => pipes(command),
    };
    let (pid, stdin, stdout, stderr) = ends.map_err(failed)?;
    let state = Rc::<State>::default();
    let (tell, exit) = oneshot::channel();
    REAPER.with(|reaper| {
        reaper.running.borrow_mut().push(Running {
            pid,
            state: state.clone(),
            tell: Some(tell),
        });
        let mut task = reaper.task.borrow_mut();
        if task.as_ref().is_none_or(Task::is_done) {
            let hurried = reaper.hurried.clone();
            *task = Some(spawn(async move {
                while REAPER.with(Reaper::reap) {
                    let kill = async {
                        match REAPER.with(Reaper::next_kill) {
                            Some(at) => tokio::time::sleep_until(at.into()).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        _ = exits.recv() => {}
                        () = hurried.notified() => {}
                        () = kill => {}
                    }
                }
            }));
        }
    });
    Ok(Started {
        process: Process { pid, state },
        stdin,
        stdout,
        stderr,
        exit,
    })
}

impl Reaper {
    /// Takes note of those that have ended. False when none is left.
    fn reap(&self) -> bool {
        let mut running = self.running.borrow_mut();
        running.retain_mut(|process| {
            let code = match waitpid(process.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(_, code)) => code,
                Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
                Err(Errno::ECHILD) => -1,
                Ok(_) | Err(_) => {
                    let is_late = process.state.kill_at.get().is_some_and(|at| at <= Instant::now());
                    if is_late {
                        process.state.kill_at.set(None);
                        tracing::warn!(target: "subproc", pid = process.pid.as_raw(), "a process ignores SIGTERM; it is killed");
                        // It cannot have gone: it was not waited for.
                        kill(process.pid, Signal::SIGKILL).ok();
                    }
                    return true;
                }
            };
            process.state.ended.set(true);
            // Who does not listen has gone.
            if let Some(tell) = process.tell.take() {
                tell.send(code).ok();
            }
            false
        });
        !running.is_empty()
    }

    /// When the next one is to be killed.
    fn next_kill(&self) -> Option<Instant> {
        let running = self.running.borrow();
        running.iter().filter_map(|process| process.state.kill_at.get()).min()
    }
}

impl Drop for Reaper {
    /// The worker ends: so do its processes, also those of pipelines that nobody ended. None is left, nor a zombie of one, unless the
    /// system cannot end it (a file system that does not answer): the worker does not wait for that.
    fn drop(&mut self) {
        let end = Instant::now() + limits::PROCESS_END_WITH_WORKER;
        for process in self.running.get_mut() {
            kill(process.pid, Signal::SIGTERM).ok();
            process.state.kill_at.set(Some(end));
        }
        if !wait_while(end + limits::PROCESS_KILLED, || self.reap()) {
            let left = self.running.borrow();
            let left: Vec<i32> = left.iter().map(|process| process.pid.as_raw()).collect();
            tracing::error!(target: "subproc", "processes {left:?} were killed and have not ended; they are left to the system");
        }
    }
}

/// Looks again and again; false when it still holds at that time.
fn wait_while(end: Instant, mut holds: impl FnMut() -> bool) -> bool {
    while holds() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(REAP_PAUSE);
    }
    true
}

type Ends = (Pid, Sender, Receiver, Option<Receiver>);

fn pipes(command: &Command) -> io::Result<Ends> {
    let (their_stdin, stdin) = io::pipe()?;
    let (stdout, their_stdout) = io::pipe()?;
    let mut actions = PosixSpawnFileActions::init()?;
    actions.add_dup2(their_stdin.as_raw_fd(), 0)?;
    actions.add_dup2(their_stdout.as_raw_fd(), 1)?;
    let mut errors = None;
    let mut their_stderr = None;
    match command.stderr {
        Stderr::Merge => actions.add_dup2(their_stdout.as_raw_fd(), 2)?,
        Stderr::Drop => actions.add_open(2, "/dev/null", OFlag::O_WRONLY, Mode::empty())?,
        Stderr::Collect => {
            let (stderr, theirs) = io::pipe()?;
            actions.add_dup2(theirs.as_raw_fd(), 2)?;
            errors = Some(Receiver::from_owned_fd(OwnedFd::from(stderr))?);
            their_stderr = Some(theirs);
        }
    }
    let pid = run(command, &actions, PosixSpawnFlags::empty())?;
    drop(their_stderr);
    let stdin = Sender::from_owned_fd(OwnedFd::from(stdin))?;
    let stdout = Receiver::from_owned_fd(OwnedFd::from(stdout))?;
    Ok((pid, stdin, stdout, errors))
}

/// The child opens its terminal itself, as leader of a new session: so it becomes the session's terminal.
fn terminal(command: &Command) -> io::Result<Ends> {
    let master: PtyMaster = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let path = ptsname_r(&master)?;
    let mut actions = PosixSpawnFileActions::init()?;
    actions.add_open(0, path.as_str(), OFlag::O_RDWR, Mode::empty())?;
    actions.add_dup2(0, 1)?;
    actions.add_dup2(0, 2)?;
    let session = PosixSpawnFlags::from_bits_retain(libc::POSIX_SPAWN_SETSID as _);
    let pid = run(command, &actions, session)?;
    fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
    let fd = OwnedFd::from(master);
    let reads = fd.try_clone()?;
    // No pipes, but they behave alike; reading gives EIO when the last process has closed the terminal.
    let stdin = Sender::from_owned_fd_unchecked(fd)?;
    let stdout = Receiver::from_owned_fd_unchecked(reads)?;
    Ok((pid, stdin, stdout, None))
}

fn run(command: &Command, actions: &PosixSpawnFileActions, flags: PosixSpawnFlags) -> io::Result<Pid> {
    let texts = |all: &[String]| -> io::Result<Vec<CString>> {
        all.iter()
            .map(|text| CString::new(text.as_str()).map_err(io::Error::from))
            .collect()
    };
    let argv = texts(&command.argv)?;
    let env = match &command.env {
        Some(env) => texts(env)?,
        // Bytes, for an environment need not be text.
        None => std::env::vars_os()
            .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()))
            .collect::<Result<_, _>>()?,
    };
    let program = argv.first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut attributes = PosixSpawnAttr::init()?;
    // Rust ignores SIGPIPE, and programs inherit that; they expect the default.
    let mut defaults = SigSet::empty();
    defaults.add(Signal::SIGPIPE);
    attributes.set_sigdefault(&defaults)?;
    attributes.set_flags(flags | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF)?;
    Ok(posix_spawnp(program, actions, &attributes, &argv, &env)?)
}

/// Words of a command: cut at blanks; `\` takes the next character as it is, double quotes keep blanks. No shell.
pub(crate) fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            blank if blank.is_ascii_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, wait_while, words};

    /// A process that the system cannot end holds nobody up.
    #[test]
    fn waiting_has_an_end() {
        let end = Instant::now() + Duration::from_millis(50);
        assert!(!wait_while(end, || true));
        assert!(Instant::now() >= end);
        let mut looks = 3;
        let mut is_left = || {
            looks -= 1;
            looks > 0
        };
        assert!(wait_while(Instant::now() + Duration::from_secs(60), &mut is_left));
        assert_eq!(looks, 0);
    }

    #[test]
    fn commands_are_cut_at_blanks() {
        for (command, expected) in [
            ("", &[][..]),
            ("ls -l  /tmp", &["ls", "-l", "/tmp"]),
            (r#"sh -c "echo a  b""#, &["sh", "-c", "echo a  b"]),
            (r"a\ b c\\d", &["a b", r"c\d"]),
            (r#"x "" y"#, &["x", "", "y"]),
            (r#"--name="a b"c"#, &["--name=a bc"]),
        ] {
            assert_eq!(words(command), expected, "{command}");
        }
    }
}
