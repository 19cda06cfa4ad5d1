//! Several logs that one follows by name, from when it asked for each. Like `Tail` it reads from the logs' own histories and
//! holds nothing. Not for: what was logged before (`Log::last`). Source: pipyjs/repo.md 1.3.

use super::Log;
use super::ring::Position;
use crate::facts::SYSTEM_LOG;
use crate::limits;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

/// See the module.
pub(crate) struct Followed {
    log: Log,
    read: BTreeMap<String, Position>,
    /// Whose lines came last: the others have their turn first.
    served: String,
}

impl Log {
    /// Follows no log yet.
    pub(crate) fn follow(&self) -> Followed {
        Followed {
            log: self.clone(),
            read: BTreeMap::new(),
            served: String::new(),
        }
    }

    /// The newest lines of the log of this name; empty: there are none, or there is no such log.
    pub(crate) fn last(&self, name: &str, most_bytes: usize) -> Vec<u8> {
        match name {
            SYSTEM_LOG => self.with(|state| state.ring.last(most_bytes)),
            _ => self.history.last(name, most_bytes),
        }
    }
}

impl Followed {
    /// Follows this log too, which need not be there yet. False: `limits::LINK_LOGS` are followed.
    pub(crate) fn add(&mut self, name: &str) -> bool {
        if self.read.contains_key(name) {
            return true;
        }
        if self.read.len() >= limits::LINK_LOGS {
            return false;
        }
        let end = match name {
            SYSTEM_LOG => self.log.with(|state| state.ring.end()),
            _ => self.log.history.end(name),
        };
        self.read.insert(name.to_owned(), end);
        true
    }

    /// Follows this one no more.
    pub(crate) fn remove(&mut self, name: &str) {
        self.read.remove(name);
    }

    /// The next lines of one of them, how many were lost before, and its name. Cancel-safe.
    pub(crate) async fn next(&mut self) -> (String, (u64, Vec<u8>)) {
        loop {
            // Before the look, so that nothing is missed between.
            let written = self.log.history.written().clone();
            let mut written = std::pin::pin!(written.notified());
            written.as_mut().enable();
            if let Some(found) = self.look() {
                return found;
            }
            written.await;
        }
    }

    fn look(&mut self) -> Option<(String, (u64, Vec<u8>))> {
        let behind = (Excluded(&self.served), Unbounded);
        let after: Vec<String> = self
            .read
            .range::<String, _>(behind)
            .chain(self.read.range::<String, _>(..=&self.served))
            .map(|(name, _)| name.clone())
            .collect();
        for name in after {
            let Some(read) = self.read.get_mut(&name) else { continue };
            let found = self.log.after(&name, read);
            if !found.1.is_empty() {
                self.served.clone_from(&name);
                return Some((name, found));
            }
        }
        None
    }
}
