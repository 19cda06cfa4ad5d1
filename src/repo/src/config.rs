//! Flags and environment → typed configuration; the only reader of both. Pure but for the token file.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
ballast-repo: script repository for Ballast agents and Pipy workers

usage: ballast-repo [options]
       ballast-repo publish-pod POD.yaml [publish options]

options:
  --listen ADDR      address and port to serve on (127.0.0.1:6060; port 0: any free one)
  --data DIR         keep everything in DIR (without it: in memory, gone at exit)
  --token-file FILE  bearer token that writers must send; or BALLAST_REPO_TOKEN in the environment
  --dev              let anybody write; binds loopback only
  --base DIR         seed the codebase /base from DIR instead of the built-in scripts
  --init-repo DIR    make a codebase of every folder below DIR that holds files
  --help, --version

publish options:
  --repo URL         address of the Repo (BALLAST_REPO, else http://127.0.0.1:6060)
  --settings FILE    settings of features, YAML: registry: {type: eureka, servers: [...]}
  --pod-ip IP        address of the Pod, where it is known
  --ready BOOL       whether the Pod is ready: true or false
  --deleting         mark the Pod for deletion
  --delete           remove the Pod's codebase
  --ca FILE          PEM of the authority that signs an https Repo
  --token-file FILE  bearer token; or BALLAST_REPO_TOKEN in the environment

examples:
  ballast-repo --dev
  BALLAST_REPO_TOKEN=... ballast-repo --listen 0.0.0.0:6060 --data /var/lib/ballast-repo
  ballast-repo publish-pod web.yaml --settings eureka.yaml --pod-ip 10.88.0.6
  ballast-repo publish-pod web.yaml --settings eureka.yaml --deleting
  ballast-repo publish-pod web.yaml --delete

without a token and without --dev nobody can write. exit codes: 0 done, 1 failed, 64 bad usage
";

/// Environment: the bearer token.
const TOKEN_ENV: &str = "BALLAST_REPO_TOKEN";
/// Environment: the address of the Repo.
const REPO_ENV: &str = "BALLAST_REPO";
const DEFAULT_LISTEN: &str = "127.0.0.1:6060";
const DEFAULT_REPO: &str = "http://127.0.0.1:6060";

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Version,
    Serve(Serve),
    PublishPod(Box<PublishPod>),
}

/// Configuration of the service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    pub(crate) listen: SocketAddr,
    /// `None`: in memory.
    pub(crate) data: Option<PathBuf>,
    pub(crate) writers: Writers,
    /// `None`: the built-in scripts.
    pub(crate) base: Option<PathBuf>,
    pub(crate) init_repo: Option<PathBuf>,
}

/// Who may write.
#[derive(PartialEq, Eq)]
pub(crate) enum Writers {
    Nobody,
    Token(String),
    Anybody,
}

impl std::fmt::Debug for Writers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nobody => "nobody",
            Self::Token(_) => "those with the token",
            Self::Anybody => "anybody on this machine",
        })
    }
}

/// Configuration of `publish-pod`.
pub(crate) struct PublishPod {
    pub(crate) manifest: PathBuf,
    pub(crate) repo: String,
    pub(crate) settings: Option<PathBuf>,
    pub(crate) pod_ip: Option<String>,
    pub(crate) ready: Option<bool>,
    pub(crate) is_deleting: bool,
    pub(crate) is_delete: bool,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) token: Option<String>,
}

impl std::fmt::Debug for PublishPod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "publish {}", self.manifest.display())
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
    let args: Vec<OsString> = args.into_iter().collect();
    if args.first().is_some_and(|first| first == "publish-pod") {
        return publish_pod(&args[1..], &env);
    }
    let mut parser = lexopt::Parser::from_args(args);
    let mut listen = DEFAULT_LISTEN.to_owned();
    let (mut data, mut base, mut init_repo, mut token_file) = (None, None, None, None);
    let mut is_dev = false;
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('v') | Long("version") => return Ok(Command::Version),
            Long("listen") => listen = text(&mut parser)?,
            Long("data") => data = Some(path(&mut parser)?),
            Long("base") => base = Some(path(&mut parser)?),
            Long("init-repo") => init_repo = Some(path(&mut parser)?),
            Long("token-file") => token_file = Some(path(&mut parser)?),
            Long("dev") => is_dev = true,
            Value(word) => return Err(format!("unknown command {word:?}; there is only publish-pod")),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let listen: SocketAddr = listen
        .parse()
        .map_err(|_| format!("--listen {listen:?}: give an address and a port, like {DEFAULT_LISTEN}"))?;
    let writers = match (is_dev, token(token_file, &env)?) {
        (true, _) if !listen.ip().is_loopback() => {
            return Err(format!(
                "--dev lets anybody write, so it serves loopback only, not {}",
                listen.ip()
            ));
        }
        (true, _) => Writers::Anybody,
        (false, Some(token)) => Writers::Token(token),
        (false, None) => Writers::Nobody,
    };
    Ok(Command::Serve(Serve {
        listen,
        data,
        writers,
        base,
        init_repo,
    }))
}

