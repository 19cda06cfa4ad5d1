//! What InfraConfigurations say of a Pod, over what the operator set for all. Most specific first: one of the Pod's namespace
//! with a selector, one of it without, those of the system's namespace likewise, the settings. Of two that are equally specific
//! the older one counts, alone. Pure; golden cases in tests/controller/. Not for: watching them, reading Secrets (the
//! controller).

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::manifest::{Manifest, or_default};
use crate::selector::Selector;
use crate::settings::Settings;

/// The feature that `registry` of a configuration is about.
const REGISTRY: &str = "registry";
/// Where credentials are for, and what they are for: one configuration gives all of it or nothing, so that no credentials are
/// ever sent to servers that somebody else names.
const UNIT: [&str; 2] = ["type", "servers"];
/// What needs no encoding in user and password of a URL. Source: RFC 3986, unreserved.
const USER_INFO: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An InfraConfiguration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Configuration {
    /// Who it is.
    pub metadata: Identity,
    spec: Spec,
    /// What the Secret holds that it names. `None`: it was not looked at yet; `Err`: why it can't be read.
    #[serde(skip)]
    pub login: Option<Result<Login, String>>,
}

/// `metadata` of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// RFC 3339, as the API server writes it: text order is the order of time.
    pub creation_timestamp: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// User and password, for basic authentication. Its `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    pod_selector: Option<Selector>,
    #[serde(deserialize_with = "or_default")]
    registry: Map<String, Value>,
    #[serde(deserialize_with = "or_default")]
    features: BTreeMap<String, Feature>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Feature {
    enabled: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    settings: Map<String, Value>,
}

/// A Secret of the configuration's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// Its name.
    pub secret_name: String,
    /// Its key with the user.
    pub username_key: String,
    /// Its key with the password.
    pub password_key: String,
}

impl Configuration {
    /// Whether it is about this Pod, of two namespaces: its own, or all where it is in `system`.
    pub fn selects(&self, manifest: &Manifest, system: &str) -> bool {
        let namespace = self.metadata.namespace.as_str();
        let is_near = namespace == system || manifest.metadata.namespace.as_deref() == Some(namespace);
        let selector = self.spec.pod_selector.as_ref();
        is_near && selector.is_none_or(|selector| selector.selects(&manifest.metadata.labels))
    }

    /// The Secret that it names.
    pub fn credentials(&self) -> Option<Credentials> {
        Credentials::deserialize(self.spec.registry.get("credentials")?).ok()
    }

    /// Whether it turns any feature on for Pods without its label.
    pub fn enables(&self) -> bool {
        self.spec.features.values().any(|feature| feature.enabled == Some(true))
    }

    /// Whether it turns this feature on for Pods without its label.
    pub fn turns_on(&self, feature: &str) -> bool {
        self.spec.features.get(feature).and_then(|feature| feature.enabled) == Some(true)
    }

    /// Leaves open whether a feature is on that it turns on, where `is_refused` says so.
    pub fn refuse(&mut self, is_refused: impl Fn(&str) -> bool) {
        let on = self.spec.features.iter_mut();
        for (_, feature) in on.filter(|(name, feature)| feature.enabled == Some(true) && is_refused(name)) {
            feature.enabled = None;
        }
    }

    /// Whether it leaves no Pod of its namespace out.
    pub fn is_broad(&self) -> bool {
        self.spec.pod_selector.as_ref().is_none_or(Selector::is_empty)
    }

    /// Less is more specific, for Pods of `namespace`.
    fn rank(&self, namespace: &str) -> u8 {
        let is_far = self.metadata.namespace != namespace;
        2 * u8::from(is_far) + u8::from(self.is_broad())
    }

    fn add_to(&self, settings: &mut Settings) {
        for (name, feature) in &self.spec.features {
            // Nothing said leaves no trace: settings that mean the same are equal.
            if !feature.settings.is_empty() {
                settings.of_mut(name).extend(feature.settings.clone());
            }
            settings.turn(name, feature.enabled);
        }
        let mut registry = self.spec.registry.clone();
        registry.remove("credentials");
        if registry.is_empty() {
            return;
        }
        let own = settings.of_mut(REGISTRY);
        if UNIT.iter().any(|key| registry.contains_key(*key)) {
            UNIT.iter().for_each(|key| drop(own.remove(*key)));
            // What hindered the servers that were there is none of these.
            settings.hinder(REGISTRY, None);
        }
        settings.of_mut(REGISTRY).extend(registry);
        if !self.spec.registry.contains_key("servers") {
            return;
        }
        let problem = match (self.credentials(), &self.login) {
            (None, _) => None,
            (Some(_), Some(Ok(login))) => {
                with_login(settings.of_mut(REGISTRY), login);
                None
            }
            (Some(_), Some(Err(reason))) => Some(reason.clone()),
            (Some(credentials), None) => Some(format!("secret {} was not read yet", credentials.secret_name)),
        };
        let Identity { namespace, name, .. } = &self.metadata;
        let problem = problem.map(|reason| format!("configuration {namespace}/{name}: {reason}"));
        settings.hinder(REGISTRY, problem);
    }
}

/// Puts user and password into each server's URL.
fn with_login(registry: &mut Map<String, Value>, login: &Login) {
    let encoded = |text: &str| utf8_percent_encode(text, USER_INFO).to_string();
    let (user, password) = (encoded(&login.user), encoded(&login.password));
    let servers = registry.get_mut("servers").and_then(Value::as_array_mut);
    for server in servers.into_iter().flatten() {
        if let Some((scheme, rest)) = server.as_str().and_then(|url| url.split_once("://")) {
            *server = Value::from(format!("{scheme}://{user}:{password}@{rest}"));
        }
    }
}

