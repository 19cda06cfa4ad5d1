//! Names of the Repo, looked up by our own resolver: a static binary in an empty image has no other. It lives only for one
//! question, so that a dormant agent holds no memory for it. Source: resolv.conf(5), hosts(5).

use crate::limits;
use ballast_repo_client::{Resolve, Resolving};
use hickory_resolver::TokioResolver;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module. Remembers the last good answer for when DNS is down.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Mutex<HashMap<String, Vec<IpAddr>>>>);

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Resolving {
        let (names, host) = (self.clone(), host.to_owned());
        Box::pin(async move {
            match tokio::time::timeout(limits::DNS_DEADLINE, look_up(&host)).await {
                Ok(Ok(addresses)) => {
                    let mut known = names.0.lock().unwrap_or_else(PoisonError::into_inner);
                    // One Repo, one name; more would be a bug, not a reason to grow.
                    known.clear();
                    known.insert(host, addresses.clone());
                    Ok(addresses)
                }
                failed => {
                    let known = names.0.lock().unwrap_or_else(PoisonError::into_inner);
                    known.get(&host).cloned().ok_or_else(|| match failed {
                        Ok(Err(error)) => error,
                        _ => io::Error::new(io::ErrorKind::TimedOut, format!("no DNS answer for {host}; is DNS up?")),
                    })
                }
            }
        })
    }
}

async fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let failed = |error: &dyn std::fmt::Display| io::Error::other(format!("look up {host}: {error}"));
    let resolver = TokioResolver::builder_tokio()
        .and_then(|builder| builder.build())
        .map_err(|error| failed(&error))?;
    let found = resolver.lookup_ip(host).await.map_err(|error| failed(&error))?;
    Ok(found.iter().take(limits::DNS_ADDRESSES).collect())
}
