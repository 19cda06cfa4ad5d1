//! A Pod's sandbox as containerd makes it, under runc alone: new namespaces, a uid without capabilities, no_new_privs, a
//! read-only root that holds two files, /dev/null as stdio, SIGKILL at the end. Needs root and runc; leaves nothing behind.
//! Not for: real Pods (podman, containerd), networks. Source: pods.md "What PID 1 sees", OCI runtime-spec config.md.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The capabilities that a runtime leaves in the bounding set; none is effective.
const BOUNDING: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];
/// What seccomp's RuntimeDefault takes away that something of ours could think of.
const FORBIDDEN_CALLS: [&str; 12] = [
    "add_key",
    "bpf",
    "fanotify_init",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "keyctl",
    "mount",
    "perf_event_open",
    "setns",
    "unshare",
    "userfaultfd",
];
/// Folders of the machine that a program of the tests may need, for it is linked dynamically; ours are static.
const LIBRARIES: [&str; 2] = ["/lib", "/lib64"];

/// What a sandbox is made of; [`Spec::start`] makes it.
#[derive(Clone, Debug)]
pub struct Spec {
    files: Vec<(String, PathBuf, u32)>,
    args: Vec<String>,
    env: Vec<String>,
    uid: u32,
    memory_bytes: Option<u64>,
    cpu_shares: u32,
    oom_score_adj: i32,
    file_size_limit: Option<u64>,
    keeps_output: bool,
}

impl Spec {
    /// `pause` (the file) as `/pause` and entrypoint, uid 65535, containerd's environment.
    pub fn new(pause: &Path) -> Self {
        Self {
            files: vec![("pause".into(), pause.into(), 0o755)],
            args: vec!["/pause".into()],
            env: vec![
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
                "HOME=/".into(),
            ],
            uid: 65535,
            memory_bytes: None,
            cpu_shares: 2,
            oom_score_adj: 0,
            file_size_limit: None,
            keeps_output: false,
        }
    }

    /// One more file in the root's top folder.
    pub fn file(mut self, name: &str, source: &Path, mode: u32) -> Self {
        self.files.push((name.into(), source.into(), mode));
        self
    }

    /// One more `NAME=value` of the image.
    pub fn env(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.env.push(format!("{name}={value}"));
        self
    }

    /// The Pod's runAsUser.
    pub fn uid(mut self, uid: u32) -> Self {
        self.uid = uid;
        self
    }

    /// The Pod's memory limit, swap included where the machine counts it.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = Some(bytes);
        self
    }

    /// Share of a busy CPU; 2 is what a sandbox gets, 1024 a usual process. For tests of what is measured in time.
    pub fn cpu_shares(mut self, shares: u32) -> Self {
        self.cpu_shares = shares;
        self
    }

    /// What the kubelet writes (-998), as far as a machine without that right can.
    pub fn oom_score_adj(mut self, value: i32) -> Self {
        self.oom_score_adj = value;
        self
    }

    /// RLIMIT_FSIZE in bytes: no file, and no memfd, can be made longer.
    pub fn file_size_limit(mut self, bytes: u64) -> Self {
        self.file_size_limit = Some(bytes);
        self
    }

    /// Standard output and error go to a file instead of /dev/null; [`Sandbox::output`] reads it.
    pub fn keep_output(mut self) -> Self {
        self.keeps_output = true;
        self
    }

    /// Makes the sandbox and waits until PID 1 has been started.
    ///
    /// # Panics
    /// Not root, no runc, or runc's own words.
    #[track_caller]
    pub fn start(self) -> Sandbox {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // PID 1 becomes our child when runc has gone, and its exit status ours to read.
        set_child_subreaper(true).expect("any process may become a subreaper");
        let dir = crate::temp_dir();
        let id = format!(
            "ballast-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let root = dir.path().join("rootfs");
        fs::create_dir(&root).expect("the bundle is ours");
        for (name, source, mode) in &self.files {
            copy(source, &root.join(name), *mode);
        }
        fs::write(dir.path().join("config.json"), self.config(&id).to_string()).expect("the bundle is ours");
        let output = File::create(dir.path().join("output")).expect("the bundle is ours");
        let (out, err) = match self.keeps_output {
            true => (
                Stdio::from(output.try_clone().expect("a file can be shared")),
                Stdio::from(output),
            ),
            false => (Stdio::null(), Stdio::null()),
        };
        let mut sandbox = Sandbox {
            dir,
            id,
            init: 0,
            status: None,
        };
        let mut runc = sandbox.runc();
        runc.args([
            "--log",
            "runc.log",
            "run",
            "--detach",
            "--pid-file",
            "pid",
            "--bundle",
            ".",
        ]);
        let started = runc
            .arg(&sandbox.id)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .status();
        assert!(
            started.as_ref().is_ok_and(std::process::ExitStatus::success),
            "runc run: {started:?} {}",
            sandbox.read("runc.log")
        );
        sandbox.init = sandbox.read("pid").parse().expect("runc writes a number");
        sandbox
    }

    fn config(&self, id: &str) -> Value {
        let mut mounts = vec![
            json!({"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}),
            json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755"]}),
            json!({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "ro"]}),
            json!({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]}),
        ];
        for library in LIBRARIES
            .iter()
            .filter_map(|path| Some((path, fs::canonicalize(path).ok()?)))
        {
            let (destination, source) = library;
            mounts
                .push(json!({"destination": destination, "type": "bind", "source": source, "options": ["bind", "ro"]}));
        }
        let mut rlimits = vec![json!({"type": "RLIMIT_NOFILE", "soft": 20000, "hard": 20000})];
        rlimits.extend(
            self.file_size_limit
                .map(|max| json!({"type": "RLIMIT_FSIZE", "soft": max, "hard": max})),
        );
        let memory = self.memory_bytes.map_or_else(
            || json!({}),
            |bytes| {
                let counts_swap = Path::new("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists();
                if counts_swap {
                    json!({"limit": bytes, "swap": bytes})
                } else {
                    json!({"limit": bytes})
                }
            },
        );
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false, "user": {"uid": self.uid, "gid": self.uid}, "args": self.args, "env": self.env, "cwd": "/",
                "capabilities": {"bounding": BOUNDING, "effective": [], "inheritable": [], "permitted": [], "ambient": []},
                "noNewPrivileges": true, "oomScoreAdj": self.oom_score_adj, "rlimits": rlimits,
            },
            "root": {"path": "rootfs", "readonly": true},
            "hostname": "web-0",
            "mounts": mounts,
            "linux": {
                "cgroupsPath": format!("/{id}"),
                "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}],
                "resources": {"devices": [{"allow": false, "access": "rwm"}], "memory": memory, "cpu": {"shares": self.cpu_shares}},
                "seccomp": {
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [{"names": FORBIDDEN_CALLS, "action": "SCMP_ACT_ERRNO"}],
                },
                "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/sysrq-trigger"],
                "readonlyPaths": ["/proc/sys"],
            },
        })
    }
}

