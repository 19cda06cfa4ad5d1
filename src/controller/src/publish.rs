//! One Pod: makes its codebase in the Repo what its labels say. Not for: when (`reconcile/queue.rs`), what the labels say
//! (`ballast-derive`).

use std::sync::Arc;

use ballast_derive::{BASE, Manifest, Settings, derive, needs_reload};
use ballast_repo_client::pod::{POD_PATH, PodDocument};
use ballast_repo_client::{Published, Target, Writer};
use kube::{Api, Client};

use crate::error::Error;
use crate::limits::{CHECK_TIMEOUT, PUBLISH_TIMEOUT};
use crate::reconcile::{Key, Pod};

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
    /// The Pod can't have one, and why. Nothing but another Pod changes that.
    Impossible(String),
}

/// Who is asked and told.
pub(crate) struct Publisher {
    pub(crate) client: Client,
    pub(crate) writer: Writer,
    pub(crate) settings: Settings,
}

impl Publisher {
    /// Publishes the codebase of a Pod, or deletes it. `pod` is what the watches show; where they show none the API server is
    /// asked for that one, so that nothing is ever deleted because something was not seen.
    ///
    /// # Errors
    /// Whatever Repo or API server say; trying again is safe.
    pub(crate) async fn publish(&self, key: &Key, pod: Option<Arc<Manifest>>) -> Result<Done, Error> {
        let pod = match pod {
            Some(pod) => Some(pod),
            None => self.ask(key).await?.map(Arc::new),
        };
        match tokio::time::timeout(PUBLISH_TIMEOUT, self.run(key, pod.as_deref())).await {
            Ok(done) => done,
            Err(_) => Err(Error::Timeout(PUBLISH_TIMEOUT)),
        }
    }

    async fn run(&self, key: &Key, pod: Option<&Manifest>) -> Result<Done, Error> {
        // What has ended has nothing left to register, though its object stays.
        let living = pod.filter(|pod| !pod.has_ended());
        let outcome = match living.map(|pod| derive(pod, &self.settings)).transpose() {
            Ok(outcome) => outcome.unwrap_or_default(),
            Err(error) => return Ok(Done::Impossible(error.to_string())),
        };
        let Some(derived) = outcome.codebase else {
            return self.delete(key).await;
        };
        let before = self.writer.read(&derived.name, POD_PATH).await?;
        let before = before.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let target = Target {
            name: &derived.name,
            base: derived.base,
            files: &derived.files,
            document: POD_PATH,
            needs_reload,
        };
        let published = self.writer.put(&target, before.as_deref()).await?;
        Ok(Done::Published(published, outcome.warnings))
    }

    /// Takes the codebase of a Pod away, if it was made from a Pod of a cluster: only those have a UID. (By hand and by
    /// `publish-pod` others are made, of containers that no API server knows.)
    async fn delete(&self, key: &Key) -> Result<Done, Error> {
        let name = codebase(key);
        let is_ours = match self.writer.read(&name, POD_PATH).await? {
            Some(bytes) => serde_json::from_slice::<PodDocument>(&bytes).is_ok_and(|pod| pod.metadata.uid.is_some()),
            None => match self.writer.info(&name).await? {
                None => return Ok(Done::Nothing),
                // What a publish leaves that was cut off after its first request.
                Some(info) => info.files.is_empty() && info.edit_files.is_empty() && info.base.as_deref() == Some(BASE),
            },
        };
        if !is_ours {
            return Ok(Done::Foreign);
        }
        Ok(match self.writer.delete(&name).await? {
            true => Done::Deleted,
            false => Done::Nothing,
        })
    }

    async fn ask(&self, key: &Key) -> Result<Option<Manifest>, Error> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &key.namespace);
        let failed = |source| Error::Api {
            pod: key.to_string(),
            source: Box::new(source),
        };
        match tokio::time::timeout(CHECK_TIMEOUT, pods.get_opt(&key.name)).await {
            Ok(answer) => Ok(answer.map_err(failed)?.map(Pod::manifest)),
            Err(elapsed) => Err(failed(kube::Error::Service(Box::new(elapsed)))),
        }
    }
}

/// Name of a Pod's codebase.
pub(crate) fn codebase(key: &Key) -> String {
    format!("/pod/{}/{}", key.namespace, key.name)
}

/// The Pod that a codebase is for.
pub(crate) fn key_of(codebase: &str) -> Option<Key> {
    let (namespace, name) = codebase.strip_prefix("/pod/")?.split_once('/')?;
    let is_name = !namespace.is_empty() && !name.is_empty() && !name.contains('/');
    is_name.then(|| Key {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codebase_and_its_pod() {
        let key = Key {
            namespace: "shop".to_owned(),
            name: "web-0".to_owned(),
        };
        assert_eq!(codebase(&key), "/pod/shop/web-0");
        assert_eq!(key_of("/pod/shop/web-0"), Some(key));
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
