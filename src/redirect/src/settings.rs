//! What is redirected and what is not: pure values, parsed the same from flags, annotations and a CNI conf.
//! Not for: where they come from (flags.rs, cni/), what rules they make (rules.rs).

use std::fmt;
use std::net::IpAddr;

use crate::error::Error;

/// Most entries of one list: each is a rule that the first packet of a connection passes.
pub(crate) const MAX_ENTRIES: usize = 64;

/// Ports `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortRange {
    /// Lowest, not 0.
    pub(crate) first: u16,
    /// Highest.
    pub(crate) last: u16,
}

/// An address with a prefix length; bits beyond it are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    /// Its first address.
    pub(crate) ip: IpAddr,
    /// Bits that count.
    pub(crate) prefix: u8,
}

/// Which ports of one direction go through the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// All of them but the exempt ones.
    All,
    /// These; none at all when empty.
    Only(Vec<PortRange>),
}

/// All that the rules are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where the proxy listens for connections that come into the Pod.
    pub(crate) inbound_port: u16,
    /// Where it listens, on loopback, for those that leave it.
    pub(crate) outbound_port: u16,
    /// Ports of the Pod that are redirected.
    pub(crate) inbound_ports: Ports,
    /// Ports of others that are redirected.
    pub(crate) outbound_ports: Ports,
    /// Ports of the Pod that are not.
    pub(crate) exempt_inbound_ports: Vec<PortRange>,
    /// Ports of others that are not.
    pub(crate) exempt_outbound_ports: Vec<PortRange>,
    /// Addresses of others that are not.
    pub(crate) exempt_outbound_cidrs: Vec<Cidr>,
    /// Connections that processes of these users open are not.
    pub(crate) exempt_uids: Vec<u32>,
    /// Where the Repo is: the agent reaches it before there is a proxy, also where it shares the app's uid.
    pub(crate) repo_ports: Vec<PortRange>,
    /// Connections of sockets with this SO_PRIORITY are not: the agent's own. None: no such rule.
    pub(crate) priority: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            inbound_port: 15003,
            outbound_port: 15001,
            inbound_ports: Ports::All,
            outbound_ports: Ports::All,
            exempt_inbound_ports: Vec::new(),
            exempt_outbound_ports: Vec::new(),
            exempt_outbound_cidrs: Vec::new(),
            exempt_uids: vec![65535],
            repo_ports: vec![PortRange {
                first: 6060,
                last: 6060,
            }],
            priority: Some(5),
        }
    }
}

/// One setting: its name as a flag, what it takes, what it does.
pub(crate) struct Setting {
    /// `--NAME` of ballast-init; annotation `infra.flomesh.io/proxy.NAME`; key of a CNI conf.
    pub(crate) name: &'static str,
    /// What stands behind it.
    pub(crate) takes: &'static str,
    /// For --help.
    pub(crate) about: &'static str,
    /// Takes a value over.
    pub(crate) set: fn(&mut Settings, &str) -> Result<(), String>,
}

/// All settings, in the order of --help.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        name: "inbound-port",
        takes: "PORT",
        about: "the proxy's port for connections into the Pod (15003)",
        set: |settings, text| port(text).map(|port| settings.inbound_port = port),
    },
    Setting {
        name: "outbound-port",
        takes: "PORT",
        about: "the proxy's port for connections out of the Pod (15001)",
        set: |settings, text| port(text).map(|port| settings.outbound_port = port),
    },
    Setting {
        name: "inbound-ports",
        takes: "PORTS",
        about: "ports of the Pod to redirect: all, none, or a list as 80,8000-8080 (all)",
        set: |settings, text| ports(text).map(|ports| settings.inbound_ports = ports),
    },
    Setting {
        name: "outbound-ports",
        takes: "PORTS",
        about: "ports of others to redirect: all, none, or a list (all)",
        set: |settings, text| ports(text).map(|ports| settings.outbound_ports = ports),
    },
    Setting {
        name: "exempt-inbound-ports",
        takes: "LIST",
        about: "ports of the Pod to leave alone, beside the agent's own",
        set: |settings, text| list(text).map(|ports| settings.exempt_inbound_ports = ports),
    },
    Setting {
        name: "exempt-outbound-ports",
        takes: "LIST",
        about: "ports of others to leave alone",
        set: |settings, text| list(text).map(|ports| settings.exempt_outbound_ports = ports),
    },
    Setting {
        name: "exempt-outbound-cidrs",
        takes: "LIST",
        about: "addresses of others to leave alone, as 10.96.0.0/12,fd00::/8",
        set: |settings, text| list(text).map(|cidrs| settings.exempt_outbound_cidrs = cidrs),
    },
    Setting {
        name: "exempt-uids",
        takes: "LIST",
        about: "users whose connections are left alone, or none (65535, the agent's)",
        set: |settings, text| list(text).map(|uids| settings.exempt_uids = uids),
    },
    Setting {
        name: "repo-port",
        takes: "LIST",
        about: "ports of the Repo, left alone so that the agent reaches it first (6060)",
        set: |settings, text| list(text).map(|ports| settings.repo_ports = ports),
    },
    Setting {
        name: "agent-priority",
        takes: "N",
        about: "SO_PRIORITY by which the agent's own sockets are known, or none (5)",
        set: |settings, text| {
            let priority = match text {
                "none" => None,
                text => Some(text.parse().map_err(|_| "no number".to_owned())?),
            };
            settings.priority = priority;
            Ok(())
        },
    },
];

