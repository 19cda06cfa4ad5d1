//! Reading a codebase through its bases: which files it serves, in which version and revision. Pure.
//! Source: Repo protocol section 4 (merged trees, derived versions), section 2 (file lists).

use std::collections::BTreeMap;

use crate::model::{Codebase, DEFAULT_MAIN, FileRef, Lookup, MAX_DEPTH};

/// What workers see of a codebase.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// The etag.
    pub(crate) version: String,
    pub(crate) revision: u64,
    pub(crate) main: String,
    pub(crate) files: BTreeMap<String, FileRef>,
}

/// A codebase and its bases, itself first.
pub(crate) fn chain<'a>(state: &'a impl Lookup, name: &str) -> Vec<&'a Codebase> {
    let mut chain = Vec::new();
    let mut next = state.get(name);
    while let Some(codebase) = next.filter(|_| chain.len() < MAX_DEPTH) {
        chain.push(codebase);
        next = codebase.base.as_deref().and_then(|base| state.get(base));
    }
    chain
}

/// Commits of all bases of a codebase.
pub(crate) fn base_commits(state: &impl Lookup, codebase: &Codebase) -> u64 {
    let bases = codebase
        .base
        .as_deref()
        .map(|base| chain(state, base))
        .unwrap_or_default();
    bases.iter().map(|base| base.commits).sum()
}

/// The current version: as set, or its numeric value plus one for each commit of a base since.
pub(crate) fn version(state: &impl Lookup, codebase: &Codebase) -> String {
    let grown = base_commits(state, codebase).saturating_sub(codebase.base_commits);
    if grown == 0 {
        return codebase.version.clone();
    }
    let number: u128 = codebase.version.parse().unwrap_or(0);
    number.saturating_add(u128::from(grown)).to_string()
}

/// The main script: the nearest that is set.
pub(crate) fn main(chain: &[&Codebase]) -> String {
    let set = chain.iter().find_map(|codebase| codebase.main.as_deref());
    set.unwrap_or(DEFAULT_MAIN).to_owned()
}

/// A number that grows with every change of what the codebase serves.
pub(crate) fn revision(chain: &[&Codebase]) -> u64 {
    chain.iter().map(|codebase| codebase.changed).max().unwrap_or(0)
}

/// Whether workers see it: once committed, itself or a base of it.
pub(crate) fn is_served(state: &impl Lookup, codebase: &Codebase) -> bool {
    codebase.committed || base_commits(state, codebase) > codebase.base_commits
}

/// Everything that workers see of a codebase; `None`: nothing yet.
pub(crate) fn served(state: &impl Lookup, name: &str) -> Option<Served> {
    let chain = chain(state, name);
    let own = chain.first().filter(|own| is_served(state, own))?;
    Some(Served {
        version: version(state, own),
        revision: revision(&chain),
        main: main(&chain),
        files: merged(&chain),
    })
}

/// Committed files along the chain; the nearest wins.
pub(crate) fn merged(chain: &[&Codebase]) -> BTreeMap<String, FileRef> {
    let mut files = BTreeMap::new();
    for codebase in chain.iter().rev() {
        files.extend(codebase.files.iter().map(|(path, file)| (path.clone(), file.clone())));
    }
    files
}

/// One committed file.
pub(crate) fn committed<'a>(chain: &[&'a Codebase], path: &str) -> Option<&'a FileRef> {
    chain.iter().find_map(|codebase| codebase.files.get(path))
}

/// One file as editors see it: an edit of the codebase itself first. What it has erased is the base's again.
pub(crate) fn newest<'a>(chain: &[&'a Codebase], path: &str) -> Option<&'a FileRef> {
    let (own, bases) = chain.split_first()?;
    if let Some(edit) = own.edits.get(path) {
        return Some(edit);
    }
    let committed_own = own.files.get(path).filter(|_| !own.erased.contains(path));
    committed_own.or_else(|| committed(bases, path))
}

/// The longest prefix of `path` that is a codebase, and the rest with its slash.
pub(crate) fn split<'p>(state: &impl Lookup, path: &'p str) -> Option<(&'p str, &'p str)> {
    let mut end = path.len();
    loop {
        let name = &path[..end];
        if !name.is_empty() && state.get(name).is_some() {
            return Some((name, &path[end..]));
        }
        end = name.rfind('/').filter(|&slash| slash > 0)?;
    }
}

