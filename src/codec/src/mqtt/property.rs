//! Properties of version 5. Source: OASIS "MQTT Version 5.0", section 2.2.2.
use bytes::Bytes;

/// A property: its number, and its value in the form that its kind says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// One, two or four bytes, or of variable length; see [`PropertyKind`].
    Number(u8, u32),
    /// UTF-8.
    Text(u8, String),
    /// Any bytes.
    Binary(u8, Bytes),
    /// A name and a value.
    Pair(u8, String, String),
}

impl Property {
    /// Its number.
    pub fn id(&self) -> u8 {
        match self {
            Self::Number(id, _) | Self::Text(id, _) | Self::Binary(id, _) | Self::Pair(id, ..) => *id,
        }
    }
}

/// How a property's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyKind {
    /// One byte.
    Byte,
    /// Two bytes.
    Short,
    /// Four bytes.
    Word,
    /// Seven bits a byte.
    Variable,
    /// A string.
    Text,
    /// Bytes with their length.
    Binary,
    /// Two strings.
    Pair,
}
use PropertyKind::{Binary, Byte, Pair, Short, Text, Variable, Word};

const TABLE: &[(u8, &str, PropertyKind)] = &[
    (1, "payloadFormatIndicator", Byte),
    (2, "messageExpiryInterval", Word),
    (3, "contentType", Text),
    (8, "responseTopic", Text),
    (9, "correlationData", Binary),
    (11, "subscriptionIdentifier", Variable),
    (17, "sessionExpiryInterval", Word),
    (18, "assignedClientIdentifier", Text),
    (19, "serverKeepAlive", Short),
    (21, "authenticationMethod", Text),
    (22, "authenticationData", Binary),
    (23, "requestProblemInformation", Byte),
    (24, "willDelayInterval", Word),
    (25, "requestResponseInformation", Byte),
    (26, "responseInformation", Text),
    (28, "serverReference", Text),
    (31, "reasonString", Text),
    (33, "receiveMaximum", Short),
    (34, "topicAliasMaximum", Short),
    (35, "topicAlias", Short),
    (36, "maximumQoS", Byte),
    (37, "retainAvailable", Byte),
    (38, "userProperty", Pair),
    (39, "maximumPacketSize", Word),
    (40, "wildcardSubscriptionAvailable", Byte),
    (41, "subscriptionIdentifierAvailable", Byte),
    (42, "sharedSubscriptionAvailable", Byte),
];

/// Name and kind of a property.
pub fn property_name(id: u8) -> Option<(&'static str, PropertyKind)> {
    let row = TABLE.iter().find(|(number, ..)| *number == id);
    row.map(|(_, name, kind)| (*name, *kind))
}

/// Number and kind of a property.
pub fn property_id(name: &str) -> Option<(u8, PropertyKind)> {
    let row = TABLE.iter().find(|(_, known, _)| *known == name);
    row.map(|(id, _, kind)| (*id, *kind))
}

/// Whether a packet may have it more than once.
pub(super) fn repeats(id: u8) -> bool {
    matches!(id, 11 | 38)
}
