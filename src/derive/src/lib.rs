//! From a Pod manifest to its codebase: which labels turn which features on, and what the scripts are told in
//! `/config/pod.json`. Pure: text in, files out; no I/O, no Kubernetes client, so the controller and `publish-pod` share it.
//! Not for: publishing (the callers), the scripts themselves (`/base`). Source: design.md section 4.

#![forbid(unsafe_code)]

pub mod configuration;
mod derive;
mod error;
pub mod features;
pub mod labels;
mod manifest;
mod ports;
mod reload;
pub mod selector;
mod settings;

pub use derive::{BASE, Derived, Outcome, codebase_name, derive, derive_over};
pub use error::Error;
pub use manifest::{Manifest, Meta, PodSpec, PodStatus};
pub use reload::needs_reload;
pub use settings::Settings;
