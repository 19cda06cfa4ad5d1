//! Questions to all threads: their metrics, for the owner of an engine and for `stats.sum` of its scripts.

use super::thread::{Control, Handle};
use crate::series::{Metric, sum};
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};

/// A way to ask every worker; clones ask the same ones. Does not keep them alive.
#[derive(Clone, Debug, Default)]
pub struct Collector(Arc<OnceLock<Vec<mpsc::WeakSender<Control>>>>);

impl Collector {
    /// Once all threads are there.
    pub(super) fn set(&self, workers: &[Handle]) {
        let all = workers.iter().filter_map(Handle::weak).collect();
        let first = self.0.set(all);
        debug_assert!(first.is_ok(), "an engine starts its threads once");
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = &mpsc::WeakSender<Control>> {
        self.0.get().into_iter().flatten()
    }

    /// The metrics of all threads, summed, in the order in which they were made; built-in ones first. `onCollect`
    /// functions run before. Threads that have ended have none.
    pub async fn collect(&self) -> Vec<Metric> {
        let mut answers = Vec::new();
        for worker in self.workers().filter_map(mpsc::WeakSender::upgrade) {
            let (reply, answer) = oneshot::channel();
            if worker.send(Control::Collect(reply)).await.is_ok() {
                answers.push(answer);
            }
        }
        let mut threads = Vec::new();
        for answer in answers {
            threads.extend(answer.await.ok());
        }
        sum(threads)
    }
}
