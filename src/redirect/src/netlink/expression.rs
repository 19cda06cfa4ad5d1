//! A rule as the kernel's expressions: each loads something into register 1 or compares it, the last one decides.

use std::net::IpAddr;

use super::attr::{self, Attributes};
use super::numbers::{EXPRESSION_DATA, EXPRESSION_NAME, LIST_ELEMENT};
use crate::rules::{Match, Rule, Verdict};
use crate::settings::{Cidr, PortRange, mask};

/// The register that values pass through.
const REGISTER: u32 = 1;
/// The register that is a verdict.
const VERDICT: u32 = 0;

/// Keys of `meta`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Meta {
    Priority = 2,
    InName = 6,
    OutName = 7,
    Uid = 10,
    Family = 15,
    Protocol = 16,
}

/// Bases of `payload`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Base {
    Network = 1,
    Transport = 2,
}

/// TCP among protocols.
const TCP: u8 = 6;
/// Families as `meta nfproto` has them.
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// Where the destination stands in a head of IPv4, IPv6 and TCP, bytes.
const IPV4_DESTINATION: u32 = 16;
const IPV6_DESTINATION: u32 = 24;
const TCP_DESTINATION: u32 = 2;
/// Longest name of an interface, with the zero byte that ends it.
const NAME_BYTES: usize = 16;
/// NFT_RETURN, a negative number.
const RETURN: u32 = 5u32.wrapping_neg();
/// NF_NAT_RANGE_PROTO_SPECIFIED: the port is given.
const PORT_GIVEN: u32 = 2;

/// The value of a rule's list of expressions.
pub(crate) fn list(rule: &Rule) -> Attributes {
    let mut expressions = conditions(&rule.when);
    match rule.then {
        Verdict::Return => expressions.push(verdict()),
        Verdict::Redirect(port) => expressions.extend(redirect(port)),
    }
    expressions.into_iter().fold(Attributes::new(), |list, expression| {
        list.nested(LIST_ELEMENT, expression)
    })
}

/// Whether a list that is read back is that of this rule: the same expressions in the same order, with the same values.
pub(crate) fn is_of(found: &[u8], rule: &Rule) -> bool {
    let wanted = list(rule);
    let (found, wanted) = (attr::read(found), attr::read(wanted.as_bytes()));
    let mut found = found.map(|(_, expression)| expression);
    let mut wanted = wanted.map(|(_, expression)| expression);
    wanted.all(|wanted| found.next().is_some_and(|found| attr::has_all(found, wanted))) && found.next().is_none()
}

fn conditions(when: &Match) -> Vec<Attributes> {
    match when {
        Match::InInterface(name) => vec![meta(Meta::InName), equal(&interface(name))],
        Match::OutInterface(name) => vec![meta(Meta::OutName), equal(&interface(name))],
        // Registers hold these two as the machine does.
        Match::Priority(priority) => vec![meta(Meta::Priority), equal(&priority.to_ne_bytes())],
        Match::Uid(uid) => vec![meta(Meta::Uid), equal(&uid.to_ne_bytes())],
        Match::To(cidr) => address(cidr),
        Match::Tcp => tcp(),
        Match::Ports(range) => tcp().into_iter().chain(ports(range)).collect(),
        Match::LoopbackPort(port) => {
            let range = PortRange {
                first: *port,
                last: *port,
            };
            let on_loopback = conditions(&Match::OutInterface("lo"));
            on_loopback.into_iter().chain(tcp()).chain(ports(&range)).collect()
        }
    }
}

fn tcp() -> Vec<Attributes> {
    vec![meta(Meta::Protocol), equal(&[TCP])]
}

fn ports(range: &PortRange) -> Vec<Attributes> {
    let loaded = payload(Base::Transport, TCP_DESTINATION, 2);
    let (first, last) = (range.first.to_be_bytes(), range.last.to_be_bytes());
    if range.first == range.last {
        return vec![loaded, equal(&first)];
    }
    let between = Attributes::new()
        .number(1, REGISTER)
        .number(2, 0)
        .nested(3, value(&first))
        .nested(4, value(&last));
    vec![loaded, expression("range", between)]
}

