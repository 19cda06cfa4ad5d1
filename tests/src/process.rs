//! Child processes of tests: output kept in memory, killed on drop together with everything they started.
//! Not for: building command lines (std's `Command` does), namespaces (`netns.rs`).

use std::collections::HashMap;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::poll;

/// Output that is kept of one process; older bytes are dropped.
const MAX_OUTPUT_BYTES: usize = 1 << 20;

/// Time for a program that counts its steps to end by itself.
const COUNTED: Duration = Duration::from_secs(10);

/// A running child. Stays in our process group, so that Ctrl-C reaches it too.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    /// A folder that it works in; removed when the child is gone.
    folder: Option<TempDir>,
}

impl Process {
    /// Starts `command` with stdin closed and both outputs captured (one text, in order of arrival).
    ///
    /// # Errors
    /// The system's, with the name of the program.
    pub fn spawn(name: &str, command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("start {name} ({:?}): {e}", command.get_program())))?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(keep(pipe, Arc::clone(&output)));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(keep(pipe, Arc::clone(&output)));
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            output,
            readers,
            folder: None,
        })
    }

    /// Keeps `folder` as long as the process.
    #[must_use]
    pub fn with_folder(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Process id as this process sees it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All it has printed so far (the last MiB of it).
    pub fn output(&self) -> String {
        let bytes = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until its output contains `needle`.
    ///
    /// # Panics
    /// When it exits before, or has not printed it at the deadline; the message holds the output.
    #[track_caller]
    pub fn wait_output(&mut self, deadline: Duration, needle: &str) {
        let seen = poll(deadline, || {
            let exited = !self.is_running();
            if self.output().contains(needle) {
                Some(true)
            } else {
                exited.then_some(false)
            }
        });
        assert!(
            seen == Some(true),
            "{} did not print {needle:?} in {deadline:?}; it said:\n{}",
            self.name,
            self.output()
        );
    }

    /// Waits, after the exit, until its last words have arrived: until both outputs are closed, or five seconds where a
    /// grandchild keeps them open.
    pub fn drain_output(&self) {
        poll(Duration::from_secs(5), || {
            self.readers.iter().all(JoinHandle::is_finished).then_some(())
        });
    }

    /// Is it still there? Reaps it when not.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to this one process.
    ///
    /// # Errors
    /// `ESRCH` when it is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill(pid(self.child.id()), signal)?)
    }

    /// Waits for its end. `None`: it still ran at the deadline.
    pub fn wait(&mut self, deadline: Duration) -> Option<ExitStatus> {
        let status = poll(deadline, || self.child.try_wait().ok().flatten())?;
        // Those that still read are waited for by whoever wants the last words.
        self.readers.retain(|reader| !reader.is_finished());
        Some(status)
    }

    /// SIGTERM, then its exit status; SIGKILL and `None` when that takes longer than `grace`.
    pub fn stop(mut self, grace: Duration) -> Option<ExitStatus> {
        let _gone_already = self.signal(Signal::SIGTERM);
        self.wait(grace)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What counts its own steps (`cargo xtask profile`) writes them down when it ends by itself.
        if std::env::var_os("LLVM_PROFILE_FILE").is_some() {
            let _gone_already = self.signal(Signal::SIGTERM);
            let _counted = self.wait(COUNTED);
        }
        kill_tree(self.child.id());
        let _reaped = self.child.wait();
    }
}

/// Runs `command` to its end and gives exit status and output; kills it at the deadline.
///
/// # Errors
/// It can't be started, or `TimedOut` with what it had said by then.
pub fn run(name: &str, command: &mut Command, deadline: Duration) -> io::Result<(ExitStatus, String)> {
    let mut process = Process::spawn(name, command)?;
    let status = process.wait(deadline).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{name} still ran after {deadline:?}; it said:\n{}", process.output()),
        )
    })?;
    // The pipes close a moment after the exit; a grandchild that inherited them may keep them open.
    poll(Duration::from_secs(2), || {
        process.readers.iter().all(JoinHandle::is_finished).then_some(())
    });
    Ok((status, process.output()))
}

/// Kills a process and all its descendants. Those that are gone already are no error.
pub fn kill_tree(root: u32) {
    let mut doomed = descendants(root);
    doomed.insert(0, root);
    for id in doomed {
        let _gone_already = kill(pid(id), Signal::SIGKILL);
    }
}

/// Descendants of `root` at this moment, parents before children; without `root` itself.
pub fn descendants(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // `pid (name) state ppid …`; the name may hold blanks and brackets, so count from the last one.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(id) = next.pop() {
        let below = children.remove(&id).unwrap_or_default();
        found.extend(&below);
        next.extend(below);
    }
    found
}

fn keep(mut pipe: impl Read + Send + 'static, output: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut chunk) {
            let mut kept = output.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&chunk[..n]);
            if kept.len() > MAX_OUTPUT_BYTES {
                let extra = kept.len() - MAX_OUTPUT_BYTES;
                kept.drain(..extra);
            }
        }
    })
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a Linux pid fits in i32"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait_for;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_of_both_pipes_and_status_are_kept() {
        let (status, output) = run(
            "sh",
            &mut shell("echo out; echo err >&2; exit 3"),
            Duration::from_secs(5),
        )
        .unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(output.contains("out\n") && output.contains("err\n"), "{output}");
    }

    #[test]
    fn drop_kills_grandchildren_too() {
        let mut process = Process::spawn("sh", &mut shell("sleep 60 & sleep 60 & echo started; wait")).unwrap();
        process.wait_output(Duration::from_secs(5), "started");
        let below = descendants(process.id());
        assert_eq!(below.len(), 2);
        drop(process);
        wait_for(Duration::from_secs(5), "both sleeps are gone", || {
            below.iter().all(|id| kill(pid(*id), None).is_err() || zombie(*id))
        });
    }

    fn zombie(id: u32) -> bool {
        std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z"))
    }

    #[test]
    fn a_deadline_ends_a_run() {
        let error = run("sh", &mut shell("sleep 60"), Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
