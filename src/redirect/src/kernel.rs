//! Our table in the kernel, in the network namespace of this thread: put in place, taken away, compared.

use crate::error::Error;
use crate::netlink::attr;
use crate::netlink::batch::{Batch, dump_chains, dump_rules, new_chain};
use crate::netlink::expression;
use crate::netlink::numbers::{NEW_CHAIN, NEW_RULE, RULE_CHAIN, RULE_EXPRESSIONS};
use crate::netlink::socket::Socket;
use crate::rules::Chain;

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

/// Compares the table with what it should be: its chains with their hooks, and each rule in its place.
///
/// # Errors  What differs.
pub(crate) fn verify(chains: &[Chain]) -> Result<(), Error> {
    // Text of the kernel's answer is copied: a dump may come in several datagrams.
    let mut base_chains: Vec<Vec<u8>> = Vec::new();
    Socket::open()?.ask(&dump_chains(), |kind, value| {
        if kind == NEW_CHAIN {
            base_chains.push(value.to_vec());
        }
    })?;
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    Socket::open()?.ask(&dump_rules(), |kind, value| {
        if kind == NEW_RULE {
            let chain = attr::find(value, RULE_CHAIN).map_or_else(String::new, |name| attr::text(name).to_owned());
            let list = attr::find(value, RULE_EXPRESSIONS).unwrap_or_default();
            found.push((chain, list.to_vec()));
        }
    })?;
    for chain in chains {
        let wanted = new_chain(chain);
        if !base_chains.iter().any(|found| attr::has_all(found, wanted.as_bytes())) {
            return Err(Error::Differs(format!("no chain {} as it should be", chain.name)));
        }
        let mut rules = found.iter().filter(|(name, _)| name == chain.name);
        for rule in &chain.rules {
            if rules.next().is_none_or(|(_, list)| !expression::is_of(list, rule)) {
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