/// Which configurations say something of a Pod.
#[derive(Debug, PartialEq)]
pub struct Layers<'c> {
    /// Those that count, the most specific one first.
    pub applied: Vec<&'c Configuration>,
    /// Those that would count if an equally specific one (second) was not older.
    pub shadowed: Vec<(&'c Configuration, &'c Configuration)>,
}

/// What `configurations` say of a Pod, over `settings`. `system`: the namespace whose configurations are for all Pods.
pub fn effective<'c>(
    configurations: impl IntoIterator<Item = &'c Configuration>,
    manifest: &Manifest,
    system: &str,
    settings: &Settings,
) -> Settings {
    let mut settings = settings.clone();
    let layers = layers(configurations, manifest, system);
    for configuration in layers.applied.iter().rev() {
        configuration.add_to(&mut settings);
    }
    settings
}

/// Which of `configurations` say something of a Pod.
pub fn layers<'c>(
    configurations: impl IntoIterator<Item = &'c Configuration>,
    manifest: &Manifest,
    system: &str,
) -> Layers<'c> {
    let namespace = manifest.metadata.namespace.as_deref().unwrap_or_default();
    let mut all: Vec<(u8, &Configuration)> = configurations
        .into_iter()
        .filter(|configuration| configuration.selects(manifest, system))
        .map(|configuration| (configuration.rank(namespace), configuration))
        .collect();
    all.sort_by(|(a_rank, a), (b_rank, b)| (a_rank, &a.metadata).cmp(&(b_rank, &b.metadata)));
    let mut applied: Vec<(u8, &Configuration)> = Vec::new();
    let mut shadowed = Vec::new();
    for (rank, configuration) in all {
        match applied.last() {
            Some((last, older)) if *last == rank => shadowed.push((configuration, *older)),
            _ => applied.push((rank, configuration)),
        }
    }
    Layers {
        applied: applied.into_iter().map(|(_, configuration)| configuration).collect(),
        shadowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(namespace: &str, name: &str, created: u32, spec: &str) -> Configuration {
        let metadata =
            format!("{{namespace: {namespace}, name: {name}, creationTimestamp: '2026-01-0{created}T00:00:00Z'}}");
        serde_yaml::from_str(&format!("metadata: {metadata}\nspec: {spec}\n")).unwrap()
    }

    fn pod() -> Manifest {
        let text = "kind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: web}}\n";
        Manifest::all_from_yaml(text).unwrap().remove(0)
    }

    fn names(configurations: &[&Configuration]) -> Vec<String> {
        configurations.iter().map(|one| one.metadata.name.clone()).collect()
    }

    #[test]
    fn the_most_specific_counts_and_of_two_alike_the_older_one() {
        let selector = "{podSelector: {matchLabels: {app: web}}}";
        let all = [
            configuration("ballast-system", "far", 1, "{}"),
            configuration("ballast-system", "far-selected", 1, selector),
            configuration("shop", "young", 3, "{}"),
            configuration("shop", "old", 2, "{podSelector: {}}"),
            configuration("shop", "selected", 4, selector),
            configuration("shop", "other", 1, "{podSelector: {matchLabels: {app: db}}}"),
            configuration("elsewhere", "foreign", 1, "{}"),
        ];
        let layers = layers(&all, &pod(), "ballast-system");
        assert_eq!(names(&layers.applied), ["selected", "old", "far-selected", "far"]);
        let shadowed: Vec<_> = layers.shadowed.iter().map(|(a, b)| names(&[*a, *b])).collect();
        assert_eq!(shadowed, [["young", "old"]]);
    }

    #[test]
    fn credentials_go_to_the_servers_that_are_named_with_them() {
        let credentials = "credentials: {secretName: s, usernameKey: u, passwordKey: p}";
        let mut far = configuration(
            "ballast-system",
            "far",
            1,
            &format!("{{registry: {{type: eureka, servers: ['http://far/eureka'], {credentials}}}}}"),
        );
        let near = configuration("shop", "near", 1, "{registry: {servers: ['http://near/eureka']}}");
        let servers = |all: &[Configuration]| {
            let settings = effective(all, &pod(), "ballast-system", &Settings::default());
            let problem = settings.problem(REGISTRY).map(str::to_owned);
            (
                settings.of(REGISTRY)["servers"][0].as_str().unwrap().to_owned(),
                problem,
            )
        };
        let waiting = Some("configuration ballast-system/far: secret s was not read yet".to_owned());
        assert_eq!(servers(&[far.clone()]), ("http://far/eureka".to_owned(), waiting));
        far.login = Some(Ok(Login {
            user: "a@b".to_owned(),
            password: "p:/w".to_owned(),
        }));
        assert_eq!(
            servers(&[far.clone()]),
            ("http://a%40b:p%3A%2Fw@far/eureka".to_owned(), None)
        );
        assert_eq!(
            servers(&[far.clone(), near.clone()]),
            ("http://near/eureka".to_owned(), None)
        );
        far.login = Some(Err("no".to_owned()));
        assert_eq!(
            servers(&[far.clone(), near]).1,
            None,
            "what is not sent need not be read"
        );
        assert!(servers(&[far]).1.is_some());
        let login = Login {
            user: "u".to_owned(),
            password: "p".to_owned(),
        };
        assert_eq!(format!("{login:?}"), "Login");
    }
}
