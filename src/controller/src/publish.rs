//! One object: makes its codebase in the Repo what its labels say. Not for: when (`reconcile/queue.rs`), what they say
//! (`ballast-derive`, `config_map.rs`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballast_derive::configuration::{Configuration, effective};
use ballast_derive::{BASE, Manifest, Outcome, Settings, derive, derive_over, needs_reload};
use ballast_repo_client::pod::{POD_PATH, PodDocument};
use ballast_repo_client::{Published, Target, Writer};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::core::Status;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::config_map;
use crate::error::Error;
use crate::leftovers::{Due, Leftover};
use crate::limits::{CHECK_TIMEOUT, LEAVE_AFTER_END, LEAVE_AFTER_GRACE, PUBLISH_TIMEOUT};
use crate::reconcile::{Key, Kind, Pod, SYSTEM};

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// The codebase is as it should be now; what in the labels means nothing.
    Published(Published, Vec<String>),
    /// The codebase was taken away, and with it whatever the Pod's scripts did.
    Deleted,
    /// There is none and should be none.
    Nothing,
    /// There is one of no Pod of the cluster: somebody else's, left as it is.
    Foreign,
    /// It can't have the one that it asks for, and why. Nothing but a change of the object changes that.
    Impossible(String),
}

/// Who is asked and told.
pub(crate) struct Publisher {
    pub(crate) client: Client,
    pub(crate) writer: Writer,
    pub(crate) settings: Settings,
    /// Where it is told what may be left of a Pod in a registry.
    pub(crate) leftovers: mpsc::Sender<Due>,
}

impl Publisher {
    /// Publishes the codebase of a Pod, or deletes it. `pod` is what the watches show; where they show none the API server is
    /// asked for that one, so that nothing is ever deleted because something was not seen.
    ///
    /// # Errors
    /// Whatever Repo or API server say; trying again is safe.
    ///
    /// Gives the UID of the object too, if it is there.
    pub(crate) async fn publish(
        &self,
        key: &Key,
        pod: Option<Arc<Manifest>>,
        configurations: &[Configuration],
    ) -> Result<(Option<String>, Done), Error> {
        match key.kind {
            Kind::Pod => {
                let pod = match pod {
                    Some(pod) => Some(pod),
                    None => self.ask::<Pod>(key).await?.map(|pod| Arc::new(pod.manifest())),
                };
                let uid = pod.as_ref().and_then(|pod| pod.metadata.uid.clone());
                Ok((uid, in_time(self.pod(key, pod.as_deref(), configurations)).await?))
            }
            Kind::ConfigMap => {
                let map = self.ask::<ConfigMap>(key).await?;
                let uid = map.as_ref().and_then(|map| map.metadata.uid.clone());
                Ok((uid, in_time(self.config_map(key, map)).await?))
            }
        }
    }

