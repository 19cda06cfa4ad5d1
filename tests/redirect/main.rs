//! Redirection of a Pod's TCP to its proxy, with real rules in network namespaces.
//! Sources: issue 5, item 6; pods.md "Interception in the pod netns"; the CNI specification 1.0.0.
//!
//! Start reading at `cluster.rs` (the world and a Pod) and `traffic.rs` (what goes through the proxy).

#![forbid(unsafe_code)]

mod cluster;
mod cni;
mod http2;
mod life;
mod rules;
use ballast_tests::server;
mod support;
mod traffic;