fn address(cidr: &Cidr) -> Vec<Attributes> {
    let (family, at, bytes) = match cidr.ip {
        IpAddr::V4(v4) => (IPV4, IPV4_DESTINATION, v4.octets().to_vec()),
        IpAddr::V6(v6) => (IPV6, IPV6_DESTINATION, v6.octets().to_vec()),
    };
    let mut expressions = vec![meta(Meta::Family), equal(&[family])];
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    expressions.push(payload(Base::Network, at, length));
    if usize::from(cidr.prefix) < bytes.len() * 8 {
        let masked = Attributes::new()
            .number(1, REGISTER)
            .number(2, REGISTER)
            .number(3, length)
            .nested(4, value(&mask(cidr.prefix, bytes.len())))
            .nested(5, value(&vec![0; bytes.len()]));
        expressions.push(expression("bitwise", masked));
    }
    expressions.push(equal(&bytes));
    expressions
}

fn verdict() -> Attributes {
    let code = Attributes::new().number(1, RETURN);
    let data = Attributes::new().nested(2, code);
    expression("immediate", Attributes::new().number(1, VERDICT).nested(2, data))
}

fn redirect(port: u16) -> [Attributes; 2] {
    let port = value(&port.to_be_bytes());
    [
        expression("immediate", Attributes::new().number(1, REGISTER).nested(2, port)),
        expression("redir", Attributes::new().number(1, REGISTER).number(3, PORT_GIVEN)),
    ]
}

fn meta(key: Meta) -> Attributes {
    expression("meta", Attributes::new().number(1, REGISTER).number(2, key as u32))
}

fn payload(base: Base, offset: u32, length: u32) -> Attributes {
    let load = Attributes::new()
        .number(1, REGISTER)
        .number(2, base as u32)
        .number(3, offset)
        .number(4, length);
    expression("payload", load)
}

fn equal(bytes: &[u8]) -> Attributes {
    let compare = Attributes::new()
        .number(1, REGISTER)
        .number(2, 0)
        .nested(3, value(bytes));
    expression("cmp", compare)
}

fn value(bytes: &[u8]) -> Attributes {
    Attributes::new().bytes(1, bytes)
}

fn expression(name: &str, data: Attributes) -> Attributes {
    Attributes::new()
        .text(EXPRESSION_NAME, name)
        .nested(EXPRESSION_DATA, data)
}

fn interface(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(NAME_BYTES, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name for each expression.
    fn names(list: &[u8]) -> Vec<String> {
        attr::read(list)
            .filter_map(|(_, expression)| attr::find(expression, EXPRESSION_NAME))
            .map(|name| attr::text(name).to_owned())
            .collect()
    }

    #[track_caller]
    fn check(rule: &Rule, expected: &[&str]) {
        assert_eq!(names(list(rule).as_bytes()), expected, "{rule}");
    }

    #[test]
    fn expressions_of_rules() {
        let returns = |when: Match| Rule {
            when,
            then: Verdict::Return,
        };
        let cidr = |ip: &str, prefix: u8| {
            Match::To(Cidr {
                ip: ip.parse().expect("an address"),
                prefix,
            })
        };
        let ports = |first, last| Match::Ports(PortRange { first, last });
        check(&returns(Match::InInterface("lo")), &["meta", "cmp", "immediate"]);
        check(&returns(ports(80, 80)), &["meta", "cmp", "payload", "cmp", "immediate"]);
        check(
            &returns(ports(80, 81)),
            &["meta", "cmp", "payload", "range", "immediate"],
        );
        check(
            &returns(cidr("10.0.0.0", 8)),
            &["meta", "cmp", "payload", "bitwise", "cmp", "immediate"],
        );
        check(
            &returns(cidr("fd00::1", 128)),
            &["meta", "cmp", "payload", "cmp", "immediate"],
        );
        let redirect = Rule {
            when: Match::Tcp,
            then: Verdict::Redirect(15001),
        };
        check(&redirect, &["meta", "cmp", "immediate", "redir"]);
        let other = Rule {
            when: Match::Tcp,
            then: Verdict::Redirect(15003),
        };
        assert!(is_of(list(&redirect).as_bytes(), &redirect));
        assert!(!is_of(list(&other).as_bytes(), &redirect), "another port");
        assert!(!is_of(list(&returns(Match::Tcp)).as_bytes(), &redirect));
        assert!(!is_of(&[], &redirect));
        let mut longer = list(&redirect).as_bytes().to_vec();
        longer.extend_from_slice(list(&other).as_bytes());
        assert!(!is_of(&longer, &redirect));
    }
}
