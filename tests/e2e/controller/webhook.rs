//! The admission webhook, as the API server meets it: what Pods get, what becomes of them while it is away or its authority
//! changes, and what it says to strangers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ballast_tests::http::Response;
use ballast_tests::{Process, free_port, process};
use serde_json::{Value, json};

use crate::world::{SOON, World, ask, labelled, pod};

pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";
pub(crate) const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/ballast-webhook";
pub(crate) const SECRET: &str = "/api/v1/namespaces/ballast-system/secrets/ballast-webhook-tls";

pub(crate) const SETTINGS: &str = "
sidecar:
  image: localhost/ballast/pod:dev
  env: {BALLAST_LOG: debug}
proxyInit:
  image: localhost/ballast/init:dev
";

/// Life of an authority here: another one is made at two thirds of it. A certificate has a third.
const LIFE_SECONDS: &str = "45";

/// Two replicas with the webhook, the first of which leads.
struct Webhooks {
    world: World,
    ports: [u16; 2],
    one: Process,
    two: Process,
    settings: PathBuf,
}

impl Webhooks {
    /// Waits until both have a certificate that the API server is told to trust.
    #[track_caller]
    fn start() -> Self {
        let world = World::start();
        let settings = world.file("webhook.yaml", SETTINGS);
        let ports = [free_port(), free_port()];
        let mut one = controller(&world, "one", ports[0], &settings);
        one.wait_output(SOON, "leading");
        let two = controller(&world, "two", ports[1], &settings);
        let webhooks = Self {
            world,
            ports,
            one,
            two,
            settings,
        };
        webhooks.wait_ready();
        webhooks
    }

    #[track_caller]
    fn wait_ready(&self) {
        for controller in [&self.one, &self.two] {
            self.world.wait_for("a certificate", || {
                controller.output().contains("metrics on http://") && ask(controller, "/readyz").status == 200
            });
        }
        self.world
            .wait_for("the authority to be published", || !self.bundle().is_empty());
    }

    /// The authorities that the API server is told to trust, PEM; empty: none.
    fn bundle(&self) -> String {
        let configuration = self.world.plane.done(&format!("GET {CONFIGURATION}"), &Value::Null);
        let bundles = configuration["webhooks"].as_array().expect("it has webhooks").iter();
        let bundles: Vec<&str> = bundles
            .filter_map(|webhook| webhook["clientConfig"]["caBundle"].as_str())
            .collect();
        match bundles.as_slice() {
            [first, second] if first == second => decoded(first),
            _ => String::new(),
        }
    }

    /// What curl prints of a request to a replica: status and text. It trusts what the API server is told to.
    #[track_caller]
    fn curl(&self, replica: usize, words: &[&str]) -> (bool, String) {
        let bundle = self.world.file("bundle.pem", &self.bundle());
        let mut command = Command::new("curl");
        command
            .args(["-sS", "--max-time", "20", "-w", "%{http_code}", "--cacert"])
            .arg(bundle)
            .args(words)
            .arg(format!("https://127.0.0.1:{}/mutate", self.ports[replica]));
        let (status, said) = process::run("curl", &mut command, SOON).expect("it ends");
        (status.success(), said)
    }

    fn create(&self, pod: &Value) -> Response {
        self.world.plane.send(&format!("POST {PODS}"), pod)
    }

    /// What the Secret says of authorities and certificate.
    fn state(&self) -> Value {
        let secret = self.world.plane.done(&format!("GET {SECRET}"), &Value::Null);
        let state = secret["data"]["state.json"].as_str().expect("it has a state");
        serde_json::from_str(&decoded(state)).expect("it is JSON")
    }

    /// How many reviews a replica has seen.
    fn reviews(&self, controller: &Process) -> u64 {
        let text = ask(controller, "/metrics").text();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("ballast_controller_reviews_total"));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// Sets the failure policies: that of the webhook of features, and that of the proxy's.
    fn set_policies(&self, policies: [&str; 2]) {
        let mut configuration = self.world.plane.done(&format!("GET {CONFIGURATION}"), &Value::Null);
        for (index, policy) in policies.iter().enumerate() {
            let path = format!("/webhooks/{index}/failurePolicy");
            *configuration.pointer_mut(&path).expect("it has one") = json!(policy);
        }
        self.world.plane.done(&format!("PUT {CONFIGURATION}"), &configuration);
    }
}