    async fn config_map(&self, key: &Key, map: Option<ConfigMap>) -> Result<Done, Error> {
        let name = codebase(key);
        let sheet = match map.map(config_map::sheet).transpose() {
            Ok(sheet) => sheet.flatten(),
            Err(reason) => return Ok(Done::Impossible(reason)),
        };
        let Some(sheet) = sheet else {
            return Ok(match self.writer.delete(&name).await? {
                true => Done::Deleted,
                false => Done::Nothing,
            });
        };
        match self.writer.mirror(&name, sheet.base.as_deref(), &sheet.files).await {
            Ok(published) => Ok(Done::Published(published, Vec::new())),
            // Trying again changes nothing: only the person who changed the annotation can decide to lose what is served.
            Err(error @ ballast_repo_client::Error::Base { .. }) => Ok(Done::Impossible(format!(
                "{error} (take the label away and set it again)"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    async fn pod(&self, key: &Key, pod: Option<&Manifest>, configurations: &[Configuration]) -> Result<Done, Error> {
        // What has ended has nothing left to register, though its object stays.
        let living = pod.filter(|pod| !pod.has_ended());
        let settings = living.map(|pod| effective(configurations, pod, SYSTEM, &self.settings));
        let mut derived = living
            .zip(settings.as_ref())
            .map(|(pod, settings)| derive(pod, settings));
        if let (Some(Ok(Outcome { problem: Some(_), .. })), Some(pod), Some(settings)) = (&derived, living, &settings) {
            let served = self.served(key, pod).await?;
            derived = Some(derive_over(pod, settings, served.as_ref()));
        }
        let mut outcome = match derived.transpose() {
            Ok(outcome) => outcome.unwrap_or_default(),
            Err(error) => return Ok(Done::Impossible(error.to_string())),
        };
        if let Some(problem) = outcome.problem {
            // What is served stays.
            if outcome.codebase.is_none() {
                return Ok(Done::Impossible(problem));
            }
            outcome.warnings.push(problem);
        }
        let Some(derived) = outcome.codebase else {
            return Ok(match self.delete(key, pod.is_none()).await? {
                // A label that asks for something and gets nothing: whoever wrote it is told why.
                Done::Nothing if !outcome.warnings.is_empty() => Done::Impossible(outcome.warnings.join("; ")),
                done => done,
            });
        };
        let target = Target {
            name: &derived.name,
            base: derived.base,
            files: &derived.files,
            document: POD_PATH,
            needs_reload,
        };
        let published = self.writer.put(&target).await?;
        if let Some(grace) = pod.and_then(grace).filter(|_| published != Published::Unchanged) {
            self.look_after(
                derived.files.get(POD_PATH).map(String::as_bytes),
                grace + LEAVE_AFTER_GRACE,
            );
        }
        Ok(Done::Published(published, outcome.warnings))
    }

    /// What is served for this very Pod: with another UID it was for one that had its name.
    async fn served(&self, key: &Key, pod: &Manifest) -> Result<Option<PodDocument>, Error> {
        let bytes = self.writer.read(&codebase(key), POD_PATH).await?;
        let document = bytes.and_then(|bytes| serde_json::from_slice::<PodDocument>(&bytes).ok());
        Ok(document.filter(|document| document.metadata.uid.as_deref() == pod.uid()))
    }

    /// Takes the codebase of a Pod away, if it was made from a Pod of a cluster: only those have a UID. (By hand and by
    /// `publish-pod` others are made, of containers that no API server knows.)
    async fn delete(&self, key: &Key, is_gone: bool) -> Result<Done, Error> {
        let name = codebase(key);
        let document = self.writer.read(&name, POD_PATH).await?;
        let is_ours = match &document {
            Some(bytes) => serde_json::from_slice::<PodDocument>(bytes).is_ok_and(|pod| pod.metadata.uid.is_some()),
            None => match self.writer.info(&name).await? {
                None => return Ok(Done::Nothing),
                // What a publish leaves that was cut off after its first request.
                Some(info) => info.files.is_empty() && info.edit_files.is_empty() && info.base.as_deref() == Some(BASE),
            },
        };
        if !is_ours {
            return Ok(Done::Foreign);
        }
        let is_deleted = self.writer.delete(&name).await?;
        if is_gone {
            self.look_after(document.as_deref(), LEAVE_AFTER_END);
        }
        Ok(match is_deleted {
            true => Done::Deleted,
            false => Done::Nothing,
        })
    }

    /// Another Pod has the name of this one, which is gone.
    pub(crate) fn replaced(&self, pod: &Manifest, configurations: &[Configuration]) {
        let derived = derive(pod, &effective(configurations, pod, SYSTEM, &self.settings));
        let codebase = derived.ok().and_then(|outcome| outcome.codebase);
        let document = codebase.as_ref().and_then(|codebase| codebase.files.get(POD_PATH));
        self.look_after(document.map(String::as_bytes), LEAVE_AFTER_END);
    }

    /// Has the registry looked at for what may be left of the Pod with this document. Too many are left to their leases.
    fn look_after(&self, document: Option<&[u8]>, pause: Duration) {
        let document = document.and_then(|bytes| serde_json::from_slice(bytes).ok());
        if let Some(leftover) = document.and_then(|document| Leftover::of(&document)) {
            drop(self.leftovers.try_send((leftover, Instant::now() + pause)));
        }
    }

    async fn ask<K>(&self, key: &Key) -> Result<Option<K>, Error>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let objects: Api<K> = Api::namespaced(self.client.clone(), &key.namespace);
        let failed = |source| Error::Api {
            object: key.to_string(),
            source: Box::new(source),
        };
        match tokio::time::timeout(CHECK_TIMEOUT, objects.get(&key.name)).await {
            Ok(Ok(object)) => Ok(Some(object)),
            Ok(Err(kube::Error::Api(status))) if says_gone(&status) => Ok(None),
            Ok(Err(error)) => Err(failed(error)),
            Err(elapsed) => Err(failed(kube::Error::Service(Box::new(elapsed)))),
        }
    }
}

/// What is left of the grace period of a Pod that is marked for deletion.
fn grace(pod: &Manifest) -> Option<Duration> {
    let end: Timestamp = pod.metadata.deletion_timestamp.as_ref()?.parse().ok()?;
    Some(Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO))
}

/// Whether the API server says that there is no such object. A bare 404 is not enough to delete anything: it may come from what
/// stands before it, or from a server that knows nothing of Pods.
fn says_gone(status: &Status) -> bool {
    status.code == 404 && status.reason == "NotFound"
}

async fn in_time(publish: impl Future<Output = Result<Done, Error>>) -> Result<Done, Error> {
    match tokio::time::timeout(PUBLISH_TIMEOUT, publish).await {
        Ok(done) => done,
        Err(_) => Err(Error::Timeout(PUBLISH_TIMEOUT)),
    }
}

/// Below which name the codebases of a kind are.
fn folder(kind: Kind) -> &'static str {
    match kind {
        Kind::Pod => "pod",
        Kind::ConfigMap => "config",
    }
}

/// Name of the codebase of an object.
pub(crate) fn codebase(key: &Key) -> String {
    format!("/{}/{}/{}", folder(key.kind), key.namespace, key.name)
}

/// The object that a codebase is for.
pub(crate) fn key_of(codebase: &str) -> Option<Key> {
    let (first, rest) = codebase.strip_prefix('/')?.split_once('/')?;
    let kinds = [Kind::Pod, Kind::ConfigMap];
    let kind = kinds.into_iter().find(|kind| folder(*kind) == first)?;
    let (namespace, name) = rest.split_once('/')?;
    let is_name = !namespace.is_empty() && !name.is_empty() && !name.contains('/');
    is_name.then(|| Key {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_say_that_an_object_is_gone() {
        // (answer, whether it is believed)
        let rows = [
            (
                r#"{"kind":"Status","status":"Failure","reason":"NotFound","message":"pods \"a\" not found","code":404}"#,
                true,
            ),
            // As the client reads "404 page not found" of a server that is none.
            (
                r#"{"status":"Failure","reason":"Failed to parse error data","message":"404 page not found","code":404}"#,
                false,
            ),
            (r#"{"status":"Failure","reason":"","message":"","code":404}"#, false),
            (
                r#"{"status":"Failure","reason":"Forbidden","message":"no","code":403}"#,
                false,
            ),
            (
                r#"{"status":"Failure","reason":"Expired","message":"old","code":410}"#,
                false,
            ),
        ];
        for (answer, wanted) in rows {
            let status: Status = serde_json::from_str(answer).unwrap();
            assert_eq!(says_gone(&status), wanted, "{answer}");
        }
    }

    #[test]
    fn a_codebase_and_its_object() {
        for (kind, wanted) in [(Kind::Pod, "/pod/shop/web-0"), (Kind::ConfigMap, "/config/shop/web-0")] {
            let key = Key {
                kind,
                namespace: "shop".to_owned(),
                name: "web-0".to_owned(),
            };
            assert_eq!(codebase(&key), wanted);
            assert_eq!(key_of(wanted), Some(key));
        }
        for other in [
            "/base",
            "/pod",
            "/pod/shop",
            "/pod//web",
            "/pod/shop/",
            "/pod/shop/web/extra",
            "/pods/a/b",
        ] {
            assert_eq!(key_of(other), None, "{other}");
        }
    }
}
