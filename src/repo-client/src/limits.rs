//! Every bound of the wire, for both ends: the Repo refuses more, the client reads no more. Not for: the Repo's own bounds
//! (waiters, instances), which stand in its crate.

use std::time::Duration;

/// Bytes of one file.
pub const MAX_FILE_BYTES: usize = 8 << 20;
/// Bytes of all files of one codebase, inherited ones included.
pub const MAX_CODEBASE_BYTES: usize = 64 << 20;
/// Files of one codebase, inherited ones included.
pub const MAX_FILES: usize = 4096;
/// Bytes of a codebase name.
pub const MAX_NAME_BYTES: usize = 512;
/// Bytes of a file path.
pub const MAX_PATH_BYTES: usize = 512;
/// Bytes of a version.
pub const MAX_VERSION_BYTES: usize = 128;
/// Bytes of a file list, of an `_etags` list, of a description of a codebase.
pub const MAX_LIST_BYTES: usize = 8 << 20;
/// Bytes of a status report.
pub const MAX_STATUS_BYTES: usize = 1 << 20;
/// Bytes of an error answer that are read and shown.
pub const MAX_ERROR_BYTES: usize = 512;
/// Longest wait that a Repo grants to a long poll.
pub const MAX_WAIT: Duration = Duration::from_secs(300);
/// Time for a connection to come up, names and TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one request from its first byte to the answer's last; a long poll has its wait on top.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Header: a number that grows with every change of what a codebase serves, in-place publishes included.
pub const REVISION_HEADER: &str = "ballast-revision";
/// Header: the UID of the Pod that asks.
pub const POD_UID_HEADER: &str = "ballast-pod-uid";
/// Media type of a codebase in one answer.
pub const TAR_TYPE: &str = "application/x-tar";
