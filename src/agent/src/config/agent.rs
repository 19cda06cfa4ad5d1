//! The environment of `ballast agent`: it takes no arguments, for an infra container is given none. As a sidecar it is also told
//! what a sandbox has to guess. Source: design.md 4; src/controller/src/webhook/inject.rs.

use super::{BAD_USAGE, Command};
use crate::log::LogLevel;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Address of the Repo.
pub(crate) const ENV_REPO: &str = "BALLAST_REPO";
/// Certificates that sign the Repo's: PEM text, or a file that holds it.
pub(crate) const ENV_REPO_CA: &str = "BALLAST_REPO_CA";
/// Namespace of this Pod, where resolv.conf does not tell.
pub(crate) const ENV_NAMESPACE: &str = "BALLAST_NAMESPACE";
/// Name of this Pod, where the host name is another.
pub(crate) const ENV_POD_NAME: &str = "BALLAST_POD_NAME";
/// UID of this Pod, where /proc/self/cgroup does not tell.
pub(crate) const ENV_POD_UID: &str = "BALLAST_POD_UID";
/// Address of this Pod, where pod.json does not tell.
pub(crate) const ENV_POD_IP: &str = "BALLAST_POD_IP";
/// Name of our container, where we are one of the Pod's.
pub(crate) const ENV_CONTAINER: &str = "BALLAST_CONTAINER";
/// Time for scripts to finish, whole seconds.
pub(crate) const ENV_DRAIN: &str = "BALLAST_DRAIN";
/// Ceiling of our own memory, MiB.
pub(crate) const ENV_MEMORY: &str = "BALLAST_MEMORY";
/// What is logged, as `--log-level`.
pub(crate) const ENV_LOG: &str = "BALLAST_LOG";
/// File descriptor of the memory that PID 1 holds for us.
pub(crate) const ENV_SNAPSHOT: &str = "BALLAST_SNAPSHOT_FD";

/// For `--help`.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        ENV_REPO,
        "address of the Repo (http://ballast-repo.ballast-system.svc:6060)",
    ),
    (ENV_REPO_CA, "certificates of the Repo: PEM text or a file"),
    (ENV_NAMESPACE, "namespace of this Pod (from resolv.conf)"),
    (ENV_POD_NAME, "name of this Pod (the host's)"),
    (ENV_POD_UID, "UID of this Pod (from /proc/self/cgroup)"),
    (ENV_POD_IP, "address of this Pod (of the first interface)"),
    (ENV_CONTAINER, "name of our container (none: the sandbox)"),
    (ENV_DRAIN, "seconds that scripts have to finish (5)"),
    (ENV_MEMORY, "ceiling of our memory, MiB (64, at least 16)"),
    (ENV_LOG, "debug, info, warn or error (info)"),
];

const DEFAULT_REPO: &str = "http://ballast-repo.ballast-system.svc:6060";
const DEFAULT_DRAIN_SECONDS: u64 = 5;
const MEMORY_MIB: std::ops::RangeInclusive<u64> = 16..=1 << 20;
const DEFAULT_MEMORY_MIB: u64 = 64;

/// What the agent needs to know, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AgentConfig {
    /// Address of the Repo.
    pub(crate) repo: String,
    /// Certificates that sign the Repo's, PEM.
    pub(crate) repo_ca: Option<Vec<u8>>,
    /// Namespace of this Pod, where it was given.
    pub(crate) namespace: Option<String>,
    /// Name of this Pod, where it was given.
    pub(crate) pod_name: Option<String>,
    /// UID of this Pod, where it was given.
    pub(crate) pod_uid: Option<String>,
    /// Address of this Pod, where it was given.
    pub(crate) pod_ip: Option<IpAddr>,
    /// Name of our container; None: we are in the sandbox.
    pub(crate) container: Option<String>,
    /// Time for scripts to finish.
    pub(crate) drain: Duration,
    /// Ceiling of our own memory, bytes.
    pub(crate) memory_bytes: u64,
    /// What is logged.
    pub(crate) log_level: LogLevel,
    /// The memory that PID 1 holds for us.
    pub(crate) snapshot: Option<PathBuf>,
}

/// The meaning of `ballast agent ARGS` in the environment that `env` reads.
pub(super) fn command(args: &[String], env: impl Fn(&str) -> Option<String>) -> Command {
    match parse(args, env) {
        Ok(config) => Command::Agent(Box::new(config)),
        Err(message) => Command::Usage(message, BAD_USAGE),
    }
}

