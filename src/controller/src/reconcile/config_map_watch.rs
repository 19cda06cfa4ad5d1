//! The watch of ConfigMaps that are codebases, by their label. Metadata only: contents are read one by one when they are
//! published. Not for: what follows from them (`known.rs`).

use ballast_derive::{Manifest, Meta, labels};
use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, utils::ResetTimerBackoff};
use kube::{Api, Client};

use super::known::Seen;
use super::pod_watch::Pauses;
use crate::config_map::LABEL;
use crate::limits::{WATCH_RETRY, WATCH_SECONDS};

type Marked = PartialObjectMeta<ConfigMap>;

/// Events of all ConfigMaps that have the label, whatever its value. Never ends; errors are followed by another try.
pub(crate) fn config_maps(client: Client) -> impl Stream<Item = Result<Seen, watcher::Error>> + use<> {
    let selector = format!("{}{LABEL}", labels::PREFIX);
    let config = watcher::Config::default().labels(&selector).timeout(WATCH_SECONDS);
    watcher::watcher(Api::<Marked>::all(client), config)
        .backoff(ResetTimerBackoff::new(Pauses::default(), 4 * WATCH_RETRY.1))
        .map(|event| event.map(seen))
        .boxed()
}

fn seen(event: Event<Marked>) -> Seen {
    match event {
        Event::Init => Seen::Listing,
        Event::InitApply(map) | Event::Apply(map) => {
            let version = map.metadata.resource_version.as_deref();
            let version = version.and_then(|version| version.parse().ok()).unwrap_or(0);
            Seen::Pod(Box::new(identity(map)), version)
        }
        Event::Delete(map) => Seen::Gone(Box::new(identity(map))),
        Event::InitDone => Seen::Listed,
    }
}

fn identity(map: Marked) -> Manifest {
    Manifest {
        metadata: Meta {
            name: map.metadata.name,
            namespace: map.metadata.namespace,
            uid: map.metadata.uid,
            ..Meta::default()
        },
        ..Manifest::default()
    }
}
