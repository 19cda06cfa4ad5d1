//! Who am I: the codebase of this Pod, from what a sandbox can see, or from what a sidecar is told. Pure functions over the
//! texts of the files.
//! Source: pods.md "How the infra can learn who it is", design.md 1 item 8.

use crate::config::AgentConfig;

/// What is known of this Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// Name; in the node's network that of the node.
    pub(super) name: String,
    /// Namespace.
    pub(super) namespace: Option<String>,
    /// UID.
    pub(super) uid: Option<String>,
}

impl Identity {
    /// What was given, the rest from the system.
    pub(super) fn read(config: &AgentConfig) -> Self {
        let host = nix::unistd::gethostname().unwrap_or_default();
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Identity {
            name: config
                .pod_name
                .clone()
                .unwrap_or_else(|| host.to_string_lossy().into_owned()),
            namespace: config
                .namespace
                .clone()
                .or_else(|| namespace_of(&text("/etc/resolv.conf"))),
            uid: config.pod_uid.clone().or_else(|| uid_of(&text("/proc/self/cgroup"))),
        }
    }

    /// Names of our codebase, best first. Without a namespace (hostNetwork: resolv.conf is the node's) only the UID names
    /// us; with one, the UID is the second guess, for the host name may still be the node's.
    pub(super) fn codebases(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(namespace) = self.namespace.as_ref().filter(|_| !self.name.is_empty()) {
            names.push(format!("/pod/{namespace}/{}", self.name));
        }
        if let Some(uid) = &self.uid {
            names.push(format!("/uid/{uid}"));
        }
        names
    }
}

/// The namespace in the first search domain `NS.svc.DOMAIN`. Source: resolv.conf(5); the last `search` line counts.
fn namespace_of(resolv_conf: &str) -> Option<String> {
    let search = resolv_conf
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix("search"))
        .filter(|rest| rest.starts_with(char::is_whitespace))?;
    let (namespace, rest) = search.split_whitespace().next()?.split_once('.')?;
    let is_service = rest == "svc" || rest.starts_with("svc.");
    (is_service && !namespace.is_empty()).then(|| namespace.to_owned())
}

/// The UID in a path part `pod<UID>` (cgroupfs) or `...-pod<UID>.slice` (systemd, where `_` stands for `-`).
/// Source: proc_pid_cgroup(5); the kubelet's cgroup names.
fn uid_of(cgroup: &str) -> Option<String> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.flat_map(|path| path.split('/')).find_map(|part| {
        let part = part.strip_suffix(".slice").unwrap_or(part);
        let (before, uid) = part.rsplit_once("pod")?;
        let uid = uid.replace('_', "-");
        let is_place = before.is_empty() || before.ends_with('-');
        (is_place && is_uid(&uid)).then_some(uid)
    })
}

/// 8-4-4-4-12 hexadecimal digits, or the 32 of a static Pod's hash.
fn is_uid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    let is_hex = text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    is_hex && (parts == [8, 4, 4, 4, 12] || parts == [32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces() {
        for (text, expected) in [
            (
                "search shop.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\n",
                Some("shop"),
            ),
            ("nameserver 1.1.1.1\nsearch\tshop.svc.cluster.local", Some("shop")),
            ("search shop.svc", Some("shop")),
            ("search a.svc.x\nsearch b.svc.x\n", Some("b")),
            ("search example.com svc.cluster.local\n", None),
            ("search .svc.x\n", None),
            ("searchy shop.svc.x\n", None),
            ("# search shop.svc.x\n", None),
            ("", None),
        ] {
            assert_eq!(namespace_of(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn uids() {
        const UID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for (text, expected) in [
            (
                "12:cpu:/kubepods/burstable/pod0f8fad5b-d9cb-469f-a165-70867728950e/abc\n11:pids:/x\n",
                Some(UID),
            ),
            ("0::/kubepods/pod0f8fad5b-d9cb-469f-a165-70867728950e/abc\n", Some(UID)),
            (
                "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod0f8fad5b_d9cb_469f_a165_70867728950e.slice/cri-containerd-abc.scope\n",
                Some(UID),
            ),
            (
                "0::/kubepods.slice/kubepods-pod0f8fad5b_d9cb_469f_a165_70867728950e.slice/x\n",
                Some(UID),
            ),
            // A static Pod.
            (
                "1:cpu:/kubepods/pod6f9c1d3e0a7b4c2d8e5f6a7b8c9d0e1f/x\n",
                Some("6f9c1d3e0a7b4c2d8e5f6a7b8c9d0e1f"),
            ),
            ("0::/../../pod0f8fad5b-d9cb-469f-a165-70867728950e/abc\n", Some(UID)),
            ("0::/user.slice/podman-1234.scope\n", None),
            ("0::/libpod_parent/libpod-0f8fad5b\n", None),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(uid_of(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn names_of_our_codebase() {
        for (namespace, uid, expected) in [
            (Some("shop"), Some("u"), vec!["/pod/shop/web-0", "/uid/u"]),
            (Some("shop"), None, vec!["/pod/shop/web-0"]),
            (None, Some("u"), vec!["/uid/u"]),
            (None, None, vec![]),
        ] {
            let identity = Identity {
                name: "web-0".to_owned(),
                namespace: namespace.map(str::to_owned),
                uid: uid.map(str::to_owned),
            };
            assert_eq!(identity.codebases(), expected);
        }
    }
}
