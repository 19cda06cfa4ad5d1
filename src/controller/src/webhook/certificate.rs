//! The Secret that every replica serves from, whoever writes it (the leader, or cert-manager): read again and again, and served
//! from the next connection on. Not for: making it (`authority.rs`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use rustls::ServerConfig;
use tokio::sync::watch;

use super::chain::{Data, Lives};
use super::trust;
use crate::config::ObjectName;
use crate::error::causes;
use crate::limits::{CERTIFICATE_LOOK, CHECK_TIMEOUT};

/// What new connections are served with; `None`: there is nothing yet.
pub(crate) type Certificate = watch::Receiver<Option<Arc<ServerConfig>>>;

/// Reads the Secret for ever. One that can't be read or used changes nothing.
pub(crate) async fn follow(
    client: Client,
    secret: ObjectName,
    life: Duration,
    served: watch::Sender<Option<Arc<ServerConfig>>>,
) -> Infallible {
    let secrets: Api<Secret> = Api::namespaced(client, &secret.namespace);
    let mut pair: Option<(ByteString, ByteString)> = None;
    let mut told = String::new();
    loop {
        let looked = tokio::time::timeout(CHECK_TIMEOUT, secrets.get_opt(&secret.name)).await;
        let read = match looked {
            Ok(Ok(Some(found))) => pair_of(found.data.unwrap_or_default()),
            Ok(Ok(None)) => Err("there is none".to_owned()),
            Ok(Err(error)) => Err(causes(&error)),
            Err(_) => Err(format!("no answer within {CHECK_TIMEOUT:?}")),
        };
        let reason = match read {
            Ok(new) if pair.as_ref() == Some(&new) => None,
            Ok(new) => match trust::server_config(&new.0.0, &new.1.0) {
                Ok(config) => {
                    tracing::info!(secret = %secret, "webhook: another certificate is served");
                    // Nobody listens any longer only when the process ends.
                    served.send_replace(Some(Arc::new(config)));
                    pair = Some(new);
                    None
                }
                Err(reason) => Some(reason),
            },
            Err(reason) => Some(reason),
        };
        let reason = reason.unwrap_or_default();
        if reason != told {
            if !reason.is_empty() {
                tracing::warn!(secret = %secret, "webhook: certificate: {reason}; looking again");
            }
            told = reason;
        }
        let pause = match pair {
            Some(_) => Lives { authority: life }.look(),
            None => CERTIFICATE_LOOK,
        };
        tokio::time::sleep(pause).await;
    }
}

fn pair_of(mut data: Data) -> Result<(ByteString, ByteString), String> {
    let mut take = |key: &str| data.remove(key).ok_or_else(|| format!("it has no key {key:?}"));
    Ok((take("tls.crt")?, take("tls.key")?))
}
