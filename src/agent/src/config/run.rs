//! The command line of `run` and of `pipy`: options, one positional, arguments of the script. Pure but for the look at
//! whether the positional is a file. Source: pipyjs/cli.md sections 1 and 2.

use super::flags::{FLAGS, Takes};
use super::{Command, RUN_FAILED, help};
use crate::limits;
use crate::log::{LogLevel, Rotation};
use ballast_engine::ScriptLimits;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What `run` is to do, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunConfig {
    /// What to run.
    pub(crate) program: Program,
    /// `pipy.argv`: our own name, then the script's arguments.
    pub(crate) argv: Vec<String>,
    /// Worker threads.
    pub(crate) threads: usize,
    /// What is logged.
    pub(crate) log_level: LogLevel,
    /// Where the log goes.
    pub(crate) log_to: LogTo,
    /// A file that it goes to as well.
    pub(crate) log_file: Option<PathBuf>,
    /// Whether the Repo may read it over the admin link.
    pub(crate) log_to_repo: bool,
    /// When that file is full.
    pub(crate) log_rotation: Rotation,
    /// Bytes of log kept in memory.
    pub(crate) log_history_bytes: usize,
    /// Look for changes, retry at the start.
    pub(crate) reload: bool,
    /// Report the status to the Repo.
    pub(crate) status: bool,
    /// With metrics.
    pub(crate) metrics: bool,
    /// What scripts may use.
    pub(crate) limits: ScriptLimits,
    /// Draw the layouts in the log at the start.
    pub(crate) graph: bool,
    /// Start although a port cannot be opened.
    pub(crate) force_start: bool,
    /// SO_REUSEPORT on all listeners.
    pub(crate) reuse_port: bool,
    /// Where the admin port is.
    pub(crate) admin: Option<SocketAddr>,
    /// TLS of the admin port.
    pub(crate) admin_tls: TlsFiles,
    /// TLS towards the Repo.
    pub(crate) repo_tls: TlsFiles,
    /// Whether it is open from the start.
    pub(crate) admin_open: bool,
    /// Identity; None: make one.
    pub(crate) uuid: Option<String>,
    /// Name in status reports.
    pub(crate) name: String,
    /// Reload when a local script's file changes.
    pub(crate) watch_file: bool,
    /// Load, report, exit.
    pub(crate) verify: bool,
}

/// PEM files for one side of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Our certificate.
    pub(crate) cert: Option<PathBuf>,
    /// Its key.
    pub(crate) key: Option<PathBuf>,
    /// Certificates that sign the peer's.
    pub(crate) trusted: Option<PathBuf>,
}

impl TlsFiles {
    /// The rules of the command line: certificate and key come together; the server's `trusted` needs them.
    fn check(&self, prefix: &str, is_server: bool) -> Result<(), String> {
        if self.cert.is_some() != self.key.is_some() {
            return Err(format!(
                "options --{prefix}-cert and --{prefix}-key are only used together"
            ));
        }
        if is_server && self.trusted.is_some() && self.cert.is_none() {
            return Err(format!(
                "option --{prefix}-trusted needs --{prefix}-cert and --{prefix}-key"
            ));
        }
        Ok(())
    }
}

/// What the positional is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// Script text.
    Expression(String),
    /// A file; its folder is the codebase.
    File(PathBuf),
    /// A folder; its `main.js` is run.
    Folder(PathBuf),
    /// The root of a codebase in a Repo.
    Remote(String),
}

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogTo {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Only into memory.
    Nowhere,
}

/// How the positional is to be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Guess,
    Expression,
    File,
}

/// The meaning of the arguments after `run`.
pub(super) fn command(program: &str, args: &[String]) -> Command {
    parse(program, args).unwrap_or_else(|message| Command::Usage(message, RUN_FAILED))
}

