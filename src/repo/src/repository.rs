//! The state behind the API. Reads look at the current state and fetch contents from the store. Changes go through one
//! thread, which takes all that are waiting, applies them to a draft, has the store keep it, and only then makes it current,
//! wakes waiters and answers: one fsync serves many writers, and what is acknowledged is on disk.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use crate::change::{Batch, Change, Draft};
use crate::error::{Error, Refused};
use crate::instances::Instances;
use crate::model::{Codebase, FileRef, Lookup, State, UID_PREFIX};
use crate::registrations::Registrations;
use crate::store::Store;
use crate::waiters::Waiters;

/// Changes that may wait for the writer thread.
const MAX_QUEUED: usize = 256;
/// Bytes of contents that one batch takes on; the rest waits for the next.
const MAX_BATCH_BYTES: usize = 64 << 20;

/// A refusal or failure, for each of the changes of a batch.
type Outcome = Result<Result<(), Refused>, Error>;

struct Job {
    change: Change,
    done: oneshot::Sender<Outcome>,
}

pub(crate) struct Repository {
    state: Arc<RwLock<State>>,
    store: Arc<dyn Store>,
    pub(crate) waiters: Arc<Waiters>,
    instances: Arc<Mutex<Instances>>,
    pub(crate) registrations: Registrations,
    queue: mpsc::Sender<Job>,
}

impl Repository {
    /// Loads the store and starts the writer thread, which ends with the last reference to the repository.
    pub(crate) fn open(store: Arc<dyn Store>) -> Result<Self, Error> {
        let mut state = store.load()?;
        // The clock keeps numbers growing over a restart of a store that forgets.
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_millis());
        state.sequence = state.sequence.max(u64::try_from(clock).unwrap_or(0));
        let (queue, jobs) = mpsc::channel(MAX_QUEUED);
        let repository = Self {
            state: Arc::new(RwLock::new(state)),
            store,
            waiters: Arc::default(),
            instances: Arc::default(),
            registrations: Registrations::default(),
            queue,
        };
        let writer = Writer {
            state: Arc::clone(&repository.state),
            store: Arc::clone(&repository.store),
            waiters: Arc::clone(&repository.waiters),
            instances: Arc::clone(&repository.instances),
            unreferred: Vec::new(),
        };
        let spawned = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.run(jobs));
        spawned.map_err(|e| Error::Data(format!("start the writer thread: {e}")))?;
        Ok(repository)
    }

    /// The current state. Not to be held across an await.
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change; when this returns, it is kept and visible.
    pub(crate) async fn change(&self, change: Change) -> Outcome {
        let (done, outcome) = oneshot::channel();
        self.queue.try_send(Job { change, done }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        outcome.await.map_err(|_| Error::Closed)?
    }

    /// The content that `find` points at. `None`: nothing there. Looks again when the content was replaced meanwhile.
    pub(crate) fn content<T>(
        &self,
        find: impl Fn(&State) -> Option<(FileRef, T)>,
    ) -> Result<Option<(Bytes, FileRef, T)>, Error> {
        for _ in 0..8 {
            let Some((file, rest)) = find(&self.state()) else {
                return Ok(None);
            };
            if let Some(bytes) = self.store.read(file.blob)? {
                return Ok(Some((bytes, file, rest)));
            }
        }
        Err(Error::Busy)
    }

    /// One content by reference; `None`: replaced meanwhile.
    pub(crate) fn read(&self, file: &FileRef) -> Result<Option<Bytes>, Error> {
        self.store.read(file.blob)
    }

    /// Takes the report of a worker. `false`: there are too many.
    pub(crate) fn report(&self, codebase: &str, mut status: Map<String, Value>, peer: &str) -> bool {
        let uid = self.state().get(codebase).and_then(Codebase::uid).map(str::to_owned);
        if uid.is_some() {
            self.registrations
                .take(codebase, uid.as_deref(), &mut status, Instant::now());
        }
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.report(codebase, status, peer, Instant::now())
    }

    /// Takes the last words of a worker whose codebase is gone.
    pub(crate) fn last_report(&self, codebase: &str, mut status: Map<String, Value>) {
        self.registrations.take(codebase, None, &mut status, Instant::now());
    }

    /// The workers of a codebase.
    pub(crate) fn instances(&self, codebase: &str) -> Map<String, Value> {
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.describe(codebase, Instant::now())
    }
}

struct Writer {
    state: Arc<RwLock<State>>,
    store: Arc<dyn Store>,
    waiters: Arc<Waiters>,
    instances: Arc<Mutex<Instances>>,
    /// Contents of the batch before: cleared one batch late, so that a reader with the old state still finds them.
    unreferred: Vec<u64>,
}