#[track_caller]
pub(crate) fn controller(world: &World, identity: &str, port: u16, settings: &Path) -> Process {
    let (address, settings) = (format!("127.0.0.1:{port}"), settings.to_str().expect("a UTF-8 path"));
    let flags = [
        ["--webhook", &address],
        ["--webhook-settings", settings],
        ["--webhook-ca", "ballast-webhook"],
        ["--webhook-host", "127.0.0.1"],
        ["--webhook-ca-life", LIFE_SECONDS],
    ];
    world.controller_with(identity, flags.as_flattened())
}

/// Base64 of a text.
#[track_caller]
pub(crate) fn decoded(letters: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", "printf %s \"$1\" | base64 -d", "sh", letters]);
    let (status, text) = process::run("base64", &mut command, SOON).expect("it ends");
    assert!(status.success(), "{text}");
    text
}

fn named(mut pod: Value, name: &str) -> Value {
    pod["metadata"]["name"] = json!(name);
    pod
}

pub(crate) fn pre_stop(pod: &Value) -> &Value {
    &pod["spec"]["containers"][0]["lifecycle"]["preStop"]
}

/// One life of the webhook: each part goes on where the last one ended, and all the while its certificates change.
#[test]
fn the_webhook_from_its_first_pod_to_its_last() {
    let mut webhooks = Webhooks::start();
    let born = Instant::now();
    // The one that does not lead answers as well.
    webhooks.world.plane.webhook_at(webhooks.ports[1]);
    webhooks.world.wait_for("the first review", || {
        let answer = webhooks
            .world
            .plane
            .send(&format!("POST {PODS}?dryRun=All"), &labelled("trial"));
        pre_stop(&answer.json())["httpGet"]["port"] == 15063
    });
    // From now on whatever goes wrong is seen.
    webhooks.set_policies(["Fail", "Fail"]);
    webhooks.what_pods_get();
    webhooks.what_strangers_are_told();
    println!("{}", webhooks.pods_while_the_authority_changes(born));
    // As k8s/README.md has it where rules are loaded.
    webhooks.set_policies(["Ignore", "Fail"]);
    webhooks.pods_while_it_is_away();
}