fn parse(program: &str, args: &[String]) -> Result<Command, String> {
    let mut config = RunConfig {
        program: Program::Expression(String::new()),
        argv: vec![program.to_owned()],
        threads: 1,
        log_level: LogLevel::default(),
        log_to: LogTo::Stderr,
        log_file: None,
        log_to_repo: true,
        log_rotation: Rotation::default(),
        log_history_bytes: limits::LOG_HISTORY_BYTES.0,
        reload: true,
        status: true,
        metrics: true,
        graph: true,
        limits: ScriptLimits::default(),
        force_start: false,
        reuse_port: false,
        admin: None,
        admin_tls: TlsFiles::default(),
        repo_tls: TlsFiles::default(),
        admin_open: true,
        uuid: None,
        name: String::new(),
        watch_file: false,
        verify: false,
    };
    let mut form = Form::Guess;
    let mut positional: Option<String> = None;
    let mut is_script = false;
    for (index, arg) in args.iter().enumerate() {
        if is_script {
            if arg == "--pipy-options" {
                is_script = false;
            } else if positional.is_none() && !arg.starts_with('-') {
                positional = Some(arg.clone());
            } else {
                config.argv.push(arg.clone());
            }
            continue;
        }
        if !arg.starts_with('-') || arg == "-" {
            if positional.replace(arg.clone()).is_some() {
                return Err(format!("redundant argument: {arg}"));
            }
            continue;
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg.as_str(), None),
        };
        let flag = FLAGS
            .iter()
            .find(|flag| flag.names.contains(&name))
            .ok_or_else(|| format!("unknown option: {arg}; see --help"))?;
        let value = match (flag.takes, value) {
            (Takes::Nothing, None) => "",
            (Takes::Value(_), Some(value)) => value,
            (Takes::Nothing, Some(_)) => return Err(format!("option {name} takes no value: {arg}")),
            (Takes::Value(form), None) => return Err(format!("option {name} needs a value: {name}={form}")),
        };
        let bad = |what: &str| format!("invalid value of {name}: {value:?}; {what}");
        match flag.names.last().copied().unwrap_or_default() {
            "--help" => return Ok(Command::Print(help::run(program))),
            "--version" => return Ok(Command::Print(help::version())),
            "--list-filters" => return Ok(Command::Print(help::filter_names())),
            "--help-filters" => return Ok(Command::Print(help::filters())),
            "--eval" => form = Form::Expression,
            "--file" => form = Form::File,
            "--args" => is_script = true,
            "--pipy" if index == 0 => {}
            "--pipy" => return Err("option --pipy must come first".to_owned()),
            "--threads" => config.threads = threads(value).ok_or_else(|| bad("a number from 1, or max"))?,
            "--log-level" => config.log_level = value.parse::<LogLevel>().map_err(|what| bad(&what))?,
            "--log-file" => config.log_file = Some(PathBuf::from(value)),
            "--log-file-max-size" => {
                let bytes = size(value).filter(|bytes| *bytes > 0);
                config.log_rotation.max_bytes =
                    Some(bytes.ok_or_else(|| bad("bytes, or with k, m or g behind"))? as u64);
            }
            "--log-file-max-count" => {
                config.log_rotation.max_files = Some(value.parse().map_err(|_| bad("a number"))?);
            }
            "--log-file-rotate-interval" => {
                let interval = duration(value).filter(|interval| !interval.is_zero());
                config.log_rotation.interval =
                    Some(interval.ok_or_else(|| bad("seconds, or with s, m, h or d behind"))?);
            }
            "--log-local" => {
                config.log_to = match value {
                    "stdout" => LogTo::Stdout,
                    "stderr" => LogTo::Stderr,
                    "null" => LogTo::Nowhere,
                    _ => return Err(bad("stdout, stderr or null")),
                }
            }
            "--log-history-limit" => {
                config.log_history_bytes = size(value)
                    .filter(|bytes| *bytes <= limits::LOG_HISTORY_BYTES.1)
                    .ok_or_else(|| bad("bytes, or with k or m behind, at most 256m"))?;
            }
            "--log-local-only" => config.log_to_repo = false,
            "--no-graph" => config.graph = false,
            "--script-heap" => {
                let bytes = size(value).filter(|bytes| limits::SCRIPT_HEAP.contains(bytes));
                config.limits.heap_bytes = bytes.ok_or_else(|| bad("bytes, or with k, m or g behind, from 4m"))?;
            }
            "--script-data" => {
                let bytes = size(value).filter(|bytes| limits::SCRIPT_DATA.contains(bytes));
                config.limits.data_bytes = bytes.ok_or_else(|| bad("bytes, or with k, m or g behind, from 1m"))?;
            }
            "--script-stack" => {
                let bytes = size(value).filter(|bytes| limits::SCRIPT_STACK.contains(bytes));
                config.limits.stack_bytes =
                    bytes.ok_or_else(|| bad("bytes, or with k or m behind, from 64k to 64m"))?;
            }
            "--script-time" => {
                let time = duration(value).filter(|time| !time.is_zero());
                config.limits.call_time = time.ok_or_else(|| bad("seconds, or with s, m, h or d behind"))?;
            }
            "--script-timers" => config.limits.timers = count(value).ok_or_else(|| bad("a number from 1"))?,
            "--max-connections" => config.limits.connections = count(value).ok_or_else(|| bad("a number from 1"))?,
            "--no-reload" => config.reload = false,
            "--no-status" => config.status = false,
            "--no-metrics" => config.metrics = false,
            "--force-start" => config.force_start = true,
            "--reuse-port" => config.reuse_port = true,
            "--admin-port" => config.admin = Some(address(value).ok_or_else(|| bad("[[ip]:]port"))?),
            "--admin-tls-cert" => config.admin_tls.cert = Some(PathBuf::from(value)),
            "--admin-tls-key" => config.admin_tls.key = Some(PathBuf::from(value)),
            "--admin-tls-trusted" => config.admin_tls.trusted = Some(PathBuf::from(value)),
            "--tls-cert" => config.repo_tls.cert = Some(PathBuf::from(value)),
            "--tls-key" => config.repo_tls.key = Some(PathBuf::from(value)),
            "--tls-trusted" => config.repo_tls.trusted = Some(PathBuf::from(value)),
            "--init-repo" | "--init-code" | "--admin-gui" => {
                return Err(format!(
                    "option {name} is for a Repo, which is the program ballast-repo"
                ));
            }
            "--openssl-engine" => {
                return Err(format!(
                    "option {name}: there is no OpenSSL in here to load an engine into"
                ));
            }
            "--trace-objects" | "--admin-log-file" => {}
            "--admin-port-off" => config.admin_open = false,
            "--instance-uuid" if value.is_empty() || value.contains('/') => {
                return Err(bad("some text without a slash"));
            }
            "--instance-uuid" => config.uuid = Some(value.to_owned()),
            "--instance-name" => value.clone_into(&mut config.name),
            "--watch-config-file" => config.watch_file = true,
            "--verify" => config.verify = true,
            other => return Err(format!("option {other} is not implemented")),
        }
    }
    config.admin_tls.check("admin-tls", true)?;
    config.repo_tls.check("tls", false)?;
    config.program = program_of(positional, form)?;
    Ok(Command::Run(Box::new(config)))
}

