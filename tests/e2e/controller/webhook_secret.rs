//! The webhook's Secret when others have a hand in it, and the end of a replica: no Pod is refused by either.

use std::process::Command;
use std::time::{Duration, Instant};

use ballast_tests::{Process, free_port, process};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::webhook::{CONFIGURATION, PODS, SECRET, SETTINGS, controller, decoded, pre_stop};
use crate::world::{SOON, World, admin_of, ask_at, labelled};

/// How long reviews are answered after TERM.
const STOP: Duration = Duration::from_secs(10);

/// One replica, and a Secret that belongs to others too.
struct Shared {
    world: World,
    port: u16,
    one: Process,
    /// Where it answers.
    admin: String,
    pods: usize,
}

#[test]
fn no_pod_is_refused_whatever_becomes_of_the_secret() {
    let world = World::start();
    let settings = world.file("webhook.yaml", SETTINGS);
    let port = free_port();
    let one = controller(&world, "one", port, &settings);
    let mut shared = Shared {
        world,
        port,
        one,
        admin: String::new(),
        pods: 0,
    };
    shared.wait_ready();
    shared.world.plane.webhook_at(port);
    shared.world.wait_for("the first review", || {
        let trial = shared
            .world
            .plane
            .send(&format!("POST {PODS}?dryRun=All"), &labelled("trial"));
        !pre_stop(&trial.json()).is_null()
    });
    shared.set_webhooks(|webhook| webhook["failurePolicy"] = json!("Fail"));
    let marks = json!({
        "metadata": {"labels": {"team": "shop"}, "annotations": {"note": "ours"}},
        "stringData": {"other": "kept"},
    });
    shared.world.plane.done(&format!("PATCH {SECRET}"), &marks);

    println!("{}", shared.after_somebody_elses_certificate(&settings));
    for key in ["tls.crt", "tls.key", "state.json"] {
        println!("{}", shared.after_garbage(key));
    }
    let secret = shared.secret();
    assert_eq!(
        (
            &secret["metadata"]["labels"]["team"],
            &secret["metadata"]["annotations"]["note"]
        ),
        (&json!("shop"), &json!("ours"))
    );
    assert_eq!(decoded(secret["data"]["other"].as_str().expect("it is kept")), "kept");
    println!("{}", shared.after_term());
}

impl Shared {
    #[track_caller]
    fn wait_ready(&mut self) {
        self.world.wait_for("a start", || admin_of(&self.one).is_some());
        self.admin = admin_of(&self.one).expect("it was there");
        self.world
            .wait_for("a certificate", || ask_at(&self.admin, "/readyz").status == 200);
    }

    #[track_caller]
    fn set_webhooks(&self, set: impl Fn(&mut Value)) {
        self.world.wait_for("the configuration to be taken", || {
            let mut configuration = self.world.plane.done(&format!("GET {CONFIGURATION}"), &Value::Null);
            let webhooks = configuration["webhooks"].as_array_mut().expect("it has webhooks");
            webhooks.iter_mut().for_each(&set);
            let answer = self.world.plane.send(&format!("PUT {CONFIGURATION}"), &configuration);
            answer.status == 200
        });
    }

    fn secret(&self) -> Value {
        self.world.plane.done(&format!("GET {SECRET}"), &Value::Null)
    }

    /// Whether the Secret says that its certificate is by its newest authority; the certificate.
    fn own_certificate(&self) -> Option<String> {
        let secret = self.secret();
        let state = decoded(secret["data"]["state.json"].as_str()?);
        let state: Value = serde_json::from_str(&state).ok()?;
        let is_own = state["leaf"]["authority"] == state["authorities"][0]["name"];
        is_own.then(|| secret["data"]["tls.crt"].as_str().map(str::to_owned))?
    }

    /// A Pod that is refused when the webhook can't be asked.
    #[track_caller]
    fn create(&mut self) {
        self.pods += 1;
        let answer = self
            .world
            .plane
            .send(&format!("POST {PODS}"), &labelled(&format!("web-{}", self.pods)));
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert!(!pre_stop(&answer.json()).is_null(), "{}", answer.text());
    }

