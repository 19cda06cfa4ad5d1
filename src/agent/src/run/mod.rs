//! `ballast run`: the engine on a command line. Where the scripts come from is source.rs; the life of the process, with
//! signals, reload and the end, is here. Source: pipyjs/cli.md sections 1 and 4, repo.md 1.1.

mod local;
mod source;

use crate::config::{RUN_FAILED, RunConfig};
use crate::log::Log;
use crate::signals::Signals;
use ballast_engine::{Engine, Notice, Options};
use source::Source;
use std::fs::OpenOptions;
use std::sync::Arc;

/// Runs until there is nothing left to do, and gives the exit code.
pub(crate) fn main(config: RunConfig) -> u8 {
    let file = config
        .log_file
        .as_ref()
        .map(|path| OpenOptions::new().create(true).append(true).open(path));
    let file = match file.transpose() {
        Ok(file) => file,
        Err(error) => return fail(&format!("cannot write the log file: {error}")),
    };
    let log = Log::install(config.log_level.clone(), config.log_to, file, config.log_history_bytes);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start the runtime: {error}")),
    };
    runtime.block_on(run(config, log))
}

async fn run(config: RunConfig, _log: Log) -> u8 {
    let source = match Source::open(&config) {
        Ok(source) => source,
        Err(error) => return fail(&error),
    };
    let mut signals = Signals::new();
    signals.take(&["SIGINT", "SIGTERM", "SIGHUP", "SIGTSTP"]);
    let options = options(&config);
    let mut engine = match start(&source, &options).await {
        Ok(engine) => engine,
        Err(message) => return fail(&message),
    };
    if config.verify {
        return 0;
    }
    loop {
        let status = engine.status().await;
        let handled: Vec<&str> = status.signals.iter().map(String::as_str).collect();
        signals.take(&handled);
        tokio::select! {
            notice = engine.notice() => match notice {
                Notice::Exit(code) => return exit_code(code),
                Notice::Idle => return 0,
                Notice::Restart => reload(&mut engine, &source).await,
            },
            name = signals.next() => match name {
                name if handled.contains(&name) => engine.signal(name).await,
                "SIGHUP" => reload(&mut engine, &source).await,
                "SIGTSTP" => {}
                _ => return shut_down(engine, signals).await,
            },
        }
    }
}

async fn start(source: &Source, options: &Options) -> Result<Engine, String> {
    let codebase = source.fetch()?;
    Engine::start(Arc::new(codebase), options.clone())
        .await
        .map_err(|error| error.to_string())
}

async fn reload(engine: &mut Engine, source: &Source) {
    let result = match source.fetch() {
        Ok(codebase) => engine
            .reload(Arc::new(codebase))
            .await
            .map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => tracing::info!(target: "restart", "codebase {} reloaded", source.shown()),
        Err(error) => tracing::error!(target: "restart", "Failed reloading codebase {}: {error}", source.shown()),
    }
}

/// Graceful end; a second signal ends at once, and so does `pipy.exit(code)`.
async fn shut_down(mut engine: Engine, mut signals: Signals) -> u8 {
    tracing::info!(target: "shutdown", "Shutting down...");
    let drained = engine.drain();
    tokio::pin!(drained);
    loop {
        tokio::select! {
            () = &mut drained => return 0,
            name = signals.next() => if matches!(name, "SIGINT" | "SIGTERM") {
                tracing::info!(target: "shutdown", "Forced to shut down");
                return 0;
            },
            notice = engine.notice() => if let Notice::Exit(code) = notice {
                return exit_code(code);
            },
        }
    }
}

fn options(config: &RunConfig) -> Options {
    Options {
        threads: config.threads,
        reuse_port: config.reuse_port,
        force_start: config.force_start,
        argv: config.argv.clone(),
        name: config.name.clone(),
        uuid: config.uuid.clone().unwrap_or_else(uuid),
        source: source::shown(&config.program),
        since_ms: since_ms(),
        ..Options::default()
    }
}

/// Milliseconds since 1970.
fn since_ms() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| (since.as_secs_f64() * 1000.0).floor())
}

/// A random UUID. Source: RFC 9562 section 5.4 (version 4).
fn uuid() -> String {
    let bits = (fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// What the system makes of `pipy.exit(code)`: its lowest eight bits.
fn exit_code(code: i32) -> u8 {
    code.to_le_bytes()[0]
}

fn fail(message: &str) -> u8 {
    crate::log::complain(message);
    RUN_FAILED
}
