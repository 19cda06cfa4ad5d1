//! Folders of the operating system that scripts have added to their codebase (`pipy.mount`). Files are read when they are
//! asked for. Source: pipyjs/model.md section 3.

use crate::limits;
use bytes::Bytes;
use nix::fcntl::OFlag;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name → folder.
#[derive(Debug, Default)]
pub(super) struct Mounts(BTreeMap<String, PathBuf>);

impl Mounts {
    /// Adds a folder; `exists`: the codebase itself has files below that name.
    ///
    /// # Errors  What stands against it.
    pub(super) fn add(&mut self, name: &str, dir: &str, exists: bool) -> Result<(), String> {
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            return Err("a name has no slash".to_owned());
        }
        if exists || self.0.contains_key(name) {
            return Err("the name exists".to_owned());
        }
        if self.0.len() >= limits::MOUNTS {
            return Err(format!("more than {} folders", limits::MOUNTS));
        }
        let folder = fs::canonicalize(dir).map_err(|error| error.to_string())?;
        if !folder.is_dir() {
            return Err("it is no folder".to_owned());
        }
        self.0.insert(name.to_owned(), folder);
        Ok(())
    }

    /// Takes a folder away.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The contents of a file, by its normalised path in the codebase; never leaves the folder but by its own links.
    pub(super) fn read(&self, path: &str) -> Option<Bytes> {
        let (name, rest) = path.strip_prefix('/')?.split_once('/')?;
        let path = self.0.get(name)?.join(rest);
        // A named pipe is not waited for.
        let flags = OFlag::O_NONBLOCK.bits();
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(&path).ok()?;
        let facts = file.metadata().ok()?;
        if !facts.is_file() || facts.len() > limits::HELD_BYTES as u64 {
            return None;
        }
        let mut bytes = Vec::with_capacity(facts.len() as usize);
        file.take(limits::HELD_BYTES as u64).read_to_end(&mut bytes).ok()?;
        Some(bytes.into())
    }

    /// Paths below `prefix` (with a slash at its end), relative to it.
    pub(super) fn list(&self, prefix: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (name, folder) in &self.0 {
            walk(folder, &format!("/{name}"), 0, &mut found);
        }
        let below = found.iter().filter_map(|path| path.strip_prefix(prefix));
        below.map(str::to_owned).collect()
    }
}

fn walk(folder: &Path, path: &str, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = format!("{path}/{}", entry.file_name().to_string_lossy());
        let Ok(kind) = entry.file_type() else { continue };
        if found.len() >= limits::MOUNTED_FILES {
            return;
        }
        // Folders behind links may be above this one.
        if kind.is_dir() && depth < limits::MOUNT_DEPTH {
            walk(&entry.path(), &path, depth + 1, found);
        } else if !kind.is_dir() {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check;

    /// pipyjs/model.md section 3, rows `mount`, `unmount`, `patch`.
    #[tokio::test(flavor = "current_thread")]
    async fn codebases_can_be_added_to() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("sub")).expect("made");
        std::fs::write(folder.path().join("sub/a.txt"), "mounted").expect("written");
        std::fs::write(folder.path().join("b.js"), "export default 'module'").expect("written");
        let dir = folder.path().display();
        for (name, expression, expected) in [
            ("load", format!("(pipy.mount('m', '{dir}'), pipy.load('/m/sub/a.txt'))"), "mounted"),
            ("list", format!("(pipy.mount('m', '{dir}'), [pipy.list('/m'), pipy.list('/').length])"), "b.js,sub/a.txt,4"),
            ("import", format!("(pipy.mount('m', '{dir}'), pipy.import('/m/b.js').default)"), "module"),
            ("never outside", format!("(pipy.mount('m', '{dir}/sub'), pipy.load('/m/../b.js') === null && pipy.load('/m/../../b.js') === null)"), "true"),
            ("unmount", format!("(pipy.mount('m', '{dir}'), pipy.unmount('m'), pipy.load('/m/b.js'))"), "null"),
            ("a name with a slash", format!("invoke(() => pipy.mount('a/b', '{dir}'), e => e.split(': ')[1])"), "a name has no slash"),
            ("a name twice", format!("(pipy.mount('m', '{dir}'), invoke(() => pipy.mount('m', '{dir}'), e => e.split(': ')[1]))"), "the name exists"),
            ("a name of the codebase", format!("invoke(() => pipy.mount('lib', '{dir}'), e => e.split(': ')[1])"), "the name exists"),
            ("no folder", "invoke(() => pipy.mount('m', '/no/such'), 'threw')".to_owned(), "threw"),
            ("patch", "(pipy.patch('lib/x.txt', 'new'), pipy.patch('/y', new Data('y')), [pipy.load('/lib/x.txt'), pipy.load('y')])".to_owned(), "new,y"),
            ("patch a module", "(pipy.patch('/z.js', 'export var z = 1'), pipy.import('./z.js').z)".to_owned(), "1"),
        ] {
            let script = format!("pipy().listen('127.0.0.1:PORT').replaceData(() => new Data('' + {expression}))");
            check(name, &[("/main.js", &script), ("/lib/x.txt", "old")], "x", expected).await;
        }
    }
}
