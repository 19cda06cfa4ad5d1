//! What sockets have to send when their turn is over, kept until the worker has run all that is ready: the processes on the
//! other side are woken once for several sends, and the system's own code for sending stays warm from one to the next.
//! Not for what cannot wait: a socket decides for itself (`Flush::flush`), and nothing waits while a worker has anything
//! else to do for long: see [`limits::OUTBOX_SOCKETS`], [`limits::OUTBOX_TURNS`] and [`send`].

use super::{Task, spawn};
use crate::limits;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::Notify;

/// A socket that may wait.
pub(crate) trait Late {
    /// Sends what is pending. False: the system did not take it all, or it failed; then `go_on` is called, in a task.
    fn send(&self) -> bool;
    /// Sends again, and does what follows from the outcome. Not in a turn.
    fn go_on(&self);
}

#[derive(Default)]
struct Outbox {
    is_open: Cell<bool>,
    waiting: RefCell<Vec<Rc<dyn Late>>>,
    /// Turns that have ended since the oldest one waits.
    turns: Cell<usize>,
    /// Those that need more than a send, for the helper.
    unsent: RefCell<Vec<Rc<dyn Late>>>,
    wake: Rc<Notify>,
    helper: RefCell<Option<Task>>,
}

thread_local! {
    // One a worker thread, for the realms on it.
    static OUTBOX: Outbox = Outbox::default();
}

/// From now on this thread calls `send` whenever it has nothing else to do.
pub(crate) fn open() {
    OUTBOX.with(|outbox| outbox.is_open.set(true));
}

/// The process is about to end: from here on sockets send at the end of their turns. Called from anywhere.
pub(crate) fn stop() {
    OUTBOX.with(|outbox| outbox.is_open.set(false));
    send();
}

/// The thread ends: nothing waits any more.
pub(crate) fn close() {
    stop();
    go_on();
    OUTBOX.with(|outbox| drop(outbox.helper.take()));
}

/// Keeps `socket` for the next `send`; false where nobody would call that.
pub(crate) fn put(socket: Rc<dyn Late>) -> bool {
    OUTBOX.with(|outbox| {
        if !outbox.is_open.get() {
            return false;
        }
        if outbox.helper.borrow().as_ref().is_none_or(Task::is_done) {
            let helper = spawn(help(outbox.wake.clone()));
            *outbox.helper.borrow_mut() = Some(helper);
        }
        outbox.waiting.borrow_mut().push(socket);
        true
    })
}

/// A turn is over. What has waited for too long does not wait for the next one.
pub(super) fn turn_is_over() {
    let is_due = OUTBOX.with(|outbox| {
        let waiting = outbox.waiting.borrow().len();
        if waiting == 0 {
            return false;
        }
        let turns = outbox.turns.get() + 1;
        outbox.turns.set(turns);
        waiting >= limits::OUTBOX_SOCKETS || turns >= limits::OUTBOX_TURNS
    });
    if is_due {
        send_now();
    }
}

/// Sends what waits. Called when the worker has nothing else to do, and by scripts that run for long: from anywhere.
pub(crate) fn send() {
    OUTBOX.with(|outbox| {
        if outbox.waiting.borrow().is_empty() {
            return;
        }
        outbox.turns.set(0);
        let mut waiting = outbox.waiting.take();
        let mut unsent = outbox.unsent.borrow_mut();
        unsent.extend(waiting.drain(..).filter(|socket| !socket.send()));
        if !unsent.is_empty() {
            outbox.wake.notify_one();
        }
        drop(unsent);
        // The list's memory is kept.
        let mut added = outbox.waiting.borrow_mut();
        if added.is_empty() {
            *added = waiting;
        }
    });
}

/// Sends what waits, and does what follows. Not in a turn.
fn send_now() {
    send();
    go_on();
}

fn go_on() {
    let unsent = OUTBOX.with(|outbox| outbox.unsent.take());
    unsent.iter().for_each(|socket| socket.go_on());
}

/// Does in a task what cannot be done from anywhere.
async fn help(wake: Rc<Notify>) {
    loop {
        wake.notified().await;
        go_on();
    }
}

