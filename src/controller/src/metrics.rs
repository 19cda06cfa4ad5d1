//! Numbers about what is done, for Prometheus. Counted by the loop, read by `admin.rs`. Source: Prometheus text format 0.0.4.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use ballast_repo_client::Published;

use crate::publish::Done;

/// All numbers. Gauges are 0 while another one leads.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) leading: AtomicU64,
    pub(crate) pods: AtomicU64,
    pub(crate) config_maps: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) repo_silent: AtomicU64,
    created: AtomicU64,
    in_place: AtomicU64,
    versions: AtomicU64,
    unchanged: AtomicU64,
    deleted: AtomicU64,
    impossible: AtomicU64,
    pub(crate) failed: AtomicU64,
    reviews_patched: AtomicU64,
    reviews_unchanged: AtomicU64,
    reviews_refused: AtomicU64,
    pub(crate) webhook_evicted: AtomicU64,
    pub(crate) admin_evicted: AtomicU64,
}

impl Metrics {
    /// Counts one publish that ended well.
    pub(crate) fn count(&self, done: &Done) {
        let counter = match done {
            Done::Published(Published::Created, _) => &self.created,
            Done::Published(Published::InPlace, _) => &self.in_place,
            Done::Published(Published::Version(_), _) => &self.versions,
            Done::Published(Published::Unchanged, _) | Done::Nothing | Done::Foreign => &self.unchanged,
            Done::Deleted => &self.deleted,
            Done::Impossible(_) => &self.impossible,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request to the webhook: whether its Pod was changed; `None`: it was no review.
    pub(crate) fn reviewed(&self, is_patched: Option<bool>) {
        let counter = match is_patched {
            Some(true) => &self.reviews_patched,
            Some(false) => &self.reviews_unchanged,
            None => &self.reviews_refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets a gauge.
    pub(crate) fn set(gauge: &AtomicU64, value: usize) {
        gauge.store(u64::try_from(value).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Another one leads: nothing is known.
    pub(crate) fn step_down(&self) {
        for gauge in [
            &self.leading,
            &self.pods,
            &self.config_maps,
            &self.waiting,
            &self.repo_silent,
        ] {
            gauge.store(0, Ordering::Relaxed);
        }
    }

    /// All of them as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let gauges = [
            ("leading", "1 while this controller acts", &self.leading),
            ("pods", "labelled pods that are known", &self.pods),
            ("config_maps", "labelled config maps that are known", &self.config_maps),
            ("waiting", "objects that wait to be published", &self.waiting),
            ("repo_silent", "1 while the repo does not answer", &self.repo_silent),
        ];
        for (name, help, gauge) in gauges {
            let value = gauge.load(Ordering::Relaxed);
            let name = format!("ballast_controller_{name}");
            writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}").expect("text takes all");
        }
        let publishes = [
            ("created", &self.created),
            ("in_place", &self.in_place),
            ("version", &self.versions),
            ("unchanged", &self.unchanged),
            ("deleted", &self.deleted),
            ("impossible", &self.impossible),
            ("failed", &self.failed),
        ];
        let reviews = [
            ("patched", &self.reviews_patched),
            ("unchanged", &self.reviews_unchanged),
            ("refused", &self.reviews_refused),
        ];
        counters(&mut text, "publishes", "publishes by outcome", &publishes);
        counters(&mut text, "reviews", "requests to the webhook by outcome", &reviews);
        let evicted = [("webhook", &self.webhook_evicted), ("listen", &self.admin_evicted)];
        let help = "connections ended for newer ones by listener";
        labelled(&mut text, "evicted_connections", help, "listener", &evicted);
        text
    }
}

fn counters(text: &mut String, family: &str, help: &str, counters: &[(&str, &AtomicU64)]) {
    labelled(text, family, help, "outcome", counters);
}

fn labelled(text: &mut String, family: &str, help: &str, label: &str, counters: &[(&str, &AtomicU64)]) {
    let name = format!("ballast_controller_{family}_total");
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter").expect("text takes all");
    for (which, counter) in counters {
        let value = counter.load(Ordering::Relaxed);
        writeln!(text, "{name}{{{label}=\"{which}\"}} {value}").expect("text takes all");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_counts_once() {
        let metrics = Metrics::default();
        metrics.count(&Done::Published(Published::Created, Vec::new()));
        metrics.count(&Done::Deleted);
        metrics.count(&Done::Deleted);
        Metrics::set(&metrics.pods, 7);
        let text = metrics.text();
        for line in [
            "ballast_controller_pods 7",
            "ballast_controller_publishes_total{outcome=\"created\"} 1",
            "ballast_controller_publishes_total{outcome=\"deleted\"} 2",
            "ballast_controller_publishes_total{outcome=\"failed\"} 0",
            "ballast_controller_evicted_connections_total{listener=\"webhook\"} 0",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
        }
        metrics.step_down();
        assert!(metrics.text().contains("ballast_controller_pods 0"));
    }
}
