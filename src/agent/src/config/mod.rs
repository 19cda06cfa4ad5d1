//! Command line and environment of the process: the only reader of both. Typed values flow down from here.
//! Source: pipyjs/cli.md (run), design.md 4 (agent).

mod agent;
mod container;
mod flags;
mod help;
mod reference;
mod remote;
mod run;

pub(crate) use agent::AgentConfig;
pub(crate) use container::ContainerConfig;
pub(crate) use remote::RemoteConfig;
pub(crate) use run::{LogTo, Program, RunConfig, TlsFiles};

/// What the process is to do.
pub(crate) enum Command {
    /// Print this and exit 0.
    Print(String),
    /// Say this on stderr and exit with the code.
    Usage(String, u8),
    /// Be the agent of a Pod.
    Agent(Box<AgentConfig>),
    /// Run scripts.
    Run(Box<RunConfig>),
    /// Run scripts in several processes.
    Container(Box<ContainerConfig>),
    /// Ask the agent of a Pod elsewhere.
    Remote(Box<RemoteConfig>),
}

/// Exit code of a bad command line of `ballast` itself (sysexits(3), EX_USAGE).
pub(crate) const BAD_USAGE: u8 = 64;
/// Exit code of a bad command line, script or port of `run`: -1 as upstream has it.
pub(crate) const RUN_FAILED: u8 = 255;

/// The meaning of a whole command line, the program's own name first.
pub(crate) fn command(args: &[String]) -> Command {
    let program = args.first().map(String::as_str).unwrap_or("ballast");
    let rest = args.get(1..).unwrap_or_default();
    if program.rsplit('/').next() == Some("pipy") {
        return run::command(program, rest);
    }
    match rest.first().map(String::as_str) {
        Some("agent") => agent::command(&rest[1..], |name| std::env::var(name).ok()),
        Some("run") => run::command(program, &rest[1..]),
        Some("container") => container::command(&rest[1..], &container::System),
        Some("filters") => reference::command("filters", &rest[1..]),
        Some("globals") => reference::command("globals", &rest[1..]),
        Some(name @ ("logs" | "status")) => remote::command(name, &rest[1..]),
        Some("--version" | "-v" | "-version") => Command::Print(help::version()),
        Some("--help" | "-h" | "-help") => Command::Print(help::ballast()),
        Some(other) => Command::Usage(
            format!(
                "unknown command {other:?}; ballast knows agent, run, container, logs, status, filters and globals, see ballast --help"
            ),
            BAD_USAGE,
        ),
        None => Command::Usage("a command is missing; see ballast --help".to_owned(), BAD_USAGE),
    }
}
