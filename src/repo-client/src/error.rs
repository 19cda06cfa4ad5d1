//! What can go wrong on the way to the Repo. URLs in messages have no credentials in them.

use crate::path::Invalid;

/// An exchange with the Repo that did not work out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The given address is no URL that the client can use.
    #[error("repo address {url:?}: {reason}")]
    Address {
        /// As given, without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client could not be set up (certificates, token).
    #[error("set up the client of the repo: {0}")]
    Setup(String),
    /// No answer: refused, reset, timed out, not resolved, not trusted.
    #[error("{method} {url}: {reason}; {hint}")]
    Transport {
        /// HTTP method.
        method: String,
        /// Without credentials.
        url: String,
        /// The chain of causes.
        reason: String,
        /// What to look at.
        hint: &'static str,
    },
    /// An answer with a status that means failure.
    #[error("{method} {url}: status {status} {message:?}; {hint}")]
    Status {
        /// HTTP method.
        method: String,
        /// Without credentials.
        url: String,
        /// HTTP status code.
        status: u16,
        /// The start of the answer's text.
        message: String,
        /// What to look at.
        hint: &'static str,
    },
    /// The answer is larger than any codebase may be.
    #[error("{method} {url}: the answer has more than {limit} {unit}; it is not read")]
    TooLarge {
        /// HTTP method.
        method: String,
        /// Without credentials.
        url: String,
        /// The bound.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// The answer is not what the protocol says.
    #[error("{method} {url}: {reason}")]
    Malformed {
        /// HTTP method.
        method: String,
        /// Without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A codebase that is to derive from one derives from another.
    #[error(
        "{name} derives from {}, not from {}; delete it first",
        .actual.as_deref().unwrap_or("nothing"),
        .wanted.as_deref().unwrap_or("nothing")
    )]
    Base {
        /// Its name.
        name: String,
        /// What it derives from.
        actual: Option<String>,
        /// What it is to derive from.
        wanted: Option<String>,
    },
    /// A name or path that no codebase may have.
    #[error("invalid name or path {name:?}: {reason}")]
    Name {
        /// As given.
        name: String,
        /// What is wrong with it.
        reason: Invalid,
    },
}

impl Error {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// What to look at when the Repo answers `status`.
pub(crate) fn hint(status: u16) -> &'static str {
    match status {
        400 => "the request is not valid",
        401 => "writes need a token (BALLAST_REPO_TOKEN or --token-file)",
        403 => "the token does not allow this",
        404 => "is the name right, and has it been committed?",
        409 => "the codebase belongs to another pod or exists already",
        410 => "the codebase was deleted",
        413 => "it is larger than the repo takes",
        429 | 503 => "the repo is busy; try again later",
        507 => "the disk of the repo is full",
        500..=599 => "look at the log of the repo",
        _ => "is this the address of a repo?",
    }
}
