//! What is known of InfraConfigurations: which count, what their Secrets hold, which Pods a change concerns, what their status
//! is to say. Pure: time and answers come in as arguments. Not for: watching, reading and writing (`configuration_watch.rs`),
//! what they come to for a Pod (`ballast-derive`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballast_derive::Settings;
use ballast_derive::configuration::{Configuration, Credentials, Login};

use super::configuration_held::{Held, is_refused, refusal};
use super::configuration_passes::{Change, Count};
use super::known::{Key, Known};
use crate::infra_configuration::{InfraConfiguration, InfraConfigurationStatus};
use crate::limits::{
    CONFIGURATIONS_PER_NAMESPACE, MAX_CONFIGURATIONS, MAX_FEATURES, SECRET_RECHECK, SECRET_RETRY, STATUS_PAUSE,
};

/// Its configurations are for all Pods.
pub(crate) const SYSTEM: &str = "ballast-system";

/// Namespaces where Pods without labels are watched, with a watch each: those of features come first.
pub(super) const MAX_NAMESPACES: usize = 64 - MAX_FEATURES;

/// Namespace and name.
pub(crate) type Name = (String, String);

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Configurations {
    held: BTreeMap<Name, Held>,
    /// Those of a list that has not come to its end.
    listing: Option<BTreeSet<Name>>,
    is_listed: bool,
    /// It was told that their list can't be had.
    is_doubted: bool,
    /// It was told that there are too many of them.
    is_crowded: bool,
    /// All were known, with what their Secrets hold, at least once.
    is_ready: bool,
    /// As publishes take them.
    current: Arc<Vec<Configuration>>,
    /// Namespaces where features may be turned on.
    places: BTreeSet<String>,
    /// What the Pods were looked at with last.
    settled: Arc<Vec<Configuration>>,
    /// A change, as long as not all Pods were looked at with it.
    change: Option<Change>,
    /// When Pods are counted next; `None`: nothing has changed.
    status_due: Option<Instant>,
    /// Pods being counted.
    count: Option<Count>,
    /// What is to be written.
    unwritten: Vec<(Name, InfraConfigurationStatus)>,
}

/// What one watch tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// It begins anew.
    Listing,
    /// It is so now.
    Is(Box<InfraConfiguration>),
    /// It is gone.
    Gone(Name),
    /// All have been told.
    Listed,
    /// The cluster does not know the resource, as its API server itself says.
    Absent,
    /// Somebody says so, or nobody could be asked.
    Doubtful(String),
}

impl Configurations {
    /// Takes in what the watch tells.
    pub(crate) fn apply(&mut self, told: Told, now: Instant) {
        match told {
            Told::Listing => self.listing = Some(BTreeSet::new()),
            Told::Is(object) => {
                let name = name_of(&object);
                if let Some(listing) = &mut self.listing {
                    listing.insert(name.clone());
                }
                if let Some(held) = self.held.get_mut(&name).filter(|held| held.is_as_set_by(&object)) {
                    // Most often the status that we wrote.
                    held.object = *object;
                    self.status_due.get_or_insert(now + STATUS_PAUSE);
                    return;
                }
                self.put(name, *object, now);
            }
            Told::Gone(name) => drop(self.held.remove(&name)),
            Told::Listed => {
                if let Some(listing) = self.listing.take() {
                    self.held.retain(|name, _| listing.contains(name));
                }
                (self.is_listed, self.is_doubted) = (true, false);
            }
            Told::Absent => {
                self.held.clear();
                self.listing = None;
                (self.is_listed, self.is_doubted) = (true, false);
            }
            Told::Doubtful(reason) => {
                if !std::mem::replace(&mut self.is_doubted, true) {
                    tracing::warn!("configurations: {reason}; what is known of them counts until their list is there");
                }
                return;
            }
        }
        // A list is taken as a whole.
        if self.listing.is_none() {
            self.rebuild();
        }
        self.status_due = Some(now);
    }

