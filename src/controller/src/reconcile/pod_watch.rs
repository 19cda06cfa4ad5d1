//! Watches of the API server: one for each feature's label, since a selector can't ask for "one of these labels" and a watch of
//! all Pods would cost what the whole cluster does. Not for: what follows from them (`known.rs`).
//! Source: Kubernetes API concepts, "Efficient detection of changes".

use std::borrow::Cow;
use std::time::Duration;

use ballast_derive::{Manifest, Meta, PodSpec, PodStatus, labels};
use futures_util::{Stream, StreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::utils::{Backoff, ResetTimerBackoff};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource};
use serde::Deserialize;

use super::known::Seen;
use crate::limits::{WATCH_RETRY, WATCH_SECONDS};

/// The parts of a Pod that are looked at; the rest of what the API server sends is dropped while it is read.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pod {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

impl Resource for Pod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Pod".into()
    }
    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }
    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "pods".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Pod {
    /// What the API server compares by; 0 where it is no number.
    pub(crate) fn resource_version(&self) -> u64 {
        let version = self.metadata.resource_version.as_deref();
        version.and_then(|version| version.parse().ok()).unwrap_or(0)
    }

    /// The Pod as a derivation takes it.
    pub(crate) fn manifest(self) -> Manifest {
        let meta = self.metadata;
        Manifest {
            metadata: Meta {
                name: meta.name,
                namespace: meta.namespace,
                uid: meta.uid,
                labels: meta.labels.unwrap_or_default(),
                annotations: meta.annotations.unwrap_or_default(),
                deletion_timestamp: meta.deletion_timestamp.map(|time| time.0.to_string()),
            },
            spec: self.spec,
            status: self.status,
        }
    }
}

/// Events of all Pods that have the label of `feature`, whatever its value: taking `'true'` away by `'false'` is seen too.
/// Never ends; errors are followed by another try, later and later.
pub(crate) fn pods(client: Client, feature: &str) -> impl Stream<Item = Result<Seen, watcher::Error>> + use<> {
    let selector = format!("{}{feature}", labels::PREFIX);
    watch(Api::all(client), watcher::Config::default().labels(&selector))
}

/// Events of all Pods of a namespace, where features are on for those without labels too.
pub(crate) fn of_namespace(
    client: Client,
    namespace: &str,
) -> impl Stream<Item = Result<Seen, watcher::Error>> + use<> {
    watch(Api::namespaced(client, namespace), watcher::Config::default())
}

fn watch(pods: Api<Pod>, config: watcher::Config) -> impl Stream<Item = Result<Seen, watcher::Error>> + use<> {
    // A list begins with an event that no server had a part in, so it takes a time without errors to start anew.
    let backoff = ResetTimerBackoff::new(Pauses::default(), 4 * WATCH_RETRY.1);
    watcher::watcher(pods, config.timeout(WATCH_SECONDS))
        .backoff(backoff)
        .map(|event| event.map(seen))
        .boxed()
}

fn seen(event: Event<Pod>) -> Seen {
    match event {
        Event::Init => Seen::Listing,
        Event::InitApply(pod) | Event::Apply(pod) => {
            let version = pod.resource_version();
            Seen::Pod(Box::new(pod.manifest()), version)
        }
        Event::Delete(pod) => Seen::Gone(Box::new(pod.manifest())),
        Event::InitDone => Seen::Listed,
    }
}

/// Pauses between tries: doubled up to the bound, with jitter.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    failures: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let (first, longest) = WATCH_RETRY;
        let doubled = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures = self.failures.saturating_add(1);
        Some(doubled.mul_f64(0.5 + fastrand::f64() / 2.0))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_as_the_api_server_tells_it() {
        let text = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"42",
            "labels":{"app":"web"},"annotations":null,"deletionTimestamp":"2026-01-02T03:04:05Z",
            "managedFields":[{"manager":"kubelet","operation":"Update","fieldsV1":{"f:status":{}}}]},
            "spec":{"nodeName":"n","containers":[{"name":"c"}]},"status":{"phase":"Running","podIP":"10.0.0.1"}}"#;
        let pod: Pod = serde_json::from_str(text).unwrap();
        assert_eq!(pod.resource_version(), 42);
        let pod = pod.manifest();
        assert_eq!(pod.metadata.deletion_timestamp.as_deref(), Some("2026-01-02T03:04:05Z"));
        assert_eq!((pod.uid(), pod.pod_ip()), (Some("u"), Some("10.0.0.1")));
        assert_eq!(pod.metadata.labels["app"], "web");
    }

    #[test]
    fn pauses_grow_to_the_bound() {
        let (first, longest) = WATCH_RETRY;
        let mut pauses = Pauses::default();
        let taken: Vec<Duration> = pauses.by_ref().take(12).collect();
        assert!(taken[0] <= first && taken[11] >= longest / 2 && taken.iter().all(|pause| *pause <= longest));
        pauses.reset();
        assert!(pauses.next().unwrap() <= first);
    }
}
