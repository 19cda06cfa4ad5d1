//! The world and one Pod: two network namespaces with a cable between them, a real Repo in the world, PID 1 with its agent in
//! the Pod (a uid without any capability), rules by ballast-init. Not for: containers; a real sandbox is in tests/pod.

use std::time::Duration;

use ballast_tests::http::{Request, Response};
use ballast_tests::{Netns, Process, TempDir, bin, poll, process, repo_path, temp_dir};
use serde_json::Value;

use crate::support::{DEADLINE, init};

/// The world's addresses.
pub(crate) const WORLD: [&str; 2] = ["10.78.0.1", "fd78::1"];
/// The Pod's.
pub(crate) const POD: [&str; 2] = ["10.78.0.2", "fd78::2"];
/// Who has it writes to the Repo.
const TOKEN: &str = "world";

/// See the module. All of it is gone on drop.
pub(crate) struct Cluster {
    agent: Option<Process>,
    repo: Option<Process>,
    folder: TempDir,
    pub(crate) world: Netns,
    pub(crate) pod: Netns,
    /// More annotations, in YAML.
    pub(crate) annotations: String,
    /// Settings of the proxy, in YAML.
    pub(crate) settings: String,
}

/// An address and a port as a URL or a socket address has them.
pub(crate) fn at(ip: &str, port: u16) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

impl Cluster {
    /// The namespaces and the Repo; nothing in the Pod yet.
    #[track_caller]
    pub(crate) fn new() -> Self {
        let world = Netns::new().expect("root can make namespaces");
        let pod = Netns::new().expect("root can make namespaces");
        let holder = pod.path();
        let holder = holder
            .iter()
            .nth(2)
            .and_then(|part| part.to_str())
            .expect("/proc/PID/ns/net");
        ip(
            &world,
            &format!("link add pod0 type veth peer name eth0 netns {holder}"),
        );
        for (netns, device, [v4, v6]) in [(&world, "pod0", WORLD), (&pod, "eth0", POD)] {
            ip(netns, &format!("address add {v4}/24 dev {device}"));
            ip(netns, &format!("address add {v6}/64 dev {device} nodad"));
            ip(netns, &format!("link set {device} up"));
        }
        ip(&pod, &format!("route add default via {}", WORLD[0]));
        ip(&pod, &format!("-6 route add default via {}", WORLD[1]));
        let mut cluster = Self {
            agent: None,
            repo: None,
            folder: temp_dir(),
            world,
            pod,
            annotations: String::new(),
            settings: String::new(),
        };
        cluster.start_repo();
        cluster
    }

    /// All of it with default rules and the agent as an uid of its own.
    #[track_caller]
    pub(crate) fn running() -> Self {
        let mut cluster = Self::new();
        cluster.rules("");
        cluster.start(65535);
        cluster.await_redirect("in place");
        cluster
    }

    #[track_caller]
    pub(crate) fn start_repo(&mut self) {
        let mut command = self.world.command(bin("ballast-repo").to_str().expect("a UTF-8 path"));
        command
            .args(["--listen", "[::]:6060", "--base"])
            .arg(repo_path("scripts"))
            .env("BALLAST_REPO_TOKEN", TOKEN);
        let mut repo = Process::spawn("ballast-repo", &mut command).expect("it starts");
        repo.wait_output(DEADLINE, "listening on http://");
        self.repo = Some(repo);
    }

    /// The Repo is gone.
    pub(crate) fn kill_repo(&mut self) {
        self.repo = None;
    }

    /// Loads rules.
    #[track_caller]
    pub(crate) fn rules(&self, settings: &str) {
        let said = init(&self.pod, settings);
        assert_eq!(said.code, 0, "{}", said.text);
    }

