//! What is known of the cluster: every Pod that a watch shows, newest state only. Pure: events in, names of changed Pods out.
//! Not for: the watches (`pod_watch.rs`), what is done about it (`queue.rs`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballast_derive::Manifest;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Pod,
    /// Only its metadata is known.
    ConfigMap,
}

/// Kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    /// Of an object as the API server tells it; `None`: it tells no name.
    fn of(kind: Kind, object: &Manifest) -> Option<Self> {
        Some(Self {
            kind,
            namespace: object.metadata.namespace.clone()?,
            name: object.metadata.name.clone()?,
        })
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Pod => "pod",
            Kind::ConfigMap => "config map",
        };
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}

/// What one watch tells.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// It begins anew and tells all that there is.
    Listing,
    /// This Pod is there, as of this resource version.
    Pod(Box<Manifest>, u64),
    /// The Pod is gone, or has the label no longer.
    Gone(Box<Manifest>),
    /// All that there is has been told.
    Listed,
}

/// All objects of a kind, by name.
#[derive(Debug)]
pub(crate) struct Known {
    kind: Kind,
    pods: HashMap<Key, Entry>,
    /// By watch: what it has told since it began anew, until it has told all.
    listings: HashMap<u8, HashSet<Key>>,
    /// Watches (a bit each) that have told all at least once.
    listed: u64,
    /// Pods that others have taken the place of, until they are asked for.
    replaced: Vec<Arc<Manifest>>,
}

#[derive(Debug)]
struct Entry {
    pod: Arc<Manifest>,
    version: u64,
    /// The watches that show it, a bit each.
    watches: u64,
}

