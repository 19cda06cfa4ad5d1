//! What can go wrong, and how it is answered. Texts of refusals are upstream's. Source: Repo protocol section 3.

use std::path::PathBuf;

/// A change that is refused because of what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// 400.
    #[error("Invalid codebase name")]
    Name,
    /// 400: no codebase name, or the codebase itself or one that derives from it, or too many levels.
    #[error("Invalid base codebase")]
    Base,
    /// 400.
    #[error("Base codebase not found")]
    BaseNotFound,
    /// 400.
    #[error("Invalid version")]
    Version,
    /// 400.
    #[error("Invalid main")]
    Main,
    /// 400.
    #[error("Codebase already exists")]
    Exists,
    /// 400.
    #[error("Invalid filename")]
    Filename,
    /// 400.
    #[error("Invalid JSON")]
    Json,
    /// 404.
    #[error("Codebase not found")]
    NotFound,
    /// 413.
    #[error("Too large: a file or the codebase has more bytes or files than allowed")]
    TooLarge,
}

impl Refused {
    /// HTTP status.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::TooLarge => 413,
            _ => 400,
        }
    }
}

/// A failure of the Repo itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A refusal, of a caller who is not the API.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store can't take a change.
    #[error("store: {reason}; {hint}")]
    Store {
        /// What the store says.
        reason: String,
        /// What to do.
        hint: &'static str,
        /// Whether the disk is full.
        is_full: bool,
    },
    /// More changes are waiting than are taken in.
    #[error("too many changes at once; try again")]
    Busy,
    /// The Repo is shutting down.
    #[error("the repo is shutting down")]
    Closed,
    /// A file of the operator's.
    #[error("{what} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The data folder can't be used.
    #[error("data folder: {0}")]
    Data(String),
}