    fn put(&mut self, name: Name, object: InfraConfiguration, now: Instant) {
        let read = object.configuration();
        let unreadable = read.as_ref().err().map(|error| ("Unreadable", error.to_string()));
        let configuration = read.ok();
        let secret = configuration.as_ref().and_then(Configuration::credentials);
        let before = self.held.remove(&name);
        let before = before.filter(|before| before.secret() == secret);
        let mut held = Held {
            object,
            configuration,
            refusal: unreadable,
            unreadable: None,
            read_at: secret.map(|_| now),
            failures: 0,
        };
        if let Some(before) = before {
            let login = before.configuration.and_then(|configuration| configuration.login);
            if let Some(configuration) = &mut held.configuration {
                configuration.login = login;
            }
            (held.read_at, held.failures) = (before.read_at, before.failures);
            held.unreadable = before.unreadable;
        }
        self.held.insert(name, held);
        self.drop_youngest();
    }

    fn drop_youngest(&mut self) {
        if self.held.len() <= MAX_CONFIGURATIONS {
            self.is_crowded = false;
            return;
        }
        let youngest = self.held.iter().max_by_key(|(name, held)| (held.created(), *name));
        if let Some(name) = youngest.map(|(name, _)| name.clone()) {
            self.held.remove(&name);
        }
        if !std::mem::replace(&mut self.is_crowded, true) {
            tracing::warn!("there are more than {MAX_CONFIGURATIONS} configurations; the youngest are not looked at");
        }
    }

    /// What counts, of all that is known.
    fn rebuild(&mut self) {
        let mut by_age: Vec<(&str, &Name, &Configuration)> = Vec::new();
        for (name, held) in &self.held {
            by_age.extend(held.configuration.as_ref().map(|one| (held.created(), name, one)));
        }
        by_age.sort_by_key(|(created, name, _)| (*created, *name));
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut surplus: BTreeSet<Name> = BTreeSet::new();
        let mut places: BTreeSet<String> = BTreeSet::new();
        for (_, name, one) in by_age {
            let number = numbers.entry(&name.0).or_default();
            *number += 1;
            if *number > CONFIGURATIONS_PER_NAMESPACE {
                surplus.insert(name.clone());
            } else if places.len() < MAX_NAMESPACES && !places.contains(&name.0) {
                // Those that came first stay when there is no room for one more.
                let mut one = one.clone();
                one.refuse(|feature| is_refused(&name.0, feature));
                places.extend(one.enables().then(|| name.0.clone()));
            }
        }
        let mut current = Vec::new();
        for (name, held) in &mut self.held {
            let Some(configuration) = &held.configuration else {
                continue;
            };
            let mut one = configuration.clone();
            held.refusal = if surplus.contains(name) {
                let reason = format!(
                    "{CONFIGURATIONS_PER_NAMESPACE} configurations of this namespace are older; \
                    no more are followed"
                );
                Some(("TooManyConfigurations", reason))
            } else {
                refusal(&mut one, places.contains(&name.0))
            };
            if !surplus.contains(name) {
                current.push(one);
            }
        }
        self.places = places;
        if *self.current != current {
            self.current = Arc::new(current);
        }
        self.is_ready |= self.is_listed && self.is_read();
    }

    /// As publishes take them; `None`: they are not known yet, and nothing may be published.
    pub(crate) fn current(&self) -> Option<Arc<Vec<Configuration>>> {
        self.is_ready.then(|| Arc::clone(&self.current))
    }

    /// Namespaces with Pods that need no label.
    pub(crate) fn namespaces(&self) -> &BTreeSet<String> {
        &self.places
    }

    /// Whether each Secret was read or refused once.
    fn is_read(&self) -> bool {
        let unread = |one: &Configuration| one.credentials().is_some() && one.login.is_none();
        !self.current.iter().any(unread)
    }

    /// Pods that changes concern: a few at a time, as long as [`Configurations::is_passing`]. While a Secret is being read they
    /// wait.
    pub(crate) fn concerned(&mut self, pods: &Known, settings: &Settings) -> Vec<Key> {
        if self.change.is_none() && self.is_listed && !Arc::ptr_eq(&self.settled, &self.current) && self.is_read() {
            let before = std::mem::replace(&mut self.settled, Arc::clone(&self.current));
            self.change = Some(Change::new(before, Arc::clone(&self.current), pods));
        }
        let Some(change) = &mut self.change else {
            return Vec::new();
        };
        let concerned = change.step(pods, settings);
        if change.is_over() {
            self.change = None;
        }
        concerned
    }

