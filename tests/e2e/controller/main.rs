//! The controller between a real API server and a real Repo, with the rights that k8s/ gives it: what a label, a change, an end
//! and an outage come to. Pods are objects without containers here; readiness and addresses are set as a kubelet would.
//! Source: design.md 3, 4 and 8.

#![forbid(unsafe_code)]

mod config_maps;
mod configurations;
mod life;
mod manifests;
mod outages;
mod registrations;
mod replicas;
mod webhook;
mod webhook_secret;
mod world;
