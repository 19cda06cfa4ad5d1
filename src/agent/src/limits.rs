//! Every bound of the binary, in one place, with its unit; those of the engine and of the wire are in their crates.

use std::time::Duration;

/// Bytes of log kept in memory unless told otherwise (`--log-history-limit`); most that may be asked for.
pub(crate) const LOG_HISTORY_BYTES: (usize, usize) = (1 << 20, 256 << 20);
/// Longest log line, bytes; the rest is cut.
pub(crate) const LOG_LINE_BYTES: usize = 16 << 10;
/// Worker threads that may be asked for.
pub(crate) const THREADS: usize = 1024;
/// Folders and files that a local codebase's folder is searched for.
pub(crate) const LOCAL_ENTRIES: usize = 20_000;
/// Time between two looks at a remote codebase, between tries to start it, and between status reports.
pub(crate) const POLL_PERIOD: Duration = Duration::from_secs(5);
/// Time between two looks at local files that are watched.
pub(crate) const LOCAL_POLL_PERIOD: Duration = Duration::from_secs(1);
/// Signals waiting to be handled.
pub(crate) const SIGNAL_QUEUE: usize = 16;
