//! The connections of a port over all threads of the process, for `maxPortConnections`: one atomic number a port, which each
//! thread's listener finds when it starts. Source: pipyjs/model.md section 2 (listen options).
//!
//! The lock is taken when a listener starts and when one ends, never for a connection.

use super::listener::Address;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use tokio::sync::Notify;

static PORTS: LazyLock<Mutex<HashMap<Address, Weak<PortCount>>>> = LazyLock::new(Mutex::default);

/// See the module.
#[derive(Default)]
pub(super) struct PortCount {
    open: AtomicUsize,
    freed: Notify,
}

impl PortCount {
    /// The count of a port; a new one where no listener and no connection of it is left.
    pub(super) fn of(address: Address) -> Arc<Self> {
        // What is behind the lock stays whole when a thread has panicked: each change is one insertion.
        let mut ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = ports.get(&address).and_then(Weak::upgrade) {
            return known;
        }
        ports.retain(|_, count| count.strong_count() > 0);
        let count = Arc::<PortCount>::default();
        ports.insert(address, Arc::downgrade(&count));
        count
    }

    /// Takes a place when there is one below `limit`; None: all that there are.
    pub(super) fn take(self: &Arc<Self>, limit: Option<usize>) -> Option<Place> {
        let limit = limit.unwrap_or(usize::MAX);
        let taken = self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| {
            (open < limit).then_some(open + 1)
        });
        taken.is_ok().then(|| Place(self.clone()))
    }

    /// Waits for a place; `limit` is asked each time, for a reload may change it.
    pub(super) async fn place(self: &Arc<Self>, limit: impl Fn() -> Option<usize>) -> Place {
        // Mostly there is one, and no list of those who wait is touched.
        if let Some(place) = self.take(limit()) {
            return place;
        }
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Before the look: what is freed between the look and the wait counts.
            freed.as_mut().enable();
            if let Some(place) = self.take(limit()) {
                return place;
            }
            freed.await;
        }
    }

    /// The limit may have changed.
    pub(super) fn look_again(&self) {
        self.freed.notify_waiters();
    }
}

/// A connection's place; free again when dropped.
pub(super) struct Place(Arc<PortCount>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::options::Protocol;

    fn address(port: u16) -> Address {
        Address {
            protocol: Protocol::Tcp,
            socket: ([127, 0, 0, 1], port).into(),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn threads_share_the_places_of_a_port() {
        let (one, two, other) = (
            PortCount::of(address(1)),
            PortCount::of(address(1)),
            PortCount::of(address(2)),
        );
        let first = one.take(Some(2)).expect("the first");
        let _second = two.take(Some(2)).expect("the second");
        assert!(one.take(Some(2)).is_none() && two.take(Some(2)).is_none());
        assert!(other.take(Some(1)).is_some(), "ports are counted apart");
        let waiting = two.place(|| Some(2));
        tokio::pin!(waiting);
        let is_waiting = is_pending(&mut waiting).await;
        assert!(is_waiting);
        drop(first);
        waiting.await;
    }

    async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = std::future::ready(()) => true,
        }
    }
}