    /// Whether Pods are being looked at.
    pub(crate) fn is_passing(&self) -> bool {
        self.change.is_some() || self.count.is_some()
    }

    /// When there is something to do though nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        let reads = self.held.values().filter_map(|held| held.read_at);
        // Nothing is told of what is not known whole.
        reads.chain(self.status_due.filter(|_| self.is_listed)).min()
    }

    /// A Secret to read now, which is then being read until [`Configurations::secret`].
    pub(crate) fn next_secret(&mut self, now: Instant) -> Option<(Name, Credentials)> {
        let is_due = |held: &Held| held.read_at.is_some_and(|at| at <= now);
        let (name, held) = self.held.iter_mut().find(|(_, held)| is_due(held))?;
        held.read_at = None;
        Some((name.clone(), held.secret()?))
    }

    /// What a Secret holds. `Err` and whether it may be another time what it was before.
    pub(crate) fn secret(
        &mut self,
        name: &Name,
        secret: &Credentials,
        read: Result<Login, (String, bool)>,
        now: Instant,
    ) {
        let Some(held) = self
            .held
            .get_mut(name)
            .filter(|held| held.secret().as_ref() == Some(secret))
        else {
            return;
        };
        let pause = match &read {
            Ok(_) => SECRET_RECHECK,
            Err(_) => SECRET_RETRY
                .saturating_mul(1 << held.failures.min(8))
                .min(SECRET_RECHECK),
        };
        held.failures = if read.is_ok() {
            0
        } else {
            held.failures.saturating_add(1)
        };
        held.read_at = Some(now + pause);
        let Some(configuration) = &mut held.configuration else {
            return;
        };
        let before = (configuration.login.clone(), held.unreadable.clone());
        match (read, &configuration.login) {
            // What was known counts on: a Secret that is gone for a moment must not take Pods out of their registry.
            (Err((reason, is_passing)), Some(Ok(_))) => {
                held.unreadable = Some(reason).filter(|_| !is_passing).or(held.unreadable.take());
            }
            (read, _) => {
                configuration.login = Some(read.map_err(|(reason, _)| reason));
                held.unreadable = None;
            }
        }
        if before == (configuration.login.clone(), held.unreadable.clone()) {
            return;
        }
        self.rebuild();
        self.status_due = Some(now);
    }

    /// Pods have come, gone or changed: their number may be another one.
    pub(crate) fn pods_changed(&mut self, now: Instant) {
        if !self.held.is_empty() {
            self.status_due.get_or_insert(now + STATUS_PAUSE);
        }
    }

    /// Counts Pods if it is time to: a few at a time, as long as [`Configurations::is_passing`]. Not begun where statuses are being
    /// written (`is_writing`), so that none of them is overtaken.
    pub(crate) fn count(&mut self, pods: &Known, is_writing: bool, now: Instant) {
        let is_due = self.is_listed && self.status_due.is_some_and(|at| at <= now);
        if self.count.is_none() && is_due && !is_writing && self.unwritten.is_empty() {
            self.status_due = None;
            self.count = Some(Count::new(Arc::clone(&self.current), pods));
        }
        let Some(mut count) = self.count.take() else {
            return;
        };
        count.step(pods);
        if !count.is_over() {
            self.count = Some(count);
            return;
        }
        count.pair_broad();
        let statuses = self.held.iter().map(|(name, held)| {
            let status = held.status(count.pods(name), count.shadow(name));
            (name.clone(), status, held)
        });
        self.unwritten = statuses
            .filter(|(_, status, held)| held.object.status.as_ref() != Some(status))
            .map(|(name, status, _)| (name, status))
            .collect();
    }

    /// A status to write.
    pub(crate) fn next_status(&mut self) -> Option<(Name, InfraConfigurationStatus)> {
        self.unwritten.pop()
    }

    /// A status could not be written: it is worked out again.
    pub(crate) fn not_written(&mut self, now: Instant) {
        self.status_due.get_or_insert(now + Duration::from_secs(5));
    }
}

/// Namespace and name of an object.
pub(crate) fn name_of(object: &InfraConfiguration) -> Name {
    let metadata = &object.metadata;
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

#[cfg(test)]
#[path = "configurations_tests.rs"]
mod tests;
