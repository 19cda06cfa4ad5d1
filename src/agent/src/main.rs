//! The binary `ballast`: `ballast agent` beside PID 1 of a Pod, `ballast run` (or called as `pipy`) on a command line.
//! Parse, build, run, exit code; nothing else. Exit codes of `run`: pipyjs/cli.md section 4; of `agent`: 0 drained,
//! 1 failed, 64 bad usage.
#![forbid(unsafe_code)]

mod config;
mod limits;
mod log;
mod run;
mod signals;

use config::Command;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
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
        Command::Run(config) => ExitCode::from(run::main(*config)),
    }
}
