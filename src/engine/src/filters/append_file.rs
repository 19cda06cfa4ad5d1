//! A file that bytes are appended to, which several threads may share, with rotation: put aside as `<timestamp>-<name>` when
//! it is large or old. For `tee` and the loggers' `toFile`. Written on the worker's thread: bytes go to the page cache. A named pipe
//! is never waited for (fifo.rs).
//! Source: pipyjs/filters.md section 9 (`tee`: `append`, `maxFileSize`, `maxFileCount`, `rotateInterval`).

use super::fifo::Fifo;
use crate::js::{self, Options};
use crate::limits;
use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When a file is put aside for a new one.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    truncate: bool,
    max_bytes: Option<u64>,
    max_files: usize,
    interval: Option<Duration>,
}

impl Rotation {
    /// Reads the options.
    ///
    /// # Errors  Throws for values of a wrong type.
    pub(crate) fn parse(options: &Options<'_>, append: bool) -> js::Result<Self> {
        let seconds = options.seconds("rotateInterval")?.filter(|seconds| *seconds > 0.0);
        Ok(Rotation {
            truncate: !options.boolean("append")?.unwrap_or(append),
            max_bytes: options
                .size("maxFileSize")?
                .filter(|size| *size > 0)
                .map(|size| size as u64),
            max_files: options
                .number("maxFileCount")?
                .map_or(0, |count| count.max(0.0) as usize),
            interval: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        })
    }
}

/// See the module.
pub(crate) struct AppendFile {
    path: PathBuf,
    rotation: Rotation,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    file: Option<Opened>,
    opened: Option<Instant>,
    tried: Option<Instant>,
    was_opened: bool,
}

enum Opened {
    File(File),
    Pipe(Fifo),
}

impl AppendFile {
    /// Opened with the first bytes.
    pub(crate) fn new(path: impl Into<PathBuf>, rotation: Rotation) -> Self {
        AppendFile {
            path: path.into(),
            rotation,
            state: RefCell::default(),
        }
    }

