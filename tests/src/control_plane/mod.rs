//! A real Kubernetes API server with its etcd on loopback, for what watches and changes objects: no node, no scheduler, no
//! controllers, so Pods are what a test says they are. Requests go through `kubectl proxy`, which speaks TLS for us. Not for:
//! real containers; `node` starts those on top of it. Source: Kubernetes, command lines of kube-apiserver and etcd.

mod certificates;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::forward::Forward;
use crate::http::{Request, Response};
use crate::{Netns, Process, TempDir, free_port, kubernetes, process, repo_path, temp_dir, wait_for};

/// Longest start on a busy machine; an idle one takes 3 s.
const START: Duration = Duration::from_secs(90);
/// Longest answer to one kubectl command or request.
const ANSWER: Duration = Duration::from_secs(60);
/// Who may do everything.
const TOKEN: &str = "admin-token";
/// Users by their tokens, as the API server's `--token-auth-file` has them: token, name, uid, groups.
const USERS: &str = "admin-token,admin,1,\"system:masters\"
kube-controller-manager,system:kube-controller-manager,2
kube-scheduler,system:kube-scheduler,3
kube-proxy,system:kube-proxy,4
";

/// API server and etcd; both end on drop, and their folder goes with them.
pub struct ControlPlane {
    apiserver: Option<Process>,
    proxy: Option<Process>,
    /// Of the proxy: `http://127.0.0.1:port`.
    url: String,
    _etcd: Process,
    /// `None`: on the machine's own loopback.
    place: Option<Place>,
    /// From the machine's loopback into its namespace: to the API server, on the same port, and to the proxy.
    ways: Vec<Forward>,
    folder: TempDir,
    etcd_port: u16,
    port: u16,
}

/// Namespaces to run in, and an address of theirs that Pods reach.
#[derive(Clone)]
pub struct Place {
    /// The namespaces.
    pub netns: Arc<Netns>,
    /// Of the node: where Pods find the API server.
    pub address: Ipv4Addr,
    /// Name of the node that may register.
    pub node: &'static str,
}

impl Place {
    fn command(place: Option<&Self>, program: &Path) -> Command {
        let program = program.to_str().expect("a UTF-8 path");
        place.map_or_else(|| Command::new(program), |place| place.netns.command(program))
    }
}

