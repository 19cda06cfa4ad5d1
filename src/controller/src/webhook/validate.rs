//! Warnings about labels, for the person who applies a Pod: the words that Events would say later. Never a refusal.

use ballast_derive::{Manifest, Settings, derive};
use serde::Deserialize as _;
use serde_json::Value;

/// What in the labels of `pod` means nothing or can't be done.
pub(super) fn warnings(pod: &Value, namespace: Option<&str>, settings: &Settings) -> Vec<String> {
    let Ok(mut manifest) = Manifest::deserialize(pod) else {
        // The API server has looked at it, so it is something that we do not know yet.
        return Vec::new();
    };
    // A Pod of a controller has no name yet.
    manifest.metadata.name.get_or_insert_with(|| "new".to_owned());
    manifest.metadata.namespace = manifest.metadata.namespace.or_else(|| namespace.map(str::to_owned));
    match derive(&manifest, settings) {
        Ok(outcome) => outcome.warnings,
        Err(error) => vec![error.to_string()],
    }
}
