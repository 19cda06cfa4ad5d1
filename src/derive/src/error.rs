//! Why a manifest or settings can't be used. What is only odd (a label with a value that means nothing) is no error but a
//! warning in [`crate::Outcome`].

use ballast_repo_client::path::Invalid;

/// A manifest or settings that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not YAML, or not of the shape of a Pod.
    #[error("read the pod manifest (labels are text: quote true, false and numbers)")]
    Manifest(#[source] serde_yaml::Error),
    /// Not YAML, or no mapping of features to settings.
    #[error("read the settings (a mapping of features to their settings)")]
    Settings(#[source] serde_yaml::Error),
    /// Another kind of object.
    #[error("the manifest is a {kind}, not a Pod; give the manifest of the pod itself")]
    Kind {
        /// `kind` of the object.
        kind: String,
    },
    /// No Pod in the file.
    #[error("the manifest holds no object; give the manifest of a pod")]
    Empty,
    /// A name or namespace that can't name a codebase.
    #[error("pod {name:?} in namespace {namespace:?}: {reason}; both must be Kubernetes names")]
    Name {
        /// `metadata.name`.
        name: String,
        /// `metadata.namespace`.
        namespace: String,
        /// What is wrong with it.
        reason: Invalid,
    },
}
