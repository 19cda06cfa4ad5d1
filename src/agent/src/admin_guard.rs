//! Keeps web pages away from the admin port: an operator's browser reaches ports that a page's author does not, and the port
//! asks for no password. Pages of other origins are known by `Origin`; a page whose name was made to lead here (DNS
//! rebinding) by a `Host` that is no name of ours. Tools send no `Origin`, and are not asked for more than before.
//! Source: RFC 6454 section 7 (Origin), RFC 6455 section 10.2, RFC 9110 section 7.2 (Host).

use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::http::uri::{Authority, Uri};
use std::net::{IpAddr, SocketAddr};

/// How a connection came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Door {
    /// An abstract socket, which no browser opens.
    Socket,
    /// TLS: no page of another name gets through the handshake with our certificate.
    Tls,
    /// Plain TCP; on loopback nobody has to ask for us by a name that DNS gave.
    Tcp { is_loopback: bool },
}

impl Door {
    /// For a connection to this address of ours.
    pub(crate) fn of(address: Option<SocketAddr>) -> Self {
        Door::Tcp {
            is_loopback: address.is_some_and(|address| address.ip().to_canonical().is_loopback()),
        }
    }
}

/// Why a request is refused; None: no page of another origin is behind it.
pub(crate) fn refusal(door: Door, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let scheme = match door {
        Door::Socket => return None,
        Door::Tls => "https",
        Door::Tcp { .. } => "http",
    };
    let asked = asked(uri, headers);
    let origins: Vec<_> = headers.get_all(ORIGIN).iter().collect();
    if let Some(first) = origins.first() {
        let origin = first.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        let origin = origin.filter(|origin| origin.scheme_str() == Some(scheme) && origins.len() == 1);
        let is_ours = match (origin.as_ref().and_then(Uri::authority), &asked) {
            (Some(origin), Some(asked)) => place(origin, scheme) == place(asked, scheme),
            _ => false,
        };
        if !is_ours {
            return Some("pages of other origins may not ask here\n");
        }
    }
    let must_be_ours = match door {
        Door::Tcp { is_loopback } => is_loopback || !origins.is_empty(),
        _ => false,
    };
    let is_ours = match asked {
        Some(asked) => is_own_name(asked.host()),
        // A tool of HTTP/1.0 names nobody. A browser always does, also by a name that we can't read.
        None => headers.get(HOST).is_none_or(HeaderValue::is_empty),
    };
    (must_be_ours && !is_ours).then_some("ask by an address, by localhost or by the name of this machine\n")
}

/// Whom the request is for.
fn asked(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let host = || headers.get(HOST)?.to_str().ok()?.parse().ok();
    uri.authority().cloned().or_else(host)
}

fn place(authority: &Authority, scheme: &str) -> (String, u16) {
    let usual = if scheme == "https" { 443 } else { 80 };
    let host = authority.host().to_ascii_lowercase();
    (host, authority.port_u16().unwrap_or(usual))
}

/// Names that no DNS server of an attacker gives out.
fn is_own_name(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.unwrap_or(host).parse::<IpAddr>().is_ok() {
        return true;
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok())
            .is_some_and(|name| !name.is_empty() && name.eq_ignore_ascii_case(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_tools() {
        let far = Door::Tcp { is_loopback: false };
        let near = Door::Tcp { is_loopback: true };
        for (door, host, origin, is_taken) in [
            // Tools.
            (near, "127.0.0.1:6060", None, true),
            (near, "[::1]:6060", None, true),
            (near, "LocalHost:6060", None, true),
            (near, "localhost.", None, true),
            (far, "10.0.0.1:6060", None, true),
            (far, "agent.example:6060", None, true),
            (far, "", None, true),
            (near, "", None, true),
            // Own pages.
            (near, "localhost:6060", Some("http://localhost:6060"), true),
            (near, "127.0.0.1", Some("http://127.0.0.1"), true),
            (far, "10.0.0.1", Some("http://10.0.0.1:80"), true),
            (Door::Tls, "agent.example", Some("https://agent.example"), true),
            // Pages of others, also on the same machine.
            (near, "localhost:6060", Some("http://localhost:3000"), false),
            (near, "localhost:6060", Some("https://localhost:6060"), false),
            (near, "localhost:6060", Some("http://evil.example"), false),
            (near, "localhost:6060", Some("null"), false),
            (near, "localhost:6060", Some(""), false),
            (near, "", Some("http://localhost:6060"), false),
            (far, "10.0.0.1", Some("http://10.0.0.1.evil.example"), false),
            (Door::Tls, "agent.example", Some("https://evil.example"), false),
            // Names made to lead here.
            (near, "evil.example:6060", Some("http://evil.example:6060"), false),
            (far, "evil.example:6060", Some("http://evil.example:6060"), false),
            (near, "evil.example:6060", None, false),
            (near, "127.0.0.1.evil.example", None, false),
            (near, "localhost.evil.example", None, false),
            (near, "a{b.evil.example:6060", None, false),
            // No browser comes here.
            (Door::Socket, "x", Some("http://evil.example"), true),
        ] {
            let mut headers = HeaderMap::new();
            if !host.is_empty() {
                headers.insert(HOST, HeaderValue::from_static(host));
            }
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            let refusal = refusal(door, &Uri::from_static("/options"), &headers);
            assert_eq!(refusal.is_none(), is_taken, "{door:?} {host} {origin:?}: {refusal:?}");
        }
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        headers.append(ORIGIN, HeaderValue::from_static("http://localhost"));
        headers.append(ORIGIN, HeaderValue::from_static("http://evil.example"));
        let door = Door::Tcp { is_loopback: true };
        assert!(refusal(door, &Uri::from_static("/"), &headers).is_some());
    }
}
