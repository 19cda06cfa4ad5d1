//! Flags and environment → typed configuration; the only reader of both. Pure but for files that flags name.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::{Long, Short};

use crate::limits::{MAX_FEATURES, RESYNC_SECONDS};
use crate::webhook;

/// What `--help` prints.
pub(crate) fn help() -> String {
    format!("{HELP}\n{}{HELP_END}", webhook::options::HELP)
}

const HELP: &str = "\
ballast-controller: publishes the codebase of every labelled Pod to the Repo

usage: ballast-controller [options]

options:
  --repo URL         address of the Repo (BALLAST_REPO, else http://ballast-repo.ballast-system.svc:6060)
  --ca FILE          PEM of the authority that signs an https Repo
  --token-file FILE  bearer token for the Repo; or BALLAST_REPO_TOKEN in the environment
  --token-secret NS/NAME
                     take it from key `token` of a Secret, which is made when there is none
  --settings FILE    settings of features, YAML: registry: {type: eureka, servers: [...]}
  --feature NAME     watch Pods with the label infra.flomesh.io/NAME too (repeatable); registry and
                     proxy are watched always
  --listen ADDR      address and port of /healthz and /metrics (none; port 0: any free one)
  --resync SECONDS   compare every codebase with what it should be this often (600)
  --kubeconfig FILE  how to reach the API server (default: the Pod's service account, else KUBECONFIG
                     or ~/.kube/config)
  --context NAME     context of the kubeconfig
  --lease NS/NAME    Lease of the one that acts (ballast-system/ballast-controller); others wait
  --no-lease         act at once: there is no other controller
  --identity NAME    who we are in the Lease, another name for each (default: the host's and a number)
  --help, --version
";

const HELP_END: &str = "
environment: BALLAST_LOG sets the level (error, warn, info, debug)

examples:
  ballast-controller --settings settings.yaml
  ballast-controller --repo http://127.0.0.1:6060 --kubeconfig admin.kubeconfig --feature stats

exit codes: 0 stopped by a signal, 1 failed, 64 bad usage
";

/// Environment: the bearer token.
const TOKEN_ENV: &str = "BALLAST_REPO_TOKEN";
/// Environment: the address of the Repo.
const REPO_ENV: &str = "BALLAST_REPO";
/// The Service of the Repo, as its manifests name it.
const DEFAULT_REPO: &str = "http://ballast-repo.ballast-system.svc:6060";
/// The Lease of the one that acts, as the manifests allow it.
const DEFAULT_LEASE: &str = "ballast-system/ballast-controller";
/// Features that are watched however it is started.
const FEATURES: [&str; 2] = ["proxy", "registry"];

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Version,
    Run(Box<Config>),
}

/// Configuration of the controller.
pub(crate) struct Config {
    pub(crate) repo: String,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) token: Option<String>,
    /// Where the token is instead.
    pub(crate) token_secret: Option<ObjectName>,
    pub(crate) settings: Option<PathBuf>,
    /// Sorted, each once.
    pub(crate) features: Vec<String>,
    pub(crate) resync: Duration,
    /// `None`: nobody is answered.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) context: Option<String>,
    /// `None`: act at once.
    pub(crate) lease: Option<ObjectName>,
    pub(crate) identity: String,
    pub(crate) webhook: webhook::Options,
}

/// An object of the cluster, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectName {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "features {:?} to {}",
            self.features,
            ballast_repo_client::without_credentials(&self.repo)
        )
    }
}

/// Reads the command line. `env` gives the value of an environment variable.
///
/// # Errors
/// One line for the user.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_args(args);
    let (mut repo, mut ca, mut token_file, mut settings) = (None, None, None, None);
    let (mut token_secret, mut resync) = (None, Duration::from_secs(RESYNC_SECONDS));
    let mut listen = None;
    let (mut kubeconfig, mut context) = (None, None);
    let mut webhook = webhook::Options::default();
    let (mut lease, mut identity) = (Some(object_name("--lease", DEFAULT_LEASE)?), None);
    let mut features: Vec<String> = FEATURES.map(str::to_owned).to_vec();
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('v') | Long("version") => return Ok(Command::Version),
            Long("repo") => repo = Some(text(&mut parser)?),
            Long("ca") => ca = Some(path(&mut parser)?),
            Long("token-file") => token_file = Some(path(&mut parser)?),
            Long("settings") => settings = Some(path(&mut parser)?),
            Long("feature") => features.push(feature(&text(&mut parser)?)?),
            Long("resync") => resync = seconds(&text(&mut parser)?)?,
            Long("listen") => listen = Some(address(&text(&mut parser)?)?),
            Long("kubeconfig") => kubeconfig = Some(path(&mut parser)?),
            Long("context") => context = Some(text(&mut parser)?),
            Long("token-secret") => token_secret = Some(object_name("--token-secret", &text(&mut parser)?)?),
            Long("lease") => lease = Some(object_name("--lease", &text(&mut parser)?)?),
            Long("no-lease") => lease = None,
            Long("identity") => identity = Some(text(&mut parser)?).filter(|name| !name.is_empty()),
            Long(flag) if webhook::Options::knows(flag) => {
                let flag = flag.to_owned();
                webhook.set(&flag, text(&mut parser)?)?;
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    features.sort();
    features.dedup();
    if features.len() > MAX_FEATURES {
        return Err(format!(
            "--feature: {} features, and {} can be watched",
            features.len(),
            MAX_FEATURES
        ));
    }
    Ok(Command::Run(Box::new(Config {
        repo: repo
            .or_else(|| env(REPO_ENV))
            .unwrap_or_else(|| DEFAULT_REPO.to_owned()),
        ca,
        token: token(token_file, &env)?,
        token_secret,
        settings,
        features,
        resync,
        listen,
        kubeconfig,
        context,
        lease,
        identity: identity.unwrap_or_else(default_identity),
        webhook,
    })))
}

