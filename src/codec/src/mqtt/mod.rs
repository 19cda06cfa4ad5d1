//! MQTT 3.1.1 and 5: control packets out of bytes and back.
//!
//! For: every packet of both versions, whole. Not for: sessions, what may follow what, topics' matching; those are the script's.
//! Source: OASIS "MQTT Version 3.1.1" and "MQTT Version 5.0", sections 2 and 3.
mod decode;
mod encode;
mod property;

pub use decode::Decoder;
pub use encode::encode;
pub use property::{Property, PropertyKind, property_id, property_name};

use bytes::Bytes;

/// Protocol level of version 3.1.1.
pub const V4: u8 = 4;
/// Protocol level of version 5.
pub const V5: u8 = 5;
/// Most bytes of a packet that is no PUBLISH.
pub const MAX_CONTROL_BYTES: usize = 1 << 20;
/// Topics, reason codes or properties of one packet: they cost more memory than bytes.
pub const MAX_ENTRIES: usize = 1 << 12;

macro_rules! kinds {
    ($($(#[$default:meta])? $kind:ident $number:literal $name:literal;)*) => {
        /// What a packet is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$default])? #[doc = $name] $kind = $number,)*
        }

        impl Kind {
            /// Its name in the standard.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }
            /// The kind of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$kind),)* _ => None }
            }
            fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$kind),)* _ => None }
            }
        }
    };
}
kinds!(
    Connect 1 "CONNECT";
    ConnAck 2 "CONNACK";
    Publish 3 "PUBLISH";
    PubAck 4 "PUBACK";
    PubRec 5 "PUBREC";
    PubRel 6 "PUBREL";
    PubComp 7 "PUBCOMP";
    Subscribe 8 "SUBSCRIBE";
    SubAck 9 "SUBACK";
    Unsubscribe 10 "UNSUBSCRIBE";
    UnsubAck 11 "UNSUBACK";
    #[default] PingReq 12 "PINGREQ";
    PingResp 13 "PINGRESP";
    Disconnect 14 "DISCONNECT";
    Auth 15 "AUTH";
);

/// A control packet. Fields that its kind does not have are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packet {
    /// What it is.
    pub kind: Kind,
    /// PUBLISH: sent before.
    pub dup: bool,
    /// PUBLISH: 0, 1 or 2.
    pub qos: u8,
    /// PUBLISH: to be kept for those who come later.
    pub retain: bool,
    /// [`V4`] or [`V5`].
    pub level: u8,
    /// Not 0 where there is one.
    pub packet_identifier: u16,
    /// CONNACK.
    pub session_present: bool,
    /// CONNECT, seconds.
    pub keep_alive: u16,
    /// CONNACK, and in version 5 of most answers.
    pub reason_code: u8,
    /// PUBLISH.
    pub topic_name: String,
    /// Version 5.
    pub properties: Vec<Property>,
    /// What follows.
    pub payload: Payload,
}

/// What follows the head of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Payload {
    /// Nothing.
    #[default]
    None,
    /// CONNECT.
    Connect(Box<Connect>),
    /// PUBLISH: any bytes.
    Publish(Bytes),
    /// SUBSCRIBE.
    Subscribe(Vec<Subscription>),
    /// UNSUBSCRIBE: topic filters.
    Unsubscribe(Vec<String>),
    /// SUBACK, UNSUBACK of version 5.
    Codes(Vec<u8>),
}

/// Who connects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connect {
    /// The client's name; empty: the server gives one.
    pub client_id: String,
    /// A session that there was is dropped (`Clean Session` of 3.1.1).
    pub clean_start: bool,
    /// Who it is.
    pub username: Option<String>,
    /// Any bytes.
    pub password: Option<Bytes>,
    /// What the server publishes when the client is gone.
    pub will: Option<Will>,
}

/// See [`Connect`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Will {
    /// 0, 1 or 2.
    pub qos: u8,
    /// As of a PUBLISH.
    pub retain: bool,
    /// Version 5.
    pub properties: Vec<Property>,
    /// Where to.
    pub topic: String,
    /// Any bytes.
    pub payload: Bytes,
}

/// A topic filter with its options.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Topics, with `+` and `#`.
    pub filter: String,
    /// At most: 0, 1 or 2.
    pub qos: u8,
    /// Version 5: not what this client publishes.
    pub no_local: bool,
    /// Version 5: `retain` as it was published.
    pub retain_as_published: bool,
    /// Version 5: 0, 1 or 2.
    pub retain_handling: u8,
}

/// Why bytes are no MQTT, or a packet cannot be sent. Nothing is decoded after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A packet that the standard does not allow; what is wrong with it.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// A protocol name or level that is neither 3.1.1 nor 5.
    #[error("protocol level {0} is neither 4 (3.1.1) nor 5")]
    Level(u8),
    /// Beyond the decoder's bound, or [`MAX_CONTROL_BYTES`].
    #[error("a packet of {0} bytes is too long")]
    TooLong(usize),
    /// See [`MAX_ENTRIES`].
    #[error("a packet holds more than {MAX_ENTRIES} topics, codes or properties")]
    TooMany,
    /// The input ends inside of a packet.
    #[error("the stream ends inside of a packet")]
    Truncated,
}

#[cfg(test)]
mod tests;
