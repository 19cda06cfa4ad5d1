//! Files of a local codebase that scripts watch (`.watch(path)`, `pipy.watch(path)`): looked at once a second, and told to
//! the engine when they change. Files that nobody watches are not looked at. Source: pipyjs/repo.md 1.1, model.md section 2.
//!
//! What cannot be read has not changed: it is told once in the log, and looked at again. Only what is not there any more,
//! or is no regular file any more, has gone.

use crate::limits;
use ballast_repo_client::limits::MAX_FILE_BYTES;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What tells a changed file from an unchanged one. A file that was put in another's place may be as old and as long.
#[derive(Clone, Copy, PartialEq)]
struct Stamp {
    /// Device and number of the file.
    file: (u64, u64),
    length: u64,
    written: Time,
}

/// Seconds and nanoseconds since 1970.
type Time = (i64, i64);

/// See the module.
pub(super) struct Watched {
    folder: PathBuf,
    /// Files that were there when they were last looked at.
    known: BTreeMap<String, Stamp>,
    /// What was watched at an earlier look: a file that is not known below it has appeared since.
    looked_at: BTreeSet<String>,
    /// Unreadable, and told so.
    told: BTreeSet<String>,
    /// What a file has become since then has changed, though it is looked at for the first time.
    since: Time,
}

impl Watched {
    /// For the codebase in this folder, which was read after that moment.
    pub(super) fn new(folder: &Path, before: SystemTime) -> Self {
        let since = before.checked_sub(limits::FILE_CLOCK).unwrap_or(before);
        let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Watched {
            folder: folder.to_path_buf(),
            known: BTreeMap::new(),
            looked_at: BTreeSet::new(),
            told: BTreeSet::new(),
            since: (
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
                i64::from(since.subsec_nanos()),
            ),
        }
    }

    /// Files below the watched paths (a folder ends in a slash) that have changed since the last look: path in the
    /// codebase, and content, or None for one that has gone.
    pub(super) fn look(&mut self, watched: &[String]) -> Vec<(String, Option<Bytes>)> {
        let mut changed = Vec::new();
        let (paths, mut troubled) = self.paths(watched);
        for (path, is_first) in &paths {
            match self.look_at(path, *is_first) {
                Ok(None) => {}
                Ok(Some(content)) => changed.push((path.clone(), content)),
                Err(error) => troubled.push((path.clone(), error)),
            }
        }
        for (path, error) in &troubled {
            if !self.told.contains(path) {
                tracing::warn!(target: "codebase", path, %error, "a watched file cannot be read; what was read before stays");
            }
        }
        self.told = troubled.into_iter().map(|(path, _)| path).collect();
        // What is not watched now may be again in a moment: a script asks anew after each change. But not for ever.
        self.looked_at.extend(watched.iter().cloned());
        if self.known.len().max(self.looked_at.len()) > limits::LOCAL_ENTRIES {
            self.known.retain(|path, _| paths.contains_key(path));
            self.looked_at = watched.iter().cloned().collect();
        }
        changed
    }

    /// What is to be looked at, with whether that is for the first time, and the folders that cannot be read.
    fn paths(&self, watched: &[String]) -> (BTreeMap<String, bool>, Vec<(String, io::Error)>) {
        let mut paths = BTreeMap::new();
        let mut troubled = Vec::new();
        let mut entries = 0;
        for watch in watched {
            let is_first = !self.looked_at.contains(watch);
            let mut add = |path: String| *paths.entry(path).or_insert(is_first) &= is_first;
            match watch.strip_suffix('/') {
                None => add(watch.clone()),
                Some(folder) => {
                    self.below(folder, &mut entries, &mut add, &mut troubled);
                    // A listing may be cut short: what it has lost is asked for by name.
                    self.known
                        .range::<String, _>(watch..)
                        .take_while(|(path, _)| path.starts_with(watch.as_str()))
                        .for_each(|(path, _)| add(path.clone()));
                }
            }
        }
        (paths, troubled)
    }

    /// Regular files below a folder, as many as a codebase may have entries; hidden ones are none of it.
    fn below(
        &self,
        folder: &str,
        entries: &mut usize,
        add: &mut impl FnMut(String),
        troubled: &mut Vec<(String, io::Error)>,
    ) {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let listing = match std::fs::read_dir(self.file(&folder)) {
                Ok(listing) => listing,
                Err(error) if is_gone(&error) => continue,
                Err(error) => {
                    troubled.push((format!("{folder}/"), error));
                    continue;
                }
            };
            for entry in listing.flatten() {
                *entries += 1;
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
                    continue;
                };
                if *entries > limits::LOCAL_ENTRIES {
                    return;
                }
                let path = format!("{folder}/{name}");
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    _ => add(path),
                }
            }
        }
    }

    /// None: as it was. Some(None): it has gone.
    fn look_at(&mut self, path: &str, is_first: bool) -> io::Result<Option<Option<Bytes>>> {
        let file = self.file(path);
        let known = self.known.get(path);
        let content = match stamp(&file)? {
            Some((stamp, _)) if known == Some(&stamp) => return Ok(None),
            Some((stamp, touched)) if known.is_none() && is_first && touched < self.since => {
                self.known.insert(path.to_owned(), stamp);
                return Ok(None);
            }
            Some(_) => read(&file)?,
            None => None,
        };
        Ok(match content {
            Some((stamp, content)) => {
                self.known.insert(path.to_owned(), stamp);
                Some(Some(content))
            }
            None => self.known.remove(path).map(|_| None),
        })
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }
}

/// Whether such an error says that there is nothing of that name.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// With the time when it was last written, renamed or given another time: the kernel's own word. None: it is not there, or
/// no regular file.
fn stamp(path: &Path) -> io::Result<Option<(Stamp, Time)>> {
    match std::fs::metadata(path) {
        Ok(meta) => Ok(stamp_of(&meta)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn stamp_of(meta: &Metadata) -> Option<(Stamp, Time)> {
    let stamp = Stamp {
        file: (meta.dev(), meta.ino()),
        length: meta.len(),
        written: (meta.mtime(), meta.mtime_nsec()),
    };
    meta.is_file().then_some((stamp, (meta.ctime(), meta.ctime_nsec())))
}

/// None: it is not there, or no regular file any more: to open a FIFO waits for a writer unless told not to.
fn read(path: &Path) -> io::Result<Option<(Stamp, Bytes)>> {
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    let file: File = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((stamp, _)) = stamp_of(&file.metadata()?) else {
        return Ok(None);
    };
    let mut content = Vec::new();
    if stamp.length <= MAX_FILE_BYTES as u64 {
        file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut content)?;
    }
    if stamp.length.max(content.len() as u64) > MAX_FILE_BYTES as u64 {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("a file of a codebase has at most {MAX_FILE_BYTES} bytes"),
        ));
    }
    Ok(Some((stamp, content.into())))
}

#[cfg(test)]
#[path = "watched_tests.rs"]
mod tests;