impl ControlPlane {
    /// Starts both and waits until the API server says that it is ready.
    ///
    /// # Panics
    /// They don't start; with what they said.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_at(None, temp_dir())
    }

    /// The same for a cluster with a node: in its namespaces, reached from here by the same kubeconfig. Pods need service
    /// accounts then, which a controller manager makes.
    ///
    /// # Panics
    /// They don't start; with what they said.
    #[track_caller]
    pub fn start_in(place: Place, folder: TempDir) -> Self {
        Self::start_at(Some(place), folder)
    }

    #[track_caller]
    fn start_at(place: Option<Place>, folder: TempDir) -> Self {
        let path = folder.path();
        certificates::make(path, place.as_ref());
        std::fs::write(path.join("tokens.csv"), USERS).expect("the folder is ours");
        let etcd_port = free_port();
        let etcd = etcd(path, etcd_port, place.as_ref());
        let port = free_port();
        let way = place
            .as_ref()
            .map(|place| Forward::start(&place.netns, port, port).expect("the port was free a moment ago"));
        let mut plane = Self {
            apiserver: None,
            proxy: None,
            url: String::new(),
            _etcd: etcd,
            place,
            ways: way.into_iter().collect(),
            folder,
            etcd_port,
            port,
        };
        plane.kubeconfig_by("kubeconfig", TOKEN);
        // Inside too, where there is an inside: it ends with it, also when we are killed.
        let mut command = Place::command(plane.place.as_ref(), &kubernetes("kubectl"));
        command
            .arg("--kubeconfig")
            .arg(plane.kubeconfig())
            .args(["proxy", "--port=0"])
            .env("HOME", plane.folder.path());
        let mut proxy = Process::spawn("kubectl proxy", &mut command).expect("it starts");
        proxy.wait_output(START, "Starting to serve on ");
        let output = proxy.output();
        let address = output
            .lines()
            .find_map(|line| line.strip_prefix("Starting to serve on "));
        let address: SocketAddr = address.and_then(|address| address.parse().ok()).expect("just seen");
        let way = plane
            .place
            .as_ref()
            .map(|place| Forward::start(&place.netns, 0, address.port()).expect("loopback has a free port"));
        let address = way.as_ref().map_or(address, Forward::address);
        plane.ways.extend(way);
        plane.url = format!("http://{address}");
        plane.proxy = Some(proxy);
        plane.start_api();
        plane
    }

    /// Starts the API server, on the port that it had before.
    ///
    /// # Panics
    /// It does not come up; with what it said.
    #[track_caller]
    pub fn start_api(&mut self) {
        let mut apiserver = apiserver(self.folder.path(), self.etcd_port, self.port, self.place.as_ref());
        wait_for(START, "the API server to be ready", || {
            assert!(apiserver.is_running(), "{}", apiserver.output());
            let ready = Request::new("GET", &format!("{}/readyz", self.url)).send();
            ready.is_ok_and(|answer| answer.status == 200)
        });
        self.apiserver = Some(apiserver);
    }

    /// Kills the API server.
    pub fn kill_api(&mut self) {
        self.apiserver = None;
    }

    /// Stops the API server where it stands, or lets it go on: a partition, as its clients see it.
    ///
    /// # Panics
    /// It does not run.
    #[track_caller]
    pub fn freeze(&self, is_frozen: bool) {
        let signal = if is_frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        let apiserver = self.apiserver.as_ref().expect("it runs");
        apiserver.signal(signal).expect("it runs");
    }

    /// A kubeconfig with all rights.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// A kubeconfig with the rights of a ServiceAccount, as a Pod of it would have them.
    ///
    /// # Panics
    /// There is no such account.
    #[track_caller]
    pub fn kubeconfig_of(&self, namespace: &str, account: &str) -> PathBuf {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let answer = self.done(
            &format!("POST {path}"),
            &json!({ "spec": { "expirationSeconds": 3600 } }),
        );
        let token = answer["status"]["token"].as_str().expect("a token was asked for");
        self.kubeconfig_by(&format!("kubeconfig-{account}"), token)
    }

    /// A kubeconfig of that name for whoever has the token.
    ///
    /// # Panics
    /// It can't be written.
    #[track_caller]
    pub fn kubeconfig_by(&self, name: &str, token: &str) -> PathBuf {
        self.write_kubeconfig(name, &json!({ "token": token }))
    }

    /// A kubeconfig of that name for whoever has the certificate `owner.crt`.
    ///
    /// # Panics
    /// It can't be written.
    #[track_caller]
    pub fn kubeconfig_with(&self, name: &str, owner: &str) -> PathBuf {
        let file = |end: &str| self.file(&format!("{owner}.{end}"));
        let user = json!({ "client-certificate": file("crt"), "client-key": file("key") });
        self.write_kubeconfig(name, &user)
    }

    /// Where a file of the folder is: certificates (`ca.crt`), keys (`sa.key`), kubeconfigs.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Answers requests with all rights, without TLS or a token: `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The API server's port, on loopback and on the node's address.
    pub fn port(&self) -> u16 {
        self.port
    }

    #[track_caller]
    fn write_kubeconfig(&self, name: &str, user: &Value) -> PathBuf {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.port), "certificate-authority": self.file("ca.crt"),
            }}],
            "users": [{"name": "user", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user", "namespace": "default"}}],
        });
        let file = self.file(name);
        std::fs::write(&file, config.to_string()).expect("the folder is ours");
        file
    }

    /// One request with all rights: `METHOD /path`, and a body (none: null). A PATCH is a merge patch.
    ///
    /// # Panics
    /// There is no answer.
    #[track_caller]
    pub fn send(&self, request: &str, body: &Value) -> Response {
        let (method, path) = request.split_once(' ').expect("method and path");
        let kind = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let mut wanted = Request::new(method, &format!("{}{path}", self.url)).timeout(ANSWER);
        if !body.is_null() {
            wanted = wanted.header("content-type", kind).body(body.to_string());
        }
        wanted.send().unwrap_or_else(|e| panic!("{request}: {e}"))
    }

    /// As [`ControlPlane::send`], and it must be done (2xx).
    ///
    /// # Panics
    /// It is not.
    #[track_caller]
    pub fn done(&self, request: &str, body: &Value) -> Value {
        let answer = self.send(request, body);
        assert!(
            (200..300).contains(&answer.status),
            "{request} {body}: {} {}",
            answer.status,
            answer.text()
        );
        answer.json()
    }

    /// Installs k8s/, as `kubectl apply -k` does. There is no service network, so the webhook's Service is nowhere: its address
    /// becomes one where nobody listens, until [`ControlPlane::webhook_at`] sets another.
    ///
    /// # Panics
    /// The API server does not take it.
    #[track_caller]
    pub fn install(&self) {
        self.kubectl(&["apply", "-k", repo_path("k8s").to_str().expect("a UTF-8 path")]);
        self.webhook_at(1);
    }

    /// Has the API server ask our webhook at this port of loopback. What else is set (failure policies, `caBundle`) stays.
    ///
    /// # Panics
    /// k8s/ is not installed.
    #[track_caller]
    pub fn webhook_at(&self, port: u16) {
        let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/ballast-webhook";
        // Refused when the controller writes meanwhile: then it is looked at again.
        wait_for(ANSWER, "the webhook's address to be taken", || {
            let mut configuration = self.done(&format!("GET {path}"), &Value::Null);
            let webhooks = configuration["webhooks"].as_array_mut().expect("it has webhooks");
            for webhook in webhooks {
                let client = webhook["clientConfig"].as_object_mut().expect("each has one");
                client.remove("service");
                client.insert("url".to_owned(), json!(format!("https://127.0.0.1:{port}/mutate")));
            }
            let answer = self.send(&format!("PUT {path}"), &configuration);
            assert!(matches!(answer.status, 200 | 409), "{}", answer.text());
            answer.status == 200
        });
    }

    /// What kubectl prints.
    ///
    /// # Panics
    /// When it fails, with its words.
    #[track_caller]
    pub fn kubectl(&self, words: &[&str]) -> String {
        let mut command = Command::new(kubernetes("kubectl"));
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .env("HOME", self.folder.path())
            .args(words);
        let (status, output) = process::run("kubectl", &mut command, ANSWER).expect("it runs");
        assert!(status.success(), "kubectl {words:?}: {output}");
        output
    }
}

