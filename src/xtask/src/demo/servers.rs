//! The servers of the demo: registry, configuration, shop and Repo, and what is asked of them.
//! Not for: the order in which things happen (flow.rs).

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use ballast_tests::Process;
use ballast_tests::http::Request;
use ballast_tests::poll;
use ballast_tests::registries::{EUREKA_PORT, Jars, SHOP_PORT};
use serde_json::Value;

use super::machine::{GATEWAY, Machine};
use super::manifest::Manifest;
use crate::{console, workspace};

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Running servers; they end with the value.
pub(super) struct Servers {
    _java: [Process; 3],
    repo: Process,
    token: String,
}

impl Servers {
    /// Starts all four and publishes the base codebase.
    ///
    /// # Errors
    /// One does not come up; the message holds its output.
    pub(super) fn start(machine: &Machine, demo: &Path) -> anyhow::Result<Self> {
        let jars = Jars::in_folder(workspace::jars());
        console::say("starting the Repo");
        let token = format!("demo-{}", std::process::id());
        let mut command = machine.netns().command(&tool());
        command
            .args(["--listen", &format!("{GATEWAY}:6060"), "--data"])
            .arg(machine.folder().join("repo"));
        command.env("BALLAST_REPO_TOKEN", &token);
        let repo = Process::spawn("ballast-repo", &mut command)?;
        let names = Request::new("GET", &format!("http://{GATEWAY}:6060/api/v1/repo")).timeout(ANSWER);
        let up = machine
            .netns()
            .run(|| poll(Duration::from_secs(10), || names.send().ok()));
        up.with_context(|| format!("the Repo does not answer; it said:\n{}", repo.output()))?;
        console::say("starting Eureka");
        let eureka = jars.eureka(machine.netns(), &[])?;
        console::say("starting the Spring Cloud Config Server");
        let config = jars.config_server(machine.netns(), &demo.join("configs"), GATEWAY)?;
        console::say("starting the Spring Cloud client");
        let shop = jars.shop_client(machine.netns())?;
        Ok(Self {
            _java: [eureka, config, shop],
            repo,
            token,
        })
    }

    /// `ballast-repo publish-pod` of a manifest, with the demo's settings.
    ///
    /// # Errors
    /// The tool's.
    pub(super) fn publish(&self, machine: &Machine, pod: &Manifest, options: &[&str]) -> anyhow::Result<()> {
        let settings = pod.file.with_file_name("settings.yaml");
        let mut command = machine.netns().command(&tool());
        command
            .arg("publish-pod")
            .arg(&pod.file)
            .args(["--repo", &format!("http://{GATEWAY}:6060"), "--settings"]);
        command
            .arg(settings)
            .args(options)
            .env("BALLAST_REPO_TOKEN", &self.token);
        machine
            .run(&format!("ballast-repo publish-pod {}", pod.name), &mut command)
            .map(drop)
    }

    /// What the Repo has said so far.
    pub(super) fn repo_log(&self) -> String {
        self.repo.output()
    }
}

/// The only instance of a service as Eureka tells it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Instance {
    /// `UP`, `DOWN` and so on.
    pub(super) status: String,
    /// When it was last heard of, in milliseconds of the server's clock.
    pub(super) renewed: u64,
}

/// Status of the only instance of `app`; `gone` when there is none, `None` when Eureka does not say. Call it from inside.
pub(super) fn status(app: &str) -> Option<String> {
    Some(instance(app)?.map_or_else(|| "gone".to_owned(), |instance| instance.status))
}

/// The only instance of `app`, if there is one; `None` when Eureka does not say. Call it from inside.
pub(super) fn instance(app: &str) -> Option<Option<Instance>> {
    let url = format!("http://127.0.0.1:{EUREKA_PORT}/eureka/apps/{}", app.to_uppercase());
    let answer = Request::new("GET", &url)
        .header("Accept", "application/json")
        .timeout(ANSWER)
        .send()
        .ok()?;
    if answer.status != 200 {
        return (answer.status == 404).then_some(None);
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let first = body.pointer("/application/instance/0")?;
    let status = first.get("status")?.as_str()?.to_owned();
    Some(Some(Instance {
        status,
        renewed: first.pointer("/leaseInfo/lastRenewalTimestamp")?.as_u64()?,
    }))
}

/// All of `/eureka/apps`: application, status, address, instance id, a line each. Call it from inside.
pub(super) fn registry() -> Vec<[String; 4]> {
    let request = Request::new("GET", &format!("http://127.0.0.1:{EUREKA_PORT}/eureka/apps"));
    let Ok(answer) = request.header("Accept", "application/json").timeout(ANSWER).send() else {
        return Vec::new();
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let applications = body.pointer("/applications/application").and_then(Value::as_array);
    let mut lines = Vec::new();
    for application in applications.into_iter().flatten() {
        for instance in application["instance"].as_array().into_iter().flatten() {
            let word = |key: &str| instance[key].as_str().unwrap_or_default().to_owned();
            let address = format!("{}:{}", word("ipAddr"), instance["port"]["$"]);
            lines.push([word("app"), word("status"), address, word("instanceId")]);
        }
    }
    lines.sort();
    lines
}

/// Has the client call `http://service/path` through its load balancer: status and body. Call it from inside.
pub(super) fn call(service: &str, path: &str) -> Option<(u16, String)> {
    let url = format!("http://127.0.0.1:{SHOP_PORT}/call?service={service}&path={path}");
    let answer = Request::new("GET", &url).timeout(Duration::from_secs(10)).send().ok()?;
    Some((answer.status, answer.text()))
}

fn tool() -> String {
    workspace::bin().join("ballast-repo").display().to_string()
}
