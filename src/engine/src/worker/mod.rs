//! The engine as its owner sees it: threads that all run the same codebase, started, reloaded and drained together.
//! Source: pipyjs/repo.md 1.1 (reload rules), cli.md section 4.

mod admin;
mod collect;
mod graph;
mod host;
mod mounts;
mod program;
mod task;
mod thread;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use graph::{Graph, GraphFilter};

use crate::codebase::Codebase;
use crate::error::Error;
use crate::limits::{self, ScriptLimits};
use crate::metrics::Counters;
pub use admin::{AdminAnswer, AdminRequest};
use bytes::Bytes;
pub use collect::Collector;
use std::sync::Arc;
use thread::{Control, Handle};
use tokio::sync::{mpsc, oneshot};

/// How an engine runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// SO_REUSEPORT on all listeners; needed for more than one thread to accept.
    pub reuse_port: bool,
    /// Start although a port cannot be opened.
    pub force_start: bool,
    /// The main script may be any expression; its value is kept for [`Status::value`].
    pub expression: bool,
    /// What the scripts of each worker may use.
    pub limits: ScriptLimits,
    /// Script arguments, the program first (`pipy.argv`).
    pub argv: Vec<String>,
    /// Instance name (`pipy.name`).
    pub name: String,
    /// Instance UUID (`pipy.uuid`).
    pub uuid: String,
    /// What was asked to run (`pipy.source`).
    pub source: String,
    /// Start of the process, milliseconds since 1970 (`pipy.since`).
    pub since_ms: f64,
    /// Takes what loggers of scripts log.
    pub log_sink: Option<LogSink>,
}

/// Called on worker threads with the name of a logger and a line of it, which ends in a newline. Must not block.
#[derive(Clone)]
pub struct LogSink(pub Arc<KeepLine>);

/// See [`LogSink`].
pub type KeepLine = dyn Fn(&str, &[u8]) + Send + Sync;

impl std::fmt::Debug for LogSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogSink")
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            threads: 1,
            reuse_port: false,
            force_start: false,
            expression: false,
            limits: ScriptLimits::default(),
            argv: Vec::new(),
            name: String::new(),
            uuid: String::new(),
            source: String::new(),
            since_ms: 0.0,
            log_sink: None,
        }
    }
}

/// Something that scripts or workers tell the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// `pipy.exit(code)`: end the process now.
    Exit(i32),
    /// `pipy.restart()`: fetch the codebase again and reload.
    Restart,
    /// Nothing is left to do: no listener, task, timer or pipeline on any thread.
    Idle,
}

/// Facts about a running engine.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Version of the codebase that runs.
    pub version: String,
    /// Paths of the loaded modules.
    pub modules: Vec<String>,
    /// Addresses that are listened on.
    pub listening: Vec<String>,
    /// Signals that tasks handle, by name.
    pub signals: Vec<String>,
    /// Paths that scripts watch; folders end in a slash.
    pub watched: Vec<String>,
    /// Pipelines that something starts, with their filters.
    pub graphs: Vec<Graph>,
    /// What the main script evaluated to, as text, where it is an expression and no configuration.
    pub value: Option<String>,
}

/// Worker threads that run one codebase. Dropping it ends them at once.
pub struct Engine {
    workers: Vec<Handle>,
    notices: mpsc::Receiver<(usize, Notice)>,
    idle: Vec<bool>,
    collector: Collector,
}

impl Engine {
    /// Loads the codebase on every thread and opens the ports, then accepts.
    ///
    /// # Errors  A script error with its place, or a port that cannot be opened; nothing runs then.
    pub async fn start(codebase: Arc<Codebase>, options: Options) -> Result<Self, Error> {
        let threads = options.threads.max(1);
        let (send, notices) = mpsc::channel(limits::CONTROL_QUEUE);
        let mut workers = Vec::with_capacity(threads);
        let collector = Collector::default();
        for index in 0..threads {
            workers.push(Handle::spawn(index, options.clone(), send.clone(), collector.clone())?);
        }
        collector.set(&workers);
        let engine = Engine {
            workers,
            notices,
            idle: vec![false; threads],
            collector,
        };
        engine.switch(codebase).await?;
        Ok(engine)
    }

    /// Loads a new version beside the running one on every thread, then switches; all threads or none.
    ///
    /// # Errors  The script's error; the old version goes on.
    pub async fn reload(&mut self, codebase: Arc<Codebase>) -> Result<(), Error> {
        self.idle.fill(false);
        self.switch(codebase).await
    }

    async fn switch(&self, codebase: Arc<Codebase>) -> Result<(), Error> {
        let mut result = Ok(());
        for worker in &self.workers {
            let codebase = codebase.clone();
            result = worker
                .ask(|reply| Control::Prepare(codebase, reply))
                .await
                .and_then(|prepared| prepared);
            if result.is_err() {
                break;
            }
        }
        for worker in &self.workers {
            let go = result.is_ok();
            let committed = worker
                .ask(|reply| {
                    if go {
                        Control::Commit(reply)
                    } else {
                        Control::Abort(reply)
                    }
                })
                .await;
            if go {
                result = committed.and_then(|committed| committed);
            }
        }
        result
    }

    /// A file has changed in place: scripts that watch it are told, nothing is reloaded.
    pub async fn publish(&self, path: &str, contents: Option<Bytes>) {
        for worker in &self.workers {
            worker.tell(Control::Publish(path.to_owned(), contents.clone())).await;
        }
    }

    /// Runs the tasks for a signal, by name (`SIGHUP`).
    pub async fn signal(&self, name: &'static str) {
        for worker in &self.workers {
            worker.tell(Control::Signal(name)).await;
        }
    }

    /// Graceful end: ports close, `exit` pipelines run; returns when all pipelines have ended. The caller sets a deadline.
    /// The future does not borrow the engine: its owner goes on to listen to notices meanwhile.
    pub fn drain(&self) -> impl Future<Output = ()> + use<> {
        let workers: Vec<_> = self.workers.iter().map(Handle::weak).collect();
        async move {
            let mut done = Vec::new();
            for worker in workers {
                // A worker that has ended is as good as drained.
                let Some(worker) = worker.and_then(|worker| worker.upgrade()) else {
                    continue;
                };
                let (reply, drained) = oneshot::channel();
                if worker.send(Control::Drain(reply)).await.is_ok() {
                    done.push(drained);
                }
            }
            for drained in done {
                drained.await.ok();
            }
        }
    }

    /// What runs now; the version and modules of the first thread stand for all.
    pub async fn status(&self) -> Status {
        match self.workers.first() {
            Some(worker) => worker.ask(Control::Status).await.unwrap_or_default(),
            None => Status::default(),
        }
    }

    /// The next thing that scripts or workers tell. Cancel-safe. Pending for ever when all threads have ended.
    pub async fn notice(&mut self) -> Notice {
        loop {
            match self.notices.recv().await {
                None => std::future::pending().await,
                Some((index, Notice::Idle)) => {
                    if let Some(idle) = self.idle.get_mut(index) {
                        *idle = true;
                    }
                    if self.idle.iter().all(|idle| *idle) {
                        return Notice::Idle;
                    }
                }
                Some((_, notice)) => return notice,
            }
        }
    }

    /// What asks all threads for their metrics; may outlive the engine.
    pub fn collector(&self) -> Collector {
        self.collector.clone()
    }

    /// Counters of all threads.
    pub fn counters(&self) -> Vec<Arc<Counters>> {
        self.workers.iter().map(|worker| worker.counters.clone()).collect()
    }
}