impl Settings {
    /// Takes `value` for the setting `name`, which is `shown` in messages.
    ///
    /// # Errors  No such setting, or no such value.
    pub(crate) fn set(&mut self, name: &str, shown: &str, value: &str) -> Result<(), Error> {
        let wrong = |reason: String| Error::Setting {
            name: shown.to_owned(),
            value: value.to_owned(),
            reason,
        };
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            let known: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
            return Err(wrong(format!("for no setting of ours; there are {}", known.join(", "))));
        };
        (setting.set)(self, value.trim()).map_err(wrong)
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| "no port from 1 to 65535".to_owned())
}

fn ports(text: &str) -> Result<Ports, String> {
    match text {
        "all" | "*" => Ok(Ports::All),
        text => list(text).map(Ports::Only),
    }
}

/// By comma; `none` and nothing are an empty one.
fn list<T: Entry>(text: &str) -> Result<Vec<T>, String> {
    if text.is_empty() || text == "none" {
        return Ok(Vec::new());
    }
    let entries: Vec<&str> = text.split(',').map(str::trim).collect();
    if entries.len() > MAX_ENTRIES {
        return Err(format!(
            "a list of {} entries, more than {MAX_ENTRIES}; give ranges",
            entries.len()
        ));
    }
    entries.into_iter().map(T::parse).collect()
}

/// What a list is of.
trait Entry: Sized {
    fn parse(text: &str) -> Result<Self, String>;
}

impl Entry for PortRange {
    fn parse(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = PortRange {
            first: port(first.trim())?,
            last: port(last.trim())?,
        };
        if range.first > range.last {
            return Err(format!("no list of ports: {text} goes down"));
        }
        Ok(range)
    }
}

impl Entry for Cidr {
    fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("no list of CIDRs as 10.0.0.0/8: {text}");
        let (ip, prefix) = text
            .split_once('/')
            .map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
        let ip: IpAddr = ip.parse().map_err(|_| bad())?;
        let longest = if ip.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse().map_err(|_| bad()))?;
        if prefix > longest {
            return Err(bad());
        }
        Ok(Cidr {
            ip: masked(ip, prefix),
            prefix,
        })
    }
}

impl Entry for u32 {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("no list of numbers of users: {text}"))
    }
}

/// The mask of a prefix, as many bytes as the address has.
pub(crate) fn mask(prefix: u8, bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|at| {
            let bits = usize::from(prefix).saturating_sub(at * 8).min(8);
            // The first `bits` of eight.
            !(0xffu16 >> bits) as u8
        })
        .collect()
}

fn masked(ip: IpAddr, prefix: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = if self.ip.is_ipv4() { 32 } else { 128 };
        if self.prefix == longest {
            write!(f, "{}", self.ip)
        } else {
            write!(f, "{}/{}", self.ip, self.prefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn set(name: &str, value: &str) -> Result<Settings, String> {
        let mut settings = Settings::default();
        settings
            .set(name, &format!("--{name}"), value)
            .map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn values() {
        let ranges = set("exempt-inbound-ports", "22, 9000-9001").expect("a list");
        assert_eq!(
            ranges.exempt_inbound_ports,
            [
                PortRange { first: 22, last: 22 },
                PortRange {
                    first: 9000,
                    last: 9001
                }
            ]
        );
        assert_eq!(set("inbound-ports", "all").expect("all").inbound_ports, Ports::All);
        assert_eq!(
            set("outbound-ports", "none").expect("none").outbound_ports,
            Ports::Only(Vec::new())
        );
        let cidrs = set("exempt-outbound-cidrs", "10.1.2.3/12,fd00::1/8,192.0.2.1,0.0.0.0/0").expect("a list");
        let shown: Vec<String> = cidrs.exempt_outbound_cidrs.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/12", "fd00::/8", "192.0.2.1", "0.0.0.0/0"]);
        assert!(set("exempt-uids", "none").expect("none").exempt_uids.is_empty());
        assert_eq!(set("agent-priority", "none").expect("none").priority, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (name, value, says) in [
            ("inbound-port", "0", "--inbound-port: '0' is no port from 1 to 65535"),
            ("inbound-ports", "80-", "no port"),
            ("exempt-inbound-ports", "90-80", "goes down"),
            ("exempt-outbound-cidrs", "10.0.0.0/33", "no list of CIDRs"),
            ("exempt-outbound-cidrs", "host/8", "no list of CIDRs"),
            ("exempt-uids", "app", "numbers of users: app"),
            ("agent-priority", "x", "no number"),
            ("exempt", "1", "there are inbound-port, outbound-port"),
            (
                "exempt-uids",
                &["7"; MAX_ENTRIES + 1].join(","),
                "more than 64; give ranges",
            ),
        ] {
            let error = set(name, value).expect_err(name);
            assert!(error.contains(says), "{name}={value}: {error}");
        }
    }

    /// The webhook warns of what we do not take by the same cases.
    #[test]
    fn what_the_webhook_is_told_too() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/redirect/values.txt");
        let cases = std::fs::read_to_string(cases).expect("it is there");
        for case in cases.lines().filter(|line| !line.starts_with('#')) {
            let mut words = case.splitn(3, ' ');
            let (name, verdict) = (words.next().expect("a name"), words.next().expect("a verdict"));
            let set = set(name, words.next().unwrap_or_default());
            assert_eq!(set.is_ok(), verdict == "ok", "{case}: {set:?}");
        }
    }

    #[test]
    fn masks() {
        assert_eq!(mask(12, 4), [0xff, 0xf0, 0, 0]);
        assert_eq!(mask(32, 4), [0xff; 4]);
        assert_eq!(mask(0, 2), [0, 0]);
    }
}
