//! Registrations of Pods that can't leave any more, since their node is dead: looked for in the registry by the Pod's UID, which
//! scripts give as metadata, and removed. Only for Pods that are gone from the API server, or should be since long: who merely
//! is silent has its lease. Nothing to find is what is usual.
//!
//! A request of our own for each kind of registry instead of the scripts' `deregister`: that would take the whole engine into
//! this image, and what it needs (which instances a Pod had) only its own agent knew. Not for: Pods that leave by themselves.

mod eureka;

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use ballast_repo_client::pod::PodDocument;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::limits::{CONCURRENT_LEAVES, LEAVE_PAUSE, LEAVE_TIMEOUT, LEAVE_TRIES, MAX_LEFTOVERS};

/// What may be left of one Pod.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Leftover {
    uid: String,
    kind: String,
    servers: Vec<String>,
    service: String,
}

/// When to look.
pub(crate) type Due = (Leftover, Instant);

/// One kind of registry.
trait Registry: Sync {
    /// Removes all instances of a service that the Pod with this UID has registered; gives their number. `server` is one of the
    /// addresses of the settings, with user and password if there are any.
    fn leave<'a>(
        &self,
        client: &'a reqwest::Client,
        server: &'a str,
        service: &'a str,
        uid: &'a str,
    ) -> BoxFuture<'a, Result<usize, String>>;
}

/// By `type` of the settings. Of others the lease has to run out.
const REGISTRIES: &[(&str, &dyn Registry)] = &[("eureka", &eureka::Eureka)];

impl Leftover {
    /// Of a Pod with this document; `None`: it registers nothing, or where nothing can be done.
    pub(crate) fn of(document: &PodDocument) -> Option<Self> {
        let settings = document.features.get("registry")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let kind = text(&settings["type"])?;
        let leftover = Self {
            uid: document.metadata.uid.clone()?,
            servers: settings["servers"].as_array()?.iter().filter_map(text).collect(),
            service: text(&settings["service"])?,
            kind,
        };
        let is_known = REGISTRIES.iter().any(|(kind, _)| *kind == leftover.kind);
        (is_known && !leftover.servers.is_empty()).then_some(leftover)
    }

    /// Asks one server after the other.
    async fn leave(&self, client: &reqwest::Client) -> Result<usize, String> {
        let Some((_, registry)) = REGISTRIES.iter().find(|(kind, _)| *kind == self.kind) else {
            return Ok(0);
        };
        let mut reason = String::new();
        for server in &self.servers {
            match registry.leave(client, server, &self.service, &self.uid).await {
                Ok(number) => return Ok(number),
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }
}

/// Who asks registries.
///
/// # Errors
/// The library for TLS refuses its settings.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    // There is no bundle of authorities in the image, and a proxy of the environment is not for registries.
    reqwest::Client::builder()
        .tls_certs_only(Vec::new())
        .no_proxy()
        .timeout(LEAVE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// Takes what is left away, for ever. What was not done when we stop is left to the leases.
pub(crate) async fn run(client: &reqwest::Client, leftovers: &mut mpsc::Receiver<Due>) -> Infallible {
    let mut waiting: HashMap<String, (Leftover, Instant, u32)> = HashMap::new();
    let mut running = FuturesUnordered::new();
    loop {
        let now = Instant::now();
        while running.len() < CONCURRENT_LEAVES {
            let due = waiting.iter().find(|(_, (_, at, _))| *at <= now);
            let Some(uid) = due.map(|(uid, _)| uid.clone()) else {
                break;
            };
            if let Some((leftover, _, tries)) = waiting.remove(&uid) {
                running.push(async move {
                    let left = leftover.leave(client).await;
                    (leftover, tries, left)
                });
            }
        }
        let next = waiting.values().map(|(_, at, _)| *at).min();
        // What is due and could not be started waits for the end of other work.
        let next = next.filter(|_| running.len() < CONCURRENT_LEAVES);
        tokio::select! {
            Some((leftover, at)) = leftovers.recv() => {
                if waiting.len() < MAX_LEFTOVERS {
                    waiting.insert(leftover.uid.clone(), (leftover, at, 0));
                }
            }
            Some((leftover, tries, left)) = running.next(), if !running.is_empty() => {
                let Leftover { uid, service, .. } = &leftover;
                match left {
                    Ok(0) => tracing::debug!(uid, service, "nothing is left"),
                    Ok(number) => tracing::info!(uid, service, number, "registrations of a dead Pod are removed"),
                    Err(reason) if tries + 1 >= LEAVE_TRIES => {
                        tracing::warn!(uid, service, "what may be left of a Pod stays until its lease runs out: {reason}");
                    }
                    Err(reason) => {
                        tracing::debug!(uid, service, "what may be left of a Pod: {reason}");
                        let at = Instant::now() + LEAVE_PAUSE;
                        waiting.insert(uid.clone(), (leftover, at, tries + 1));
                    }
                }
            }
            () = until(next) => {}
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => tokio::time::sleep(Duration::from_secs(3600)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_which_pods_something_may_be_left() {
        let document = |features: &str| {
            let text = format!(
                r#"{{"schema":1,"metadata":{{"name":"a","namespace":"n","uid":"u"}},"spec":{{"containers":[]}},"features":{features}}}"#
            );
            serde_json::from_str::<PodDocument>(&text).unwrap()
        };
        let registry = r#"{"registry":{"type":"eureka","servers":["http://e/eureka"],"service":"s"}}"#;
        let leftover = Leftover::of(&document(registry)).unwrap();
        assert_eq!((leftover.uid.as_str(), leftover.service.as_str()), ("u", "s"));
        for other in [
            "{}".to_owned(),
            registry.replace("eureka\",\"servers", "other\",\"servers"),
            registry.replace("\"http://e/eureka\"", ""),
            registry.replace("\"service\":\"s\"", "\"x\":0"),
        ] {
            assert!(Leftover::of(&document(&other)).is_none(), "{other}");
        }
    }
}