fn program_of(positional: Option<String>, form: Form) -> Result<Program, String> {
    let Some(text) = positional else {
        return Err("what to run is missing: a file, a folder, a URL or script text; \
                    the Repo itself is the program ballast-repo"
            .to_owned());
    };
    let path = PathBuf::from(&text);
    match form {
        Form::Expression => Ok(Program::Expression(text)),
        Form::File if path.is_file() => Ok(Program::File(path)),
        Form::File => Err(format!("file {text} is not there")),
        Form::Guess if text.starts_with("http://") || text.starts_with("https://") => remote(&text),
        Form::Guess if text.starts_with("repo://") => Err(format!("{text}: no codebases are built in")),
        Form::Guess if path.is_dir() && path.join("main.js").is_file() => Ok(Program::Folder(path)),
        Form::Guess if path.is_dir() => Err(format!(
            "folder {text} holds no main.js; to serve it as a Repo use ballast-repo --data"
        )),
        Form::Guess if path.is_file() => Ok(Program::File(path)),
        Form::Guess => Ok(Program::Expression(text)),
    }
}

/// A URL without a path is upstream's caching proxy, which we are not.
fn remote(url: &str) -> Result<Program, String> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    match rest.split_once('/') {
        Some((_, path)) if !path.is_empty() => Ok(Program::Remote(url.to_owned())),
        _ => Err(format!(
            "{} names no codebase, and to stand in for a Repo is not in this program; give the whole address of a codebase, as in \
             http://host:port/repo/name/",
            crate::log::redact(url)
        )),
    }
}

fn threads(text: &str) -> Option<usize> {
    if text == "max" {
        return Some(std::thread::available_parallelism().map_or(1, usize::from));
    }
    text.parse().ok().filter(|n| (1..=limits::THREADS).contains(n))
}

/// Bytes, with k, m or g for powers of 1024.
fn size(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match lower.get(digits.len()..)? {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(1 << shift)
}

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| *n > 0)
}

/// Seconds, with s, m, h or d for the unit.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(digits.parse::<u64>().ok()?.checked_mul(unit)?))
}

/// `6062`, `:6062`, `127.0.0.1:6062`, `[::1]:6062`; without an address: all of them.
fn address(text: &str) -> Option<SocketAddr> {
    let port = text.strip_prefix(':').unwrap_or(text);
    match port.parse::<u16>() {
        Ok(port) => Some(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], port))),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
