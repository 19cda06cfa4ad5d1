//! What is known of InfraConfigurations: which count, what their Secrets hold, which Pods a change concerns, what their status
//! is to say. Pure: time and answers come in as arguments. Not for: watching, reading and writing (`configuration_watch.rs`),
//! what they come to for a Pod (`ballast-derive`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballast_derive::configuration::{Configuration, Credentials, Login, effective, layers};
use ballast_derive::{Manifest, Settings};

use super::known::{Key, Known};
use crate::infra_configuration::{InfraConfiguration, InfraConfigurationStatus, Truth};
use crate::limits::{MAX_FEATURES, SECRET_RECHECK, SECRET_RETRY, STATUS_PAUSE};

/// Its configurations are for all Pods.
pub(crate) const SYSTEM: &str = "ballast-system";

/// Namespaces where Pods without labels are watched, with a watch each: those of features come first.
const MAX_NAMESPACES: usize = 64 - MAX_FEATURES;

/// Namespace and name.
pub(crate) type Name = (String, String);

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Configurations {
    held: BTreeMap<Name, Held>,
    /// Those of a list that has not come to its end.
    listing: Option<BTreeSet<Name>>,
    is_listed: bool,
    /// All were known, with what their Secrets hold, at least once.
    is_ready: bool,
    /// As publishes take them.
    current: Arc<Vec<Configuration>>,
    /// What the Pods were looked at with last.
    settled: Arc<Vec<Configuration>>,
    /// When the status is worked out next; `None`: nothing has changed.
    status_due: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    object: InfraConfiguration,
    /// `None`: it can't be read.
    configuration: Option<Configuration>,
    /// Why it is not followed.
    refusal: Option<(&'static str, String)>,
    /// When its Secret is read next; `None`: it is being read, or there is none.
    read_at: Option<Instant>,
    failures: u32,
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
    /// The cluster does not know the resource.
    Absent,
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
                self.put(name, *object, now);
            }
            Told::Gone(name) => drop(self.held.remove(&name)),
            Told::Listed => {
                if let Some(listing) = self.listing.take() {
                    self.held.retain(|name, _| listing.contains(name));
                }
                self.is_listed = true;
            }
            Told::Absent => {
                self.held.clear();
                self.is_listed = true;
            }
        }
        self.rebuild();
        self.status_due = Some(now);
    }

    fn put(&mut self, name: Name, object: InfraConfiguration, now: Instant) {
        let read = object.configuration();
        let refusal = match &read {
            Err(error) => Some(("Unreadable", error.to_string())),
            Ok(read) if name.0 == SYSTEM && read.enables() => Some((
                "EnabledInSystem",
                "no feature can be turned on for a whole cluster; do it in a namespace".to_owned(),
            )),
            Ok(_) => None,
        };
        let mut configuration = read.ok();
        let secret = configuration.as_ref().and_then(Configuration::credentials);
        let before = self.held.remove(&name);
        let before = before.filter(|before| before.secret() == secret);
        let (login, read_at, failures) = match before {
            Some(before) => {
                let login = before.configuration.and_then(|configuration| configuration.login);
                (login, before.read_at, before.failures)
            }
            None => (None, secret.map(|_| now), 0),
        };
        if let Some(configuration) = &mut configuration {
            configuration.login = login;
        }
        let held = Held {
            object,
            configuration,
            refusal,
            read_at,
            failures,
        };
        self.held.insert(name, held);
    }

    fn rebuild(&mut self) {
        let mut namespaces = BTreeSet::new();
        let mut current = Vec::new();
        for ((namespace, _), held) in &mut self.held {
            let Some(configuration) = &held.configuration else {
                continue;
            };
            if configuration.enables() && namespace != SYSTEM {
                let is_room = namespaces.len() < MAX_NAMESPACES || namespaces.contains(namespace);
                held.refusal = (!is_room).then(|| {
                    let message = format!("features are on in {MAX_NAMESPACES} namespaces already; use labels here");
                    ("TooManyNamespaces", message)
                });
                if is_room {
                    namespaces.insert(namespace.clone());
                }
            }
            if held.refusal.is_none() {
                current.push(configuration.clone());
            }
        }
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
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        let enabling = self.current.iter().filter(|configuration| configuration.enables());
        enabling
            .map(|configuration| configuration.metadata.namespace.clone())
            .collect()
    }

    /// Whether each Secret was read or refused once.
    fn is_read(&self) -> bool {
        let unread = |one: &Configuration| one.credentials().is_some() && one.login.is_none();
        !self.current.iter().any(unread)
    }

    /// The Pods that changes since the last call concern. While a Secret is being read it waits.
    pub(crate) fn concerned(&mut self, pods: &Known, settings: &Settings) -> Vec<Key> {
        if !self.is_listed || !self.is_read() || Arc::ptr_eq(&self.settled, &self.current) {
            return Vec::new();
        }
        let (before, after) = (
            std::mem::replace(&mut self.settled, Arc::clone(&self.current)),
            &self.current,
        );
        let changed = |one: &&Configuration| !(before.contains(one) && after.contains(one));
        let namespaces: BTreeSet<&str> = before
            .iter()
            .chain(after.iter())
            .filter(changed)
            .map(|one| one.metadata.namespace.as_str())
            .collect();
        let is_near = |key: &Key| namespaces.contains(SYSTEM) || namespaces.contains(key.namespace.as_str());
        let of = |all: &[Configuration], pod: &Manifest| effective(all, pod, SYSTEM, settings);
        pods.iter()
            .filter(|(key, pod)| is_near(key) && of(&before, pod) != of(after, pod))
            .map(|(key, _)| key.clone())
            .collect()
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
        if let Some(configuration) = &mut held.configuration {
            match (read, &configuration.login) {
                // An API server that is away does not take back what it said.
                (Err((_, true)), Some(Ok(_))) => {}
                (read, _) => configuration.login = Some(read.map_err(|(reason, _)| reason)),
            }
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

    /// Whose status is to be another one, if it is time to look.
    pub(crate) fn statuses(&mut self, pods: &Known, now: Instant) -> Vec<(Name, InfraConfigurationStatus)> {
        if !self.is_listed || self.status_due.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.status_due = None;
        let mut counts: BTreeMap<Name, u32> = BTreeMap::new();
        let mut shadows: BTreeMap<Name, (u32, Name)> = BTreeMap::new();
        for (_, pod) in pods.iter().filter(|(_, pod)| !pod.has_ended()) {
            let layers = layers(self.current.iter(), pod, SYSTEM);
            for one in layers.applied {
                *counts.entry(id(one)).or_default() += 1;
            }
            for (one, older) in layers.shadowed {
                shadows.entry(id(one)).or_insert((0, id(older))).0 += 1;
            }
        }
        // Two that leave no Pod out, also where there are no Pods yet.
        for one in self.current.iter().filter(|one| one.is_broad()) {
            let rivals = self.current.iter().filter(|other| other.is_broad());
            let older = rivals
                .filter(|other| other.metadata.namespace == one.metadata.namespace && other.metadata < one.metadata)
                .min_by_key(|other| &other.metadata);
            if let Some(older) = older {
                shadows.entry(id(one)).or_insert((0, id(older)));
            }
        }
        let statuses = self.held.iter().map(|(name, held)| {
            let count = counts.get(name).copied().unwrap_or(0);
            (name.clone(), held.status(count, shadows.get(name)), held)
        });
        statuses
            .filter(|(_, status, held)| held.object.status.as_ref() != Some(status))
            .map(|(name, status, _)| (name, status))
            .collect()
    }

    /// A status that could not be written is worked out again.
    pub(crate) fn unwritten(&mut self, now: Instant) {
        self.status_due.get_or_insert(now + Duration::from_secs(5));
    }
}

impl Held {
    fn secret(&self) -> Option<Credentials> {
        self.configuration.as_ref().and_then(Configuration::credentials)
    }

    fn status(&self, pods: u32, shadow: Option<&(u32, Name)>) -> InfraConfigurationStatus {
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

fn id(configuration: &Configuration) -> Name {
    let metadata = &configuration.metadata;
    (metadata.namespace.clone(), metadata.name.clone())
}

/// Namespace and name of an object.
pub(crate) fn name_of(object: &InfraConfiguration) -> Name {
    let metadata = &object.metadata;
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}
