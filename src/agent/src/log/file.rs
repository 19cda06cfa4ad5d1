//! The log in a file, with rotation: a full or old file is renamed to `<time>-<name>` and a new one begun; of the renamed
//! ones the newest are kept. Not for: the files that scripts log to. Source: pipyjs/cli.md section 2 (`--log-file-...`).

use super::time;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// When a file is full, and how many are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Bytes after which a new file is begun.
    pub(crate) max_bytes: Option<u64>,
    /// Renamed files that are kept; None: all.
    pub(crate) max_files: Option<usize>,
    /// Time after which a new file is begun.
    pub(crate) interval: Option<Duration>,
}

/// See the module.
pub(crate) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    written: u64,
    begun: SystemTime,
    /// Time in the name of the file that was renamed last, and how many had the same before it.
    last: String,
    sequence: u32,
}

impl LogFile {
    /// Goes on with the file at `path`, or makes it.
    ///
    /// # Errors  It cannot be written.
    pub(crate) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let file = append(path)?;
        let written = file.metadata()?.len();
        Ok(LogFile {
            path: path.to_owned(),
            rotation,
            file,
            written,
            begun: SystemTime::now(),
            last: String::new(),
            sequence: 0,
        })
    }

    /// Adds a line. A log that cannot be written is no reason to stop: there is nobody to tell.
    pub(super) fn put(&mut self, line: &[u8]) {
        let now = SystemTime::now();
        let is_full = |max: u64| self.written > 0 && self.written + line.len() as u64 > max;
        let is_old = |interval| now.duration_since(self.begun).is_ok_and(|age| age >= interval);
        if self.rotation.max_bytes.is_some_and(is_full) || self.rotation.interval.is_some_and(is_old) {
            self.rotate(now).ok();
        }
        if self.file.write_all(line).is_ok() {
            self.written += line.len() as u64;
        }
    }

    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        // Whatever comes of it, the next try is not at the next line.
        (self.begun, self.written) = (now, 0);
        let mut stamp = String::new();
        time::stamp(&mut stamp, now);
        let stamp = stamp.replace(' ', "T").replace(':', "");
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Several a millisecond must not replace one another, and must sort in their order.
        self.sequence = if self.last == stamp { self.sequence + 1 } else { 0 };
        let free = match self.sequence {
            0 => format!("{stamp}-{name}"),
            n => format!("{stamp}.{n:06}-{name}"),
        };
        self.last = stamp;
        let free = self.path.with_file_name(free);
        std::fs::rename(&self.path, free)?;
        self.file = append(&self.path)?;
        self.prune(&name)
    }

    /// Removes the oldest renamed files; their names sort by time.
    fn prune(&self, name: &str) -> io::Result<()> {
        let Some(kept) = self.rotation.max_files else {
            return Ok(());
        };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut old: Vec<PathBuf> = std::fs::read_dir(folder.unwrap_or(Path::new(".")))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_rotated(path, name))
            .collect();
        old.sort();
        let over = old.len().saturating_sub(kept);
        old.iter().take(over).try_for_each(std::fs::remove_file)
    }
}

/// Whether it is named `2026-01-31T235959.999-NAME`.
fn is_rotated(path: &Path, name: &str) -> bool {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(stamp) = file.strip_suffix(name).and_then(|rest| rest.strip_suffix('-')) else {
        return false;
    };
    stamp.len() >= 21
        && stamp
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'T' | b'.'))
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_file_is_renamed_and_the_newest_are_kept() {
        let folder = std::env::temp_dir().join(format!("ballast-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.log");
        std::fs::write(folder.join("other-a.log"), "not ours").unwrap();
        let rotation = Rotation {
            max_bytes: Some(10),
            max_files: Some(2),
            interval: None,
        };
        let mut log = LogFile::open(&path, rotation).unwrap();
        for n in 0..5 {
            log.put(format!("line {n}\n").as_bytes());
        }
        let left = names(&folder);
        let contents: Vec<String> = left
            .iter()
            .map(|name| std::fs::read_to_string(folder.join(name)).unwrap())
            .collect();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(left.len(), 4, "{left:?}");
        // Sorted: the two renamed ones by time, then a.log, then the file that only looks like ours.
        assert_eq!(contents, ["line 2\n", "line 3\n", "line 4\n", "not ours"]);
    }

    #[test]
    fn an_old_file_is_renamed() {
        let folder = std::env::temp_dir().join(format!("ballast-log-age-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let rotation = Rotation {
            interval: Some(Duration::from_secs(60)),
            ..Rotation::default()
        };
        let mut log = LogFile::open(&folder.join("a.log"), rotation).unwrap();
        log.put(b"one\n");
        log.begun -= Duration::from_secs(59);
        log.put(b"two\n");
        let before = names(&folder).len();
        log.begun -= Duration::from_secs(60);
        log.put(b"three\n");
        let after = names(&folder).len();
        let now = std::fs::read_to_string(folder.join("a.log")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((before, after, now.as_str()), (1, 2, "three\n"));
    }
}
