//! Codebases that the Repo begins with: `/base` (built in, or from a folder) and the folders of `--init-repo`. A seeded
//! codebase follows its source from version to version of this program until somebody edits it. Source: Repo protocol 4.

use std::path::{Path, PathBuf};

use ballast_derive::BASE;
use ballast_repo_client::limits::{MAX_FILE_BYTES, MAX_FILES};
use ballast_repo_client::path::{codebase_name, file_path};
use bytes::Bytes;

use crate::change::{Change, Content};
use crate::error::Error;
use crate::model::{DEFAULT_MAIN, Lookup};
use crate::repository::Repository;

/// Main script of `/base`: the folder base/ of the scripts.
const BASE_MAIN: &str = "/base/main.js";
/// Folders below folders that are looked into.
const MAX_FOLDERS_DEEP: usize = 16;

/// Path and content of each script that is built in.
static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/scripts.rs"));

type Files = Vec<(String, Bytes)>;

/// Seeds `/base`. `folder` replaces the built-in scripts.
pub(crate) async fn base(repository: &Repository, folder: Option<&Path>) -> Result<(), Error> {
    let files = match folder {
        Some(folder) => {
            let files = read(folder)?;
            if files.is_empty() {
                return Err(Error::Data(format!("--base {}: no file in it", folder.display())));
            }
            files
        }
        None => BUILT_IN
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), Bytes::from_static(bytes)))
            .collect(),
    };
    if files.is_empty() {
        tracing::warn!("no scripts are built in; give --base, or publish {BASE} before the first pod");
        return Ok(());
    }
    let main = if files.iter().any(|(path, _)| path == BASE_MAIN) {
        BASE_MAIN
    } else {
        DEFAULT_MAIN
    };
    let digest = seed(repository, BASE, None, main, files).await?;
    let state = repository.state();
    let is_ours = state.get(BASE).and_then(|base| base.seed.as_ref()) == Some(&digest);
    if !is_ours {
        tracing::warn!("{BASE} has been edited in this store, so it is left as it is");
    }
    Ok(())
}

/// Makes a codebase, committed as version 1, of every folder below `folder` that holds files at its root; its subfolders
/// are part of it. Those that exist already and were edited are left as they are.
pub(crate) async fn init_repo(repository: &Repository, folder: &Path) -> Result<(), Error> {
    let mut folders: Vec<(PathBuf, String, usize)> = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, name, depth)) = folders.pop() {
        let (files, below) = entries(&folder)?;
        if files.is_empty() || name.is_empty() {
            if depth < MAX_FOLDERS_DEEP {
                folders.extend(
                    below
                        .into_iter()
                        .map(|(path, segment)| (path, format!("{name}/{segment}"), depth + 1)),
                );
            }
            continue;
        }
        let name = codebase_name(&name).map_err(|e| Error::Data(format!("folder {name:?} as codebase: {e}")))?;
        let exists = repository.state().get(&name).is_some();
        seed(
            repository,
            &name,
            (!exists).then_some("1"),
            DEFAULT_MAIN,
            read(&folder)?,
        )
        .await?;
        tracing::info!(codebase = name, "seeded");
    }
    Ok(())
}

async fn seed(
    repository: &Repository,
    name: &str,
    version: Option<&str>,
    main: &str,
    files: Files,
) -> Result<String, Error> {
    let mut all = Vec::from(main.as_bytes());
    let mut contents = Vec::new();
    for (path, bytes) in files {
        let hash = crate::hash(&bytes);
        all.extend_from_slice(format!("\n{path} {hash}").as_bytes());
        contents.push((path, Content { bytes, hash, uid: None }));
    }
    let digest = crate::hash(&all);
    let change = Change::Seed {
        name: name.to_owned(),
        version: version.map(str::to_owned),
        main: main.to_owned(),
        digest: digest.clone(),
        files: contents,
    };
    repository.change(change).await??;
    Ok(digest)
}

/// All files below a folder, sorted by path. Names that begin with a dot are left out.
fn read(folder: &Path) -> Result<Files, Error> {
    let mut folders = vec![(folder.to_owned(), String::new(), 0)];
    let mut all = Vec::new();
    while let Some((folder, prefix, depth)) = folders.pop() {
        let (files, below) = entries(&folder)?;
        for (file, segment) in files {
            let wrong = |source| Error::File {
                what: "read",
                path: file.clone(),
                source,
            };
            if std::fs::metadata(&file).map_err(wrong)?.len() > MAX_FILE_BYTES as u64 || all.len() == MAX_FILES {
                return Err(Error::Data(format!("{}: too large, or too many files", file.display())));
            }
            let path = file_path(&format!("{prefix}/{segment}"))
                .map_err(|e| Error::Data(format!("{} as file of a codebase: {e}", file.display())))?;
            all.push((path, Bytes::from(std::fs::read(&file).map_err(wrong)?)));
        }
        if depth < MAX_FOLDERS_DEEP {
            folders.extend(
                below
                    .into_iter()
                    .map(|(path, segment)| (path, format!("{prefix}/{segment}"), depth + 1)),
            );
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(all)
}

type Entries = Vec<(PathBuf, String)>;

/// Files and folders directly in `folder`.
fn entries(folder: &Path) -> Result<(Entries, Entries), Error> {
    let wrong = |source| Error::File {
        what: "read the folder",
        path: folder.to_owned(),
        source,
    };
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| Error::Data(format!("{}: {name:?} is not UTF-8", folder.display())))?;
        if name.starts_with('.') {
            continue;
        }
        match entry.path().is_dir() {
            true => folders.push((entry.path(), name)),
            false => files.push((entry.path(), name)),
        }
    }
    Ok((files, folders))
}
