//! One codebase of a Repo, followed for ever: what changes comes out of a bounded queue, whatever the Repo does. Long polls
//! where the Repo can wait, polls at a period where it cannot. Not for: running the scripts.
//! Source: pipyjs/repo.md section 1, design.md 4 (long poll, 404, 409, 410).

mod dns;
mod pace;

pub(crate) use dns::Names;
pub(crate) use pace::Backoff;

use crate::limits;
use ballast_engine::Codebase;
use ballast_repo_client::{Error, Poll, Snapshot, Version, Worker};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// Something new about a codebase.
#[derive(Debug)]
pub(crate) enum Change {
    /// Another version, complete: reload.
    Version(Box<Snapshot>),
    /// The same version with files published in place, and which: tell who watches them.
    Files(Box<Snapshot>, Vec<(String, Option<Bytes>)>),
    /// It is no longer for us: deleted (410), or that of another Pod (409).
    Gone,
}

/// How to follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Longest wait to ask the Repo for.
    pub(crate) wait: Duration,
    /// Time between polls where the Repo does not wait.
    pub(crate) period: Duration,
    /// Time before the next try after an error; None: grows from `limits::BACKOFF`, with jitter.
    pub(crate) retry: Option<Duration>,
}

/// The codebase that a feed reads from now.
#[derive(Clone)]
pub(crate) struct Current(Arc<Mutex<Worker>>);

impl Current {
    /// Its client.
    pub(crate) fn worker(&self) -> Worker {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, worker: Worker) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = worker;
    }
}

/// See the module.
pub(crate) struct Feed {
    current: Current,
    look: Arc<Notify>,
    /// Another name of the same codebase, asked when the Repo does not know the current one.
    alias: Option<Worker>,
    held: Option<Snapshot>,
    /// Version of each file; None: the Repo does not list them, or nobody has asked yet.
    files: Option<BTreeMap<String, String>>,
    /// What was told since all was well: the same is not told again, and not more than `limits::TOLD`.
    told: Vec<String>,
    /// The Repo answers, but does not know what we hold.
    is_lost: bool,
    /// The last look did not wait, for somebody wanted it at once: what happens from now on is waited for without a pause.
    is_hurried: bool,
}

impl Feed {
    /// Follows from `held` on.
    pub(crate) fn new(worker: Worker, alias: Option<Worker>, held: Option<Snapshot>) -> Self {
        Feed {
            current: Current(Arc::new(Mutex::new(worker))),
            look: Arc::default(),
            alias,
            held,
            files: None,
            told: Vec::new(),
            is_lost: false,
            is_hurried: false,
        }
    }

    /// What it reads from, now and later.
    pub(crate) fn current(&self) -> Current {
        self.current.clone()
    }

    /// Notify it to have the Repo asked now, and not when it is time.
    pub(crate) fn look(&self) -> Arc<Notify> {
        self.look.clone()
    }

