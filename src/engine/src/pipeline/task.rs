//! Local tasks of filters and sockets: each has an owner, and ends when the owner drops it.

use super::{Port, Realm, Wake};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// A task that is aborted when this is dropped.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    /// True when it has ended by itself.
    pub(crate) fn is_done(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs `future` on this worker until it ends or the returned handle is dropped.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) -> Task {
    Task(tokio::task::spawn_local(future).abort_handle())
}

/// Wakes `port` with `Wake::Timer` after `seconds`.
pub(crate) fn timer(realm: &Rc<Realm>, port: Port, seconds: f64) -> Task {
    let realm = Rc::downgrade(realm);
    let wait = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    spawn(async move {
        tokio::time::sleep(wait).await;
        if let Some(realm) = realm.upgrade() {
            port.wake(&realm, Wake::Timer);
        }
    })
}
