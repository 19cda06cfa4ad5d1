//! repo-client.