/// A running sandbox. Dropping it kills PID 1, as containerd does, and removes all traces.
pub struct Sandbox {
    dir: TempDir,
    id: String,
    init: u32,
    status: Option<WaitStatus>,
}

impl Sandbox {
    /// PID 1 as the machine sees it.
    pub fn init(&self) -> u32 {
        self.init
    }

    /// The root folder from outside, where it is writable.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("rootfs")
    }

    /// What was written to stdout and stderr, with [`Spec::keep_output`].
    pub fn output(&self) -> String {
        self.read("output")
    }

    /// How PID 1 ended; `None` while it runs.
    pub fn status(&mut self) -> Option<WaitStatus> {
        if self.status.is_none() {
            let status = waitpid(self.pid(), Some(WaitPidFlag::WNOHANG)).expect("PID 1 is our child");
            self.status = (status != WaitStatus::StillAlive).then_some(status);
        }
        self.status
    }

    /// Sends a signal (any number, real-time ones too) to PID 1 from outside, as a runtime does.
    #[track_caller]
    pub fn signal(&self, number: i32) {
        shell(Command::new("sh"), &format!("kill -{number} {}", self.init));
    }

    /// Sends a signal to PID 1 from a process of its own namespace, as an app can.
    #[track_caller]
    pub fn signal_from_inside(&self, number: i32) {
        let mut command = Command::new("nsenter");
        command.arg(format!("--pid=/proc/{}/ns/pid", self.init)).arg("sh");
        let status = command.args(["-c", &format!("kill -{number} 1")]).status();
        // PID 1 may end, and its namespace with it, before the shell has: then the shell is killed, its work done.
        let is_done = status
            .as_ref()
            .is_ok_and(|status| status.success() || status.signal() == Some(Signal::SIGKILL as i32));
        assert!(is_done, "kill -{number} 1: {status:?}");
    }

    fn runc(&self) -> Command {
        let mut command = Command::new("runc");
        command
            .arg("--root")
            .arg(self.dir.path().join("state"))
            .current_dir(self.dir.path());
        command
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.init).expect("a Linux pid fits in i32"))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Also where the start failed half-way; then there may be nothing to delete.
        let deleted = self
            .runc()
            .args(["delete", "--force", &self.id])
            .stderr(Stdio::null())
            .status();
        if self.init != 0 && self.status.is_none() {
            crate::poll(Duration::from_secs(10), || self.status());
        }
        drop(deleted);
    }
}

/// Copies a program so that it can be executed at once. By another process: a descriptor of ours that still writes it
/// would live on for a moment in what other threads spawn, and exec would say "text file busy".
#[track_caller]
pub fn copy(source: &Path, target: &Path, mode: u32) {
    let done = Command::new("install")
        .arg(format!("--mode={mode:o}"))
        .args([source, target])
        .status();
    assert!(
        done.as_ref().is_ok_and(std::process::ExitStatus::success),
        "install {}: {done:?}",
        source.display()
    );
}

#[track_caller]
fn shell(mut command: Command, script: &str) {
    let done = command.args(["-c", script]).status();
    assert!(
        done.as_ref().is_ok_and(std::process::ExitStatus::success),
        "{script}: {done:?}"
    );
}
