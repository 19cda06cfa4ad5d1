//! Wiring: configuration → clients → election → the loop while we lead. Not for: any of these.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Instant;

use anyhow::Context as _;
use ballast_derive::Settings;
use ballast_repo_client::{Options, Writer};
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::config::Config;
use crate::leader::Election;
use crate::leftovers::Due;
use crate::limits::{CONCURRENT_PUBLISHES, MAX_LEFTOVERS, WEBHOOK_STOP};
use crate::metrics::Metrics;
use crate::publish::Publisher;
use crate::{admin, leftovers, reconcile, registrations, token, webhook};

/// Runs until INT or TERM.
///
/// # Errors
/// What makes a start impossible: files, addresses, no way to the API server.
pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let settings = match &config.settings {
        Some(path) => Settings::from_yaml(&read(path)?).with_context(|| path.display().to_string())?,
        None => Settings::default(),
    };
    let client = client(config).await?;
    let mut options = options(config)?;
    let (leftovers, due) = mpsc::channel(MAX_LEFTOVERS);
    let registries = leftovers::client().context("prepare asking registries")?;
    let mut left = Left { registries, due };
    // What is wrong with address and certificates is told at once.
    let mut publisher = Publisher {
        leftovers,
        client: client.clone(),
        writer: Writer::new(&config.repo, &options)?,
        settings,
    };
    let metrics = Arc::new(Metrics::default());
    let stopping = Arc::new(AtomicBool::new(false));
    let readiness = webhook(config, &publisher, &metrics, &stopping).await?;
    let listener = match config.listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("listen on {address}"))?,
        ),
        None => None,
    };
    if let Some(listener) = listener {
        tracing::info!("healthz and metrics on http://{}", listener.local_addr()?);
        // Ends with the runtime.
        drop(tokio::spawn(admin::serve(listener, Arc::clone(&metrics), readiness)));
    }
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tracing::info!(features = ?config.features, repo = ballast_repo_client::without_credentials(&config.repo), "started");
    if let Some(secret) = &config.token_secret {
        let token = tokio::select! {
            _ = term.recv() => {
                stop(config, None, &stopping, (&mut term, &mut int)).await;
                return Ok(());
            }
            _ = int.recv() => return Ok(()),
            token = token::of(client.clone(), secret) => token,
        };
        options.token = Some(token);
        publisher.writer = Writer::new(&config.repo, &options)?;
    }
    let mut election = config
        .lease
        .as_ref()
        .map(|lease| Election::new(client, lease, config.identity.clone()));
    let is_term = tokio::select! {
        _ = term.recv() => true,
        _ = int.recv() => false,
        never = lead(&mut election, &publisher, &mut left, config, &metrics) => match never {},
    };
    metrics.step_down();
    match is_term {
        true => stop(config, election, &stopping, (&mut term, &mut int)).await,
        false => release(election).await,
    }
    Ok(())
}

/// After TERM: another one leads at once, and reviews are answered until the Service leads here no longer. Who waits no longer
/// sends another signal.
async fn stop(
    config: &Config,
    election: Option<Election>,
    stopping: &AtomicBool,
    (term, int): (&mut Signal, &mut Signal),
) {
    // First of all: it takes the longest until it has come around.
    stopping.store(true, Ordering::Relaxed);
    release(election).await;
    if config.webhook.listen.is_some() {
        tracing::info!("webhook: answering for {WEBHOOK_STOP:?} yet");
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = tokio::time::sleep(WEBHOOK_STOP) => {}
        }
    }
    tracing::info!("stopped");
}

async fn release(election: Option<Election>) {
    tracing::info!("stopping");
    if let Some(mut election) = election {
        election.release().await;
    }
}

/// Where dead Pods may be registered yet, and who asks there.
struct Left {
    registries: reqwest::Client,
    due: mpsc::Receiver<Due>,
}

