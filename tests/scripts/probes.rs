//! All that a readinessProbe may say about what is asked. Source: Kubernetes API reference, Probe and HTTPGetAction v1 core.

use std::time::Duration;

use ballast_tests::process::{self, Process};
use ballast_tests::temp_dir;

use crate::pod::{Pod, container};
use crate::server::{Reply, Server};
use crate::stage::{ADDRESS, Stage};

#[test]
fn path_headers_and_host_header() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "headers");
    pod.containers = container(
        "httpGet: {path: '/a?b=c', port: http, httpHeaders: [{name: Host, value: shop.test}, {name: X-Probe, value: yes}]}, \
         periodSeconds: 1",
    );
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    let check = app.server.requests().remove(0);
    assert_eq!((check.method.as_str(), check.path.as_str()), ("GET", "/a?b=c"));
    assert_eq!(check.header("host"), Some("shop.test"));
    assert_eq!(check.header("x-probe"), Some("yes"));
    assert!(
        check
            .header("user-agent")
            .is_some_and(|agent| agent.starts_with("kube-probe/"))
    );
}

#[test]
fn the_host_of_the_probe_is_asked() {
    let stage = Stage::shared();
    let other = Server::start(&stage.netns, &format!("{ADDRESS}:7010"), |_| {
        Reply::Answer(200, Vec::new())
    });
    let mut pod = Pod::new(&stage, "elsewhere");
    pod.containers = container(&format!("httpGet: {{host: {ADDRESS}, port: 7010}}, periodSeconds: 1"));
    pod.labels += ", infra.flomesh.io/port: http";
    pod.run();
    pod.await_status("UP");
    let check = other.requests().remove(0);
    assert_eq!(
        (check.path.as_str(), check.header("host")),
        ("/", Some("10.77.255.1:7010"))
    );
}

/// A port name counts in its own container, and may look like a number.
#[test]
fn a_named_port_is_one_of_the_probes_own_container() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "names");
    let two = |name: &str, port: u16| {
        format!(
            "{{name: {name}, image: x, ports: [{{name: 80-web, containerPort: {port}}}], \
             readinessProbe: {{httpGet: {{path: /{name}, port: 80-web}}, periodSeconds: 1}}}}"
        )
    };
    pod.containers = format!("{}, {}", two("a", 8080), two("b", 9090));
    let apps = (pod.app(8080), pod.app(9090));
    pod.run();
    pod.await_status("UP");
    stage.await_status("names", &pod.id(9090), "UP");
    assert_eq!(apps.0.server.requests()[0].path, "/a");
    assert_eq!(apps.1.server.requests()[0].path, "/b");
}

#[test]
fn scheme_https_is_asked_over_tls_and_registered_as_secure() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "secure");
    pod.containers = container("httpGet: {path: /, port: http, scheme: HTTPS}, periodSeconds: 1, failureThreshold: 1");
    let folder = temp_dir();
    let pem = folder.path().join("both.pem");
    let pem = pem.to_str().expect("a UTF-8 path");
    let mut make = std::process::Command::new("openssl");
    make.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=nobody",
    ]);
    make.args(["-keyout", pem, "-out", &format!("{pem}.crt")]);
    let (status, output) = process::run("openssl", &mut make, Duration::from_secs(30)).expect("package openssl");
    assert!(status.success(), "{output}");
    let mut serve = pod.netns.command("openssl");
    serve.args(["s_server", "-www", "-quiet", "-accept", &format!("{}:8080", pod.ip)]);
    serve.args(["-key", pem, "-cert", &format!("{pem}.crt")]);
    let server = Process::spawn("openssl s_server", &mut serve).expect("package openssl");
    pod.run();
    pod.await_status("UP");
    let instance = stage.instance("secure", &pod.id(8080)).expect("just seen");
    assert_eq!(instance["securePort"]["@enabled"], "true");
    assert_eq!(instance["securePort"]["$"], 8080);
    assert_eq!(instance["port"]["@enabled"], "false");
    drop(server);
    pod.await_status("DOWN");
}
