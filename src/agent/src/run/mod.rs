//! `ballast run`: the engine on a command line. Where the scripts come from is source.rs; the life of the process, with
//! signals, reload, reports and the end, is here. Source: pipyjs/cli.md sections 1 and 4, repo.md 1 to 1.2.

mod local;
mod source;
mod watched;

use crate::admin::{Admin, Open, Program};
use crate::config::{RUN_FAILED, RunConfig};
use crate::facts::{self, Facts};
use crate::feed::{Change, codebase};
use crate::limits;
use crate::log::{Log, LogFile, redact};
use crate::running::Running;
use crate::signals::Signals;
use ballast_engine::{Codebase, Error, Notice, Options};
use source::Source;
use std::io::Write;
use std::sync::Arc;
use watched::Watched;

/// Runs until there is nothing left to do, and gives the exit code.
pub(crate) fn main(config: RunConfig) -> u8 {
    let file = config
        .log_file
        .as_ref()
        .map(|path| LogFile::open(path, config.log_rotation.clone()));
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

/// What ends a run: the exit code.
struct Exit(u8);

async fn run(config: RunConfig, log: Log) -> u8 {
    let mut source = match Source::open(&config) {
        Ok(source) => source,
        Err(error) => return fail(&error),
    };
    let mut signals = Signals::new();
    signals.take(&["SIGINT", "SIGTERM", "SIGHUP", "SIGTSTP"]);
    let options = options(&config, &log);
    let facts = Facts::new(
        &options.uuid,
        &options.name,
        options.since_ms,
        own_address(&config),
        log.loggers().clone(),
    );
    if config.status {
        source.hold_link(&options.uuid, log.clone(), config.log_to_repo);
    }
    let program = Program {
        name: redact(source.shown()).into_owned(),
        restart: Arc::default(),
    };
    let mut run = Run {
        running: Running::new(options, facts.clone()),
        admin: AdminPort {
            admin: Admin {
                facts: facts.clone(),
                log,
                options: shown_options(&config),
                program: Some(program.clone()),
                tls: match crate::admin_tls::acceptor(&config.admin_tls) {
                    Ok(tls) => tls,
                    Err(error) => return fail(&error),
                },
            },
            open: None,
        },
        facts,
        config,
    };
    if run.config.admin_open
        && let Some(address) = run.config.admin
        && let Err(error) = run.admin.open(address).await
    {
        return fail(&format!("cannot open the admin port {address}: {error}"));
    }
    let before = std::time::SystemTime::now();
    // A local program that does not load ends the process; a remote one is waited for.
    match source.fetch().await {
        Some(Err(error)) => return fail(&error),
        Some(Ok(codebase)) => {
            match run.running.apply(codebase).await {
                Ok(()) => {}
                Err(Error::Exited(code)) => return exit_code(code),
                Err(error) => return fail(&error.to_string()),
            }
            if run.config.verify {
                return 0;
            }
            run.draw();
        }
        None => {}
    }
    let mut reports = tokio::time::interval(limits::POLL_PERIOD);
    reports.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watched = source
        .folder()
        .filter(|_| run.config.reload)
        .map(|folder| Watched::new(folder, before));
    let mut looks = tokio::time::interval(limits::LOCAL_POLL_PERIOD);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        signals.take(&run.running.signals());
        let ended = tokio::select! {
            change = source.next() => run.change(change, &mut source).await,
            notice = run.running.notice() => match notice {
                Notice::Exit(code) => Err(Exit(exit_code(code))),
                Notice::Idle => {
                    if let Some(value) = run.running.value().await {
                        // Whoever reads may have gone: nobody wants the value then.
                        writeln!(std::io::stdout(), "{value}").ok();
                    }
                    Err(Exit(0))
                }
                Notice::Restart => run.refresh(&mut source).await,
            },
            () = program.restart.notified() => run.refresh(&mut source).await,
            name = signals.next() => match name {
                name if run.running.signal(name).await => Ok(()),
                "SIGHUP" => run.refresh(&mut source).await,
                "SIGTSTP" => { run.admin.toggle(run.config.admin).await; Ok(()) }
                _ => {
                    let code = shut_down(run.running, signals).await;
                    source.close_link().await;
                    return code;
                }
            },
            _ = looks.tick(), if watched.is_some() => { run.look(watched.as_mut()).await; Ok(()) }
            _ = reports.tick() => { run.report(&source); Ok(()) }
        };
        if let Err(Exit(code)) = ended {
            source.close_link().await;
            return code;
        }
    }
}

/// The parts of a run that changes act on.
struct Run {
    config: RunConfig,
    running: Running,
    facts: Facts,
    admin: AdminPort,
}

impl Run {
    /// Fetches again, and reloads even to the same version.
    async fn refresh(&mut self, source: &mut Source) -> Result<(), Exit> {
        match source.fetch().await {
            None => {
                source.refresh();
                Ok(())
            }
            Some(Ok(codebase)) => self.apply(codebase, source).await,
            Some(Err(error)) => {
                tracing::error!(target: "restart", "Failed reloading codebase {}: {error}", source.shown());
                Ok(())
            }
        }
    }

    /// The layout graphs, a line each.
    fn draw(&self) {
        if self.config.graph {
            for line in self.facts.graph().lines() {
                tracing::info!(target: "config", "{line}");
            }
        }
    }

