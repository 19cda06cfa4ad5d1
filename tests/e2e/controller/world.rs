//! API server, Repo and controller as one world, and the Pods in it. Not for: what must come of anything.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ballast_tests::control_plane::ControlPlane;
use ballast_tests::http::Response;
use ballast_tests::repo::Repo;
use ballast_tests::{Process, TempDir, bin, poll, repo_path, temp_dir, wait_for};
use serde_json::{Value, json};

/// Longest wait for what has no time of its own; a busy machine is given this much.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Longest reaction. Source: design.md 8.
const REACTION: Duration = Duration::from_secs(1);

/// What writers show.
const TOKEN: &str = "controller-tests";

const SETTINGS: &str = "registry: {type: eureka, servers: ['http://eureka:8761/eureka']}\n";

/// One world at a time: each takes half a gigabyte, and times are measured.
static ONE: Mutex<()> = Mutex::new(());

/// Held as long as an API server runs.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct World {
    pub(crate) plane: ControlPlane,
    /// `None` while it is away.
    pub(crate) repo: Option<Repo>,
    repo_address: String,
    kubeconfig: PathBuf,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// API server with our manifests, and a Repo. No controller yet.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let turn = turn();
        let folder = temp_dir();
        std::fs::write(folder.path().join("settings.yaml"), SETTINGS).expect("the folder is ours");
        let plane = ControlPlane::start();
        plane.install();
        let kubeconfig = plane.kubeconfig_of("ballast-system", "ballast-controller");
        // It keeps its address over restarts.
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let repo_address = listener.local_addr().expect("it is bound").to_string();
        drop(listener);
        let mut world = Self {
            plane,
            repo: None,
            repo_address,
            kubeconfig,
            folder,
            _turn: turn,
        };
        world.start_repo("data");
        world
    }

    /// Starts the Repo with its data in a folder of that name.
    #[track_caller]
    pub(crate) fn start_repo(&mut self, data: &str) {
        self.repo = None;
        let data = self.folder.path().join(data);
        std::fs::create_dir_all(&data).expect("the folder is ours");
        let scripts = repo_path("scripts");
        let args = [
            "--base",
            scripts.to_str().expect("a UTF-8 path"),
            "--listen",
            &self.repo_address,
            "--data",
            data.to_str().expect("a UTF-8 path"),
        ];
        self.repo = Some(Repo::start(&args, &[("BALLAST_REPO_TOKEN", TOKEN)]));
    }

    /// Starts a controller of that name; the ServiceAccount's rights are all it has.
    #[track_caller]
    pub(crate) fn controller(&self, identity: &str) -> Process {
        self.controller_with(identity, &[])
    }

    /// The same, with more flags.
    #[track_caller]
    pub(crate) fn controller_with(&self, identity: &str, flags: &[&str]) -> Process {
        let mut command = Command::new(bin("ballast-controller"));
        command
            .args(["--repo", &format!("http://{}", self.repo_address)])
            .args(["--listen", "127.0.0.1:0"])
            // Often, so that a resync is seen to change nothing.
            .args(["--resync", "2"])
            .args(["--identity", identity, "--kubeconfig"])
            .arg(&self.kubeconfig)
            .arg("--settings")
            .arg(self.folder.path().join("settings.yaml"))
            .args(flags)
            .env("BALLAST_REPO_TOKEN", TOKEN)
            .env("BALLAST_LOG", "info,ballast_controller=debug");
        Process::spawn(identity, &mut command).expect("it starts")
    }

    /// A file that goes with the world.
    #[track_caller]
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path
    }

    /// Starts one and waits until it acts.
    #[track_caller]
    pub(crate) fn leader(&self, identity: &str) -> Process {
        let mut controller = self.controller(identity);
        controller.wait_output(SOON, "all pods are known");
        controller
    }

    pub(crate) fn repo(&self) -> &Repo {
        self.repo.as_ref().expect("the test has not taken it away")
    }

    /// A request to the Repo as a writer.
    #[track_caller]
    pub(crate) fn write(&self, request: &str, body: &str) {
        let authorization = format!("Bearer {TOKEN}");
        let answer = self.repo().send(request, &[("authorization", &authorization)], body);
        assert!(
            (200..300).contains(&answer.status),
            "{request}: {} {}",
            answer.status,
            answer.text()
        );
    }

    #[track_caller]
    pub(crate) fn create(&self, pod: &Value) -> Value {
        self.plane.done("POST /api/v1/namespaces/default/pods", pod)
    }

    /// Type, reason and note of all Events about an object.
    #[track_caller]
    pub(crate) fn events(&self, kind: &str, name: &str) -> Vec<(String, String, String)> {
        let list = self
            .plane
            .done("GET /apis/events.k8s.io/v1/namespaces/default/events", &Value::Null);
        let items = list["items"].as_array().expect("a list has items").iter();
        let about = items.filter(|item| item["regarding"]["kind"] == kind && item["regarding"]["name"] == name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        about
            .map(|item| (text(&item["type"]), text(&item["reason"]), text(&item["note"])))
            .collect()
    }

    /// A merge patch of a Pod, or of a part of it (`/status`).
    #[track_caller]
    pub(crate) fn patch(&self, pod: &str, patch: &Value) {
        self.plane
            .done(&format!("PATCH /api/v1/namespaces/default/pods/{pod}"), patch);
    }

    /// Sets a label; null takes it away.
    #[track_caller]
    pub(crate) fn label(&self, pod: &str, label: &str, value: &Value) {
        self.patch(
            pod,
            &json!({ "metadata": { "labels": { format!("infra.flomesh.io/{label}"): value } } }),
        );
    }

    /// As the kubelet does when nothing runs any longer.
    #[track_caller]
    pub(crate) fn remove(&self, pod: &str) {
        let path = format!("DELETE /api/v1/namespaces/default/pods/{pod}");
        self.plane.done(&path, &json!({ "gracePeriodSeconds": 0 }));
    }

    /// The Pod's document as its agent would read it; `None`: it is not there.
    pub(crate) fn document(&self, pod: &str) -> Option<Value> {
        let answer = self.repo().get(&format!("/repo/pod/default/{pod}/config/pod.json"));
        (answer.status == 200).then(|| answer.json())
    }

    /// Status of the root of the Pod's codebase.
    pub(crate) fn status(&self, pod: &str) -> u16 {
        self.repo().get(&format!("/repo/pod/default/{pod}/")).status
    }

    /// Waits until the Pod's document is as it should be, and gives it.
    #[track_caller]
    pub(crate) fn wait_document(&self, pod: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        let seen = poll(SOON, || {
            last = self.document(pod);
            last.as_ref().is_some_and(&is_so).then_some(())
        });
        assert!(seen.is_some(), "{pod}: {what}; it is {last:?}");
        last.expect("just seen")
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, is_so: impl FnMut() -> bool) {
        wait_for(SOON, what, is_so);
    }

    /// Waits until agents of the Pod are told that their codebase is gone.
    #[track_caller]
    pub(crate) fn wait_gone(&self, pod: &str) {
        wait_for(SOON, &format!("the codebase of {pod} to be gone"), || {
            self.status(pod) == 410
        });
    }

    /// Version and revision of what the Pod's agent is served.
    #[track_caller]
    pub(crate) fn version(&self, pod: &str) -> (String, u64) {
        self.repo().version(&format!("/pod/default/{pod}"))
    }

    /// Names of the codebases of Pods.
    #[track_caller]
    pub(crate) fn codebases(&self) -> Vec<String> {
        let names = self.repo().get("/api/v1/repo").text();
        names
            .lines()
            .filter(|name| name.starts_with("/pod/"))
            .map(str::to_owned)
            .collect()
    }
}

