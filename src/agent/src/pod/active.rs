//! The agent while it has a codebase: the engine, the admin port, reports, and what is kept for the next start.

use super::identity::Identity;
use super::redirect::Watch;
use super::store::Store;
use super::{End, ceiling, drained, instance};
use crate::address;
use crate::admin::{Admin, Open};
use crate::config::AgentConfig;
use crate::facts::{Facts, REGISTRATION_LOG};
use crate::feed::{Current, codebase};
use crate::limits;
use crate::link::{Ends, Link};
use crate::log::Log;
use crate::running::Running;
use crate::signals::Signals;
use ballast_engine::{Notice, Options, ScriptLimits};
use ballast_repo_client::Snapshot;
use ballast_repo_client::pod::POD_PATH;
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// See the module.
pub(super) struct Active {
    pub(super) running: Running,
    facts: Facts,
    current: Current,
    store: Option<Store>,
    log: Log,
    uid: Option<String>,
    admin: Option<Open>,
    drain: Duration,
    /// Our address, where it was given.
    given_ip: Option<IpAddr>,
    /// One report at a time.
    reporting: Arc<Semaphore>,
    link: Link,
    redirect: Option<Watch>,
}

impl Active {
    /// Nothing runs yet.
    pub(super) fn begin(
        identity: &Identity,
        (current, look): (Current, Arc<Notify>),
        store: Option<Store>,
        log: Log,
        config: &AgentConfig,
    ) -> Self {
        let (uuid, name, since_ms) = instance(identity);
        let own = config
            .pod_ip
            .or_else(address::own)
            .map(|ip| ip.to_string())
            .unwrap_or_default();
        let facts = Facts::new(&uuid, &name, since_ms, own, log.loggers().clone());
        let link = Link::open(Ends {
            current: current.clone(),
            uuid: uuid.clone(),
            log: log.clone(),
            with_system_log: true,
            look,
        });
        let options = Options {
            limits: ScriptLimits {
                heap_bytes: ceiling::heap_bytes(config.memory_bytes),
                data_bytes: ceiling::data_bytes(config.memory_bytes),
                held_bytes: ceiling::held_bytes(config.memory_bytes),
                socket_priority: Some(limits::SOCKET_PRIORITY),
                ..ScriptLimits::default()
            },
            // A port that the application holds must not keep it from being registered.
            force_start: true,
            argv: vec!["ballast".to_owned()],
            name,
            uuid,
            source: current.worker().url(),
            since_ms,
            log_sink: Some(log.sink()),
            ..Options::default()
        };
        Active {
            running: Running::new(options, facts.clone()),
            facts,
            current,
            store,
            log,
            uid: identity.uid.clone(),
            admin: None,
            drain: config.drain,
            given_ip: config.pod_ip,
            reporting: Arc::new(Semaphore::new(1)),
            link,
            redirect: None,
        }
    }

    /// Starts from what was kept.
    pub(super) async fn restart(&mut self, held: &Snapshot) {
        tracing::info!(target: "start", "starting from the last codebase, version {}", held.version.etag);
        self.load(held).await;
    }

    /// Another version: it runs and is kept, or the old one goes on.
    pub(super) async fn apply(&mut self, snapshot: &Snapshot) {
        if self.load(snapshot).await {
            self.keep(snapshot);
        }
        self.report();
    }

    /// Files were published in place.
    pub(super) async fn publish(&mut self, snapshot: &Snapshot, changed: Vec<(String, Option<Bytes>)>) {
        for (path, content) in changed {
            let content = content.map(|content| self.completed(&path, &content));
            self.running.publish(&path, content).await;
        }
        // A version that does not run is not kept, and nothing of it.
        if self.running.is_started() && self.facts.version() == codebase(snapshot).version {
            self.keep(snapshot);
        }
    }

    /// It has run long enough to be trusted with the next start.
    pub(super) fn is_healthy(&self) {
        if let Some(Err(error)) = self.store.as_ref().map(|store| store.set_tries(0)) {
            tracing::warn!(%error, "cannot mark the last codebase as good");
        }
    }

    /// Waits for news of a registration, and for others that come with it.
    pub(super) fn news(&self) -> impl Future<Output = ()> + use<> {
        let news = self.log.loggers().news(REGISTRATION_LOG);
        async move {
            news.await;
            tokio::time::sleep(limits::NEWS_PAUSE).await;
        }
    }

    /// Tells the Repo how it ended, if it takes long enough to hear it.
    async fn last_report(&self) {
        let report = self.facts.report(false).await;
        let worker = self.current.worker();
        drop(tokio::time::timeout(limits::NEWS_PAUSE, worker.post_status(report.text)).await);
    }

