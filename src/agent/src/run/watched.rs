//! Files of a local codebase that scripts watch (`.watch(path)`, `pipy.watch(path)`): looked at once a second, and told to
//! the engine when they change. Files that nobody watches are not looked at. Source: pipyjs/repo.md 1.1, model.md section 2.

use crate::limits;
use ballast_repo_client::limits::MAX_FILE_BYTES;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What tells a changed file from an unchanged one; None: it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// See the module.
pub(super) struct Watched {
    folder: PathBuf,
    known: BTreeMap<String, Stamp>,
    /// The time of the look before: what a file has become since then has changed, also when it was not known.
    looked: SystemTime,
}

impl Watched {
    /// For the codebase in this folder, which was read after that moment.
    pub(super) fn new(folder: &Path, before: SystemTime) -> Self {
        Watched {
            folder: folder.to_path_buf(),
            known: BTreeMap::new(),
            looked: before,
        }
    }

    /// Files below the watched paths (a folder ends in a slash) that have changed since the last look: path in the
    /// codebase, and content, or None for one that has gone.
    pub(super) fn look(&mut self, watched: &[String]) -> Vec<(String, Option<Bytes>)> {
        let now = SystemTime::now();
        let mut seen = BTreeMap::new();
        for path in watched {
            match path.strip_suffix('/') {
                None => drop(seen.insert(path.clone(), stamp(&self.file(path)))),
                Some(folder) => self.below(folder, &mut seen),
            }
        }
        // What a folder has lost is not found in it.
        for path in self.known.keys() {
            let is_watched =
                |watched: &String| path == watched || watched.ends_with('/') && path.starts_with(watched.as_str());
            if watched.iter().any(is_watched) {
                seen.entry(path.clone()).or_insert(None);
            }
        }
        let looked = std::mem::replace(&mut self.looked, now);
        let is_changed = |path: &String, stamp: &Stamp| match self.known.get(path) {
            Some(known) => known != stamp,
            None => stamp.is_some_and(|(changed, _)| changed + limits::FILE_CLOCK > looked),
        };
        let changed: Vec<String> = seen
            .iter()
            .filter(|(path, stamp)| is_changed(path, stamp))
            .map(|(path, _)| path.clone())
            .collect();
        self.known = seen;
        changed
            .into_iter()
            .map(|path| {
                let content = read(&self.file(&path));
                (path, content)
            })
            .collect()
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    /// Regular files below a folder, as many as a codebase may have entries; hidden ones are none of it.
    fn below(&self, folder: &str, seen: &mut BTreeMap<String, Stamp>) {
        let mut folders = vec![folder.to_owned()];
        let mut entries = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(self.file(&folder)).into_iter().flatten().flatten() {
                entries += 1;
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
                    continue;
                };
                if entries > limits::LOCAL_ENTRIES {
                    return;
                }
                let path = format!("{folder}/{name}");
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    _ => drop(seen.insert(path.clone(), stamp(&self.file(&path)))),
                }
            }
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((meta.modified().ok()?, meta.len()))
}

/// None: it is gone, or larger than a codebase's file may be.
fn read(path: &Path) -> Option<Bytes> {
    let mut content = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut content).ok()?;
    (content.len() <= MAX_FILE_BYTES).then(|| content.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let folder = std::env::temp_dir().join(format!("ballast-watched-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("d")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("a", "1");
        write("d/b", "1");
        // Files older than that count as known.
        let later = SystemTime::now() + std::time::Duration::from_secs(1);
        let mut watched = Watched::new(&folder, later);
        let paths = ["/a".to_owned(), "/d/".to_owned()];
        assert_eq!(watched.look(&paths), []);
        write("a", "22");
        write("other", "1");
        assert_eq!(watched.look(&paths), [("/a".to_owned(), Some(Bytes::from("22")))]);
        write("d/c", "new");
        std::fs::remove_file(folder.join("d/b")).unwrap();
        let changed = watched.look(&paths);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            changed,
            [("/d/b".to_owned(), None), ("/d/c".to_owned(), Some(Bytes::from("new")))]
        );
    }
}