fn publish_pod(args: &[OsString], env: &impl Fn(&str) -> Option<String>) -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_args(args);
    let (mut manifest, mut repo, mut settings, mut pod_ip) = (None, None, None, None);
    let (mut ready, mut ca, mut token_file) = (None, None, None);
    let (mut is_deleting, mut is_delete) = (false, false);
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("repo") => repo = Some(text(&mut parser)?),
            Long("settings") => settings = Some(path(&mut parser)?),
            Long("pod-ip") => {
                let ip = text(&mut parser)?;
                let parsed: std::net::IpAddr = ip.parse().map_err(|_| format!("--pod-ip {ip:?}: not an IP address"))?;
                pod_ip = Some(parsed.to_string());
            }
            Long("ready") => match text(&mut parser)?.as_str() {
                "true" => ready = Some(true),
                "false" => ready = Some(false),
                other => return Err(format!("--ready {other:?}: give true or false")),
            },
            Long("deleting") => is_deleting = true,
            Long("delete") => is_delete = true,
            Long("ca") => ca = Some(path(&mut parser)?),
            Long("token-file") => token_file = Some(path(&mut parser)?),
            Value(file) if manifest.is_none() => manifest = Some(PathBuf::from(file)),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if is_deleting && is_delete {
        return Err("--deleting marks the pod, --delete removes its codebase: give one of them".to_owned());
    }
    let repo = repo
        .or_else(|| env(REPO_ENV))
        .unwrap_or_else(|| DEFAULT_REPO.to_owned());
    Ok(Command::PublishPod(Box::new(PublishPod {
        manifest: manifest.ok_or("publish-pod: give the file of a pod manifest")?,
        repo,
        settings,
        pod_ip,
        ready,
        is_deleting,
        is_delete,
        ca,
        token: token(token_file, env)?,
    })))
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|e| e.to_string())?;
    value.into_string().map_err(|value| format!("{value:?} is not UTF-8"))
}

fn path(parser: &mut lexopt::Parser) -> Result<PathBuf, String> {
    parser.value().map(PathBuf::from).map_err(|e| e.to_string())
}

fn token(file: Option<PathBuf>, env: &impl Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    let (token, origin) = match file {
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|e| format!("--token-file {}: {e}", file.display()))?;
            (text, format!("--token-file {}", file.display()))
        }
        None => match env(TOKEN_ENV) {
            Some(text) => (text, TOKEN_ENV.to_owned()),
            None => return Ok(None),
        },
    };
    let token = token.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{origin}: the token must be printable ASCII, at least one character"
        ));
    }
    Ok(Some(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str], env_token: Option<&str>) -> Result<Command, String> {
        let env = |name: &str| env_token.filter(|_| name == TOKEN_ENV).map(str::to_owned);
        parse(args.iter().map(OsString::from), env)
    }

    #[test]
    fn who_may_write() {
        let rows: [(&str, &[&str], Option<&str>, Writers); 4] = [
            ("nothing given", &[], None, Writers::Nobody),
            (
                "token",
                &["--listen=0.0.0.0:1"],
                Some(" t\n"),
                Writers::Token("t".to_owned()),
            ),
            ("dev", &["--dev"], None, Writers::Anybody),
            (
                "dev wins",
                &["--dev", "--listen", "[::1]:0"],
                Some("t"),
                Writers::Anybody,
            ),
        ];
        for (row, args, token, wanted) in rows {
            let Ok(Command::Serve(serve)) = run(args, token) else {
                panic!("{row}")
            };
            assert_eq!(serve.writers, wanted, "{row}");
        }
    }

    #[test]
    fn bad_usage() {
        let rows: [(&[&str], Option<&str>, &str); 9] = [
            (&["--dev", "--listen", "0.0.0.0:1"], None, "loopback only"),
            (&["--listen", "nonsense"], None, "address and a port"),
            (&["--nonsense"], None, "nonsense"),
            (&["serve"], None, "unknown command"),
            (&["--token-file", "/does/not/exist"], None, "/does/not/exist"),
            (&[], Some("  "), "printable ASCII"),
            (&["publish-pod"], None, "pod manifest"),
            (&["publish-pod", "a", "--ready", "maybe"], None, "true or false"),
            (&["publish-pod", "a", "--delete", "--deleting"], None, "one of them"),
        ];
        for (args, token, wanted) in rows {
            let message = run(args, token).unwrap_err();
            assert!(message.contains(wanted), "{args:?}: {message}");
        }
    }
}
