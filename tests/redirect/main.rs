//! Redirection of a Pod's TCP to its proxy, with real rules in network namespaces.
//! Sources: issue 5, item 6; pods.md "Interception in the pod netns"; the CNI specification 1.0.0.

#![forbid(unsafe_code)]

mod cni;
mod rules;
mod support;
