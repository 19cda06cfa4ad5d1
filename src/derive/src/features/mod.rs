//! The features that need more than their settings: a table with a row each. A feature without a row is turned on by its
//! label all the same and is given its settings as they are. To add one: a file here, a row below, a golden case.

mod proxy;
mod registry;

use ballast_repo_client::pod::PodDocument;
use serde_json::{Map, Value};

/// A feature with values that are derived from the Pod.
pub struct Feature {
    /// The last part of its label; also its key in `features` of `pod.json` and its folder in scripts/features/.
    pub name: &'static str,
    /// Names of environment variables that it needs to see.
    pub env: &'static [&'static str],
    /// Completes the settings (the operator's on entry) for this Pod. `None`: it can't be on; the warning says why.
    pub build: Build,
}

/// Pod, settings, where warnings go → complete settings.
pub type Build = fn(&PodDocument, Map<String, Value>, &mut Vec<String>) -> Option<Map<String, Value>>;

/// All of them, by name.
pub const FEATURES: &[Feature] = &[proxy::FEATURE, registry::FEATURE];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels;

    #[test]
    fn the_table_is_sorted_and_its_labels_exist() {
        assert!(FEATURES.is_sorted_by(|a, b| a.name < b.name));
        let known = [labels::PROXY, labels::REGISTRY];
        for feature in FEATURES {
            let label = format!("{}{}", labels::PREFIX, feature.name);
            assert!(known.contains(&label.as_str()), "{label} is not in labels.rs");
        }
    }
}