    /// Publishes the Pod and starts PID 1, which starts the agent.
    #[track_caller]
    pub(crate) fn start(&mut self, uid: u32) {
        self.publish();
        let script = "hostname web-0 && exec setpriv --reuid $2 --regid $2 --clear-groups --inh-caps -all \
                      --bounding-set -all --no-new-privs \"$1\"";
        let mut command = self.pod.command("unshare");
        command
            .args(["--uts", "--", "sh", "-c", script, "sh"])
            .arg(bin("pause"))
            .arg(uid.to_string());
        command
            .env("BALLAST_REPO", format!("http://{}:6060", WORLD[0]))
            .env("BALLAST_NAMESPACE", "shop");
        self.agent = Some(Process::spawn("pause", &mut command).expect("it starts"));
    }

    /// What is known of the Pod as it is now.
    #[track_caller]
    pub(crate) fn publish(&self) {
        let manifest = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-0\n  namespace: shop\n  uid: uid-of-web-0\n  \
             labels: {{infra.flomesh.io/proxy: 'true', infra.flomesh.io/service-name: web}}\n  \
             annotations: {{{}}}\nspec:\n  containers: [{{name: app, image: x}}]\n\
             status: {{podIP: '{}', podIPs: [{{ip: '{}'}}, {{ip: '{}'}}]}}\n",
            self.annotations, POD[0], POD[0], POD[1],
        );
        let write = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).expect("a fresh folder");
            path
        };
        let mut command = self.world.command(bin("ballast-repo").to_str().expect("a UTF-8 path"));
        command
            .arg("publish-pod")
            .arg(write("pod.yaml", &manifest))
            .arg("--settings");
        command.arg(write("settings.yaml", &format!("proxy: {{{}}}\n", self.settings)));
        command
            .args(["--repo", &format!("http://{}:6060", WORLD[0])])
            .env("BALLAST_REPO_TOKEN", TOKEN);
        let (status, output) = process::run("publish-pod", &mut command, DEADLINE).expect("it ends");
        assert!(status.success(), "publish-pod: {output}");
    }

    /// SIGKILL to the agent; PID 1 stays.
    #[track_caller]
    pub(crate) fn kill_agent(&self) {
        let pid = self.agent_pid().expect("the agent runs");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a Linux pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("it is ours");
    }

    /// The process beside PID 1.
    pub(crate) fn agent_pid(&self) -> Option<u32> {
        let pause = self.agent.as_ref().expect("PID 1 runs").id();
        process::descendants(pause).first().copied()
    }

    /// What PID 1 and the agent have logged.
    pub(crate) fn log(&self) -> String {
        self.agent.as_ref().map(Process::output).unwrap_or_default()
    }

    /// What the agent's admin port answers.
    pub(crate) fn admin(&self, path: &str) -> std::io::Result<Response> {
        get(&self.pod, &format!("http://127.0.0.1:15062{path}"))
    }

    /// Waits until the agent's status says this of redirection, somewhere in it.
    #[track_caller]
    pub(crate) fn await_redirect(&self, words: &str) {
        let seen = poll(DEADLINE, || {
            let status = self.admin("/status").ok()?.json();
            let says = status["redirect"].as_str()?;
            says.starts_with(words).then_some(())
        });
        assert!(seen.is_some(), "no status '{words}'; the agent says:\n{}", self.log());
    }

    /// The value of a series of the metrics; 0 where there is none.
    #[track_caller]
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let text = self.admin("/metrics").expect("it answers").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
    }

    /// The lines of the log `proxy`.
    pub(crate) fn access_log(&self) -> Vec<Value> {
        let text = self.admin("/log/proxy").map(|answer| answer.text()).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

/// A request from inside of `netns`.
pub(crate) fn get(netns: &Netns, url: &str) -> std::io::Result<Response> {
    netns.run(|| Request::new("GET", url).timeout(Duration::from_secs(10)).send())
}

/// Runs `ip` with these words inside.
#[track_caller]
pub(crate) fn ip(netns: &Netns, words: &str) {
    let mut command = netns.command("ip");
    let (status, output) = process::run("ip", command.args(words.split(' ')), DEADLINE).expect("package iproute2");
    assert!(status.success(), "ip {words}: {output}");
}