    /// Runs until nobody receives. `refresh` downloads all of it again and counts as another version.
    pub(crate) async fn follow(mut self, pace: Pace, changes: mpsc::Sender<Change>, refresh: Arc<Notify>) {
        let mut backoff = Backoff::new(limits::BACKOFF);
        let mut idle = Backoff::new(limits::DORMANT_POLL);
        // With two names both are asked once before the first one is waited on.
        let mut is_first = self.alias.is_some() && self.held.is_none();
        let look = self.look();
        loop {
            let began = Instant::now();
            let known = self.held.as_ref().map(|held| held.version.clone());
            let wait = if is_first { Duration::ZERO } else { pace.wait };
            let polled = tokio::select! {
                polled = self.poll(known.as_ref(), wait) => polled,
                () = refresh.notified() => {
                    self.is_hurried = true;
                    self.download().await.map(|change| (Some(change), false))
                }
            };
            let pause = match polled {
                Ok((change, waits)) => {
                    backoff.reset();
                    if !self.told.is_empty() && !self.is_lost {
                        self.told.clear();
                        tracing::info!(target: "codebase", "the Repo answers again");
                    }
                    let is_change = change.is_some();
                    if let Some(change) = change
                        && changes.send(change).await.is_err()
                    {
                        return;
                    }
                    // A Repo that says that it waits and does not must not be asked in a circle.
                    let is_held = waits && (is_change || began.elapsed() >= limits::HELD_POLL);
                    if self.held.is_some() {
                        idle.reset();
                    }
                    let is_hurried = std::mem::take(&mut self.is_hurried) && self.held.is_some();
                    match is_held || is_hurried || std::mem::take(&mut is_first) {
                        true => Duration::ZERO,
                        false if self.held.is_none() && pace.retry.is_none() => idle.next(),
                        false => pace.period,
                    }
                }
                Err(error) => {
                    self.tell(&error);
                    pace.retry.unwrap_or_else(|| backoff.next())
                }
            };
            if changes.is_closed() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = look.notified(), if !pause.is_zero() => {}
                // Seen again at once by the next round.
                () = refresh.notified(), if !pause.is_zero() => refresh.notify_one(),
            }
        }
    }

    /// Downloads once, and again only for `refresh`. Ends when the first download fails.
    pub(crate) async fn fetch_only(mut self, changes: mpsc::Sender<Change>, refresh: Arc<Notify>) {
        let mut is_first = true;
        loop {
            match self.download().await {
                Ok(change) => {
                    if changes.send(change).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.tell(&error);
                    if is_first {
                        return;
                    }
                }
            }
            is_first = false;
            refresh.notified().await;
        }
    }

    /// One look. The flag: the Repo has held it back, so the next one may follow at once.
    async fn poll(&mut self, known: Option<&Version>, wait: Duration) -> Result<(Option<Change>, bool), Error> {
        let worker = self.current.worker();
        let mut polled = tokio::select! {
            polled = worker.poll(known, wait) => polled?,
            // A download that has begun goes on: only the question is asked anew.
            () = self.look.notified() => {
                self.is_hurried = true;
                worker.poll(known, Duration::ZERO).await?
            }
        };
        if let (Poll::Unknown, Some(alias)) = (&polled.poll, &self.alias) {
            let other = alias.poll(known, Duration::ZERO).await?;
            if matches!(other.poll, Poll::Changed(_) | Poll::Unchanged) {
                tracing::info!(target: "codebase", "the Repo knows us as {}", alias.url());
                let alias = alias.clone();
                self.alias = Some(self.current.worker());
                self.current.set(alias);
                polled = other;
            }
        }
        self.is_lost = polled.poll == Poll::Unknown && known.is_some();
        match polled.poll {
            // With nothing held a Repo also waits for a deleted codebase to come back.
            Poll::Gone | Poll::Conflict if known.is_none() => Ok((None, polled.waits)),
            Poll::Gone | Poll::Conflict => Ok((Some(Change::Gone), false)),
            Poll::Unknown => {
                if known.is_none() {
                    tracing::debug!(target: "codebase", "{} is not there yet", self.current.worker().url());
                } else {
                    self.say("the Repo does not know the codebase any more; what runs goes on");
                }
                Ok((None, polled.waits))
            }
            Poll::Changed(found) => match known {
                Some(known) if known.etag == found.etag && known.last_modified == found.last_modified => {
                    Ok((self.published(Some(found)).await?, polled.waits))
                }
                _ => Ok((Some(self.download().await?), polled.waits)),
            },
            // A Repo without revisions does not tell of what is published in place: look.
            Poll::Unchanged if known.is_some_and(|known| known.revision == 0) => {
                Ok((self.published(None).await?, polled.waits))
            }
            Poll::Unchanged => Ok((None, polled.waits)),
        }
    }

    /// Another version, whole.
    async fn download(&mut self) -> Result<Change, Error> {
        // Before the files: what is published in between is then seen as changed once more, and not missed.
        let files = self.list().await?;
        let snapshot = self.current.worker().fetch_all().await?;
        let bytes: usize = snapshot.files.values().map(Bytes::len).sum();
        tracing::info!(target: "codebase", "GET {} -> {} files, {bytes} bytes", self.current.worker().url(), snapshot.files.len());
        self.files = files;
        self.held = Some(snapshot.clone());
        Ok(Change::Version(Box::new(snapshot)))
    }

    /// What has changed in place since the last look.
    async fn published(&mut self, found: Option<Version>) -> Result<Option<Change>, Error> {
        let Some(mut held) = self.held.clone() else {
            return Ok(None);
        };
        let listed = self.list().await?;
        let mut changed = Vec::new();
        if let Some(listed) = &listed {
            let old = self.files.as_ref();
            let differs = |path: &String, version: &String| old.is_none_or(|old| old.get(path) != Some(version));
            let paths: Vec<&String> = listed
                .iter()
                .filter(|(path, version)| differs(path, version))
                .map(|(path, _)| path)
                .collect();
            for path in paths {
                let content = self.current.worker().fetch_file(path).await?;
                if content.as_ref() != held.files.get(path) {
                    changed.push((path.clone(), content));
                }
            }
            let gone = held.files.keys().filter(|path| !listed.contains_key(*path));
            changed.extend(gone.map(|path| (path.clone(), None)));
        }
        for (path, content) in &changed {
            match content {
                Some(content) => held.files.insert(path.clone(), content.clone()),
                None => held.files.remove(path),
            };
        }
        if let Some(found) = found {
            held.version = found;
        }
        self.files = listed;
        self.held = Some(held.clone());
        if changed.is_empty() {
            return Ok(None);
        }
        let paths: Vec<&str> = changed.iter().map(|(path, _)| path.as_str()).collect();
        tracing::info!(target: "codebase", "published in place: {}", paths.join(" "));
        Ok(Some(Change::Files(Box::new(held), changed)))
    }

    /// Versions of all files; None where the Repo does not list them.
    async fn list(&self) -> Result<Option<BTreeMap<String, String>>, Error> {
        match self.current.worker().etags().await {
            Ok(list) => Ok(Some(list.into_iter().map(|file| (file.path, file.version)).collect())),
            Err(error) if error.status().is_some() => Ok(None),
            // Not a list at all: a plain file server.
            Err(Error::Malformed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn tell(&mut self, error: &Error) {
        self.say(&error.to_string());
    }

    /// Says the same only once: a Repo that is down for a day must not fill the log.
    fn say(&mut self, text: &str) {
        if self.told.len() >= limits::TOLD || self.told.iter().any(|told| told == text) {
            tracing::debug!(target: "codebase", "{text}");
        } else {
            tracing::warn!(target: "codebase", "{text}");
            self.told.push(text.to_owned());
        }
    }
}

/// What the engine is given of a snapshot.
pub(crate) fn codebase(snapshot: &Snapshot) -> Codebase {
    Codebase {
        version: name(&snapshot.version),
        main: snapshot.main.clone(),
        files: snapshot.files.clone(),
    }
}

/// A version as people write it: the etag without its quotes, else the date.
fn name(version: &Version) -> String {
    let etag = version
        .etag
        .strip_prefix("W/")
        .unwrap_or(&version.etag)
        .trim_matches('"');
    if etag.is_empty() {
        version.last_modified.clone()
    } else {
        etag.to_owned()
    }
}
