//! Every change that the API knows, as a value, and what it does to a draft. Pure: a draft is kept apart from the state until
//! the store has it, so that a full disk changes nothing. Source: Repo protocol sections 3 and 4.

use std::collections::BTreeMap;

use ballast_repo_client::limits::{MAX_CODEBASE_BYTES, MAX_FILES, MAX_VERSION_BYTES};
use ballast_repo_client::pod::POD_PATH;
use bytes::Bytes;

use crate::error::Refused;
use crate::model::{Codebase, FileRef, Lookup, MAX_DEPTH, MAX_GONE, POD_PREFIX, State, UID_PREFIX};
use crate::resolve;

/// The first script of a codebase without base, as an edit: something to begin with.
const DEMO: &str =
    "pipy()\n  .listen(8080)\n  .demuxHTTP().to($ => $\n    .replaceMessage(new Message('Hi, there!\\n'))\n  )\n";

/// A content on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    /// Hexadecimal hash of the bytes.
    pub(crate) hash: String,
    /// The Pod's UID in it, when it is a `pod.json`.
    pub(crate) uid: Option<String>,
}

/// A change. Names and paths are in normal form.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create {
        name: String,
        base: Option<String>,
        version: String,
        main: Option<String>,
    },
    Upload {
        name: String,
        path: String,
        content: Content,
    },
    DropEdit {
        name: String,
        path: String,
    },
    Erase {
        name: String,
        path: String,
    },
    /// With a version: commit; without: publish in place.
    Publish {
        name: String,
        version: Option<String>,
        main: Option<String>,
        base: Option<String>,
    },
    Delete {
        name: String,
    },
    /// Makes the codebase hold exactly these files, as a new version, unless somebody has edited it.
    Seed {
        name: String,
        version: Option<String>,
        main: String,
        digest: String,
        files: Vec<(String, Content)>,
    },
}

/// Changes that are not yet in the state.
pub(crate) struct Draft<'s> {
    state: &'s State,
    codebases: BTreeMap<String, Option<Codebase>>,
    gone: BTreeMap<String, Option<u64>>,
    added: Vec<(u64, Bytes)>,
    removed: Vec<u64>,
    sequence: u64,
}

/// What a draft comes to.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// New values; `None`: deleted.
    pub(crate) codebases: Vec<(String, Option<Codebase>)>,
    /// Deleted names to remember (with the number that orders them) or to forget.
    pub(crate) gone: Vec<(String, Option<u64>)>,
    /// Contents to store.
    pub(crate) added: Vec<(u64, Bytes)>,
    /// Contents that nothing refers to any more.
    pub(crate) removed: Vec<u64>,
    /// The last number given out.
    pub(crate) sequence: u64,
}

impl Lookup for Draft<'_> {
    fn get(&self, name: &str) -> Option<&Codebase> {
        match self.codebases.get(name) {
            Some(changed) => changed.as_ref(),
            None => self.state.get(name),
        }
    }
}

impl<'s> Draft<'s> {
    pub(crate) fn new(state: &'s State) -> Self {
        Self {
            state,
            codebases: BTreeMap::new(),
            gone: BTreeMap::new(),
            added: Vec::new(),
            removed: Vec::new(),
            sequence: state.sequence,
        }
    }

    /// Applies one change: wholly, or not at all.
    pub(crate) fn apply(&mut self, change: Change) -> Result<(), Refused> {
        match change {
            Change::Create {
                name,
                base,
                version,
                main,
            } => self.create(name, base, version, main),
            Change::Upload { name, path, content } => self.upload(&name, path, content),
            Change::DropEdit { name, path } => self.drop_edit(&name, &path),
            Change::Erase { name, path } => self.erase(&name, &path),
            Change::Publish {
                name,
                version,
                main,
                base,
            } => self.publish(&name, version, main, base),
            Change::Delete { name } => self.delete(&name),
            Change::Seed {
                name,
                version,
                main,
                digest,
                files,
            } => self.seed(name, version, main, digest, files),
        }
    }

