//! The plugin as containerd calls it: environment, conf on stdin, JSON on stdout.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use ballast_tests::{Netns, TempDir, bin, temp_dir};
use serde_json::{Value, json};

use crate::support::{init, nft};

/// A bin folder with our file under the plugin's name.
struct Plugin {
    _folder: TempDir,
    path: PathBuf,
}

impl Plugin {
    fn install() -> Self {
        let folder = temp_dir();
        let path = folder.path().join("ballast-cni");
        ballast_tests::sandbox::copy(&bin("ballast-init"), &path, 0o755);
        Plugin { _folder: folder, path }
    }

    /// Exit code and what it printed.
    #[track_caller]
    fn call(&self, command: &str, netns: &str, conf: &Value) -> (i32, Value) {
        let mut child = std::process::Command::new(&self.path)
            .env_clear()
            .envs([
                ("CNI_COMMAND", command),
                ("CNI_CONTAINERID", "0123456789abcdef"),
                ("CNI_NETNS", netns),
                ("CNI_IFNAME", "eth0"),
                ("CNI_PATH", "/opt/cni/bin"),
                (
                    "CNI_ARGS",
                    "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=0123;K8S_POD_UID=1",
                ),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let text = conf.to_string();
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(text.as_bytes())
            .expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let printed = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap_or(-1), printed)
    }
}

fn conf(annotations: Value) -> Value {
    json!({
        "cniVersion": "0.4.0", "name": "pods", "type": "ballast-cni",
        "capabilities": {"io.kubernetes.cri.pod-annotations": true},
        "runtimeConfig": {"io.kubernetes.cri.pod-annotations": annotations},
        "prevResult": {
            "cniVersion": "0.4.0",
            "interfaces": [{"name": "eth0", "sandbox": "/var/run/netns/x"}],
            "ips": [{"version": "4", "address": "10.88.0.2/16", "interface": 0}],
        },
    })
}

fn path(netns: &Netns) -> String {
    netns.path().to_str().expect("a UTF-8 path").to_owned()
}

#[test]
fn the_life_of_a_pod() {
    let (plugin, netns) = (Plugin::install(), Netns::new().expect("root can make namespaces"));
    let annotations = json!({
        "infra.flomesh.io/proxy": "true", "infra.flomesh.io/proxy.inbound-ports": "8080",
        "infra.flomesh.io/proxy.exempt-outbound-cidrs": "10.96.0.1/32", "other": "x",
    });
    let conf = conf(annotations);
    let (code, printed) = plugin.call("ADD", &path(&netns), &conf);
    assert_eq!(
        (code, &printed),
        (0, &conf["prevResult"]),
        "the result is handed on as it came"
    );
    let settings = "--inbound-ports 8080 --exempt-outbound-cidrs 10.96.0.1/32";
    let wanted = init(&netns, &format!("--print {settings}")).text;
    assert_eq!(nft(&netns, "list table inet ballast"), wanted);
    assert_eq!(plugin.call("CHECK", &path(&netns), &conf), (0, Value::Null));
    nft(&netns, "delete table inet ballast");
    let (code, error) = plugin.call("CHECK", &path(&netns), &conf);
    assert_eq!((code, &error["code"]), (1, &json!(103)), "{error}");
    // As containerd does it: once while the namespace is there, once without.
    assert_eq!(plugin.call("DEL", &path(&netns), &conf), (0, Value::Null));
    assert_eq!(plugin.call("DEL", "", &conf), (0, Value::Null));
}

#[test]
fn a_pod_without_the_annotation_is_left_alone() {
    let (plugin, netns) = (Plugin::install(), Netns::new().expect("root can make namespaces"));
    for annotations in [json!({}), json!({"infra.flomesh.io/proxy": "false"}), Value::Null] {
        let conf = conf(annotations);
        let (code, printed) = plugin.call("ADD", &path(&netns), &conf);
        assert_eq!((code, &printed), (0, &conf["prevResult"]));
        assert_eq!(plugin.call("CHECK", &path(&netns), &conf).0, 0);
    }
    assert_eq!(nft(&netns, "list tables"), "");
}

#[test]
fn closed_or_open() {
    let (plugin, netns) = (Plugin::install(), Netns::new().expect("root can make namespaces"));
    let mut conf = conf(json!({"infra.flomesh.io/proxy": "true", "infra.flomesh.io/proxy.inbound-ports": "web"}));
    let (code, error) = plugin.call("ADD", &path(&netns), &conf);
    assert_eq!((code, &error["code"]), (1, &json!(101)));
    assert_eq!(error["cniVersion"], "0.4.0");
    let message = error["msg"].as_str().expect("a text");
    assert!(
        message.contains("infra.flomesh.io/proxy.inbound-ports: 'web'"),
        "{message}"
    );
    conf["onError"] = json!("open");
    let (code, printed) = plugin.call("ADD", &path(&netns), &conf);
    assert_eq!((code, &printed), (0, &conf["prevResult"]));
    assert_eq!(nft(&netns, "list tables"), "");
}

/// Such a runtime, or a conf without its `capabilities`, would start every Pod without rules.
#[test]
fn a_runtime_that_tells_nothing_of_pods() {
    let (plugin, netns) = (Plugin::install(), Netns::new().expect("root can make namespaces"));
    let mut conf = conf(json!({}));
    conf.as_object_mut().expect("an object").remove("runtimeConfig");
    let (code, error) = plugin.call("ADD", &path(&netns), &conf);
    assert_eq!((code, &error["code"]), (1, &json!(7)));
    let message = error["msg"].as_str().expect("a text");
    assert!(message.contains("io.kubernetes.cri.pod-annotations"), "{message}");
    conf["onError"] = json!("open");
    assert_eq!(plugin.call("ADD", &path(&netns), &conf).0, 0);
}

#[test]
fn versions() {
    let plugin = Plugin::install();
    let (code, printed) = plugin.call("VERSION", "", &json!({"cniVersion": "1.0.0"}));
    assert_eq!(code, 0);
    assert_eq!(printed["supportedVersions"], json!(["0.3.1", "0.4.0", "1.0.0"]));
    let mut old = conf(json!({}));
    old["cniVersion"] = json!("0.1.0");
    let (code, error) = plugin.call("ADD", "", &old);
    assert_eq!((code, &error["code"]), (1, &json!(1)));
}