impl Writer {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut bytes = size(&first.change);
            let mut batch = vec![first];
            while bytes < MAX_BATCH_BYTES
                && batch.len() < MAX_QUEUED
                && let Ok(job) = jobs.try_recv()
            {
                bytes += size(&job.change);
                batch.push(job);
            }
            self.perform(batch);
        }
    }

    fn perform(&mut self, jobs: Vec<Job>) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut draft = Draft::new(&state);
        let mut waiting = Vec::new();
        for Job { change, done } in jobs {
            let result = draft.apply(change);
            waiting.push((done, result));
        }
        let kept = if draft.is_empty() {
            drop(state);
            Ok(())
        } else {
            let mut batch = draft.finish();
            drop(state);
            let unreferred = std::mem::replace(&mut batch.removed, self.unreferred.clone());
            let kept = self.store.apply(&batch);
            match &kept {
                Ok(()) => {
                    self.unreferred = unreferred;
                    self.make_current(batch);
                }
                Err(e) => {
                    // What failed may be on the disk all the same, so its numbers are not given out again.
                    self.state.write().unwrap_or_else(PoisonError::into_inner).sequence = batch.sequence;
                    tracing::error!(error = %e, "a change could not be kept; it is refused");
                }
            }
            kept
        };
        for (done, result) in waiting {
            let outcome = match &kept {
                Ok(()) => Ok(result),
                Err(Error::Store { reason, hint, is_full }) => Err(Error::Store {
                    reason: reason.clone(),
                    hint,
                    is_full: *is_full,
                }),
                Err(_) => Err(Error::Busy),
            };
            // A writer that has hung up does not want to know.
            drop(done.send(outcome));
        }
    }

    fn make_current(&self, batch: Batch) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut touched: Vec<String> = Vec::new();
        let alias =
            |codebase: Option<&Codebase>| codebase.and_then(Codebase::uid).map(|uid| format!("{UID_PREFIX}{uid}"));
        for (name, _) in &batch.codebases {
            touched.extend(alias(state.get(name)));
        }
        let mut deleted = Vec::new();
        for (name, codebase) in batch.codebases {
            if codebase.is_none() {
                deleted.push(name.clone());
            }
            state.set(&name, codebase);
            touched.push(name);
        }
        for (name, at) in batch.gone {
            state.set_gone(&name, at);
        }
        state.sequence = batch.sequence;
        let mut seen = std::collections::HashSet::new();
        let mut next = 0;
        while next < touched.len() {
            let name = touched[next].clone();
            next += 1;
            if !seen.insert(name.clone()) {
                continue;
            }
            touched.extend(alias(state.get(&name)));
            touched.extend(state.children(&name).map(str::to_owned));
        }
        drop(state);
        self.waiters.wake(touched.iter().map(String::as_str));
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.iter().for_each(|name| instances.forget(name));
    }
}

fn size(change: &Change) -> usize {
    match change {
        Change::Upload { content, .. } => content.bytes.len(),
        Change::Make { files, .. } => files.iter().map(|(_, content)| content.bytes.len()).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Content;
    use crate::store::Memory;

    /// Keeps the third batch and says that it failed, as a disk may when its last fsync fails.
    #[derive(Default)]
    struct Shaky {
        memory: Memory,
        added: Mutex<Vec<Vec<u64>>>,
    }

    impl Store for Shaky {
        fn load(&self) -> Result<State, Error> {
            self.memory.load()
        }

        fn read(&self, blob: u64) -> Result<Option<Bytes>, Error> {
            self.memory.read(blob)
        }

        fn apply(&self, batch: &Batch) -> Result<(), Error> {
            self.memory.apply(batch)?;
            let mut added = self.added.lock().unwrap();
            added.push(batch.added.iter().map(|(blob, _)| *blob).collect());
            if added.len() == 3 { Err(Error::Busy) } else { Ok(()) }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_number_that_may_be_on_the_disk_is_not_given_out_again() {
        let store = Arc::new(Shaky::default());
        let repository = Repository::open(Arc::clone(&store) as Arc<dyn Store>).unwrap();
        let create = |name: &str| Change::Create {
            name: name.to_owned(),
            base: None,
            version: "0".to_owned(),
            main: None,
        };
        let upload = |name: &str| Change::Upload {
            name: name.to_owned(),
            path: "/x".to_owned(),
            content: Content {
                bytes: Bytes::copy_from_slice(name.as_bytes()),
                hash: crate::hash(name.as_bytes()),
                uid: None,
            },
        };
        for change in [create("/a"), create("/b")] {
            repository.change(change).await.unwrap().unwrap();
        }
        assert!(repository.change(upload("/a")).await.is_err());
        repository.change(upload("/b")).await.unwrap().unwrap();
        let added = store.added.lock().unwrap();
        let [_, _, failed, next] = added.as_slice() else {
            panic!("{added:?}")
        };
        assert!(next > failed, "{added:?}");
    }
}
