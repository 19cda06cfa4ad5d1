//! A file that is only appended to, and put aside when it is large or old. For `tee`. Source: pipyjs/filters.md section 9.
//! Writing goes to the system's cache, on the worker's own thread.

use crate::data::Data;
use crate::js::{self, Options};
use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How the file is opened and rotated.
#[derive(Clone, Default)]
pub(crate) struct FileOptions {
    append: bool,
    max_bytes: Option<u64>,
    /// Files there may be, the one that is written included.
    max_files: Option<usize>,
    interval: Option<Duration>,
}

impl FileOptions {
    /// `append`, `maxFileSize`, `maxFileCount`, `rotateInterval`.
    ///
    /// # Errors  Throws for a wrong type.
    pub(crate) fn parse(options: &Options<'_>) -> js::Result<Self> {
        let interval = options.seconds("rotateInterval")?.filter(|seconds| *seconds > 0.0);
        Ok(FileOptions {
            append: options.boolean("append")?.unwrap_or(false),
            max_bytes: options
                .size("maxFileSize")?
                .filter(|size| *size > 0)
                .map(|size| size as u64),
            max_files: options
                .number("maxFileCount")?
                .filter(|count| *count >= 1.0)
                .map(|count| count as usize),
            interval: interval.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        })
    }
}

/// See the module.
pub(crate) struct AppendFile {
    path: PathBuf,
    options: FileOptions,
    file: RefCell<File>,
    bytes: Cell<u64>,
    since: Cell<Instant>,
    /// When it was put aside last, in milliseconds: later ones have larger numbers, whatever the clock does.
    last: Cell<u128>,
}

impl AppendFile {
    /// Opens or makes it.
    ///
    /// # Errors  What the system says.
    pub(crate) fn open(path: &Path, options: FileOptions) -> io::Result<Self> {
        let (file, bytes) = open(path, options.append)?;
        Ok(AppendFile {
            path: path.to_owned(),
            options,
            file: RefCell::new(file),
            bytes: Cell::new(bytes),
            since: Cell::new(Instant::now()),
            last: Cell::new(0),
        })
    }

    /// Appends; rotates before, when it is time.
    ///
    /// # Errors  What the system says.
    pub(crate) fn write(&self, data: &Data) -> io::Result<()> {
        let length = data.len() as u64;
        let bytes = self.bytes.get();
        let full = self.options.max_bytes.is_some_and(|max| bytes + length > max);
        let old = self
            .options
            .interval
            .is_some_and(|interval| self.since.get().elapsed() >= interval);
        if bytes > 0 && (full || old) {
            self.rotate()?;
        }
        let mut file = self.file.borrow_mut();
        data.chunks().try_for_each(|chunk| file.write_all(chunk))?;
        self.bytes.set(self.bytes.get() + length);
        Ok(())
    }

    /// Renames to `<milliseconds since 1970>-<name>`, removes the oldest of those, and begins anew.
    fn rotate(&self) -> io::Result<()> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut stamp = now.map_or(0, |now| now.as_millis()).max(self.last.get() + 1);
        let aside = loop {
            let aside = self.path.with_file_name(format!("{stamp}-{name}"));
            if !aside.exists() {
                break aside;
            }
            stamp += 1;
        };
        self.last.set(stamp);
        fs::rename(&self.path, aside)?;
        if let Some(max) = self.options.max_files {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let aside = put_aside(folder.unwrap_or(Path::new(".")), &name)?;
            let surplus = (aside.len() + 1).saturating_sub(max);
            for (_, path) in aside.iter().take(surplus) {
                fs::remove_file(path)?;
            }
        }
        let (file, bytes) = open(&self.path, self.options.append)?;
        *self.file.borrow_mut() = file;
        self.bytes.set(bytes);
        self.since.set(Instant::now());
        Ok(())
    }
}

fn open(path: &Path, append: bool) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.create(true);
    match append {
        true => options.append(true),
        false => options.write(true).truncate(true),
    };
    let file = options.open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// Rotated files, oldest first.
fn put_aside(folder: &Path, name: &str) -> io::Result<Vec<(u128, PathBuf)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        let stamp = file.split_once('-').filter(|(_, rest)| *rest == name);
        if let Some(stamp) = stamp.and_then(|(stamp, _)| stamp.parse().ok()) {
            all.push((stamp, entry.path()));
        }
    }
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::{AppendFile, FileOptions};
    use std::fs;

    #[test]
    fn large_files_are_put_aside_and_old_ones_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let options = FileOptions {
            max_bytes: Some(4),
            max_files: Some(3),
            ..FileOptions::default()
        };
        let file = AppendFile::open(&path, options).expect("opens");
        for text in ["ab", "cd", "ef", "longer", "gh", "ij", "kl"] {
            file.write(&text.into()).expect("writes");
        }
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .expect("lists")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let texts: Vec<String> = names
            .iter()
            .map(|name| fs::read_to_string(folder.path().join(name)).expect("reads"))
            .collect();
        assert_eq!(texts, ["longer", "ghij", "kl"], "{names:?}");
        assert!(names[..2].iter().all(|name| name.ends_with("-log")), "{names:?}");
    }
}
