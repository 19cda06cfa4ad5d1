//! What is set per feature: by an operator for all Pods (`registry: {type: eureka, servers: [...]}`), by configurations for
//! some. Merged into `features` of each `pod.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::Error;

/// Settings by feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    features: BTreeMap<String, Map<String, Value>>,
    /// Features that are on or off for Pods without their label.
    defaults: BTreeMap<String, bool>,
    /// Why a feature can't be given to anybody now.
    problems: BTreeMap<String, String>,
}

impl Settings {
    /// Reads YAML (or JSON); an empty text means none.
    ///
    /// # Errors
    /// When it is no mapping of features to mappings.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        let map: Option<_> = serde_yaml::from_str(text).map_err(Error::Settings)?;
        Ok(Self {
            features: map.unwrap_or_default(),
            ..Self::default()
        })
    }

    /// The settings of one feature.
    pub(crate) fn of(&self, feature: &str) -> Map<String, Value> {
        self.features.get(feature).cloned().unwrap_or_default()
    }

    pub(crate) fn of_mut(&mut self, feature: &str) -> &mut Map<String, Value> {
        self.features.entry(feature.to_owned()).or_default()
    }

    /// Turns a feature on or off for Pods without its label; `None`: as it was.
    pub(crate) fn turn(&mut self, feature: &str, enabled: Option<bool>) {
        if let Some(enabled) = enabled {
            self.defaults.insert(feature.to_owned(), enabled);
        }
    }

    /// Features that are on without a label, by name.
    pub(crate) fn on(&self) -> impl Iterator<Item = &str> {
        let on = self.defaults.iter().filter(|(_, enabled)| **enabled);
        on.map(|(feature, _)| feature.as_str())
    }

    /// Says why a feature can't be given now, or (`None`) that it can.
    pub(crate) fn hinder(&mut self, feature: &str, problem: Option<String>) {
        match problem {
            Some(problem) => drop(self.problems.insert(feature.to_owned(), problem)),
            None => drop(self.problems.remove(feature)),
        }
    }

    pub(crate) fn problem(&self, feature: &str) -> Option<&str> {
        self.problems.get(feature).map(String::as_str)
    }
}
