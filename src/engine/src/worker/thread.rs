//! A worker: one OS thread with a current-thread runtime, its own scripts, its own listeners. Nothing is shared on the
//! hot path; control comes in bounded messages.

use super::program::{Program, Slot};
use super::{AdminAnswer, AdminRequest, Collector, Notice, Options, Status};
use crate::budget;
use crate::codebase::Codebase;
use crate::error::Error;
use crate::limits;
use crate::metrics::Counters;
use crate::pipeline::outbox;
use crate::series::Metric;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// What the control thread asks of a worker.
pub(super) enum Control {
    /// Load this beside what runs.
    Prepare(Arc<Codebase>, oneshot::Sender<Result<(), Error>>),
    /// Switch to what was prepared.
    Commit(oneshot::Sender<Result<(), Error>>),
    /// Forget what was prepared.
    Abort(oneshot::Sender<Result<(), Error>>),
    /// A file changed in place.
    Publish(String, Option<Bytes>),
    /// A signal came.
    Signal(&'static str),
    /// End gracefully.
    Drain(oneshot::Sender<()>),
    /// What runs?
    Status(oneshot::Sender<Status>),
    /// What do scripts answer to this, if they do?
    Admin(Arc<AdminRequest>, oneshot::Sender<Option<AdminAnswer>>),
    /// What is counted?
    Collect(oneshot::Sender<Vec<Metric>>),
}

/// The control thread's end of a worker. Dropping it ends the thread.
pub(super) struct Handle {
    index: usize,
    control: Option<mpsc::Sender<Control>>,
    thread: Option<std::thread::JoinHandle<()>>,
    pub(super) counters: Arc<Counters>,
}

impl Handle {
    /// Starts a worker thread.
    pub(super) fn spawn(
        index: usize,
        options: Options,
        notices: mpsc::Sender<(usize, Notice)>,
        collector: Collector,
    ) -> Result<Self, Error> {
        let (control, receiver) = mpsc::channel(limits::CONTROL_QUEUE);
        let counters = Arc::new(Counters::default());
        let counted = counters.clone();
        let thread = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .stack_size(limits::ENGINE_STACK_BYTES + options.limits.stack_bytes)
            .spawn(move || run(index, options, counted, notices, collector, receiver))
            .map_err(|error| Error::Worker {
                thread: index,
                what: format!("could not be started: {error}"),
            })?;
        Ok(Handle {
            index,
            control: Some(control),
            thread: Some(thread),
            counters,
        })
    }

    /// Sends a message and waits for the answer.
    pub(super) async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Control) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.tell(message(reply)).await;
        answer.await.map_err(|_| Error::Worker {
            thread: self.index,
            what: "has ended".to_owned(),
        })
    }

    /// A way to the worker that does not keep it alive.
    pub(super) fn weak(&self) -> Option<mpsc::WeakSender<Control>> {
        self.control.as_ref().map(mpsc::Sender::downgrade)
    }

    /// Sends a message. A worker that has ended takes none.
    pub(super) async fn tell(&self, message: Control) {
        if let Some(control) = &self.control
            && control.send(message).await.is_err()
        {
            tracing::debug!(target: "thread", thread = self.index, "worker has ended");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.control = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "thread", thread = self.index, "worker panicked");
        }
    }
}

fn run(
    index: usize,
    options: Options,
    counters: Arc<Counters>,
    notices: mpsc::Sender<(usize, Notice)>,
    collector: Collector,
    mut control: mpsc::Receiver<Control>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(outbox::send)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(target: "thread", thread = index, %error, "cannot start a worker"),
    };
    budget::set(options.limits.held_bytes, options.limits.data_bytes);
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        outbox::open();
        let mut slot = Slot::new(index, options, counters, notices, collector);
        let mut prepared: Option<Program> = None;
        while let Some(message) = control.recv().await {
            match message {
                Control::Prepare(codebase, reply) => {
                    let result = Program::load(&slot, codebase).map(|program| prepared = Some(program));
                    answer(reply, result);
                }
                Control::Commit(reply) => {
                    let result = match prepared.take() {
                        Some(program) => {
                            slot.switch(program);
                            Ok(())
                        }
                        None => Err(Error::Worker {
                            thread: index,
                            what: "had nothing prepared".to_owned(),
                        }),
                    };
                    answer(reply, result);
                }
                Control::Abort(reply) => {
                    prepared = None;
                    answer(reply, Ok(()));
                }
                Control::Publish(path, contents) => slot.publish(&path, contents),
                Control::Signal(name) => slot.signal(name),
                Control::Drain(reply) => slot.drain(reply),
                Control::Status(reply) => answer(reply, slot.status()),
                Control::Admin(request, reply) => slot.admin(&request, reply),
                Control::Collect(reply) => answer(reply, slot.collect()),
            }
        }
        slot.stop();
        outbox::close();
    });
}

fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    // The asker has gone when its own future was dropped: nobody wants to know.
    reply.send(value).ok();
}
