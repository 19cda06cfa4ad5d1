//! The leader's part: keeps authority and certificate in the Secret, and the authorities in the `caBundle` of the
//! MutatingWebhookConfiguration. Each pass is from what is there, so it may be dropped at any point, and another leader goes on.
//! Not for: what is due when (`chain.rs`). Source: API admissionregistration.k8s.io/v1.

use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::chain::{Chain, Due, Lives};
use super::options::Options;
use crate::error::causes;
use crate::limits::{AUTHORITY_PAUSE, CHECK_TIMEOUT};

/// See the module.
struct Keeper<'a> {
    secrets: Api<Secret>,
    configurations: Api<MutatingWebhookConfiguration>,
    options: &'a Options,
    /// Name of the MutatingWebhookConfiguration.
    configuration: &'a str,
    lives: Lives,
    /// What was seen to be published, and since when.
    published: Option<(String, Instant)>,
}

/// Keeps both for ever; at once nothing, where another one makes the certificate.
pub(crate) async fn keep(client: Client, options: &Options) -> Infallible {
    let Some(configuration) = options.configuration.as_deref().filter(|_| options.listen.is_some()) else {
        return std::future::pending().await;
    };
    let mut keeper = Keeper {
        secrets: Api::namespaced(client.clone(), &options.secret.namespace),
        configurations: Api::all(client),
        options,
        configuration,
        lives: Lives {
            authority: options.life,
        },
        published: None,
    };
    let mut told = String::new();
    loop {
        let reason = match tokio::time::timeout(CHECK_TIMEOUT, keeper.pass()).await {
            // What was changed is looked at again soon; not at once, for somebody else may change it back each time.
            Ok(Ok(true)) => {
                tokio::time::sleep(AUTHORITY_PAUSE).await;
                continue;
            }
            Ok(Ok(false)) => String::new(),
            Ok(Err(reason)) => reason,
            Err(_) => format!("no answer within {CHECK_TIMEOUT:?}"),
        };
        if reason != told {
            if !reason.is_empty() {
                tracing::warn!("webhook: {reason}; trying again");
            }
            told = reason;
        }
        tokio::time::sleep(keeper.lives.look()).await;
    }
}

impl Keeper<'_> {
    /// One look at both; whether the Secret was changed.
    async fn pass(&mut self) -> Result<bool, String> {
        let (now, host) = (SystemTime::now(), self.options.host.as_str());
        let of_secret = |e: kube::Error| format!("secret {}: {}", self.options.secret, causes(&e));
        let found = self
            .secrets
            .get_opt(&self.options.secret.name)
            .await
            .map_err(of_secret)?;
        let Some(secret) = found else {
            let chain = Chain::new(now, self.lives, host)?;
            let secret = self.secret(&chain, Secret::default());
            // Another one may have been first; the next look finds the other's.
            let made = self.secrets.create(&PostParams::default(), &secret).await;
            made.map_err(of_secret)?;
            tracing::info!(secret = %self.options.secret, "webhook: made, with a new authority and a certificate");
            return Ok(true);
        };
        let data = secret.data.clone().unwrap_or_default();
        let published;
        let (chain, what) = match Chain::read(&data) {
            Ok(mut chain) => {
                published = self.publish(&chain.bundle()).await;
                let since = published.as_ref().ok().copied();
                match chain.due(now, self.lives, host, since) {
                    Due::Nothing => return published.map(|_| false),
                    Due::Authority => {
                        chain.add_authority(now, self.lives)?;
                        (chain, "another authority, beside the old one")
                    }
                    Due::Leaf => {
                        chain.renew(now, self.lives, host)?;
                        (chain, "another certificate")
                    }
                }
            }
            Err(reason) => {
                tracing::warn!(secret = %self.options.secret, "webhook: {reason}: it is made anew");
                let chain = Chain::anew(&data, now, self.lives, host)?;
                // Replicas serve what they have until they see another one, so that is trusted still; and what they see then
                // is trusted already.
                published = self.publish(&chain.bundle()).await;
                (chain, "a new authority, beside those that were trusted")
            }
        };
        let secret = self.secret(&chain, secret);
        let name = &self.options.secret.name;
        // Refused when somebody wrote meanwhile.
        let written = self.secrets.replace(name, &PostParams::default(), &secret).await;
        written.map_err(of_secret)?;
        tracing::info!(secret = %self.options.secret, "webhook: {what}");
        published.map(|_| true)
    }

    /// `before` with our keys set; labels, annotations and keys of others stay, and its version, so that a write fails when
    /// somebody was faster.
    fn secret(&self, chain: &Chain, before: Secret) -> Secret {
        let mut data = before.data.unwrap_or_default();
        data.extend(chain.data());
        Secret {
            metadata: ObjectMeta {
                name: Some(self.options.secret.name.clone()),
                namespace: Some(self.options.secret.namespace.clone()),
                ..before.metadata
            },
            data: Some(data),
            type_: before.type_.or_else(|| Some("kubernetes.io/tls".to_owned())),
            ..before
        }
    }

    /// Sees to it that all webhooks of the configuration have the bundle; for how long they have had it.
    async fn publish(&mut self, bundle: &str) -> Result<Duration, String> {
        let name = self.configuration;
        let of = |e: kube::Error| format!("mutatingwebhookconfiguration {name}: {}", causes(&e));
        let found = self.configurations.get(name).await.map_err(of)?;
        let wanted = ByteString(bundle.as_bytes().to_vec());
        let webhooks = found.webhooks.unwrap_or_default();
        let without = webhooks
            .iter()
            .filter(|webhook| webhook.client_config.ca_bundle.as_ref() != Some(&wanted));
        let patches: Vec<Value> = without
            .map(|webhook| json!({"name": webhook.name, "clientConfig": {"caBundle": wanted}}))
            .collect();
        if !patches.is_empty() {
            self.published = None;
            let patch = json!({
                "metadata": {"resourceVersion": found.metadata.resource_version},
                "webhooks": patches,
            });
            let (params, patch) = (PatchParams::default(), Patch::Strategic(patch));
            self.configurations.patch(name, &params, &patch).await.map_err(of)?;
            tracing::info!("webhook: published in mutatingwebhookconfiguration {name}");
        }
        let now = Instant::now();
        match &self.published {
            Some((known, since)) if known == bundle => Ok(now - *since),
            _ => {
                self.published = Some((bundle.to_owned(), now));
                Ok(Duration::ZERO)
            }
        }
    }
}
