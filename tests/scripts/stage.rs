//! What several Pods share: a network with a real Eureka and a real Repo in it, like the nodes' of a cluster. One serves all
//! tests that run at the same time, for a JVM takes seconds to start; tests that harm a server take a stage of their own.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ballast_tests::registries::{EUREKA_PORT, Jars};
use ballast_tests::{Netns, Process, bin, process, repo_path};

/// Address of Eureka and of the Repo for all Pods; it lies on the stage's loopback.
pub(crate) const ADDRESS: &str = "10.77.255.1";
/// Who has it writes to the Repo.
const TOKEN: &str = "stage";
const REPO_PORT: u16 = 6060;

/// The stage that is in use, if any.
static SHARED: Mutex<Weak<Stage>> = Mutex::new(Weak::new());

/// A network with both servers.
pub(crate) struct Stage {
    eureka: Mutex<Option<Process>>,
    _repo: Process,
    pods: AtomicU8,
    pub(crate) netns: Netns,
}

impl Stage {
    /// The one that others may be using, too.
    #[track_caller]
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let stage = Self::own();
            *shared = Arc::downgrade(&stage);
            stage
        })
    }

    /// One for this test alone.
    #[track_caller]
    pub(crate) fn own() -> Arc<Self> {
        let netns = Netns::new().expect("root can make namespaces");
        ip(&netns, &format!("address add {ADDRESS}/32 dev lo"));
        let eureka = start_eureka(&netns);
        let mut command = netns.command(bin("ballast-repo").to_str().expect("a UTF-8 path"));
        command
            .args(["--listen", &format!("0.0.0.0:{REPO_PORT}"), "--base"])
            .arg(repo_path("scripts"))
            .env("BALLAST_REPO_TOKEN", TOKEN);
        let mut repo = Process::spawn("ballast-repo", &mut command).expect("it starts");
        repo.wait_output(Duration::from_secs(20), "listening on http://");
        Arc::new(Self {
            eureka: Mutex::new(Some(eureka)),
            _repo: repo,
            pods: AtomicU8::new(0),
            netns,
        })
    }

    /// Address of Eureka for Pods.
    pub(crate) fn eureka() -> String {
        format!("http://{ADDRESS}:{EUREKA_PORT}/eureka")
    }

    /// Address of the Repo for Pods.
    pub(crate) fn repo() -> String {
        format!("http://{ADDRESS}:{REPO_PORT}")
    }

    /// Kills Eureka: connections are refused from now on.
    pub(crate) fn kill_eureka(&self) {
        self.slot().take();
    }

    /// Starts it again; it knows nobody.
    #[track_caller]
    pub(crate) fn start_eureka(&self) {
        let eureka = start_eureka(&self.netns);
        *self.slot() = Some(eureka);
    }

    /// `ballast-repo publish-pod` of a manifest.
    #[track_caller]
    pub(crate) fn publish(&self, manifest: &Path, settings: &Path, args: &[&str]) -> String {
        let mut command = self.netns.command(bin("ballast-repo").to_str().expect("a UTF-8 path"));
        command.arg("publish-pod").arg(manifest).arg("--settings").arg(settings);
        command.args(args).env("BALLAST_REPO_TOKEN", TOKEN);
        let (status, output) = process::run("publish-pod", &mut command, Duration::from_secs(30)).expect("it ends");
        assert!(status.success(), "publish-pod: {output}");
        output
    }

    /// A namespace that is joined to this one, and its address.
    #[track_caller]
    pub(crate) fn join(&self) -> (Netns, String) {
        let number = self.pods.fetch_add(1, Ordering::SeqCst);
        let netns = Netns::new().expect("root can make namespaces");
        let holder = netns.path();
        let holder = holder
            .iter()
            .nth(2)
            .and_then(|part| part.to_str())
            .expect("/proc/PID/ns/net");
        ip(
            &self.netns,
            &format!("link add pod{number} type veth peer name eth0 netns {holder}"),
        );
        ip(&self.netns, &format!("address add 10.77.{number}.1/24 dev pod{number}"));
        ip(&self.netns, &format!("link set pod{number} up"));
        ip(&netns, &format!("address add 10.77.{number}.2/24 dev eth0"));
        ip(&netns, "link set eth0 up");
        ip(&netns, &format!("route add default via 10.77.{number}.1"));
        (netns, format!("10.77.{number}.2"))
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.eureka.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start_eureka(netns: &Netns) -> Process {
    let options = ["--eureka.instance.hostname=localhost"];
    Jars::of_tests().eureka(netns, &options).expect("Eureka starts")
}

/// Runs `ip` with these words inside.
#[track_caller]
pub(crate) fn ip(netns: &Netns, words: &str) {
    let mut command: Command = netns.command("ip");
    let (status, output) =
        process::run("ip", command.args(words.split(' ')), Duration::from_secs(20)).expect("package iproute2");
    assert!(status.success(), "ip {words}: {output}");
}
