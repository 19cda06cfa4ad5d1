//! The chained CNI plugin: environment and conf in, prevResult or an error out. It acts on Pods whose annotation
//! `infra.flomesh.io/proxy` is 'true' (a runtime gives no labels), loads their rules before any process of theirs exists, and
//! stays nowhere. Source: CNI specification 1.0.0; containerd's capability `io.kubernetes.cri.pod-annotations`.

mod conf;

use std::io::{Read, Write};
use std::process::ExitCode;

use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};

use crate::error::Error;
use crate::{kernel, rules};
use conf::{Conf, OnError};

/// Versions whose results we can hand on: a result is passed as it came.
const VERSIONS: [&str; 3] = ["0.3.1", "0.4.0", "1.0.0"];
/// Longest conf, bytes: it holds all annotations, which Kubernetes bounds at 256 KiB.
const MAX_CONF_BYTES: u64 = 1024 * 1024;

/// An error as a runtime reads it. Codes below 100 are the specification's.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    code: u32,
    message: String,
}

impl Failure {
    fn new(code: u32, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Setting { .. } => 101,
            Error::Denied(_) | Error::Refused { .. } | Error::Socket { .. } | Error::Answer(_) => 102,
            Error::Differs(_) => 103,
            Error::Namespace { .. } => 104,
        };
        Failure::new(code, error.to_string())
    }
}

/// Serves one call of a container runtime.
pub(crate) fn main() -> ExitCode {
    let mut text = Vec::new();
    let read = std::io::stdin().take(MAX_CONF_BYTES).read_to_end(&mut text);
    let answer = match read {
        Ok(_) => serve(&|name| std::env::var(name).unwrap_or_default(), &text),
        Err(error) => Err(Failure::new(5, format!("read the conf: {error}"))),
    };
    let (text, code) = match answer {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(failure) => {
            let version = serde_json::from_slice::<Value>(&text)
                .ok()
                .and_then(|conf| Some(conf.get("cniVersion")?.as_str()?.to_owned()));
            let version = version.unwrap_or_else(|| "1.0.0".to_owned());
            let error = json!({"cniVersion": version, "code": failure.code, "msg": failure.message});
            (error.to_string(), ExitCode::FAILURE)
        }
    };
    // A runtime that does not read is gone.
    std::io::stdout().write_all(text.as_bytes()).ok();
    code
}

/// What is printed on success.
fn serve(env: &dyn Fn(&str) -> String, text: &[u8]) -> Result<String, Failure> {
    let command = env("CNI_COMMAND");
    match command.as_str() {
        "VERSION" => Ok(json!({"cniVersion": "1.0.0", "supportedVersions": VERSIONS}).to_string()),
        "ADD" => {
            let conf = Conf::parse(text)?;
            add(&conf, env)
        }
        "CHECK" => {
            let conf = Conf::parse(text)?;
            check(&conf, env)
        }
        // The rules end with the namespace, which may be gone already: the second DEL has none.
        "DEL" => Ok(String::new()),
        other => Err(Failure::new(
            4,
            format!("CNI_COMMAND '{other}' is none of ADD, CHECK, DEL, VERSION"),
        )),
    }
}

fn add(conf: &Conf, env: &dyn Fn(&str) -> String) -> Result<String, Failure> {
    let Some(result) = &conf.previous else {
        return Err(Failure::new(
            7,
            "no prevResult: put this plugin behind another one in the conflist",
        ));
    };
    conf.ensure_told()?;
    if conf.is_on {
        let loaded = conf.settings().and_then(|settings| {
            enter(&env("CNI_NETNS"))?;
            let loaded = kernel::load(&rules::chains(&settings));
            if loaded.is_err() && conf.on_error == OnError::Open {
                // Rules that are not what they should be lead nowhere; where none could be loaded there are none to take.
                kernel::remove().ok();
            }
            loaded
        });
        match (loaded, conf.on_error) {
            (Ok(()), _) => {}
            (Err(error), OnError::Fail) => return Err(error.into()),
            (Err(error), OnError::Open) => {
                // The runtime logs it; the Pod starts without its proxy, and its agent says so.
                writeln!(
                    std::io::stderr(),
                    "ballast-cni: {error}; goes on without (onError: open)"
                )
                .ok();
            }
        }
    }
    Ok(result.to_string())
}

fn check(conf: &Conf, env: &dyn Fn(&str) -> String) -> Result<String, Failure> {
    if conf.is_on && conf.on_error == OnError::Fail {
        let settings = conf.settings()?;
        enter(&env("CNI_NETNS"))?;
        kernel::verify(&rules::chains(&settings))?;
    }
    Ok(String::new())
}

/// This process has one thread, so all of it is in the Pod's network from now on.
fn enter(path: &str) -> Result<(), Error> {
    let failed = |source: std::io::Error| Error::Namespace {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    setns(file, CloneFlags::CLONE_NEWNET).map_err(|errno| failed(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(command: &str, conf: &Value) -> Result<String, Failure> {
        let env = |name: &str| match name {
            "CNI_COMMAND" => command.to_owned(),
            "CNI_NETNS" => "/nowhere/netns".to_owned(),
            _ => String::new(),
        };
        serve(&env, conf.to_string().as_bytes())
    }

    fn conf(annotation: &str, on_error: &str) -> Value {
        json!({
            "cniVersion": "1.0.0", "name": "pods", "type": "ballast-cni", "onError": on_error,
            "prevResult": {"cniVersion": "1.0.0", "ips": []},
            "runtimeConfig": {"io.kubernetes.cri.pod-annotations": {"infra.flomesh.io/proxy": annotation}},
        })
    }

    #[test]
    fn pods_without_the_annotation_pass() {
        for annotation in ["false", "", "TRUE"] {
            let printed = call("ADD", &conf(annotation, "fail")).expect("it passes");
            assert_eq!(printed, r#"{"cniVersion":"1.0.0","ips":[]}"#);
        }
    }

    #[test]
    fn what_cannot_be_loaded_fails_or_passes_as_the_conf_says() {
        let failure = call("ADD", &conf("true", "fail")).expect_err("no such namespace");
        assert_eq!(failure.code, 104);
        assert!(failure.message.contains("/nowhere/netns"), "{failure:?}");
        assert!(call("ADD", &conf("true", "open")).is_ok());
        let mut bad = conf("true", "fail");
        bad["runtimeConfig"]["io.kubernetes.cri.pod-annotations"]["infra.flomesh.io/proxy.inbound-ports"] = json!("x");
        let failure = call("ADD", &bad).expect_err("no port");
        assert_eq!(failure.code, 101);
        assert!(failure.message.contains("infra.flomesh.io/proxy.inbound-ports: 'x'"));
    }

    #[test]
    fn confs_that_are_wrong() {
        let mut alone = conf("true", "open");
        alone.as_object_mut().expect("an object").remove("prevResult");
        assert_eq!(call("ADD", &alone).expect_err("not chained").code, 7);
        assert_eq!(call("ADD", &conf("true", "maybe")).expect_err("no such word").code, 7);
        let mut future = conf("true", "fail");
        future["cniVersion"] = json!("9.0.0");
        assert_eq!(call("ADD", &future).expect_err("not known").code, 1);
        assert_eq!(serve(&|_| "ADD".to_owned(), b"{").expect_err("no JSON").code, 6);
        assert_eq!(call("GROW", &json!({})).expect_err("no such command").code, 4);
    }

    #[test]
    fn the_end_of_a_pod_never_fails() {
        assert_eq!(call("DEL", &json!({})), Ok(String::new()));
        assert!(call("VERSION", &json!({})).expect("it knows").contains("0.4.0"));
    }
}
