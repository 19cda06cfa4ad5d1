//! `ballast-controller`: watches the Pods that ask for something by a label, derives each one's codebase and publishes it to
//! the Repo. Not for: what follows from a label (`ballast-derive`), scripts, storing. Exit codes: 0 stopped, 1 failed, 64 bad
//! usage.
//!
//! Start reading at `reconcile/` (which Pod, when), then `publish.rs` (one Pod), `leader.rs` (who acts), `app.rs`.

#![forbid(unsafe_code)]

mod admin;
mod app;
mod config;
mod config_map;
mod error;
mod events;
mod infra_configuration;
mod leader;
mod leftovers;
mod limits;
mod metrics;
mod publish;
mod reconcile;
mod registrations;
mod serve;
mod token;
mod webhook;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::config::Command;

/// Exit code: bad usage (EX_USAGE of sysexits.h).
const BAD_USAGE: u8 = 64;

fn main() -> ExitCode {
    let command = match config::parse(std::env::args_os().skip(1), |name| std::env::var(name).ok()) {
        Ok(command) => command,
        Err(message) => {
            say(
                &mut std::io::stderr(),
                &format!("ballast-controller: {message}\ntry --help\n"),
            );
            return ExitCode::from(BAD_USAGE);
        }
    };
    let config = match command {
        Command::Help => {
            say(&mut std::io::stdout(), &config::help());
            return ExitCode::SUCCESS;
        }
        Command::Version => {
            say(
                &mut std::io::stdout(),
                concat!("ballast-controller ", env!("CARGO_PKG_VERSION"), "\n"),
            );
            return ExitCode::SUCCESS;
        }
        Command::Run(config) => config,
    };
    log();
    // Fails only if it was done before, and then it is done.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime");
    match runtime.and_then(|runtime| runtime.block_on(app::run(&config))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("ballast-controller: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

fn log() {
    let filter = std::env::var("BALLAST_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&filter).unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}

/// Output to a closed pipe is nobody's loss.
fn say(out: &mut dyn std::io::Write, text: &str) {
    drop(out.write_all(text.as_bytes()));
}
