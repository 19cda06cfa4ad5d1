//! What can go wrong in the engine itself.
//! Streams end with a Reason (event.rs); scripts see exceptions (js/throw.rs); this is the third world, Rust's.

use std::fmt;

/// Why a codebase could not be started or reloaded. Messages say what was tried, with which value, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A script did not parse, threw while it was loaded, or does not fit together.
    #[error("{0}")]
    Script(ScriptError),
    /// The main script is not among the codebase's files.
    #[error("main script {path} is not in the codebase of {files} files; is its name right?")]
    NoMain {
        /// Path that was looked up.
        path: String,
        /// Number of files there are.
        files: usize,
    },
    /// A port could not be opened.
    #[error("cannot listen on {address}: {source}; is another process using the port?")]
    Listen {
        /// Address and port that was tried.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A worker thread could not be started or has died.
    #[error("worker {thread} {what}")]
    Worker {
        /// Index of the thread.
        thread: usize,
        /// What happened to it.
        what: String,
    },
    /// The scripts called `pipy.exit(code)` while they were loaded.
    #[error("the scripts end the process while they are loaded, code {0}")]
    Exited(i32),
    /// The script engine could not be set up; the memory limit may be too low.
    #[error("cannot set up the script engine: {0}; is the memory limit too low?")]
    Js(String),
}

/// An exception of a script with its place, as people expect it from a compiler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptError {
    /// `Error: message`, or the thrown value as text.
    pub message: String,
    /// Path in the codebase; empty when unknown.
    pub file: String,
    /// Line, from 1; 0 when unknown.
    pub line: u32,
    /// Column, from 1; 0 when unknown.
    pub column: u32,
    /// The source line itself; empty when unknown.
    pub text: String,
    /// Frames, innermost first, as `function (file:line:column)`.
    pub backtrace: Vec<String>,
}

impl ScriptError {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// An error at a `file:line:column`, as filters keep it of their call.
    pub(crate) fn at(place: &str, message: impl Into<String>) -> Self {
        let mut parts = place.rsplitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        let (column, line) = (number(), number());
        Self {
            message: message.into(),
            file: parts.next().unwrap_or(place).to_owned(),
            line,
            column,
            ..Self::default()
        }
    }

    /// An error that belongs to a file as a whole.
    pub fn in_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            file: file.into(),
            ..Self::default()
        }
    }
}

impl fmt::Display for ScriptError {
    /// File and place, the line with a caret below the column, the message, the frames.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}", self.file)?;
            if self.line > 0 {
                write!(f, ":{}:{}", self.line, self.column)?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}", self.message)?;
        if !self.text.is_empty() {
            let number = self.line.to_string();
            let shown: String = self.text.chars().take(200).collect();
            let pad: String = shown
                .chars()
                .take(self.column.saturating_sub(1) as usize)
                .map(|c| if c == '\t' { c } else { ' ' })
                .collect();
            write!(
                f,
                "\n  {number} | {shown}\n  {:width$} | {pad}^",
                "",
                width = number.len()
            )?;
        }
        for frame in &self.backtrace {
            write!(f, "\n    at {frame}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {}

impl From<ScriptError> for Error {
    fn from(error: ScriptError) -> Self {
        Error::Script(error)
    }
}
