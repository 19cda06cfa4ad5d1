//! Time before the next try: doubles from one bound to the other, and half of it is chance, so that a hundred thousand Pods
//! do not come back in one moment.

use std::time::Duration;

/// See the module.
pub(crate) struct Backoff {
    bounds: (Duration, Duration),
    next: Duration,
}

impl Backoff {
    /// From the first bound up to the second.
    pub(crate) fn new(bounds: (Duration, Duration)) -> Self {
        Backoff { bounds, next: bounds.0 }
    }

    /// Begins again at the first bound.
    pub(crate) fn reset(&mut self) {
        self.next = self.bounds.0;
    }

    /// The time to wait now: between half of the current step and all of it.
    pub(crate) fn next(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.bounds.1);
        step / 2 + (step / 2).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_bound() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new((second, 5 * second));
        for step in [1, 2, 4, 5, 5] {
            let wait = backoff.next();
            assert!(wait >= step * second / 2 && wait <= step * second, "{step}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= second);
    }
}
