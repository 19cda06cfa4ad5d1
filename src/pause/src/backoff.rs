//! When a new agent may follow one that has ended. Not for starting it. No crate for chance: PID 1 needs very little of it.

use std::time::{Duration, SystemTime};

/// How long to wait before the next start: the first one follows at once, then 100 ms, doubling, at most 30 s; a quarter
/// on top at most, by chance, so that the agents of a node do not start in step.
#[derive(Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// An agent that lived this long was well: its end counts as the first one.
    const HEALTHY: Duration = Duration::from_secs(1);
    const FIRST_MS: u64 = 100;
    /// With the quarter on top: 30 s.
    const LAST_MS: u64 = 24_000;

    /// The agent lived for `lived` (zero: it could not be started). `entropy`: any number, all equally likely.
    pub(crate) fn next(&mut self, lived: Duration, entropy: u32) -> Duration {
        if lived >= Self::HEALTHY {
            self.failures = 0;
        }
        let doublings = self.failures.checked_sub(1);
        self.failures = (self.failures + 1).min(16);
        let Some(doublings) = doublings else {
            return Duration::ZERO;
        };
        let base = (Self::FIRST_MS << doublings).min(Self::LAST_MS);
        Duration::from_millis(base + base * u64::from(entropy % 1000) / 4000)
    }
}

/// The clock's last digits, spread: enough to keep the Pods of a node apart, and no crate needed.
pub(crate) fn entropy() -> u32 {
    let clock = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.subsec_nanos());
    clock.wrapping_mul(0x9E37_79B1) >> 12
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delays (ms) after ends that came `lived` ms after each start.
    #[track_caller]
    fn check(name: &str, lived_ms: &[u64], entropy: u32, delays_ms: &[u64]) {
        let mut backoff = Backoff::default();
        let got: Vec<u64> = lived_ms
            .iter()
            .map(|&lived| backoff.next(Duration::from_millis(lived), entropy).as_millis() as u64)
            .collect();
        assert_eq!(got, delays_ms, "{name}");
    }

    #[test]
    fn backoff_doubles_to_its_cap_and_is_reset_by_health() {
        let crash_loop = [0; 12];
        check(
            "without jitter",
            &crash_loop,
            0,
            &[0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 24000, 24000, 24000],
        );
        check(
            "with most jitter",
            &crash_loop,
            999,
            &[0, 124, 249, 499, 999, 1999, 3999, 7998, 15996, 29994, 29994, 29994],
        );
        check(
            "reset after a second",
            &[0, 0, 0, 999, 1000, 0],
            0,
            &[0, 100, 200, 400, 0, 100],
        );
        check("healthy for ever", &[1000, 5000, 60_000], 0, &[0, 0, 0]);
    }

    #[test]
    fn backoff_survives_any_number_of_failures() {
        let mut backoff = Backoff::default();
        let last = (0..100_000).map(|_| backoff.next(Duration::ZERO, u32::MAX)).last();
        assert!(last.is_some_and(|last| last <= Duration::from_secs(30)));
    }
}