impl Webhooks {
    fn what_pods_get(&self) {
        let plane = &self.world.plane;
        let created = self.world.create(&labelled("web"));
        let wanted = json!({"httpGet": {"path": "/drain", "port": 15063, "scheme": "HTTP"}});
        assert_eq!(*pre_stop(&created), wanted);
        assert!(created["spec"]["initContainers"].is_null());

        let mut own = labelled("own");
        own["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"exec": {"command": ["leave"]}}});
        let created = self.world.create(&own);
        assert_eq!(*pre_stop(&created), json!({"exec": {"command": ["leave"]}}));

        // The API server does not even ask about these.
        let before = self.reviews(&self.two);
        let created = self.world.create(&pod("plain", &json!({"app": "plain"})));
        assert!(pre_stop(&created).is_null());
        assert_eq!(self.reviews(&self.two), before);

        let odd = json!({"infra.flomesh.io/registry": "yes"});
        let answer = self.create(&pod("odd", &odd));
        assert_eq!(answer.status, 201, "{}", answer.text());
        let warning = answer.header("warning").unwrap_or_default().to_owned();
        assert!(warning.contains("infra.flomesh.io/registry"), "{warning}");

        // Where Pod Security is strictest the sidecar is let in, and what loads rules is not.
        let strict = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        });
        plane.done("POST /api/v1/namespaces", &strict);
        let strict = "POST /api/v1/namespaces/strict/pods";
        let mut sidecar = labelled("sidecar");
        sidecar["metadata"]["namespace"] = json!("strict");
        sidecar["metadata"]["labels"]["infra.flomesh.io/sidecar"] = json!("true");
        sidecar["spec"]["containers"][0]["securityContext"] = json!({
            "runAsNonRoot": true, "runAsUser": 1000, "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        });
        let created = plane.done(strict, &sidecar);
        let agent = &created["spec"]["initContainers"][0];
        assert_eq!(
            (&agent["name"], &agent["restartPolicy"]),
            (&json!("ballast-agent"), &json!("Always"))
        );
        let env = agent["env"].as_array().expect("it has an environment");
        assert!(
            env.contains(&json!({"name": "BALLAST_LOG", "value": "debug"})),
            "{env:?}"
        );
        let uid = json!({"apiVersion": "v1", "fieldPath": "metadata.uid"});
        assert!(
            env.iter().any(|variable| variable["valueFrom"]["fieldRef"] == uid),
            "{env:?}"
        );
        let mut proxied = named(sidecar.clone(), "proxied");
        proxied["metadata"]["labels"]["infra.flomesh.io/proxy"] = json!("true");
        let answer = plane.send(strict, &proxied);
        assert!(
            answer.status == 403 && answer.text().contains("NET_ADMIN"),
            "{}",
            answer.text()
        );
        proxied["metadata"]["namespace"] = json!("default");
        let created = self.world.create(&proxied);
        let names = created["spec"]["initContainers"].as_array().expect("it has two").iter();
        let names: Vec<&str> = names.filter_map(|container| container["name"].as_str()).collect();
        assert_eq!(names, ["ballast-init", "ballast-agent"]);

        // What has all of it is given nothing more.
        let mut again = named(created, "again");
        again["metadata"] = json!({"name": "again", "labels": again["metadata"]["labels"]});
        let spec = again["spec"].clone();
        let created = self.world.create(&again);
        assert_eq!(created["spec"], spec);
    }

    fn what_strangers_are_told(&self) {
        let large = self.world.file("large", &"x".repeat(3 << 20));
        let large = format!("@{}", large.display());
        let v1beta1 = r#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#;
        for (words, wanted) in [
            (&["-d", "{"][..], ["no JSON", "400"]),
            (
                &["-d", v1beta1],
                ["send an AdmissionReview of admission.k8s.io/v1", "400"],
            ),
            (&["--data-binary", &large], ["more than 2097152 bytes", "413"]),
            (&["-X", "GET"], ["POST only", "405"]),
        ] {
            let (_, said) = self.curl(1, words);
            assert!(wanted.iter().all(|part| said.contains(part)), "{words:?}: {said}");
        }
        // Whoever holds connections keeps nobody out.
        let held: Vec<_> = (0..600)
            .filter_map(|_| std::net::TcpStream::connect(("127.0.0.1", self.ports[1])).ok())
            .collect();
        assert_eq!(held.len(), 600);
        assert_eq!(self.create(&labelled("crowd")).status, 201);
    }

    /// Creates Pods until a certificate of another authority has been served for a while.
    fn pods_while_the_authority_changes(&self, born: Instant) -> String {
        let first = self.state()["authorities"][0]["name"].clone();
        let (mut pods, mut both_were_published, mut longest) = (0, false, Duration::ZERO);
        loop {
            let name = format!("rotating-{pods}");
            let began = Instant::now();
            let answer = self.create(&labelled(&name));
            longest = longest.max(began.elapsed());
            assert_eq!(answer.status, 201, "{name}: {}", answer.text());
            assert!(!pre_stop(&answer.json()).is_null(), "{name}");
            pods += 1;
            // The API server keeps its connections; these are new ones.
            for replica in 0..2 {
                let (is_trusted, said) = self.curl(replica, &["-X", "GET"]);
                assert!(is_trusted, "replica {replica} after {:?}: {said}", born.elapsed());
            }
            let state = self.state();
            let authorities = state["authorities"].as_array().expect("it has some");
            both_were_published |= authorities.len() == 2 && self.bundle().matches("BEGIN").count() == 2;
            let newest = &authorities[0]["name"];
            if *newest != first && state["leaf"]["authority"] == *newest {
                break;
            }
            assert!(born.elapsed() < SOON + SOON, "no other authority: {state}");
        }
        assert!(both_were_published);
        format!("{pods} pods while the authority changed, the slowest took {longest:?}")
    }

    fn pods_while_it_is_away(&mut self) {
        for controller in [&self.one, &self.two] {
            controller.signal(nix::sys::signal::Signal::SIGKILL).expect("it runs");
        }
        for controller in [&mut self.one, &mut self.two] {
            controller.wait(SOON).expect("it was killed");
        }
        let created = self.world.create(&labelled("alone"));
        assert!(pre_stop(&created).is_null());
        self.world.create(&pod("plain-alone", &json!({"app": "plain"})));
        // This one would go past its proxy for all its life.
        let mut proxied = labelled("proxied-alone");
        proxied["metadata"]["labels"]["infra.flomesh.io/proxy"] = json!("true");
        let answer = self.create(&proxied);
        assert!(
            answer.status == 500 && answer.text().contains("proxy.webhook.ballast.flomesh.io"),
            "{} {}",
            answer.status,
            answer.text()
        );
        self.two = controller(&self.world, "three", self.ports[1], &self.settings);
        self.world.wait_for("the webhook to be back", || {
            let answer = self.create(&json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {
                    "generateName": "back-", "namespace": "default", "labels": proxied["metadata"]["labels"],
                },
                "spec": proxied["spec"],
            }));
            answer.status == 201
        });
    }
}
