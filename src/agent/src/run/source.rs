//! Where the scripts of `run` come from.

use super::local;
use crate::config::{Program, RunConfig};
use ballast_engine::Codebase;
use bytes::Bytes;
use std::path::{Path, PathBuf};

/// A place that codebases come from.
pub(super) enum Source {
    /// A file with its folder.
    Local {
        folder: PathBuf,
        main: String,
        shown: String,
    },
    /// Script text, in the current folder.
    Text { text: String },
}

/// Path of script text among the files.
const TEXT_PATH: &str = "/[expression]";

impl Source {
    /// Checks what was asked for.
    ///
    /// # Errors  A message for the user.
    pub(super) fn open(config: &RunConfig) -> Result<Self, String> {
        let shown = shown(&config.program);
        match &config.program {
            Program::Expression(text) => Ok(Source::Text { text: text.clone() }),
            Program::Folder(folder) => Ok(Source::Local {
                folder: folder.clone(),
                main: "/main.js".to_owned(),
                shown,
            }),
            Program::File(file) => {
                let name = file.file_name().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| format!("file name {shown:?} is not UTF-8"))?;
                let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
                Ok(Source::Local {
                    folder: folder.unwrap_or(Path::new(".")).to_path_buf(),
                    main: format!("/{name}"),
                    shown,
                })
            }
            Program::Remote(url) => Err(format!("{} cannot be run yet", crate::log::redact(url))),
        }
    }

    /// Reads all of it.
    ///
    /// # Errors  A message for the user.
    pub(super) fn fetch(&self) -> Result<Codebase, String> {
        match self {
            Source::Local { folder, main, shown } => {
                let files = local::read(folder, Some(main)).map_err(|error| format!("{shown}: {error}"))?;
                Ok(Codebase {
                    version: String::new(),
                    main: main.clone(),
                    files,
                })
            }
            Source::Text { text } => {
                let mut files = local::read(Path::new("."), None).unwrap_or_default();
                files.insert(TEXT_PATH.to_owned(), Bytes::from(text.clone()));
                Ok(Codebase {
                    version: String::new(),
                    main: TEXT_PATH.to_owned(),
                    files,
                })
            }
        }
    }

    /// Its name for messages.
    pub(super) fn shown(&self) -> &str {
        match self {
            Source::Local { shown, .. } => shown,
            Source::Text { .. } => TEXT_PATH,
        }
    }
}

/// The name of a program for messages and `pipy.source`.
pub(super) fn shown(program: &Program) -> String {
    match program {
        Program::Expression(text) => text.clone(),
        Program::File(path) | Program::Folder(path) => path.display().to_string(),
        Program::Remote(url) => crate::log::redact(url).into_owned(),
    }
}
