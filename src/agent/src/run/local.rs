//! A codebase from a local folder: its regular files, read into memory, as many as a codebase may have. Hidden files and
//! folders (`.git`) are left out. Nearer files come first, so that what a script names is there even in a huge folder.

use crate::limits::LOCAL_ENTRIES;
use ballast_repo_client::limits::{MAX_CODEBASE_BYTES, MAX_FILE_BYTES, MAX_FILES};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The files below `folder` by their path in the codebase. `main` is read whatever else is there.
///
/// # Errors
/// `main` or the folder cannot be read. Other files that cannot be, or are too many or too large, are left out and logged.
pub(super) fn read(folder: &Path, main: Option<&str>) -> io::Result<BTreeMap<String, Bytes>> {
    let mut files = BTreeMap::new();
    let mut room = MAX_CODEBASE_BYTES;
    if let Some(main) = main {
        let content = file(&folder.join(main.trim_start_matches('/')))?;
        room = room.saturating_sub(content.len());
        files.insert(main.to_owned(), content);
    }
    let mut left_out = 0usize;
    let mut seen = 0usize;
    let mut folders: VecDeque<(PathBuf, String)> = VecDeque::from([(folder.to_path_buf(), String::from("/"))]);
    while let Some((folder, prefix)) = folders.pop_front() {
        let mut entries: Vec<_> = match std::fs::read_dir(&folder) {
            Ok(entries) => entries.flatten().take(LOCAL_ENTRIES).collect(),
            Err(error) if prefix == "/" => return Err(error),
            Err(_) => {
                left_out += 1;
                continue;
            }
        };
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            seen += 1;
            if seen > LOCAL_ENTRIES {
                tracing::warn!(target: "codebase", "more than {LOCAL_ENTRIES} files below the script's folder; the rest is left out");
                return Ok(files);
            }
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{prefix}{name}");
            // Follows links, as upstream's reads do.
            let Ok(meta) = std::fs::metadata(entry.path()) else {
                continue;
            };
            if meta.is_dir() {
                // A link to a folder may lead back up: only real folders are searched.
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push_back((entry.path(), format!("{path}/")));
                }
                continue;
            }
            if !meta.is_file() || files.contains_key(&path) {
                continue;
            }
            let fits = files.len() < MAX_FILES && meta.len() <= room.min(MAX_FILE_BYTES) as u64;
            match fits.then(|| file(&entry.path())) {
                Some(Ok(content)) if content.len() <= room => {
                    room -= content.len();
                    files.insert(path, content);
                }
                _ => left_out += 1,
            }
        }
    }
    if left_out > 0 {
        tracing::debug!(target: "codebase", "{left_out} files below the script's folder are too large, too many or not readable; left out");
    }
    Ok(files)
}

fn file(path: &Path) -> io::Result<Bytes> {
    let mut content = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_FILE_BYTES as u64 + 1)
        .read_to_end(&mut content)?;
    if content.len() > MAX_FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("a file of a codebase has at most {MAX_FILE_BYTES} bytes"),
        ));
    }
    Ok(Bytes::from(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_becomes_a_codebase() {
        let folder = std::env::temp_dir().join(format!("ballast-local-{}", std::process::id()));
        for (path, content) in [("main.js", "m"), ("lib/a.js", "a"), (".git/config", "secret")] {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let files = read(&folder, Some("/main.js")).unwrap();
        let missing = read(&folder, Some("/other.js")).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["/lib/a.js", "/main.js"]);
        assert_eq!(files["/lib/a.js"], "a");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