#[cfg(test)]
mod tests {
    use super::{Late, close, open, put, send, stop, turn_is_over};
    use crate::limits;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use tokio::task::LocalSet;

    /// A socket that notes what it is asked for.
    struct Fake {
        name: usize,
        is_full: Cell<bool>,
        log: Rc<RefCell<Vec<(usize, &'static str)>>>,
    }

    impl Late for Fake {
        fn send(&self) -> bool {
            self.log.borrow_mut().push((self.name, "send"));
            !self.is_full.get()
        }

        fn go_on(&self) {
            self.log.borrow_mut().push((self.name, "go on"));
        }
    }

    #[derive(Clone, Default)]
    struct Log(Rc<RefCell<Vec<(usize, &'static str)>>>);

    impl Log {
        fn socket(&self, name: usize) -> Rc<Fake> {
            Rc::new(Fake {
                name,
                is_full: Cell::new(false),
                log: self.0.clone(),
            })
        }

        fn take(&self) -> Vec<(usize, &'static str)> {
            self.0.take()
        }
    }

    /// On a runtime such as a worker has.
    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .on_thread_park(send)
            .build()
            .expect("a runtime");
        LocalSet::new().block_on(&runtime, test);
    }

    /// Lets the runtime come to rest: nothing is ready until the timer is, and what is with it has its turn.
    async fn rest() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        tokio::task::yield_now().await;
    }

    #[test]
    fn nothing_waits_where_nobody_would_send() {
        run(async {
            let log = Log::default();
            assert!(!put(log.socket(1)));
            open();
            assert!(put(log.socket(2)));
            close();
            assert_eq!(log.take(), [(2, "send")]);
            assert!(!put(log.socket(3)));
        });
    }

    #[test]
    fn at_the_end_of_the_process_nothing_begins_to_wait() {
        run(async {
            open();
            let log = Log::default();
            let socket = log.socket(1);
            socket.is_full.set(true);
            assert!(put(socket));
            stop();
            assert_eq!(log.take(), [(1, "send")]);
            assert!(!put(log.socket(2)));
            rest().await;
            assert_eq!(log.take(), [(1, "go on")]);
            close();
        });
    }

    #[test]
    fn what_waits_is_sent_in_order_when_there_is_nothing_else_to_do() {
        run(async {
            open();
            let log = Log::default();
            (1..=3).for_each(|name| assert!(put(log.socket(name))));
            // Others are ready: it goes on waiting.
            tokio::task::yield_now().await;
            assert_eq!(log.take(), []);
            rest().await;
            assert_eq!(log.take(), [(1, "send"), (2, "send"), (3, "send")]);
            rest().await;
            assert_eq!(log.take(), []);
            close();
        });
    }

    #[test]
    fn what_cannot_be_sent_goes_on_in_a_task() {
        run(async {
            open();
            let log = Log::default();
            for is_full in [true, false] {
                let socket = log.socket(1);
                socket.is_full.set(is_full);
                assert!(put(socket));
                assert!(put(log.socket(2)));
                rest().await;
                let more: &[_] = if is_full { &[(1, "go on")] } else { &[] };
                assert_eq!(log.take(), [&[(1, "send"), (2, "send")], more].concat(), "{is_full}");
            }
            close();
        });
    }

    #[test]
    fn waiting_has_bounds() {
        run(async {
            open();
            let log = Log::default();
            for count in 1..limits::OUTBOX_SOCKETS {
                assert!(put(log.socket(count)));
            }
            turn_is_over();
            assert_eq!(log.take(), []);
            assert!(put(log.socket(0)));
            turn_is_over();
            assert_eq!(log.take().len(), limits::OUTBOX_SOCKETS, "too many sockets");
            let socket = log.socket(1);
            socket.is_full.set(true);
            assert!(put(socket));
            (1..limits::OUTBOX_TURNS).for_each(|_| turn_is_over());
            assert_eq!(log.take(), []);
            turn_is_over();
            assert_eq!(log.take(), [(1, "send"), (1, "go on")], "too many turns");
            close();
        });
    }
}
