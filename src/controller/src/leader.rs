//! Which of several controllers acts: the one that holds a Lease and renews it. A holder that can't renew stops before its
//! lease has run out for the others, and one that stops in order gives the lease back, so that nobody waits.
//! Source: Kubernetes, Leases, "Leader election". Clocks are never compared: who waits counts from when it saw the last
//! change.

use std::time::Instant;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;

use crate::config::ObjectName;
use crate::error::causes;
use crate::limits::{LEASE_SECONDS, LEASE_TIMEOUT, RENEW, RENEW_DEADLINE};

/// A candidate, or the leader.
pub(crate) struct Election {
    leases: Api<Lease>,
    name: String,
    identity: String,
    /// The lease as we wrote it last, while it is ours.
    held: Option<Lease>,
    watch: Watch,
    fence: watch::Sender<Instant>,
}

/// How long a lease has been seen unchanged.
#[derive(Debug, Default)]
struct Watch {
    /// Its resource version, and when that was first seen.
    seen: Option<(String, Instant)>,
}

impl Watch {
    /// Takes in what is seen now, and says whether the lease may be taken.
    fn is_free(&mut self, version: &str, spec: &LeaseSpec, now: Instant) -> bool {
        let since = match &self.seen {
            Some((seen, since)) if seen == version => *since,
            _ => {
                self.seen = Some((version.to_owned(), now));
                now
            }
        };
        let has_holder = spec.holder_identity.as_deref().is_some_and(|holder| !holder.is_empty());
        let seconds = spec.lease_duration_seconds.unwrap_or(LEASE_SECONDS);
        let length = std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        !has_holder || now.duration_since(since) >= length
    }
}

impl Election {
    pub(crate) fn new(client: Client, lease: &ObjectName, identity: String) -> Self {
        Self {
            leases: Api::namespaced(client, &lease.namespace),
            name: lease.name.clone(),
            identity,
            held: None,
            watch: Watch::default(),
            fence: watch::Sender::new(Instant::now()),
        }
    }

    /// Until when we may act, as of the last renewal.
    pub(crate) fn fence(&self) -> watch::Receiver<Instant> {
        self.fence.subscribe()
    }

    /// Waits until the lease is ours.
    pub(crate) async fn acquire(&mut self) {
        let mut told = String::new();
        loop {
            // An answer may be late: what counts is when it was asked for.
            let asked = Instant::now();
            let now = match self.attempt().await {
                Ok(()) => {
                    self.fence.send_replace(asked + RENEW_DEADLINE);
                    return;
                }
                Err(reason) => reason,
            };
            // Once per reason, however long it lasts.
            if now != told {
                tracing::info!(lease = self.name, identity = self.identity, "not leading: {now}");
                told = now;
            }
            tokio::time::sleep(RENEW).await;
        }
    }

    /// Renews until that has not worked for too long; gives the reason.
    pub(crate) async fn hold(&mut self) -> String {
        loop {
            tokio::time::sleep(RENEW).await;
            let asked = Instant::now();
            match self.attempt().await {
                Ok(()) => drop(self.fence.send_replace(asked + RENEW_DEADLINE)),
                Err(reason) if self.held.is_none() || *self.fence.borrow() <= Instant::now() => return reason,
                Err(reason) => tracing::warn!(lease = self.name, "renew: {reason}"),
            }
        }
    }

    /// Gives the lease back, if it is ours: the next one does not wait until it runs out.
    pub(crate) async fn release(&mut self) {
        let Some(mut lease) = self.held.take() else { return };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let parameters = PostParams::default();
        let request = self.leases.replace(&self.name, &parameters, &lease);
        match tokio::time::timeout(LEASE_TIMEOUT, request).await {
            Ok(Ok(_)) => tracing::info!(lease = self.name, "given back"),
            Ok(Err(error)) => tracing::warn!(lease = self.name, "give back: {}", causes(&error)),
            Err(_) => tracing::warn!(lease = self.name, "give back: no answer within {LEASE_TIMEOUT:?}"),
        }
    }

