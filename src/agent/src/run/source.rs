//! Where the scripts of `run` come from, and how changes there are noticed.

use super::local;
use crate::config::{Program, RunConfig};
use crate::facts::Facts;
use crate::feed::{Change, Current, Feed, Names, Pace};
use crate::limits;
use crate::link::{Ends, Link};
use crate::log::Log;
use ballast_engine::Codebase;
use ballast_repo_client::{Options, Worker};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;

/// A place that codebases come from.
pub(super) enum Source {
    /// A file with its folder.
    Local(Local),
    /// Script text, in the current folder.
    Text(String),
    /// A codebase in a Repo.
    Remote(Remote),
}

/// See [`Source::Local`].
pub(super) struct Local {
    folder: PathBuf,
    main: String,
    shown: String,
    /// When the main file was changed that was read last.
    changed: Option<SystemTime>,
    is_watched: bool,
    next_look: Instant,
}

/// See [`Source::Remote`].
pub(super) struct Remote {
    shown: String,
    current: Current,
    changes: mpsc::Receiver<Change>,
    refresh: Arc<Notify>,
    look: Arc<Notify>,
    reporting: Arc<Semaphore>,
    link: Option<Link>,
}

/// Path of script text among the files.
const TEXT_PATH: &str = "/[expression]";

impl Source {
    /// Checks what was asked for; a Repo is asked from now on.
    ///
    /// # Errors  A message for the user.
    pub(super) fn open(config: &RunConfig) -> Result<Self, String> {
        let shown = shown(&config.program);
        let local = |folder: &Path, main: String| {
            Source::Local(Local {
                folder: folder.to_path_buf(),
                main,
                shown: shown.clone(),
                changed: None,
                is_watched: config.watch_file && config.reload,
                next_look: Instant::now() + limits::LOCAL_POLL_PERIOD,
            })
        };
        match &config.program {
            Program::Expression(text) => Ok(Source::Text(text.clone())),
            Program::Folder(folder) => Ok(local(folder, "/main.js".to_owned())),
            Program::File(file) => {
                let name = file.file_name().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| format!("file name {shown:?} is not UTF-8"))?;
                let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
                Ok(local(folder.unwrap_or(Path::new(".")), format!("/{name}")))
            }
            Program::Remote(url) => remote(url, config).map(Source::Remote),
        }
    }

    /// Reads all of it; None: it comes by itself ([`Source::next`]).
    ///
    /// # Errors  A message for the user.
    pub(super) async fn fetch(&mut self) -> Option<Result<Codebase, String>> {
        match self {
            Source::Local(local) => Some(local.fetch().await),
            Source::Text(text) => {
                let mut files = local::read(Path::new("."), None).unwrap_or_default();
                files.insert(TEXT_PATH.to_owned(), Bytes::from(text.clone()));
                Some(Ok(codebase(TEXT_PATH, files)))
            }
            Source::Remote(_) => None,
        }
    }

    /// The next change. None: a local file has changed, or (remote) no change will ever come. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Change> {
        match self {
            Source::Remote(remote) => remote.changes.recv().await,
            Source::Local(local) if local.is_watched => loop {
                // A moment and not a time: whoever waits here also waits for other things, and comes back.
                tokio::time::sleep_until(local.next_look).await;
                local.next_look = Instant::now() + limits::LOCAL_POLL_PERIOD;
                let time = local.stamp().map(|(time, _)| time);
                if time.is_some() && time != local.changed {
                    return None;
                }
            },
            _ => std::future::pending().await,
        }
    }

    /// The folder of a local codebase.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Source::Local(local) => Some(&local.folder),
            Source::Text(_) => Some(Path::new(".")),
            Source::Remote(_) => None,
        }
    }

    /// Asks the Repo for all of it again, now.
    pub(super) fn refresh(&self) {
        if let Source::Remote(remote) = self {
            remote.refresh.notify_one();
        }
    }

    /// The same after a while: what came does not load.
    pub(super) fn retry(&self) {
        if let Source::Remote(remote) = self {
            let refresh = remote.refresh.clone();
            tokio::spawn(async move {
                tokio::time::sleep(limits::POLL_PERIOD).await;
                refresh.notify_one();
            });
        }
    }

    /// Holds the admin link to the Repo, where there is one.
    pub(super) fn hold_link(&mut self, uuid: &str, log: Log, with_system_log: bool) {
        if let Source::Remote(remote) = self {
            remote.link = Some(Link::open(Ends {
                current: remote.current.clone(),
                uuid: uuid.to_owned(),
                log,
                with_system_log,
                look: remote.look.clone(),
            }));
        }
    }

    /// Ends the admin link.
    pub(super) async fn close_link(&mut self) {
        if let Source::Remote(Remote { link, .. }) = self
            && let Some(link) = link.take()
        {
            link.close().await;
        }
    }

    /// Posts a status report; one at a time, failures are ignored (repo.md 1.2).
    pub(super) fn report(&self, facts: &Facts, with_metrics: bool) {
        let Source::Remote(remote) = self else { return };
        let Ok(permit) = remote.reporting.clone().try_acquire_owned() else {
            return;
        };
        let (worker, facts) = (remote.current.worker(), facts.clone());
        tokio::spawn(async move {
            let report = facts.report(with_metrics).await;
            let answer = worker.post_status(report.text.clone()).await;
            facts.answered(&report, answer.as_ref().ok().copied());
            if let Err(error) = answer {
                tracing::debug!(target: "codebase", "{error}");
            }
            drop(permit);
        });
    }

    pub(super) fn is_remote(&self) -> bool {
        matches!(self, Source::Remote(_))
    }

    /// Its name for messages.
    pub(super) fn shown(&self) -> &str {
        match self {
            Source::Local(Local { shown, .. }) | Source::Remote(Remote { shown, .. }) => shown,
            Source::Text(_) => TEXT_PATH,
        }
    }
}