/// The file list: main first, even when there is no such file, so that nothing else is taken for it.
pub(crate) fn list(served: &Served) -> String {
    let mut text = format!("{}\n", served.main);
    for path in served.files.keys().filter(|path| **path != served.main) {
        text.push_str(path);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::State;

    fn file(hash: &str) -> FileRef {
        FileRef {
            blob: 0,
            hash: hash.to_owned(),
            bytes: 0,
            uid: None,
        }
    }

    fn codebase(base: Option<&str>, version: &str, files: &[(&str, &str)]) -> Codebase {
        Codebase {
            version: version.to_owned(),
            base: base.map(str::to_owned),
            committed: true,
            files: files
                .iter()
                .map(|(path, hash)| ((*path).to_owned(), file(hash)))
                .collect(),
            ..Codebase::default()
        }
    }

    fn state() -> State {
        let mut state = State::default();
        let mut base = codebase(None, "7", &[("/main.js", "m"), ("/a.js", "a")]);
        (base.commits, base.changed) = (3, 10);
        state.set("/base", Some(base));
        let mut mid = codebase(Some("/base"), "abc", &[("/a.js", "a2"), ("/b.js", "b")]);
        (mid.commits, mid.base_commits, mid.changed) = (2, 2, 20);
        state.set("/mid", Some(mid));
        let mut top = codebase(Some("/mid"), "41", &[("/c.js", "c")]);
        (top.base_commits, top.changed, top.main) = (4, 15, Some("/none.js".to_owned()));
        state.set("/mid/top", Some(top));
        state
    }

    #[test]
    fn versions_grow_with_commits_of_all_bases() {
        let rows = [
            ("no base", "/base", "7", 10),
            ("no number counts as 0, one commit of the base", "/mid", "1", 20),
            ("one commit of a base of the base", "/mid/top", "42", 20),
        ];
        for (row, name, version, revision) in rows {
            let served = served(&state(), name).unwrap();
            assert_eq!((served.version.as_str(), served.revision), (version, revision), "{row}");
        }
    }

    #[test]
    fn the_nearest_file_wins_and_main_comes_first() {
        let state = state();
        let mid = served(&state, "/mid").unwrap();
        assert_eq!(list(&mid), "/main.js\n/a.js\n/b.js\n");
        assert_eq!(mid.files["/a.js"].hash, "a2");
        let top = served(&state, "/mid/top").unwrap();
        assert_eq!(
            list(&top),
            "/none.js\n/a.js\n/b.js\n/c.js\n/main.js\n",
            "a main that is not there"
        );
    }

    #[test]
    fn paths_split_at_the_longest_codebase() {
        let rows = [
            ("/mid/top/x.js", Some(("/mid/top", "/x.js"))),
            ("/mid/topx/x.js", Some(("/mid", "/topx/x.js"))),
            ("/mid", Some(("/mid", ""))),
            ("/other/x.js", None),
            ("/", None),
        ];
        for (path, wanted) in rows {
            assert_eq!(split(&state(), path), wanted, "{path}");
        }
    }

    #[test]
    fn editors_see_edits_first_and_the_base_behind_what_is_erased() {
        let mut state = state();
        let mut mid = state.get("/mid").unwrap().clone();
        mid.edits.insert("/b.js".to_owned(), file("b3"));
        mid.erased.insert("/a.js".to_owned());
        state.set("/mid", Some(mid));
        let chain = chain(&state, "/mid");
        let rows = [
            ("/b.js", Some("b3")),
            ("/a.js", Some("a")),
            ("/main.js", Some("m")),
            ("/x.js", None),
        ];
        for (path, wanted) in rows {
            assert_eq!(newest(&chain, path).map(|file| file.hash.as_str()), wanted, "{path}");
        }
        assert_eq!(committed(&chain, "/b.js").unwrap().hash, "b", "workers see no edits");
    }

    #[test]
    fn a_derived_codebase_is_served_once_it_or_a_base_was_committed() {
        let mut state = state();
        let mut fresh = codebase(Some("/base"), "0", &[]);
        (fresh.committed, fresh.base_commits) = (false, 3);
        state.set("/fresh", Some(fresh));
        assert_eq!(served(&state, "/fresh"), None);
        let mut base = state.get("/base").unwrap().clone();
        base.commits += 1;
        state.set("/base", Some(base));
        assert_eq!(served(&state, "/fresh").unwrap().version, "1");
    }
}
