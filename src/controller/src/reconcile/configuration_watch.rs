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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each path with its body, every other one with a bare 404, as something that stands before an API server may.
    async fn before_api_server(bodies: &[(&str, &str)]) -> Client {
        let bodies: Arc<Vec<(String, String)>> = Arc::new(
            bodies
                .iter()
                .map(|(path, body)| (format!("GET {path} "), (*body).to_owned()))
                .collect(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        // It ends with the test's runtime.
        drop(tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { break };
                    head.push(byte);
                }
                let head = String::from_utf8(head).unwrap();
                let body = bodies.iter().find(|(start, _)| head.starts_with(start));
                let (status, body) = body.map_or(("404 Not Found", "not here"), |(_, body)| ("200 OK", body.as_str()));
                let length = body.len();
                let kind = "content-type: application/json";
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                drop(stream.write_all(answer.as_bytes()).await);
            }
        }));
        Client::try_from(kube::Config::new(address.parse().unwrap())).unwrap()
    }

    #[tokio::test]
    async fn only_the_api_servers_own_list_says_that_the_resource_is_not_there() {
        let groups = |names: &[&str]| {
            let one = |name: &&str| {
                let version = format!("{{\"groupVersion\":\"{name}/v1alpha1\",\"version\":\"v1alpha1\"}}");
                format!("{{\"name\":\"{name}\",\"versions\":[{version}]}}")
            };
            let groups: Vec<String> = names.iter().map(one).collect();
            format!(
                "{{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[{}]}}",
                groups.join(",")
            )
        };
        let resources = |plural: &str| {
            let one = format!(
                "{{\"name\":\"{plural}\",\"singularName\":\"\",\"namespaced\":true,\"kind\":\"A\",\"verbs\":[\"list\"]}}"
            );
            format!(
                "{{\"kind\":\"APIResourceList\",\"groupVersion\":\"infra.flomesh.io/v1alpha1\",\"resources\":[{one}]}}"
            )
        };
        let (ours, own) = ("infra.flomesh.io", "apiextensions.k8s.io");
        // (row, groups, resources of ours, whether it is believed)
        let rows = [
            ("nothing answers", None, None, false),
            ("no list of an API server", Some(groups(&[])), None, false),
            ("our group is not there", Some(groups(&[own])), None, true),
            (
                "another resource of our group",
                Some(groups(&[own, ours])),
                Some(resources("others")),
                true,
            ),
            (
                "it is there",
                Some(groups(&[own, ours])),
                Some(resources("infraconfigurations")),
                false,
            ),
            ("its group can't be asked", Some(groups(&[own, ours])), None, false),
        ];
        for (row, groups, resources, wanted) in rows {
            let groups = groups.as_deref().map(|body| ("/apis", body));
            let resources = resources
                .as_deref()
                .map(|body| ("/apis/infra.flomesh.io/v1alpha1", body));
            let bodies: Vec<_> = groups.into_iter().chain(resources).collect();
            let told = unlisted(&before_api_server(&bodies).await).await;
            assert_eq!(matches!(told, Told::Absent), wanted, "{row}: {told:?}");
        }
    }
}
