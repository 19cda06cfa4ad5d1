//! Whether the Repo is to be asked at all: while it does not answer, one asks for all, later and later, instead of every Pod
//! for itself. Pure: time comes in as an argument. Not for: what the Repo refuses for one Pod (`queue.rs`).

use std::time::{Duration, Instant};

use crate::limits::{FIRST_RETRY, MAX_REPO_PAUSE};

/// Open, or closed until a time.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Outages in a row, and when the next try is.
    closed: Option<(u32, Instant)>,
}

impl Gate {
    /// How many may run when `running` do: all, one that tries, or none.
    pub(crate) fn room(&self, now: Instant, all: usize) -> usize {
        match self.closed {
            None => all,
            Some((_, at)) if at <= now => 1,
            Some(_) => 0,
        }
    }

    /// When there is room again; `None`: there is.
    pub(crate) fn opens(&self) -> Option<Instant> {
        self.closed.map(|(_, at)| at)
    }

    /// The Repo answered. Gives whether it had not before.
    pub(crate) fn answered(&mut self) -> bool {
        self.closed.take().is_some()
    }

    /// It did not. Gives the pause, unless it was closed already for others that asked at the same time. `jitter` is in 0.0 to
    /// 1.0.
    pub(crate) fn silent(&mut self, now: Instant, jitter: f64) -> Option<Duration> {
        let outages = match self.closed {
            Some((_, at)) if at > now => return None,
            Some((outages, _)) => outages,
            None => 0,
        };
        let doubled = FIRST_RETRY.saturating_mul(1 << outages.min(16)).min(MAX_REPO_PAUSE);
        let pause = doubled.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        self.closed = Some((outages.saturating_add(1), now + pause));
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tries_for_all() {
        let (mut gate, mut now) = (Gate::default(), Instant::now());
        assert_eq!((gate.room(now, 32), gate.opens()), (32, None));
        let mut before = Duration::ZERO;
        for _ in 0..8 {
            let pause = gate.silent(now, 1.0).unwrap();
            assert!(pause >= before && pause <= MAX_REPO_PAUSE, "{pause:?}");
            assert_eq!(gate.silent(now, 1.0), None, "the others of the same outage");
            assert_eq!(gate.room(now, 32), 0);
            assert_eq!(gate.opens(), Some(now + pause));
            (before, now) = (pause, now + pause);
            assert_eq!(gate.room(now, 32), 1);
        }
        assert_eq!(before, MAX_REPO_PAUSE);
        assert!(gate.answered() && !gate.answered());
        assert_eq!(gate.room(now, 32), 32);
        assert_eq!(gate.silent(now, 1.0), Some(FIRST_RETRY), "an answer starts it anew");
    }
}
