//! Settings → one table of rules. A rule is at most one match and a verdict, which is all that a list of exemptions takes; the
//! same value is encoded for the kernel (netlink/) and shown as `nft list table` shows it, so tests compare the two.
//!
//! The agent's own connections are known by SO_PRIORITY 5. It is the one thing that a process without any capability can
//! say of a socket so that a rule sees it, it does not leave the Pod, and neither a TOS nor a default yields it (those give
//! 0, 1, 2, 4 and 6: ip_tos2prio of the kernel). So one uid for app and agent is no problem. An app that sets it goes
//! past its proxy: redirection is a convenience, not a wall.

use std::fmt;
use std::net::IpAddr;

use crate::settings::{Cidr, PortRange, Ports, Settings};

/// The one table that is ours; whoever else has rules has other tables.
pub(crate) const TABLE: &str = "ballast";
/// Ports of the agent that must answer as they are: admin, preStop. Source: design.md 4.
const AGENT_PORTS: PortRange = PortRange {
    first: 15062,
    last: 15063,
};

/// On loopback it leads to the proxy's outbound port, exempt or not: by a connection to it the agent learns that rules are
/// loaded. Nobody listens there, so without them it is refused. Also in the agent's limits.rs and scripts/base/config.js.
const PROBE_PORT: u16 = 15064;

/// A base chain of type nat, priority -100, policy accept.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    /// Its name.
    pub(crate) name: &'static str,
    /// Where packets pass it.
    pub(crate) hook: Hook,
    /// In order.
    pub(crate) rules: Vec<Rule>,
}

/// Where packets pass a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// What comes into the Pod.
    Prerouting,
    /// What processes of the Pod send.
    Output,
}

/// What of a connection's first packet a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// In by this interface.
    InInterface(&'static str),
    /// Out by this interface.
    OutInterface(&'static str),
    /// SO_PRIORITY of the socket.
    Priority(u32),
    /// User of the socket.
    Uid(u32),
    /// Destination address.
    To(Cidr),
    /// TCP and destination port.
    Ports(PortRange),
    /// TCP and destination port, on loopback.
    LoopbackPort(u16),
    /// All of TCP.
    Tcp,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes its way.
    Return,
    /// It goes to this port of the Pod.
    Redirect(u16),
}

/// A line of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// For what.
    pub(crate) when: Match,
    /// And then.
    pub(crate) then: Verdict,
}

/// The chains of our table.
pub(crate) fn chains(settings: &Settings) -> Vec<Chain> {
    let own = [settings.inbound_port, settings.outbound_port].map(|port| PortRange {
        first: port,
        last: port,
    });
    let mut inbound = vec![
        Rule::exempt(Match::InInterface("lo")),
        Rule::exempt(Match::Ports(AGENT_PORTS)),
    ];
    inbound.extend(own.map(|port| Rule::exempt(Match::Ports(port))));
    inbound.extend(exempt_ports(&settings.exempt_inbound_ports));
    inbound.extend(redirected(&settings.inbound_ports, settings.inbound_port));

    let probe = Rule {
        when: Match::LoopbackPort(PROBE_PORT),
        then: Verdict::Redirect(settings.outbound_port),
    };
    let mut outbound = vec![probe, Rule::exempt(Match::OutInterface("lo"))];
    outbound.extend(
        settings
            .priority
            .map(|priority| Rule::exempt(Match::Priority(priority))),
    );
    outbound.extend(settings.exempt_uids.iter().map(|uid| Rule::exempt(Match::Uid(*uid))));
    let cidrs = &settings.exempt_outbound_cidrs;
    outbound.extend(cidrs.iter().map(|cidr| Rule::exempt(Match::To(*cidr))));
    outbound.extend(exempt_ports(&settings.repo_ports));
    outbound.extend(exempt_ports(&settings.exempt_outbound_ports));
    outbound.extend(redirected(&settings.outbound_ports, settings.outbound_port));
    vec![
        Chain {
            name: "inbound",
            hook: Hook::Prerouting,
            rules: inbound,
        },
        Chain {
            name: "outbound",
            hook: Hook::Output,
            rules: outbound,
        },
    ]
}

fn exempt_ports(ranges: &[PortRange]) -> impl Iterator<Item = Rule> {
    ranges.iter().map(|range| Rule::exempt(Match::Ports(*range)))
}

fn redirected(ports: &Ports, to: u16) -> Vec<Rule> {
    let redirect = |when: Match| Rule {
        when,
        then: Verdict::Redirect(to),
    };
    match ports {
        Ports::All => vec![redirect(Match::Tcp)],
        Ports::Only(ranges) => ranges.iter().map(|range| redirect(Match::Ports(*range))).collect(),
    }
}

impl Rule {
    fn exempt(when: Match) -> Self {
        Rule {
            when,
            then: Verdict::Return,
        }
    }
}

/// The table as `nft list table inet ballast` shows it.
pub(crate) fn listing(chains: &[Chain]) -> String {
    let mut text = format!("table inet {TABLE} {{\n");
    for (at, chain) in chains.iter().enumerate() {
        let separator = if at > 0 { "\n" } else { "" };
        let hook = match chain.hook {
            Hook::Prerouting => "prerouting priority dstnat",
            Hook::Output => "output priority -100",
        };
        text.push_str(&format!(
            "{separator}\tchain {} {{\n\t\ttype nat hook {hook}; policy accept;\n",
            chain.name
        ));
        for rule in &chain.rules {
            text.push_str(&format!("\t\t{rule}\n"));
        }
        text.push_str("\t}\n");
    }
    text.push_str("}\n");
    text
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.when {
            Match::InInterface(name) => write!(f, "iifname \"{name}\"")?,
            Match::OutInterface(name) => write!(f, "oifname \"{name}\"")?,
            // As tc writes it: two halves of the number.
            Match::Priority(priority) => write!(f, "meta priority {:x}:{:x}", priority >> 16, priority & 0xffff)?,
            Match::Uid(uid) => write!(f, "meta skuid {uid}")?,
            Match::To(cidr) => match cidr.ip {
                IpAddr::V4(_) => write!(f, "ip daddr {cidr}")?,
                IpAddr::V6(_) => write!(f, "ip6 daddr {cidr}")?,
            },
            Match::Ports(range) => write!(f, "tcp dport {range}")?,
            Match::LoopbackPort(port) => write!(f, "oifname \"lo\" tcp dport {port}")?,
            Match::Tcp => f.write_str("meta l4proto tcp")?,
        }
        match self.then {
            Verdict::Return => f.write_str(" return"),
            Verdict::Redirect(port) => write!(f, " redirect to :{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table() {
        let expected = "\
table inet ballast {
\tchain inbound {
\t\ttype nat hook prerouting priority dstnat; policy accept;
\t\tiifname \"lo\" return
\t\ttcp dport 15062-15063 return
\t\ttcp dport 15003 return
\t\ttcp dport 15001 return
\t\tmeta l4proto tcp redirect to :15003
\t}

\tchain outbound {
\t\ttype nat hook output priority -100; policy accept;
\t\toifname \"lo\" tcp dport 15064 redirect to :15001
\t\toifname \"lo\" return
\t\tmeta priority 0:5 return
\t\tmeta skuid 65535 return
\t\ttcp dport 6060 return
\t\tmeta l4proto tcp redirect to :15001
\t}
}
";
        assert_eq!(listing(&chains(&Settings::default())), expected);
    }
}
