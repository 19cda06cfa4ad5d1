//! Eureka: instances of an application, and their removal. Source: Netflix Eureka, REST operations; scripts/registry/eureka.js.

use futures_util::future::BoxFuture;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use super::Registry;

/// Bytes of the longest list of instances.
const MAX_LIST_BYTES: usize = 16 << 20;
/// The metadata in which scripts tell the Pod.
const UID: &str = "pod.uid";

pub(super) struct Eureka;

#[derive(Deserialize)]
struct Applications {
    application: Application,
}

#[derive(Deserialize)]
struct Application {
    #[serde(default)]
    instance: Vec<Instance>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    instance_id: String,
    #[serde(default)]
    metadata: Value,
}

impl Registry for Eureka {
    fn leave<'a>(
        &self,
        client: &'a Client,
        server: &'a str,
        service: &'a str,
        uid: &'a str,
    ) -> BoxFuture<'a, Result<usize, String>> {
        Box::pin(async move {
            let app = service.to_uppercase();
            let list = client
                .get(below(server, &["apps", &app])?)
                .header("accept", "application/json");
            let Some(bytes) = answer(list).await? else { return Ok(0) };
            let list: Applications = serde_json::from_slice(&bytes).map_err(|e| format!("list of {app}: {e}"))?;
            let instances = list.application.instance.into_iter();
            let own = instances.filter(|instance| instance.metadata[UID] == uid);
            let mut number = 0;
            for instance in own {
                let url = below(server, &["apps", &app, &instance.instance_id])?;
                if answer(client.delete(url)).await?.is_some() {
                    number += 1;
                }
            }
            Ok(number)
        })
    }
}

fn below(server: &str, path: &[&str]) -> Result<Url, String> {
    // The address itself may hold a password.
    let mut url = Url::parse(server).map_err(|e| format!("address of a server: {e}"))?;
    let mut segments = url
        .path_segments_mut()
        .map_err(|()| "address of a server: it is no URL of a host".to_owned())?;
    segments.pop_if_empty().extend(path);
    drop(segments);
    Ok(url)
}

/// The body; `None`: there is no such thing.
async fn answer(request: RequestBuilder) -> Result<Option<Vec<u8>>, String> {
    let failed = |error: reqwest::Error| crate::error::causes(&error.without_url());
    let mut response = request.send().await.map_err(failed)?;
    match response.status() {
        StatusCode::NOT_FOUND => return Ok(None),
        status if !status.is_success() => return Err(format!("status {status}")),
        _ => {}
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_LIST_BYTES {
            return Err(format!("an answer of more than {MAX_LIST_BYTES} bytes"));
        }
    }
    Ok(Some(bytes))
}