impl Known {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            pods: HashMap::new(),
            listings: HashMap::new(),
            listed: 0,
            replaced: Vec::new(),
        }
    }

    /// The Pod of that name, if a watch shows one.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Manifest>> {
        self.pods.get(key).map(|entry| Arc::clone(&entry.pod))
    }

    /// Whether a watch shows a Pod of that name.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.pods.contains_key(key)
    }

    /// Names of all.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.pods.keys()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.pods.len()
    }

    /// Whether the first `watches` watches have told all that there is at least once: only then does "not seen" mean "not
    /// there".
    pub(crate) fn is_complete(&self, watches: usize) -> bool {
        let wanted = u64::MAX.checked_shr(64u32.saturating_sub(u32::try_from(watches).unwrap_or(64)));
        let wanted = wanted.unwrap_or(0);
        self.listed & wanted == wanted
    }

    /// Watch number `watch` is no more: what only it has shown is not known any longer. Gives the Pods that it has shown.
    pub(crate) fn forget(&mut self, watch: u8) -> Vec<Key> {
        let bit = 1u64 << watch;
        self.listed &= !bit;
        self.listings.remove(&watch);
        let shown = self.pods.iter().filter(|(_, entry)| entry.watches & bit != 0);
        let shown: Vec<Key> = shown.map(|(key, _)| key.clone()).collect();
        shown.iter().for_each(|key| self.hide(key, bit));
        shown
    }

    /// Pods whose names others have since the last call.
    pub(crate) fn take_replaced(&mut self) -> Vec<Arc<Manifest>> {
        std::mem::take(&mut self.replaced)
    }

    /// All Pods with their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Manifest)> {
        self.pods.iter().map(|(key, entry)| (key, &*entry.pod))
    }

    /// Takes in what watch number `watch` (below 64) tells, and gives the Pods that may be different now.
    pub(crate) fn apply(&mut self, watch: u8, seen: Seen) -> Vec<Key> {
        let bit = 1u64 << watch;
        match seen {
            Seen::Listing => {
                self.listings.insert(watch, HashSet::new());
                Vec::new()
            }
            Seen::Pod(pod, version) => {
                let Some(key) = Key::of(self.kind, &pod) else {
                    return Vec::new();
                };
                if let Some(listing) = self.listings.get_mut(&watch) {
                    listing.insert(key.clone());
                }
                self.put(&key, *pod, version, bit);
                vec![key]
            }
            Seen::Gone(pod) => {
                let Some(key) = Key::of(self.kind, &pod) else {
                    return Vec::new();
                };
                // A watch that lags may tell of the end of a Pod whose successor another one has shown.
                let is_it = self.pods.get(&key).is_some_and(|entry| entry.pod.uid() == pod.uid());
                if is_it {
                    self.hide(&key, bit);
                    vec![key]
                } else {
                    Vec::new()
                }
            }
            Seen::Listed => {
                self.listed |= bit;
                let Some(listing) = self.listings.remove(&watch) else {
                    return Vec::new();
                };
                let shown = self.pods.iter().filter(|(_, entry)| entry.watches & bit != 0);
                let gone: Vec<Key> = shown
                    .filter(|(key, _)| !listing.contains(key))
                    .map(|(key, _)| key.clone())
                    .collect();
                for key in &gone {
                    self.hide(key, bit);
                }
                gone
            }
        }
    }

    fn put(&mut self, key: &Key, pod: Manifest, version: u64, bit: u64) {
        match self.pods.get_mut(key) {
            Some(entry) if entry.pod.uid() == pod.uid() => {
                entry.watches |= bit;
                if version >= entry.version {
                    entry.pod = Arc::new(pod);
                    entry.version = version;
                }
            }
            // A predecessor, from a watch that lags: it says nothing of the one that is there.
            Some(entry) if version < entry.version => {}
            // A successor, which the other watches have not shown yet.
            Some(entry) => {
                let successor = Entry {
                    pod: Arc::new(pod),
                    version,
                    watches: bit,
                };
                self.replaced.push(std::mem::replace(entry, successor).pod);
            }
            None => {
                let entry = Entry {
                    pod: Arc::new(pod),
                    version,
                    watches: bit,
                };
                self.pods.insert(key.clone(), entry);
            }
        }
    }

    fn hide(&mut self, key: &Key, bit: u64) {
        if let Some(entry) = self.pods.get_mut(key) {
            entry.watches &= !bit;
            if entry.watches == 0 {
                self.pods.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, uid: &str) -> Box<Manifest> {
        let mut pod = Manifest::default();
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.namespace = Some("shop".to_owned());
        pod.metadata.uid = Some(uid.to_owned());
        Box::new(pod)
    }

    fn key(name: &str) -> Key {
        Key {
            kind: Kind::Pod,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    fn uid(pods: &Known, name: &str) -> Option<String> {
        pods.get(&key(name)).and_then(|pod| pod.uid().map(str::to_owned))
    }

    #[test]
    fn what_a_new_listing_does_not_tell_is_gone() {
        let mut pods = Known::new(Kind::Pod);
        for name in ["a", "b"] {
            assert_eq!(pods.apply(0, Seen::Pod(pod(name, name), 1)), [key(name)]);
        }
        assert!(pods.apply(0, Seen::Listing).is_empty());
        pods.apply(0, Seen::Pod(pod("b", "b"), 2));
        assert!(uid(&pods, "a").is_some(), "a list that is not through proves nothing");
        assert!(!pods.is_complete(1));
        assert_eq!(pods.apply(0, Seen::Listed), [key("a")]);
        assert!(pods.is_complete(1) && !pods.is_complete(2));
        assert_eq!((uid(&pods, "a"), pods.len()), (None, 1));
    }

    #[test]
    fn a_pod_with_two_labels_stays_until_both_are_gone() {
        let mut pods = Known::new(Kind::Pod);
        pods.apply(0, Seen::Pod(pod("a", "1"), 1));
        pods.apply(1, Seen::Pod(pod("a", "1"), 1));
        pods.apply(0, Seen::Gone(pod("a", "1")));
        assert_eq!(pods.len(), 1);
        pods.apply(1, Seen::Gone(pod("a", "1")));
        assert_eq!(pods.len(), 0);
    }

    #[test]
    fn the_end_of_a_predecessor_is_not_the_end_of_its_successor() {
        let mut pods = Known::new(Kind::Pod);
        pods.apply(0, Seen::Pod(pod("a", "1"), 1));
        pods.apply(1, Seen::Pod(pod("a", "1"), 1));
        // One watch is ahead of the other.
        pods.apply(0, Seen::Gone(pod("a", "1")));
        pods.apply(0, Seen::Pod(pod("a", "2"), 5));
        assert!(pods.apply(1, Seen::Gone(pod("a", "1"))).is_empty());
        assert_eq!(uid(&pods, "a").as_deref(), Some("2"));
        // Its successor has lost the second label: the first watch alone decides.
        pods.apply(0, Seen::Gone(pod("a", "2")));
        assert_eq!(pods.len(), 0);
    }

    #[test]
    fn a_predecessor_that_a_watch_tells_late_is_not_taken_for_its_successor() {
        let mut pods = Known::new(Kind::Pod);
        pods.apply(0, Seen::Pod(pod("a", "2"), 5));
        pods.apply(1, Seen::Pod(pod("a", "1"), 3));
        pods.apply(1, Seen::Gone(pod("a", "1")));
        assert_eq!(uid(&pods, "a").as_deref(), Some("2"));
        // The second watch has never shown it, so the first one alone decides.
        pods.apply(0, Seen::Gone(pod("a", "2")));
        assert_eq!(pods.len(), 0);
    }

    #[test]
    fn a_watch_that_lags_does_not_bring_back_the_past() {
        let mut pods = Known::new(Kind::Pod);
        let mut old = pod("a", "1");
        old.set_ready(true);
        let mut new = pod("a", "1");
        new.set_ready(false);
        pods.apply(0, Seen::Pod(new, 7));
        pods.apply(1, Seen::Pod(old, 6));
        assert_eq!(pods.get(&key("a")).and_then(|pod| pod.ready()), Some(false));
    }
}
