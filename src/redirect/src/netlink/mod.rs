//! nf_tables over netlink, as far as our table takes it: sans-I/O encoding (attr.rs, expression.rs, batch.rs), reading of
//! answers (reply.rs), one socket (socket.rs). By hand because what there is in Rust is GPL (rustables), needs C libraries
//! (nftnl), knows sets only (nftnl-rs) or starts the program nft, which neither a scratch image nor a node has.
//! Source: the kernel's include/uapi/linux/netlink.h and netfilter/{nfnetlink,nf_tables}.h.

pub(crate) mod attr;
pub(crate) mod batch;
pub(crate) mod expression;
pub(crate) mod reply;
pub(crate) mod socket;

/// Numbers of uapi/linux/netfilter/nf_tables.h that more than one file needs.
pub(crate) mod numbers {
    /// The subsystem, upper byte of a message's type.
    pub(crate) const SUBSYSTEM: u16 = 10;
    pub(crate) const NEW_TABLE: u16 = 0;
    pub(crate) const DELETE_TABLE: u16 = 2;
    pub(crate) const NEW_CHAIN: u16 = 3;
    pub(crate) const GET_CHAIN: u16 = 4;
    pub(crate) const NEW_RULE: u16 = 6;
    pub(crate) const GET_RULE: u16 = 7;
    /// IPv4 and IPv6 in one table.
    pub(crate) const FAMILY_INET: u8 = 1;

    pub(crate) const TABLE_NAME: u16 = 1;
    pub(crate) const CHAIN_TABLE: u16 = 1;
    pub(crate) const CHAIN_NAME: u16 = 3;
    pub(crate) const CHAIN_HOOK: u16 = 4;
    pub(crate) const CHAIN_POLICY: u16 = 5;
    pub(crate) const CHAIN_TYPE: u16 = 7;
    pub(crate) const HOOK_NUMBER: u16 = 1;
    pub(crate) const HOOK_PRIORITY: u16 = 2;
    pub(crate) const RULE_TABLE: u16 = 1;
    pub(crate) const RULE_CHAIN: u16 = 2;
    pub(crate) const RULE_EXPRESSIONS: u16 = 4;
    pub(crate) const LIST_ELEMENT: u16 = 1;
    pub(crate) const EXPRESSION_NAME: u16 = 1;
    pub(crate) const EXPRESSION_DATA: u16 = 2;
}
