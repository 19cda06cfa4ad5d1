//! One InfraConfiguration as it is known: whether it is the same still, what of it is refused, what its status is to say. Pure.
//! Not for: all of them (`configurations.rs`).

use std::time::Instant;

use ballast_derive::configuration::{Configuration, Credentials};
use ballast_derive::labels;

use super::configurations::{MAX_NAMESPACES, Name, SYSTEM};
use crate::infra_configuration::{InfraConfiguration, InfraConfigurationStatus, Truth};

/// As it is known.
#[derive(Debug)]
pub(super) struct Held {
    /// As the API server tells it.
    pub(super) object: InfraConfiguration,
    /// `None`: it can't be read.
    pub(super) configuration: Option<Configuration>,
    /// Why it is not followed, or not all of it.
    pub(super) refusal: Option<(&'static str, String)>,
    /// Why its Secret can't be read, though it could before and what it said counts still.
    pub(super) unreadable: Option<String>,
    /// When its Secret is read next; `None`: it is being read, or there is none.
    pub(super) read_at: Option<Instant>,
    /// How often that failed in a row.
    pub(super) failures: u32,
}

impl Held {
    /// Whether what people set is the same in `object`.
    pub(super) fn is_as_set_by(&self, object: &InfraConfiguration) -> bool {
        let (own, other) = (&self.object.metadata, &object.metadata);
        own.generation.is_some() && (&own.uid, own.generation) == (&other.uid, other.generation)
    }

    /// When it was made, as text that is in the order of time.
    pub(super) fn created(&self) -> &str {
        let metadata = self
            .configuration
            .as_ref()
            .map(|one| one.metadata.creation_timestamp.as_str());
        metadata.unwrap_or_default()
    }

    /// The Secret that it names.
    pub(super) fn secret(&self) -> Option<Credentials> {
        self.configuration.as_ref().and_then(Configuration::credentials)
    }

    /// What it is to say: `pods` have it, another one counts instead of it for some.
    pub(super) fn status(&self, pods: u32, shadow: Option<&(u32, Name)>) -> InfraConfigurationStatus {
        let before = self.object.status.clone().unwrap_or_default();
        let mut status = InfraConfigurationStatus {
            observed_generation: self.object.metadata.generation,
            pods,
            conditions: Vec::new(),
        };
        let login = self.configuration.as_ref().and_then(|one| one.login.as_ref());
        let (truth, why) = match (&self.refusal, self.secret(), login) {
            (Some((reason, message)), _, _) => (Truth::False, (*reason, message.clone())),
            (None, Some(_), Some(Err(message))) => (Truth::False, ("SecretUnreadable", message.clone())),
            (None, Some(_), Some(Ok(_))) if self.unreadable.is_some() => {
                let reason = self.unreadable.as_deref().unwrap_or_default();
                let message = format!("{reason} (what it held before counts still)");
                (Truth::False, ("SecretUnreadable", message))
            }
            (None, Some(secret), None) => (
                Truth::Unknown,
                ("SecretUnread", format!("secret {} is being read", secret.secret_name)),
            ),
            _ => (Truth::True, ("Accepted", "it is followed".to_owned())),
        };
        status.set(&before, "Accepted", truth, why);
        let (truth, why) = match shadow {
            Some((pods, (namespace, name))) => {
                let message =
                    format!("{namespace}/{name} is as specific and older, so it counts instead, for {pods} Pods now");
                (Truth::True, ("OlderCounts", message))
            }
            None => (Truth::False, ("Alone", "no equally specific one is older".to_owned())),
        };
        status.set(&before, "Shadowed", truth, why);
        status
    }
}

/// Whether no configuration of this namespace may turn the feature on for Pods without its label.
pub(super) fn is_refused(namespace: &str, feature: &str) -> bool {
    namespace == SYSTEM || labels::PROXY.strip_prefix(labels::PREFIX) == Some(feature)
}

/// Takes away what may not be turned on, and says why.
pub(super) fn refusal(one: &mut Configuration, has_place: bool) -> Option<(&'static str, String)> {
    let namespace = one.metadata.namespace.clone();
    let why = if namespace == SYSTEM {
        let reason = "no feature can be turned on for a whole cluster; do it in a namespace";
        Some(("EnabledInSystem", reason.to_owned()))
    } else {
        let reason = "the rules that lead to the proxy are made for Pods with its label only; use the label";
        Some(("NeedsLabel", reason.to_owned()))
    };
    let before = one.clone();
    one.refuse(|feature| is_refused(&namespace, feature));
    let why = why.filter(|_| *one != before);
    let why = why.or_else(|| {
        let is_too_many = one.enables() && !has_place;
        is_too_many.then(|| {
            let reason = format!("features are on in {MAX_NAMESPACES} namespaces already; use labels here");
            ("TooManyNamespaces", reason)
        })
    });
    if !has_place {
        one.refuse(|_| true);
    }
    why.map(|(word, reason)| (word, format!("{reason} (all else of it is followed)")))
}
