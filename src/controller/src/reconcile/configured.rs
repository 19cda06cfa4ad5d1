//! What the loop does about InfraConfigurations: reads Secrets, writes statuses, watches namespaces where Pods need no label,
//! has those Pods looked at that a change concerns. Not for: deciding any of it (`configurations.rs`).

use std::time::Instant;

use ballast_derive::configuration::{Credentials, Login};
use futures_util::StreamExt as _;
use tokio::sync::oneshot;

use super::configurations::Name;
use super::{Kind, Term, Watches, configuration_watch, pod_watch};
use crate::limits::{CONCURRENT_CHORES, MAX_FEATURES};

/// A request about a configuration that has come to its end.
pub(super) enum Chore {
    Secret(Name, Credentials, Result<Login, (String, bool)>),
    /// Whether it worked.
    Status(bool),
}

impl Term<'_> {
    /// Does what is due.
    pub(super) fn configure(&mut self, watches: &mut Watches) {
        let now = Instant::now();
        while self.chores.len() < CONCURRENT_CHORES {
            let Some((name, wanted)) = self.configurations.next_secret(now) else {
                break;
            };
            let client = self.publisher.client.clone();
            self.chores.push(Box::pin(async move {
                let login = configuration_watch::login(client, &name.0, &wanted).await;
                Chore::Secret(name, wanted, login)
            }));
        }
        let concerned = self.configurations.concerned(&self.pods, &self.publisher.settings);
        if !concerned.is_empty() {
            tracing::info!(pods = concerned.len(), "configurations have changed");
        }
        concerned.into_iter().for_each(|key| self.queue.push_later(key));
        self.watch_namespaces(watches);
        let is_writing = !self.chores.is_empty();
        self.configurations.count(&self.pods, is_writing, now);
        while self.chores.len() < CONCURRENT_CHORES {
            let Some((name, status)) = self.configurations.next_status() else {
                break;
            };
            let client = self.publisher.client.clone();
            let write = configuration_watch::write(client, name, status);
            self.chores.push(Box::pin(async move { Chore::Status(write.await) }));
        }
    }

    fn watch_namespaces(&mut self, watches: &mut Watches) {
        let wanted = self.configurations.namespaces();
        let over: Vec<String> = self
            .namespaces
            .keys()
            .filter(|one| !wanted.contains(*one))
            .cloned()
            .collect();
        for namespace in over {
            // Its end ends the watch.
            if let Some((number, _)) = self.namespaces.remove(&namespace) {
                self.pods
                    .forget(number)
                    .into_iter()
                    .for_each(|key| self.queue.push_later(key));
            }
        }
        for namespace in wanted {
            if self.namespaces.contains_key(namespace) {
                continue;
            }
            let first = u8::try_from(MAX_FEATURES).unwrap_or(u8::MAX);
            let is_free = |number: &u8| self.namespaces.values().all(|(other, _)| other != number);
            let Some(number) = (first..64).find(is_free) else { break };
            let (end, ended) = oneshot::channel();
            let events = pod_watch::of_namespace(self.publisher.client.clone(), namespace);
            let events = events.take_until(ended);
            watches.push(events.map(move |event| (Kind::Pod, number, event)).boxed());
            self.namespaces.insert(namespace.clone(), (number, end));
        }
    }

    pub(super) fn chore_done(&mut self, chore: Chore) {
        let now = Instant::now();
        match chore {
            Chore::Secret(name, wanted, login) => {
                if let Err((reason, _)) = &login {
                    tracing::warn!(namespace = name.0, name = name.1, "configuration: {reason}");
                }
                self.configurations.secret(&name, &wanted, login, now);
            }
            Chore::Status(true) => {}
            Chore::Status(false) => self.configurations.not_written(now),
        }
    }

    /// When to look again though nothing happens.
    pub(super) fn wake_to_configure(&self) -> Option<Instant> {
        if self.configurations.is_passing() {
            return Some(Instant::now());
        }
        // What is under way wakes the loop when it ends.
        let due = self.configurations.due()?;
        (self.chores.is_empty() || due > Instant::now()).then_some(due)
    }
}
