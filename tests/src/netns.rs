//! Namespaces for tests and demos, held by one small process instead of by mounts: they end with it, also when we are
//! killed (it reads a pipe of ours and exits at its end), so nothing can stay behind. Needs root.
//! Not for: what is inside a Pod (podman and runc make that).

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sched::{CloneFlags, setns};

use crate::process::kill_tree;

/// What is private besides the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Nothing: files, mounts and processes are the host's.
    Network,
    /// Mounts and processes too: all that is started inside dies with the guard, all that is mounted vanishes.
    Machine,
}

/// A network namespace with loopback up.
pub struct Netns {
    scope: Scope,
    holder: Child,
    // Closing it ends the holder; never written to.
    _lifeline: ChildStdin,
    // The process whose namespaces they are: the holder, or its child where processes are private too.
    inner: u32,
}

impl Netns {
    /// A network of its own; commands started in it keep our pid and mount namespaces.
    ///
    /// # Errors
    /// Not root, or no `unshare`, `ip`.
    pub fn new() -> io::Result<Self> {
        Self::start(Scope::Network, "")
    }

    /// Network, mounts and processes of its own. `setup` is a shell script that runs inside first (mount a tmpfs over a
    /// folder that the host must not see changed, say); its failure is the error.
    ///
    /// # Errors
    /// As [`Netns::new`], or the set-up's output.
    pub fn machine(setup: &str) -> io::Result<Self> {
        Self::start(Scope::Machine, setup)
    }

    /// A command that runs `program` inside. For [`Netns::new`] the child *is* the program (its pid, its signals); for
    /// [`Netns::machine`] it is a parent of it, for entering a pid namespace takes a fork.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.inner));
        if self.scope == Scope::Machine {
            command.args([
                format!("--mount=/proc/{}/ns/mnt", self.inner),
                format!("--pid=/proc/{}/ns/pid", self.inner),
            ]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Runs `work` on a thread whose sockets are in the namespace (its files and pids stay ours).
    ///
    /// # Panics
    /// When the namespace is gone, or `work` panics.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = self.path();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let file = File::open(&path).unwrap_or_else(|e| panic!("open {}: {e}", path.display()));
                setns(file, CloneFlags::CLONE_NEWNET).expect("root may enter a network namespace that it made");
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The network namespace as a path for `nsenter --net=` and the like.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.inner))
    }

    fn start(scope: Scope, setup: &str) -> io::Result<Self> {
        let mut command = Command::new("unshare");
        command.arg("--net");
        if scope == Scope::Machine {
            command.args([
                "--mount",
                "--propagation",
                "private",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ]);
        }
        // `cat` ends when our end of the pipe is closed. As PID 1 of a pid namespace it takes everything with it.
        let script = format!("set -e\nip link set lo up\n{setup}\necho ready\nexec cat >/dev/null");
        let mut holder = command
            .args(["--", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("start unshare (package util-linux): {e}")))?;
        let lifeline = holder.stdin.take().expect("stdin is piped");
        let mut lines = BufReader::new(holder.stdout.take().expect("stdout is piped"));
        let mut said = String::new();
        while !said.ends_with("ready\n") {
            if lines.read_line(&mut said)? == 0 {
                let status = holder.wait()?;
                return Err(io::Error::other(format!(
                    "make namespaces: {status} {said}; is this root?"
                )));
            }
        }
        let inner = match scope {
            Scope::Network => holder.id(),
            Scope::Machine => crate::process::descendants(holder.id())
                .first()
                .copied()
                .ok_or_else(|| io::Error::other("make namespaces: the holder is gone"))?,
        };
        Ok(Self {
            scope,
            holder,
            _lifeline: lifeline,
            inner,
        })
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        kill_tree(self.holder.id());
        let _reaped = self.holder.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::run;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn sockets_of_two_namespaces_do_not_meet() {
        let (one, other) = (Netns::new().unwrap(), Netns::new().unwrap());
        let listener = one.run(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let port = listener.local_addr().unwrap().port();
        one.run(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
        other.run(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap_err());
    }

    #[test]
    fn a_machine_has_its_own_mounts_and_processes() {
        let machine = Netns::machine("mount -t tmpfs none /mnt; touch /mnt/inside").unwrap();
        let script = "test -e /mnt/inside && ps -e -o pid= | wc -l";
        let (status, output) = run(
            "sh",
            machine.command("sh").args(["-c", script]),
            Duration::from_secs(10),
        )
        .unwrap();
        assert!(status.success(), "{output}");
        assert!(
            output.trim().parse::<u32>().unwrap() < 10,
            "sees only its own processes: {output}"
        );
        assert!(!std::path::Path::new("/mnt/inside").exists());
    }

    #[test]
    fn a_failing_set_up_is_an_error() {
        assert!(Netns::machine("false").is_err());
    }
}
