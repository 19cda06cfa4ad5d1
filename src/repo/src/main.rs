//! `ballast-repo`: the Repo. Codebases with versions and inheritance behind an HTTP API that Pipy workers and tools know, with
//! long polls, in-place publishes and deletions that Ballast agents follow. Not for: deriving Pods (`ballast-derive`; here is
//! only the command that publishes one), running scripts. Exit codes: 0 done, 1 failed, 64 bad usage.
//!
//! Start reading at `model.rs`, then `resolve.rs`, `change/`, `repository.rs`, `api/`.

#![forbid(unsafe_code)]

mod api;
mod change;
mod config;
mod error;
mod instances;
mod model;
mod publish;
mod registrations;
mod repository;
mod resolve;
mod seed;
mod serve;
mod store;
mod waiters;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use sha2::Digest as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::{Command, Serve, Writers};
use crate::repository::Repository;
use crate::store::{Disk, Memory, Store};

/// Exit code: bad usage (EX_USAGE of sysexits.h).
const BAD_USAGE: u8 = 64;

/// Threads that serve; more cores than that do not make it faster.
const MAX_THREADS: usize = 4;

fn main() -> ExitCode {
    let command = match config::parse(std::env::args_os().skip(1), |name| std::env::var(name).ok()) {
        Ok(command) => command,
        Err(message) => {
            say(
                &mut std::io::stderr(),
                &format!("ballast-repo: {message}\ntry --help\n"),
            );
            return ExitCode::from(BAD_USAGE);
        }
    };
    let done = match command {
        Command::Help => {
            say(&mut std::io::stdout(), config::HELP);
            return ExitCode::SUCCESS;
        }
        Command::Version => {
            say(
                &mut std::io::stdout(),
                concat!("ballast-repo ", env!("CARGO_PKG_VERSION"), "\n"),
            );
            return ExitCode::SUCCESS;
        }
        Command::Serve(config) => {
            log("info");
            runtime(true).and_then(|runtime| runtime.block_on(run(config)))
        }
        Command::PublishPod(config) => {
            log("warn");
            // Fails only if it was done before, and then it is done.
            drop(rustls::crypto::ring::default_provider().install_default());
            runtime(false).and_then(|runtime| runtime.block_on(publish::run(&config)))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("ballast-repo: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// The version of a content: half of its SHA-256 is plenty to tell two apart.
fn hash(bytes: &[u8]) -> String {
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

async fn run(config: Serve) -> anyhow::Result<()> {
    raise_open_files();
    let store: Arc<dyn Store> = match &config.data {
        Some(folder) => Arc::new(Disk::open(folder)?),
        None => {
            tracing::warn!("no --data: everything is in memory and gone at exit");
            Arc::new(Memory::default())
        }
    };
    let repository = Arc::new(Repository::open(store)?);
    seed::base(&repository, config.base.as_deref()).await?;
    if let Some(folder) = &config.init_repo {
        seed::init_repo(&repository, folder).await?;
    }
    if config.writers == Writers::Nobody {
        tracing::warn!("nobody can write: there is no token (BALLAST_REPO_TOKEN, --token-file) and no --dev");
    }
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listen on {}", config.listen))?;
    let (stop, stopped) = watch::channel(false);
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let codebases = repository.state().names().count();
    tracing::info!(codebases, writers = ?config.writers, data = ?config.data, "ready");
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let app = Arc::new(api::App::new(Arc::clone(&repository), config.writers));
    let server = tokio::spawn(serve::serve(listener, api::router(app), stopped));
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping");
    repository.waiters.close();
    stop.send_replace(true);
    tokio::select! {
        ended = server => ended.context("the server broke off")?,
        _ = term.recv() => tracing::warn!("second signal: stopping at once"),
        _ = int.recv() => tracing::warn!("second signal: stopping at once"),
    }
    Ok(())
}

/// Each waiting agent is an open file. The usual soft limit is 1024, for the sake of programs that use select(2) only.
fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    match raised {
        Ok(limit) => tracing::debug!(limit, "open files"),
        Err(error) => tracing::warn!(%error, "can't raise the limit of open files"),
    }
}

fn runtime(is_server: bool) -> anyhow::Result<tokio::runtime::Runtime> {
    if !is_server {
        return tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the runtime");
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(cores.min(MAX_THREADS))
        .enable_all()
        .build()
        .context("start the runtime")
}

fn log(default: &str) {
    let filter = std::env::var("BALLAST_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&filter).unwrap_or_else(|_| default.into());
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