fn parse(args: &[String], env: impl Fn(&str) -> Option<String>) -> Result<AgentConfig, String> {
    if let Some(arg) = args.first() {
        return Err(format!(
            "ballast agent takes no arguments but its environment, not {arg:?}; see ballast --help"
        ));
    }
    let get = |name: &str| env(name).filter(|value| !value.is_empty());
    let bad = |name: &str, value: &str, what: &str| format!("invalid {name}: {value:?}; {what}");
    let number = |name: &str, default: u64| match get(name) {
        None => Ok(default),
        Some(value) => value
            .trim()
            .parse::<u32>()
            .map(u64::from)
            .map_err(|_| bad(name, &value, "a whole number")),
    };
    let memory_mib = number(ENV_MEMORY, DEFAULT_MEMORY_MIB)?;
    if !MEMORY_MIB.contains(&memory_mib) {
        return Err(bad(ENV_MEMORY, &memory_mib.to_string(), "MiB, at least 16"));
    }
    let log_level = match get(ENV_LOG) {
        None => LogLevel::default(),
        Some(value) => value.parse().map_err(|what: String| bad(ENV_LOG, &value, &what))?,
    };
    let snapshot = match get(ENV_SNAPSHOT) {
        None => None,
        Some(value) => {
            let fd: u16 = value
                .parse()
                .map_err(|_| bad(ENV_SNAPSHOT, &value, "a file descriptor"))?;
            Some(PathBuf::from(format!("/proc/self/fd/{fd}")))
        }
    };
    let name = |variable: &str, what: &str| match get(variable) {
        Some(name) if name.contains('/') => Err(bad(variable, &name, what)),
        name => Ok(name),
    };
    let pod_ip = match get(ENV_POD_IP) {
        None => None,
        Some(value) => Some(value.parse().map_err(|_| bad(ENV_POD_IP, &value, "an IP address"))?),
    };
    Ok(AgentConfig {
        repo: get(ENV_REPO).unwrap_or_else(|| DEFAULT_REPO.to_owned()),
        repo_ca: match get(ENV_REPO_CA) {
            None => None,
            Some(pem) if pem.contains("-----BEGIN") => Some(pem.into_bytes()),
            Some(path) => Some(std::fs::read(&path).map_err(|error| bad(ENV_REPO_CA, &path, &error.to_string()))?),
        },
        namespace: name(ENV_NAMESPACE, "the name of a namespace")?,
        pod_name: name(ENV_POD_NAME, "the name of a Pod")?,
        pod_uid: name(ENV_POD_UID, "the UID of a Pod")?,
        pod_ip,
        container: get(ENV_CONTAINER),
        drain: Duration::from_secs(number(ENV_DRAIN, DEFAULT_DRAIN_SECONDS)?),
        memory_bytes: memory_mib << 20,
        log_level,
        snapshot,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(env: &[(&str, &str)]) -> Result<AgentConfig, String> {
        parse(&[], |name| {
            let row = env.iter().find(|(known, _)| *known == name);
            row.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn defaults() {
        let config = parsed(&[(ENV_DRAIN, ""), (ENV_REPO, "")]).unwrap();
        assert_eq!(config.repo, "http://ballast-repo.ballast-system.svc:6060");
        assert_eq!(config.drain, Duration::from_secs(5));
        assert_eq!(config.memory_bytes, 64 << 20);
        assert_eq!((config.namespace, config.repo_ca, config.snapshot), (None, None, None));
        assert_eq!((config.pod_name, config.pod_uid), (None, None));
        assert_eq!((config.pod_ip, config.container), (None, None));
    }

    #[test]
    fn values() {
        let config = parsed(&[
            (ENV_REPO, "https://repo:1"),
            (ENV_REPO_CA, "-----BEGIN CERTIFICATE-----"),
            (ENV_NAMESPACE, "shop"),
            (ENV_DRAIN, "7"),
            (ENV_MEMORY, "32"),
            (ENV_LOG, "debug:codebase"),
            (ENV_SNAPSHOT, "3"),
            (ENV_POD_NAME, "web-0"),
            (ENV_POD_UID, "u-1"),
            (ENV_POD_IP, "fd00::7"),
            (ENV_CONTAINER, "ballast-agent"),
        ])
        .unwrap();
        assert_eq!(config.repo, "https://repo:1");
        assert_eq!(config.repo_ca.unwrap(), b"-----BEGIN CERTIFICATE-----");
        assert_eq!(config.namespace.as_deref(), Some("shop"));
        assert_eq!((config.drain.as_secs(), config.memory_bytes), (7, 32 << 20));
        assert_eq!(config.log_level.to_string(), "debug:codebase");
        assert_eq!(config.snapshot, Some("/proc/self/fd/3".into()));
        assert_eq!(config.pod_name.as_deref(), Some("web-0"));
        assert_eq!(config.pod_uid.as_deref(), Some("u-1"));
        assert_eq!(config.pod_ip, "fd00::7".parse().ok());
        assert_eq!(config.container.as_deref(), Some("ballast-agent"));
    }

    #[test]
    fn what_is_refused() {
        for (name, value) in [
            (ENV_DRAIN, "5s"),
            (ENV_DRAIN, "-1"),
            (ENV_MEMORY, "8"),
            (ENV_LOG, "loud"),
            (ENV_SNAPSHOT, "../x"),
            (ENV_NAMESPACE, "a/b"),
            (ENV_POD_NAME, "a/b"),
            (ENV_POD_UID, "../x"),
            (ENV_POD_IP, "10.0.0"),
            (ENV_REPO_CA, "/nowhere/ca.pem"),
        ] {
            let error = parsed(&[(name, value)]).expect_err(value);
            assert!(error.contains(name), "{error}");
        }
        assert!(parse(&["x".to_owned()], |_| None).is_err());
    }
}
