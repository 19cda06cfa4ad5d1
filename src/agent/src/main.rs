//! The binary `ballast`: `ballast agent` beside PID 1 of a Pod, `ballast run` (or called as `pipy`) on a command line.
//! Parse, build, run, exit code; nothing else. Exit codes of `run`: pipyjs/cli.md section 4; of `agent`: 0 drained,
//! 1 failed, 64 bad usage.
#![forbid(unsafe_code)]

mod address;
mod admin;
mod admin_guard;
mod admin_log;
mod admin_tls;
mod config;
mod container;
mod facts;
mod feed;
mod frames;
mod limits;
mod link;
mod log;
mod pod;
mod remote;
mod run;
mod running;
mod signals;

use config::Command;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    // One of a process; it can only be there already, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    match config::command(&args) {
        Command::Print(text) => {
            // A closed stdout is the caller's choice.
            std::io::stdout().write_all(text.as_bytes()).ok();
            ExitCode::SUCCESS
        }
        Command::Usage(message, code) => {
            log::complain(&message);
            ExitCode::from(code)
        }
        Command::Agent(config) => ExitCode::from(pod::main(*config)),
        Command::Run(config) => ExitCode::from(run::main(*config)),
        Command::Remote(config) => ExitCode::from(remote::main(&config)),
        Command::Container(config) => ExitCode::from(container::main(&config)),
    }
}