    /// Tells the Repo how it goes; failures are the feed's to notice. `false`: a report is on its way still.
    pub(super) fn report(&self) -> bool {
        let Ok(permit) = self.reporting.clone().try_acquire_owned() else {
            return false;
        };
        let (worker, facts) = (self.current.worker(), self.facts.clone());
        tokio::spawn(async move {
            let report = facts.report(true).await;
            let answer = worker.post_status(report.text.clone()).await;
            facts.answered(&report, answer.as_ref().ok().copied());
            if let Err(error) = answer {
                tracing::debug!(target: "codebase", "{error}");
            }
            drop(permit);
        });
        true
    }

    /// The codebase is gone: the scripts get their time to finish, then begin anew as a scout.
    pub(super) async fn retire(self, mut signals: Signals) -> End {
        tracing::info!(target: "shutdown", "the codebase is gone: draining");
        if let Some(Err(error)) = self.store.as_ref().map(Store::clear) {
            tracing::warn!(%error, "cannot forget the last codebase");
        }
        let drain = drained(self.running.drain(), self.drain);
        tokio::pin!(drain);
        let end = tokio::select! {
            () = &mut drain => End::Dormant,
            () = ended(&mut signals) => {
                // Told to leave meanwhile: the drain goes on, but there is no next life.
                drain.await;
                End::Exit(0)
            }
        };
        self.last_report().await;
        self.link.close().await;
        end
    }

    /// Told to leave: scripts that handle the signal hear it, all get their time to finish. A second signal ends at once.
    pub(super) async fn leave(mut self, name: &'static str, mut signals: Signals) -> End {
        tracing::info!(target: "shutdown", "{name}: draining");
        let limit = self.drain.saturating_sub(limits::LEAVE_MARGIN);
        self.running.signal(name).await;
        let drain = drained(self.running.drain(), limit);
        tokio::pin!(drain);
        let code = loop {
            tokio::select! {
                () = &mut drain => break 0,
                () = ended(&mut signals) => break 0,
                notice = self.running.notice() => if let Notice::Exit(code) = notice {
                    break code.to_le_bytes()[0];
                },
            }
        };
        self.last_report().await;
        self.link.close().await;
        End::Exit(code)
    }

    async fn load(&mut self, snapshot: &Snapshot) -> bool {
        // Before the scripts: it is where an operator sees why they do not load.
        if self.admin.is_none() {
            self.open_admin(snapshot).await;
        }
        let mut codebase = codebase(snapshot);
        if let Some(pod) = codebase.files.get_mut(POD_PATH) {
            *pod = self.completed(POD_PATH, pod);
        }
        let version = codebase.version.clone();
        if let Err(error) = self.running.apply(codebase).await {
            let goes_on = if self.running.is_started() {
                "; the old one goes on"
            } else {
                ""
            };
            tracing::error!(target: "restart", "Failed reloading codebase, version {version}{goes_on}: {error}");
            return false;
        }
        tracing::info!(target: "start", "version {version} runs");
        self.redirect = Watch::begin(snapshot.files.get(POD_PATH), &self.facts);
        true
    }

    /// pod.json with our own address where it has none; other files as they are.
    fn completed(&self, path: &str, content: &Bytes) -> Bytes {
        if path == POD_PATH {
            address::complete(content, self.given_ip.or_else(address::own))
        } else {
            content.clone()
        }
    }

    fn keep(&self, snapshot: &Snapshot) {
        if let Some(Err(error)) = self.store.as_ref().map(|store| store.save(snapshot)) {
            tracing::warn!(%error, "cannot keep the codebase for the next start");
        }
    }

    /// On loopback, or where that is the node's, on an abstract socket. Without it everything else works.
    async fn open_admin(&mut self, snapshot: &Snapshot) {
        let admin = Admin {
            facts: self.facts.clone(),
            log: self.log.clone(),
            options: String::new(),
            tls: None,
            // Scripts may hold what not everybody on this machine is to read.
            program: None,
        };
        let opened = if address::is_in_host_network(snapshot.files.get(POD_PATH)) {
            // Another Pod of this node may have the plain name.
            let uid = self.uid.as_deref().unwrap_or("unknown");
            let own = format!("{}-{uid}", limits::ADMIN_SOCKET);
            admin
                .clone()
                .listen_abstract(limits::ADMIN_SOCKET)
                .or_else(|_| admin.listen_abstract(&own))
        } else {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, limits::ADMIN_PORT));
            admin.listen(address).await
        };
        match opened {
            Ok(open) => self.admin = Some(open),
            Err(error) => tracing::warn!(%error, "no admin port"),
        }
    }
}

async fn ended(signals: &mut Signals) {
    while !matches!(signals.next().await, "SIGTERM" | "SIGINT") {}
}