/// Does `act` (a request to the API server) and waits for what must come of it: within a second of the request, which is
/// before the event. Gives a line with the times.
#[track_caller]
pub(crate) fn reaction(what: &str, act: impl FnOnce(), mut is_so: impl FnMut() -> bool) -> String {
    let start = Instant::now();
    act();
    let event = start.elapsed();
    let seen = poll(SOON, || is_so().then(|| start.elapsed()));
    let seen = seen.unwrap_or_else(|| panic!("no reaction within {SOON:?}: {what}"));
    assert!(seen <= REACTION, "{what}: {seen:?}, more than {REACTION:?}");
    format!(
        "{what}: {:.0} ms after the request began, which took {:.0} ms",
        ms(seen),
        ms(event)
    )
}

/// What a controller answers to GET of a path of its own.
#[track_caller]
pub(crate) fn ask(controller: &Process, path: &str) -> Response {
    ask_at(&admin_of(controller).expect("it says where"), path)
}

/// Where a controller that has just started answers: of a long log only the end is kept.
pub(crate) fn admin_of(controller: &Process) -> Option<String> {
    let output = controller.output();
    let (_, rest) = output.split_once("metrics on ")?;
    // A line that is not whole yet says nothing.
    let (line, _) = rest.split_once('\n')?;
    line.split_whitespace().next().map(str::to_owned)
}

/// What is answered there.
#[track_caller]
pub(crate) fn ask_at(url: &str, path: &str) -> Response {
    ballast_tests::http::get(&format!("{url}{path}")).expect("it answers")
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A Pod of one app, with values that are nobody's business.
pub(crate) fn pod(name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {
            "nodeName": "node-a", "terminationGracePeriodSeconds": 30,
            "containers": [{
                "name": "app", "image": "app",
                "ports": [{"containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}},
                "env": [
                    {"name": "spring.application.name", "value": "orders"},
                    {"name": "PASSWORD", "value": "s3cret"},
                    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
            }],
        },
    })
}

/// The same, registered.
pub(crate) fn labelled(name: &str) -> Value {
    pod(name, &json!({"infra.flomesh.io/registry": "true", "app": "web"}))
}

/// What a kubelet would say of a Pod that runs.
pub(crate) fn running(is_ready: bool) -> Value {
    let ready = if is_ready { "True" } else { "False" };
    json!({ "status": {
        "phase": "Running", "podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}],
        "conditions": [{"type": "Ready", "status": ready}],
    }})
}
