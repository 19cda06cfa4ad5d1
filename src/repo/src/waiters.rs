//! Who waits for what: long polls by name. Lossless: a waiter registers, looks at the state, and only then waits; a change is
//! in the state before the waiters are told. Bounded: past the limit a poll is answered at once, as if we could not wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Long polls at a time: a large cluster's Pods, with room.
const MAX_WAITERS: usize = 200_000;

#[derive(Default)]
pub(crate) struct Waiters(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    by_name: HashMap<String, (Arc<Notify>, usize)>,
    count: usize,
    is_closed: bool,
}

/// A registration; ends when dropped.
pub(crate) struct Ticket<'w> {
    waiters: &'w Waiters,
    name: String,
    pub(crate) notify: Arc<Notify>,
}

impl Waiters {
    /// Registers for `name`. `None`: too many, or the Repo is shutting down.
    pub(crate) fn register(&self, name: &str) -> Option<Ticket<'_>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.count >= MAX_WAITERS || waiting.is_closed {
            return None;
        }
        waiting.count += 1;
        let (notify, count) = waiting.by_name.entry(name.to_owned()).or_default();
        *count += 1;
        let notify = Arc::clone(notify);
        Some(Ticket {
            waiters: self,
            name: name.to_owned(),
            notify,
        })
    }

    /// Wakes all that wait for one of `names`.
    pub(crate) fn wake<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if let Some((notify, _)) = waiting.by_name.get(name) {
                notify.notify_waiters();
            }
        }
    }

    /// Wakes everybody, and lets nobody wait any more.
    pub(crate) fn close(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_closed = true;
        for (notify, _) in waiting.by_name.values() {
            notify.notify_waiters();
        }
    }

    /// Whether the Repo is shutting down.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_closed
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiters.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.count -= 1;
        if let Some((_, count)) = waiting.by_name.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                waiting.by_name.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_of_who_no_longer_waits() {
        let waiters = Waiters::default();
        let first = waiters.register("/a").unwrap();
        let second = waiters.register("/a").unwrap();
        drop(first);
        assert!(waiters.0.lock().unwrap().by_name.contains_key("/a"));
        drop(second);
        let waiting = waiters.0.lock().unwrap();
        assert!(waiting.by_name.is_empty() && waiting.count == 0);
    }

    #[test]
    fn past_the_limit_nobody_waits_until_somebody_leaves() {
        let waiters = Waiters::default();
        let mut all: Vec<_> = (0..MAX_WAITERS).map(|_| waiters.register("/a").unwrap()).collect();
        assert!(waiters.register("/b").is_none());
        drop(all.pop());
        assert!(waiters.register("/b").is_some());
    }

    #[test]
    fn a_closed_repo_lets_nobody_wait() {
        let waiters = Waiters::default();
        waiters.close();
        assert!(waiters.register("/a").is_none() && waiters.is_closed());
    }
}
