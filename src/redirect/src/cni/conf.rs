//! A CNI conf of ours. Beside what the specification says: `onError` ("fail": a Pod that wants a proxy and cannot have it
//! does not start; "open": it starts without), `settings` (an object of settings, as of ballast-init), and what the runtime
//! adds of the Pod: its annotations.

use serde_json::{Map, Value};

use super::{Failure, VERSIONS};
use crate::error::Error;
use crate::settings::Settings;

/// The capability by which containerd gives a Pod's annotations.
const ANNOTATIONS: &str = "io.kubernetes.cri.pod-annotations";
/// Its value 'true' turns the proxy on.
const PROXY: &str = "infra.flomesh.io/proxy";
/// Settings of one Pod follow.
const SETTING: &str = "infra.flomesh.io/proxy.";

/// Annotations of that kind that are for the proxy's scripts.
const OF_SCRIPTS: [&str; 1] = ["plain-ports"];

/// What becomes of a Pod whose rules cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnError {
    /// It does not start.
    Fail,
    /// It starts without.
    Open,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Conf {
    /// The result of the plugin before us, in the conf's version.
    pub(super) previous: Option<Value>,
    /// Whether the runtime says anything of the Pod's annotations.
    is_told: bool,
    /// Whether this Pod wants a proxy.
    pub(super) is_on: bool,
    /// If it cannot have it.
    pub(super) on_error: OnError,
    /// Name as its author wrote it, name of the setting, value; the node's first, then the Pod's.
    given: Vec<(String, String, String)>,
}

impl Conf {
    /// Reads it.
    ///
    /// # Errors  As the specification numbers them.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Failure> {
        let conf: Map<String, Value> = serde_json::from_slice(text)
            .map_err(|error| Failure::new(6, format!("the conf is no JSON object: {error}")))?;
        let word = |name: &str| conf.get(name).and_then(Value::as_str);
        let version = word("cniVersion").unwrap_or("0.1.0");
        if !VERSIONS.contains(&version) {
            return Err(Failure::new(
                1,
                format!("cniVersion {version} is not one of {}", VERSIONS.join(", ")),
            ));
        }
        let on_error = match word("onError") {
            None | Some("fail") => OnError::Fail,
            Some("open") => OnError::Open,
            Some(other) => return Err(Failure::new(7, format!("onError '{other}' is neither fail nor open"))),
        };
        let mut given = Vec::new();
        for (name, value) in conf.get("settings").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            given.push((format!("settings.{name}"), name.clone(), value));
        }
        let none = Map::new();
        // null: a Pod without any.
        let passed = conf.get("runtimeConfig").and_then(|runtime| runtime.get(ANNOTATIONS));
        let annotations = passed.and_then(Value::as_object).unwrap_or(&none);
        for (key, value) in annotations {
            let name = key.strip_prefix(SETTING).filter(|name| !OF_SCRIPTS.contains(name));
            if let (Some(name), Some(value)) = (name, value.as_str()) {
                given.push((key.clone(), name.to_owned(), value.to_owned()));
            }
        }
        Ok(Conf {
            previous: conf.get("prevResult").filter(|value| value.is_object()).cloned(),
            is_told: passed.is_some(),
            is_on: annotations.get(PROXY).and_then(Value::as_str) == Some("true"),
            on_error,
            given,
        })
    }

    /// Whether the runtime tells of Pods at all: one that does not would start each without its rules.
    ///
    /// # Errors  It does not.
    pub(super) fn ensure_told(&self) -> Result<(), Failure> {
        if self.is_told || self.on_error == OnError::Open {
            return Ok(());
        }
        Err(Failure::new(
            7,
            format!(
                "the runtime passes no annotations of Pods; put \"capabilities\": {{\"{ANNOTATIONS}\": true}} \
                 into this plugin's conf (containerd knows it), or \"onError\": \"open\""
            ),
        ))
    }

    /// The defaults with what the node's conf and then the Pod's annotations say.
    ///
    /// # Errors  What one of them says that we cannot do.
    pub(super) fn settings(&self) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        for (shown, name, value) in &self.given {
            settings.set(name, shown, value)?;
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_has_the_last_word() {
        let conf = json!({
            "cniVersion": "0.4.0", "settings": {"inbound-port": 1500, "exempt-uids": "7"},
            "runtimeConfig": {ANNOTATIONS: {"infra.flomesh.io/proxy.exempt-uids": "8", "infra.flomesh.io/proxy.plain-ports": "25", "other": "x"}},
        });
        let conf = Conf::parse(conf.to_string().as_bytes()).expect("it is fine");
        let settings = conf.settings().expect("they are fine");
        assert_eq!((settings.inbound_port, settings.exempt_uids), (1500, vec![8]));
        assert!(!conf.is_on && conf.previous.is_none());
    }
}