/// The name part of a label key (Kubernetes: 63 characters; letters, digits, `-`, `_`, `.`, the first and last no sign).
fn feature(name: &str) -> Result<String, String> {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_label = !name.is_empty()
        && name.len() <= 63
        && name.chars().all(is_inner)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    match is_label {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "--feature {name:?}: give the part of a label behind the slash, like stats"
        )),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let parsed = text.parse();
    parsed.map_err(|_| format!("--listen {text:?}: give ADDRESS:PORT, like 127.0.0.1:8080"))
}

/// Whole seconds, one at least.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("--resync {text:?}: give seconds, 1 to 86400")),
    }
}

/// `namespace/name`.
pub(crate) fn object_name(flag: &str, text: &str) -> Result<ObjectName, String> {
    let is_name = |part: &str| {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        !part.is_empty() && part.len() <= 253 && part.chars().all(is_inner)
    };
    match text.split_once('/') {
        Some((namespace, name)) if is_name(namespace) && is_name(name) => Ok(ObjectName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err(format!("{flag} {text:?}: give NAMESPACE/NAME, like {DEFAULT_LEASE}")),
    }
}

/// No two processes have the same, also on one host.
fn default_identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{:08x}", host.trim(), fastrand::u32(..))
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|e| e.to_string())?;
    value.into_string().map_err(|value| format!("{value:?} is not UTF-8"))
}

fn path(parser: &mut lexopt::Parser) -> Result<PathBuf, String> {
    parser.value().map(PathBuf::from).map_err(|e| e.to_string())
}

fn token(file: Option<PathBuf>, env: &impl Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    let (text, origin) = match file {
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|e| format!("--token-file {}: {e}", file.display()))?;
            (text, format!("--token-file {}", file.display()))
        }
        None => match env(TOKEN_ENV) {
            Some(text) => (text, TOKEN_ENV.to_owned()),
            None => return Ok(None),
        },
    };
    checked_token(&text)
        .map(Some)
        .map_err(|reason| format!("{origin}: {reason}"))
}

/// A bearer token without the line end of its file.
pub(crate) fn checked_token(text: &str) -> Result<String, String> {
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the token must be printable ASCII, at least one character".to_owned());
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Command, String> {
        parse(args.iter().map(OsString::from), |_| None)
    }

    #[test]
    fn features_are_sorted_and_there_once() {
        let Ok(Command::Run(config)) = run(&["--feature=stats", "--feature", "registry"]) else {
            panic!("it is valid")
        };
        assert_eq!(config.features, ["proxy", "registry", "stats"]);
        assert_eq!(config.repo, DEFAULT_REPO);
        assert_eq!(
            config.lease.as_ref().map(ToString::to_string).as_deref(),
            Some(DEFAULT_LEASE)
        );
        let other = default_identity();
        assert!(!config.identity.is_empty() && config.identity != other, "{other}");
    }

    #[test]
    fn bad_usage() {
        let rows: [(&[&str], &str); 10] = [
            (&["--nonsense"], "nonsense"),
            (&["--feature", "a/b"], "behind the slash"),
            (&["--feature", ""], "behind the slash"),
            (&["--token-file", "/does/not/exist"], "/does/not/exist"),
            (&["--lease", "name"], "NAMESPACE/NAME"),
            (&["--lease", "Ns/"], "NAMESPACE/NAME"),
            (&["--token-secret", "a/b/c"], "--token-secret"),
            (&["--resync", "0"], "1 to 86400"),
            (&["--listen", "8080"], "ADDRESS:PORT"),
            (&["word"], "word"),
        ];
        for (args, wanted) in rows {
            let message = run(args).unwrap_err();
            assert!(message.contains(wanted), "{args:?}: {message}");
        }
        let many: Vec<String> = (0..40).map(|number| format!("--feature=f{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(run(&many).unwrap_err().contains("can be watched"));
    }
}