    /// Appends; what cannot be written is lost.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut state = self.state.borrow_mut();
        if let Err(error) = self.try_write(&mut state, bytes) {
            state.file = None;
            // Nor is one that cannot be written to, a full disk: each line would become a line in the log.
            state.tried = Some(Instant::now());
            tracing::warn!(target: "files", "cannot write the file {}: {error}", self.path.display());
        }
    }

    fn try_write(&self, state: &mut State, bytes: &[u8]) -> io::Result<()> {
        if state.file.is_some() && self.is_full(state, bytes.len() as u64)? {
            state.file = None;
        }
        if state.file.is_none() {
            // A file that cannot be opened is not tried each time.
            if state
                .tried
                .is_some_and(|tried| tried.elapsed() < limits::LOG_FILE_RETRY)
            {
                return Ok(());
            }
            state.tried = Some(Instant::now());
            let truncate = self.rotation.truncate && !state.was_opened;
            let file = match Fifo::open(&self.path)? {
                Some(pipe) => Opened::Pipe(pipe),
                None => {
                    let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                    if truncate {
                        file.set_len(0)?;
                    }
                    Opened::File(file)
                }
            };
            *state = State {
                file: Some(file),
                opened: Some(Instant::now()),
                tried: None,
                was_opened: true,
            };
        }
        match &mut state.file {
            Some(Opened::File(file)) => file.write_all(bytes),
            Some(Opened::Pipe(pipe)) => pipe.write(bytes),
            None => Ok(()),
        }
    }

    /// Puts the file aside when it is time. True when another one is to be opened.
    fn is_full(&self, state: &State, more: u64) -> io::Result<bool> {
        let rotation = &self.rotation;
        if rotation.max_bytes.is_none() && rotation.interval.is_none() {
            return Ok(false);
        }
        let file = match &state.file {
            Some(Opened::File(file)) => file,
            Some(Opened::Pipe(_)) => return Ok(false),
            None => return Ok(true),
        };
        let ours = file.metadata()?;
        // Another thread has put it aside.
        match fs::metadata(&self.path) {
            Ok(now) if (now.dev(), now.ino()) == (ours.dev(), ours.ino()) => {}
            _ => return Ok(true),
        }
        let is_long = rotation
            .max_bytes
            .is_some_and(|max| ours.len() > 0 && ours.len() + more > max);
        let is_old = rotation
            .interval
            .zip(state.opened)
            .is_some_and(|(interval, opened)| opened.elapsed() >= interval);
        if !is_long && !is_old {
            return Ok(false);
        }
        self.put_aside()?;
        Ok(true)
    }

    /// Renames it, and removes the oldest of those put aside.
    fn put_aside(&self) -> io::Result<()> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut aside = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?.file_name().to_string_lossy().into_owned();
            let stamp = entry.split_once('-').filter(|(_, rest)| *rest == name);
            aside.extend(stamp.and_then(|(stamp, _)| stamp.parse::<u128>().ok()));
        }
        aside.sort_unstable();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // In order also when several go aside within a millisecond, or the clock is set back.
        let stamp = now.as_millis().max(aside.last().map_or(0, |last| last + 1));
        let path = |stamp: u128| folder.join(format!("{stamp:013}-{name}"));
        fs::rename(&self.path, path(stamp))?;
        aside.push(stamp);
        if self.rotation.max_files > 0 {
            // The one that is written is one of them.
            let surplus = (aside.len() + 1).saturating_sub(self.rotation.max_files);
            aside
                .into_iter()
                .take(surplus)
                .try_for_each(|stamp| fs::remove_file(path(stamp)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(folder: &Path) -> Vec<String> {
        let mut names: Vec<PathBuf> = fs::read_dir(folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        names.sort();
        names
            .iter()
            .map(|path| fs::read_to_string(path).expect("text").replace('\n', ";"))
            .collect()
    }

    #[test]
    fn files_are_put_aside_by_size_and_the_oldest_go() {
        let folder = std::env::temp_dir().join(format!("log-{}", fastrand::u64(..)));
        fs::create_dir(&folder).expect("a new folder");
        let rotation = Rotation {
            truncate: false,
            max_bytes: Some(10),
            max_files: 2,
            interval: None,
        };
        let path = folder.join("z.log");
        // Two threads of a process.
        let (one, two) = (
            AppendFile::new(&path, rotation.clone()),
            AppendFile::new(&path, rotation),
        );
        for (file, line, expected) in [
            (&one, "1111", vec!["1111;"]),
            (&two, "2222", vec!["1111;2222;"]),
            (&one, "3333", vec!["1111;2222;", "3333;"]),
            (&two, "4444", vec!["1111;2222;", "3333;4444;"]),
            (
                &one,
                "a line that is longer",
                vec!["3333;4444;", "a line that is longer;"],
            ),
        ] {
            file.write(format!("{line}\n").as_bytes());
            assert_eq!(lines(&folder), expected, "{line}");
        }
        fs::remove_dir_all(&folder).expect("it was there");
    }

    #[test]
    fn a_full_disk_is_not_tried_with_each_line() {
        let rotation = Rotation {
            truncate: false,
            max_bytes: None,
            max_files: 0,
            interval: None,
        };
        let file = AppendFile::new("/dev/full", rotation);
        file.write(b"a line\n");
        let tried = file.state.borrow().tried.expect("writing has failed");
        file.write(b"a line\n");
        assert_eq!(file.state.borrow().tried, Some(tried), "tried again at once");
    }

    #[test]
    fn appends_unless_told_otherwise() {
        let path = std::env::temp_dir().join(format!("log-{}", fastrand::u64(..)));
        for (truncate, expected) in [(false, "x\n"), (false, "x\nx\n"), (true, "x\n")] {
            let rotation = Rotation {
                truncate,
                max_bytes: None,
                max_files: 0,
                interval: None,
            };
            AppendFile::new(&path, rotation).write(b"x\n");
            assert_eq!(fs::read_to_string(&path).expect("text"), expected);
        }
        fs::remove_file(&path).expect("it was there");
    }
}
