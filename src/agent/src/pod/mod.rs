//! `ballast agent`: the life beside PID 1 of a Pod. Dormant it is only a scout: one thread, no script engine, no listener,
//! one request that the Repo holds back. A codebase makes it active; when that is gone it drains and becomes a new, small
//! process by executing itself. Whatever the Repo does, what runs goes on. Source: design.md 3, 4 and 7.

mod active;
mod ceiling;
mod identity;
mod other;
mod redirect;
mod store;

use crate::config::{AgentConfig, BAD_USAGE, LogTo};
use crate::facts;
use crate::feed::{Change, Feed, Names, Pace};
use crate::limits;
use crate::log::{Log, complain};
use crate::signals::Signals;
use active::Active;
use ballast_engine::Notice;
use ballast_repo_client as client;
use ballast_repo_client::pod::POD_PATH;
use identity::Identity;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::{Notify, mpsc};

/// How a life ends.
enum End {
    /// The process ends with this code.
    Exit(u8),
    /// The codebase is gone: begin anew as a scout.
    Dormant,
}

/// Runs until it is told to leave, and gives the exit code.
pub(crate) fn main(config: AgentConfig) -> u8 {
    // A container's log is its stdout; a sandbox has none, and PID 1 says what it has to say on stderr.
    let to = match config.container {
        Some(_) => LogTo::Stdout,
        None => LogTo::Stderr,
    };
    let log = Log::install(config.log_level.clone(), to, None, limits::AGENT_LOG_BYTES);
    ceiling::set(config.memory_bytes);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start the runtime: {error}"));
            return 1;
        }
    };
    let end = runtime.block_on(live(config, log));
    drop(runtime);
    match end {
        End::Exit(code) => code,
        End::Dormant => {
            // All that an active agent has taken goes back to the Pod; PID 1 sees no end of its child.
            let error = Command::new("/proc/self/exe").arg0("ballast").arg("agent").exec();
            complain(&format!("cannot begin anew: {error}"));
            1
        }
    }
}

async fn live(config: AgentConfig, log: Log) -> End {
    let identity = Identity::read(&config);
    let (worker, alias) = match workers(&config, &identity) {
        Ok(workers) => workers,
        Err(error) => {
            complain(&error.to_string());
            return End::Exit(BAD_USAGE);
        }
    };
    let store = config.snapshot.as_deref().and_then(|path| {
        Store::open(path)
            .map_err(|error| tracing::warn!(%error, "no memory for the last codebase"))
            .ok()
    });
    let mut signals = Signals::new();
    signals.take(&["SIGTERM", "SIGINT", "SIGHUP"]);
    let Some(worker) = worker else {
        tracing::warn!("neither namespace nor UID of this Pod are known: no Repo can know it; dormant");
        return wait_for_end(signals).await;
    };
    let held = store.as_ref().and_then(from_store);
    let feed = Feed::new(worker, alias, held.clone());
    let begin = {
        let (ends, config) = ((feed.current(), feed.look()), config.clone());
        move |store| Active::begin(&identity, ends, store, log, &config)
    };
    let pace = Pace {
        wait: client::limits::MAX_WAIT,
        period: limits::POLL_PERIOD,
        retry: None,
    };
    let (send, mut changes) = mpsc::channel(limits::CHANGES);
    let refresh = Arc::new(Notify::new());
    tokio::spawn(feed.follow(pace, send, refresh.clone()));

    // Dormant: nothing but the feed and the signals.
    let mut active = match held {
        Some(held) => {
            let mut active = begin(store);
            active.restart(&held).await;
            active
        }
        None => loop {
            tokio::select! {
                change = changes.recv() => if let Some(Change::Version(snapshot)) = change {
                    if let Some(name) = other::agent(snapshot.files.get(POD_PATH), config.container.as_deref()) {
                        tracing::info!(target: "start", "the Pod has the container {name}: its agent acts, this one stays dormant");
                        continue;
                    }
                    let mut active = begin(store);
                    active.apply(&snapshot).await;
                    break active;
                },
                name = signals.next() => match name {
                    "SIGHUP" => refresh.notify_one(),
                    _ => return End::Exit(0),
                },
            }
        },
    };
    let mut reports = tokio::time::interval(limits::REPORT_PERIOD);
    reports.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let healthy = tokio::time::sleep(limits::HEALTHY);
    tokio::pin!(healthy);
    let mut is_healthy = false;
    let mut news = std::pin::pin!(active.news());
    loop {
        signals.take(&active.running.signals());
        tokio::select! {
            change = changes.recv() => match change {
                Some(Change::Version(snapshot)) => active.apply(&snapshot).await,
                Some(Change::Files(snapshot, changed)) => active.publish(&snapshot, changed).await,
                Some(Change::Gone) => return active.retire(signals).await,
                None => return End::Exit(1),
            },
            name = signals.next() => match name {
                "SIGTERM" | "SIGINT" => return active.leave(name, signals).await,
                "SIGHUP" if !active.running.signal(name).await => refresh.notify_one(),
                name => {
                    active.running.signal(name).await;
                }
            },
            notice = active.running.notice() => match notice {
                Notice::Exit(code) => {
                    tracing::info!("the scripts end the process, code {code}");
                    return End::Exit(code.to_le_bytes()[0]);
                }
                Notice::Restart => refresh.notify_one(),
                // What comes next comes from the Repo.
                Notice::Idle => {}
            },
            _ = reports.tick() => drop(active.report()),
            () = &mut news => {
                // One that is on its way may have left without them.
                if !active.report() {
                    reports.reset_after(limits::NEWS_PAUSE);
                }
                news.set(active.news());
            }
            () = &mut healthy, if !is_healthy => {
                is_healthy = true;
                active.is_healthy();
            }
        }
    }
}

/// What PID 1 has kept for us, unless agents that began with it did not live long: then the Repo is asked first.
fn from_store(store: &Store) -> Option<client::Snapshot> {
    let held = store.load()?;
    let tries = store.tries();
    if tries >= limits::SNAPSHOT_TRIES {
        tracing::warn!("the last codebase has ended {tries} agents: the Repo is asked for a better one first");
        return None;
    }
    if let Err(error) = store.set_tries(tries + 1) {
        tracing::warn!(%error, "cannot count the starts from the last codebase");
    }
    Some(held)
}

/// Clients of our codebase by its first and its second name.
fn workers(
    config: &AgentConfig,
    identity: &Identity,
) -> Result<(Option<client::Worker>, Option<client::Worker>), client::Error> {
    let options = client::Options {
        ca_pem: config.repo_ca.clone(),
        pod_uid: identity.uid.clone(),
        resolver: Some(Arc::new(Names::default())),
        ..client::Options::default()
    };
    let mut workers = Vec::new();
    for name in identity.codebases() {
        workers.push(client::Worker::in_repo(&config.repo, &name, &options)?);
    }
    let mut workers = workers.into_iter();
    Ok((workers.next(), workers.next()))
}

async fn wait_for_end(mut signals: Signals) -> End {
    loop {
        if signals.next().await != "SIGHUP" {
            return End::Exit(0);
        }
    }
}

/// Waits for the end of all pipelines, at most `limit`.
async fn drained(drain: impl Future<Output = ()>, limit: Duration) {
    if tokio::time::timeout(limit, drain).await.is_err() {
        tracing::warn!("the scripts did not finish in {limit:?}");
    }
}

/// `pipy.since` and the like: the process began now, as far as scripts care.
fn instance(identity: &Identity) -> (String, String, f64) {
    let uuid = identity.uid.clone().unwrap_or_else(facts::uuid);
    (uuid, identity.name.clone(), facts::now_ms())
}
