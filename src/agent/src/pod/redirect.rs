//! Whether rules of `ballast-init` or `ballast-cni` lead this Pod's connections to its proxy. The agent has no capability by
//! which it could list rules; it opens a connection to a port of loopback where nobody listens. Rules lead that one to the
//! proxy, which tells where it was going. Not for: rules for connections into the Pod, which cannot be tried from inside; they
//! are loaded in one transaction with the others.

use crate::address;
use crate::facts::Facts;
use crate::limits::{REDIRECT_AWAITED, REDIRECT_PROBE_PORT, REDIRECT_PROBE_TIME, REDIRECT_PROBES};
use bytes::Bytes;
use serde_json::Value;
use std::io;
use std::net::Ipv4Addr;
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// Looks until rules are there; ends on drop.
pub(super) struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a probe has found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// It arrived at the proxy, which knows where it was going.
    InPlace,
    /// It arrived at something that does not tell.
    Unknown,
    /// It did not arrive.
    Nothing(String),
}

impl Watch {
    /// Begins where this pod.json asks for a proxy; None: it does not.
    pub(super) fn begin(pod: Option<&Bytes>, facts: &Facts) -> Option<Self> {
        if !has_proxy(pod) || address::is_in_host_network(pod) {
            facts.redirected(None);
            return None;
        }
        let task = tokio::spawn(look(facts.clone()));
        Some(Watch(task.abort_handle()))
    }
}

async fn look(facts: Facts) {
    let began = Instant::now();
    let (mut pause, longest) = REDIRECT_PROBES;
    let mut has_warned = false;
    loop {
        let found = probe(REDIRECT_PROBE_PORT).await;
        let words = match &found {
            Found::InPlace => "in place".to_owned(),
            Found::Unknown => "in place, for scripts that do not tell original destinations".to_owned(),
            Found::Nothing(why) => format!("not in place: {why}; did ballast-init or ballast-cni load its rules?"),
        };
        facts.redirected(Some(words.clone()));
        match found {
            Found::InPlace | Found::Unknown => {
                tracing::info!(target: "redirect", "{words}");
                return;
            }
            Found::Nothing(_) if !has_warned && began.elapsed() >= REDIRECT_AWAITED => {
                has_warned = true;
                tracing::warn!(target: "redirect", "{words} The app's connections go past the proxy");
            }
            Found::Nothing(_) => {}
        }
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

async fn probe(port: u16) -> Found {
    let expected = format!("ballast {}:{port}\n", Ipv4Addr::LOCALHOST);
    let told = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let mut answer = vec![0; expected.len()];
        // What it says is of no use where it says something else.
        let is_told = timeout(REDIRECT_PROBE_TIME / 2, stream.read_exact(&mut answer)).await;
        Ok::<bool, io::Error>(is_told.is_ok_and(|read| read.is_ok()) && answer == expected.as_bytes())
    };
    match timeout(REDIRECT_PROBE_TIME, told).await {
        Ok(Ok(true)) => Found::InPlace,
        Ok(Ok(false)) => Found::Unknown,
        Ok(Err(error)) => Found::Nothing(format!("a probe of 127.0.0.1:{port} says {error}")),
        Err(_) => Found::Nothing(format!("a probe of 127.0.0.1:{port} hangs")),
    }
}

/// Whether the feature is on.
fn has_proxy(pod: Option<&Bytes>) -> bool {
    let pod: Option<Value> = pod.and_then(|pod| serde_json::from_slice(pod).ok());
    pod.is_some_and(|pod| pod.pointer("/features/proxy").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    #[tokio::test(flavor = "current_thread")]
    async fn what_a_probe_finds() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for (answer, expected) in [
            (format!("ballast 127.0.0.1:{port}\n"), Found::InPlace),
            ("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(), Found::Unknown),
            (String::new(), Found::Unknown),
        ] {
            let answering = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            };
            let (found, ()) = tokio::join!(probe(port), answering);
            assert_eq!(found, expected, "{answer:?}");
        }
        drop(listener);
        assert!(matches!(probe(port).await, Found::Nothing(why) if why.contains("refused")));
    }

    #[test]
    fn the_feature_decides() {
        for (pod, expected) in [
            (None, false),
            (Some(r#"{"features":{"registry":{}}}"#), false),
            (Some(r#"{"features":{"proxy":{}}}"#), true),
            (Some("{"), false),
        ] {
            assert_eq!(
                has_proxy(pod.map(|pod: &'static str| Bytes::from_static(pod.as_bytes())).as_ref()),
                expected,
                "{pod:?}"
            );
        }
    }
}
