//! Messages: one transaction that puts our table in place or takes it away, and questions about what is there. The kernel
//! does all of a transaction or nothing.

use super::attr::Attributes;
use super::expression;
use super::numbers::{
    CHAIN_HOOK, CHAIN_NAME, CHAIN_POLICY, CHAIN_TABLE, CHAIN_TYPE, DELETE_TABLE, FAMILY_INET, GET_CHAIN, GET_RULE,
    HOOK_NUMBER, HOOK_PRIORITY, NEW_CHAIN, NEW_RULE, NEW_TABLE, RULE_CHAIN, RULE_EXPRESSIONS, RULE_TABLE, SUBSYSTEM,
    TABLE_NAME,
};
use crate::rules::{Chain, Hook, TABLE};

/// NLM_F_REQUEST and what goes with it.
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
const DUMP: u16 = 0x300;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;
/// Where the flags of a message stand.
const FLAGS_AT: usize = 6;
/// Types without a subsystem.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
/// NF_ACCEPT.
const ACCEPT: u32 = 1;
/// NF_IP_PRI_NAT_DST.
const PRIORITY: i32 = -100;

/// Netfilter's head of a transaction: the subsystem that it is for stands in the resource id.
const OF_SUBSYSTEM: [u8; 4] = {
    let [high, low] = SUBSYSTEM.to_be_bytes();
    [0, 0, high, low]
};

/// A transaction in the making.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// What each message is, by its sequence number less 1. Only the last one asks for an acknowledgement: the kernel queues
    /// them all before it is read, and hundreds do not fit into a socket's buffer. What it refuses it says in any case.
    pub(crate) parts: Vec<String>,
    /// Where the last message begins.
    last: usize,
}

impl Batch {
    /// Our table as it should be, whatever it was.
    pub(crate) fn replace(chains: &[Chain]) -> Self {
        let mut batch = Batch::begin();
        batch.clear();
        batch.add("the table", NEW_TABLE, CREATE, &table());
        for chain in chains {
            batch.add(&format!("chain {}", chain.name), NEW_CHAIN, CREATE, &new_chain(chain));
            for rule in &chain.rules {
                let value = of_chain(chain.name).nested(RULE_EXPRESSIONS, expression::list(rule));
                batch.add(&format!("rule '{rule}'"), NEW_RULE, CREATE | APPEND, &value);
            }
        }
        batch.end()
    }

    /// No table of ours any more, whether there is one or not.
    pub(crate) fn remove() -> Self {
        let mut batch = Batch::begin();
        batch.clear();
        batch.end()
    }

    /// As it is sent.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn begin() -> Self {
        let mut bytes = Vec::new();
        message(&mut bytes, BATCH_BEGIN, REQUEST, 0, OF_SUBSYSTEM, &[]);
        Batch {
            last: bytes.len(),
            bytes,
            parts: Vec::new(),
        }
    }

    /// A table that is not there cannot be deleted, so it is made first; a kernel before 6.3 has no other way.
    fn clear(&mut self) {
        self.add("the table", NEW_TABLE, CREATE, &table());
        self.add("the old table", DELETE_TABLE, 0, &table());
    }

    fn add(&mut self, what: &str, kind: u16, flags: u16, value: &Attributes) {
        self.parts.push(what.to_owned());
        let sequence = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        self.last = self.bytes.len();
        question(&mut self.bytes, kind, REQUEST | flags, sequence, value);
    }

    fn end(mut self) -> Self {
        if let Some(flags) = self.bytes.get_mut(self.last + FLAGS_AT..self.last + FLAGS_AT + 2) {
            let old = flags.try_into().map_or(REQUEST, u16::from_ne_bytes);
            flags.copy_from_slice(&(old | ACKNOWLEDGE).to_ne_bytes());
        }
        message(&mut self.bytes, BATCH_END, REQUEST, 0, OF_SUBSYSTEM, &[]);
        self
    }
}

/// All chains of all tables of our family; the filter is ours to apply.
pub(crate) fn dump_chains() -> Vec<u8> {
    dump(GET_CHAIN, &Attributes::new())
}

/// The rules of our table.
pub(crate) fn dump_rules() -> Vec<u8> {
    dump(GET_RULE, &Attributes::new().text(RULE_TABLE, TABLE))
}

fn dump(kind: u16, value: &Attributes) -> Vec<u8> {
    let mut bytes = Vec::new();
    question(&mut bytes, kind, REQUEST | DUMP, 1, value);
    bytes
}

fn question(bytes: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32, value: &Attributes) {
    let head = [FAMILY_INET, 0, 0, 0];
    message(bytes, SUBSYSTEM << 8 | kind, flags, sequence, head, value.as_bytes());
}

/// Length, type, flags, sequence, port (the kernel fills it in), then netfilter's head and the attributes.
fn message(bytes: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32, head: [u8; 4], value: &[u8]) {
    let length = u32::try_from(16 + head.len() + value.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(value);
}

fn table() -> Attributes {
    Attributes::new().text(TABLE_NAME, TABLE)
}

fn of_chain(name: &str) -> Attributes {
    Attributes::new().text(RULE_TABLE, TABLE).text(RULE_CHAIN, name)
}

/// A chain of ours, as it is made and as it is found again.
pub(crate) fn new_chain(chain: &Chain) -> Attributes {
    let number = match chain.hook {
        Hook::Prerouting => 0,
        Hook::Output => 3,
    };
    let hook = Attributes::new()
        .number(HOOK_NUMBER, number)
        .number(HOOK_PRIORITY, PRIORITY.cast_unsigned());
    Attributes::new()
        .text(CHAIN_TABLE, TABLE)
        .text(CHAIN_NAME, chain.name)
        .nested(CHAIN_HOOK, hook)
        .number(CHAIN_POLICY, ACCEPT)
        .text(CHAIN_TYPE, "nat")
}
