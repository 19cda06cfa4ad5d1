//! Which Pods are to be published next: each waits once, is worked on by one at a time, and is tried again, later and later,
//! when that failed. Pure: time comes in as an argument. Not for: the work itself.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::known::Key;
use crate::limits::{FIRST_RETRY, MAX_RETRY};

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    ready: VecDeque<Key>,
    /// Those that wait until nothing else does.
    later: VecDeque<Key>,
    /// What waits, and whether in `later`; an entry there that is not so any longer is passed over.
    waiting: HashMap<Key, bool>,
    /// What is being worked on, and whether it changed meanwhile.
    running: HashMap<Key, bool>,
    /// When to try again.
    retries: BTreeSet<(Instant, Key)>,
    /// Failures in a row, and the entry in `retries` if there is one.
    failed: HashMap<Key, (u32, Option<Instant>)>,
}

impl Queue {
    /// This Pod changed: it is worked on as soon as there is room.
    pub(crate) fn push(&mut self, key: Key) {
        if let Some(changed) = self.running.get_mut(&key) {
            *changed = true;
            return;
        }
        if let Some(at) = self.failed.get_mut(&key).and_then(|(_, at)| at.take()) {
            self.retries.remove(&(at, key.clone()));
        }
        self.make_ready(key);
    }

    /// As [`Queue::push`], but behind all that changed by itself: what concerns very many must not keep others waiting.
    pub(crate) fn push_later(&mut self, key: Key) {
        let is_due = self.running.contains_key(&key) || self.failed.contains_key(&key);
        if is_due {
            self.push(key);
        } else if !self.waiting.contains_key(&key) {
            self.waiting.insert(key.clone(), true);
            self.later.push_back(key);
        }
    }

    fn make_ready(&mut self, key: Key) {
        if self.waiting.insert(key.clone(), false) != Some(false) {
            self.ready.push_back(key);
        }
    }

    /// The next to work on, which is then running until [`Queue::done`] or [`Queue::failed`].
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Key> {
        while let Some((at, _)) = self.retries.first() {
            if *at > now {
                break;
            }
            if let Some((_, key)) = self.retries.pop_first() {
                if let Some((_, at)) = self.failed.get_mut(&key) {
                    *at = None;
                }
                self.make_ready(key);
            }
        }
        let key = match self.ready.pop_front() {
            Some(key) => key,
            None => loop {
                let key = self.later.pop_front()?;
                if self.waiting.get(&key) == Some(&true) {
                    break key;
                }
            },
        };
        self.waiting.remove(&key);
        self.running.insert(key.clone(), false);
        Some(key)
    }

    /// When there is something to try again; `None`: nothing.
    pub(crate) fn next_retry(&self) -> Option<Instant> {
        self.retries.first().map(|(at, _)| *at)
    }

    /// How many wait, those included that are tried again later.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.retries.len()
    }

    /// The work on a Pod went well.
    pub(crate) fn done(&mut self, key: &Key) {
        self.failed.remove(key);
        if self.running.remove(key) == Some(true) {
            self.push(key.clone());
        }
    }

    /// It was not done, through no fault of the Pod's: it waits as if it had just changed.
    pub(crate) fn put_back(&mut self, key: &Key) {
        self.running.remove(key);
        self.push(key.clone());
    }

    /// It did not: it is tried again after the pause that is returned, or at once if the Pod changed meanwhile. `jitter` is in
    /// 0.0 to 1.0, so that many that failed together do not come back together. The number is how often it failed in a row.
    pub(crate) fn failed(&mut self, key: &Key, now: Instant, jitter: f64) -> (Duration, u32) {
        let changed = self.running.remove(key) == Some(true);
        let (count, _) = self.failed.get(key).copied().unwrap_or_default();
        let doubled = FIRST_RETRY.saturating_mul(1 << count.min(16)).min(MAX_RETRY);
        let pause = doubled.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        let at = (!changed).then_some(now + pause);
        let count = count.saturating_add(1);
        self.failed.insert(key.clone(), (count, at));
        match at {
            Some(at) => {
                self.retries.insert((at, key.clone()));
                (pause, count)
            }
            None => {
                self.push(key.clone());
                (Duration::ZERO, count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::Kind;
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            kind: Kind::Pod,
            namespace: "n".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn each_waits_once_and_runs_once() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(key("a"));
        queue.push(key("a"));
        queue.push(key("b"));
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.pop(now), Some(key("a")));
        queue.push(key("a"));
        assert_eq!(queue.pop(now), Some(key("b")));
        assert_eq!(queue.pop(now), None, "a is being worked on");
        queue.done(&key("a"));
        assert_eq!(queue.pop(now), Some(key("a")), "it changed meanwhile");
        queue.done(&key("a"));
        queue.done(&key("b"));
        assert_eq!(queue.pop(now), None);
        assert!(queue.running.is_empty() && queue.failed.is_empty());
    }

    #[test]
    fn what_failed_comes_back_later_and_later() {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        let a = key("a");
        queue.push(a.clone());
        let mut before = Duration::ZERO;
        for count in 1..=12 {
            assert_eq!(queue.pop(now), Some(a.clone()));
            let (pause, times) = queue.failed(&a, now, 1.0);
            assert_eq!(times, count);
            assert!(pause >= before && pause <= MAX_RETRY);
            assert_eq!(queue.next_retry(), Some(now + pause));
            assert_eq!(queue.pop(now + pause - Duration::from_millis(1)), None);
            (before, now) = (pause, now + pause);
        }
        assert_eq!(before, MAX_RETRY);
        assert_eq!(queue.pop(now), Some(a.clone()));
        queue.done(&a);
        queue.push(a.clone());
        assert_eq!(queue.pop(now), Some(a.clone()));
        assert_eq!(queue.failed(&a, now, 1.0), (FIRST_RETRY, 1), "success starts it anew");
    }

    #[test]
    fn what_was_put_back_waits_for_its_turn() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(key("a"));
        queue.push(key("b"));
        queue.pop(now);
        queue.push(key("a"));
        queue.put_back(&key("a"));
        assert!(queue.running.is_empty());
        assert_eq!(queue.pop(now), Some(key("b")));
        assert_eq!(queue.pop(now), Some(key("a")));
        assert_eq!(queue.pop(now), None);
    }

    #[test]
    fn what_changed_by_itself_comes_first() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for name in ["a", "b", "c"] {
            queue.push_later(key(name));
        }
        queue.push(key("c"));
        queue.push_later(key("c"));
        queue.push(key("d"));
        assert_eq!(queue.len(), 4);
        let order: Vec<Key> = std::iter::from_fn(|| queue.pop(now)).collect();
        assert_eq!(order, ["c", "d", "a", "b"].map(key));
        queue.push_later(key("a"));
        assert_eq!(queue.pop(now), None, "a is being worked on");
        queue.done(&key("a"));
        assert_eq!(queue.pop(now), Some(key("a")));
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_change_does_not_wait_for_the_retry() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let a = key("a");
        queue.push(a.clone());
        queue.pop(now);
        queue.failed(&a, now, 0.5);
        queue.push(a.clone());
        assert_eq!(queue.next_retry(), None);
        assert_eq!(queue.pop(now), Some(a.clone()));
        queue.push(a.clone());
        assert_eq!(queue.failed(&a, now, 0.5).0, Duration::ZERO);
        assert_eq!(queue.pop(now), Some(a));
        assert_eq!(queue.pop(now + MAX_RETRY), None, "and it is not tried twice");
    }
}
