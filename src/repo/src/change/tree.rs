//! Changes of the tree of codebases: create, delete with all that derives, seed, another base. Pure.

use ballast_repo_client::limits::{MAX_CODEBASE_BYTES, MAX_FILES};
use bytes::Bytes;

use super::{Content, Draft, check_version};
use crate::error::Refused;
use crate::model::{Codebase, DEFAULT_MAIN, Lookup, MAX_DEPTH, UID_PREFIX};
use crate::resolve;

/// The first script of a codebase without base, as an edit: something to begin with.
const DEMO: &str =
    "pipy()\n  .listen(8080)\n  .demuxHTTP().to($ => $\n    .replaceMessage(new Message('Hi, there!\\n'))\n  )\n";

impl Draft<'_> {
    pub(super) fn create(
        &mut self,
        name: String,
        base: Option<String>,
        version: String,
        main: Option<String>,
    ) -> Result<(), Refused> {
        if name.starts_with(UID_PREFIX) {
            return Err(Refused::Name);
        }
        check_version(&version)?;
        if self.get(&name).is_some() {
            return Err(Refused::Exists);
        }
        let mut codebase = Codebase {
            version,
            main,
            ..Codebase::default()
        };
        match base {
            Some(base) => self.rebase(&name, &mut codebase, base)?,
            None => {
                let demo = Content {
                    bytes: Bytes::from_static(DEMO.as_bytes()),
                    hash: crate::hash(DEMO.as_bytes()),
                    uid: None,
                };
                let demo = self.store(demo);
                codebase.edits.insert(DEFAULT_MAIN.to_owned(), demo);
            }
        }
        codebase.changed = self.next();
        self.gone.insert(name.clone(), None);
        self.set(name, Some(codebase));
        Ok(())
    }

    /// All three steps of a codebase's begin at once. What could refuse a later one is looked at before the first.
    pub(super) fn make(
        &mut self,
        name: String,
        base: Option<String>,
        version: String,
        files: Vec<(String, Content)>,
    ) -> Result<(), Refused> {
        let inherited = base.as_deref().map(|base| resolve::merged(&resolve::chain(self, base)));
        let inherited = inherited.unwrap_or_default();
        let bytes = inherited.values().map(|file| file.bytes).sum::<usize>();
        let own: usize = files.iter().map(|(_, content)| content.bytes.len()).sum();
        if inherited.len() + files.len() > MAX_FILES || bytes + own > MAX_CODEBASE_BYTES {
            return Err(Refused::TooLarge);
        }
        self.create(name.clone(), base, version.clone(), None)?;
        for (path, content) in files {
            self.upload(&name, path, content)?;
        }
        self.publish(&name, Some(version), None, None)
    }

    pub(super) fn delete(&mut self, name: &str) -> Result<(), Refused> {
        self.own(name)?;
        let mut names = vec![name.to_owned()];
        names.extend(self.state.descendants(name));
        // Codebases made in this very draft are in no index yet.
        loop {
            let more: Vec<String> = self
                .codebases
                .iter()
                .filter(|(name, codebase)| {
                    let base = codebase.as_ref().and_then(|codebase| codebase.base.as_ref());
                    base.is_some_and(|base| names.contains(base)) && !names.contains(name)
                })
                .map(|(name, _)| name.clone())
                .collect();
            if more.is_empty() {
                break;
            }
            names.extend(more);
        }
        for name in names {
            let Some(codebase) = self.get(&name).cloned() else {
                continue;
            };
            self.removed.extend(codebase.blobs());
            let at = self.next();
            self.gone.insert(name.clone(), Some(at));
            self.set(name, None);
        }
        Ok(())
    }

    pub(super) fn seed(
        &mut self,
        name: String,
        version: Option<String>,
        main: String,
        digest: String,
        files: Vec<(String, Content)>,
    ) -> Result<(), Refused> {
        let old = self.get(&name).cloned();
        if old
            .as_ref()
            .is_some_and(|old| old.seed.is_none() || old.seed.as_ref() == Some(&digest))
        {
            return Ok(());
        }
        let mut codebase = old.unwrap_or_default();
        self.removed.extend(codebase.blobs());
        let number: u128 = codebase.version.parse().unwrap_or(0);
        codebase.version = version.unwrap_or_else(|| number.saturating_add(1).to_string());
        codebase.files = files
            .into_iter()
            .map(|(path, content)| (path, self.store(content)))
            .collect();
        codebase.edits.clear();
        codebase.erased.clear();
        codebase.main = Some(main);
        codebase.committed = true;
        codebase.commits += 1;
        codebase.changed = self.next();
        self.gone.insert(name.clone(), None);
        self.set(name.clone(), Some(codebase));
        if let Some(Some(codebase)) = self.codebases.get_mut(&name) {
            codebase.seed = Some(digest);
        }
        Ok(())
    }

    /// Checks that `base` can be the base of `name`, and makes it so.
    pub(super) fn rebase(&self, name: &str, codebase: &mut Codebase, base: String) -> Result<(), Refused> {
        if self.get(&base).is_none() {
            return Err(Refused::BaseNotFound);
        }
        let mut next = Some(base.as_str());
        let mut depth = 0;
        while let Some(above) = next {
            depth += 1;
            if above == name || depth >= MAX_DEPTH {
                return Err(Refused::Base);
            }
            next = self.get(above).and_then(|codebase| codebase.base.as_deref());
        }
        codebase.base = Some(base);
        codebase.base_commits = resolve::base_commits(self, codebase);
        Ok(())
    }
}