    /// Tells the scripts of watched files that have changed.
    async fn look(&self, watched: Option<&mut Watched>) {
        let paths = self.running.watched().await;
        if let Some(watched) = watched.filter(|_| !paths.is_empty()) {
            for (path, content) in watched.look(&paths) {
                self.running.publish(&path, content).await;
            }
        }
    }

    /// To the Repo, where there is one, and for the admin port, where that is open.
    fn report(&self, source: &Source) {
        if self.config.status {
            source.report(&self.facts, self.config.metrics);
        }
        if self.admin.open.is_some() {
            let facts = self.facts.clone();
            // It ends before the next one begins: the wait for workers is as long as the period.
            tokio::spawn(async move { facts.sample().await });
        }
    }

    async fn change(&mut self, change: Option<Change>, source: &mut Source) -> Result<(), Exit> {
        match change {
            Some(Change::Version(snapshot)) => self.apply(codebase(&snapshot), source).await,
            Some(Change::Files(_, changed)) => {
                for (path, content) in changed {
                    self.running.publish(&path, content).await;
                }
                Ok(())
            }
            Some(Change::Gone) => {
                tracing::warn!(target: "codebase", "{} was deleted; what runs goes on", source.shown());
                Ok(())
            }
            // A local file has changed, or with --no-reload the Repo was asked once in vain.
            None if source.is_remote() => {
                tracing::error!(target: "start", "{} could not be fetched", source.shown());
                Err(Exit(RUN_FAILED))
            }
            None => self.refresh(source).await,
        }
    }

    async fn apply(&mut self, codebase: Codebase, source: &mut Source) -> Result<(), Exit> {
        let (version, shown) = (codebase.version.clone(), source.shown().to_owned());
        let was_started = self.running.is_started();
        match self.running.apply(codebase).await {
            Ok(()) if was_started => tracing::info!(target: "restart", "codebase {shown} {version} reloaded"),
            Ok(()) => {
                tracing::info!(target: "start", "codebase {shown} {version} runs");
                self.draw();
            }
            Err(Error::Exited(code)) => return Err(Exit(exit_code(code))),
            Err(error) if was_started => {
                tracing::error!(target: "restart", "Failed reloading codebase {shown} {version}: {error}");
            }
            Err(error) => {
                tracing::error!(target: "start", "codebase {shown} {version} does not load: {error}");
                if !self.config.reload {
                    return Err(Exit(RUN_FAILED));
                }
                source.retry();
            }
        }
        if self.config.verify {
            return Err(Exit(if self.running.is_started() { 0 } else { RUN_FAILED }));
        }
        Ok(())
    }
}

/// The admin port, open or not.
struct AdminPort {
    admin: Admin,
    open: Option<Open>,
}

impl AdminPort {
    async fn open(&mut self, address: std::net::SocketAddr) -> std::io::Result<()> {
        self.open = Some(self.admin.clone().listen(address).await?);
        Ok(())
    }

    /// SIGTSTP: on and off, on upstream's port where none was given.
    async fn toggle(&mut self, address: Option<std::net::SocketAddr>) {
        if self.open.take().is_some() {
            tracing::info!(target: "listener", "admin port is closed");
        } else if let Err(error) = self.open(address.unwrap_or(limits::DEFAULT_ADMIN)).await {
            tracing::error!(target: "listener", %error, "cannot open the admin port");
        }
    }
}

/// Graceful end; a second signal ends at once, and so does `pipy.exit(code)`.
async fn shut_down(mut running: Running, mut signals: Signals) -> u8 {
    tracing::info!(target: "shutdown", "Shutting down...");
    let drained = running.drain();
    tokio::pin!(drained);
    loop {
        tokio::select! {
            () = &mut drained => return 0,
            name = signals.next() => if matches!(name, "SIGINT" | "SIGTERM") {
                tracing::info!(target: "shutdown", "Forced to shut down");
                return 0;
            },
            notice = running.notice() => if let Notice::Exit(code) = notice {
                return exit_code(code);
            },
        }
    }
}

fn options(config: &RunConfig, log: &Log) -> Options {
    Options {
        threads: config.threads,
        reuse_port: config.reuse_port,
        force_start: config.force_start,
        limits: config.limits.clone(),
        expression: matches!(config.program, crate::config::Program::Expression(_)),
        argv: config.argv.clone(),
        name: config.name.clone(),
        uuid: config.uuid.clone().unwrap_or_else(facts::uuid),
        source: source::shown(&config.program),
        since_ms: facts::now_ms(),
        log_sink: Some(log.sink()),
    }
}

/// Only a Repo wants to know it.
fn own_address(config: &RunConfig) -> String {
    match config.program {
        crate::config::Program::Remote(_) => crate::address::own().map(|ip| ip.to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// The options as /options shows them, without the log level, which can change.
fn shown_options(config: &RunConfig) -> String {
    let mut shown = format!("--threads={}", config.threads);
    for (is_set, name) in [
        (!config.reload, "--no-reload"),
        (!config.status, "--no-status"),
        (!config.metrics, "--no-metrics"),
        (config.force_start, "--force-start"),
        (config.reuse_port, "--reuse-port"),
    ] {
        if is_set {
            shown.push(' ');
            shown.push_str(name);
        }
    }
    shown
}

/// What the system makes of `pipy.exit(code)`: its lowest eight bits.
fn exit_code(code: i32) -> u8 {
    code.to_le_bytes()[0]
}

fn fail(message: &str) -> u8 {
    crate::log::complain(message);
    RUN_FAILED
}