#[track_caller]
fn etcd(folder: &Path, port: u16, place: Option<&Place>) -> Process {
    let (client, peer) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", free_port()),
    );
    let mut command = Place::command(place, &kubernetes("etcd"));
    command
        .args(["--name", "e", "--unsafe-no-fsync", "--data-dir"])
        .arg(folder.join("etcd"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("e={peer}")]);
    let mut etcd = Process::spawn("etcd", &mut command).expect("it starts");
    etcd.wait_output(START, "ready to serve client requests");
    etcd
}

#[track_caller]
fn apiserver(folder: &Path, etcd_port: u16, port: u16, place: Option<&Place>) -> Process {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut command = Place::command(place, &kubernetes("kube-apiserver"));
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"))
        .arg(format!("--secure-port={port}"))
        .arg("--service-cluster-ip-range=10.96.0.0/16")
        .arg(format!("--tls-cert-file={}", file("apiserver.crt")))
        .arg(format!("--tls-private-key-file={}", file("apiserver.key")))
        .arg(format!("--client-ca-file={}", file("ca.crt")))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(format!("--service-account-signing-key-file={}", file("sa.key")))
        .arg(format!("--service-account-key-file={}", file("sa.pub")))
        .arg(format!("--token-auth-file={}", file("tokens.csv")))
        .args(["--authorization-mode=Node,RBAC", "--allow-privileged=true"]);
    if let Some(place) = place {
        command
            .arg("--bind-address=0.0.0.0")
            .arg(format!("--advertise-address={}", place.address))
            .arg("--kubelet-preferred-address-types=InternalIP")
            .arg(format!("--kubelet-certificate-authority={}", file("ca.crt")))
            .arg(format!("--kubelet-client-certificate={}", file("to-kubelet.crt")))
            .arg(format!("--kubelet-client-key={}", file("to-kubelet.key")));
    } else {
        command
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg("--endpoint-reconciler-type=none")
            // Nobody makes service accounts here, and without one it refuses Pods.
            .arg("--disable-admission-plugins=ServiceAccount");
    }
    Process::spawn("kube-apiserver", &mut command).expect("it starts")
}
