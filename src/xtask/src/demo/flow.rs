//! The story of the demo: what happens, in order, and how soon each change has to be seen in the registry.
//! Not for: starting and asking servers (servers.rs), namespaces and Pods (machine.rs).

use std::time::{Duration, Instant};

use anyhow::Context;
use ballast_tests::Process;

use super::machine::Machine;
use super::manifest::Manifest;
use super::report::{Proof, Report};
use super::servers::{self, Servers};
use crate::{console, workspace};

/// How long a change is looked for before it counts as never seen; far beyond every bound.
const PATIENCE: Duration = Duration::from_secs(60);
/// Reaction on top of the probe's own thresholds, and to a deletion.
const REACTION: f64 = 1.0;
/// `periodSeconds` of both Pods' probes; one success is enough.
const PERIOD: f64 = 1.0;
/// `failureThreshold` of both.
const FAILURES: f64 = 2.0;
/// `drainSeconds` of the scripts (scripts/base/config.js): how long an instance stays OUT_OF_SERVICE before it leaves.
const DRAIN: f64 = 2.0;
/// `heartbeatSeconds` of settings.yaml.
const HEARTBEAT: f64 = 5.0;
/// How often the Spring Cloud client fetches the registry, and the time its call takes.
const FETCH: f64 = 2.0;

/// Tells the whole story; what was seen goes into `report`.
///
/// # Errors
/// A step could not be done at all (a server or Pod does not start, a name is never registered).
pub(super) fn run(machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    let demo = workspace::root().join("demo/01-eureka");
    let ratings = Manifest::read(&demo.join("ratings.yaml"))?;
    let static_server = Manifest::read(&demo.join("static.yaml"))?;
    let servers = Servers::start(machine, &demo)?;
    let story = Story {
        machine,
        servers,
        report,
    };
    story.tell(&ratings, &static_server)
}

struct Story<'a> {
    machine: &'a Machine,
    servers: Servers,
    report: &'a mut Report,
}