    /// Creates Pods until `is_so`, and then for as long as a replica may take to see it.
    #[track_caller]
    fn create_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> String {
        let (began, before) = (Instant::now(), self.pods);
        let mut since = None;
        while since.is_none_or(|since: Instant| since.elapsed() < Duration::from_secs(3)) {
            self.create();
            if since.is_none() && is_so(self) {
                since = Some(Instant::now());
            }
            assert!(
                began.elapsed() < SOON,
                "{what}: it is not healed; {}",
                self.one.output()
            );
        }
        format!("{what}: {} pods, none refused", self.pods - before)
    }

    /// As after cert-manager: its certificate is served and its authority published, and now the certificate is ours again.
    fn after_somebody_elses_certificate(&mut self, settings: &std::path::Path) -> String {
        self.one.signal(Signal::SIGKILL).expect("it runs");
        self.one.wait(SOON).expect("it was killed");
        let made = process::run("sh", Command::new("sh").args(["-c", FOREIGN]), SOON).expect("it ends");
        assert!(made.0.success(), "{}", made.1);
        let parts: Vec<&str> = made.1.split("====\n").collect();
        let [ca, leaf, key, bundle] = parts.as_slice() else {
            panic!("{parts:?}")
        };
        let theirs = json!({"stringData": {"ca.crt": ca, "tls.crt": leaf, "tls.key": key}});
        self.world.plane.done(&format!("PATCH {SECRET}"), &theirs);
        self.set_webhooks(|webhook| webhook["clientConfig"]["caBundle"] = json!(bundle.trim()));
        let served = self.secret()["data"]["tls.crt"].clone();
        self.one = controller(&self.world, "two", self.port, settings);
        self.wait_ready();
        self.create_until("a certificate of somebody else", |shared| {
            shared.own_certificate().is_some_and(|own| own != served)
        })
    }

    fn after_garbage(&mut self, key: &str) -> String {
        let before = self.secret()["data"]["ca.crt"].clone();
        let garbage = json!({"stringData": {key: "garbage"}});
        self.world.plane.done(&format!("PATCH {SECRET}"), &garbage);
        self.create_until(&format!("a {key} that is none"), |shared| {
            shared.own_certificate().is_some() && shared.secret()["data"]["ca.crt"] != before
        })
    }

    /// Reviews are answered while the Service still leads here, and another one may lead at once.
    fn after_term(&mut self) -> String {
        let began = Instant::now();
        self.one.signal(Signal::SIGTERM).expect("it runs");
        self.one.wait_output(SOON, "answering for");
        assert_eq!(ask_at(&self.admin, "/readyz").status, 503);
        assert_eq!(ask_at(&self.admin, "/readyz").text(), "stopping\n");
        assert_eq!(ask_at(&self.admin, "/healthz").status, 200);
        let lease = "/apis/coordination.k8s.io/v1/namespaces/ballast-system/leases/ballast-controller";
        let lease = self.world.plane.done(&format!("GET {lease}"), &Value::Null);
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        assert_eq!(holder, "", "it is given back");
        let before = self.pods;
        while began.elapsed() < STOP / 2 {
            self.create();
        }
        let status = self.one.wait(SOON).expect("it ends");
        assert_eq!(status.code(), Some(0), "{}", self.one.output());
        assert!(began.elapsed() >= STOP, "after {:?}", began.elapsed());
        format!(
            "{} pods after TERM, ended {:.1?} after it",
            self.pods - before,
            began.elapsed()
        )
    }
}

/// Prints an authority, a certificate for 127.0.0.1 by it, its key, and the authority in base64.
const FOREIGN: &str = r#"
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
openssl req -x509 $new -keyout ca.key -out ca.crt -subj /CN=another-ca 2> log || { cat log; exit 1; }
openssl req -x509 -CA ca.crt -CAkey ca.key $new -keyout tls.key -out tls.crt -subj /CN=another \
  -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
  -addext subjectAltName=IP:127.0.0.1 2> log || { cat log; exit 1; }
cat ca.crt; echo ====; cat tls.crt; echo ====; cat tls.key; echo ====; base64 -w0 ca.crt
"#;
