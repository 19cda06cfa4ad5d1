//! Our own address, and pod.json completed with it where its author did not know it (podman: the address exists only once
//! the Pod runs). It changes when a Pod is stopped and started: read anew each time.

use bytes::Bytes;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use serde_json::{Value, json};
use std::net::IpAddr;

/// The first IPv4 address that is not loopback, else the first such IPv6 one that is not link-local.
pub(crate) fn own() -> Option<IpAddr> {
    let addresses = getifaddrs().ok()?.filter_map(|interface| {
        let is_usable =
            interface.flags.contains(InterfaceFlags::IFF_UP) && !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let address = interface.address.filter(|_| is_usable)?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    });
    best(addresses)
}

fn best(addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    let usable: Vec<IpAddr> = addresses
        .filter(|address| match address {
            IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
            IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
        })
        .collect();
    usable
        .iter()
        .find(|address| address.is_ipv4())
        .or(usable.first())
        .copied()
}

/// `pod_json` with `status.podIP` and `status.podIPs` set to `own` where the first is missing or empty. What is no JSON
/// object is left as it is: the scripts will complain with a place.
pub(crate) fn complete(pod_json: &Bytes, own: Option<IpAddr>) -> Bytes {
    let Some((own, mut document)) = own.zip(serde_json::from_slice::<Value>(pod_json).ok()) else {
        return pod_json.clone();
    };
    let is_known = document
        .pointer("/status/podIP")
        .and_then(Value::as_str)
        .is_some_and(|ip| !ip.is_empty());
    if is_known || !document.is_object() {
        return pod_json.clone();
    }
    if !document["status"].is_object() {
        document["status"] = json!({});
    }
    document["status"]["podIP"] = json!(own.to_string());
    document["status"]["podIPs"] = json!([own.to_string()]);
    Bytes::from(document.to_string())
}

/// Whether the Pod lives in the node's network, by its pod.json.
pub(crate) fn is_in_host_network(pod_json: Option<&Bytes>) -> bool {
    let document = pod_json.and_then(|text| serde_json::from_slice::<Value>(text).ok());
    document.is_some_and(|document| document.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_address() {
        for (addresses, expected) in [
            ("127.0.0.1 10.0.0.7 10.0.0.8", Some("10.0.0.7")),
            ("fe80::1 fd00::7 10.0.0.7", Some("10.0.0.7")),
            ("::1 fe80::1 fd00::7", Some("fd00::7")),
            ("127.0.0.1 169.254.1.1", None),
        ] {
            let parsed = addresses.split(' ').map(|text| text.parse().unwrap());
            assert_eq!(best(parsed), expected.map(|text| text.parse().unwrap()), "{addresses}");
        }
    }

    #[test]
    fn pod_json_is_completed() {
        let own: IpAddr = "10.0.0.7".parse().unwrap();
        for (text, expected) in [
            (
                r#"{"status":{}}"#,
                json!({"status": {"podIP": "10.0.0.7", "podIPs": ["10.0.0.7"]}}),
            ),
            (
                r#"{"x":1}"#,
                json!({"x": 1, "status": {"podIP": "10.0.0.7", "podIPs": ["10.0.0.7"]}}),
            ),
            (
                r#"{"status":{"podIP":"","ready":true}}"#,
                json!({"status": {"podIP": "10.0.0.7", "podIPs": ["10.0.0.7"], "ready": true}}),
            ),
            (
                r#"{"status":{"podIP":"1.2.3.4"}}"#,
                json!({"status": {"podIP": "1.2.3.4"}}),
            ),
            ("[1]", json!([1])),
        ] {
            let completed = complete(&Bytes::from_static(text.as_bytes()), Some(own));
            assert_eq!(serde_json::from_slice::<Value>(&completed).unwrap(), expected, "{text}");
        }
        assert_eq!(complete(&Bytes::from_static(b"{broken"), Some(own)), "{broken");
        assert_eq!(complete(&Bytes::from_static(b"{}"), None), "{}");
    }
}
