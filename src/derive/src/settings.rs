//! What an operator sets per feature, for all Pods: `registry: {type: eureka, servers: [...]}`. Merged into
//! `features` of each `pod.json`.

use serde_json::{Map, Value};

use crate::error::Error;

/// Settings by feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings(std::collections::BTreeMap<String, Map<String, Value>>);

impl Settings {
    /// Reads YAML (or JSON); an empty text means none.
    ///
    /// # Errors
    /// When it is no mapping of features to mappings.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        let map: Option<_> = serde_yaml::from_str(text).map_err(Error::Settings)?;
        Ok(Self(map.unwrap_or_default()))
    }

    /// The settings of one feature.
    pub(crate) fn of(&self, feature: &str) -> Map<String, Value> {
        self.0.get(feature).cloned().unwrap_or_default()
    }
}
