//! A Pod: a network namespace with an address of its own, an app, and an agent that runs the scripts. What it is to be is
//! written into its fields; what is done to it are its methods.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballast_tests::http::{Request, Response};
use ballast_tests::{Netns, Process, TempDir, bin, temp_dir};

use crate::server::{Reply, Server};
use crate::stage::Stage;

/// A probe of `/health` on port `http`, each second.
pub(crate) const PROBE: &str = "httpGet: {path: /health, port: http}, periodSeconds: 1, failureThreshold: 1";

/// One Pod.
pub(crate) struct Pod {
    pub(crate) stage: Arc<Stage>,
    pub(crate) netns: Netns,
    pub(crate) ip: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// Name of the service; also in the ids of its instances.
    pub(crate) service: String,
    /// Labels in YAML, after the registry's and the service's.
    pub(crate) labels: String,
    /// Containers in YAML.
    pub(crate) containers: String,
    /// Settings of the registry in YAML.
    pub(crate) registry: String,
    /// Settings of the proxy in YAML.
    pub(crate) proxy: String,
    folder: TempDir,
    agent: Mutex<Option<Process>>,
}

/// An app: answers with a status that can be changed.
pub(crate) struct App {
    pub(crate) server: Server,
    status: Arc<AtomicU16>,
    is_hanging: Arc<AtomicBool>,
    is_trickling: Arc<AtomicBool>,
}

impl Pod {
    /// Of service `service`, with one container of port 8080 named http and `PROBE`. Nothing runs yet.
    #[track_caller]
    pub(crate) fn new(stage: &Arc<Stage>, service: &str) -> Self {
        let (netns, ip) = stage.join();
        Self {
            stage: Arc::clone(stage),
            netns,
            ip,
            name: format!("{service}-0"),
            namespace: "shop".to_owned(),
            service: service.to_owned(),
            labels: "infra.flomesh.io/registry: 'true'".to_owned(),
            containers: container(PROBE),
            registry: registry(&[&Stage::eureka()]),
            proxy: String::new(),
            folder: temp_dir(),
            agent: Mutex::new(None),
        }
    }

    /// Id of its instance on `port`.
    pub(crate) fn id(&self, port: u16) -> String {
        format!("{}:{}:{port}", self.ip, self.service)
    }

    /// An app on `port`, ready.
    #[track_caller]
    pub(crate) fn app(&self, port: u16) -> App {
        let status = Arc::new(AtomicU16::new(200));
        let (is_hanging, is_trickling) = (Arc::default(), Arc::default());
        let (now, hangs, trickles) = (Arc::clone(&status), Arc::clone(&is_hanging), Arc::clone(&is_trickling));
        let hangs: Arc<AtomicBool> = hangs;
        let trickles: Arc<AtomicBool> = trickles;
        let server = Server::start(&self.netns, &format!("{}:{port}", self.ip), move |request| {
            if hangs.load(SeqCst) {
                Reply::Hang
            } else if trickles.load(SeqCst) {
                Reply::Trickle
            } else {
                Reply::Answer(now.load(SeqCst), format!("{:?}\n", request.path).into_bytes())
            }
        });
        App {
            server,
            status,
            is_hanging,
            is_trickling,
        }
    }

