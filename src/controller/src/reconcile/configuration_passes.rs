//! Passes over all Pods after a change of InfraConfigurations: whom it concerns, how many Pods each has. Made in steps, so that
//! the task that makes them answers others in between. Pure. Not for: when (`configurations.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ballast_derive::Settings;
use ballast_derive::configuration::{Configuration, effective, layers};

use super::configurations::{Name, SYSTEM};
use super::known::{Key, Known};
use crate::limits::PODS_PER_STEP;

/// Those of `all` (sorted by namespace) that can be about a Pod of this namespace.
fn near<'c>(all: &'c [Configuration], namespace: &'c str) -> impl Iterator<Item = &'c Configuration> {
    let namespaces = [Some(namespace), Some(SYSTEM).filter(|_| namespace != SYSTEM)];
    namespaces.into_iter().flatten().flat_map(|namespace| {
        let from = all.partition_point(|one| one.metadata.namespace.as_str() < namespace);
        let to = all.partition_point(|one| one.metadata.namespace.as_str() <= namespace);
        all.get(from..to).unwrap_or_default()
    })
}

fn id(configuration: &Configuration) -> Name {
    let metadata = &configuration.metadata;
    (metadata.namespace.clone(), metadata.name.clone())
}

/// The next few.
fn few(left: &mut Vec<Key>) -> Vec<Key> {
    left.split_off(left.len().saturating_sub(PODS_PER_STEP))
}

/// Looks for the Pods that a change concerns.
#[derive(Debug)]
pub(crate) struct Change {
    before: Arc<Vec<Configuration>>,
    after: Arc<Vec<Configuration>>,
    left: Vec<Key>,
}

impl Change {
    /// Both are sorted by namespace.
    pub(crate) fn new(before: Arc<Vec<Configuration>>, after: Arc<Vec<Configuration>>, pods: &Known) -> Self {
        let by_id = |all: &[Configuration]| -> BTreeMap<Name, usize> {
            all.iter().enumerate().map(|(at, one)| (id(one), at)).collect()
        };
        let (old, new) = (by_id(&before), by_id(&after));
        let is_same = |name: &Name| {
            let old = old.get(name).and_then(|at| before.get(*at));
            old.is_some() && old == new.get(name).and_then(|at| after.get(*at))
        };
        let changed = old.keys().chain(new.keys()).filter(|name| !is_same(name));
        let namespaces: BTreeSet<&str> = changed.map(|(namespace, _)| namespace.as_str()).collect();
        let is_near = |key: &&Key| namespaces.contains(SYSTEM) || namespaces.contains(key.namespace.as_str());
        let left = pods.keys().filter(is_near).cloned().collect();
        Self { before, after, left }
    }

    /// Of the next few Pods those that it concerns.
    pub(crate) fn step(&mut self, pods: &Known, settings: &Settings) -> Vec<Key> {
        let few = few(&mut self.left).into_iter();
        few.filter(|key| {
            let of = |all, pod: &_| effective(near(all, &key.namespace), pod, SYSTEM, settings);
            pods.get(key)
                .is_some_and(|pod| of(&self.before, &pod) != of(&self.after, &pod))
        })
        .collect()
    }

    /// Whether all Pods were looked at.
    pub(crate) fn is_over(&self) -> bool {
        self.left.is_empty()
    }
}

/// Counts the Pods of each configuration.
#[derive(Debug)]
pub(crate) struct Count {
    of: Arc<Vec<Configuration>>,
    left: Vec<Key>,
    pods: BTreeMap<Name, u32>,
    shadows: BTreeMap<Name, (u32, Name)>,
}

impl Count {
    /// `of` is sorted by namespace.
    pub(crate) fn new(of: Arc<Vec<Configuration>>, pods: &Known) -> Self {
        let living = pods.iter().filter(|(_, pod)| !of.is_empty() && !pod.has_ended());
        Self {
            left: living.map(|(key, _)| key.clone()).collect(),
            of,
            pods: BTreeMap::new(),
            shadows: BTreeMap::new(),
        }
    }

    /// Counts the next few Pods.
    pub(crate) fn step(&mut self, pods: &Known) {
        for key in few(&mut self.left) {
            let Some(pod) = pods.get(&key) else { continue };
            let layers = layers(near(&self.of, &key.namespace), &pod, SYSTEM);
            for one in layers.applied {
                *self.pods.entry(id(one)).or_default() += 1;
            }
            for (one, older) in layers.shadowed {
                self.shadows.entry(id(one)).or_insert((0, id(older))).0 += 1;
            }
        }
    }

    /// Whether all were counted.
    pub(crate) fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Tells also where there are no Pods yet that of two that leave no Pod out the older one counts.
    pub(crate) fn pair_broad(&mut self) {
        let broad = || self.of.iter().filter(|one| one.is_broad());
        let mut oldest: BTreeMap<&str, &Configuration> = BTreeMap::new();
        for one in broad() {
            let first = oldest.entry(&one.metadata.namespace).or_insert(one);
            if one.metadata < first.metadata {
                *first = one;
            }
        }
        for one in broad() {
            let older = oldest.get(one.metadata.namespace.as_str());
            if let Some(older) = older.filter(|older| older.metadata < one.metadata) {
                self.shadows.entry(id(one)).or_insert((0, id(older)));
            }
        }
    }

    /// For how many Pods it counts.
    pub(crate) fn pods(&self, name: &Name) -> u32 {
        self.pods.get(name).copied().unwrap_or(0)
    }

    /// For how many Pods another one counts instead, and which.
    pub(crate) fn shadow(&self, name: &Name) -> Option<&(u32, Name)> {
        self.shadows.get(name)
    }
}