impl Local {
    /// Reads all of it, once the main file rests: what is being written is not a script yet, and what is written while it is
    /// read may leave no trace in the file's time, for the kernel stamps by its tick. Unwatched it was somebody who said
    /// that it is time to read.
    async fn fetch(&mut self) -> Result<Codebase, String> {
        for _ in 0..limits::FILE_LOOKS {
            let before = self.stamp();
            let files = local::read(&self.folder, Some(&self.main));
            let after = self.stamp();
            // An empty file is one whose writer has not come to writing yet.
            let is_begun = after.is_some_and(|(time, length)| length == 0 || is_young(time));
            if before == after && !(self.is_watched && is_begun) {
                self.changed = after.map(|(time, _)| time);
                return files
                    .map(|files| codebase(&self.main, files))
                    .map_err(|error| format!("{}: {error}", self.shown));
            }
            tokio::time::sleep(limits::FILE_CLOCK).await;
        }
        self.changed = None;
        Err(format!("{}: it is empty, or written to all the time", self.shown))
    }

    /// When the main file was changed, and its length.
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let main = self.folder.join(self.main.trim_start_matches('/'));
        let meta = std::fs::metadata(main).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    }
}

/// Local files have no version.
fn codebase(main: &str, files: BTreeMap<String, Bytes>) -> Codebase {
    Codebase {
        version: String::new(),
        main: main.to_owned(),
        files,
    }
}

/// Whether a file of that time may still change without getting another time.
fn is_young(time: SystemTime) -> bool {
    let age = SystemTime::now().duration_since(time);
    age.is_ok_and(|age| age < limits::FILE_CLOCK)
}

/// Follows a codebase; without `reload` it is downloaded once.
fn remote(url: &str, config: &RunConfig) -> Result<Remote, String> {
    let reload = config.reload;
    let options = Options {
        ca_pem: config.repo_tls.trusted.as_deref().map(pem).transpose()?,
        identity_pem: match (&config.repo_tls.cert, &config.repo_tls.key) {
            (Some(cert), Some(key)) => Some([pem(cert)?, b"\n".to_vec(), pem(key)?].concat()),
            _ => None,
        },
        resolver: Some(Arc::new(Names::default())),
        ..Options::default()
    };
    let worker = Worker::new(url, &options).map_err(|error| error.to_string())?;
    let shown = worker.url();
    let feed = Feed::new(worker, None, None);
    let (current, look) = (feed.current(), feed.look());
    let (send, changes) = mpsc::channel(limits::CHANGES);
    let refresh = Arc::new(Notify::new());
    if reload {
        // A Repo that can wait answers at once; the others are asked every 5 s, errors or not.
        let pace = Pace {
            wait: limits::RUN_WAIT,
            period: limits::POLL_PERIOD,
            retry: Some(limits::POLL_PERIOD),
        };
        tokio::spawn(feed.follow(pace, send, refresh.clone()));
    } else {
        tokio::spawn(feed.fetch_only(send, refresh.clone()));
    }
    Ok(Remote {
        shown,
        current,
        changes,
        refresh,
        look,
        link: None,
        reporting: Arc::new(Semaphore::new(1)),
    })
}

fn pem(path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(limits::PEM_BYTES).read_to_end(&mut text))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(text)
}

/// The name of a program for messages and `pipy.source`.
pub(super) fn shown(program: &Program) -> String {
    match program {
        Program::Expression(text) => text.clone(),
        Program::File(path) | Program::Folder(path) => path.display().to_string(),
        Program::Remote(url) => crate::log::redact(url).into_owned(),
    }
}
