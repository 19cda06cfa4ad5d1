//! What all cases share: a node with our parts installed as a user would, and a real Eureka that its Pods reach.

use std::time::{Duration, Instant};

use ballast_tests::http::Request;
use ballast_tests::node::{GATEWAY, Node, Settings, images};
use ballast_tests::registries::{EUREKA_PORT, Jars};
use ballast_tests::{Process, poll, repo_path};
use serde_json::{Value, json};

/// Longest wait for what has no time of its own; a busy machine is given this much.
pub(crate) const SOON: Duration = Duration::from_secs(90);
/// `periodSeconds` of the Pods' probes, and the reaction on top of it. Source: design.md 8. A CPU that is shared with a whole
/// cluster's start and other tests gets a second more.
pub(crate) const REACTION: Duration = Duration::from_secs(2);
/// How often Pods are probed; one success and two failures count.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// `drainSeconds` of the scripts.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);

/// The label that asks for registration.
pub(crate) const REGISTRY: &str = "infra.flomesh.io/registry";

pub(crate) struct World {
    pub(crate) node: Node,
    /// From the beginning until the node was Ready.
    pub(crate) ready: Duration,
    _eureka: Process,
    _images: [images::Archive; 2],
}

impl World {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let busybox = images::Archive::busybox();
        let jars = Jars::of_tests();
        let java = images::Archive::java(jars.folder());
        let settings = Settings::shipped()
            .image(busybox.path())
            .image(images::shipped("init"))
            .image(images::shipped("demo-ratings"))
            .image(images::shipped("demo-static"));
        let start = Instant::now();
        let node = Node::start(&settings);
        let ready = start.elapsed();
        node.import(&java.path());
        let eureka = jars.eureka(node.netns(), &[]).expect("Eureka starts");
        node.install(&repo_path("demo/03-kubernetes"));
        println!("node Ready {:.1} s after the start", ready.as_secs_f64());
        println!(
            "Eureka and our parts ready {:.1} s after it\n",
            start.elapsed().as_secs_f64()
        );
        Self {
            node,
            ready,
            _eureka: eureka,
            _images: [busybox, java],
        }
    }

    /// Instances of a service as Eureka tells them: status and address each. `None`: it does not say.
    pub(crate) fn instances(&self, service: &str) -> Option<Vec<(String, String)>> {
        let url = format!("http://{GATEWAY}:{EUREKA_PORT}/eureka/apps/{}", service.to_uppercase());
        let request = Request::new("GET", &url).header("accept", "application/json");
        let answer = self.node.netns().run(|| request.send()).ok()?;
        if answer.status == 404 {
            return Some(Vec::new());
        }
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let instances = body["application"]["instance"].as_array()?.iter();
        Some(
            instances
                .map(|one| (word(&one["status"]), word(&one["ipAddr"])))
                .collect(),
        )
    }

    /// The status of a service's only instance; empty: there is none.
    pub(crate) fn status(&self, service: &str) -> Option<String> {
        let instances = self.instances(service)?;
        match instances.as_slice() {
            [] => Some(String::new()),
            [(status, _)] => Some(status.clone()),
            _ => None,
        }
    }

    /// Waits until a service's only instance has that status (empty: is gone), prints and gives the time since `start`. The
    /// Pod, if it has the service's name, is asked what it says when it does not.
    #[track_caller]
    pub(crate) fn wait_status(&self, service: &str, wanted: &str, start: Instant) -> Duration {
        let seen = poll(SOON, || {
            (self.status(service).as_deref() == Some(wanted)).then(|| start.elapsed())
        });
        let what = if wanted.is_empty() { "gone" } else { wanted };
        let seen = seen.unwrap_or_else(|| {
            panic!(
                "{service} is not {what} in {SOON:?}; it is {:?}\n{}\n{}",
                self.instances(service),
                self.agent_log(service),
                self.controller_log()
            )
        });
        println!("      {service}: {what} after {:.2} s", seen.as_secs_f64());
        seen
    }

    /// The same, in time.
    #[track_caller]
    pub(crate) fn status_within(&self, bound: Duration, service: &str, wanted: &str, start: Instant) {
        let seen = self.wait_status(service, wanted, start);
        assert!(
            seen <= bound,
            "{service} {wanted:?}: {seen:?}, at most {bound:?} allowed"
        );
    }

    /// Waits until that many instances of a service are UP, and no other.
    #[track_caller]
    pub(crate) fn wait_instances(&self, service: &str, count: usize) {
        let seen = poll(SOON, || {
            let all = self.instances(service)?;
            (all.len() == count && all.iter().all(|(status, _)| status == "UP")).then_some(())
        });
        assert!(
            seen.is_some(),
            "{count} of {service} are wanted, there are {:?}",
            self.instances(service)
        );
    }

    /// Sets or (`None`) takes away the label that asks for registration; gives the time of the request.
    #[track_caller]
    pub(crate) fn register(&self, pod: &str, value: Option<&str>) -> Instant {
        let start = Instant::now();
        self.node.label(pod, &json!({ REGISTRY: value }));
        start
    }

    /// Asks for deletion; gives the time of the request.
    #[track_caller]
    pub(crate) fn delete(&self, pod: &str) -> Instant {
        let start = Instant::now();
        self.node.delete(pod);
        start
    }

    /// Waits until a Pod is no more.
    #[track_caller]
    pub(crate) fn wait_no_pod(&self, pod: &str) {
        ballast_tests::wait_for(SOON, &format!("Pod {pod} to be gone"), || self.node.pod(pod).is_none());
    }

    /// Status of a Pod's codebase in the Repo.
    pub(crate) fn codebase(&self, pod: &str) -> u16 {
        let url = format!("{}/repo/pod/default/{pod}/", self.node.repo_url());
        let answer = self.node.netns().run(|| Request::new("GET", &url).send());
        answer.map_or(0, |answer| answer.status)
    }

    /// What the agent of a Pod has to say, by its port on loopback, where only the Pod's network is.
    fn agent_log(&self, pod: &str) -> String {
        let uid = self
            .node
            .pod(pod)
            .map(|pod| crate::start::text(&pod["metadata"]["uid"]));
        let agents = self.node.processes(&uid.unwrap_or_default(), "ballast");
        let Some(agent) = agents.first() else {
            return format!("no agent of {pod} runs");
        };
        let mut curl = std::process::Command::new("nsenter");
        curl.arg(format!("--net=/proc/{agent}/ns/net")).args([
            "curl",
            "--silent",
            "--max-time",
            "5",
            "http://127.0.0.1:15062/log/pipy_log",
        ]);
        curl.output().map_or_else(
            |e| e.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }

    fn controller_log(&self) -> String {
        let words = [
            "logs",
            "-n",
            "ballast-system",
            "-l",
            "app.kubernetes.io/name=ballast-controller",
            "--tail",
            "30",
        ];
        self.node.plane.kubectl(&words)
    }
}

/// A Pod that serves files on port 8080 from /www, Ready while /www/health is there, with labels in JSON. Its app ends on
/// SIGKILL only, so there is its grace period to be drained in.
pub(crate) fn web(name: &str, labels: &str) -> String {
    pod(name, labels, "")
}

/// The same with more lines of its spec, indented by two.
pub(crate) fn pod(name: &str, labels: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata:
  name: {name}
  labels: {labels}
spec:
  terminationGracePeriodSeconds: 5
{spec}
  containers:
    - name: web
      image: {image}
      command: [/bin/sh, -c, 'cd /; busybox mkdir www; echo ok >www/health; cat /etc/hostname >www/name; exec httpd -f -p 8080 -h /www']
      ports: [{{containerPort: 8080, name: http}}]
      readinessProbe:
        httpGet: {{path: /health, port: http}}
        periodSeconds: 1
        failureThreshold: 2
",
        image = images::BUSYBOX
    )
}

/// Labels of a Pod that is registered under that name.
pub(crate) fn registered(service: &str) -> String {
    format!("{{app: {service}, {REGISTRY}: 'true'}}")
}