    /// Takes or renews the lease; the error says why it is not ours.
    async fn attempt(&mut self) -> Result<(), String> {
        match tokio::time::timeout(LEASE_TIMEOUT, self.take()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Refusal::Held(by))) => {
                self.held = None;
                Err(format!("{by} leads"))
            }
            Ok(Err(Refusal::Failed(error))) => Err(causes(&error)),
            Err(_) => Err(format!("the API server gives no answer within {LEASE_TIMEOUT:?}")),
        }
    }

    async fn take(&mut self) -> Result<(), Refusal> {
        if let Some(held) = &self.held {
            match self.write(held).await {
                Ok(lease) => {
                    self.held = Some(lease);
                    return Ok(());
                }
                // Somebody wrote to it: look who.
                Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => self.held = None,
                Err(error) => return Err(error.into()),
            }
        }
        let lease = match self.leases.get_opt(&self.name).await? {
            Some(lease) => lease,
            None => {
                let lease = Lease {
                    metadata: ObjectMeta {
                        name: Some(self.name.clone()),
                        ..ObjectMeta::default()
                    },
                    spec: Some(self.ours(&LeaseSpec::default())),
                };
                let made = self.leases.create(&PostParams::default(), &lease).await;
                self.held = Some(made.map_err(lost_race)?);
                return Ok(());
            }
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let version = lease.metadata.resource_version.as_deref().unwrap_or_default();
        let is_free = self.watch.is_free(version, &spec, Instant::now());
        let holder = spec.holder_identity.unwrap_or_default();
        if !is_free && holder != self.identity {
            return Err(Refusal::Held(holder));
        }
        self.held = Some(self.write(&lease).await.map_err(lost_race)?);
        Ok(())
    }

    /// Writes the lease as ours. Its resource version makes it fail when somebody else was first.
    async fn write(&self, lease: &Lease) -> Result<Lease, kube::Error> {
        let lease = Lease {
            metadata: lease.metadata.clone(),
            spec: Some(self.ours(&lease.spec.clone().unwrap_or_default())),
        };
        self.leases.replace(&self.name, &PostParams::default(), &lease).await
    }

    fn ours(&self, before: &LeaseSpec) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let is_ours = before.holder_identity.as_deref() == Some(&self.identity);
        let changes = before.lease_transitions.unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(LEASE_SECONDS),
            acquire_time: if is_ours {
                before.acquire_time.clone()
            } else {
                Some(now.clone())
            },
            lease_transitions: Some(if is_ours { changes } else { changes.saturating_add(1) }),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }
    }
}

/// Why a lease is not ours.
enum Refusal {
    Held(String),
    Failed(kube::Error),
}

impl From<kube::Error> for Refusal {
    fn from(error: kube::Error) -> Self {
        Self::Failed(error)
    }
}

fn lost_race(error: kube::Error) -> Refusal {
    match &error {
        kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => {
            Refusal::Held("another one".to_owned())
        }
        _ => Refusal::Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn spec(holder: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(10),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_is_free_once_it_stood_still_for_its_length() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        // (seen after, version, holder, whether it is free)
        let rows = [
            (0, "1", "a", false),
            (9, "1", "a", false),
            (9, "2", "a", false),
            (18, "2", "a", false),
            (19, "2", "a", true),
            (19, "3", "b", false),
            (20, "4", "", true),
        ];
        for (seconds, version, holder, wanted) in rows {
            let free = watch.is_free(version, &spec(holder), after(seconds));
            assert_eq!(free, wanted, "{seconds} s, version {version}, holder {holder:?}");
        }
    }

    #[test]
    fn a_leader_gives_up_before_the_lease_runs_out() {
        let length = Duration::from_secs(u64::try_from(LEASE_SECONDS).unwrap());
        // The last request that worked, the pause, one that hangs, and all that was under way.
        assert!(RENEW_DEADLINE + LEASE_TIMEOUT < length);
    }
}