    /// Publishes it as its fields are now. Returns what `publish-pod` says.
    #[track_caller]
    pub(crate) fn publish(&self, args: &[&str]) -> String {
        let manifest = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {}\n  namespace: {}\n  uid: uid-of-{}-{}\n  \
             labels: {{infra.flomesh.io/service-name: {}, {}}}\nspec:\n  containers: [{}]\n",
            self.name, self.namespace, self.namespace, self.name, self.service, self.labels, self.containers,
        );
        let settings = format!("registry: {{{}}}\nproxy: {{{}}}\n", self.registry, self.proxy);
        let write = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).expect("a fresh folder");
            path
        };
        let (manifest, settings) = (write("pod.yaml", &manifest), write("settings.yaml", &settings));
        let repo = Stage::repo();
        let mut all = vec!["--repo", &repo, "--pod-ip", &self.ip];
        all.extend(args);
        self.stage.publish(&manifest, &settings, &all)
    }

    /// Publishes it and starts its agent.
    #[track_caller]
    pub(crate) fn run(&self) {
        self.publish(&[]);
        self.start_agent();
    }

    /// Starts its agent.
    #[track_caller]
    pub(crate) fn start_agent(&self) {
        let mut command = self.netns.command("unshare");
        command.args([
            "--uts",
            "--",
            "sh",
            "-c",
            "hostname \"$1\" && exec \"$2\" agent",
            "sh",
            &self.name,
        ]);
        command.arg(bin("ballast"));
        command
            .env("BALLAST_REPO", Stage::repo())
            .env("BALLAST_NAMESPACE", &self.namespace);
        *self.slot() = Some(Process::spawn("ballast agent", &mut command).expect("it starts"));
    }

    /// Gives it another address, beside the first.
    #[track_caller]
    pub(crate) fn second_address(&self) -> String {
        let second = self.ip.trim_end_matches(".2").to_owned() + ".3";
        crate::stage::ip(&self.netns, &format!("address add {second}/24 dev eth0"));
        second
    }

    /// SIGKILL to the agent.
    pub(crate) fn kill_agent(&self) {
        self.slot().take();
    }

    /// SIGTERM to the agent, as PID 1 sends it; waits for its end and returns how long that took.
    #[track_caller]
    pub(crate) fn stop_agent(&self) -> Duration {
        let start = std::time::Instant::now();
        let agent = self.slot().take().expect("the agent runs");
        let status = agent.stop(Duration::from_secs(20)).expect("it ends at SIGTERM");
        assert_eq!(status.code(), Some(0), "drained");
        start.elapsed()
    }

    /// What the agent has logged.
    pub(crate) fn log(&self) -> String {
        self.slot().as_ref().map(Process::output).unwrap_or_default()
    }

    /// Resident memory of the agent, in KiB.
    #[track_caller]
    pub(crate) fn resident_kib(&self) -> u64 {
        let id = self.slot().as_ref().expect("the agent runs").id();
        let status = std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status"));
        let status = status.expect("the agent runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("VmRSS: N kB")
    }

    /// What the Pod's address answers, from inside.
    pub(crate) fn get(&self, port: u16, path: &str) -> std::io::Result<Response> {
        let url = format!("http://{}:{port}{path}", self.ip);
        self.netns
            .run(|| Request::new("GET", &url).timeout(Duration::from_secs(15)).send())
    }

    /// Waits until Eureka shows `status` for port 8080.
    #[track_caller]
    pub(crate) fn await_status(&self, status: &str) -> Duration {
        let (id, stage) = (self.id(8080), &self.stage);
        let start = std::time::Instant::now();
        let seen = ballast_tests::poll(crate::SOON, || {
            (stage.status(&self.service, &id) == status).then(|| start.elapsed())
        });
        seen.unwrap_or_else(|| {
            let now = stage.status(&self.service, &id);
            panic!("{id} is {now:?}, not {status}; the agent says:\n{}", self.log())
        })
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, SeqCst);
    }

    pub(crate) fn hang(&self, yes: bool) {
        self.is_hanging.store(yes, SeqCst);
    }

    pub(crate) fn trickle(&self, yes: bool) {
        self.is_trickling.store(yes, SeqCst);
    }
}

/// A container of port 8080, named http, with this readinessProbe (none when empty).
pub(crate) fn container(probe: &str) -> String {
    let probe = match probe {
        "" => String::new(),
        probe => format!(", readinessProbe: {{{probe}}}"),
    };
    format!("{{name: app, image: x, ports: [{{name: http, containerPort: 8080}}]{probe}}}")
}

/// Settings for these servers, with quick heartbeats and a short drain.
pub(crate) fn registry(servers: &[&str]) -> String {
    format!(
        "type: eureka, servers: {servers:?}, heartbeatSeconds: 1, leaseSeconds: 30, drainSeconds: 1, timeoutSeconds: 1, backoffSeconds: 2"
    )
}
