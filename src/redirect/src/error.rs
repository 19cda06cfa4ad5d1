//! What can go wrong: each with what was tried, its value, and what to do.

use std::io;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A flag, an annotation or a field of the conf that says nothing we can do.
    #[error("{name}: '{value}' is {reason}")]
    Setting {
        /// As its author wrote it.
        name: String,
        /// What it was.
        value: String,
        /// What is wrong, and what is expected.
        reason: String,
    },
    /// The kernel takes no netfilter messages from us.
    #[error(
        "load rules: {0}; this takes CAP_NET_ADMIN in the network namespace: securityContext.capabilities.add [NET_ADMIN]"
    )]
    Denied(io::Error),
    /// The kernel refuses the message at this place of the batch.
    #[error("load rules: the kernel refuses {what}: {source}; has it {module}?")]
    Refused {
        /// Which of the messages.
        what: String,
        /// The kernel's word.
        source: io::Error,
        /// Modules that may be missing.
        module: &'static str,
    },
    /// The socket fails.
    #[error("netfilter socket: {what}: {source}")]
    Socket {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The kernel said something that no kernel says.
    #[error("netfilter socket: an answer that cannot be read: {0}")]
    Answer(&'static str),
    /// What is loaded is not what was asked for.
    #[error("table inet ballast: {0}; load it again, and see who else changes it")]
    Differs(String),
    /// A namespace that cannot be entered.
    #[error("enter network namespace {path}: {source}; is the sandbox gone?")]
    Namespace {
        /// CNI_NETNS.
        path: String,
        /// Why not.
        source: io::Error,
    },
}