    /// Whether nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.codebases.is_empty()
    }

    /// The result, for the store and then for the state.
    pub(crate) fn finish(mut self) -> Batch {
        let remembered = self.state.gone_count() + self.gone.len();
        let forget = remembered.saturating_sub(MAX_GONE);
        let oldest: Vec<String> = self
            .state
            .gone()
            .take(forget)
            .map(|(_, name)| name.to_owned())
            .collect();
        for name in oldest {
            self.gone.entry(name).or_insert(None);
        }
        Batch {
            codebases: self.codebases.into_iter().collect(),
            gone: self.gone.into_iter().collect(),
            added: self.added,
            removed: self.removed,
            sequence: self.sequence,
        }
    }

    fn create(
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
                codebase.edits.insert(crate::model::DEFAULT_MAIN.to_owned(), demo);
            }
        }
        codebase.changed = self.next();
        self.gone.insert(name.clone(), None);
        self.set(name, Some(codebase));
        Ok(())
    }

    fn upload(&mut self, name: &str, path: String, content: Content) -> Result<(), Refused> {
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

    fn drop_edit(&mut self, name: &str, path: &str) -> Result<(), Refused> {
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

    fn erase(&mut self, name: &str, path: &str) -> Result<(), Refused> {
        let mut codebase = self.own(name)?;
        if let Some(old) = codebase.edits.remove(path) {
            self.removed.push(old.blob);
        } else if !codebase.files.contains_key(path) || !codebase.erased.insert(path.to_owned()) {
            return Ok(());
        }
        self.set(name.to_owned(), Some(codebase));
        Ok(())
    }

    fn publish(
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

    fn delete(&mut self, name: &str) -> Result<(), Refused> {
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

    fn seed(
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
    fn rebase(&self, name: &str, codebase: &mut Codebase, base: String) -> Result<(), Refused> {
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

    fn own(&self, name: &str) -> Result<Codebase, Refused> {
        self.get(name).cloned().ok_or(Refused::NotFound)
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn store(&mut self, content: Content) -> FileRef {
        let blob = self.next();
        let file = FileRef {
            blob,
            hash: content.hash,
            bytes: content.bytes.len(),
            uid: content.uid,
        };
        self.added.push((blob, content.bytes));
        file
    }

    /// Every change but a seed makes a codebase somebody's own. A UID that a codebase no longer has is remembered as gone.
    fn set(&mut self, name: String, mut codebase: Option<Codebase>) {
        if name.starts_with(POD_PREFIX) {
            let uid =
                |codebase: Option<&Codebase>| codebase.and_then(Codebase::uid).map(|uid| format!("{UID_PREFIX}{uid}"));
            let (old, new) = (uid(self.get(&name)), uid(codebase.as_ref()));
            if old != new {
                if let Some(old) = old {
                    let at = self.next();
                    self.gone.insert(old, Some(at));
                }
                if let Some(new) = new {
                    self.gone.insert(new, None);
                }
            }
        }
        if let Some(codebase) = &mut codebase {
            codebase.seed = None;
        }
        self.codebases.insert(name, codebase);
    }
}

/// The UID in the content of a Pod's `pod.json`.
pub(crate) fn pod_uid(name: &str, path: &str, content: &[u8]) -> Option<String> {
    if path != POD_PATH || !name.starts_with(POD_PREFIX) {
        return None;
    }
    let document: serde_json::Value = serde_json::from_slice(content).ok()?;
    let uid = document.get("metadata")?.get("uid")?.as_str()?;
    let is_plain = uid
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (!uid.is_empty() && uid.len() <= 128 && is_plain).then(|| uid.to_owned())
}

/// A version becomes a header.
fn check_version(version: &str) -> Result<(), Refused> {
    let is_text = version.bytes().all(|byte| byte.is_ascii_graphic());
    if version.is_empty() || version.len() > MAX_VERSION_BYTES || !is_text {
        return Err(Refused::Version);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &'static str) -> Content {
        Content {
            bytes: Bytes::from_static(text.as_bytes()),
            hash: text.to_owned(),
            uid: None,
        }
    }

    fn create(name: &str, base: Option<&str>) -> Change {
        Change::Create {
            name: name.to_owned(),
            base: base.map(str::to_owned),
            version: "0".to_owned(),
            main: None,
        }
    }

    fn upload(name: &str, path: &str, text: &'static str) -> Change {
        Change::Upload {
            name: name.to_owned(),
            path: path.to_owned(),
            content: content(text),
        }
    }

    fn publish(name: &str, version: Option<&str>) -> Change {
        Change::Publish {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            main: None,
            base: None,
        }
    }

    /// Applies changes as one batch, as the writer thread does.
    fn perform(state: &mut State, changes: Vec<Change>) -> (Vec<Result<(), Refused>>, Batch) {
        let mut draft = Draft::new(state);
        let results = changes.into_iter().map(|change| draft.apply(change)).collect();
        let batch = draft.finish();
        for (name, codebase) in &batch.codebases {
            state.set(name, codebase.clone());
        }
        for (name, at) in &batch.gone {
            state.set_gone(name, *at);
        }
        state.sequence = batch.sequence;
        (results, batch)
    }

    #[test]
    fn changes_of_one_batch_see_each_other() {
        let mut state = State::default();
        let changes = vec![
            create("/a", None),
            create("/b", Some("/a")),
            create("/b/c", Some("/b")),
            publish("/a", Some("1")),
            publish("/b", Some("1")),
            upload("/a", "/x", "1"),
            publish("/a", Some("2")),
        ];
        let (results, _) = perform(&mut state, changes);
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(resolve::served(&state, "/b").unwrap().version, "2");
        let (_, batch) = perform(
            &mut state,
            vec![create("/b/d", Some("/b")), Change::Delete { name: "/a".to_owned() }],
        );
        assert_eq!(
            state.names().count(),
            0,
            "what derives goes too, made in the same batch or before"
        );
        assert_eq!(batch.removed.len(), 2, "main.js and x");
    }

    #[test]
    fn every_content_is_referred_to_or_removed() {
        let mut state = State::default();
        let mut kept = std::collections::BTreeSet::new();
        let erase = || Change::Erase {
            name: "/a".to_owned(),
            path: "/x".to_owned(),
        };
        let drop_edit = || Change::DropEdit {
            name: "/a".to_owned(),
            path: "/x".to_owned(),
        };
        let steps = [
            create("/a", None),
            upload("/a", "/x", "1"),
            upload("/a", "/x", "2"),
            publish("/a", Some("1")),
            upload("/a", "/x", "3"),
            drop_edit(),
            upload("/a", "/x", "4"),
            erase(),
            erase(),
            publish("/a", None),
            publish("/a", Some("2")),
            upload("/a", "/x", "5"),
            publish("/a", None),
            upload("/a", "/x", "5"),
            publish("/a", None),
        ];
        for (n, step) in steps.into_iter().enumerate() {
            let (results, batch) = perform(&mut state, vec![step]);
            assert!(results[0].is_ok(), "step {n}: {results:?}");
            kept.extend(batch.added.iter().map(|(blob, _)| *blob));
            for blob in &batch.removed {
                assert!(kept.remove(blob), "step {n}: removed twice");
            }
            let referred: std::collections::BTreeSet<u64> = state.get("/a").unwrap().blobs().collect();
            assert_eq!(kept, referred, "step {n}");
        }
    }

    #[test]
    fn refused_changes_leave_nothing() {
        let mut state = State::default();
        perform(&mut state, vec![create("/a", None), create("/b", Some("/a"))]);
        let bad_base = Change::Publish {
            name: "/a".to_owned(),
            version: Some("1".to_owned()),
            main: None,
            base: Some("/b".to_owned()),
        };
        let rows = [
            ("exists", create("/a", None), Refused::Exists),
            ("alias", create("/uid/x", None), Refused::Name),
            ("no base", create("/c", Some("/none")), Refused::BaseNotFound),
            ("circle", bad_base, Refused::Base),
            ("version", publish("/a", Some("a b")), Refused::Version),
            ("empty version", publish("/a", Some("")), Refused::Version),
            ("unknown", upload("/none", "/x", "1"), Refused::NotFound),
        ];
        for (row, change, wanted) in rows {
            let (results, batch) = perform(&mut state, vec![change]);
            assert_eq!(results, [Err(wanted)], "{row}");
            assert!(
                batch.codebases.is_empty() && batch.added.is_empty() && batch.removed.is_empty(),
                "{row}"
            );
        }
        let mut last = "/a".to_owned();
        let depth = (1..100).find(|depth| {
            let name = format!("/deep{depth}");
            let (results, _) = perform(&mut state, vec![create(&name, Some(&last))]);
            last = name;
            results[0].is_err()
        });
        assert_eq!(depth, Some(MAX_DEPTH), "a chain of bases ends");
    }

    #[test]
    fn uids_of_pods() {
        let pod = br#"{"metadata":{"uid":"3c0a-1"}}"#;
        let rows: [(&str, &str, &[u8], Option<&str>); 6] = [
            ("/pod/a/b", POD_PATH, pod, Some("3c0a-1")),
            ("/other/a", POD_PATH, pod, None),
            ("/pod/a/b", "/other.json", pod, None),
            ("/pod/a/b", POD_PATH, b"{", None),
            ("/pod/a/b", POD_PATH, br#"{"metadata":{"uid":"a/../b"}}"#, None),
            ("/pod/a/b", POD_PATH, br#"{"metadata":{"uid":""}}"#, None),
        ];
        for (name, path, bytes, wanted) in rows {
            assert_eq!(pod_uid(name, path, bytes).as_deref(), wanted, "{name} {path}");
        }
    }
}