impl Story<'_> {
    fn tell(mut self, ratings: &Manifest, static_server: &Manifest) -> anyhow::Result<()> {
        for pod in [ratings, static_server] {
            self.register(pod)?;
        }
        self.show_registry()?;
        self.calls(
            "called",
            "the client calls",
            ratings,
            "/ratings/0",
            200,
            "Reviewer1",
            None,
        )?;
        self.calls(
            "called",
            "the client calls",
            static_server,
            "/hello.txt",
            200,
            "hello from a static file",
            None,
        )?;
        self.unready_and_ready(ratings)?;
        self.agent_dies(ratings)?;
        self.delete(ratings)?;
        self.stop(static_server)
    }

    fn register(&mut self, pod: &Manifest) -> anyhow::Result<()> {
        console::say(&format!(
            "Pod {}: publishing its codebase, starting it with our infra image",
            pod.name
        ));
        self.servers.publish(self.machine, pod, &[])?;
        let started = self.machine.start_pod(pod)?;
        let bound = Some(PERIOD + REACTION);
        let proof = self.status("registered", "app started → UP in Eureka", pod, "UP", started, bound);
        if proof.seconds.is_none() {
            let log = self.machine.infra_log(&pod.name);
            anyhow::bail!(
                "{} is never registered; the agent:\n{log}\nthe Repo:\n{}",
                pod.name,
                self.servers.repo_log()
            );
        }
        self.report.add(proof);
        Ok(())
    }

    /// Prints /eureka/apps and has the three names in it.
    fn show_registry(&mut self) -> anyhow::Result<()> {
        const NAMES: [&str; 3] = ["BOOKINFO-RATINGS", "CONFIG-SERVICE", "PIPY-HTTP-STATIC-SERVER"];
        let start = Instant::now();
        let seen = self.machine.watch(start, PATIENCE, || {
            let lines = servers::registry();
            let has = |name: &&str| lines.iter().any(|[app, status, ..]| app == name && status == "UP");
            NAMES.iter().all(has).then_some(lines)
        });
        let (lines, seconds) = seen.context("/eureka/apps never lists the three names as UP")?;
        console::plain("\nGET /eureka/apps");
        for [app, status, address, id] in lines {
            console::plain(&format!("  {app:<24} {status:<6} {address:<18} {id}"));
        }
        console::plain("");
        let what = format!("/eureka/apps lists all {} names as UP", NAMES.len());
        self.report.add(Proof {
            key: "listed",
            what,
            seconds: Some(seconds),
            bound: None,
        });
        Ok(())
    }

    fn unready_and_ready(&mut self, pod: &Manifest) -> anyhow::Result<()> {
        let change = Instant::now();
        self.move_health(pod, "/www/health", "/www/unhealthy")?;
        let bound = Some(PERIOD * FAILURES + REACTION);
        let proof = self.status("down", "health gone → DOWN in Eureka", pod, "DOWN", change, bound);
        self.report.add(proof);
        self.calls(
            "not-called",
            "DOWN → no longer called:",
            pod,
            "/ratings/0",
            503,
            "",
            Some(FETCH),
        )?;
        let change = Instant::now();
        self.move_health(pod, "/www/unhealthy", "/www/health")?;
        let proof = self.status(
            "up",
            "health back → UP in Eureka",
            pod,
            "UP",
            change,
            Some(PERIOD + REACTION),
        );
        self.report.add(proof);
        self.calls(
            "called-again",
            "UP → called again:",
            pod,
            "/ratings/0",
            200,
            "Reviewer1",
            Some(FETCH),
        )
    }

    /// PID 1 holds the Pod while the agent is killed and started anew; the registration stays.
    fn agent_dies(&mut self, pod: &Manifest) -> anyhow::Result<()> {
        let before = self.agent(pod)?;
        // Eureka answers from a cache that a registration empties and a heartbeat does not: it tells the last registration.
        let look = || servers::instance(&pod.app).flatten();
        let renewed = self.machine.netns().run(look).map(|instance| instance.renewed);
        let change = Instant::now();
        self.machine.run(
            "kill the agent",
            self.machine.netns().command("kill").args(["-9", &before]),
        )?;
        let mut again = None;
        while again.is_none() && change.elapsed() < PATIENCE {
            again = self.agent(pod).ok().filter(|now| *now != before);
        }
        let seconds = again.map(|_| change.elapsed().as_secs_f64());
        let what = "agent killed → a new one runs".to_owned();
        self.report.add(Proof {
            key: "restarted",
            what,
            seconds,
            bound: Some(REACTION),
        });
        // Every look has to find it UP, until one finds that the new agent has registered it again.
        let seen = self.machine.watch(change, PATIENCE, || {
            let now = servers::instance(&pod.app)?;
            let is_up = now.as_ref().is_some_and(|instance| instance.status == "UP");
            let is_heard = now.map(|instance| instance.renewed) != renewed;
            (!is_up || is_heard).then_some(is_up)
        });
        let what = format!("{}: new agent is heard of, UP all the time", pod.name);
        let seconds = seen.filter(|(is_up, _)| *is_up).map(|(_, seconds)| seconds);
        if seconds.is_none() {
            console::plain(&format!(
                "  UP, when: {seen:?}; the agent:\n{}",
                self.machine.infra_log(&pod.name)
            ));
        }
        self.report.add(Proof {
            key: "still-up",
            what,
            seconds,
            bound: Some(HEARTBEAT + REACTION),
        });
        Ok(())
    }

    fn delete(&mut self, pod: &Manifest) -> anyhow::Result<()> {
        let change = Instant::now();
        self.servers.publish(self.machine, pod, &["--deleting"])?;
        // One look after the other: a state may be a short one.
        let mut states: Vec<(String, f64)> = Vec::new();
        self.machine.watch(change, PATIENCE, || {
            let status = servers::status(&pod.app)?;
            if states.last().is_none_or(|(last, _)| *last != status) {
                states.push((status.clone(), change.elapsed().as_secs_f64()));
            }
            (status == "gone").then_some(())
        });
        let since = |wanted: &str| {
            states
                .iter()
                .find(|(status, _)| status == wanted)
                .map(|(_, seconds)| *seconds)
        };
        for (key, wanted, bound) in [
            ("out-of-service", "OUT_OF_SERVICE", REACTION),
            ("gone", "gone", REACTION + DRAIN),
        ] {
            let what = format!("{}: marked for deletion → {wanted} in Eureka", pod.name);
            self.report.add(Proof {
                key,
                what,
                seconds: since(wanted),
                bound: Some(bound),
            });
        }
        if !states.iter().any(|(status, _)| status == "gone") {
            console::plain(&format!(
                "  seen: {states:?}; the agent:\n{}",
                self.machine.infra_log(&pod.name)
            ));
        }
        let mut remove = self.machine.podman(&["pod", "rm", "--force", "--time", "0", &pod.name]);
        self.machine.run("podman pod rm", &mut remove)?;
        self.servers.publish(self.machine, pod, &["--delete"])
    }

    fn stop(&mut self, pod: &Manifest) -> anyhow::Result<()> {
        let change = Instant::now();
        // It returns when the app has ended too, which may finish answers to its callers first.
        let mut stop = self.machine.podman(&["pod", "stop", "--time", "10", &pod.name]);
        let mut stop = Process::spawn("podman pod stop", &mut stop)?;
        let what = "podman pod stop (SIGTERM) → gone from Eureka";
        let proof = self.status("stopped", what, pod, "gone", change, Some(REACTION + DRAIN));
        let stopped = stop.wait(PATIENCE).is_some_and(|status| status.success());
        if proof.seconds.is_none_or(|seconds| seconds > REACTION + DRAIN) {
            console::plain(&format!("  the agent:\n{}", self.machine.infra_log(&pod.name)));
        }
        self.report.add(proof);
        anyhow::ensure!(stopped, "podman pod stop {}: {}", pod.name, stop.output());
        Ok(())
    }

    /// Waits until the registry tells `wanted` of a Pod's service.
    fn status(
        &self,
        key: &'static str,
        what: &str,
        pod: &Manifest,
        wanted: &str,
        since: Instant,
        bound: Option<f64>,
    ) -> Proof {
        let seen = self.machine.watch(since, PATIENCE, || {
            servers::status(&pod.app).filter(|status| status == wanted)
        });
        Proof {
            key,
            what: format!("{}: {what}", pod.name),
            seconds: seen.map(|(_, seconds)| seconds),
            bound,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one row of the story; a struct would only rename them"
    )]
    fn calls(
        &mut self,
        key: &'static str,
        what: &str,
        pod: &Manifest,
        path: &str,
        status: u16,
        text: &str,
        bound: Option<f64>,
    ) -> anyhow::Result<()> {
        let seen = self.machine.watch(Instant::now(), PATIENCE, || {
            servers::call(&pod.app, path).filter(|(code, body)| *code == status && body.contains(text))
        });
        if let Some(((code, body), _)) = &seen {
            console::plain(&format!("  http://{}{path} → {code} {}", pod.app, body.trim_end()));
        }
        let what = format!("{what} http://{}{path}", pod.app);
        self.report.add(Proof {
            key,
            what,
            seconds: seen.map(|(_, seconds)| seconds),
            bound,
        });
        Ok(())
    }

    fn move_health(&self, pod: &Manifest, from: &str, to: &str) -> anyhow::Result<()> {
        let container = format!("{}-{}", pod.name, pod.containers[0].0);
        let mut exec = self.machine.podman(&["exec", &container, "/bin/mv", from, to]);
        self.machine.run("podman exec mv", &mut exec).map(drop)
    }

    /// Pid of the Pod's agent, the only child of its PID 1 named `ballast`, as seen in the demo's namespace.
    fn agent(&self, pod: &Manifest) -> anyhow::Result<String> {
        let infra = format!("{}-infra", pod.name);
        let mut inspect = self.machine.podman(&["inspect", "--format", "{{.State.Pid}}", &infra]);
        let pause = self.machine.run("podman inspect", &mut inspect)?;
        let mut children = self.machine.netns().command("pgrep");
        let found = self
            .machine
            .run("pgrep", children.args(["--parent", pause.trim(), "--exact", "ballast"]))?;
        found
            .lines()
            .next()
            .map(ToOwned::to_owned)
            .context("the agent does not run")
    }
}
