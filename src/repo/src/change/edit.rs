//! Changes of files and their way to workers: upload, erase, commit, publish in place. Pure.

use ballast_repo_client::limits::{MAX_CODEBASE_BYTES, MAX_FILES};

use super::{Content, Draft, check_version};
use crate::error::Refused;
use crate::resolve;

impl Draft<'_> {
    pub(super) fn upload(&mut self, name: &str, path: String, content: Content) -> Result<(), Refused> {
        let mut codebase = self.own(name)?;
        let chain = resolve::chain(self, name);
        let mut files = resolve::merged(&chain);
        files.extend(codebase.edits.iter().map(|(path, file)| (path.clone(), file.clone())));
        files.remove(&path);
        let total: usize = files.values().map(|file| file.bytes).sum();
        if files.len() + 1 > MAX_FILES || total + content.bytes.len() > MAX_CODEBASE_BYTES {
            return Err(Refused::TooLarge);
        }
        let file = self.store(content);
        codebase.erased.remove(&path);
        if let Some(old) = codebase.edits.insert(path, file) {
            self.removed.push(old.blob);
        }
        self.set(name.to_owned(), Some(codebase));
        Ok(())
    }

    pub(super) fn drop_edit(&mut self, name: &str, path: &str) -> Result<(), Refused> {
        let mut codebase = self.own(name)?;
        let was_erased = codebase.erased.remove(path);
        match codebase.edits.remove(path) {
            Some(old) => self.removed.push(old.blob),
            None if !was_erased => return Ok(()),
            None => {}
        }
        self.set(name.to_owned(), Some(codebase));
        Ok(())
    }

    pub(super) fn erase(&mut self, name: &str, path: &str) -> Result<(), Refused> {
        let mut codebase = self.own(name)?;
        if let Some(old) = codebase.edits.remove(path) {
            self.removed.push(old.blob);
        } else if !codebase.files.contains_key(path) || !codebase.erased.insert(path.to_owned()) {
            return Ok(());
        }
        self.set(name.to_owned(), Some(codebase));
        Ok(())
    }

    pub(super) fn publish(
        &mut self,
        name: &str,
        version: Option<String>,
        main: Option<String>,
        base: Option<String>,
    ) -> Result<(), Refused> {
        version.as_deref().map_or(Ok(()), check_version)?;
        let mut codebase = self.own(name)?;
        let mut changes = false;
        if let Some(base) = base.filter(|base| codebase.base.as_ref() != Some(base)) {
            self.rebase(name, &mut codebase, base)?;
            changes = true;
        }
        if main.is_some() && main != codebase.main {
            codebase.main = main;
            changes = true;
        }
        let edits = std::mem::take(&mut codebase.edits);
        let had_edits = !edits.is_empty();
        for (path, file) in edits {
            let old = codebase.files.insert(path, file.clone());
            changes |= old.as_ref().map(|old| &old.hash) != Some(&file.hash);
            self.removed.extend(old.map(|old| old.blob));
        }
        if let Some(version) = version {
            let is_same = codebase.committed && resolve::version(self, &codebase) == version;
            if is_same && !changes && !had_edits && codebase.erased.is_empty() {
                return Ok(());
            }
            for path in std::mem::take(&mut codebase.erased) {
                self.removed.extend(codebase.files.remove(&path).map(|old| old.blob));
            }
            codebase.version = version;
            codebase.base_commits = resolve::base_commits(self, &codebase);
            codebase.committed = true;
            codebase.commits += 1;
            changes = true;
        } else if !changes && !had_edits {
            return Ok(());
        }
        if changes {
            codebase.changed = self.next();
        }
        self.set(name.to_owned(), Some(codebase));
        Ok(())
    }
}
