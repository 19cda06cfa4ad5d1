//! What loggers of scripts have logged, by name, for the admin port. Apart from the process's own log: worker threads write
//! here and must not wait for a terminal. Source: pipyjs/globals.md section 9, repo.md 5.

use super::Ring;
use super::ring::Position;
use crate::limits;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// See the module; clones are the same history.
#[derive(Clone)]
pub(crate) struct History {
    limit_bytes: usize,
    rings: Arc<Mutex<BTreeMap<String, Ring>>>,
    written: Arc<Notify>,
}

impl History {
    /// Keeps at most so many bytes for each logger.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        History {
            limit_bytes,
            rings: Arc::default(),
            written: Arc::default(),
        }
    }

    /// Adds a line, which ends in a newline. Loggers beyond `limits::LOGGERS` are not kept.
    pub(crate) fn keep(&self, name: &str, line: &[u8]) {
        self.with(|rings| {
            if let Some(ring) = rings.get_mut(name) {
                ring.push(line);
            } else if rings.len() < limits::LOGGERS {
                rings
                    .entry(name.to_owned())
                    .or_insert_with(|| Ring::new(self.limit_bytes))
                    .push(line);
            }
        });
        self.written.notify_waiters();
    }

    /// Waits for a line of this logger that is not there now.
    pub(crate) fn news(&self, name: &'static str) -> impl Future<Output = ()> + use<> {
        let (history, before) = (self.clone(), self.end(name));
        async move {
            loop {
                let mut written = std::pin::pin!(history.written.notified());
                written.as_mut().enable();
                if history.end(name) != before {
                    return;
                }
                written.await;
            }
        }
    }

    /// Notified of each line, of whatever log.
    pub(super) fn written(&self) -> &Arc<Notify> {
        &self.written
    }

    /// See `Ring::after`.
    pub(super) fn after(&self, name: &str, from: &mut Position, most_bytes: usize) -> (u64, Vec<u8>) {
        self.with(|rings| {
            let ring = rings.get(name);
            ring.map(|ring| ring.after(from, most_bytes)).unwrap_or_default()
        })
    }

    /// See `Ring::end`.
    pub(super) fn end(&self, name: &str) -> Position {
        self.with(|rings| rings.get(name).map(Ring::end).unwrap_or_default())
    }

    /// See `Ring::last`.
    pub(crate) fn last(&self, name: &str, most_bytes: usize) -> Vec<u8> {
        self.with(|rings| rings.get(name).map(|ring| ring.last(most_bytes)).unwrap_or_default())
    }

    /// Names of the loggers, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.with(|rings| rings.keys().cloned().collect())
    }

    /// What this logger has logged, oldest first; None: there is no such logger.
    pub(crate) fn contents(&self, name: &str) -> Option<Vec<u8>> {
        self.with(|rings| rings.get(name).map(Ring::contents))
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<String, Ring>) -> T) -> T {
        f(&mut self.rings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loggers_are_kept_apart_and_bounded() {
        let history = History::new(8);
        for (name, line) in [("b", "one\n"), ("a", "x\n"), ("b", "two\n"), ("b", "three\n")] {
            history.keep(name, line.as_bytes());
        }
        assert_eq!(history.names(), ["a", "b"]);
        assert_eq!(history.contents("b").as_deref(), Some(&b"three\n"[..]));
        assert_eq!(history.contents("c"), None);
        for index in 0..limits::LOGGERS * 2 {
            history.keep(&format!("n{index}"), b"x\n");
        }
        assert_eq!(history.names().len(), limits::LOGGERS);
    }
}