/// Waits for its turn and acts while it lasts, again and again.
async fn lead(
    election: &mut Option<Election>,
    publisher: &Publisher,
    left: &mut Left,
    config: &Config,
    metrics: &Metrics,
) -> Infallible {
    let Some(election) = election else {
        tracing::info!("leading: no lease is asked for");
        return act(publisher, left, config, metrics).await;
    };
    loop {
        election.acquire().await;
        tracing::info!("leading");
        let fence = election.fence();
        // Asked each time before anything goes on, so that a process that stood still does not finish what it was at: another
        // one acts by then. What is under way is dropped with the loop.
        let is_over = std::future::poll_fn(|_| match *fence.borrow() <= Instant::now() {
            true => Poll::Ready(()),
            // The renewals wake us often enough.
            false => Poll::Pending,
        });
        tokio::select! {
            biased;
            () = is_over => tracing::warn!("leading no longer: the lease was not renewed in time"),
            reason = election.hold() => tracing::warn!("leading no longer: {reason}"),
            never = act(publisher, left, config, metrics) => match never {},
        }
        metrics.step_down();
    }
}

/// What the one that leads does.
async fn act(publisher: &Publisher, left: &mut Left, config: &Config, metrics: &Metrics) -> Infallible {
    tokio::select! {
        never = leftovers::run(&left.registries, &mut left.due) => match never {},
        never = reconcile::run(publisher, config, metrics) => match never {},
        never = registrations::run(publisher, &config.identity) => match never {},
        never = webhook::keep_authority(publisher.client.clone(), &config.webhook) => match never {},
    }
}

/// Starts the webhook, where there is one, and gives what tells whether it is to be asked, and if not, why.
async fn webhook(
    config: &Config,
    publisher: &Publisher,
    metrics: &Arc<Metrics>,
    stopping: &Arc<AtomicBool>,
) -> anyhow::Result<impl Fn() -> Result<(), &'static str> + Clone + Send + Sync + 'static> {
    let options = &config.webhook;
    let (send, certificate) = tokio::sync::watch::channel(None);
    if let Some(address) = options.listen {
        let features = publisher.settings.clone();
        let settings = match &options.settings {
            Some(path) => {
                let settings = webhook::Settings::from_yaml(&read(path)?, features);
                settings.with_context(|| path.display().to_string())?
            }
            None => webhook::Settings::from_yaml("", features)?,
        };
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("listen on {address}"))?;
        tracing::info!("webhook on https://{}", listener.local_addr()?);
        let follow = webhook::follow_certificate(publisher.client.clone(), options.secret.clone(), options.life, send);
        let reviewer = webhook::Reviewer::new(settings, Arc::clone(metrics), Arc::clone(stopping));
        let serve = webhook::serve(listener, certificate.clone(), reviewer);
        // Both end with the runtime.
        drop(tokio::spawn(follow));
        drop(tokio::spawn(serve));
    }
    let (has_webhook, stopping) = (options.listen.is_some(), Arc::clone(stopping));
    Ok(move || match certificate.borrow().is_some() {
        _ if stopping.load(Ordering::Relaxed) => Err("stopping"),
        false if has_webhook => Err("the webhook has no certificate yet"),
        _ => Ok(()),
    })
}

async fn client(config: &Config) -> anyhow::Result<kube::Client> {
    let options = KubeConfigOptions {
        context: config.context.clone(),
        ..KubeConfigOptions::default()
    };
    let found = match (&config.kubeconfig, &config.context) {
        (Some(path), _) => {
            let file = Kubeconfig::read_from(path).with_context(|| format!("kubeconfig {}", path.display()))?;
            let config = kube::Config::from_custom_kubeconfig(file, &options).await;
            config.with_context(|| format!("kubeconfig {}", path.display()))?
        }
        (None, Some(context)) => kube::Config::from_kubeconfig(&options)
            .await
            .with_context(|| format!("context {context:?}"))?,
        (None, None) => kube::Config::infer()
            .await
            .context("find the API server: no service account, no kubeconfig; give --kubeconfig FILE")?,
    };
    kube::Client::try_from(found).context("set up the client of the API server")
}

fn options(config: &Config) -> anyhow::Result<Options> {
    let ca_pem = config
        .ca
        .as_ref()
        .map(|path| read(path).map(String::into_bytes))
        .transpose()?;
    Ok(Options {
        ca_pem,
        token: config.token.clone(),
        idle_connections: Some(CONCURRENT_PUBLISHES),
        ..Options::default()
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
