//! The engine as the control loops of `run` and of the agent hold it: perhaps not started yet, started by the first
//! codebase that loads, reloaded by the next ones; facts kept up to date.

use crate::facts::Facts;
use ballast_engine::{Codebase, Engine, Error, Notice, Options};
use bytes::Bytes;
use std::sync::Arc;

/// See the module.
pub(crate) struct Running {
    engine: Option<Engine>,
    options: Options,
    facts: Facts,
    signals: Vec<String>,
}

impl Running {
    /// Nothing runs yet.
    pub(crate) fn new(options: Options, facts: Facts) -> Self {
        Running {
            engine: None,
            options,
            facts,
            signals: Vec::new(),
        }
    }

    /// Whether an engine runs.
    pub(crate) fn is_started(&self) -> bool {
        self.engine.is_some()
    }

    /// Starts with this codebase, or reloads to it.
    ///
    /// # Errors  What runs goes on; the error is in the facts.
    pub(crate) async fn apply(&mut self, codebase: Codebase) -> Result<(), Error> {
        let codebase = Arc::new(codebase);
        let _changing = self.facts.change().await;
        let result = match &mut self.engine {
            Some(engine) => engine.reload(codebase.clone()).await,
            None => match Engine::start(codebase.clone(), self.options.clone()).await {
                Ok(engine) => {
                    self.engine = Some(engine);
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        match (&result, &self.engine) {
            (Ok(()), Some(engine)) => {
                let status = engine.status().await;
                self.facts.runs(&status, engine.collector(), codebase);
                self.signals = status.signals;
            }
            (Err(error), _) => self.facts.failed(&error.to_string()),
            (Ok(()), None) => {}
        }
        result
    }

    /// A file has changed in place.
    pub(crate) async fn publish(&self, path: &str, contents: Option<Bytes>) {
        if let Some(engine) = &self.engine {
            engine.publish(path, contents).await;
        }
    }

    /// Names of the signals that tasks of the scripts handle.
    pub(crate) fn signals(&self) -> Vec<&str> {
        self.signals.iter().map(String::as_str).collect()
    }

    /// Runs the tasks for a signal; false: there are none.
    pub(crate) async fn signal(&self, name: &'static str) -> bool {
        match &self.engine {
            Some(engine) if self.signals.iter().any(|handled| handled == name) => {
                engine.signal(name).await;
                true
            }
            _ => false,
        }
    }

    /// Paths that scripts watch.
    pub(crate) async fn watched(&self) -> Vec<String> {
        match &self.engine {
            Some(engine) => engine.status().await.watched,
            None => Vec::new(),
        }
    }

    /// What an expression evaluated to; None for a configuration.
    pub(crate) async fn value(&self) -> Option<String> {
        self.engine.as_ref()?.status().await.value
    }

    /// The next thing that scripts tell. Cancel-safe; pending while nothing runs.
    pub(crate) async fn notice(&mut self) -> Notice {
        match &mut self.engine {
            Some(engine) => engine.notice().await,
            None => std::future::pending().await,
        }
    }

    /// Graceful end; returns when all pipelines have ended.
    pub(crate) fn drain(&self) -> impl Future<Output = ()> + use<> {
        let drained = self.engine.as_ref().map(Engine::drain);
        async move {
            if let Some(drained) = drained {
                drained.await;
            }
        }
    }
}
