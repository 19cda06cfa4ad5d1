//! A real Kubernetes API server with its etcd on loopback, for what watches and changes objects: no node, no scheduler, no
//! controllers, so Pods are what a test says they are. Requests go through `kubectl proxy`, which speaks TLS for us. Not for:
//! real containers. Source: Kubernetes, command lines of kube-apiserver and etcd.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::{Process, TempDir, free_port, kubernetes, process, temp_dir, wait_for};

/// Longest start on a busy machine; an idle one takes 3 s.
const START: Duration = Duration::from_secs(90);
/// Longest answer to one kubectl command or request.
const ANSWER: Duration = Duration::from_secs(60);
/// Who may do everything.
const TOKEN: &str = "admin-token";

/// API server and etcd; both end on drop, and their folder goes with them.
pub struct ControlPlane {
    apiserver: Option<Process>,
    proxy: Option<Process>,
    /// Of the proxy: `http://127.0.0.1:port`.
    url: String,
    _etcd: Process,
    folder: TempDir,
    etcd_port: u16,
    port: u16,
}

impl ControlPlane {
    /// Starts both and waits until the API server says that it is ready.
    ///
    /// # Panics
    /// They don't start; with what they said.
    #[track_caller]
    pub fn start() -> Self {
        let folder = temp_dir();
        let path = folder.path();
        certificates(path);
        let etcd_port = free_port();
        let etcd = etcd(path, etcd_port);
        let port = free_port();
        std::fs::write(path.join("kubeconfig"), kubeconfig(path, port, TOKEN)).expect("the folder is ours");
        let mut plane = Self {
            apiserver: None,
            proxy: None,
            url: String::new(),
            _etcd: etcd,
            folder,
            etcd_port,
            port,
        };
        let mut command = Command::new(kubernetes("kubectl"));
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
        plane.url = format!("http://{}", address.expect("just seen"));
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
        let mut apiserver = apiserver(self.folder.path(), self.etcd_port, self.port);
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
        let file = self.folder.path().join(format!("kubeconfig-{account}"));
        std::fs::write(&file, kubeconfig(self.folder.path(), self.port, token)).expect("the folder is ours");
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
fn etcd(folder: &Path, port: u16) -> Process {
    let (client, peer) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", free_port()),
    );
    let mut command = Command::new(kubernetes("etcd"));
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
fn apiserver(folder: &Path, etcd_port: u16, port: u16) -> Process {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new(kubernetes("kube-apiserver"));
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"))
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(format!("--secure-port={port}"))
        .arg("--service-cluster-ip-range=10.96.0.0/16")
        .arg(format!("--tls-cert-file={}", file("apiserver.crt")))
        .arg(format!("--tls-private-key-file={}", file("apiserver.key")))
        .arg(format!("--client-ca-file={}", file("ca.crt")))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(format!("--service-account-signing-key-file={}", file("sa.key")))
        .arg(format!("--service-account-key-file={}", file("sa.pub")))
        .arg(format!("--token-auth-file={}", file("tokens.csv")))
        .args([
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--endpoint-reconciler-type=none",
        ])
        // Nobody makes service accounts here, and without one it refuses Pods.
        .arg("--disable-admission-plugins=ServiceAccount");
    Process::spawn("kube-apiserver", &mut command).expect("it starts")
}

fn kubeconfig(folder: &Path, port: u16, token: &str) -> String {
    let ca = folder.join("ca.crt");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority": ca}}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user", "namespace": "default"}}],
    });
    config.to_string()
}

/// The authority, the API server's certificate, the key of service accounts, the table of tokens.
#[track_caller]
fn certificates(folder: &Path) {
    let names = "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc";
    let new_key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ];
    let mut authority = vec![
        "req",
        "-x509",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-subj",
        "/CN=test-ca",
    ];
    authority.extend(new_key);
    let mut server = vec![
        "req",
        "-x509",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-keyout",
        "apiserver.key",
    ];
    server.extend(["-out", "apiserver.crt", "-subj", "/CN=kube-apiserver", "-addext", names]);
    server.extend([
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-addext",
        "extendedKeyUsage=serverAuth",
    ]);
    server.extend(new_key);
    let commands = [
        authority,
        server,
        vec!["genrsa", "-out", "sa.key", "2048"],
        vec!["rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub"],
    ];
    for words in commands {
        let done = Command::new("openssl")
            .current_dir(folder)
            .args(&words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            done.as_ref().is_ok_and(std::process::ExitStatus::success),
            "openssl {words:?}: {done:?}"
        );
    }
    std::fs::write(
        folder.join("tokens.csv"),
        format!("{TOKEN},admin,1,\"system:masters\"\n"),
    )
    .expect("the folder is ours");
}
