//! Our table in the kernel, in the network namespace of this thread: put in place, taken away, compared.

use crate::error::Error;
use crate::netlink::attr;
use crate::netlink::batch::{Batch, dump_chains, dump_rules};
use crate::netlink::expression;
use crate::netlink::numbers::{CHAIN_HOOK, CHAIN_NAME, CHAIN_TABLE, NEW_CHAIN, NEW_RULE, RULE_CHAIN, RULE_EXPRESSIONS};
use crate::netlink::socket::Socket;
use crate::rules::{Chain, TABLE};

/// Puts the table in place of an older one of ours, in one transaction, and compares what is there then.
///
/// # Errors  What the kernel refuses.
pub(crate) fn load(chains: &[Chain]) -> Result<(), Error> {
    Socket::open()?.commit(&Batch::replace(chains))?;
    verify(chains)
}

/// Takes the table away; fine where there is none.
///
/// # Errors  What the kernel refuses.
pub(crate) fn remove() -> Result<(), Error> {
    Socket::open()?.commit(&Batch::remove())
}

/// Compares the table with what it should be: its chains, and the kind of each rule in its place.
///
/// # Errors  What differs.
pub(crate) fn verify(chains: &[Chain]) -> Result<(), Error> {
    // Text of the kernel's answer is copied: a dump may come in several datagrams.
    let mut base_chains: Vec<String> = Vec::new();
    Socket::open()?.ask(&dump_chains(), |kind, value| {
        let is_ours = kind == NEW_CHAIN && attr::find(value, CHAIN_TABLE).map(attr::text) == Some(TABLE);
        if is_ours && attr::find(value, CHAIN_HOOK).is_some() {
            base_chains.extend(attr::find(value, CHAIN_NAME).map(|name| attr::text(name).to_owned()));
        }
    })?;
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    Socket::open()?.ask(&dump_rules(), |kind, value| {
        if kind == NEW_RULE {
            let chain = attr::find(value, RULE_CHAIN).map_or_else(String::new, |name| attr::text(name).to_owned());
            let list = attr::find(value, RULE_EXPRESSIONS).unwrap_or_default();
            found.push((chain, expression::names(list)));
        }
    })?;
    for chain in chains {
        if !base_chains.iter().any(|name| name == chain.name) {
            return Err(Error::Differs(format!("no chain {}", chain.name)));
        }
        let mut rules = found.iter().filter(|(name, _)| name == chain.name);
        for rule in &chain.rules {
            let expected = expression::names(expression::list(rule).as_bytes());
            if rules.next().is_none_or(|(_, names)| *names != expected) {
                return Err(Error::Differs(format!(
                    "chain {} lacks '{rule}' in its place",
                    chain.name
                )));
            }
        }
        if rules.next().is_some() {
            return Err(Error::Differs(format!("chain {} has more rules than ours", chain.name)));
        }
    }
    Ok(())
}
