//! InfraConfigurations at the API server: their watch, the Secrets that they name (one by one, and only where a Role allows
//! it), their status. Not for: what follows (`configurations.rs`).

use ballast_derive::configuration::{Credentials, Login};
use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, utils::ResetTimerBackoff};
use kube::{Api, Client, Resource as _};

use super::configurations::{Name, Told, name_of};
use super::pod_watch::Pauses;
use crate::error::causes;
use crate::infra_configuration::{InfraConfiguration, InfraConfigurationStatus};
use crate::limits::{CHECK_TIMEOUT, WATCH_RETRY, WATCH_SECONDS};

/// Events of all of them. Never ends; errors are followed by another try. A cluster without the resource has none of them, but
/// that must be said by the API server's own list of what it serves: a 404 may come from what stands before it.
pub(crate) fn configurations(client: Client) -> impl Stream<Item = Result<Told, watcher::Error>> + use<> {
    let config = watcher::Config::default().timeout(WATCH_SECONDS);
    watcher::watcher(Api::<InfraConfiguration>::all(client.clone()), config)
        .backoff(ResetTimerBackoff::new(Pauses::default(), 4 * WATCH_RETRY.1))
        .then(move |event| {
            let client = client.clone();
            async move {
                match event {
                    Ok(event) => Ok(told(event)),
                    Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.code == 404 => {
                        Ok(unlisted(&client).await)
                    }
                    Err(error) => Err(error),
                }
            }
        })
        .boxed()
}

/// Whose list is not there: what that means.
async fn unlisted(client: &Client) -> Told {
    let reason = match tokio::time::timeout(CHECK_TIMEOUT, is_served(client)).await {
        Ok(Ok(false)) => return Told::Absent,
        Ok(Ok(true)) => "it is served all the same".to_owned(),
        Ok(Err(error)) => format!("what is served can't be asked: {}", causes(&error)),
        Err(_) => format!("what is served can't be asked: no answer within {CHECK_TIMEOUT:?}"),
    };
    Told::Doubtful(format!("404 for their list, but {reason}"))
}

/// Whether the API server lists the resource among those that it serves. Source: Kubernetes, "The Kubernetes API", discovery.
async fn is_served(client: &Client) -> kube::Result<bool> {
    let (group, version) = (InfraConfiguration::group(&()), InfraConfiguration::version(&()));
    let groups = client.list_api_groups().await?.groups;
    let has_version = |one: &APIGroup| one.versions.iter().any(|one| one.version == version);
    if !groups.iter().any(|one| one.name == group && has_version(one)) {
        // A list without the API server's own is none of its.
        let is_its = groups.iter().any(|one| one.name == "apiextensions.k8s.io");
        return Ok(!is_its);
    }
    let resources = client
        .list_api_group_resources(&format!("{group}/{version}"))
        .await?
        .resources;
    Ok(resources.iter().any(|one| one.name == InfraConfiguration::plural(&())))
}

fn told(event: Event<InfraConfiguration>) -> Told {
    match event {
        Event::Init => Told::Listing,
        Event::InitApply(object) | Event::Apply(object) => Told::Is(Box::new(object)),
        Event::Delete(object) => Told::Gone(name_of(&object)),
        Event::InitDone => Told::Listed,
    }
}

/// Reads user and password.
///
/// # Errors
/// Why not, without any content, and whether that may pass by itself.
pub(crate) async fn login(client: Client, namespace: &str, wanted: &Credentials) -> Result<Login, (String, bool)> {
    let secrets: Api<Secret> = Api::namespaced(client, namespace);
    let name = &wanted.secret_name;
    let secret = match tokio::time::timeout(CHECK_TIMEOUT, secrets.get(name)).await {
        Ok(Ok(secret)) => secret,
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            let hint = "a Role in its namespace must allow the controller `get` of this Secret";
            return Err((format!("secret {name}: forbidden; {hint}"), false));
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
            return Err((format!("secret {name}: there is none in {namespace}"), false));
        }
        Ok(Err(error)) => return Err((format!("secret {name}: {}", causes(&error)), true)),
        Err(_) => return Err((format!("secret {name}: no answer within {CHECK_TIMEOUT:?}"), true)),
    };
    let data = secret.data.unwrap_or_default();
    let value = |key: &str| {
        let bytes = data
            .get(key)
            .ok_or((format!("secret {name}: it has no key {key:?}"), false))?;
        let text = std::str::from_utf8(&bytes.0).map_err(|_| (format!("secret {name}: {key:?} is no text"), false))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    };
    Ok(Login {
        user: value(&wanted.username_key)?,
        password: value(&wanted.password_key)?,
    })
}

/// Writes a status. `false`: it could not be written.
pub(crate) async fn write(client: Client, (namespace, name): Name, status: InfraConfigurationStatus) -> bool {
    let objects: Api<InfraConfiguration> = Api::namespaced(client, &namespace);
    let patch = Patch::Merge(serde_json::json!({ "status": status }));
    let parameters = PatchParams::default();
    let request = objects.patch_status(&name, &parameters, &patch);
    match tokio::time::timeout(CHECK_TIMEOUT, request).await {
        Ok(Ok(_)) => true,
        // It went meanwhile.
        Ok(Err(kube::Error::Api(reason))) if reason.code == 404 => true,
        Ok(Err(error)) => {
            tracing::warn!(namespace, name, "status of a configuration: {}", causes(&error));
            false
        }
        Err(_) => {
            tracing::warn!(
                namespace,
                name,
                "status of a configuration: no answer within {CHECK_TIMEOUT:?}"
            );
            false
        }
    }
}
